/* SPDX-License-Identifier: Apache-2.0 */
/* Which counter of the meter is whose: the limits first, then the hubs, each of
 * which gets one of its own; those beyond the last are not counted. */
#include "server/stats.h"

#include "shm/counters.h"

#define HUBS_AT 64

typedef char assert_limits_fit[ES_LIMITS <= HUBS_AT ? 1 : -1];
typedef char
    assert_hubs_fit[HUBS_AT + ES_HUBS_MAX <= ES_METER_COUNTERS ? 1 : -1];

static const char *const names[ES_LIMITS] = {
    "EventStreamMaxClients",     "EventStreamMaxClientsPerAddress",
    "the child's open files",    "EventStreamMaxHeld",
    "EventStreamMaxChannels",    "EventStreamMaxChannelsPerClient",
    "EventStreamMaxEventSize",   "EventStreamMaxBody",
    "EventStreamGripMaxWaiting",
};

const char *es_tally_name(es_limit_t limit)
{
    return names[limit];
}

static void add(apr_uint32_t counter, apr_uint64_t n)
{
    es_meter_t *meter = es_service_meter();

    if (meter) {
        es_meter_add(meter, counter, n);
    }
}

static apr_uint64_t value_of(apr_uint32_t counter)
{
    es_meter_t *meter = es_service_meter();

    return meter ? es_meter_read(meter, counter) : 0;
}

void es_tally_limit(es_limit_t limit)
{
    add(limit, 1);
}

void es_tally_published(const es_hub_view_t *hub, int events)
{
    add(HUBS_AT + hub->counter, (apr_uint64_t)events);
}

apr_uint64_t es_tally_reached(es_limit_t limit)
{
    return value_of(limit);
}

apr_uint64_t es_tally_events(const es_hub_view_t *hub)
{
    return value_of(HUBS_AT + hub->counter);
}
