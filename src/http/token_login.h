/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Logins by a token (EventStreamToken). The token is the login of a section
 * that has no AuthType: its sub is the user then, before any rule is asked.
 * Where there is an AuthType, rules that need a user (Require user, valid-user)
 * are about that login; the sub becomes the user only if a token has admitted
 * the request without it.
 */
#ifndef ES_HTTP_TOKEN_LOGIN_H
#define ES_HTTP_TOKEN_LOGIN_H

#include "http/request_token.h"

/** Does httpd get the user of this request by its token alone? */
int es_token_login_is_needed(request_rec *r);

/** Is the user of the request the sub of its token? */
int es_token_login_is_user(const request_rec *r);

/** Is it that, beside another login of the section? Rules about users must not
 * see it then. */
int es_token_login_is_guest(request_rec *r);

/** Let the sub be the user if there is none. @param token  NULL = no token */
void es_token_login_name(request_rec *r, const es_request_token_t *token);

/** The same, where the token is the login. Context: hooks check_access, first,
 * and fixups, last. */
void es_token_login_name_user(request_rec *r);

/** The same for a request that was admitted without a user. Context: hook
 * fixups, first. */
void es_token_login_name_guest(request_rec *r);

/**
 * Refuse a request that needs a user, where the token is the login.
 *
 * @return OK; HTTP_UNAUTHORIZED, or HTTP_BAD_REQUEST: several tokens; DECLINED:
 *         the token is not the login
 *
 * Context: hook check_user_id.
 */
int es_token_login_authenticate(request_rec *r);

#endif
