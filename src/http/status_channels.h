/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The channels of all hubs for the status page, as JSON: a page of those that a
 * query asks for, with the busiest first; or one of them.
 */
#ifndef ES_HTTP_STATUS_CHANNELS_H
#define ES_HTTP_STATUS_CHANNELS_H

#include <httpd.h>

#include "base/problem.h"

/**
 * A page of channels.
 *
 *   hub=NAME    of this hub only
 *   q=TEXT      whose name contains it; the case of ASCII letters is ignored
 *   sort=WORD   clients (preset), recent, events or name
 *   limit=N     1 to 200, preset 50
 *   after=NEXT  the next page: "next" of the one before
 *
 * @param json  filled; in r's pool
 * @param why   400, or 503: the channels cannot be read now
 * @return 1, or 0 with why
 *
 * Context: WORKER; takes the store lock several times, each time briefly.
 * Memory is that of a page, and after 60 ms it stops: "partial" is true then.
 */
int es_status_channels_list(request_rec *r, const char **json,
                            es_problem_t *why);

/**
 * One channel, that of the query's channel=, in the hub of hub=, preset
 * "default".
 *
 * @param json  as above; a channel that is not known has no clients and no
 *              events
 * @param why   400, 404: there is no such hub, or 503
 * @return 1, or 0 with why
 */
int es_status_channels_one(request_rec *r, const char **json,
                           es_problem_t *why);

/**
 * The channel and the hub of a query, as es_status_channels_one takes them.
 *
 * @param channel  a C string in r's pool: a checked name
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_status_channels_named(request_rec *r, const char **channel,
                             const char **hub, es_problem_t *why);

#endif
