/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A problem: why a request is refused, in the words of the answer. The code
 * that finds the reason fills it in, and the code that has the request sends
 * it. It knows no httpd.
 */
#ifndef ES_BASE_PROBLEM_H
#define ES_BASE_PROBLEM_H

#include <apr_pools.h>

/** Seconds after which a client that was refused for now may try again. */
#define ES_RETRY_AFTER_S 5

/** What a remedy is about. The error log has a rate limit for each, so that one
 * kind does not hide the others. */
typedef enum es_remedy_t {
    ES_REMEDY_OTHER,
    /* what strangers do, and requests to the wrong place */
    ES_REMEDY_PUBLISH_FROM,
    ES_REMEDY_CONTROL_FROM,
    ES_REMEDY_PUBLISH_KEY,
    ES_REMEDY_ORIGIN,
    ES_REMEDY_CHANNEL,
    ES_REMEDY_GRIP_SIGNATURE,
    ES_REMEDY_GRIP_REQUIRED,
    ES_REMEDY_STATUS,
    ES_REMEDY_PUBLISH_RATE,
    /* what the server lacks: from here on */
    ES_REMEDY_HUB_SIZE,
    ES_REMEDY_MAX_CHANNELS,
    ES_REMEDY_GRIP_WAITING,
    ES_REMEDY_NO_EVENTS,
    ES_REMEDIES /* the number of kinds */
} es_remedy_t;

typedef struct es_problem_t {
    int status;           /* HTTP status, 400..599; 0 = no problem */
    int retry_after;      /* seconds for Retry-After; 0 = no such header */
    const char *sentence; /* without line end */
    const char *remedy;   /* for the error log; NULL = log nothing */
    es_remedy_t about;    /* of the remedy */
} es_problem_t;

/**
 * Fill why with a status and a sentence.
 *
 * @param why    overwritten as a whole
 * @param p      the sentence lives as long as this pool
 * @param status HTTP status
 * @param fmt    apr_psprintf format of the sentence; bytes below 0x20 and
 *               0x7f in the result become '?', since it is sent as one line
 * @return always 0, so that a check can end with "return es_problem_set(…)"
 *
 * Context: ANY.
 */
int es_problem_set(es_problem_t *why, apr_pool_t *p, int status,
                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/**
 * Add a remedy.
 *
 * @param remedy  not copied
 * @return always 0, as es_problem_set
 *
 * Context: ANY.
 */
int es_problem_remedy(es_problem_t *why, es_remedy_t about, const char *remedy);

#endif
