/* SPDX-License-Identifier: Apache-2.0 */
/* A frame is copied to its place in the body first and proven afterwards; if
 * the ring was faster it is not counted. */
#include "journal/missed.h"

static int is_wanted(const es_missed_t *excerpt, const es_record_t *record)
{
    int i, k;

    for (i = 0; i < record->nslots; i++) {
        for (k = 0; k < excerpt->count; k++) {
            const es_missed_part_t *part = &excerpt->parts[k];

            if (record->slots[i] == part->slot && record->pos >= part->from &&
                es_id_compare(&record->id, &part->seen) > 0) {
                return 1;
            }
        }
    }
    return 0;
}

/* es_store_copy writes the chunk's end, too: CR LF behind the frame. */
static apr_status_t add(const es_missed_t *excerpt, const es_record_t *record,
                        es_buf_t *body)
{
    apr_status_t rv =
        es_buf_reserve(body, record->chunk_len - record->head_len);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = es_store_copy(excerpt->store, record, record->head_len,
                       body->data + body->len);
    if (rv != APR_SUCCESS) {
        return APR_ENOENT;
    }
    body->len += record->frame_len;
    return APR_SUCCESS;
}

/* Have only others' records gone? Then pos moves to where there are some. */
static int skip_lost(es_missed_t *excerpt)
{
    int i;

    for (i = 0; i < excerpt->count; i++) {
        es_pos_t tail;

        if (es_store_has_lost(excerpt->store, &excerpt->parts[i].slot, 1,
                              excerpt->pos, &tail)) {
            return 0;
        }
        if (i + 1 == excerpt->count) {
            excerpt->pos = tail;
        }
    }
    return excerpt->count > 0;
}

apr_status_t es_missed_collect(es_missed_t *excerpt, es_buf_t *body)
{
    es_record_t record;

    while (excerpt->pos < excerpt->stop) {
        apr_status_t rv = es_store_look(excerpt->store, excerpt->pos, &record);

        if (rv == APR_ENOENT && skip_lost(excerpt)) {
            continue;
        }
        if (rv != APR_SUCCESS) {
            return APR_ENOENT;
        }
        if (is_wanted(excerpt, &record)) {
            if (record.closes) {
                return APR_EOF;
            }
            rv = add(excerpt, &record, body);
            if (rv != APR_SUCCESS) {
                return rv;
            }
            excerpt->last = record.id;
        }
        excerpt->pos = record.next;
    }
    return APR_SUCCESS;
}
