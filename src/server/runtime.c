/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each process has one runtime. The parent attaches to the retained memory
 * each time it has read the configuration. Its children inherit that by fork;
 * each claims child numbers and starts deliveries of its own
 * (runtime_child.c).
 */
#include "server/runtime_priv.h"

#include <apr_strings.h>

#include "base/context.h"
#include "server/cluster_runtime.h"
#include "server/exits.h"
#include "server/grip_runtime.h"
#include "server/lock_watch.h"
#include "server/log.h"
#include "server/open_files.h"
#include "server/presence_runtime.h"
#include "server/retained.h"
#include "server/revocation_runtime.h"
#include "server/stop_reason.h"
#include "server/threads.h"

/* Of the current configuration; lives in its pool. */
static es_runtime_t *runtime;

es_runtime_t *es_runtime_own(void)
{
    return runtime;
}

static apr_status_t forget_runtime(void *unused)
{
    (void)unused;
    runtime = NULL;
    return APR_SUCCESS;
}

static apr_interval_time_t lock_timeout(const server_rec *s)
{
    const es_settings_t *global = es_settings_of(s);

    return global->lock_timeout_us != 0 ? global->lock_timeout_us
                                        : ES_LOCK_TIMEOUT_US;
}

/* Attaches to one hub. @return OK, or HTTP_INTERNAL_SERVER_ERROR */
static int attach_hub(es_runtime_t *made, const es_retained_hub_t *hub,
                      server_rec *s, apr_pool_t *pool)
{
    const es_hub_conf_t *named = es_hub_segments_conf(hub, es_settings_of(s));
    es_runtime_hub_t *view = apr_pcalloc(pool, sizeof(*view));
    apr_uint32_t number = made->nhubs;
    apr_status_t rv =
        es_store_attach(&view->store, hub->mem, hub->size, &hub->params, pool);
    int rc;

    if (rv != APR_SUCCESS) {
        es_slog(APLOG_ERR, rv, s, "ES0006",
                "cannot use the shared memory of hub %s; the hub stays off "
                "until httpd is restarted (not gracefully)",
                hub->name);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    view->name = hub->name;
    view->counter = hub->counter;
    view->number = number;
    view->grip = named ? named->grip : NULL;
    es_store_set_lock_wait(view->store, lock_timeout(s));
    made->closed[number] = !named;
    made->names[number] = apr_pstrdup(pool, hub->name);
    made->hub_counters[number] = hub->counter;
    made->stores[number] = view->store;
    made->nhubs++;
    if (named) {
        view->grip_prefix = named->grip_prefix;
        view->history = named->history;
        view->age_us = named->age_us;
        view->cluster = named->cluster;
        apr_hash_set(made->hubs, hub->name, APR_HASH_KEY_STRING, view);
    }
    rc = es_grip_runtime_add(view, s);
    es_cluster_runtime_add(view, hub->cluster, hub->made, s);
    return rc;
}

/* Attaches to every retained hub, configured or not: when a child dies, its
 * counts must be cleared in all of them. */
static int attach_hubs(es_runtime_t *made, es_retained_t *retained,
                       server_rec *s, apr_pool_t *pool)
{
    apr_uint32_t i, nhubs = retained->nhubs;
    int rc = es_grip_runtime_open(&retained->outboxes, retained->max_children,
                                  nhubs, s, pool);

    es_cluster_runtime_open(made->children, nhubs, pool);
    made->hubs = apr_hash_make(pool);
    made->stores = apr_pcalloc(pool, sizeof(*made->stores) * nhubs);
    made->names = apr_pcalloc(pool, sizeof(*made->names) * nhubs);
    made->hub_counters = apr_pcalloc(pool, sizeof(*made->hub_counters) * nhubs);
    made->child_pids = &retained->child_pids;
    made->closed = apr_pcalloc(pool, nhubs);
    for (i = 0; i < nhubs; i++) {
        if (attach_hub(made, &retained->hubs[i], s, pool) != OK) {
            rc = HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return rc;
}

static void set_limits(es_runtime_t *made, const es_settings_t *global)
{
    made->limits.clients = (apr_uint32_t)global->max_clients;
    made->limits.address_clients = (apr_uint32_t)global->max_address_clients;
    made->limits.user_clients = (apr_uint32_t)global->max_user_clients;
    made->limits.address_channels = (apr_uint32_t)global->max_address_channels;
    made->limits.child_clients = es_open_files_clients();
}

int es_runtime_generation(void)
{
    int generation = 0;

    ap_mpm_query(AP_MPMQ_GENERATION, &generation);
    return generation;
}

/* At a restart an error of post_config would end the running server, with all
 * the sites that do not use this module. */
static int is_restart(void)
{
    return es_runtime_generation() > 0;
}

/* What is left out if there is no memory for it: it only counts or limits. */
static void attach_extras(es_runtime_t *made, es_retained_t *retained,
                          server_rec *s, apr_pool_t *pool)
{
    apr_uint32_t max_children = retained->max_children;
    void *users = es_retained_users(max_children, s);
    void *asks = es_retained_asks(s);
    void *rates = es_retained_rates(s);
    void *figures = es_retained_figures(max_children, s);

    es_client_count_attach_users(made->client_count, users);
    made->asks = asks ? es_asks_attach(asks) : NULL;
    made->rates = rates ? es_rates_attach(rates) : NULL;
    made->figures =
        figures ? es_child_figures_attach(figures, max_children, pool) : NULL;
    es_presence_runtime_open(s, pool);
    es_revocation_runtime_open(s, pool);
}

static int attach(es_runtime_t *made, es_retained_t *retained, server_rec *s,
                  apr_pool_t *pool)
{
    apr_status_t rv = es_children_attach(
        &made->children, retained->children, retained->children_size,
        retained->max_children, retained->wake, pool);

    if (rv != APR_SUCCESS) {
        es_slog(APLOG_ERR, rv, s, "ES0012",
                "cannot use the shared table of children; event streams stay "
                "off until httpd is stopped and started");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    made->client_count = es_client_count_attach(retained->client_count,
                                                retained->max_children, pool);
    made->counters = es_counters_attach(retained->counters);
    attach_extras(made, retained, s, pool);
    set_limits(made, es_settings_of(s));
    made->handover = retained->handover;
    es_children_open(made->children, (apr_uint64_t)es_runtime_generation(),
                     (apr_uint64_t)retained->handover_since);
    runtime = made;
    apr_pool_cleanup_register(pool, NULL, forget_runtime,
                              apr_pool_cleanup_null);
    return attach_hubs(made, retained, s, pool);
}

/* Reaps children that exited while a configuration without this module was
 * active: their child_status hook never reached us. */
static void reap_unseen(const es_child_pids_t *child_pids)
{
    apr_uint32_t child;

    for (child = es_children_max(runtime->children); child > 0; child--) {
        apr_uint64_t pid = es_children_pid(runtime->children, child);

        if (pid != 0 && !es_child_pids_has(child_pids, pid)) {
            es_runtime_reap((pid_t)pid);
        }
    }
}

/* Without that of the status page. */
static unsigned int count_hubs(const es_runtime_t *made)
{
    return apr_hash_count(made->hubs) -
           (apr_hash_get(made->hubs, ES_HUB_STATUS, APR_HASH_KEY_STRING) !=
            NULL);
}

int es_runtime_open(apr_pool_t *pconf, apr_pool_t *plog, server_rec *s)
{
    es_runtime_t *made = apr_pcalloc(pconf, sizeof(*made));
    es_retained_t *retained;
    int rc;

    ES_CONTEXT(ES_PARENT);
    es_open_files_raise(pconf, s); /* the wake-up descriptors need it, too */
    rc = es_retained_open(&retained, es_runtime_generation(), plog, s);
    if (retained && attach(made, retained, s, pconf) != OK) {
        rc = HTTP_INTERNAL_SERVER_ERROR;
    }
    if (runtime) {
        reap_unseen(&retained->child_pids);
    }
    if (runtime) {
        made->threads = es_threads_decide(s, es_retained_threads(retained));
        es_slog(APLOG_NOTICE, 0, s, "ES0007",
                "event streams ready: %u hub(s), at most %u clients in each "
                "child",
                count_hubs(made), made->limits.child_clients);
        es_exits_wait(made->children, made->client_count, &retained->child_pids,
                      es_runtime_generation());
    }
    return is_restart() ? OK : rc;
}

int es_runtime_is_stopping(void)
{
    return es_runtime_is_serving() &&
           (es_deliveries_is_stopping(&runtime->deliveries) ||
            es_stop_reason_is_due(runtime->generation, runtime->is_threaded));
}

void es_runtime_watch_locks(server_rec *s)
{
    ES_CONTEXT(ES_PARENT);
    if (runtime) {
        es_lock_watch_look(runtime->stores, runtime->names, runtime->nhubs,
                           runtime->child_pids, s);
        es_grip_runtime_watch(runtime->child_pids, s);
        es_presence_runtime_watch(runtime->child_pids, s);
    }
}

void es_runtime_reap(pid_t pid)
{
    apr_uint32_t child, i, turns;

    ES_CONTEXT(ES_PARENT);
    if (!runtime) {
        return;
    }
    /* a bounded number of turns, because children write to that memory */
    for (turns = es_children_max(runtime->children); turns > 0; turns--) {
        child = es_children_find(runtime->children, (apr_uint64_t)pid);
        if (child == 0) {
            return;
        }
        for (i = 0; i < runtime->nhubs; i++) {
            es_store_reap(runtime->stores[i], child);
        }
        es_client_count_clear(runtime->client_count, child);
        if (runtime->figures) {
            es_child_figures_clear(runtime->figures, child);
        }
        es_presence_runtime_reap(child);
        es_children_free(runtime->children, child);
    }
}

const es_runtime_hub_t *es_runtime_hub_named(const char *name)
{
    if (!es_runtime_is_serving()) {
        return NULL;
    }
    return apr_hash_get(runtime->hubs, name, APR_HASH_KEY_STRING);
}

const es_runtime_hub_t *es_runtime_hub(const es_dir_t *conf)
{
    return es_runtime_hub_named(es_settings_hub_name(conf));
}

int es_runtime_is_serving(void)
{
    return runtime && runtime->deliveries.count > 0;
}

es_delivery_t *es_runtime_delivery(apr_uint32_t child)
{
    return runtime ? es_deliveries_of(&runtime->deliveries, child) : NULL;
}

apr_uint32_t es_runtime_choose_child(void)
{
    return runtime ? es_deliveries_choose(&runtime->deliveries,
                                          runtime->client_count)
                   : 0;
}

apr_uint32_t es_runtime_child(void)
{
    return es_runtime_is_serving() ? runtime->deliveries.children[0] : 0;
}

const es_children_t *es_runtime_children(void)
{
    return runtime->children;
}

apr_uint32_t es_runtime_own_child(int i)
{
    return runtime && (apr_uint32_t)i < runtime->deliveries.count
               ? runtime->deliveries.children[i]
               : 0;
}

apr_uint32_t es_runtime_max_children(void)
{
    return runtime ? es_children_max(runtime->children) : 0;
}

es_client_count_t *es_runtime_client_count(es_client_limits_t *limits)
{
    *limits = runtime->limits;
    return runtime->client_count;
}

es_counters_t *es_runtime_counters(void)
{
    return runtime ? runtime->counters : NULL;
}

const es_child_figures_t *es_runtime_figures(void)
{
    return runtime ? runtime->figures : NULL;
}

es_asks_t *es_runtime_asks(void)
{
    return runtime ? runtime->asks : NULL;
}

es_rates_t *es_runtime_rates(void)
{
    return runtime ? runtime->rates : NULL;
}

void es_runtime_wake(const apr_uint64_t *touched)
{
    apr_uint32_t max_children = es_runtime_max_children(), child;

    for (child = 1; child <= max_children; child++) {
        if (touched[(child - 1) / 64] >> ((child - 1) % 64) & 1) {
            es_children_wake(runtime->children, child);
        }
    }
}

void es_runtime_wake_all(void)
{
    apr_uint32_t max_children = es_runtime_max_children(), child;

    for (child = 1; child <= max_children; child++) {
        if (es_children_is_present(runtime->children, child)) {
            es_children_wake(runtime->children, child);
        }
    }
}
