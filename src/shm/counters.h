/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The meter: counters that all children raise and anybody reads, in a shared
 * segment that the parent keeps over restarts. What a counter means is its
 * users' business. A child that is killed takes nothing away.
 */
#ifndef ES_METER_H
#define ES_METER_H

#include <apr.h>

/** How many there are. */
#define ES_METER_COUNTERS 256

typedef struct es_meter_t es_meter_t;

/** Bytes of a meter. */
apr_size_t es_meter_size(void);

/** Use mem, which was all zero when it was made. */
es_meter_t *es_meter_attach(void *mem);

/**
 * @param counter  below ES_METER_COUNTERS; else nothing is done
 *
 * Context: ANY, no lock.
 */
void es_meter_add(es_meter_t *meter, apr_uint32_t counter, apr_uint64_t n);

/** Context: ANY, no lock. */
apr_uint64_t es_meter_read(const es_meter_t *meter, apr_uint32_t counter);

#endif
