/* SPDX-License-Identifier: Apache-2.0 */
/**
 * gaps: which events of its channel one client has received.
 *
 * The usual case, the next number in turn, costs one comparison. Holes are
 * kept as ranges, so that an event that comes late is told from one that
 * comes twice.
 */
#ifndef EB_GAPS_H
#define EB_GAPS_H

#include <stdint.h>

typedef struct {
    uint32_t from; /* first number missing */
    uint32_t to;   /* one behind the last number missing */
} eb_hole_t;

/* Born empty ({0}). */
typedef struct {
    eb_hole_t *holes; /* ours; ascending */
    uint32_t next;    /* one behind the highest number seen */
    uint32_t nholes;
} eb_gaps_t;

typedef enum {
    EB_IN_ORDER, /* new, and higher than all before */
    EB_LATE,     /* new, but a higher one came before */
    EB_AGAIN     /* came before */
} eb_verdict_t;

/**
 * Enter an event.
 *
 * Beyond 256 holes the oldest is given up: what would still fill it counts
 * as EB_AGAIN, so a total of new events is never too high.
 */
eb_verdict_t eb_gaps_enter(eb_gaps_t *ledger, uint32_t number);

/** Give back what the ledger holds. */
void eb_gaps_clear(eb_gaps_t *ledger);

#endif
