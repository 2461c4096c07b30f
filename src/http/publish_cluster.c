/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of the cluster append to the journal and wake the children, so
 * all that is left to a worker is to wait and to answer. What a publisher must
 * know when that fails is whether the broker has the events: if it has, or may
 * have, a publisher without ids of its own would send them twice. Addresses of
 * the broker go to the error log only.
 */
#include "http/publish.h"

#include <http_main.h>

#include "base/clock.h"
#include "base/log.h"
#include "journal/place.h"
#include "cluster/revoke.h"
#include "server/cluster_runtime.h"
#include "server/log.h"
#include "server/stats.h"

/* How long statistics wait for the broker; then they are those of this server.
 * In microseconds. */
#define CLIENTS_WAIT APR_USEC_PER_SEC

/* ---- Refusals ----------------------------------------------------------- */

static int set_unavailable(apr_pool_t *p, const es_cluster_result_t *result,
                           es_problem_t *why)
{
    if (result->is_stored) {
        es_problem_set(why, p, HTTP_SERVICE_UNAVAILABLE,
                       "The broker has stored this, but %s. Sending an event "
                       "again that has an 'id' of its own is safe.",
                       result->why);
    }
    else if (result->maybe_sent) {
        es_problem_set(why, p, HTTP_SERVICE_UNAVAILABLE,
                       "The broker has not confirmed this in time, but may "
                       "have stored it. Sending an event again that has an "
                       "'id' of its own is safe.");
    }
    else {
        es_problem_set(why, p, HTTP_SERVICE_UNAVAILABLE,
                       "The broker cannot store events now. Nothing was "
                       "published.");
    }
    why->retry_after = ES_RETRY_AFTER_S;
    return 0;
}

static void log_unavailable(const es_runtime_hub_t *hub, apr_status_t rv,
                            const es_cluster_result_t *result)
{
    static apr_time_t last_logged[ES_HUBS_MAX]; /* atomic */
    int level = es_log_limit_level(&last_logged[hub->number % ES_HUBS_MAX],
                                   APLOG_WARNING, es_clock_now());

    es_slog(level, rv, ap_server_conf, "ES0807",
            "cannot publish to hub %s through its broker (%s); the publisher "
            "gets 503%s",
            hub->name, result->why,
            result->is_stored    ? ", though the broker has stored it"
            : result->maybe_sent ? ", though the broker may have stored it"
                                 : "");
}

int es_publish_cluster_refuse(const es_runtime_hub_t *hub,
                              const es_batch_t *batch, apr_status_t rv,
                              const es_cluster_result_t *result, apr_pool_t *p,
                              es_problem_t *why)
{
    if (rv == APR_EEXIST && batch) {
        return es_publish_store_refuse_clash(batch, &result->clash, p, why);
    }
    if (rv == APR_ENOSPC) {
        return es_publish_store_refuse_size(hub, p, why);
    }
    log_unavailable(hub, rv, result);
    return set_unavailable(p, result, why);
}

static int no_thread(apr_pool_t *p, es_problem_t *why)
{
    es_cluster_result_t nothing = {0};

    set_unavailable(p, &nothing, why);
    return es_problem_remedy(
        why, ES_REMEDY_NO_EVENTS,
        "This child has no thread that publishes; it logged why when it "
        "started.");
}

/* ---- Publishing --------------------------------------------------------- */

int es_publish_cluster(const es_runtime_hub_t *hub, const es_batch_t *batch,
                       apr_pool_t *p, es_appended_t *done, es_problem_t *why)
{
    es_cluster_publisher_t *publisher = es_cluster_runtime_publisher(hub);
    es_pos_t before = es_store_head(hub->store);
    es_cluster_result_t result = {0};
    apr_status_t rv;

    if (!publisher) {
        return no_thread(p, why);
    }
    rv = es_cluster_publish(publisher, batch, es_cluster_runtime_wait_by(hub),
                            &result);
    es_cluster_runtime_waited();
    if (rv != APR_SUCCESS) {
        return es_publish_cluster_refuse(hub, batch, rv, &result, p, why);
    }
    es_publish_cluster_done(hub, batch->count, before, &result, done);
    return 1;
}

/* The records of the new events, which end with this id. Without GRIP proxies
 * nobody asks for them. */
static void find_records(const es_runtime_hub_t *hub, es_pos_t before,
                         const es_id_t *last_id, int count, es_pos_t *from,
                         es_pos_t *to)
{
    *from = *to = es_store_head(hub->store);
    if (hub->grip && count > 0) {
        es_store_find_batch(hub->store, before, last_id, count, from, to);
    }
}

void es_publish_cluster_done(const es_runtime_hub_t *hub, int events,
                             es_pos_t before, const es_cluster_result_t *result,
                             es_appended_t *done)
{
    memset(done, 0, sizeof(*done));
    done->last_id = result->last_id;
    done->clients = result->clients;
    done->known = result->known;
    find_records(hub, before, &result->last_id, events - result->known,
                 &done->from, &done->head);
    es_stats_count_events(hub, events - result->known);
}

int es_publish_cluster_close(const es_runtime_hub_t *hub, es_slice_t name,
                             apr_int64_t seconds, apr_pool_t *p,
                             es_closed_t *done, es_problem_t *why)
{
    es_cluster_publisher_t *publisher = es_cluster_runtime_publisher(hub);
    es_pos_t before = es_store_head(hub->store);
    es_cluster_result_t result = {0};
    apr_status_t rv;

    if (!publisher) {
        return no_thread(p, why);
    }
    rv = es_cluster_close(publisher, name, seconds,
                          es_cluster_runtime_wait_by(hub), &result);
    es_cluster_runtime_waited();
    if (rv != APR_SUCCESS) {
        return es_publish_cluster_refuse(hub, NULL, rv, &result, p, why);
    }
    done->id = result.last_id;
    done->clients = result.clients;
    find_records(hub, before, &result.last_id, 1, &done->from, &done->head);
    return 1;
}

int es_publish_cluster_revoke(const es_runtime_hub_t *hub,
                              const es_cluster_revoked_t *revoked,
                              apr_pool_t *p, es_problem_t *why)
{
    es_cluster_publisher_t *publisher = es_cluster_runtime_publisher(hub);
    es_cluster_result_t result = {0};
    apr_status_t rv;

    if (!publisher) {
        return no_thread(p, why);
    }
    rv = es_cluster_revoke(publisher, revoked, es_cluster_runtime_wait_by(hub),
                           &result);
    es_cluster_runtime_waited();
    return rv == APR_SUCCESS ||
           es_publish_cluster_refuse(hub, NULL, rv, &result, p, why);
}

/* A broker that is known to be down is not waited for. */
int es_publish_cluster_clients(const es_runtime_hub_t *hub,
                               const es_slice_t *names, int count,
                               apr_uint64_t *clients)
{
    es_cluster_publisher_t *publisher = es_cluster_runtime_publisher(hub);
    apr_time_t soon = es_clock_now() + CLIENTS_WAIT;
    es_cluster_stats_t stats;
    apr_time_t by;
    apr_status_t rv;

    es_cluster_runtime_stats(hub, &stats);
    if (!publisher || !stats.is_up) {
        return 0;
    }
    by = es_cluster_runtime_wait_by(hub);
    rv = es_cluster_clients(publisher, names, count, by < soon ? by : soon,
                            clients);
    es_cluster_runtime_waited();
    return rv == APR_SUCCESS;
}
