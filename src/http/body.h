/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The body of a request: read whole, up to a ceiling, through the request's
 * input filters, or left alone. What it means is for the body readers,
 * es_body_*.h.
 */
#ifndef ES_HTTP_BODY_H
#define ES_HTTP_BODY_H

#include "base/buf.h"
#include "base/problem.h"

#include <httpd.h>

/**
 * Read the body to its end. A client that waits for 100 Continue gets it.
 *
 * @param body  just begun; its max is the ceiling
 * @param why   413: over the ceiling, or over httpd's LimitRequestBody; 415:
 *              a Content-Encoding that no filter has undone; 400: it ended
 *              too early or its framing is broken; 408: it came too slowly.
 *              Status AP_FILTER_ERROR: a filter has answered the request,
 *              and the handler returns just that
 * @return 1, or 0 with why; the connection ends with the answer then
 *
 * Context: WORKER; blocks while the client sends.
 */
int es_body_read(request_rec *r, es_buf_t *body, es_problem_t *why);

/**
 * Why a read of the body failed, for who reads it by himself.
 *
 * @param why  as of es_body_read
 * @return always 0, as es_problem_set
 */
int es_body_failed(request_rec *r, apr_status_t rv, es_problem_t *why);

/**
 * Does the body come without Content-Encoding? To be asked after a read: a
 * filter that undoes one takes the header away when it is read through first.
 *
 * @return 1, or 0 with why, 415
 */
int es_body_is_plain(const request_rec *r, es_problem_t *why);

/**
 * Leave a body that will not be read, before the request is answered: a small
 * one is read away, so that the connection can serve its next request; any
 * other ends the connection with the answer, and a client that waits for 100
 * Continue keeps its body.
 *
 * Context: WORKER; es_body_read was not called.
 */
void es_body_leave(request_rec *r);

#endif
