/* SPDX-License-Identifier: Apache-2.0 */
/* What src/http calls in src/server; see the header. */
#include "t/unit/runtime_stub.h"

#include "server/cluster_runtime.h"
#include "server/grip_runtime.h"

runtime_stub_t runtime_stub;

const es_runtime_hub_t *es_runtime_hub(const es_dir_t *conf)
{
    (void)conf;
    return runtime_stub.hub;
}

apr_uint32_t es_runtime_choose_child(void)
{
    return STUB_CHILD;
}

apr_uint32_t es_runtime_child(void)
{
    return STUB_CHILD;
}

apr_uint32_t es_runtime_max_children(void)
{
    return runtime_stub.max_children;
}

es_client_count_t *es_runtime_client_count(es_client_limits_t *limits)
{
    *limits = runtime_stub.limits;
    return runtime_stub.client_count;
}

es_asks_t *es_runtime_asks(void)
{
    return runtime_stub.asks;
}

void es_runtime_wake(const apr_uint64_t *touched)
{
    runtime_stub.woken |= touched[0];
}

es_settings_t *es_settings_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &eventstream_module);
}

/* ---- Statistics -------------------------------------------------------- */

const char *es_stats_name(es_limit_t limit)
{
    static const char *const names[ES_LIMITS] = {
        "CLIENTS",     "ADDRESS_CLIENTS",  "FILES", "HELD",
        "CHANNELS",    "CLIENT_CHANNELS",  "EVENT", "BODY",
        "WAITING",     "ADDRESS_CHANNELS", "HTTP2", "PRESENCE",
        "PUBLISH_RATE"};

    return names[limit];
}

void es_stats_count_limit(es_limit_t limit)
{
    runtime_stub.reached[limit]++;
}

void es_stats_count_path(unsigned int reason)
{
    runtime_stub.paths[reason]++;
}

void es_stats_count_events(const es_runtime_hub_t *hub, int events)
{
    (void)hub;
    runtime_stub.published += events;
}

es_hub_figures_t *es_stats_of_delivery(const es_runtime_hub_t *hub,
                                       apr_uint32_t child)
{
    (void)hub;
    (void)child;
    return &runtime_stub.delivered;
}

void es_stats_count_stream(const es_runtime_hub_t *hub, apr_uint32_t child,
                           apr_size_t bytes)
{
    (void)hub;
    (void)child;
    runtime_stub.by_workers.streams++;
    runtime_stub.by_workers.bytes += bytes;
}

void es_stats_count_reset(const es_runtime_hub_t *hub, apr_uint32_t child)
{
    (void)hub;
    (void)child;
    runtime_stub.by_workers.resets[ES_RESET_RESUME]++;
}

void es_stats_note_publish(const es_runtime_hub_t *hub,
                           apr_interval_time_t time)
{
    (void)hub;
    runtime_stub.batches += time >= 0;
}

/* ---- The sender -------------------------------------------------------- */

void es_grip_runtime_wake(const es_runtime_hub_t *hub)
{
    (void)hub;
    runtime_stub.sender_wakes++;
}

void es_grip_runtime_wait(const es_runtime_hub_t *hub, es_pos_t from,
                          es_pos_t to, int again, apr_time_t by, int *outcomes)
{
    (void)hub;
    runtime_stub.waits[again]++;
    runtime_stub.wait_from[again] = from;
    runtime_stub.wait_to[again] = to;
    runtime_stub.wait_by[again] = by;
    memcpy(outcomes, runtime_stub.outcomes[again],
           sizeof(runtime_stub.outcomes[again]));
}

/* ---- The cluster --------------------------------------------------------- */

es_cluster_publisher_t *es_cluster_runtime_publisher(
    const es_runtime_hub_t *hub)
{
    (void)hub;
    return runtime_stub.publisher;
}

apr_time_t es_cluster_runtime_wait_by(const es_runtime_hub_t *hub)
{
    (void)hub;
    runtime_stub.broker_waits++;
    return STUB_WAIT_BY;
}

void es_cluster_runtime_waited(void)
{
    runtime_stub.broker_waits--;
}

void es_cluster_runtime_stats(const es_runtime_hub_t *hub,
                              es_cluster_stats_t *stats)
{
    (void)hub;
    memset(stats, 0, sizeof(*stats));
    stats->is_up = runtime_stub.is_up;
}

apr_uint64_t es_cluster_runtime_now_ms(const es_runtime_hub_t *hub)
{
    (void)hub;
    return runtime_stub.broker_now_ms;
}

void es_cluster_runtime_wait_synced(const es_runtime_hub_t *hub)
{
    (void)hub;
    runtime_stub.sync_waits++;
}

apr_time_t es_cluster_runtime_behind_by(const es_runtime_hub_t *hub,
                                        es_slice_t id)
{
    (void)hub, (void)id;
    runtime_stub.broker_waits++;
    return runtime_stub.behind_by;
}

int es_cluster_runtime_wait_behind(apr_time_t by)
{
    (void)by;
    if (runtime_stub.behind_looks == 0) {
        return 0;
    }
    runtime_stub.behind_looks--;
    if (runtime_stub.on_behind != NULL) {
        runtime_stub.on_behind();
    }
    return 1;
}

int es_cluster_runtime_is_doubtful(const es_runtime_hub_t *hub,
                                   const es_id_t *id)
{
    (void)hub, (void)id;
    return runtime_stub.is_doubtful;
}

int es_cluster_runtime_is_behind(const es_runtime_hub_t *hub, apr_time_t since)
{
    (void)hub, (void)since;
    return runtime_stub.is_behind;
}
