/* SPDX-License-Identifier: Apache-2.0 */
/**
 * EventStreamPublishRate: how many events a publisher may still publish. A
 * publisher is a user, an address, or all of them together, and has one rate
 * over all children and all Locations that have it from the same directive.
 */
#ifndef ES_HTTP_PUBLISH_RATE_H
#define ES_HTTP_PUBLISH_RATE_H

#include <httpd.h>

#include "base/problem.h"
#include "server/settings.h"

/** The rate of the publisher of a request. */
typedef struct es_publish_rate_t {
    const es_publish_rate_conf_t *conf; /* NULL = it is not limited */
    apr_uint64_t key;
    const char *who; /* for messages */
} es_publish_rate_t;

/** Find the rate of the request's publisher. Context: WORKER. */
void es_publish_rate_of(es_publish_rate_t *rate, const request_rec *r,
                        const es_dir_t *conf);

/**
 * Take all events of a body, or none.
 *
 * @param why  413: more than can ever be published at once; 429
 * @return 1, or 0 with why, and the limit is counted
 *
 * Context: WORKER.
 */
int es_publish_rate_admits(const es_publish_rate_t *rate, int events,
                           apr_pool_t *p, es_problem_t *why);

/**
 * Take one event of a stream.
 *
 * @return 0 = it may be published; otherwise the microseconds after which to
 *         ask again
 *
 * Context: WORKER.
 */
apr_interval_time_t es_publish_rate_take(const es_publish_rate_t *rate);

/** 429 for a stream that would have to wait so long, in microseconds.
 * @return 0 */
int es_publish_rate_refuse(const es_publish_rate_t *rate,
                           apr_interval_time_t wait, apr_pool_t *p,
                           es_problem_t *why);

#endif
