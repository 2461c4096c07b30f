/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An outbox is known by a digest, as names and addresses have any length. It
 * is never given to another proxy: a child of an old configuration may still
 * send from it.
 */
#include "server/outbox_owners.h"

#include <apr_md5.h>

#include "shm/wakeup.h"
#include "shm/segment.h"

/* A failure gives back all, as each restart tries again. */
static apr_status_t make_room(es_boxes_t *boxes, apr_pool_t *parent)
{
    apr_pool_t *pool;
    void *mem;
    apr_status_t rv = apr_pool_create(&pool, parent);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = es_shm_create(&mem, es_mailroom_size(boxes->places), pool);
    if (rv == APR_SUCCESS) {
        rv = es_mailroom_format(mem, boxes->places);
    }
    if (rv == APR_SUCCESS) {
        rv = es_bells_create(&boxes->bells, boxes->places, pool);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return rv;
    }
    boxes->mem = mem;
    return APR_SUCCESS;
}

apr_status_t es_boxes_begin(es_boxes_t *boxes, int wanted, apr_uint32_t places,
                            apr_pool_t *pool)
{
    boxes->turn++;
    if (boxes->mem || !wanted) {
        return APR_SUCCESS;
    }
    boxes->places = places;
    return make_room(boxes, pool);
}

/* A hub whose journal was made anew, or moved, starts again: an outbox holds
 * positions. */
static void make_key(unsigned char key[16], const char *hub,
                     const es_store_t *store, const char *uri)
{
    apr_uint64_t life = es_store_life(store);
    apr_md5_ctx_t context;

    apr_md5_init(&context);
    apr_md5_update(&context, hub, strlen(hub) + 1);
    apr_md5_update(&context, uri, strlen(uri) + 1);
    apr_md5_update(&context, &life, sizeof(life));
    apr_md5_final(key, &context);
}

apr_status_t es_boxes_find(es_boxes_t *boxes, const es_mailroom_t *room,
                           const char *hub, const es_store_t *store,
                           const char *uri, apr_uint32_t *box)
{
    unsigned char key[16];
    apr_uint32_t i;

    make_key(key, hub, store, uri);
    for (i = 0; i < boxes->count; i++) {
        if (!memcmp(boxes->owners[i].key, key, sizeof(key))) {
            break;
        }
    }
    if (i == ES_MAILROOM_BOXES) {
        return APR_ENOSPC;
    }
    if (i == boxes->count) {
        boxes->count++;
        memcpy(boxes->owners[i].key, key, sizeof(key));
    }
    if (boxes->owners[i].turn == 0 || boxes->owners[i].turn + 1 < boxes->turn) {
        es_outbox_begin(es_mailroom_box(room, i), es_store_head(store));
    }
    boxes->owners[i].turn = boxes->turn;
    *box = i;
    return APR_SUCCESS;
}
