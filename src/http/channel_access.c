/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While a channel is checked by es_channel_access_admits it is the only one of
 * the request, as far as the rules see. Requests of httpd's own (internal
 * redirects) share a pool with the request that came; httpd does not ask the
 * rules again if both have the same section, so what it has asked for one is
 * not taken for the other.
 *
 * The variable has one channel. If a request has several, it is the first, and
 * the others are checked one by one.
 */
#include "http/channel_access.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <ap_expr.h>
#include <http_core.h>

#include "base/event.h"
#include "base/query.h"
#include "base/template.h"
#include "server/settings.h"
#include "http/hooks.h"
#include "http/request_channels.h"
#include "http/token_login.h"

#define POOL_KEY "eventstream-channel-access"
/* In r->notes: a rule has looked at the channels. A subrequest by which
 * DirectoryIndex, FallbackResource or MultiViews has found our section gives
 * its notes to the request that is served, but not what is in its pool. */
#define ASKS_NOTE "eventstream-channel-asks"
/* The same, not for the rule of a token. */
#define RULES_NOTE "eventstream-channel-rules"
#define VARIABLE "EVENTSTREAM_CHANNEL"
/** Channels of which the outcome is kept; an endless body names any number. */
#define KEPT_MAX 4096

/** The outcome for a channel. */
typedef struct outcome_t {
    int status; /* OK, or as es_channel_access_admits returns */
} outcome_t;

typedef struct access_t {
    const request_rec *r; /* of which request the rest is */
    es_slice_t one;       /* the channel that is checked; data NULL = those of
                           * the request */
    /* what depends on these three, and is found again when one changes: */
    const char *uri; /* EventStreamPath takes tokens from it */
    const char *user;
    const ap_conf_vector_t *section;
    int has_looked;
    const es_channel_set_t *seen; /* by the rules, when httpd asked them; NULL =
                                   * they were not known */
    apr_hash_t *patterns;         /* rule -> apr_array_header_t of es_slice_t */
    int has_seen_first;           /* a rule has seen only the first of seen */
    apr_hash_t *outcomes;         /* name -> outcome_t; NULL = none yet */
} access_t;

/* The rules do not see the user of a token beside another login. */
static const char *user_of(request_rec *r)
{
    return es_token_login_is_guest(r) ? NULL : r->user;
}

static access_t *access_of(request_rec *r)
{
    void *found = NULL;
    access_t *access;
    const char *user = user_of(r);

    apr_pool_userdata_get(&found, POOL_KEY, r->pool);
    access = found;
    if (!access) {
        access = apr_pcalloc(r->pool, sizeof(*access));
        apr_pool_userdata_setn(access, POOL_KEY, NULL, r->pool);
    }
    if (access->r != r) {
        memset(access, 0, sizeof(*access));
        access->r = r;
    }
    if (access->uri != r->uri || access->user != user ||
        access->section != r->per_dir_config) {
        access->uri = r->uri;
        access->user = user;
        access->section = r->per_dir_config;
        access->has_looked = 0;
        access->seen = NULL;
        access->patterns = NULL;
    }
    return access;
}

void es_channel_access_note(request_rec *r)
{
    apr_table_setn(r->notes, ASKS_NOTE, "1");
}

static void note_rule(request_rec *r)
{
    apr_table_setn(r->notes, RULES_NOTE, "1");
}

static int has_note(const request_rec *r, const char *note)
{
    while (r && !apr_table_get(r->notes, note)) {
        r = r->main ? r->main : r->prev;
    }
    return r != NULL;
}

int es_channel_access_has_rules(const request_rec *r)
{
    return has_note(r, RULES_NOTE);
}

/* httpd asks no rule for a request of its own that has the section of the one
 * that it comes from. */
static int asks(const request_rec *r)
{
    return has_note(r, ASKS_NOTE);
}

/* ---- Which channels a rule sees ------------------------------------------ */

/* The channels of a request to a publish Location that its query names, or that
 * a GET or DELETE has by its Location. A body may name others. */
