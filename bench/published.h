/* SPDX-License-Identifier: Apache-2.0 */
/**
 * published: the events that verify has published, and how the server answered.
 *
 * The order of a channel's events is that of their ids. For acknowledged events
 * it is also that of their numbers, since a publisher posts the next event of a
 * channel only after the response to the last one. An event without a 200 is
 * unknown: the server may have stored it, even after events with higher
 * numbers. Its id is taken from the first client that receives it.
 */
#ifndef EB_PUBLISHED_H
#define EB_PUBLISHED_H

#include <stddef.h>
#include <stdint.h>

#include "bench/payload.h"
#include "bench/sse.h"

typedef enum {
    EB_PUBLISHED_PENDING, /* no response yet */
    EB_PUBLISHED_ACKED,   /* 200 and an id: every client must receive it */
    EB_PUBLISHED_UNKNOWN  /* anything else: it may be delivered, once */
} eb_published_state_t;

typedef struct {
    eb_sse_id_t id;      /* valid if has_id */
    uint64_t posted_ns;  /* when the request was made */
    uint32_t size;       /* bytes of its data */
    unsigned char state; /* eb_published_state_t */
    unsigned char has_id;
    unsigned char is_repeated; /* posted more than once */
} eb_published_entry_t;

typedef struct {
    eb_published_entry_t *entries; /* by number */
    uint32_t count;
    uint32_t size;       /* allocated */
    uint32_t last_acked; /* number + 1 of the last one; 0: none */
} eb_published_channel_t;

typedef struct {
    eb_published_channel_t *chans; /* ours; by channel */
    uint32_t channels;             /* number of chans */
    int may_forget;                /* see eb_verify_options_t */
} eb_published_t;

/** @return 0, or -1: no memory */
int eb_published_open(eb_published_t *published, uint32_t channels);

void eb_published_close(eb_published_t *published);

/** Add an event that is about to be posted. @return its number */
uint32_t eb_published_add(eb_published_t *published, uint32_t channel,
                          uint32_t size, uint64_t now_ns);

/** The id that its publisher gives to an event, truncated to size. */
void eb_published_own_id(char *text, size_t size, uint32_t channel,
                         uint32_t number);

/** The event is about to be posted once more, with its publisher's id. */
void eb_published_again(eb_published_t *published, uint32_t channel,
                        uint32_t number);

/** The server has acknowledged the event under this id. */
void eb_published_ack(eb_published_t *published, uint32_t channel,
                      uint32_t number, const eb_sse_id_t *id);

/** The server has not acknowledged the event. */
void eb_published_set_unknown(eb_published_t *published, uint32_t channel,
                              uint32_t number);

/**
 * Find the event that a client has received under this id.
 *
 * @param id  NULL: under the id of its publisher, which is its own
 *
 * @return the entry, or NULL: no such event was published, or it has another
 *         id
 */
const eb_published_entry_t *eb_published_find(
    eb_published_t *published, const eb_payload_checked_t *payload,
    const eb_sse_id_t *id);

/**
 * The id that a server has given to an event; NULL: not known yet, or there may
 * be several.
 */
const eb_sse_id_t *eb_published_position(const eb_published_t *published,
                                         uint32_t channel, uint32_t number);

#endif
