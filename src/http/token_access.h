/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rule "Require eventstream-token": which channels the token of a request
 * (http/request_token.h) admits it to, and until when.
 */
#ifndef ES_HTTP_TOKEN_ACCESS_H
#define ES_HTTP_TOKEN_ACCESS_H

#include <httpd.h>
#include <http_request.h>
#include <mod_auth.h>

#include "token/token.h"

/**
 * Ask the rule: does the token admit what the request does (subscribe, publish,
 * control), for each of its channels? What is not known yet is admitted, as
 * es_channel_access_admits asks again.
 *
 * @return AUTHZ_GRANTED, AUTHZ_DENIED, or AUTHZ_DENIED_NO_USER: there is no
 *         valid token, and another login may help
 *
 * Context: WORKER, hooks access_checker_ex and auth_checker.
 */
authz_status es_token_access_check(request_rec *r);

/** Has the rule admitted the request, and has its token the right to control?
 * Context: WORKER, handler. */
int es_token_access_controls(request_rec *r);

/**
 * Has the rule admitted the request? Then it may publish or control, without
 * EventStreamPublishFrom: from now on, only what the token grants, whatever
 * other rules of Require admit.
 *
 * Context: WORKER, handler.
 */
int es_token_access_opens(request_rec *r);

/** May the request use this channel? 0: it came in by es_token_access_opens
 * alone, and the token does not grant the channel. */
int es_token_access_covers(request_rec *r, es_slice_t name);

/**
 * The token by which a request was admitted, or by which it has its user. It is
 * verified once and kept with the request.
 *
 * @return NULL = no valid token, or none was asked for
 *
 * Context: WORKER, hook fixups or later.
 */
const es_token_t *es_token_access_of(request_rec *r);

/**
 * How long a stream of the request may last, because of its token.
 *
 * @param lifetime  what the section allows; 0 = no end
 * @return the smaller one of both, at least 1; 0 = no end
 */
apr_interval_time_t es_token_access_lifetime(request_rec *r,
                                             apr_interval_time_t lifetime);

#endif
