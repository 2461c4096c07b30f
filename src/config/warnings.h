/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Advice: what of httpd's own configuration is at odds with what ours is for.
 * It refuses nothing.
 */
#ifndef ES_ADVICE_H
#define ES_ADVICE_H

#include <httpd.h>

/**
 * Tell, in one notice, where events are published while LimitRequestBody is
 * not 0: it counts all bytes of a body, and a stream of lines has no end.
 *
 * Context: PARENT, post_config.
 */
void es_advice_give(apr_pool_t *ptemp, server_rec *s);

#endif
