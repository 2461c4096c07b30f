/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The figures as JSON, as docs/status.md describes it: whole, for a request;
 * and in parts, for the stream of the status page, where each event replaces
 * the members that it has.
 */
#ifndef ES_HTTP_STATUS_JSON_H
#define ES_HTTP_STATUS_JSON_H

#include <httpd.h>

#include "base/problem.h"

/** The channel of the hub ES_HUB_STATUS that has the figures. */
#define ES_STATUS_CHANNEL "figures"

/**
 * All figures, and what the request may do.
 *
 * @param json  filled; in r's pool
 * @param why   503: this child serves no events
 * @return 1, or 0 with why
 *
 * Context: WORKER; no lock. One subrequest, if EventStreamStatusPublish is set.
 */
int es_status_json_figures(request_rec *r, const char **json,
                           es_problem_t *why);

/** The samples of the last ten minutes; as above. */
int es_status_json_samples(request_rec *r, const char **json,
                           es_problem_t *why);

/**
 * Take a sample, and publish a snapshot if the status page is open somewhere.
 * To be added to the ticker (server/ticker.h).
 */
void es_status_json_tick(int is_first, apr_pool_t *p);

#endif
