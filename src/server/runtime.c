/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each process has one runtime. The parent attaches to the retained memory
 * each time it has read the configuration. Its children inherit that by fork;
 * each claims child numbers and starts deliveries of its own.
 */
#include "server/runtime.h"

#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_main.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/jitter.h"
#include "base/log_queue.h"
#include "base/sigblock.h"
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

/* How long an exiting child waits for its threads. Both stop at the same time
 * and both limits count from the same moment, because httpd kills the child
 * after 9 s. The delivery waits up to 3 s for the parent, then has 1 s to hand
 * its clients over and 2 s to let the others read the end of their streams
 * (deliver/shutdown.c). The GRIP sender has 2 s for requests in flight. At
 * graceful the threads of the cluster stop only when the deliveries have, since
 * these still have clients until then. */
#define DELIVERY_TIMEOUT (13 * APR_USEC_PER_SEC / 2)
#define SENDER_TIMEOUT (5 * APR_USEC_PER_SEC / 2)
#define CLUSTER_TIMEOUT APR_USEC_PER_SEC
/* For the delivery's last turn, if the workers took all of that time. */
#define LAST_TURN (APR_USEC_PER_SEC / 2)

typedef struct es_runtime_t {
    es_children_t *children;
    es_client_count_t *client_count;
    es_counters_t *counters;
    const es_child_figures_t *figures; /* NULL = none could be made */
    es_asks_t *asks;                   /* NULL = none could be made */
    es_rates_t *rates;                 /* NULL = none could be made */
    es_client_limits_t limits;
    apr_hash_t *hubs;    /* name → es_runtime_hub_t */
    es_store_t **stores; /* by number; includes hubs no longer configured */
    const char **names;  /* by number */
    apr_uint32_t *hub_counters;        /* by number */
    const es_child_pids_t *child_pids; /* retained; of the parent */
    unsigned char *closed;             /* by number; 1 = no longer configured */
    es_handover_sockets_t handover;
    apr_uint32_t nhubs;
    int generation;             /* of this child */
    int is_threaded;            /* the MPM is */
    apr_uint32_t threads;       /* the deliveries that each child wants */
    es_deliveries_t deliveries; /* none in the parent */
    apr_time_t stopping;        /* es_clock_now when an ungraceful stop began;
                              * 0 = none began */
} es_runtime_t;

/* Of the current configuration; lives in its pool. */
static es_runtime_t *runtime;

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

/* Attaches to every retained hub, configured or not: when a child dies, its
 * counts must be cleared in all of them. */
