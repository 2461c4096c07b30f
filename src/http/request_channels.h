/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The channels of a request: the templates and lists of its Location, expanded
 * and checked.
 */
#ifndef ES_HTTP_REQUEST_CHANNELS_H
#define ES_HTTP_REQUEST_CHANNELS_H

#include <httpd.h>

#include "base/channel.h"
#include "base/problem.h"
#include "server/settings.h"

/**
 * Expand EventStreamChannel and EventStreamChannelList of the request's
 * Location.
 *
 * @param out  the names, possibly none; each is valid
 * @param why  404: EventStreamPath does not match; 400: a bad name, a value of
 *             a template with a blank at an end, or more names than
 *             EventStreamMaxChannelsPerClient
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_request_channels_expand(request_rec *r, const es_dir_t *conf,
                               es_channel_set_t **out, es_problem_t *why);

/**
 * Take names that another module has chosen instead: blanks around them are
 * removed, empty ones dropped.
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
 * The channels that a request refers to (GET, DELETE): those of channel= in the
 * query, else as es_request_channels_expand.
 *
 * @param out  one or more names, each valid and allowed
 * @param why  400: no channel; else as es_request_channels_expand and
 *             es_request_channels_allowed
 * @return 1, or 0 with why
 */
int es_request_channels_queried(request_rec *r, const es_dir_t *conf,
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
