/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token comes in the header Authorization, in the query, or in a cookie. The
 * first two are chosen by the program that sends the request, so both at once
 * are refused (RFC 6750, section 2). A browser adds its cookies to everything,
 * so the cookie counts only if there is none of the others.
 *
 * What was found is kept for each request and section. A request of httpd's own
 * (an internal redirect) may have another section, and its own rules.
 */
#include "http/token_access.h"

#include <apr_strings.h>
#include <http_core.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/cookie.h"
#include "base/log.h"
#include "server/log.h"
#include "server/settings.h"
#include "http/bearer.h"
#include "http/channel_access.h"
#include "http/hooks.h"
#include "http/token_query.h"

/* The address tells our users from those of a module with the same name. */
static const char scheme[] = "Bearer";

#define REPEATED "form: the request has several tokens"

/* What is known of the token of a request. */
typedef struct bearer_t {
    const es_token_conf_t *conf; /* of which section; NULL = not looked yet */
    const es_token_t *token;     /* valid; NULL = none */
    const char *sub;             /* of token, as a user; NULL = none */
    const char *why;             /* NULL = there is no token, or it is valid */
    int is_repeated;             /* there are several */
    int is_asked;                /* by a rule */
    int is_granted;              /* by the rule */
    int opens;                   /* nothing else has let it publish */
    const char *lacks;           /* NULL, or why the rule has not granted */
} bearer_t;

/* ---- Where the token is -------------------------------------------------- */

/* @return data NULL = none */
static es_slice_t find_token(request_rec *r, const es_token_conf_t *conf,
                             int *is_repeated)
{
    es_slice_t header = es_slice_of(es_bearer_find(r));
    es_slice_t query = es_slice(NULL, 0), cookie = query;
    int queries = 0, cookies = 0;

    if (conf->query) {
        query = es_token_query_value(r, conf->query, &queries);
    }
    if (conf->cookie && !header.data && !query.data) {
        cookie = es_cookie_find(apr_table_get(r->headers_in, "Cookie"),
                                conf->cookie, &cookies);
    }
    *is_repeated =
        (header.data != NULL) + queries > 1 || (!queries && cookies > 1);
    return header.data ? header : query.data ? query : cookie;
}

/* ---- What it says -------------------------------------------------------- */

static void log_refused(request_rec *r, const char *why)
{
    static apr_time_t last; /* atomic */
    int level = es_log_limit_level(&last, APLOG_WARNING, es_clock_now());

    es_rlog(level, 0, r, "ES0902", "the token of a request is refused: %s",
            why);
}

static void verify(request_rec *r, bearer_t *bearer, es_slice_t text)
{
    es_token_t *token = apr_palloc(r->pool, sizeof(*token));

    if (!es_token_verify(token, text, bearer->conf->issuers, apr_time_now(),
                         &bearer->why, r->pool)) {
        return;
    }
    bearer->token = token;
    if (token->sub.len != 0) {
        bearer->sub = apr_pstrmemdup(r->pool, token->sub.data, token->sub.len);
    }
}

static void look(request_rec *r, bearer_t *bearer)
{
    es_slice_t text = find_token(r, bearer->conf, &bearer->is_repeated);

    if (bearer->is_repeated) {
        bearer->why = REPEATED;
    }
    else if (text.data) {
        verify(r, bearer, text);
    }
    if (bearer->why) {
        log_refused(r, bearer->why);
    }
}

/* @return NULL: the section has no EventStreamToken */
static bearer_t *bearer_of(request_rec *r)
{
    const es_token_conf_t *conf = es_settings_dir(r)->tokens;
    void *found = NULL;
    bearer_t *bearer;
    char key[48];

    if (!conf) {
        return NULL;
    }
    apr_snprintf(key, sizeof(key), "eventstream-token-%pp", (const void *)r);
    apr_pool_userdata_get(&found, key, r->pool);
    bearer = found;
    if (!bearer) {
        bearer = apr_pcalloc(r->pool, sizeof(*bearer));
        apr_pool_userdata_set(bearer, key, NULL, r->pool);
    }
    if (bearer->conf != conf) {
        memset(bearer, 0, sizeof(*bearer));
        bearer->conf = conf;
        look(r, bearer);
    }
    return bearer;
}

/* ---- The user ------------------------------------------------------------ */

/* Has the section a login of another module? */
static int has_login(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return type && strcasecmp(type, "None") != 0;
}

int es_token_access_is_login(request_rec *r)
{
    return es_settings_dir(r)->tokens && !has_login(r);
}

static void name_user(request_rec *r, const bearer_t *bearer)
{
    if (!r->user && bearer && bearer->sub) {
        r->user = (char *)bearer->sub;
        r->ap_auth_type = (char *)scheme;
    }
}

/* httpd gives the user to a request of its own with the same section. */
static int is_user_of_token(const request_rec *r)
{
    return r->user && r->ap_auth_type == scheme;
}

void es_token_access_log_in(request_rec *r)
{
    if (es_token_access_is_login(r)) {
        name_user(r, bearer_of(r));
    }
}

/* httpd does not ask again for a request of its own with the same section. */
static const bearer_t *granted_of(request_rec *r)
{
    const ap_conf_vector_t *section = r->per_dir_config;
    const bearer_t *bearer = bearer_of(r);

    while (bearer && !bearer->is_granted) {
        r = r->main ? r->main : r->prev;
        if (!r || r->per_dir_config != section) {
            return NULL;
        }
        bearer = bearer_of(r);
    }
    return bearer;
}

void es_token_access_name_guest(request_rec *r)
{
    if (!r->user && es_settings_dir(r)->tokens) {
        name_user(r, granted_of(r));
    }
}