static int attach_hubs(es_runtime_t *made, es_retained_t *retained,
                       server_rec *s, apr_pool_t *pool)
{
    apr_uint32_t i;
    int rc = es_grip_runtime_open(&retained->outboxes, retained->max_children,
                                  retained->nhubs, s, pool);

    es_cluster_runtime_open(made->children, retained->nhubs, pool);
    made->hubs = apr_hash_make(pool);
    made->stores = apr_pcalloc(pool, sizeof(*made->stores) * retained->nhubs);
    made->names = apr_pcalloc(pool, sizeof(*made->names) * retained->nhubs);
    made->hub_counters =
        apr_pcalloc(pool, sizeof(*made->hub_counters) * retained->nhubs);
    made->child_pids = &retained->child_pids;
    made->closed = apr_pcalloc(pool, retained->nhubs);
    for (i = 0; i < retained->nhubs; i++) {
        const es_retained_hub_t *hub = &retained->hubs[i];
        const es_hub_conf_t *named =
            es_hub_segments_conf(hub, es_settings_of(s));
        es_runtime_hub_t *view = apr_pcalloc(pool, sizeof(*view));
        apr_status_t rv = es_store_attach(&view->store, hub->mem, hub->size,
                                          &hub->params, pool);

        if (rv != APR_SUCCESS) {
            es_slog(APLOG_ERR, rv, s, "ES0006",
                    "cannot use the shared memory of hub %s; the hub stays off "
                    "until httpd is restarted (not gracefully)",
                    hub->name);
            rc = HTTP_INTERNAL_SERVER_ERROR;
            continue;
        }
        view->name = hub->name;
        view->counter = hub->counter;
        view->number = made->nhubs;
        view->grip = named ? named->grip : NULL;
        es_store_set_lock_wait(view->store, lock_timeout(s));
        made->closed[made->nhubs] = !named;
        made->names[made->nhubs] = apr_pstrdup(pool, hub->name);
        made->hub_counters[made->nhubs] = hub->counter;
        made->stores[made->nhubs++] = view->store;
        if (named) {
            view->grip_prefix = named->grip_prefix;
            view->history = named->history;
            view->age_us = named->age_us;
            view->cluster = named->cluster;
            apr_hash_set(made->hubs, hub->name, APR_HASH_KEY_STRING, view);
        }
        if (es_grip_runtime_add(view, s) != OK) {
            rc = HTTP_INTERNAL_SERVER_ERROR;
        }
        es_cluster_runtime_add(view, hub->cluster, hub->made, s);
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

static int generation_now(void)
{
    int generation = 0;

    ap_mpm_query(AP_MPMQ_GENERATION, &generation);
    return generation;
}

/* At a restart an error of post_config would end the running server, with all
 * the sites that do not use this module. */
static int is_restart(void)
{
    return generation_now() > 0;
}

static int attach(es_runtime_t *made, es_retained_t *retained, server_rec *s,
                  apr_pool_t *pool)
{
    apr_status_t rv = es_children_attach(
        &made->children, retained->children, retained->children_size,
        retained->max_children, retained->wake, pool);
    void *asks, *figures, *rates;

    if (rv != APR_SUCCESS) {
        es_slog(APLOG_ERR, rv, s, "ES0012",
                "cannot use the shared table of children; event streams stay "
                "off until httpd is stopped and started");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    made->client_count = es_client_count_attach(retained->client_count,
                                                retained->max_children, pool);
    es_client_count_attach_users(made->client_count,
                                 es_retained_users(retained->max_children, s));
    made->counters = es_counters_attach(retained->counters);
    asks = es_retained_asks(s);
    made->asks = asks ? es_asks_attach(asks) : NULL;
    rates = es_retained_rates(s);
    made->rates = rates ? es_rates_attach(rates) : NULL;
    figures = es_retained_figures(retained->max_children, s);
    made->figures =
        figures ? es_child_figures_attach(figures, retained->max_children, pool)
                : NULL;
    es_presence_runtime_open(s, pool);
    es_revocation_runtime_open(s, pool);
    set_limits(made, es_settings_of(s));
    made->handover = retained->handover;
    es_children_open(made->children, (apr_uint64_t)generation_now(),
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
    rc = es_retained_open(&retained, generation_now(), plog, s);
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
                      generation_now());
    }
    return is_restart() ? OK : rc;
}

static apr_status_t join_deliveries(apr_time_t by)
{
    apr_time_t at_least = es_clock_now() + LAST_TURN;

    return es_deliveries_join(&runtime->deliveries,
                              by > at_least ? by : at_least);
}

static apr_status_t leave(void *unused)
{
    apr_time_t since;
    apr_status_t rv;

    (void)unused;
    if (!es_deliveries_is_stopping(&runtime->deliveries)) {
        es_runtime_child_stopping(0);
    }
    es_grip_runtime_stop(); /* at the same time as the deliveries */
    since = runtime->stopping != 0 ? runtime->stopping : es_clock_now();
    rv = join_deliveries(since + DELIVERY_TIMEOUT);
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_WARNING, rv, ap_server_conf, "ES0008",
                "a delivery thread did not exit in time; its streams are "
                "cut, and their clients reconnect");
    }
    es_grip_runtime_join(since + SENDER_TIMEOUT, ap_server_conf);
    es_cluster_runtime_join(es_clock_now() + CLUSTER_TIMEOUT, ap_server_conf);
    (void)es_log_queue_stop(LAST_TURN); /* what hangs in it ends with us */
    return APR_SUCCESS;
}

