/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Samples, one for each second of the last ten minutes, in the ring that all
 * children share, and which process takes the next one. Its users decide what
 * the values of a sample mean.
 */
#ifndef ES_SHM_SAMPLES_H
#define ES_SHM_SAMPLES_H

#include <apr.h>

/** Samples that the ring holds. */
#define ES_SAMPLES 600

/** Values of a sample. */
#define ES_SAMPLE_VALUES 7

/** Counters whose last rise is remembered. */
#define ES_SAMPLES_WATCHED 64

typedef struct es_samples_t es_samples_t;

/** Bytes of the segment. */
apr_size_t es_samples_size(void);

/** Use mem, which is all zero when it is made. */
es_samples_t *es_samples_attach(void *mem);

/**
 * Does the second belong to the caller? Of all processes that ask for it one
 * gets 1, unless a later second was given away before.
 *
 * @param second  of a clock that only rises, above 0
 *
 * Context: ANY, no lock.
 */
int es_samples_claim(es_samples_t *samples, apr_uint64_t second);

/**
 * Add a sample; the oldest one makes room. A process that dies in here leaves a
 * sample out.
 *
 * Context: ANY, no lock.
 */
void es_samples_add(es_samples_t *samples,
                    const apr_uint64_t values[ES_SAMPLE_VALUES]);

/**
 * Copy the samples, oldest first. One that is being written is left out.
 *
 * @param out  ES_SAMPLES of them
 * @return how many there are
 *
 * Context: ANY, no lock.
 */
int es_samples_read(const es_samples_t *samples,
                    apr_uint64_t (*out)[ES_SAMPLE_VALUES]);

/* ---- when a counter has risen ------------------------------------------- */

/**
 * Tell the value of a counter: if it is above the one that was told before, it
 * has risen now.
 *
 * @param counter  below ES_SAMPLES_WATCHED; otherwise nothing happens
 * @param now_ms   of the time of day
 *
 * Context: ANY, no lock; by the process that has claimed the second.
 */
void es_samples_watch(es_samples_t *samples, apr_uint32_t counter,
                      apr_uint64_t value, apr_uint64_t now_ms);

/** When the counter has risen last; 0 = never, as far as it was told. Context:
 * ANY, no lock. */
apr_uint64_t es_samples_risen(const es_samples_t *samples,
                              apr_uint32_t counter);

#endif
