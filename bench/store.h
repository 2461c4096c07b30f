/* SPDX-License-Identifier: Apache-2.0 */
/**
 * store: faulty_server's journal: all events it has taken, in memory, none
 * is ever evicted.
 */
#ifndef EB_STORE_H
#define EB_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "bench/id.h"

#define EB_ID_INDEX_NAME 128

typedef struct {
    eb_id_t id;
    char channel[EB_ID_INDEX_NAME];
    char *data; /* ours */
    size_t len;
    int is_hidden; /* nobody gets it */
} eb_indexed_t;

/** The id that the last event has, or one before all of them. */
eb_id_t eb_id_index_present(void);

/** Append an event; its id is above all others. @return it, or NULL */
const eb_indexed_t *eb_id_index_add(const char *channel, const char *data,
                                    size_t len, int is_hidden);

/** The first event above id, NULL: there is none. */
const eb_indexed_t *eb_id_index_after(const eb_id_t *id);

/** The last one that is not above id, NULL: there is none. */
const eb_indexed_t *eb_id_index_at(const eb_id_t *id);

#endif
