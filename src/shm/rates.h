/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A table of rates: how much each of many keys may still take, over all
 * children. A key is a number for a user or an address; a rate is a bucket of
 * "burst" units that fills up again by one unit in each interval. The table is
 * in a shared segment of fixed size and has room for 16,384 keys that are not
 * full; more of them never make it refuse anyone: those that are nearest to
 * being full are forgotten, as if they were.
 *
 * What is taken is one word in memory, changed at once. So a child that dies
 * leaves nothing that would have to be given back.
 */
#ifndef ES_SHM_RATES_H
#define ES_SHM_RATES_H

#include <apr.h>
#include <apr_time.h>

/** The unit of an interval: a quarter of a microsecond. */
#define ES_RATES_TICKS_PER_SEC APR_INT64_C(4000000)

/** The longest time in which a bucket fills up, in ticks: a day. */
#define ES_RATES_FULL_MAX (24 * 3600 * ES_RATES_TICKS_PER_SEC)

typedef struct es_rates_t es_rates_t;

typedef struct es_rate_t {
    apr_uint64_t interval; /* ticks between two units, 1 or more */
    apr_uint32_t burst;    /* units of a full bucket, 1 or more; times interval
                            * no more than ES_RATES_FULL_MAX */
} es_rate_t;

/** Bytes of the segment. */
apr_size_t es_rates_size(void);

/** Use mem, which is all zero when it is made. */
es_rates_t *es_rates_attach(void *mem);

/**
 * Choose the secret that keys are made with, once for each segment. Context:
 * PARENT, before any child uses it.
 */
apr_status_t es_rates_open(es_rates_t *rates);

/** A number for these bytes; nobody outside can tell which others are near it.
 * Context: ANY. */
apr_uint64_t es_rates_key(const es_rates_t *rates, const void *bytes,
                          apr_size_t len);

/**
 * Take some units of a key.
 *
 * @param key    of es_rates_key; of a rate with the same values at each call
 * @param units  1 to rate->burst
 * @param now    es_clock_now
 * @return 0 = they are taken; otherwise none are, and the microseconds after
 *         which as many can be taken, if nobody takes any before
 *
 * Context: ANY; takes no lock. Of several at the same time as many get their
 * units as the bucket has.
 */
apr_interval_time_t es_rates_take(es_rates_t *rates, apr_uint64_t key,
                                  const es_rate_t *rate, apr_uint32_t units,
                                  apr_time_t now);

#endif
