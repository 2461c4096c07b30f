/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Access to the status page and to the metrics: closed, unless the section that
 * has their SetHandler has a Require. httpd decides by that Require; it is
 * checked here that there is one. An outer one does not count: a <Directory> of
 * the site, which opens its files to all, applies to these paths as well.
 */
#ifndef ES_HTTP_STATUS_ACCESS_H
#define ES_HTTP_STATUS_ACCESS_H

#include <httpd.h>

#include "base/problem.h"

/**
 * Find the sections that have one of the two handlers.
 *
 * @param pconf  in which they are remembered until the next configuration
 *
 * Context: PARENT, post_config.
 */
void es_status_access_find(apr_pool_t *pconf);

/** Log which of them are open to everyone, and which are closed. Context:
 * PARENT, post_config, after es_status_access_find. */
void es_status_access_log(server_rec *s);

/**
 * Does a section of the configuration have this handler? Context: ANY, after
 * es_status_access_find.
 */
int es_status_access_has(const char *handler);

/**
 * May the request be served, which httpd has let in?
 *
 * @param why  403 with the remedy
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_status_access_admits(request_rec *r, es_problem_t *why);

#endif