static int find_published(request_rec *r, const es_dir_t *conf,
                          es_channel_set_t **set)
{
    es_problem_t why;
    es_slice_t list;

    if (es_query_value(&list, es_slice_of(r->args), "list", r->pool)) {
        return 0;
    }
    *set = es_event_channel_set(r->pool);
    if (!es_event_query_channels(*set, es_slice_of(r->args), NULL, r->pool,
                                 &why)) {
        return 0;
    }
    return es_channel_set_count(*set) > 0 ||
           ((r->method_number == M_GET || r->method_number == M_DELETE) &&
            es_request_channels_expand(r, conf, set, &why));
}

/* @return NULL: they are not known, or the handler will refuse the request */
static const es_channel_set_t *find_channels(request_rec *r)
{
    const es_dir_t *conf = es_settings_dir(r);
    es_channel_set_t *set = NULL;
    es_problem_t why;
    int found = es_route_is_publish(r)
                    ? find_published(r, conf, &set)
                    : es_request_channels_expand(r, conf, &set, &why);

    return found && es_channel_set_count(set) > 0 ? set : NULL;
}

/* Note that the rules look at the channels. An endless body comes here for each
 * of its events, so that costs no memory of the request.
 * @return how many names they see; 0: they are not known */
static int look(request_rec *r, access_t *access, const es_slice_t **names)
{
    es_channel_access_note(r);
    if (access->one.data) {
        *names = &access->one;
        return 1;
    }
    if (!access->has_looked) {
        access->has_looked = 1; /* a channel may be made of the variable */
        access->seen = es_route_has_cors(r) ? find_channels(r) : NULL;
    }
    if (!access->seen) {
        return 0;
    }
    *names = es_channel_set_names(access->seen);
    return es_channel_set_count(access->seen);
}

int es_channel_access_look(request_rec *r, const es_slice_t **names)
{
    return look(r, access_of(r), names);
}

/* ---- A rule -------------------------------------------------------------- */

static const apr_array_header_t *patterns_of(request_rec *r, access_t *access,
                                             const es_channel_rule_t *rule)
{
    apr_array_header_t *patterns;

    if (!access->patterns) {
        access->patterns = apr_hash_make(r->pool);
    }
    patterns = apr_hash_get(access->patterns, &rule, sizeof(rule));
    if (!patterns) {
        patterns =
            es_request_channels_patterns(r, es_settings_dir(r), rule->patterns);
        apr_hash_set(access->patterns,
                     apr_pmemdup(r->pool, &rule, sizeof(rule)), sizeof(rule),
                     patterns);
    }
    return patterns;
}

static int matches_any(const apr_array_header_t *patterns, es_slice_t name)
{
    int i;

    for (i = 0; i < patterns->nelts; i++) {
        if (es_channel_match(name, APR_ARRAY_IDX(patterns, i, es_slice_t))) {
            return 1;
        }
    }
    return 0;
}

/* The channels that match some pattern. */
static int count_matches(const apr_array_header_t *patterns,
                         const es_slice_t *names, int count)
{
    int matches = 0, i;

    for (i = 0; i < count; i++) {
        matches += matches_any(patterns, names[i]);
    }
    return matches;
}

static int sources_have_expression(const es_dir_t *conf)
{
    int i, count = conf->sources ? conf->sources->nelts : 0;

    for (i = 0; i < count; i++) {
        const es_source_t *source =
            &APR_ARRAY_IDX(conf->sources, i, es_source_t);

        if (!source->template ||
            strstr(es_template_text(source->template), "%{")) {
            return 1;
        }
    }
    return 0;
}

/* httpd asks the rules before it knows the user, and again with the user, if
 * one of them needs it. An expression may depend on the user. */
static int needs_user(request_rec *r, const es_channel_rule_t *rule)
{
    return !r->user && ap_auth_type(r) &&
           (rule->has_expression ||
            sources_have_expression(es_settings_dir(r)));
}

authz_status es_channel_access_check(request_rec *r,
                                     const es_channel_rule_t *rule)
{
    access_t *access = access_of(r);
    const es_slice_t *names;
    int count, matches;

    note_rule(r);
    if (needs_user(r, rule)) {
        es_channel_access_note(r);
        return AUTHZ_DENIED_NO_USER;
    }
    count = look(r, access, &names);
    if (count == 0) {
        return es_route_has_cors(r) && !rule->is_negated ? AUTHZ_GRANTED
                                                         : AUTHZ_DENIED;
    }
    matches = count_matches(patterns_of(r, access, rule), names, count);
    return matches == count || (rule->is_negated && matches > 0) ? AUTHZ_GRANTED
                                                                 : AUTHZ_DENIED;
}

