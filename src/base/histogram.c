/* SPDX-License-Identifier: Apache-2.0 */
/* There is no count of all values: it would differ from the sum of the buckets
 * while a value is being added. All atomics are relaxed: no other data depends
 * on them. */
#include "base/histogram.h"

const es_histogram_kind_t es_histogram_times = {
    16,
    {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
     500000, 1000000, 2500000, 5000000, 10000000}};

const es_histogram_kind_t es_histogram_records = {
    14, {0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}};

static int bucket_of(const es_histogram_kind_t *kind, apr_uint64_t value)
{
    int i = 0;

    while (i < kind->count && value > kind->bounds[i]) {
        i++;
    }
    return i;
}

/* One thread writes, others read: no locked instruction is needed. */
static void raise_own(apr_uint64_t *number, apr_uint64_t by)
{
    __atomic_store_n(number, *number + by, __ATOMIC_RELAXED);
}

void es_histogram_add(es_histogram_t *histogram,
                      const es_histogram_kind_t *kind, apr_uint64_t value)
{
    raise_own(&histogram->counts[bucket_of(kind, value)], 1);
    raise_own(&histogram->sum, value);
}

void es_histogram_add_shared(es_histogram_t *histogram,
                             const es_histogram_kind_t *kind,
                             apr_uint64_t value)
{
    __atomic_fetch_add(&histogram->counts[bucket_of(kind, value)], 1,
                       __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogram->sum, value, __ATOMIC_RELAXED);
}

void es_histogram_sum(es_histogram_t *total, const es_histogram_t *histogram)
{
    int i;

    total->sum += __atomic_load_n(&histogram->sum, __ATOMIC_RELAXED);
    for (i = 0; i <= ES_HISTOGRAM_BOUNDS; i++) {
        total->counts[i] +=
            __atomic_load_n(&histogram->counts[i], __ATOMIC_RELAXED);
    }
}

apr_uint64_t es_histogram_count(const es_histogram_t *total)
{
    apr_uint64_t count = 0;
    int i;

    for (i = 0; i <= ES_HISTOGRAM_BOUNDS; i++) {
        count += total->counts[i];
    }
    return count;
}
