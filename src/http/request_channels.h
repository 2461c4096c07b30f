/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The names of the channels that a request is about: its Location's
 * templates and lists, expanded and checked.
 */
#ifndef ES_HTTP_REQUEST_CHANNELS_H
#define ES_HTTP_REQUEST_CHANNELS_H

#include <httpd.h>

#include "base/channel.h"
#include "base/problem.h"
#include "server/settings.h"

/**
 * Expand what EventStreamChannel and EventStreamChannelList of the request's
 * Location say.
 *
 * @param out  the names, maybe none; each is a valid name
 * @param why  404: EventStreamPath does not match; 400: a bad name, or more
 *             than EventStreamMaxChannelsPerClient
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_request_channels_expand(request_rec *r, const es_dir_t *conf,
                               es_channel_set_t **out, es_problem_t *why);

/**
 * Take the names that another module has chosen instead: blanks around them
 * are removed, empty ones dropped.
 *
 * @param given  count C strings; a NULL counts as empty
 * @param why    400, as above
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_request_channels_take(request_rec *r, const es_dir_t *conf,
                             const char *const *given, int count,
                             es_channel_set_t **out, es_problem_t *why);

/**
 * The names that a request about channels is meant for: those of the query's
 * channel=, else as es_request_channels_expand.
 *
 * @param out  one or more, each a valid name that is allowed
 * @param why  400: none at all; else as es_request_channels_expand,
 * es_request_channels_allowed
 * @return 1, or 0 with why
 */
int es_request_channels_asked(request_rec *r, const es_dir_t *conf,
                              es_channel_set_t **out, es_problem_t *why);

/**
 * Does EventStreamAllowChannel allow each of the names?
 *
 * @param why  403, naming the first that is not
 * @return 1, or 0 with why
 */
int es_request_channels_allowed(request_rec *r, const es_dir_t *conf,
                                const es_slice_t *names, int count,
                                es_problem_t *why);

#endif
