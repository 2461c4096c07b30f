/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A digest identifies the owner of an outbox, because names and URLs have any
 * length. An outbox never passes to another proxy: a child of an old
 * configuration may still send from it.
 */
#include "server/outbox_owners.h"

#include <apr_md5.h>

#include "shm/segment.h"
#include "shm/wakeup.h"

/* A failure gives all back, because each restart tries again. */
static apr_status_t make_outbox_shm(es_outbox_owners_t *owners,
                                    apr_pool_t *parent)
{
    apr_pool_t *pool;
    void *mem;
    apr_status_t rv = apr_pool_create(&pool, parent);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv =
        es_segment_create(&mem, es_outbox_shm_size(owners->max_children), pool);
    if (rv == APR_SUCCESS) {
        rv = es_outbox_shm_format(mem, owners->max_children);
    }
    if (rv == APR_SUCCESS) {
        rv = es_wakeup_create(&owners->wake_fds, owners->max_children, pool);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return rv;
    }
    owners->mem = mem;
    return APR_SUCCESS;
}

apr_status_t es_outbox_owners_begin(es_outbox_owners_t *owners, int wanted,
                                    apr_uint32_t max_children, apr_pool_t *pool)
{
    owners->turn++;
    if (owners->mem || !wanted) {
        return APR_SUCCESS;
    }
    owners->max_children = max_children;
    return make_outbox_shm(owners, pool);
}

/* The segment id is part of the key: an outbox holds positions, and these mean
 * nothing in a new or migrated journal. */
static void make_key(unsigned char key[16], const char *hub,
                     const es_store_t *store, const char *uri)
{
    apr_uint64_t segment_id = es_store_segment_id(store);
    apr_md5_ctx_t context;

    apr_md5_init(&context);
    apr_md5_update(&context, hub, strlen(hub) + 1);
    apr_md5_update(&context, uri, strlen(uri) + 1);
    apr_md5_update(&context, &segment_id, sizeof(segment_id));
    apr_md5_final(key, &context);
}

apr_status_t es_outbox_owners_find(es_outbox_owners_t *owners,
                                   const es_outbox_shm_t *outbox_shm,
                                   const char *hub, const es_store_t *store,
                                   es_pos_t start, const char *uri,
                                   apr_uint32_t *outbox)
{
    unsigned char key[16];
    apr_uint32_t i;

    make_key(key, hub, store, uri);
    for (i = 0; i < owners->count; i++) {
        if (!memcmp(owners->keys[i].key, key, sizeof(key))) {
            break;
        }
    }
    if (i == ES_OUTBOX_SHM_MAX) {
        return APR_ENOSPC;
    }
    if (i == owners->count) {
        owners->count++;
        memcpy(owners->keys[i].key, key, sizeof(key));
    }
    if (owners->keys[i].turn == 0 || owners->keys[i].turn + 1 < owners->turn) {
        es_outbox_begin(es_outbox_shm_at(outbox_shm, i), start);
    }
    owners->keys[i].turn = owners->turn;
    *outbox = i;
    return APR_SUCCESS;
}
