/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One number for all children, and not one for each: it is raised once for a
 * batch or a refusal, which is seldom enough for a cache line to travel, and
 * nothing has to be put right when a child dies.
 */
#include "shm/counters.h"

struct es_meter_t {
    apr_uint64_t counters[ES_METER_COUNTERS]; /* atomic */
};

apr_size_t es_meter_size(void)
{
    return sizeof(es_meter_t);
}

es_meter_t *es_meter_attach(void *mem)
{
    return mem;
}

/* relaxed: a counter says nothing of anything else */

void es_meter_add(es_meter_t *meter, apr_uint32_t counter, apr_uint64_t n)
{
    if (counter < ES_METER_COUNTERS) {
        __atomic_fetch_add(&meter->counters[counter], n, __ATOMIC_RELAXED);
    }
}

apr_uint64_t es_meter_read(const es_meter_t *meter, apr_uint32_t counter)
{
    return counter < ES_METER_COUNTERS
               ? __atomic_load_n(&meter->counters[counter], __ATOMIC_RELAXED)
               : 0;
}
