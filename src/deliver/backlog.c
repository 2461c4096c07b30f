/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted list of starts; see the header. */
#include "deliver/backlog.h"

#include <stdlib.h>

static int compare_parts(const void *a, const void *b)
{
    es_slot_t x = ((const es_replay_t *)a)->slot;
    es_slot_t y = ((const es_replay_t *)b)->slot;

    return x < y ? -1 : x > y;
}

es_backlog_t *es_backlog_create(const es_replay_t *parts, int count)
{
    apr_size_t bytes = (apr_size_t)count * sizeof(*parts);
    es_backlog_t *backlog = malloc(sizeof(*backlog) + bytes);
    int i;

    if (backlog == NULL) {
        return NULL;
    }
    backlog->end = 0;
    backlog->is_begun = 0;
    backlog->count = count;
    memcpy(backlog->parts, parts, bytes);
    qsort(backlog->parts, (size_t)count, sizeof(*parts), compare_parts);
    for (i = 0; i < count; i++) {
        if (parts[i].from > backlog->end) {
            backlog->end = parts[i].from;
        }
    }
    return backlog;
}

int es_backlog_has_lost(const es_backlog_t *backlog, const es_store_t *store,
                        es_pos_t cursor, es_pos_t *tail)
{
    es_pos_t later;
    int i;

    *tail = es_store_tail(store);
    for (i = 0; backlog->is_begun && i < backlog->count; i++) {
        const es_replay_t *part = &backlog->parts[i];

        /* the first tail counts: what each look sees is at least as new */
        if (es_store_has_lost(store, &part->slot, 1,
                              cursor > part->from ? cursor : part->from,
                              &later)) {
            return 1;
        }
    }
    return 0;
}
