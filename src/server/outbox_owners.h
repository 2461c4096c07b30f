/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which outbox is whose: the parent's book of the mailroom. It is kept over
 * restarts, so that a new child goes on with a proxy where the old ones are,
 * and holds plain values only.
 */
#ifndef ES_SERVER_OUTBOX_OWNERS_H
#define ES_SERVER_OUTBOX_OWNERS_H

#include <httpd.h>

#include "grip/outbox_shm.h"

typedef struct es_outbox_owners_t {
    void *mem;                 /* of the mailroom; NULL = not made yet */
    int *wake_fds;             /* places descriptors */
    apr_uint32_t max_children; /* of children */
    apr_uint32_t turn;         /* configurations that were read */
    apr_uint32_t count;        /* outboxes in use */
    struct {
        unsigned char key[16]; /* of hub, journal and proxy */
        apr_uint32_t turn;     /* when it was last asked for */
    } keys[ES_OUTBOX_SHM_MAX];
} es_outbox_owners_t;

/**
 * A new configuration was read: make the mailroom, if it is the first that
 * has proxies.
 *
 * @param wanted  1 = it has proxies
 * @param pool    the process's
 * @return APR_SUCCESS or why there is none, though wanted
 *
 * Context: PARENT, post_config.
 */
apr_status_t es_outbox_owners_begin(es_outbox_owners_t *owners, int wanted,
                                    apr_uint32_t max_children,
                                    apr_pool_t *pool);

/**
 * The outbox of a proxy. A new one begins with the present, and so does one
 * that the configuration before did not name.
 *
 * @param uri  where to publish, as the proxy's name for this purpose
 * @param box  its number
 * @return APR_SUCCESS, APR_ENOSPC: all are taken
 *
 * Context: PARENT, after es_outbox_owners_begin.
 */
apr_status_t es_outbox_owners_find(es_outbox_owners_t *owners,
                                   const es_outbox_shm_t *outbox_shm,
                                   const char *hub, const es_store_t *store,
                                   const char *uri, apr_uint32_t *outbox);

#endif
