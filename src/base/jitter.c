/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SplitMix64: a counter with an odd step, whose values are mixed. All threads
 * of a process share the counter: two draws never see the same value of it.
 */
#include "base/jitter.h"

#include <apr_general.h>
#include <apr_time.h>

static apr_uint64_t counter; /* atomic */

void es_jitter_seed(void)
{
    apr_uint64_t seed;

    if (apr_generate_random_bytes((unsigned char *)&seed, sizeof(seed)) !=
        APR_SUCCESS) {
        seed = (apr_uint64_t)apr_time_now(); /* good enough to spread */
    }
    __atomic_store_n(&counter, seed, __ATOMIC_RELAXED);
}

static apr_uint64_t draw(void)
{
    /* relaxed: only the number itself is shared */
    apr_uint64_t x = __atomic_add_fetch(
        &counter, APR_UINT64_C(0x9e3779b97f4a7c15), __ATOMIC_RELAXED);

    x = (x ^ (x >> 30)) * APR_UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * APR_UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

apr_int64_t es_jitter_below(apr_int64_t limit)
{
    return limit > 0 ? (apr_int64_t)(draw() % (apr_uint64_t)limit) : 0;
}

apr_int64_t es_jitter_around(apr_int64_t value, int percent)
{
    apr_int64_t spread = value * percent / 100;

    return value - spread + es_jitter_below(2 * spread + 1);
}
