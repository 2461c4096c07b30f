/* SPDX-License-Identifier: Apache-2.0 */
/**
 * received: what one client has received of its channels, over all its
 * connections, compared with what it should have received.
 *
 *     base        L        R        at
 *     ──┬──x──x──x┄┄┄┄┄┄┄┄┄┼──x──x──┬──►  ids
 *   stream-open   └ reported┘        last event
 *
 * A client must have all acknowledged events above the position of its first
 * stream-open, and all that were posted after it received that. A missing event
 * is reported if its channel is named by a stream-reset and its id is between
 * the last event before that one (L) and the position in it (R). Every other
 * missing event is lost.
 */
#ifndef EB_RECEIVED_H
#define EB_RECEIVED_H

#include <stdint.h>

#include "bench/published.h"

#define EB_RECEIVED_CHANNELS 8

/* A stream-reset: the gap that it reports. */
typedef struct {
    eb_sse_id_t from; /* L, which was received */
    eb_sse_id_t to;   /* R, inclusive */
    uint32_t named;   /* channels; bit i: channel first + i */
    uint32_t missing; /* events of the gap that were due */
    uint32_t above[EB_RECEIVED_CHANNELS]; /* as in eb_received_t, then */
} eb_received_gap_t;

typedef struct {
    unsigned char *bits[EB_RECEIVED_CHANNELS]; /* ours; by event number */
    uint32_t size[EB_RECEIVED_CHANNELS];       /* bytes allocated */
    eb_received_gap_t *gaps;                   /* ours */
    uint32_t ngaps;
    uint32_t client;  /* its number, for the log */
    uint32_t first;   /* its channels: first, first + 1 … modulo all */
    uint32_t width;   /* number of its channels */
    eb_sse_id_t base; /* position of its first stream-open */
    eb_sse_id_t at;   /* the highest position that it received */
    uint64_t open_ns; /* time of its first stream-open; 0: none yet */
    uint32_t above[EB_RECEIVED_CHANNELS]; /* highest number received, plus 1 */
    uint32_t last_channel;                /* of the last event, if has_last */
    uint32_t last_number;
    int has_last;
} eb_received_t;

typedef enum {
    EB_RECEIVED_NEW,
    EB_RECEIVED_REORDERED, /* new, but after a later one */
    EB_RECEIVED_DOUBLED,   /* received before */
    EB_RECEIVED_AGAIN,     /* the same, but it was posted again to servers
                              that had forgotten it and sent a reset */
    EB_RECEIVED_FORGED     /* not published to its channels under this id */
} eb_received_verdict_t;

void eb_received_init(eb_received_t *received, uint32_t client, uint32_t first,
                      uint32_t width);

/** A stream-open at this position; only the first one has an effect. */
void eb_received_open(eb_received_t *received, const eb_sse_id_t *id,
                      uint64_t now_ns);

/**
 * An event.
 *
 * @param id     NULL: it came with the id of its publisher, which is its own
 * @param entry  set to what was published, or to NULL if forged
 */
eb_received_verdict_t eb_received_event(eb_received_t *received,
                                        eb_published_t *published,
                                        const eb_payload_checked_t *payload,
                                        const eb_sse_id_t *id,
                                        const eb_published_entry_t **entry);

/** A stream-reset. @param named  bit i: channel first + i */
void eb_received_reset(eb_received_t *received, const eb_published_t *published,
                       const eb_sse_id_t *id, uint32_t named);

/** Was the last acknowledged event of each channel received or reported? */
int eb_received_is_complete(const eb_received_t *received,
                            const eb_published_t *published);

/**
 * Count the missing events and the stream-resets, then clear received.
 *
 * @param has_left  the client closed its last stream: events above the last
 *                  one that it received are not due
 */
void eb_received_check(eb_received_t *received, const eb_published_t *published,
                       int has_left);

#endif
