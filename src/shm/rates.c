/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   secret        ┌───────────────┐
 *                 └───────────────┘
 *   bucket 0      ┌───────┬───────┬───────┬─ … ─┐
 *                 │ entry │ entry │ entry │     │   8 entries
 *   bucket 2047   └───────┴───────┴───────┴─ … ─┘
 *
 *   entry         ┌──────────────────────┬─────────────────────────────┐
 *                 │ 22 bits of the key   │ when it is full, in ticks   │
 *                 └──────────────────────┴─────────────────────────────┘
 *
 * Other bits of the key select its bucket. An entry is one atomic word: it
 * says when the key will be full again (the "theoretical arrival time" of the
 * generic cell rate algorithm). Units are taken by a compare-and-swap, which
 * moves that time into the future; time alone gives them back. Relaxed is
 * enough, because no other data depends on the word.
 *
 * An entry whose time has passed is that of a full key, which is the same as
 * none. The time is modulo 2^42 ticks, some 12 days: one that lies further
 * ahead than its key can be is taken for one that has passed.
 */
#include "shm/rates.h"

#include <string.h>

#include <apr_general.h>
#include <apr_siphash.h>

#include "base/context.h"

#define BUCKETS 2048
#define ENTRIES 8
#define TIME_BITS 42
#define TIME_MASK ((APR_UINT64_C(1) << TIME_BITS) - 1)
#define TAG_BITS (64 - TIME_BITS)
#define TICKS_PER_US (ES_RATES_TICKS_PER_SEC / APR_USEC_PER_SEC)
/* Another thread may have read the clock later and be faster; in ticks. */
#define SLACK ES_RATES_TICKS_PER_SEC

typedef char assert_a_time_is_never_ambiguous
    [ES_RATES_FULL_MAX + SLACK < (APR_INT64_C(1) << (TIME_BITS - 1)) ? 1 : -1];

struct es_rates_t {
    unsigned char secret[APR_SIPHASH_KSIZE];
    apr_uint64_t is_open;
    apr_uint64_t unused[5]; /* a bucket is one cache line */
    apr_uint64_t buckets[BUCKETS][ENTRIES];
};

apr_size_t es_rates_size(void)
{
    return sizeof(es_rates_t);
}

es_rates_t *es_rates_attach(void *mem)
{
    return mem;
}

apr_status_t es_rates_open(es_rates_t *rates)
{
    apr_status_t rv = APR_SUCCESS;

    ES_CONTEXT(ES_PARENT);
    if (!rates->is_open) {
        rv = apr_generate_random_bytes(rates->secret, sizeof(rates->secret));
        rates->is_open = 1;
    }
    return rv;
}

apr_uint64_t es_rates_key(const es_rates_t *rates, const void *bytes,
                          apr_size_t len)
{
    return apr_siphash24(bytes, len, rates->secret);
}

/* Not 0, so that no entry of a key is 0 and free. */
static apr_uint64_t tag_of(apr_uint64_t key)
{
    apr_uint64_t tag = key >> TIME_BITS;

    return (tag != 0 ? tag : 1) << TIME_BITS;
}

static int is_of(apr_uint64_t word, apr_uint64_t tag)
{
    return (word & ~TIME_MASK) == tag;
}

/* How long an entry's key is not full, in ticks; 0 = it is full. */
static apr_uint64_t until_full(apr_uint64_t word, apr_uint64_t now)
{
    apr_uint64_t ahead = (word - now) & TIME_MASK;

    return word == 0 || ahead > (apr_uint64_t)(ES_RATES_FULL_MAX + SLACK)
               ? 0
               : ahead;
}

/**
 * The entry of a key, else the one that is full for the longest time or will be
 * full first.
 *
 * @param word   set to what it has
 * @param ahead  set to the time until the key is full
 */
static apr_uint64_t *find(es_rates_t *rates, apr_uint64_t key, apr_uint64_t now,
                          apr_uint64_t *word, apr_uint64_t *ahead)
{
    apr_uint64_t *bucket = rates->buckets[key % BUCKETS], *found = NULL;
    apr_uint64_t least = 0;
    int i, has_own = 0;

    for (i = 0; i < ENTRIES; i++) {
        apr_uint64_t at = __atomic_load_n(&bucket[i], __ATOMIC_RELAXED);
        apr_uint64_t until = until_full(at, now);
        int is_own = is_of(at, tag_of(key));

        /* Two children that came first at the same time may have made two
         * entries of a key: the later time counts. */
        if (!found || (is_own && (!has_own || until > least)) ||
            (!is_own && !has_own && until < least)) {
            found = &bucket[i];
            *word = at;
            least = until;
        }
        has_own |= is_own;
    }
    *ahead = has_own ? least : 0;
    return found;
}

apr_interval_time_t es_rates_take(es_rates_t *rates, apr_uint64_t key,
                                  const es_rate_t *rate, apr_uint32_t units,
                                  apr_time_t now)
{
    apr_uint64_t at = (apr_uint64_t)now * TICKS_PER_US;
    apr_uint64_t full = rate->interval * rate->burst;
    apr_uint64_t cost = rate->interval * units;
    apr_uint64_t *entry, word, ahead;

    do {
        entry = find(rates, key, at, &word, &ahead);
        if (ahead > full + SLACK) {
            ahead = 0; /* no key with this rate can be so far ahead */
        }
        if (ahead + cost > full) {
            return (apr_interval_time_t)(ahead + cost - full + TICKS_PER_US -
                                         1) /
                   TICKS_PER_US;
        }
    } while (!__atomic_compare_exchange_n(
        entry, &word, tag_of(key) | ((at + ahead + cost) & TIME_MASK), 0,
        __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return 0;
}
