/* SPDX-License-Identifier: Apache-2.0 */
/**
 * GET on a publish Location: the statistics of channels as JSON, of those that
 * are named, or a page of those whose names start with a prefix; and who is
 * present in one (http/presence.h).
 */
#ifndef ES_HTTP_CHANNEL_GET_H
#define ES_HTTP_CHANNEL_GET_H

#include <httpd.h>

#include "base/problem.h"
#include "server/settings.h"

/**
 * Answer with statistics.
 *
 *   ?channel=a&channel=b   of these channels; without it, of the Location's
 *   ?list=prefix           a page of all known channels: limit=, after=
 *   ?who=channel           a page of the names that are present in it: the same
 *
 * @return what the handler returns
 *
 * Context: WORKER; the access checks have passed. Takes the store lock several
 * times, each time briefly.
 */
int es_channel_get_handler(request_rec *r, const es_dir_t *conf);

/** A number in the query; without one *value stays. @return 1, or 0 with why:
 * 400 */
int es_channel_get_number(request_rec *r, const char *name, int max, int *value,
                          es_problem_t *why);

#endif
