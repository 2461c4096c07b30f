/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the parent retains over restarts: the table of children with its wake-up
 * descriptors, the count of clients, the counters, the handover sockets, a
 * segment for each hub, and the outboxes of GRIP proxies.
 *
 * The memory comes from the process pool and is found again through httpd's
 * retained data. That data holds plain values only: httpd unloads and loads the
 * module at each restart, so nothing there may point into its code.
 */
#ifndef ES_SERVER_RETAINED_H
#define ES_SERVER_RETAINED_H

#include <httpd.h>

#include "shm/children.h"
#include "shm/client_count.h"
#include "journal/store.h"
#include "cluster/state.h"
#include "deliver/handover_sockets.h"
#include "server/child_pids.h"
#include "server/hub_file.h"
#include "server/outbox_owners.h"
#include "server/settings.h"

#define ES_HUB_NAMED (-1)

/** Most bytes of key= of EventStreamCluster. */
#define ES_CLUSTER_KEY_MAX 64

typedef struct es_retained_hub_t {
    char name[64];    /* with NUL */
    apr_pool_t *pool; /* owns mem and cluster, and nothing else */
    void *mem;
    es_cluster_state_t *cluster;      /* NULL = the hub is not clustered */
    apr_size_t cluster_size;          /* bytes of it */
    apr_time_t made;                  /* of es_clock_now */
    char key[ES_CLUSTER_KEY_MAX + 1]; /* of EventStreamCluster; "" = the same */
    int is_replaced; /* 1 = another segment has this name now */
    apr_size_t size; /* bytes of mem */
    es_store_params_t params;
    es_id_t epoch;
    int unnamed_since;    /* first generation without it, or ES_HUB_NAMED */
    apr_uint32_t counter; /* of shm/counters.h; this hub's alone */
    es_hub_file_t file;
} es_retained_hub_t;

/** Plain values, retained while the parent lives. */
typedef struct es_retained_t {
    apr_uint32_t max_children; /* numbers: several for each process */
    void *children;
    apr_size_t children_size;
    void *client_count;
    void *counters;
    int *wake; /* max_children descriptors */
    es_handover_sockets_t handover;
    apr_uint64_t send_identity[ES_HANDOVER_PAIRS_MAX]; /* of its sockets */
    apr_uint64_t receive_identity[ES_HANDOVER_PAIRS_MAX];
    int handover_since;          /* first generation that has these sockets */
    es_outbox_owners_t outboxes; /* of GRIP proxies */
    es_child_pids_t child_pids;
    apr_uint32_t next_counter; /* for the next new hub */
    apr_uint32_t nhubs;
    es_retained_hub_t hubs[ES_HUBS_MAX];
} es_retained_t;

/**
 * Find what an earlier configuration has retained, or make it.
 *
 * @param generation  of the configuration that was read
 * @param plog  cleared after the next configuration has been read
 * @param out  all of it; hubs that are no longer configured stay, because old
 *             children may still use them
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after an error was logged; then
 *         *out is NULL, or lacks only the hubs that could not be made
 *
 * Context: PARENT, post_config.
 */
int es_retained_open(es_retained_t **out, int generation, apr_pool_t *plog,
                     server_rec *s);

/**
 * The segment of shm/asks.h, which is made when it is first needed.
 *
 * @return NULL after a warning was logged: there is no memory
 *
 * Context: PARENT, post_config.
 */
void *es_retained_asks(server_rec *s);

/**
 * The segment of shm/rates.h, which is made when it is first needed.
 *
 * @return NULL after a warning was logged: there is no memory
 *
 * Context: PARENT, post_config.
 */
void *es_retained_rates(server_rec *s);

/**
 * The segment of shm/samples.h, which is made when it is first needed.
 *
 * @return NULL after a warning was logged: there is no memory
 *
 * Context: PARENT, post_config.
 */
void *es_retained_samples(server_rec *s);

/**
 * The segment of shm/child_figures.h, which is made when it is first needed, or
 * if there can be more children now.
 *
 * @return NULL after a warning was logged: there is no memory
 *
 * Context: PARENT, post_config.
 */
void *es_retained_figures(apr_uint32_t max_children, server_rec *s);

/**
 * The segment in which shm/client_count.h counts users, which is made when it
 * is first needed. From then on users are counted, also if the limit is off
 * again: children that counted some are to be forgotten when they die.
 *
 * @return NULL: it was never needed; or there is no memory, and a warning was
 *         logged
 *
 * Context: PARENT, post_config.
 */
void *es_retained_users(apr_uint32_t max_children, server_rec *s);

/** The delivery threads for which each child has numbers. Context: PARENT. */
apr_uint32_t es_retained_threads(const es_retained_t *retained);

/**
 * The configuration of a retained hub.
 *
 * @return NULL: it has none now; or its segment is not for that configuration,
 *         as that could not be made
 *
 * Context: PARENT.
 */
const es_hub_conf_t *es_hub_segments_conf(const es_retained_hub_t *hub,
                                          const es_settings_t *global);

/**
 * Make, keep, resize and free the segments of the hubs, as the configuration
 * that was read has them (server/hub_segments.c).
 *
 * A segment that a living child may use stays as it is. A new size therefore
 * waits until no child is left, as at a restart that is not graceful; then the
 * events are migrated (journal/migrate.h). A hub that is no longer configured
 * stays until all children are of a configuration without it. A hub that
 * becomes clustered, that is no longer, or that has another key= gets a new
 * segment at once, because its ids are given elsewhere from now on; the old one
 * stays as if it had another name.
 *
 * @param generation  of the configuration that was read
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after an error was logged: a hub
 *         could not be made
 *
 * Context: PARENT, from es_retained_open.
 */
int es_hub_segments_open(es_retained_t *retained, int generation,
                         server_rec *s);

/**
 * Note that a child was started or has exited.
 *
 * @param is_there  1 = started, 0 = exited
 *
 * Context: PARENT, child_status.
 */
void es_retained_note_child(pid_t pid, int generation, int is_there);

/**
 * From now on the hubs are saved to their files (server/hub_files.h) when httpd
 * ends.
 *
 * @param pconf  of the configuration that is being read
 *
 * Context: PARENT; once when the module is loaded, so that a configuration with
 * an error saves them, too; and at the end of post_config, when the error log
 * is open.
 */
void es_retained_save_at_exit(apr_pool_t *pconf);

/** es_hub_files_use. Context: PARENT, pre_mpm. */
int es_retained_use_files(server_rec *s);

/** es_hub_files_close, but not in a parent that serves itself (httpd -X).
 * Context: CHILD_INIT. */
void es_retained_close_files(void);

/**
 * Copy the handover sockets of the previous configuration, whose plog is about
 * to close them: this configuration loads the module, too.
 *
 * Context: PARENT, pre_config.
 */
void es_retained_copy_handover(void);

#endif
