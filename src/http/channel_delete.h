/* SPDX-License-Identifier: Apache-2.0 */
/**
 * DELETE on a publish Location: closes channels. Their streams end, and who
 * comes again within a time is told to stay away.
 */
#ifndef ES_HTTP_CHANNEL_DELETE_H
#define ES_HTTP_CHANNEL_DELETE_H

#include <httpd.h>

#include "base/problem.h"
#include "server/settings.h"

/**
 * Close the channels of ?channel=, or of the Location, one after the other;
 * ?for= are the seconds for which they stay closed.
 *
 * @return what the handler returns
 *
 * Context: WORKER, who may publish here; takes the store lock.
 */
int es_channel_delete_handler(request_rec *r, const es_dir_t *conf);

#endif
