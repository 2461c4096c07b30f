/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of a token comes from EventStreamPath if that names the token, else
 * from the named group that httpd has put into the environment. Both are
 * decoded already and are not decoded again.
 *
 * httpd has authorised a request by the values that it has. So they stay as
 * they are; one with a blank at an end is refused, not trimmed. Elements of
 * lists, and names of other modules, are trimmed: the server's own side wrote
 * them, with blanks after the separators.
 */
#include "http/request_channels.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_request.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/log.h"
#include "base/query.h"
#include "server/log.h"
#include "server/stats.h"
#include "http/channel_access.h"
#include "http/request_token.h"
#include "http/token_access.h"

typedef struct values_t {
    request_rec *r;
    const es_path_t *path;
    es_slice_t *segments; /* of path, as matched */
} values_t;

static es_slice_t token_value(void *baton, const char *name)
{
    values_t *values = baton;
    int i = values->path ? es_path_find(values->path, name) : -1;
    char *variable;

    if (i >= 0) {
        return values->segments[i];
    }
    variable = apr_pstrcat(values->r->pool, AP_REG_MATCH, name, NULL);
    ap_str_toupper(variable);
    return es_slice_of(apr_table_get(values->r->subprocess_env, variable));
}

static const apr_array_header_t *query_values(void *baton, const char *name)
{
    values_t *values = baton;

    return es_query_values(es_slice_of(values->r->args), name, values->r->pool);
}

/* Lines of the configuration that have a rate limit each: as many successive
 * ones of a file. Two that are further apart may share theirs. */
#define LIMITED_LINES 64

static es_slice_t evaluate(request_rec *r, const ap_expr_info_t *expression)
{
    static apr_time_t last_logged[LIMITED_LINES]; /* atomic */
    const char *err = NULL;
    const char *text = ap_expr_str_exec(r, expression, &err);

    if (err) {
        int level = es_log_limit_level(
            &last_logged[expression->line_number % LIMITED_LINES],
            APLOG_WARNING, es_clock_now());

        es_rlog(level, 0, r, "ES0401",
                "an expression of EventStreamChannel, EventStreamChannelList "
                "or EventStreamAllowChannel failed (%s, line %u): %s; this "
                "request does not get its channels",
                expression->filename, expression->line_number, err);
        return es_slice_of(NULL);
    }
    return es_slice_of(text);
}

static es_slice_t expression_value(void *baton, void *compiled)
{
    return evaluate(((values_t *)baton)->r, compiled);
}

static apr_status_t add_list(request_rec *r, const es_source_t *source,
                             es_channel_set_t *set)
{
    const char *rest = evaluate(r, source->list).data;
    apr_size_t skip = strlen(source->separator);
    apr_status_t rv = APR_SUCCESS;

    while (rest && rv == APR_SUCCESS) {
        const char *end = strstr(rest, source->separator);
        apr_size_t len = end ? (apr_size_t)(end - rest) : strlen(rest);

        rv = es_channel_set_add(set, es_channel_trim(es_slice(rest, len)));
        rest = end ? end + skip : NULL;
    }
    return rv;
}

static int too_many(request_rec *r, const es_dir_t *conf, es_problem_t *why)
{
    es_stats_count_limit(ES_LIMIT_CLIENT_CHANNELS);
    return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                          "Too many channels: at most %" APR_INT64_T_FMT
                          " for a client.",
                          conf->max_client_channels);
}

static int check_all(request_rec *r, const es_channel_set_t *set,
                     es_problem_t *why)
{
    const es_slice_t *names = es_channel_set_names(set);
    int i;

    for (i = 0; i < es_channel_set_count(set); i++) {
        if (!es_channel_check(names[i], r->pool, why)) {
            return 0;
        }
    }
    return 1;
}

/*
 * Make the source of values.
 *
 * @return 0: EventStreamPath does not match, and its tokens have no value
 */
static int find_values(request_rec *r, const es_path_t *path, values_t *values,
                       es_template_values_t *from)
{
    apr_size_t size;

    values->r = r;
    values->path = path;
    values->segments = NULL;
    from->baton = values;
    from->token = token_value;
    from->query = query_values;
    from->expression = expression_value;
    if (!path) {
        return 1;
    }
    size = sizeof(es_slice_t) * ((apr_size_t)es_path_count(path) + 1);
    values->segments = apr_palloc(r->pool, size);
    if (es_path_match(path, es_slice_of(r->uri), values->segments)) {
        return 1;
    }
    memset(values->segments, 0, size);
    return 0;
}

int es_request_channels_expand(request_rec *r, const es_dir_t *conf,
                               es_channel_set_t **out, es_problem_t *why)
{
    es_template_values_t from;
    values_t values;
    int i, count = conf->sources ? conf->sources->nelts : 0;

    *out = es_channel_set_create(r->pool, (int)conf->max_client_channels);
    if (!find_values(r, conf->path, &values, &from)) {
        return es_problem_set(why, r->pool, HTTP_NOT_FOUND, "Not found.");
    }
    for (i = 0; i < count; i++) {
        const es_source_t *source =
            &APR_ARRAY_IDX(conf->sources, i, es_source_t);
        apr_status_t rv = source->template
                              ? es_template_expand(source->template, &from,
                                                   *out, r->pool, why)
                              : add_list(r, source, *out);

        if (rv != APR_SUCCESS) {
            return rv == APR_EINVAL ? 0 : too_many(r, conf, why);
        }
    }
    return check_all(r, *out, why);
}

int es_request_channels_take(request_rec *r, const es_dir_t *conf,
                             const char *const *given, int count,
                             es_channel_set_t **out, es_problem_t *why)
{
    int i;

    *out = es_channel_set_create(r->pool, (int)conf->max_client_channels);
    for (i = 0; given && i < count; i++) {
        es_slice_t name = es_channel_trim(es_slice_of(given[i]));

        if (es_channel_set_add(*out, name) != APR_SUCCESS) {
            return too_many(r, conf, why);
        }
    }
    return check_all(r, *out, why);
}

