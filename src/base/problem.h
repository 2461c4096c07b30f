/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A problem: why a request is refused, as a client is told. One is filled by
 * whoever finds the reason, and answered by whoever holds the request; it
 * knows no httpd.
 */
#ifndef ES_BASE_PROBLEM_H
#define ES_BASE_PROBLEM_H

#include <apr_pools.h>

/** Seconds after which one may try again who is refused for now. */
#define ES_RETRY_AFTER_S 5

typedef struct es_problem_t {
    int status;           /* HTTP status, 400..599; 0 = no problem */
    int retry_after;      /* seconds for Retry-After; 0 = no such header */
    const char *sentence; /* without line end; of the pool given */
    const char *remedy;   /* for the error log only, NULL = log nothing */
} es_problem_t;

/**
 * Fill why with a status and a sentence.
 *
 * @param why    overwritten as a whole
 * @param p      the sentence lives as long as this pool
 * @param status HTTP status
 * @param fmt    apr_psprintf format of the sentence; bytes below 0x20 and
 *               0x7f in the result are replaced by '?', since it goes out as
 *               one line
 * @return always 0, so that a check can end with "return es_problem_set(…)"
 *
 * Context: ANY.
 */
int es_problem_set(es_problem_t *why, apr_pool_t *p, int status,
                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