/* ---- A channel ----------------------------------------------------------- */

/* Modules set the user before they have checked the password. The request goes
 * on with other channels, so it must not keep one that was not admitted.
 * @return OK, or why there is no user */
static int find_user(request_rec *r)
{
    char *user = r->user, *type = r->ap_auth_type;
    int status = ap_auth_type(r) || es_token_login_is_needed(r)
                     ? ap_run_check_user_id(r)
                     : HTTP_FORBIDDEN;

    if (status != OK) {
        r->user = user;
        r->ap_auth_type = type;
    }
    return status;
}

/* What httpd does before it calls a handler, once more. */
static int ask_httpd(request_rec *r)
{
    int status;

    if (r->user && ap_auth_type(r)) {
        return ap_run_auth_checker(r);
    }
    status = ap_run_access_checker_ex(r);
    if (status != DECLINED) {
        return status;
    }
    status = find_user(r);
    return status == OK ? ap_run_auth_checker(r) : status;
}

/* A rule about users is about the login, if there is one beside the token. */
static int ask_without_guest(request_rec *r)
{
    char *user = r->user, *type = r->ap_auth_type;
    int status, is_guest = es_token_login_is_guest(r);

    if (is_guest) {
        r->user = r->ap_auth_type = NULL;
    }
    status = ask_httpd(r);
    if (is_guest && !r->user) {
        r->user = user;
        r->ap_auth_type = type;
    }
    return status;
}

static int ask(request_rec *r, access_t *access, es_slice_t name)
{
    int status;

    access->one = name;
    status = ask_without_guest(r);
    access->one = es_slice(NULL, 0);
    return status == OK || status == HTTP_UNAUTHORIZED ? status
                                                       : HTTP_FORBIDDEN;
}

static int is_seen(const access_t *access, es_slice_t name)
{
    const es_slice_t *first;

    if (!access->seen || !es_channel_set_contains(access->seen, name)) {
        return 0;
    }
    first = es_channel_set_names(access->seen);
    return !access->has_seen_first || es_slice_equal(first[0], name);
}

static void keep(request_rec *r, access_t *access, es_slice_t name, int status)
{
    outcome_t *outcome;

    if (!access->outcomes) {
        access->outcomes = apr_hash_make(r->pool);
    }
    if (apr_hash_count(access->outcomes) >= KEPT_MAX) {
        return;
    }
    outcome = apr_palloc(r->pool, sizeof(*outcome));
    outcome->status = status;
    apr_hash_set(access->outcomes, apr_pmemdup(r->pool, name.data, name.len),
                 (apr_ssize_t)name.len, outcome);
}

int es_channel_access_admits(request_rec *r, es_slice_t name)
{
    access_t *access = access_of(r);
    const outcome_t *outcome = NULL;
    int status;

    if (!asks(r) || is_seen(access, name)) {
        return OK;
    }
    if (access->outcomes) {
        outcome =
            apr_hash_get(access->outcomes, name.data, (apr_ssize_t)name.len);
    }
    if (outcome) {
        return outcome->status;
    }
    status = ask(r, access, name);
    keep(r, access, name, status);
    return status;
}

/* ---- The variable -------------------------------------------------------- */

static const char *read_variable(ap_expr_eval_ctx_t *ctx, const void *data)
{
    access_t *access = access_of(ctx->r);
    const es_slice_t *names;

    (void)data;
    note_rule(ctx->r);
    if (look(ctx->r, access, &names) == 0) {
        return "";
    }
    access->has_seen_first |= !access->one.data;
    return apr_pstrmemdup(ctx->p, names[0].data, names[0].len);
}

static int on_lookup(ap_expr_lookup_parms *parms)
{
    if (parms->type != AP_EXPR_FUNC_VAR || strcasecmp(parms->name, VARIABLE)) {
        return DECLINED;
    }
    *parms->func = (const void *)read_variable;
    *parms->data = NULL;
    return OK;
}

void es_channel_access_register(void)
{
    ap_hook_expr_lookup(on_lookup, NULL, NULL, APR_HOOK_MIDDLE);
}
