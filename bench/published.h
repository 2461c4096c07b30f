/* SPDX-License-Identifier: Apache-2.0 */
/**
 * published: what was published, and what the server said about it.
 *
 * The order of a channel's events is that of their ids. For acknowledged
 * ones it is also that of their numbers, since the next event of a channel
 * is offered only when the fate of the last is known. One of unknown fate
 * may be stored later than its number says: its id is learned from the
 * first client that receives it.
 */
#ifndef EB_PUBLISHED_H
#define EB_PUBLISHED_H

#include <stdint.h>

#include "bench/payload.h"
#include "bench/sse.h"

typedef enum {
    EB_PUBLISHED_PENDING, /* no answer yet */
    EB_PUBLISHED_ACKED,   /* 200 and an id: every client must be told of it */
    EB_PUBLISHED_UNKNOWN  /* an error: it may arrive, once, or not */
} eb_published_state_t;

typedef struct {
    eb_sse_id_t id;      /* valid if has_id */
    uint64_t posted_ns;  /* when the request was made */
    uint32_t size;       /* bytes of its data */
    unsigned char state; /* eb_published_state_t */
    unsigned char has_id;
} eb_published_entry_t;

typedef struct {
    eb_published_entry_t *entries; /* by number */
    uint32_t count;
    uint32_t size;       /* allocated */
    uint32_t last_acked; /* number + 1 of the last one; 0: none */
} eb_published_channel_t;

typedef struct {
    eb_published_channel_t *chans; /* by channel */
    uint32_t channels;
} eb_published_t;

/** @return 0, or -1: no memory */
int eb_published_open(eb_published_t *published, uint32_t channels);

void eb_published_close(eb_published_t *published);

/** Enter an event that is about to be sent; returns its number. */
uint32_t eb_published_add(eb_published_t *published, uint32_t channel,
                          uint32_t size, uint64_t now_ns);

/** The server has acknowledged it under this id. */
void eb_published_ack(eb_published_t *published, uint32_t channel,
                      uint32_t number, const eb_sse_id_t *id);

/** It is not known what became of it. */
void eb_published_set_unknown(eb_published_t *published, uint32_t channel,
                              uint32_t number);

/**
 * A client has received this under that id.
 *
 * @return the entry, or NULL: such an event was never published, or it has
 *         another id
 */
const eb_published_entry_t *eb_published_find(
    eb_published_t *published, const eb_payload_checked_t *payload,
    const eb_sse_id_t *id);

#endif
