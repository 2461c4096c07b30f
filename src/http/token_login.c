/* SPDX-License-Identifier: Apache-2.0 */
/* httpd hands r->user and r->ap_auth_type over to a request of its own with the
 * same section. So the auth type tells where a user is from. */
#include "http/token_login.h"

#include <http_core.h>
#include <http_request.h>

/* Its address tells our users from those of a module with the same name. */
static const char scheme[] = "Bearer";

/* Does the section have a login of another module? */
static int has_login(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return type && strcasecmp(type, "None") != 0;
}

int es_token_login_is_needed(request_rec *r)
{
    return es_settings_dir(r)->tokens && !has_login(r);
}

int es_token_login_is_user(const request_rec *r)
{
    return r->user && r->ap_auth_type == scheme;
}

int es_token_login_is_guest(request_rec *r)
{
    return es_token_login_is_user(r) && has_login(r);
}

void es_token_login_name(request_rec *r, const es_request_token_t *token)
{
    if (!r->user && token && token->sub) {
        r->user = (char *)token->sub;
        r->ap_auth_type = (char *)scheme;
    }
}

void es_token_login_name_user(request_rec *r)
{
    if (es_token_login_is_needed(r)) {
        es_token_login_name(r, es_request_token_of(r));
    }
}

void es_token_login_name_guest(request_rec *r)
{
    if (!r->user) {
        es_token_login_name(r, es_request_token_granted(r));
    }
}

int es_token_login_authenticate(request_rec *r)
{
    es_request_token_t *token;

    if (!es_token_login_is_needed(r)) {
        return DECLINED;
    }
    token = es_request_token_of(r);
    token->is_asked = 1;
    if (token->valid && token->sub) {
        es_token_login_name(r, token);
        return OK;
    }
    if (token->valid) {
        token->why = "sub: the token names no user, whom this section needs";
    }
    return token->is_repeated ? HTTP_BAD_REQUEST : HTTP_UNAUTHORIZED;
}
