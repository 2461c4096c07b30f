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

#include "bench/checksum.h"
#include "bench/id.h"

typedef enum {
    EB_PENDING, /* no answer yet */
    EB_ACKED,   /* 200 and an id: every client must be told of it */
    EB_UNKNOWN  /* an error: it may arrive, once, or not */
} eb_fate_t;

typedef struct {
    eb_id_t id;          /* valid if has_id */
    uint64_t offered_ns; /* when the request was made */
    uint32_t size;       /* bytes of its data */
    unsigned char fate;  /* eb_fate_t */
    unsigned char has_id;
} eb_entry_t;

typedef struct {
    eb_entry_t *entries; /* by number */
    uint32_t count;
    uint32_t size;       /* allocated */
    uint32_t last_acked; /* number + 1 of the last one; 0: none */
} eb_page_t;

typedef struct {
    eb_page_t *pages; /* by channel */
    uint32_t channels;
} eb_channel_log_t;

/** @return 0, or -1: no memory */
int eb_channel_log_open(eb_channel_log_t *book, uint32_t channels);

void eb_channel_log_close(eb_channel_log_t *book);

/** Enter an event that is about to be sent; returns its number. */
uint32_t eb_channel_log_offer(eb_channel_log_t *book, uint32_t channel,
                              uint32_t size, uint64_t now_ns);

/** The server has acknowledged it under this id. */
void eb_channel_log_ack(eb_channel_log_t *book, uint32_t channel,
                        uint32_t number, const eb_id_t *id);

/** It is not known what became of it. */
void eb_channel_log_give_up(eb_channel_log_t *book, uint32_t channel,
                            uint32_t number);

/**
 * A client has received this under that id.
 *
 * @return the entry, or NULL: such an event was never published, or it has
 *         another id
 */
const eb_entry_t *eb_channel_log_find(eb_channel_log_t *book,
                                      const eb_checksum_t *proof,
                                      const eb_id_t *id);

#endif
