/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Requests of web pages of other sites, WHATWG Fetch section 3.2: who may
 * read our answers (EventStreamAllowOrigin), and who never publishes.
 */
#ifndef ES_HTTP_CORS_H
#define ES_HTTP_CORS_H
#include "base/problem.h"
#include "server/settings.h"

#include <httpd.h>

/**
 * Put the Access-Control headers and Vary of EventStreamAllowOrigin on the
 * answer, whatever it will be: they go into err_headers_out.
 * Context: WORKER, hook access_checker or later, once for a request.
 */
void es_cors_mark(request_rec *r, const es_dir_t *conf);

/** 1 when r is a preflight that shall be answered without login. */
int es_cors_is_preflight(const request_rec *r, const es_dir_t *conf);

/**
 * Answer OPTIONS: 204 with Allow, and for a preflight from a listed origin
 * what is allowed. @return what the handler returns
 */
int es_cors_options(request_rec *r, const es_dir_t *conf, const char *allow);

/**
 * May this request publish, as far as browsers are concerned? Not when a
 * page of another site sent it: by Sec-Fetch-Site (cross-site, same-site) or
 * an Origin that is neither the request's own nor listed.
 *
 * @param why  403 with the remedy
 * @return 1, or 0 with why
 */
int es_cors_may_publish(request_rec *r, const es_dir_t *conf,
                        es_problem_t *why);

#endif
