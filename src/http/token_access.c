/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule notes what it has found with the token of the request. Handlers see
 * there whether it has admitted the request, and a challenge what the token
 * lacks. Channels that are named only in a body are not known to the rule; they
 * are asked for one by one.
 */
#include "http/token_access.h"

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/log.h"
#include "http/channel_access.h"
#include "http/hooks.h"
#include "http/token_login.h"

/* ---- The rule ------------------------------------------------------------ */

/* @return 0: the section is not one of streams or of publishing */
static int right_of(request_rec *r, es_right_t *right)
{
    *right = ES_RIGHT_SUBSCRIBE;
    if (es_route_is_publish(r)) {
        *right = r->method_number == M_POST || r->method_number == M_PUT
                     ? ES_RIGHT_PUBLISH
                     : ES_RIGHT_CONTROL;
    }
    return es_route_has_cors(r);
}

static const char *const right_names[] = {"subscribe", "publish", "control"};

static void log_lacks(request_rec *r, es_right_t right, const char *channel)
{
    static apr_time_t last; /* atomic */
    int level = es_log_limit_level(&last, APLOG_WARNING, es_clock_now());

    es_rlog(level, 0, r, "ES0903",
            "Require eventstream-token: the token does not grant %s%s%s",
            right_names[right], channel ? " of the channel " : "",
            channel ? channel : " of any channel");
}

/* The channels are made with the user that the request will have. */
static int count_channels(request_rec *r, const es_request_token_t *token,
                          const es_slice_t **names)
{
    char *user = r->user, *type = r->ap_auth_type;
    int count;

    es_token_login_name(r, token);
    count = es_channel_access_look(r, names);
    r->user = user;
    r->ap_auth_type = type;
    return count;
}

/* Does the token grant this, for all channels of the request? */
static int grants(request_rec *r, const es_request_token_t *token,
                  es_right_t right)
{
    const es_slice_t *names;
    int i, count;

    if (!es_token_has(token->valid, right)) {
        log_lacks(r, right, NULL);
        return 0;
    }
    count = count_channels(r, token, &names);
    for (i = 0; i < count; i++) {
        if (!es_token_admits(token->valid, right, names[i])) {
            log_lacks(r, right, es_channel_printable(names[i], r->pool));
            return 0;
        }
    }
    return 1;
}

static authz_status deny(es_request_token_t *token, const char *lacks)
{
    token->lacks = lacks;
    return AUTHZ_DENIED;
}

authz_status es_token_access_check(request_rec *r)
{
    es_request_token_t *token = es_request_token_of(r);
    es_right_t right;

    es_channel_access_note(r);
    if (!token) {
        es_rlog(APLOG_ERR, 0, r, "ES0904",
                "Require eventstream-token refuses all requests of a section "
                "that has no EventStreamToken");
        return AUTHZ_DENIED;
    }
    token->is_asked = 1;
    if (!token->valid) {
        return r->user ? AUTHZ_DENIED : AUTHZ_DENIED_NO_USER;
    }
    if (!right_of(r, &right)) {
        return deny(token, "no channels: this is neither a stream nor a place "
                           "to publish");
    }
    if (!grants(r, token, right)) {
        return deny(token, right_names[right]);
    }
    token->lacks = NULL;
    token->is_granted = 1;
    return AUTHZ_GRANTED;
}

int es_token_access_opens(request_rec *r)
{
    if (!es_request_token_granted(r)) {
        return 0;
    }
    es_request_token_of(r)->opens = 1;
    return 1;
}

int es_token_access_covers(request_rec *r, es_slice_t name)
{
    const es_request_token_t *token = es_request_token_of(r);
    es_right_t right;

    return !token || !token->opens || !right_of(r, &right) ||
           es_token_admits(es_request_token_granted(r)->valid, right, name);
}

int es_token_access_controls(request_rec *r)
{
    const es_request_token_t *token = es_request_token_granted(r);

    return token && token->valid->control;
}

/* ---- The token that admitted the request --------------------------------- */

const es_token_t *es_token_access_of(request_rec *r)
{
    const es_request_token_t *token = es_request_token_of(r);

    if (!token || !token->valid) {
        return NULL;
    }
    return es_token_login_is_user(r) || es_request_token_granted(r)
               ? token->valid
               : NULL;
}

apr_interval_time_t es_token_access_lifetime(request_rec *r,
                                             apr_interval_time_t lifetime)
{
    const es_token_t *token = es_token_access_of(r);
    apr_interval_time_t left;

    if (!token && es_token_login_is_user(r)) {
        return 1; /* it has ended since the user was named */
    }
    if (!token || token->expires == 0) {
        return lifetime;
    }
    left = token->expires - apr_time_now();
    if (left < 1) {
        left = 1;
    }
    return lifetime == 0 || left < lifetime ? left : lifetime;
}
