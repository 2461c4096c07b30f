/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a child: it claims child numbers, starts its threads, and ends
 * them when it stops. */
#include "server/runtime_priv.h"

#include <unistd.h>

#include <http_main.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/jitter.h"
#include "base/log_queue.h"
#include "base/sigblock.h"
#include "server/cluster_runtime.h"
#include "server/grip_runtime.h"
#include "server/log.h"
#include "server/open_files.h"
#include "server/presence_runtime.h"
#include "server/revocation_runtime.h"
#include "server/stop_reason.h"

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

/* ---- The end ------------------------------------------------------------ */

static apr_status_t join_deliveries(es_runtime_t *runtime, apr_time_t by)
{
    apr_time_t at_least = es_clock_now() + LAST_TURN;

    return es_deliveries_join(&runtime->deliveries,
                              by > at_least ? by : at_least);
}

static apr_status_t leave(void *baton)
{
    es_runtime_t *runtime = baton;
    apr_time_t since;
    apr_status_t rv;

    if (!es_deliveries_is_stopping(&runtime->deliveries)) {
        es_runtime_child_stopping(0);
    }
    es_grip_runtime_stop(); /* at the same time as the deliveries */
    since = runtime->stopping != 0 ? runtime->stopping : es_clock_now();
    rv = join_deliveries(runtime, since + DELIVERY_TIMEOUT);
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

void es_runtime_child_stopping(int graceful)
{
    es_runtime_t *runtime = es_runtime_own();

    if (!es_runtime_is_serving()) {
        return;
    }
    es_deliveries_leave(
        &runtime->deliveries,
        es_stop_reason(graceful, runtime->generation, runtime->is_threaded));
    if (!graceful) {
        runtime->stopping = es_clock_now();
        es_grip_runtime_stop();
        es_cluster_runtime_stop();
    }
}

/* ---- The start ---------------------------------------------------------- */

/* What httpd has made of this process. */
static void look_at_process(es_runtime_t *runtime)
{
    es_jitter_seed();
    es_lock_set_pid((apr_uint32_t)getpid());
    runtime->generation = es_runtime_generation();
    ap_mpm_query(AP_MPMQ_IS_THREADED, &runtime->is_threaded);
    es_sigblock_need(runtime->is_threaded == AP_MPMQ_NOT_SUPPORTED);
}

static void log_no_thread(apr_status_t rv, server_rec *s)
{
    es_slog(APLOG_CRIT, rv, s, "ES0010",
            "cannot start the delivery thread; this child serves no events: "
            "subscribers are asked to reconnect, publishers get 503");
}

/* @return how many child numbers it has now; 0 was logged */
static apr_uint32_t claim(es_runtime_t *runtime, server_rec *s)
{
    apr_uint32_t claimed = es_deliveries_claim(
        &runtime->deliveries, runtime->children, runtime->threads,
        (apr_uint64_t)runtime->generation, (apr_uint64_t)getpid());

    if (claimed == 0) {
        es_slog(APLOG_CRIT, 0, s, "ES0009",
                "all %u child numbers are in use; this child serves no events: "
                "subscribers are asked to reconnect, publishers get 503; if "
                "ServerLimit was raised, stop and start httpd",
                es_children_max(runtime->children));
    }
    return claimed;
}

/* @param claimed  child numbers, which share the descriptors for clients */
static apr_status_t start_deliveries(es_runtime_t *runtime,
                                     apr_uint32_t claimed, apr_pool_t *pchild,
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

/* @param rv  why not all deliveries were started */
static void log_started(const es_runtime_t *runtime, apr_status_t rv,
                        server_rec *s)
{
    if (runtime->deliveries.count < runtime->threads) {
        es_slog(APLOG_WARNING, rv, s, "ES0019",
                "this child has %u delivery thread(s) and not %u",
                runtime->deliveries.count, runtime->threads);
    }
    es_slog(APLOG_INFO, 0, s, "ES0011",
            "child %u: %u delivery thread(s) started", es_runtime_child(),
            runtime->deliveries.count);
}

void es_runtime_child_init(apr_pool_t *pchild, server_rec *s)
{
    es_runtime_t *runtime = es_runtime_own();
    apr_uint32_t claimed;
    apr_status_t rv;

    ES_CONTEXT(ES_CHILD_INIT);
    es_open_files_child_init();
    if (!runtime) {
        return;
    }
    look_at_process(runtime);
    rv = es_log_start_thread(pchild);
    if (rv != APR_SUCCESS) {
        log_no_thread(rv, s);
        return;
    }
    claimed = claim(runtime, s);
    if (claimed == 0) {
        return;
    }
    rv = start_deliveries(runtime, claimed, pchild, s);
    if (runtime->deliveries.count == 0) {
        log_no_thread(rv, s);
        return;
    }
    es_grip_runtime_child_init(es_runtime_child(), pchild, s);
    es_cluster_runtime_child_init(es_runtime_child(), pchild, s);
    apr_pool_pre_cleanup_register(pchild, runtime, leave);
    log_started(runtime, rv, s);
}
