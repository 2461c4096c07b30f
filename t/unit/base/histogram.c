/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms: the bucket of each value, sums, and values that several threads
 * add at the same time. */
#include "t/unit/unit.h"

#include <pthread.h>

#include "base/histogram.h"

FACTS(a_value_goes_to_the_first_bound_that_is_not_below_it)
{
    es_histogram_t own = {0}, total = {0};
    int i;

    es_histogram_add(&own, &es_histogram_times, 0);
    es_histogram_add(&own, &es_histogram_times, 100);
    es_histogram_add(&own, &es_histogram_times, 101);
    es_histogram_add(&own, &es_histogram_times, 10000000);
    es_histogram_add(&own, &es_histogram_times, 10000001);
    es_histogram_add(&own, &es_histogram_times, 4294967295u);
    es_histogram_sum(&total, &own);
    assert_int_equal(total.counts[0], 2);
    assert_int_equal(total.counts[1], 1);
    assert_int_equal(total.counts[es_histogram_times.count - 1], 1);
    assert_int_equal(total.counts[es_histogram_times.count], 2);
    for (i = 2; i < es_histogram_times.count - 1; i++) {
        assert_int_equal(total.counts[i], 0);
    }
    assert_int_equal(total.sum, 201 + 20000001 + APR_UINT64_C(4294967295));
    assert_int_equal(es_histogram_count(&total), 6);
}

FACTS(bounds_rise_and_there_are_not_too_many)
{
    const es_histogram_kind_t *kinds[] = {&es_histogram_times,
                                          &es_histogram_records};
    int k, i;

    for (k = 0; k < 2; k++) {
        assert_in_range(kinds[k]->count, 1, ES_HISTOGRAM_BOUNDS);
        for (i = 1; i < kinds[k]->count; i++) {
            assert_true(kinds[k]->bounds[i] > kinds[k]->bounds[i - 1]);
        }
    }
}

FACTS(sums_are_of_all_histograms)
{
    es_histogram_t one = {0}, two = {0}, total = {0};

    es_histogram_add(&one, &es_histogram_records, 0);
    es_histogram_add_shared(&two, &es_histogram_records, 7);
    es_histogram_add_shared(&two, &es_histogram_records, 10001);
    es_histogram_sum(&total, &one);
    es_histogram_sum(&total, &two);
    assert_int_equal(total.counts[0], 1);
    assert_int_equal(total.counts[4], 1); /* at most 10 */
    assert_int_equal(total.counts[es_histogram_records.count], 1);
    assert_int_equal(total.sum, 10008);
    assert_int_equal(es_histogram_count(&total), 3);
}

enum { THREADS = 4, VALUES = 20000 };

static void *adds_many(void *histogram)
{
    int i;

    for (i = 0; i < VALUES; i++) {
        es_histogram_add_shared(histogram, &es_histogram_times,
                                (apr_uint64_t)i);
    }
    return NULL;
}

FACTS(no_value_of_several_threads_is_lost)
{
    es_histogram_t shared = {0}, total = {0};
    pthread_t threads[THREADS];
    int i;

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, adds_many, &shared),
                         0);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    es_histogram_sum(&total, &shared);
    assert_int_equal(es_histogram_count(&total), THREADS * VALUES);
    assert_int_equal(total.sum,
                     (apr_uint64_t)THREADS * VALUES * (VALUES - 1) / 2);
}

static const struct CMUnitTest tests[] = {
    UNIT(a_value_goes_to_the_first_bound_that_is_not_below_it),
    UNIT(bounds_rise_and_there_are_not_too_many),
    UNIT(sums_are_of_all_histograms),
    UNIT(no_value_of_several_threads_is_lost),
};

UNIT_MAIN(tests)
