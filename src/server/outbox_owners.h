/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The owners of the outboxes: which outbox belongs to which GRIP proxy. The
 * parent retains this over restarts, so that a new child continues where the
 * old ones are. It holds plain values only and knows no httpd.
 */
#ifndef ES_SERVER_OUTBOX_OWNERS_H
#define ES_SERVER_OUTBOX_OWNERS_H

#include "grip/outbox_shm.h"

typedef struct es_outbox_owners_t {
    void *mem;                 /* the segment of outboxes; NULL = not made */
    int *wake_fds;             /* max_children descriptors */
    apr_uint32_t max_children; /* highest child number */
    apr_uint32_t turn;         /* number of configurations read */
    apr_uint32_t count;        /* outboxes in use */
    struct {
        unsigned char key[16]; /* digest of hub, segment and proxy */
        apr_uint32_t turn;     /* the last one that configured it */
    } keys[ES_OUTBOX_SHM_MAX];
} es_outbox_owners_t;

/**
 * Begin with a new configuration. The first one that has proxies makes the
 * segment of outboxes.
 *
 * @param wanted  1 = the configuration has proxies
 * @param pool    of the process
 * @return APR_SUCCESS, or why a wanted segment could not be made
 *
 * Context: PARENT, post_config.
 */
apr_status_t es_outbox_owners_begin(es_outbox_owners_t *owners, int wanted,
                                    apr_uint32_t max_children,
                                    apr_pool_t *pool);

/**
 * Find the outbox of a proxy. A new outbox starts at the position that is
 * given, and so does one whose proxy was missing in the previous configuration.
 *
 * @param start   the head of the journal; 0 = not known, the broker will tell
 *                (cluster/sending.h)
 * @param uri     where to publish; identifies the proxy
 * @param outbox  set to its number
 * @return APR_SUCCESS; APR_ENOSPC: all outboxes are in use
 *
 * Context: PARENT, after es_outbox_owners_begin.
 */
apr_status_t es_outbox_owners_find(es_outbox_owners_t *owners,
                                   const es_outbox_shm_t *outbox_shm,
                                   const char *hub, const es_store_t *store,
                                   es_pos_t start, const char *uri,
                                   apr_uint32_t *outbox);

#endif
