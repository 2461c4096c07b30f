/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer takes a number, which gives it a cell, and marks the cell as empty
 * while it writes:
 *
 *     mark = 0 ─► values ─► mark = number + 1
 *
 * A reader takes a cell only if the mark is that of its number before and after
 * the copy. Two writers have different cells, unless one of them was stopped
 * for as long as the ring lasts. Then the mark does not fit in most cases; if
 * it does, a sample is wrong.
 */
#include "shm/samples.h"

typedef struct cell_t {
    apr_uint64_t mark;                     /* atomic; 0 = empty */
    apr_uint64_t values[ES_SAMPLE_VALUES]; /* atomic */
} cell_t;

typedef struct watched_t {
    apr_uint64_t value;    /* atomic; that was told last */
    apr_uint64_t risen_ms; /* atomic; 0 = never */
} watched_t;

struct es_samples_t {
    apr_uint64_t second; /* atomic; the last that was claimed */
    apr_uint64_t next;   /* atomic; the number of the next sample */
    cell_t cells[ES_SAMPLES];
    watched_t watched[ES_SAMPLES_WATCHED];
};

apr_size_t es_samples_size(void)
{
    return sizeof(es_samples_t);
}

es_samples_t *es_samples_attach(void *mem)
{
    return mem;
}

int es_samples_claim(es_samples_t *samples, apr_uint64_t second)
{
    apr_uint64_t last = __atomic_load_n(&samples->second, __ATOMIC_RELAXED);

    /* relaxed: it guards no data; if another process wins, it has the second */
    return last < second &&
           __atomic_compare_exchange_n(&samples->second, &last, second, 0,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void es_samples_add(es_samples_t *samples,
                    const apr_uint64_t values[ES_SAMPLE_VALUES])
{
    apr_uint64_t number =
        __atomic_fetch_add(&samples->next, 1, __ATOMIC_RELAXED);
    cell_t *cell = &samples->cells[number % ES_SAMPLES];
    int i;

    __atomic_store_n(&cell->mark, 0, __ATOMIC_RELAXED);
    /* the values are not seen before the mark is gone */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (i = 0; i < ES_SAMPLE_VALUES; i++) {
        __atomic_store_n(&cell->values[i], values[i], __ATOMIC_RELAXED);
    }
    __atomic_store_n(&cell->mark, number + 1, __ATOMIC_RELEASE);
}

/* @return 0: it is not that sample, or not complete */
static int copy_cell(const cell_t *cell, apr_uint64_t number,
                     apr_uint64_t values[ES_SAMPLE_VALUES])
{
    int i;

    if (__atomic_load_n(&cell->mark, __ATOMIC_ACQUIRE) != number + 1) {
        return 0;
    }
    for (i = 0; i < ES_SAMPLE_VALUES; i++) {
        values[i] = __atomic_load_n(&cell->values[i], __ATOMIC_RELAXED);
    }
    /* the mark is not read again before the values */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&cell->mark, __ATOMIC_RELAXED) == number + 1;
}

int es_samples_read(const es_samples_t *samples,
                    apr_uint64_t (*out)[ES_SAMPLE_VALUES])
{
    apr_uint64_t end = __atomic_load_n(&samples->next, __ATOMIC_RELAXED);
    apr_uint64_t at = end > ES_SAMPLES ? end - ES_SAMPLES : 0;
    int count = 0;

    for (; at < end; at++) {
        count += copy_cell(&samples->cells[at % ES_SAMPLES], at, out[count]);
    }
    return count;
}

/* relaxed: a time belongs to no other value than its own */

void es_samples_watch(es_samples_t *samples, apr_uint32_t counter,
                      apr_uint64_t value, apr_uint64_t now_ms)
{
    watched_t *watched = &samples->watched[counter % ES_SAMPLES_WATCHED];

    if (counter < ES_SAMPLES_WATCHED &&
        __atomic_load_n(&watched->value, __ATOMIC_RELAXED) < value) {
        __atomic_store_n(&watched->risen_ms, now_ms, __ATOMIC_RELAXED);
        __atomic_store_n(&watched->value, value, __ATOMIC_RELAXED);
    }
}

apr_uint64_t es_samples_risen(const es_samples_t *samples, apr_uint32_t counter)
{
    return counter < ES_SAMPLES_WATCHED
               ? __atomic_load_n(&samples->watched[counter].risen_ms,
                                 __ATOMIC_RELAXED)
               : 0;
}