/* @param claimed  child numbers, which share the descriptors for clients */
static apr_status_t start_deliveries(apr_uint32_t claimed, apr_pool_t *pchild,
                                     server_rec *s)
{
    es_delivery_params_t params = {0};

    params.children = runtime->children;
    params.hubs = runtime->stores;
    params.nhubs = runtime->nhubs;
    params.drain_ms = es_settings_of(s)->drain_us / 1000;
    params.flow_control_us = es_settings_of(s)->flow_control_us;
    params.closed = runtime->closed;
    params.client_count = runtime->client_count;
    params.figures = runtime->figures;
    params.counters = runtime->hub_counters;
    params.presence = es_presence_runtime_table();
    params.revocations = es_revocation_runtime_table();
    if (runtime->limits.child_clients > claimed) {
        runtime->limits.child_clients /= claimed;
    }
    params.clients_max = runtime->limits.child_clients;
    params.handover = &runtime->handover;
    params.running = es_stop_reason_generation();
    params.generation = (apr_uint64_t)runtime->generation;
    return es_deliveries_start(&runtime->deliveries, &params, pchild);
}

static void log_no_thread(apr_status_t rv, server_rec *s)
{
    es_slog(APLOG_CRIT, rv, s, "ES0010",
            "cannot start the delivery thread; this child serves no events: "
            "subscribers are asked to reconnect, publishers get 503");
}

void es_runtime_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_uint32_t claimed;
    apr_status_t rv;

    ES_CONTEXT(ES_CHILD_INIT);
    es_open_files_child_init();
    if (!runtime) {
        return;
    }
    es_jitter_seed();
    es_lock_set_pid((apr_uint32_t)getpid());
    runtime->generation = generation_now();
    ap_mpm_query(AP_MPMQ_IS_THREADED, &runtime->is_threaded);
    es_sigblock_need(runtime->is_threaded == AP_MPMQ_NOT_SUPPORTED);
    rv = es_log_start_thread(pchild);
    if (rv != APR_SUCCESS) {
        log_no_thread(rv, s);
        return;
    }
    claimed = es_deliveries_claim(
        &runtime->deliveries, runtime->children, runtime->threads,
        (apr_uint64_t)runtime->generation, (apr_uint64_t)getpid());
    if (claimed == 0) {
        es_slog(APLOG_CRIT, 0, s, "ES0009",
                "all %u child numbers are in use; this child serves no events: "
                "subscribers are asked to reconnect, publishers get 503; if "
                "ServerLimit was raised, stop and start httpd",
                es_children_max(runtime->children));
        return;
    }
    rv = start_deliveries(claimed, pchild, s);
    if (runtime->deliveries.count == 0) {
        log_no_thread(rv, s);
        return;
    }
    es_grip_runtime_child_init(es_runtime_child(), pchild, s);
    es_cluster_runtime_child_init(es_runtime_child(), pchild, s);
    apr_pool_pre_cleanup_register(pchild, NULL, leave);
    if (runtime->deliveries.count < runtime->threads) {
        es_slog(APLOG_WARNING, rv, s, "ES0019",
                "this child has %u delivery thread(s) and not %u",
                runtime->deliveries.count, runtime->threads);
    }
    es_slog(APLOG_INFO, 0, s, "ES0011",
            "child %u: %u delivery thread(s) started", es_runtime_child(),
            runtime->deliveries.count);
}

void es_runtime_child_stopping(int graceful)
{
    if (es_runtime_is_serving()) {
        es_deliveries_leave(&runtime->deliveries,
                            es_stop_reason(graceful, runtime->generation,
                                           runtime->is_threaded));
        if (!graceful) {
            runtime->stopping = es_clock_now();
            es_grip_runtime_stop();
            es_cluster_runtime_stop();
        }
    }
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
