/* SPDX-License-Identifier: Apache-2.0 */
/**
 * mistakes: mistakes baseline can be told to make, so that load can be
 * shown to see them.
 */
#ifndef EB_MISTAKES_H
#define EB_MISTAKES_H

#include <stdint.h>

typedef enum {
    EB_MISTAKE_NONE,
    EB_MISTAKE_DROP,   /* the event is not sent to this client */
    EB_MISTAKE_DOUBLE, /* sent twice */
    EB_MISTAKE_SWAP,   /* sent after the client's next one */
    EB_MISTAKE_SPOIL,  /* one byte of its data changed */
    EB_MISTAKE_CUT     /* the client's connection is closed instead */
} eb_mistake_t;

typedef struct {
    eb_mistake_t kind;
    uint64_t every; /* the n-th, 2n-th, … delivery is hit; > 0 */
    uint64_t count; /* deliveries so far */
} eb_mistakes_t;

/**
 * Read "drop:100", "double:100", "swap:100", "spoil:100" or "cut:100".
 *
 * @return 0, or -1: not of that form
 */
int eb_mistakes_parse(eb_mistakes_t *faults, const char *text);

/** Count a delivery; which fault it is to suffer. */
eb_mistake_t eb_mistakes_next(eb_mistakes_t *faults);

#endif
