/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In a clustered hub a server publishes no joins and leaves of its own. It
 * tells the broker which names it has, and the broker's script publishes when
 * the first server has a name, or the last one has it no more. So nothing is
 * lost when it is not known whether the broker has got something: it is told
 * again.
 *
 * A broker that does not know this server (it was emptied, or this server was
 * away for long) does nothing. Then all that was told is forgotten here, before
 * the server begins there: what is told in between is not done either.
 *
 * What was told over a link that has failed may arrive after it was told again,
 * and after the name has left: the broker refuses it, as it has a lower fence
 * (shm/presence.h). That another child was telling at the same time, and is
 * refused for that, is rare; it tells again.
 */
#include "http/presence.h"

#include <apr_strings.h>
#include <http_main.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/cluster_runtime.h"
#include "server/log.h"
#include "server/presence_runtime.h"
#include "server/stats.h"

/* How long a list waits for the broker, in microseconds. */
#define WHO_WAIT APR_USEC_PER_SEC
/* Calls of a server that begins. Each takes away a thousand of the names that
 * it had. */
#define BEGINS_MAX 300

/* @return as es_cluster_presence_tell; also APR_EGENERAL: this child has no
 * publisher */
static apr_status_t tell(const es_runtime_hub_t *hub, int begins,
                         apr_uint64_t fence, const es_cluster_told_t *told,
                         int count, es_cluster_heard_t *heard,
                         es_cluster_result_t *result)
{
    es_cluster_publisher_t *publisher = es_cluster_runtime_publisher(hub);
    apr_status_t rv;

    *heard = ES_CLUSTER_NOT_KNOWN;
    memset(result, 0, sizeof(*result));
    if (!publisher) {
        apr_cpystrn(result->why, "this child has no thread that publishes",
                    sizeof(result->why));
        return APR_EGENERAL;
    }
    rv = es_cluster_presence_tell(publisher, begins, fence, told, count,
                                  es_cluster_runtime_wait_by(hub), heard,
                                  result);
    es_cluster_runtime_waited();
    if (rv == APR_SUCCESS && *heard == ES_CLUSTER_HEARD) {
        es_stats_count_events(hub, (int)result->clients);
    }
    return rv;
}

/* ---- What has changed ---------------------------------------------------- */

void es_presence_cluster_tell(const es_runtime_hub_t *hub, es_presence_t *table,
                              const es_presence_event_t *const *events,
                              int count, apr_pool_t *p)
{
    es_cluster_told_t *list = apr_palloc(p, sizeof(*list) * (apr_size_t)count);
    es_presence_told_t told = ES_PRESENCE_TOLD;
    es_cluster_result_t result;
    es_cluster_heard_t heard;
    int i;

    for (i = 0; i < count; i++) {
        list[i].is_join = events[i]->kind == ES_PRESENCE_JOIN;
        list[i].channel = es_slice(events[i]->channel, events[i]->channel_len);
        list[i].name = es_slice(events[i]->name, events[i]->name_len);
        list[i].clients = events[i]->clients;
        list[i].serial = events[i]->serial;
    }
    if (tell(hub, 0, events[0]->fence, list, count, &heard, &result) !=
        APR_SUCCESS) {
        told = ES_PRESENCE_UNKNOWN;
        es_presence_log_failed(hub, apr_pstrcat(p, result.why, ".", NULL));
    }
    else if (heard == ES_CLUSTER_NOT_KNOWN) {
        told = ES_PRESENCE_NOT_TOLD; /* until this server has begun */
    }
    else if (heard == ES_CLUSTER_TOLD_LATE) {
        told = ES_PRESENCE_UNKNOWN; /* of an earlier time that it was told */
    }
    for (i = 0; i < count; i++) {
        es_presence_told(table, events[i], told, es_clock_now());
    }
}

/* ---- This server lives --------------------------------------------------- */

static void begin(const es_runtime_hub_t *hub, es_presence_t *table)
{
    es_id_t epoch = es_store_epoch(hub->store);
    es_cluster_result_t result;
    es_cluster_heard_t heard = ES_CLUSTER_NOT_KNOWN;
    int calls = 0;
    apr_status_t rv = es_presence_forget(table, &epoch, es_clock_now());

    while (rv == APR_SUCCESS && heard != ES_CLUSTER_HEARD &&
           calls++ < BEGINS_MAX) {
        rv = tell(hub, 1, es_presence_fence(table), NULL, 0, &heard, &result);
    }
    if (rv == APR_SUCCESS && heard == ES_CLUSTER_HEARD) {
        es_slog(APLOG_INFO, 0, ap_server_conf, "ES0419",
                "hub %s: the broker did not know which names are present on "
                "this server; it is told all of them",
                hub->name);
    }
}

/* A broker that is known to be down is not waited for. */
static void keep(const es_runtime_hub_t *hub, es_presence_t *table)
{
    es_cluster_result_t result;
    es_cluster_stats_t stats;
    es_cluster_heard_t heard;

    es_cluster_runtime_stats(hub, &stats);
    if (stats.is_up &&
        tell(hub, 0, es_presence_fence(table), NULL, 0, &heard, &result) ==
            APR_SUCCESS &&
        heard == ES_CLUSTER_NOT_KNOWN) {
        begin(hub, table);
    }
}

void es_presence_cluster_keep(es_presence_t *table, apr_pool_t *p)
{
    const apr_array_header_t *hubs = es_settings_of(ap_server_conf)->hubs;
    int i;

    (void)p;
    for (i = 0; i < hubs->nelts; i++) {
        const es_runtime_hub_t *hub =
            es_runtime_hub_named(APR_ARRAY_IDX(hubs, i, es_hub_conf_t).name);

        if (hub && hub->cluster) {
            keep(hub, table);
        }
    }
}

/* ---- Who is there -------------------------------------------------------- */

int es_presence_cluster_who(const es_runtime_hub_t *hub, es_slice_t channel,
                            es_slice_t after, es_cluster_named_t *named,
                            int max)
{
    es_cluster_publisher_t *publisher = es_cluster_runtime_publisher(hub);
    apr_time_t soon = es_clock_now() + WHO_WAIT;
    es_cluster_stats_t stats;
    apr_status_t rv;
    apr_time_t by;
    int count;

    es_cluster_runtime_stats(hub, &stats);
    if (!publisher || !stats.is_up) {
        return -1;
    }
    by = es_cluster_runtime_wait_by(hub);
    rv = es_cluster_presence_who(publisher, channel, after, named, max,
                                 by < soon ? by : soon, &count);
    es_cluster_runtime_waited();
    return rv == APR_SUCCESS ? count : -1;
}
