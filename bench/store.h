/* SPDX-License-Identifier: Apache-2.0 */
/**
 * store: the events that faulty_server has accepted, in memory, in the order
 * of their ids. None is ever evicted.
 */
#ifndef EB_STORE_H
#define EB_STORE_H

#include <stddef.h>

#include "bench/sse.h"

#define EB_STORE_NAME_SIZE 128 /* of a channel's name, NUL included */

typedef struct {
    eb_sse_id_t id;
    char channel[EB_STORE_NAME_SIZE];
    char own_id[EB_STORE_NAME_SIZE]; /* of its publisher, or "" */
    char *data;                      /* ours */
    size_t len;
    int is_hidden; /* the fault "ack-drop": never sent to any client */
} eb_store_event_t;

/** The id of the last event; of an empty store one that precedes all. */
eb_sse_id_t eb_store_last_id(void);

/**
 * Append an event; its id is above all others.
 *
 * @param own_id  of its publisher, or ""
 * @return it, or NULL
 */
const eb_store_event_t *eb_store_add(const char *channel, const char *own_id,
                                     const char *data, size_t len,
                                     int is_hidden);

/** The event with this id of its publisher; NULL: none. */
const eb_store_event_t *eb_store_find(const char *own_id);

/** The first event above id; NULL: none. */
const eb_store_event_t *eb_store_after(const eb_sse_id_t *id);

/** The last event that is not above id; NULL: none. */
const eb_store_event_t *eb_store_at(const eb_sse_id_t *id);

#endif
