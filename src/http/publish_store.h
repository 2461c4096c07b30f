/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The outlet: where a checked batch goes, whoever publishes it. Into the
 * hub's journal; the children that have clients of its channels are woken;
 * then GRIP proxies and other modules' publishers get it. It knows no request.
 */
#ifndef ES_HTTP_PUBLISH_STORE_H
#define ES_HTTP_PUBLISH_STORE_H

#include "base/batch.h"
#include "journal/close.h"
#include "server/runtime.h"
#include "http/publish_result.h"

/**
 * Publish a batch: all of its events, or none.
 *
 * @param hub    from es_runtime_hub; NULL: this child serves no events
 * @param batch  passed es_event_check, each event has a channel
 * @param p      for what is needed meanwhile, and for why
 * @param done   the batch's part that was there already counts in it, too;
 *               filled also at 502, else its head is 0
 * @param why    409: a publisher's id stands for another event of a channel;
 *               413: more than half of the journal; 502: in the journal, but
 *               a GRIP proxy or a publisher of another module did not take it;
 *               503: no room for another channel, or the hub is out of
 *               service; 508: called by such a publisher
 * @return 1, or 0 with why
 *
 * Context: WORKER; takes the store lock; blocks as long as publishers and
 * proxies do.
 */
int es_publish_store(const es_runtime_hub_t *hub, const es_batch_t *batch,
                     apr_pool_t *p, es_appended_t *done, es_problem_t *why);

/**
 * The same, and tell what became of it at the hub's GRIP proxies.
 *
 * @param dispatch  its by is set, the rest filled; its grip is NULL when
 *                  nothing was stored, too
 */
int es_publish_store_sent(const es_runtime_hub_t *hub, const es_batch_t *batch,
                          apr_pool_t *p, es_appended_t *done,
                          es_publish_result_t *dispatch, es_problem_t *why);

/**
 * Close a channel for some seconds: its streams end, over all children.
 *
 * @param hub   as es_publish_store
 * @param name  checked
 * @param why   503: no room for another channel, or the hub is out of service
 * @return 1, or 0 with why
 *
 * Context: WORKER; takes the store lock.
 */
int es_publish_store_close(const es_runtime_hub_t *hub, es_slice_t name,
                           apr_int64_t seconds, apr_pool_t *p,
                           es_closed_t *done, es_problem_t *why);

#endif
