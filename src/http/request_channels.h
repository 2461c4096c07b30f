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
 * Expand patterns.
 *
 * @param templates  const es_template_t *, from es_template_parse_allow
 * @return es_slice_t for es_channel_match; an empty one matches no channel
 *
 * Context: WORKER.
 */
apr_array_header_t *es_request_channels_patterns(
    request_rec *r, const es_dir_t *conf, const apr_array_header_t *templates);

/* ---- What a request may use --------------------------------------------- */

/** The channels that a request may use, of the request's lifetime. */
typedef struct es_request_rights_t {
    request_rec *r;
    const es_dir_t *conf;
    es_channel_set_t *only;       /* no others; NULL = not confined */
    apr_array_header_t *patterns; /* es_slice_t, one matches; NULL = all */
    int publishes;
} es_request_rights_t;

/**
 * What a request may subscribe to: the channels that EventStreamAllowChannel
 * allows. The templates in it are expanded here, once; one with a token or an
 * expression without value allows nothing.
 *
 * Context: WORKER.
 */
void es_request_channels_subscribe_rights(es_request_rights_t *rights,
                                          request_rec *r, const es_dir_t *conf);

/**
 * What a request may publish to, read and close. If the channels of the
 * Location have values of the request ({token}, %{…}, a list), they are what
 * httpd has authorised, and the request is confined to them. An
 * EventStreamAllowChannel in the section of the channels, or in one within it,
 * replaces this rule; one of an outer section restricts in addition.
 *
 * @param why  as es_request_channels_expand
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_request_channels_publish_rights(es_request_rights_t *rights,
                                       request_rec *r, const es_dir_t *conf,
                                       es_problem_t *why);

/** May the request use this channel? The rules of httpd (Require) are asked,
 * too, if they have not seen it: see http/channel_access.h. */
int es_request_channels_allows(const es_request_rights_t *rights,
                               es_slice_t name);

/**
 * May the request use each of the names?
 *
 * @param why  403, naming the first that it may not use, in the request's pool;
 *             for a publisher with the remedy; 401 if httpd asks for a user
 * @return 1, or 0 with why
 */
int es_request_channels_allowed(const es_request_rights_t *rights,
                                const es_slice_t *names, int count,
                                es_problem_t *why);

/* ---- The channels of a request to publish ------------------------------- */

/**
 * Those of the Location, for events that name none.
 *
 * @param out  possibly empty; each name is valid, but not always allowed
 * @param why  as es_request_channels_expand
 * @return 1, or 0 with why
 */
int es_request_channels_preset(const es_request_rights_t *rights,
                               es_channel_set_t **out, es_problem_t *why);

/**
 * The channels that a request refers to (GET, DELETE): those of channel= in the
 * query, else those of the Location.
 *
 * @param out  one or more names, each valid and allowed
 * @param why  400: no channel; else as es_request_channels_expand and
 *             es_request_channels_allowed
 * @return 1, or 0 with why
 */
int es_request_channels_queried(const es_request_rights_t *rights,
                                es_channel_set_t **out, es_problem_t *why);

#endif
