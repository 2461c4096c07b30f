/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the token of a request (EventStreamToken) says of it: who it is from,
 * which channels it may use, and until when. The authorization provider
 * "Require eventstream-token" asks for the channels.
 *
 * The token is the login of a section that has no AuthType: its sub is the user
 * then, before any rule is asked. Where there is an AuthType, rules that need a
 * user (Require user, valid-user) are about that login; the sub becomes the
 * user only if a token has admitted the request without it.
 */
#ifndef ES_HTTP_TOKEN_ACCESS_H
#define ES_HTTP_TOKEN_ACCESS_H

#include <httpd.h>
#include <http_request.h>
#include <mod_auth.h>

#include "token/token.h"

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

/* ---- The provider ------------------------------------------------------- */

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

/* ---- Logins ------------------------------------------------------------- */

/** Does httpd get the user of this request by its token alone? */
int es_token_access_is_login(request_rec *r);

/** Is the user of the request the sub of a token, beside another login of the
 * section? Rules about users must not see it then. */
int es_token_access_is_guest(request_rec *r);

/** Let the sub be the user, where the token is the login. Context: hooks
 * check_access, first, and fixups, last. */
void es_token_access_log_in(request_rec *r);

/** The same for a request that was admitted without a user. Context: hook
 * fixups, first. */
void es_token_access_name_guest(request_rec *r);

/**
 * Refuse a request that needs a user, where the token is the login.
 *
 * @return HTTP_UNAUTHORIZED, or HTTP_BAD_REQUEST: several tokens; DECLINED
 *
 * Context: hook check_user_id.
 */
int es_token_access_authenticate(request_rec *r);

/**
 * Add the header WWW-Authenticate of RFC 6750 to the answer of a request that
 * is refused with this status, if a rule has asked for its token.
 *
 * Context: WORKER.
 */
void es_token_access_challenge(request_rec *r, int status);

/** The same for what httpd answers. Context: hook insert_error_filter. */
void es_token_access_on_error(request_rec *r);

/** The same for the page of an error (ErrorDocument). Context: hook fixups. */
void es_token_access_on_error_page(request_rec *r);

#endif
