/* SPDX-License-Identifier: Apache-2.0 */
/**
 * GRIP items that are published here as to a proxy, so that GRIP libraries
 * need not know the difference: their events go to the clients of this hub,
 * and the answers are a proxy's.
 */
#ifndef ES_HTTP_PUBLISH_ITEMS_H
#define ES_HTTP_PUBLISH_ITEMS_H

#include <httpd.h>

#include "server/settings.h"
#include "http/body_items.h"

/**
 * Publish items and answer.
 *
 * @return what the handler returns
 *
 * Context: WORKER, who may publish here; takes the store lock.
 */
int es_publish_items_serve(request_rec *r, const es_dir_t *conf,
                           const es_body_items_t *json);

#endif
