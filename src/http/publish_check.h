/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The intake: what a Location has to say of a batch that was read from a
 * request, before it goes to the outlet.
 */
#ifndef ES_HTTP_PUBLISH_CHECK_H
#define ES_HTTP_PUBLISH_CHECK_H

#include <httpd.h>

#include "base/batch.h"
#include "server/settings.h"

/**
 * Give events that name no channel those of the Location, the last resort.
 *
 * @param why  400: there are none either, or too many; or as
 * es_request_channels_expand
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_publish_check_channels(request_rec *r, const es_dir_t *conf,
                              es_batch_t *batch, es_problem_t *why);

/**
 * Is the event fit to be published, as es_event_check says, at this most of
 * bytes?
 *
 * @return 1, or 0 with why
 *
 * Context: ANY thread of a child.
 */
int es_publish_check_event(const es_event_t *event, apr_int64_t max_bytes,
                           apr_pool_t *p, es_problem_t *why);

/**
 * May each event be published here, and is it fit to be?
 *
 * @param why  403: EventStreamAllowChannel; else as es_event_check; with the
 *             event's place in the batch
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_publish_check(request_rec *r, const es_dir_t *conf,
                     const es_batch_t *batch, es_problem_t *why);

#endif
