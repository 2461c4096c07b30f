/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Fills the journal with the end of the broker's stream: for a node that
 * starts, and for one that cannot go on from its last id. All clients are told
 * that they may have missed something.
 *
 * The new history begins where nothing is missing any more: behind an entry
 * that is gone or cannot be used, or at a marker that does not vouch for what
 * was before it. What GRIP proxies were not sent yet is taken from before such
 * a marker, too, for them alone.
 */
#ifndef ES_CLUSTER_FILL_H
#define ES_CLUSTER_FILL_H

#include "cluster/hub.h"
#include "cluster/script.h"

/** What a fill needs to know. */
typedef struct es_cluster_fill_params_t {
    const es_cluster_hub_t *hub;
    const es_cluster_script_t *script;
    es_id_t after;               /* the last id of the journal */
    es_id_t last;                /* of the stream, at least */
    es_id_t sent;                /* GRIP proxies need what is after it; {0, 0}:
                                  * they need nothing */
    apr_int64_t clock_offset_ms; /* the broker's clock - es_clock_ms */
    int page_max;                /* entries to ask for at once, 1 or more */
    apr_uint64_t *touched;       /* room for a bit for each child */
    es_cluster_keep_fn_t *keep;
    void *arg;           /* of keep */
    char *why;           /* room for why the broker refuses */
    apr_size_t why_size; /* ES_CLUSTER_LINK_WHY_SIZE is enough */
} es_cluster_fill_params_t;

/**
 * Read the stream backwards, then replace the journal's history.
 *
 * @param last  the journal's last id afterwards; changed on APR_SUCCESS only
 * @return APR_SUCCESS; APR_ECONNRESET: the link has failed, or the broker does
 *         not answer or does not let it read; APR_ECONNREFUSED: it refuses to
 *         take what it has lost, and why is filled; APR_EINTR: keep has
 *         returned 0; APR_EMISMATCH: the journal's last id is another one;
 *         APR_TIMEUP, APR_ENOMEM, APR_EGENERAL: as es_store_fill. On failure
 *         nothing was done
 *
 * Context: CLUSTER; takes the store lock.
 */
apr_status_t es_cluster_fill(const es_cluster_fill_params_t *params,
                             es_cluster_link_t *link, es_id_t *last);

#endif
