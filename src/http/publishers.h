/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The publishers that other modules have registered (mod_eventstream.h, the
 * provider group): each hears of what was published, after the journal took
 * it.
 */
#ifndef ES_HTTP_PUBLISHERS_H
#define ES_HTTP_PUBLISHERS_H

#include <httpd.h>

#include "base/batch.h"
#include "base/id.h"

/**
 * Look which there are; one that cannot be called is told in the error log.
 *
 * Context: PARENT, post_config.
 */
void es_publishers_find(apr_pool_t *pconf, server_rec *s);

/**
 * Call each of them with a batch, also when one of them fails.
 *
 * @param why  502, naming the last that did not take it; told in the error log
 *             already
 * @return 1, or 0 with why
 *
 * Context: WORKER; blocks as long as they do.
 */
int es_publishers_call(const char *hub, const es_batch_t *batch,
                       const es_id_t *last_id, apr_pool_t *p,
                       es_problem_t *why);

/** 1 within a call of this thread. Context: ANY. */
int es_publishers_is_calling(void);

#endif
