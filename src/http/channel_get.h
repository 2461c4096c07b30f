/* SPDX-License-Identifier: Apache-2.0 */
/**
 * GET on a publish Location: the figures of channels, as JSON. Of those that
 * are named, or a page of those whose names begin alike.
 */
#ifndef ES_HTTP_CHANNEL_GET_H
#define ES_HTTP_CHANNEL_GET_H

#include <httpd.h>

#include "base/problem.h"
#include "server/settings.h"

/**
 * Answer with figures.
 *
 *   ?channel=a&channel=b   of these; without, of the Location's own channels
 *   ?list=prefix           a page of all known ones: limit=, after=
 *
 * @return what the handler returns
 *
 * Context: WORKER, who may publish here; takes the store lock, for short
 * times.
 */
int es_channel_get_handler(request_rec *r, const es_dir_t *conf);

#endif
