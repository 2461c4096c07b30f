/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The memory that the parent keeps over restarts: the board with its wake
 * descriptors, the census, the meter, the lifeboat, and a segment for each
 * hub.
 *
 * It is made in the process pool and found again through httpd's retained
 * data, which holds plain values only: the module is unloaded and loaded
 * again at each restart, so nothing there may point into its code.
 */
#ifndef ES_SERVER_RETAINED_H
#define ES_SERVER_RETAINED_H

#include <httpd.h>

#include "shm/children.h"
#include "shm/client_count.h"
#include "journal/store.h"
#include "server/child_pids.h"
#include "server/outbox_owners.h"
#include "server/settings.h"

#define ES_HUB_NAMED (-1)

typedef struct es_retained_hub_t {
    char name[64];    /* with NUL */
    apr_pool_t *pool; /* of mem alone */
    void *mem;
    apr_size_t size; /* bytes of mem */
    es_store_params_t params;
    es_id_t epoch;
    int unnamed_since;    /* first generation without it, or ES_HUB_NAMED */
    apr_uint32_t counter; /* of the meter; of this hub alone */
} es_retained_hub_t;

/** Plain values, kept while the parent lives. */
typedef struct es_retained_t {
    apr_uint32_t max_children;
    void *children;
    apr_size_t children_size;
    void *client_count;
    void *counters;
    int *wake;                   /* places descriptors */
    int handover[2];             /* send, receive; -1 = there is none */
    apr_uint64_t handover_is[2]; /* what these descriptors were made as */
    int handover_since;          /* first generation that has this lifeboat */
    es_outbox_owners_t outboxes; /* of GRIP proxies */
    es_child_pids_t child_pids;
    apr_uint32_t next_counter; /* of the meter that hubs have got so far */
    apr_uint32_t nhubs;
    es_retained_hub_t hubs[ES_HUBS_MAX];
} es_retained_t;

/**
 * Find what an earlier start has kept, or make it.
 *
 * @param generation  of the configuration that was read
 * @param plog  cleared after the next configuration has been read
 * @param out  all that is there; hubs that the configuration does not name
 *             any more stay, since old children may still use them
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after telling the error log; then
 *         *out is NULL, or lacks just the hubs that could not be made
 *
 * Context: PARENT, post_config.
 */
int es_retained_open(es_retained_t **out, int generation, apr_pool_t *plog,
                     server_rec *s);

/**
 * A child was started, or is gone.
 *
 * @param is_there  1 or 0
 *
 * Context: PARENT, child_status.
 */
void es_retained_note_child(pid_t pid, int generation, int is_there);

/**
 * This configuration has the module, too: keep the lifeboat of the one
 * before, which goes with that one's plog.
 *
 * Context: PARENT, pre_config.
 */
void es_retained_hold_handover(void);

#endif