/* ---- What a request may use --------------------------------------------- */

apr_array_header_t *es_request_channels_patterns(
    request_rec *r, const es_dir_t *conf, const apr_array_header_t *templates)
{
    es_template_values_t from;
    values_t values;
    apr_array_header_t *patterns;
    int i;

    (void)find_values(r, conf->path, &values, &from);
    patterns = apr_array_make(r->pool, templates->nelts, sizeof(es_slice_t));
    for (i = 0; i < templates->nelts; i++) {
        APR_ARRAY_PUSH(patterns, es_slice_t) = es_template_expand_allow(
            APR_ARRAY_IDX(templates, i, const es_template_t *), &from, r->pool);
    }
    return patterns;
}

/* Do the channels of the Location depend on the request, other than by a
 * parameter that the client names? */
static int has_values(const es_dir_t *conf)
{
    int i, count = conf->sources ? conf->sources->nelts : 0;

    for (i = 0; i < count; i++) {
        const es_source_t *source =
            &APR_ARRAY_IDX(conf->sources, i, es_source_t);

        if (!source->template || es_template_has_values(source->template)) {
            return 1;
        }
    }
    return 0;
}

void es_request_channels_subscribe_rights(es_request_rights_t *rights,
                                          request_rec *r, const es_dir_t *conf)
{
    memset(rights, 0, sizeof(*rights));
    rights->r = r;
    rights->conf = conf;
    rights->patterns =
        conf->allow ? es_request_channels_patterns(r, conf, conf->allow) : NULL;
}

int es_request_channels_publish_rights(es_request_rights_t *rights,
                                       request_rec *r, const es_dir_t *conf,
                                       es_problem_t *why)
{
    es_request_channels_subscribe_rights(rights, r, conf);
    rights->publishes = 1;
    return (conf->allow && conf->allow_is_own) || !has_values(conf) ||
           es_request_channels_expand(r, conf, &rights->only, why);
}

static int matches_pattern(const es_request_rights_t *rights, es_slice_t name)
{
    int i;

    for (i = 0; rights->patterns && i < rights->patterns->nelts; i++) {
        if (es_channel_match(name,
                             APR_ARRAY_IDX(rights->patterns, i, es_slice_t))) {
            return 1;
        }
    }
    return !rights->patterns;
}

static int is_confined_from(const es_request_rights_t *rights, es_slice_t name)
{
    return rights->only && !es_channel_set_contains(rights->only, name);
}

int es_request_channels_allows(const es_request_rights_t *rights,
                               es_slice_t name)
{
    return !is_confined_from(rights, name) && matches_pattern(rights, name) &&
           es_token_access_covers(rights->r, name) &&
           es_channel_access_admits(rights->r, name) == OK;
}

static int refuse(const es_request_rights_t *rights, es_slice_t name,
                  es_problem_t *why)
{
    es_problem_set(why, rights->r->pool, HTTP_FORBIDDEN,
                   "Channel not allowed: %s.",
                   es_channel_printable(name, rights->r->pool));
    if (is_confined_from(rights, name)) {
        return es_problem_remedy(
            why, ES_REMEDY_CHANNEL,
            "This Location is confined to the channels that its "
            "EventStreamChannel gives; EventStreamAllowChannel in the section "
            "of EventStreamChannel allows others.");
    }
    if (matches_pattern(rights, name)) {
        /* not kept, rules that depend on the time may admit it by now */
        int status = es_channel_access_admits(rights->r, name);

        why->status = status != OK ? status : HTTP_FORBIDDEN;
        es_request_token_challenge(rights->r, why->status);
    }
    if (rights->publishes) {
        es_problem_remedy(
            why, ES_REMEDY_CHANNEL,
            matches_pattern(rights, name)
                ? "The rules of Require do not admit it: no pattern of Require "
                  "eventstream-channel matches, the token of Require "
                  "eventstream-token does not grant it, or an expression "
                  "with EVENTSTREAM_CHANNEL does not."
                : "No pattern of EventStreamAllowChannel matches.");
    }
    return 0;
}

int es_request_channels_allowed(const es_request_rights_t *rights,
                                const es_slice_t *names, int count,
                                es_problem_t *why)
{
    int i;

    for (i = 0; i < count; i++) {
        if (!es_request_channels_allows(rights, names[i])) {
            return refuse(rights, names[i], why);
        }
    }
    return 1;
}

/* ---- The channels of a request to publish ------------------------------- */

int es_request_channels_preset(const es_request_rights_t *rights,
                               es_channel_set_t **out, es_problem_t *why)
{
    *out = rights->only;
    return rights->only ||
           es_request_channels_expand(rights->r, rights->conf, out, why);
}

int es_request_channels_queried(const es_request_rights_t *rights,
                                es_channel_set_t **out, es_problem_t *why)
{
    es_channel_set_t *set = es_event_channel_set(rights->r->pool);

    if (!es_event_query_channels(set, es_slice_of(rights->r->args), NULL,
                                 rights->r->pool, why)) {
        return 0;
    }
    if (es_channel_set_count(set) == 0 &&
        !es_request_channels_preset(rights, &set, why)) {
        return 0;
    }
    if (es_channel_set_count(set) == 0) {
        return es_problem_set(why, rights->r->pool, HTTP_BAD_REQUEST,
                              "No channel: the query has no 'channel', and "
                              "the Location no EventStreamChannel.");
    }
    *out = set;
    return es_request_channels_allowed(rights, es_channel_set_names(set),
                                       es_channel_set_count(set), why);
}
