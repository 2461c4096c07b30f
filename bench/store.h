/* SPDX-License-Identifier: Apache-2.0 */
/**
 * store: faulty_server's journal: all events it has taken, in memory, none
 * is ever evicted.
 */
#ifndef EB_STORE_H
#define EB_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "bench/sse.h"

#define EB_STORE_NAME_SIZE 128

typedef struct {
    eb_sse_id_t id;
    char channel[EB_STORE_NAME_SIZE];
    char *data; /* ours */
    size_t len;
    int is_hidden; /* nobody gets it */
} eb_store_event_t;

/** The id that the last event has, or one before all of them. */
eb_sse_id_t eb_store_last_id(void);

/** Append an event; its id is above all others. @return it, or NULL */
const eb_store_event_t *eb_store_add(const char *channel, const char *data,
                                     size_t len, int is_hidden);

/** The first event above id, NULL: there is none. */
const eb_store_event_t *eb_store_after(const eb_sse_id_t *id);

/** The last one that is not above id, NULL: there is none. */
const eb_store_event_t *eb_store_at(const eb_sse_id_t *id);

#endif