int es_token_access_is_guest(request_rec *r)
{
    return is_user_of_token(r) && has_login(r);
}

int es_token_access_authenticate(request_rec *r)
{
    bearer_t *bearer = es_token_access_is_login(r) ? bearer_of(r) : NULL;

    if (!bearer) {
        return DECLINED;
    }
    bearer->is_asked = 1;
    if (bearer->token && bearer->sub) {
        name_user(r, bearer);
        return OK;
    }
    if (bearer->token) {
        bearer->why = "sub: the token names no user, whom this section needs";
    }
    return bearer->is_repeated ? HTTP_BAD_REQUEST : HTTP_UNAUTHORIZED;
}

const es_token_t *es_token_access_of(request_rec *r)
{
    const bearer_t *bearer = bearer_of(r);

    if (!bearer || !bearer->token) {
        return NULL;
    }
    return is_user_of_token(r) || granted_of(r) ? bearer->token : NULL;
}

apr_interval_time_t es_token_access_lifetime(request_rec *r,
                                             apr_interval_time_t lifetime)
{
    const es_token_t *token = es_token_access_of(r);
    apr_interval_time_t left;

    if (!token && is_user_of_token(r)) {
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
static int count_channels(request_rec *r, const bearer_t *bearer,
                          const es_slice_t **names)
{
    char *user = r->user, *type = r->ap_auth_type;
    int count;

    name_user(r, bearer);
    count = es_channel_access_look(r, names);
    r->user = user;
    r->ap_auth_type = type;
    return count;
}

static int admits_all(request_rec *r, const bearer_t *bearer, es_right_t right)
{
    const es_slice_t *names;
    int i, count = count_channels(r, bearer, &names);

    for (i = 0; i < count; i++) {
        if (!es_token_admits(bearer->token, right, names[i])) {
            log_lacks(r, right, es_channel_printable(names[i], r->pool));
            return 0;
        }
    }
    return 1;
}

static authz_status deny(bearer_t *bearer, const char *lacks)
{
    bearer->lacks = lacks;
    return AUTHZ_DENIED;
}

authz_status es_token_access_check(request_rec *r)
{
    bearer_t *bearer = bearer_of(r);
    es_right_t right;

    es_channel_access_note(r);
    if (!bearer) {
        es_rlog(APLOG_ERR, 0, r, "ES0904",
                "Require eventstream-token refuses all requests of a section "
                "that has no EventStreamToken");
        return AUTHZ_DENIED;
    }
    bearer->is_asked = 1;
    if (!bearer->token) {
        return r->user ? AUTHZ_DENIED : AUTHZ_DENIED_NO_USER;
    }
    if (!right_of(r, &right)) {
        return deny(bearer, "no channels: this is neither a stream nor a place "
                            "to publish");
    }
    if (!es_token_has(bearer->token, right)) {
        log_lacks(r, right, NULL);
        return deny(bearer, right_names[right]);
    }
    if (!admits_all(r, bearer, right)) {
        return deny(bearer, right_names[right]);
    }
    bearer->lacks = NULL;
    bearer->is_granted = 1;
    return AUTHZ_GRANTED;
}

int es_token_access_opens(request_rec *r)
{
    if (!es_settings_dir(r)->tokens || !granted_of(r)) {
        return 0;
    }
    bearer_of(r)->opens = 1;
    return 1;
}

int es_token_access_covers(request_rec *r, es_slice_t name)
{
    const bearer_t *bearer = es_settings_dir(r)->tokens ? bearer_of(r) : NULL;
    es_right_t right;

    return !bearer || !bearer->opens || !right_of(r, &right) ||
           es_token_admits(granted_of(r)->token, right, name);
}

int es_token_access_controls(request_rec *r)
{
    const bearer_t *bearer = es_settings_dir(r)->tokens ? granted_of(r) : NULL;

    return bearer && bearer->token->control;
}

/* ---- The challenge ------------------------------------------------------- */

static const char *challenge(const char *error, const char *description,
                             apr_pool_t *p)
{
    return es_bearer_challenge("eventstream", error, description, p);
}

static const char *challenge_of(const bearer_t *bearer, int status,
                                apr_pool_t *p)
{
    if (bearer->lacks &&
        (status == HTTP_FORBIDDEN || status == HTTP_UNAUTHORIZED)) {
        return challenge(
            "insufficient_scope",
            apr_pstrcat(p, "the token does not grant: ", bearer->lacks, NULL),
            p);
    }
    if (status != HTTP_UNAUTHORIZED && status != HTTP_BAD_REQUEST) {
        return NULL;
    }
    if (bearer->why) {
        return challenge(bearer->is_repeated ? "invalid_request"
                                             : "invalid_token",
                         bearer->why, p);
    }
    return status == HTTP_UNAUTHORIZED ? challenge(NULL, NULL, p) : NULL;
}

static void add_challenge(request_rec *r, const bearer_t *bearer, int status)
{
    const char *value = bearer && bearer->is_asked
                            ? challenge_of(bearer, status, r->pool)
                            : NULL;

    if (value) {
        apr_table_addn(r->err_headers_out, "WWW-Authenticate", value);
    }
}

void es_token_access_challenge(request_rec *r, int status)
{
    if (es_settings_dir(r)->tokens) {
        add_challenge(r, bearer_of(r), status);
    }
}

void es_token_access_on_error(request_rec *r)
{
    es_token_access_challenge(r, r->status);
}

void es_token_access_on_error_page(request_rec *r)
{
    request_rec *refused = r->prev;

    if (refused && es_settings_dir(refused)->tokens) {
        add_challenge(r, bearer_of(refused), refused->status);
    }
}
