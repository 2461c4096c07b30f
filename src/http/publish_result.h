/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A dispatch: what became of a publish at the GRIP proxies of its hub, as its
 * publisher is told.
 */
#ifndef ES_HTTP_PUBLISH_RESULT_H
#define ES_HTTP_PUBLISH_RESULT_H

#include "base/problem.h"
#include "grip/sender.h"
#include "server/runtime.h"

typedef struct es_publish_result_t {
    apr_time_t
        by; /* in: until when to wait, of es_publish_result_end; 0 = as long
                    * as the hub says, from now on */
    const es_grip_t *grip; /* NULL = the hub has no proxies */
    int outcomes[ES_GRIP_PROXIES_MAX];
} es_publish_result_t;

/**
 * When waiting is over that begins now: for a request that waits several
 * times, but not for longer. 0 without proxies.
 */
apr_time_t es_publish_result_end(const es_runtime_hub_t *hub);

/**
 * Wait for the proxies, when the hub has some. Of events that were known
 * before, those that a proxy has not taken are sent to it again.
 *
 * Context: WORKER; see es_grip_runtime_wait.
 */
void es_publish_result_wait(es_publish_result_t *dispatch,
                            const es_runtime_hub_t *hub,
                            const es_appended_t *done);

/** The same for the close of channels, from one position up to another. */
void es_publish_result_wait_close(es_publish_result_t *dispatch,
                                  const es_runtime_hub_t *hub, es_pos_t from,
                                  es_pos_t to);

/**
 * Add what became of another part of the same publish: a proxy that has not
 * taken one of them has failed, and the last failure counts.
 *
 * @param sum  begins as all 0: nothing was stored yet
 */
void es_publish_result_add(es_publish_result_t *sum,
                           const es_publish_result_t *part);

/**
 * Has every proxy taken it? With EventStreamGripOnError ignore that does not
 * matter.
 *
 * @param why  502 naming those that have not
 * @return 1, or 0 with why
 */
int es_publish_result_check(const es_publish_result_t *dispatch, apr_pool_t *p,
                            es_problem_t *why);

/** ", \"error\": …" with a problem's sentence, to go behind it; in p. */
const char *es_publish_result_error(const es_problem_t *why, apr_pool_t *p);

/** ", \"grip\": […]", to go into a JSON object; "" without proxies; in p. */
const char *es_publish_result_json(const es_publish_result_t *dispatch,
                                   apr_pool_t *p);

#endif
