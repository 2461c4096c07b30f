/* SPDX-License-Identifier: Apache-2.0 */
/**
 * received: what one client has received of its channels, over all its
 * connections, and the judgement on it.
 *
 *     base        L        R        at
 *     ──┬──x──x──x┄┄┄┄┄┄┄┄┄┼──x──x──┬──►  ids
 *   stream-open   └ excused ┘        last event
 *
 * All acknowledged events above the position of its first stream-open must
 * be there, and in any case all that were offered after it had come. What
 * is missing is excused if it lies between the last event before a
 * stream-reset (L) and the position that this one gives (R), in a channel
 * that it names. Everything else is lost.
 */
#ifndef EB_RECEIVED_H
#define EB_RECEIVED_H

#include <stdint.h>

#include "bench/published.h"

#define EB_RECEIVED_CHANNELS 8

/* A stream-reset. */
typedef struct {
    eb_sse_id_t from; /* L, itself received */
    eb_sse_id_t to;   /* R, included */
    uint32_t named;   /* bit i: channel first + i */
    uint32_t used;    /* missing events that it excuses */
} eb_received_gap_t;

typedef struct {
    unsigned char *seen[EB_RECEIVED_CHANNELS]; /* ours; bit by number */
    uint32_t room[EB_RECEIVED_CHANNELS];       /* bytes allocated */
    eb_received_gap_t *gaps;                   /* ours */
    uint32_t ngaps;
    uint32_t client; /* the client's number, for what is told */
    uint32_t first;  /* its channels: first, first + 1 … modulo all */
    uint32_t width;
    eb_sse_id_t base;
    eb_sse_id_t at;   /* the highest position it was brought to */
    uint64_t open_ns; /* when its first stream-open came; 0: not yet */
} eb_received_t;

typedef enum {
    EB_RECEIVED_NEW,
    EB_RECEIVED_LATE,   /* new, but a later one came before */
    EB_RECEIVED_AGAIN,  /* again */
    EB_RECEIVED_UNKNOWN /* nothing like it was published to its channels */
} eb_received_verdict_t;

void eb_received_init(eb_received_t *received, uint32_t client, uint32_t first,
                      uint32_t width);

/** Its first stream-open, at this position; later ones change nothing. */
void eb_received_open(eb_received_t *received, const eb_sse_id_t *id,
                      uint64_t now_ns);

/** An event. @param entry  set to what was published; NULL: nothing like it */
eb_received_verdict_t eb_received_event(eb_received_t *received,
                                        eb_published_t *published,
                                        const eb_payload_checked_t *payload,
                                        const eb_sse_id_t *id,
                                        const eb_published_entry_t **entry);

/** A stream-reset. @param named  bit i: channel first + i */
void eb_received_reset(eb_received_t *received, const eb_sse_id_t *id,
                       uint32_t named);

/** Has it, of each channel, the last acknowledged event, or its excuse? */
int eb_received_is_complete(const eb_received_t *received,
                            const eb_published_t *published);

/**
 * Count what is missing, and the resets; then forget all.
 *
 * @param has_left  the client went by itself: what lies above its last
 *                  event was not awaited
 */
void eb_received_check(eb_received_t *received, const eb_published_t *published,
                       int has_left);

#endif
