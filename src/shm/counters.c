/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A counter is one number for all children, not one for each: it is raised once
 * for a batch or a refusal, so that its cache line rarely moves between cores,
 * and nothing has to be repaired when a child dies.
 */
#include "shm/counters.h"

struct es_counters_t {
    apr_uint64_t counters[ES_COUNTERS_MAX]; /* atomic */
};

apr_size_t es_counters_size(void)
{
    return sizeof(es_counters_t);
}

es_counters_t *es_counters_attach(void *mem)
{
    return mem;
}

/* relaxed: no other data depends on a counter */

void es_counters_add(es_counters_t *counters, apr_uint32_t counter,
                     apr_uint64_t n)
{
    if (counter < ES_COUNTERS_MAX) {
        __atomic_fetch_add(&counters->counters[counter], n, __ATOMIC_RELAXED);
    }
}

apr_uint64_t es_counters_read(const es_counters_t *counters,
                              apr_uint32_t counter)
{
    return counter < ES_COUNTERS_MAX
               ? __atomic_load_n(&counters->counters[counter], __ATOMIC_RELAXED)
               : 0;
}
