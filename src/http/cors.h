/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Requests from web pages of other sites, WHATWG Fetch section 3.2: which pages
 * may read our answers (EventStreamAllowOrigin), and which may publish.
 */
#ifndef ES_HTTP_CORS_H
#define ES_HTTP_CORS_H

#include "base/problem.h"
#include "server/settings.h"

#include <httpd.h>

/**
 * Add the Access-Control headers and Vary of EventStreamAllowOrigin to the
 * answer, once. They go into err_headers_out, so error answers have them, too.
 * Context: WORKER, hook access_checker or later.
 */
void es_cors_add_headers(request_rec *r, const es_dir_t *conf);

/** 1 if r is a preflight to be answered without authentication. */
int es_cors_is_preflight(const request_rec *r, const es_dir_t *conf);

/**
 * Answer OPTIONS: 204 with Allow, and for a preflight from a listed origin the
 * Access-Control headers. @return what the handler returns
 */
int es_cors_options(request_rec *r, const es_dir_t *conf, const char *allow);

/**
 * May this request publish, if a browser sent it? Not if it comes from a page
 * of another site, as Sec-Fetch-Site (cross-site, same-site) shows, or an
 * Origin that is neither our own nor listed.
 *
 * @param why  403 with the remedy
 * @return 1, or 0 with why
 */
int es_cors_may_publish(request_rec *r, const es_dir_t *conf,
                        es_problem_t *why);

#endif
