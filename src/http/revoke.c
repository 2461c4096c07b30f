/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DELETE ?user=NAME or ?jti=ID. Names come from whoever knows them, for example
 * from a list of users, and are compared byte by byte with those of requests.
 * So a name of a user is not checked for UTF-8: browsers send Latin-1, too.
 *
 * If one of several channels cannot be revoked, those before it stay revoked,
 * and the answer is the problem.
 */
#include "http/revoke.h"

#include <apr_strings.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/json.h"
#include "base/query.h"
#include "base/sigblock.h"
#include "base/utf8.h"
#include "server/log.h"
#include "server/revocation_runtime.h"
#include "http/channel_access.h"
#include "http/publish.h"
#include "http/publish_log.h"
#include "http/reply.h"
#include "http/request_channels.h"
#include "http/token_access.h"

#define USER_FOR 60
#define FOR_MAX (31 * 24 * 3600)
#define FOR_ALWAYS "always"

/* Of the query, for messages and for the log. */
static const char *const words[] = {"user", "jti"};

/* ---- The query ---------------------------------------------------------- */

/* @return the number of values; the last one is in out */
static int count_values(request_rec *r, const char *name, es_slice_t *out)
{
    const apr_array_header_t *values =
        es_query_values(es_slice_of(r->args), name, r->pool);

    if (values && values->nelts > 0) {
        *out = APR_ARRAY_IDX(values, values->nelts - 1, es_slice_t);
        return values->nelts;
    }
    return 0;
}

int es_revoke_is_asked(request_rec *r)
{
    es_slice_t unused;

    return count_values(r, "user", &unused) > 0 ||
           count_values(r, "jti", &unused) > 0;
}

static int has_control(es_slice_t name)
{
    apr_size_t i;

    for (i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];

        if (c < 0x20 || c == 0x7f) {
            return 1;
        }
    }
    return 0;
}

static int check_name(request_rec *r, const es_revoke_t *revoke,
                      es_problem_t *why)
{
    const char *word = words[revoke->kind];

    if (revoke->name.len == 0 ||
        revoke->name.len > ES_CLUSTER_REVOKED_NAME_MAX) {
        return es_problem_set(
            why, r->pool, HTTP_BAD_REQUEST, "The query's '%s' has %s.", word,
            revoke->name.len == 0 ? "no value" : "too many bytes");
    }
    if (has_control(revoke->name)) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "The query's '%s' has a control character.",
                              word);
    }
    if (revoke->kind == ES_IDENTITY_TOKEN && !es_utf8_is_valid(revoke->name)) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "The query's 'jti' is not UTF-8.");
    }
    return 1;
}

static int read_name(request_rec *r, es_revoke_t *revoke, es_problem_t *why)
{
    int users = count_values(r, "user", &revoke->name);
    int tokens = count_values(r, "jti", &revoke->name);

    if (users + tokens != 1) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "The query has more than one 'user' or 'jti'; "
                              "revoke one at a time.");
    }
    revoke->kind = users ? ES_IDENTITY_USER : ES_IDENTITY_TOKEN;
    return check_name(r, revoke, why);
}

static int read_for(request_rec *r, es_revoke_t *revoke, es_problem_t *why)
{
    es_slice_t text;

    revoke->seconds =
        revoke->kind == ES_IDENTITY_USER ? USER_FOR : ES_CLUSTER_REVOKED_ALWAYS;
    if (!es_query_value(&text, es_slice_of(r->args), "for", r->pool)) {
        return 1;
    }
    if (es_slice_is(text, FOR_ALWAYS)) {
        revoke->seconds = ES_CLUSTER_REVOKED_ALWAYS;
        return 1;
    }
    revoke->seconds = es_query_number(text, FOR_MAX);
    return revoke->seconds >= 0 ||
           es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                          "The query's 'for' is neither a number of seconds "
                          "from 0 to %d nor '" FOR_ALWAYS "'.",
                          FOR_MAX);
}

/* All channels of the hub are those of others, too. */
static int may_revoke_all(const es_request_rights_t *rights, es_problem_t *why)
{
    request_rec *r = rights->r;
    const es_token_t *token =
        es_token_access_controls(r) ? es_token_access_of(r) : NULL;

    if (!rights->only && !rights->patterns && !es_channel_access_has_rules(r) &&
        (!token || es_token_admits_all(token, ES_RIGHT_CONTROL))) {
        return 1;
    }
    es_problem_set(why, rights->r->pool, HTTP_FORBIDDEN,
                   "Name the channels with 'channel': not all are allowed "
                   "here.");
    return es_problem_remedy(
        why, ES_REMEDY_CHANNEL,
        "This Location, or the token, is confined to some channels "
        "(EventStreamChannel, EventStreamAllowChannel, Require), so it does "
        "not revoke a user or a token for all channels of the hub.");
}

