/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eb_faults: mistakes es_floor can be told to make, so that es_load can be
 * shown to see them.
 */
#ifndef EB_FAULTS_H
#define EB_FAULTS_H

#include <stdint.h>

typedef enum {
    EB_FAULT_NONE,
    EB_FAULT_DROP,   /* the event is not sent to this client */
    EB_FAULT_DOUBLE, /* sent twice */
    EB_FAULT_SWAP,   /* sent after the client's next one */
    EB_FAULT_SPOIL,  /* one byte of its data changed */
    EB_FAULT_CUT     /* the client's connection is closed instead */
} eb_fault_t;

typedef struct {
    eb_fault_t kind;
    uint64_t every; /* the n-th, 2n-th, … delivery is hit; > 0 */
    uint64_t count; /* deliveries so far */
} eb_faults_t;

/**
 * Read "drop:100", "double:100", "swap:100", "spoil:100" or "cut:100".
 *
 * @return 0, or -1: not of that form
 */
int eb_faults_parse(eb_faults_t *faults, const char *text);

/** Count a delivery; which fault it is to suffer. */
eb_fault_t eb_faults_next(eb_faults_t *faults);

#endif
