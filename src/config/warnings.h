/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Advice: what of httpd's own configuration is at odds with what ours is for.
 * It refuses nothing.
 */
#ifndef ES_CONFIG_WARNINGS_H
#define ES_CONFIG_WARNINGS_H

#include <httpd.h>

/**
 * Tell, in one notice, where events are published while LimitRequestBody is
 * not 0: it counts all bytes of a body, and a stream of lines has no end.
 *
 * Context: PARENT, post_config.
 */
void es_warnings_log(apr_pool_t *ptemp, server_rec *s);

#endif