static int read_channels(const es_request_rights_t *rights, es_revoke_t *revoke,
                         es_problem_t *why)
{
    request_rec *r = rights->r;
    es_channel_set_t *set = es_event_channel_set(r->pool);

    if (!es_event_query_channels(set, es_slice_of(r->args), NULL, r->pool,
                                 why)) {
        return 0;
    }
    if (es_channel_set_count(set) == 0) {
        return may_revoke_all(rights, why);
    }
    if (!es_request_channels_queried(rights, &set, why)) {
        return 0;
    }
    revoke->channels = set;
    return 1;
}

/* ---- Revoking ----------------------------------------------------------- */

static int refuse(request_rec *r, apr_status_t rv, es_problem_t *why)
{
    es_problem_set(why, r->pool, HTTP_SERVICE_UNAVAILABLE,
                   rv == APR_ENOSPC
                       ? "Too many revocations hold."
                       : "The table of revocations cannot be changed now.");
    why->retry_after = ES_RETRY_AFTER_S;
    es_rlog(APLOG_WARNING, rv, r, "ES0921",
            "cannot revoke a user or a token: %s",
            rv == APR_ENOSPC
                ? "the table is full of revocations that hold; DELETE with "
                  "for=0 gives the place of one back"
                : "its table cannot be used, or another process has its lock");
    return 0;
}

/* One channel, or all. */
static int revoke_here(request_rec *r, const es_runtime_hub_t *hub,
                       const es_cluster_revoked_t *revoked, es_problem_t *why)
{
    apr_time_t until =
        revoked->seconds == ES_CLUSTER_REVOKED_ALWAYS
            ? ES_REVOCATION_ALWAYS
            : es_clock_now() + revoked->seconds * APR_USEC_PER_SEC;
    es_sigblock_t sigblock;
    apr_status_t rv = APR_ENOTIMPL;

    es_sigblock_begin(&sigblock); /* the table has a lock */
    if (hub) {
        rv = es_revocation_runtime_revoke(
            hub->store, revoked->kind, revoked->name, revoked->channel, until);
    }
    es_sigblock_end(&sigblock);
    return rv == APR_SUCCESS || refuse(r, rv, why);
}

static int revoke_all(request_rec *r, const es_dir_t *conf,
                      const es_revoke_t *revoke, es_problem_t *why)
{
    const es_runtime_hub_t *hub = es_runtime_hub(conf);
    int count = revoke->channels ? es_channel_set_count(revoke->channels) : 1;
    es_cluster_revoked_t one = {0};
    int i;

    one.kind = revoke->kind;
    one.name = revoke->name;
    one.seconds = revoke->seconds;
    for (i = 0; i < count; i++) {
        if (revoke->channels) {
            one.channel = es_channel_set_names(revoke->channels)[i];
        }
        if (!(hub && hub->cluster
                  ? es_publish_cluster_revoke(hub, &one, r->pool, why)
                  : revoke_here(r, hub, &one, why))) {
            return 0;
        }
    }
    return 1;
}

/* ---- The answer --------------------------------------------------------- */

static const char *channels_json(const es_revoke_t *revoke, apr_pool_t *p)
{
    const char *list = "";
    int i;

    for (i = 0; revoke->channels && i < es_channel_set_count(revoke->channels);
         i++) {
        list = apr_pstrcat(
            p, list, i == 0 ? "" : ", ",
            es_json_string(es_channel_set_names(revoke->channels)[i], p), NULL);
    }
    return revoke->channels
               ? apr_pstrcat(p, ", \"channels\": [", list, "]", NULL)
               : "";
}

static int reply(request_rec *r, const es_revoke_t *revoke)
{
    apr_pool_t *p = r->pool;
    es_slice_t name = es_utf8_or_latin1(revoke->name, p);
    const char *time =
        revoke->seconds == ES_CLUSTER_REVOKED_ALWAYS
            ? "\"" FOR_ALWAYS "\""
            : apr_psprintf(p, "%" APR_INT64_T_FMT, revoke->seconds);

    return es_reply_json(
        r, apr_psprintf(p, "{\"revoked\": \"%s\", \"name\": %s, \"for\": %s%s}",
                        words[revoke->kind], es_json_string(name, p), time,
                        channels_json(revoke, p)));
}

int es_revoke_handler(request_rec *r, const es_dir_t *conf)
{
    es_request_rights_t rights;
    es_revoke_t revoke = {0};
    es_problem_t why;

    if (!es_request_channels_publish_rights(&rights, r, conf, &why) ||
        !read_name(r, &revoke, &why) || !read_for(r, &revoke, &why) ||
        !read_channels(&rights, &revoke, &why)) {
        return es_reply_problem(r, &why);
    }
    if (revoke.channels) {
        es_publish_log_channels(es_publish_log_of(r),
                                es_channel_set_names(revoke.channels),
                                es_channel_set_count(revoke.channels));
    }
    if (!revoke_all(r, conf, &revoke, &why)) {
        return es_reply_problem(r, &why);
    }
    es_publish_log_revoked(es_publish_log_of(r), words[revoke.kind],
                           revoke.name);
    return reply(r, &revoke);
}
