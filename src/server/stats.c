/* SPDX-License-Identifier: Apache-2.0 */
/* Assigns the shared counters: the limits come first, then the reasons of the
 * output path for which a client is not detached, then the obstacles to
 * detaching one over TLS, then one for each hub.
 * Hubs beyond the last counter are not counted. */
#include "server/stats.h"

#include "shm/counters.h"

#define PATHS_AT 40
#define OBSTACLES_AT 48
#define HUBS_AT 64

typedef char assert_limits_fit[ES_LIMITS <= PATHS_AT ? 1 : -1];
typedef char
    assert_paths_fit[PATHS_AT + ES_STATS_PATHS <= OBSTACLES_AT ? 1 : -1];
typedef char
    assert_obstacles_fit[OBSTACLES_AT + ES_STATS_OBSTACLES <= HUBS_AT ? 1 : -1];
typedef char assert_hubs_fit[HUBS_AT + ES_HUBS_MAX <= ES_COUNTERS_MAX ? 1 : -1];

static const char *const names[ES_LIMITS] = {
    "EventStreamMaxClients",     "EventStreamMaxClientsPerAddress",
    "the child's open files",    "EventStreamMaxHeld",
    "EventStreamMaxChannels",    "EventStreamMaxChannelsPerClient",
    "EventStreamMaxEventSize",   "EventStreamMaxBody",
    "EventStreamGripMaxWaiting", "EventStreamMaxChannelsPerAddress",
    "EventStreamHttp2",          "EventStreamMaxPresence",
    "EventStreamPublishRate",    "EventStreamMaxClientsPerUser",
};

const char *es_stats_name(es_limit_t limit)
{
    return names[limit];
}

static void add(apr_uint32_t counter, apr_uint64_t n)
{
    es_counters_t *counters = es_runtime_counters();

    if (counters) {
        es_counters_add(counters, counter, n);
    }
}

static apr_uint64_t value_of(apr_uint32_t counter)
{
    es_counters_t *counters = es_runtime_counters();

    return counters ? es_counters_read(counters, counter) : 0;
}

void es_stats_count_limit(es_limit_t limit)
{
    add(limit, 1);
}

void es_stats_count_obstacle(unsigned int obstacle)
{
    if (obstacle < ES_STATS_OBSTACLES) {
        add(OBSTACLES_AT + obstacle, 1);
    }
}

void es_stats_count_path(unsigned int reason)
{
    if (reason < ES_STATS_PATHS) {
        add(PATHS_AT + reason, 1);
    }
}

void es_stats_count_events(const es_runtime_hub_t *hub, int events)
{
    add(HUBS_AT + hub->counter, (apr_uint64_t)events);
}

/* ---- by child ------------------------------------------------------------ */

es_hub_figures_t *es_stats_of_delivery(const es_runtime_hub_t *hub,
                                       apr_uint32_t child)
{
    const es_child_figures_t *figures = es_runtime_figures();
    es_delivery_figures_t *own =
        figures ? es_child_figures_delivery(figures, child) : NULL;

    return own && hub->counter < ES_CHILD_FIGURES_HUBS
               ? &own->hubs[hub->counter].counts
               : NULL;
}

static es_worker_figures_t *of_workers(const es_runtime_hub_t *hub,
                                       apr_uint32_t child)
{
    const es_child_figures_t *figures = es_runtime_figures();

    return figures && hub->counter < ES_CHILD_FIGURES_HUBS
               ? es_child_figures_workers(figures, child)
               : NULL;
}

static es_worker_hub_t *of_hub(const es_runtime_hub_t *hub, apr_uint32_t child)
{
    es_worker_figures_t *workers = of_workers(hub, child);

    return workers ? &workers->hubs[hub->counter] : NULL;
}

void es_stats_add_held(const es_runtime_hub_t *hub, apr_uint32_t child,
                       es_hub_figures_t *own)
{
    es_worker_hub_t *shared = of_hub(hub, child);

    if (shared) {
        es_child_figures_add_shared(&shared->counts, own);
    }
}

void es_stats_add_held_client(const es_runtime_hub_t *hub, apr_uint32_t child,
                              int n)
{
    es_worker_figures_t *workers = of_workers(hub, child);

    if (workers) {
        __atomic_fetch_add(&workers->clients[hub->counter],
                           (apr_uint64_t)(apr_int64_t)n, __ATOMIC_RELAXED);
    }
}

void es_stats_note_held_lag(const es_runtime_hub_t *hub, apr_uint32_t child,
                            apr_uint32_t lag_us)
{
    es_worker_hub_t *shared = of_hub(hub, child);

    if (shared) {
        es_histogram_add_shared(&shared->lag, &es_histogram_times, lag_us);
    }
}

void es_stats_count_stream(const es_runtime_hub_t *hub, apr_uint32_t child,
                           apr_size_t bytes)
{
    es_hub_figures_t one = {0};

    one.streams = 1;
    one.bytes = bytes;
    es_stats_add_held(hub, child, &one);
}

void es_stats_count_reset(const es_runtime_hub_t *hub, apr_uint32_t child)
{
    es_hub_figures_t one = {0};

    one.resets[ES_RESET_RESUME] = 1;
    es_stats_add_held(hub, child, &one);
}

void es_stats_note_replay(const es_runtime_hub_t *hub, apr_uint32_t child,
                          apr_uint32_t events)
{
    es_worker_hub_t *shared = of_hub(hub, child);

    if (shared) {
        es_histogram_add_shared(&shared->replay, &es_histogram_records, events);
    }
}

void es_stats_note_publish(const es_runtime_hub_t *hub,
                           apr_interval_time_t time)
{
    es_worker_hub_t *shared = of_hub(hub, es_runtime_child());

    if (shared) {
        es_histogram_add_shared(&shared->publish, &es_histogram_times,
                                (apr_uint64_t)time);
    }
}

/* ---- reading ------------------------------------------------------------- */

apr_uint64_t es_stats_limit_count(es_limit_t limit)
{
    return value_of(limit);
}

apr_uint64_t es_stats_obstacle_count(unsigned int obstacle)
{
    return obstacle < ES_STATS_OBSTACLES ? value_of(OBSTACLES_AT + obstacle)
                                         : 0;
}

apr_uint64_t es_stats_path_count(unsigned int reason)
{
    return reason < ES_STATS_PATHS ? value_of(PATHS_AT + reason) : 0;
}

apr_uint64_t es_stats_events(const es_runtime_hub_t *hub)
{
    return value_of(HUBS_AT + hub->counter);
}
