/* SPDX-License-Identifier: Apache-2.0 */
/**
 * EventStreamErrorForm event: a browser's EventSource learns nothing of an
 * answer but whether it is a stream. So where this form is set, it gets a
 * refusal as a stream with one event, in the form of django-eventstream:
 *
 *     event: stream-error
 *     id: error
 *     data: {"condition":"forbidden","text":"…","status":403}
 *
 * That holds for our own refusals and for those of httpd and other modules,
 * such as Require. Other clients and publishers always get the status.
 */
#ifndef ES_HTTP_ERROR_EVENT_H
#define ES_HTTP_ERROR_EVENT_H

#include <httpd.h>

#include "base/problem.h"
#include "server/settings.h"

/**
 * Make httpd lead the refusals of this request to es_error_event_handler, if
 * the form is event and an EventSource asks. Context: WORKER, hook
 * check_access, for a Location of ours where clients subscribe.
 */
void es_error_event_prepare(request_rec *r, const es_dir_t *conf);

/**
 * Answer a refusal of httpd for which es_error_event_prepare was called.
 *
 * @return OK, or DECLINED: it is no such request
 *
 * Context: WORKER, hook quick_handler.
 */
int es_error_event_handler(request_rec *r, int is_lookup);

/**
 * Answer a refusal of our own, in the form that the client is to get.
 *
 * @return what the handler returns
 *
 * Context: WORKER, before anything was sent.
 */
int es_error_event_refuse(request_rec *r, const es_dir_t *conf,
                          const es_problem_t *why);

#endif
