/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the primary, and logging in.
 *
 *     sentinels ──> candidates, by votes ──> connect ──> login ──> is it one?
 *     (or the host of the URL)                            │
 *          AUTH? SELECT? CLIENT SETNAME, ROLE, INFO server, PING
 *
 * Sentinels may disagree: one that is cut off from the others names a primary
 * that has been replaced. So they are asked until more than half of all that
 * the URL has agree; if no server has so many, that of most votes is tried
 * first. What a server says of itself (ROLE) comes last.
 *
 * The commands of a login are sent together. A broker may repeat what was sent
 * to it, so of its answer to AUTH only the first word is shown, and of others
 * nothing that contains the password.
 */
#include "cluster/link_priv.h"

#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "base/clock.h"
#include "base/context.h"

/* A sentinel that does not answer must not take all of the time. */
#define SENTINEL_TIMEOUT (2 * APR_USEC_PER_SEC)
#define NAME_SIZE 256
#define DB_SIZE 12
#define SHOWN_MAX 100 /* bytes of an error, in a log */
#define COMMANDS_MAX 6
#define OUR_NAME "mod_eventstream"

/* What a login needs, and its result. */
typedef struct login_t {
    const es_cluster_link_params_t *params;
    es_cluster_link_t *link;
    const char *user; /* NULL = none, as the next */
    const char *password;
    apr_time_t by;
    char *why;
    apr_size_t why_size;
} login_t;

/* ---- sentences ----------------------------------------------------------- */

static apr_status_t explain(const login_t *login, apr_status_t rv,
                            const char *what)
{
    apr_snprintf(login->why, login->why_size, "%s: %s",
                 es_cluster_link_address(login->link), what);
    return rv;
}

/* The first word of an error, such as WRONGPASS. */
static apr_size_t code_size(es_slice_t text)
{
    apr_size_t i = 0;

    while (i < text.len && i < SHOWN_MAX && apr_isupper(text.data[i])) {
        i++;
    }
    return i;
}

/* What is shown of an error: no more than a log needs, and the first word alone
 * if the password is in it. */
static apr_size_t shown_size(const login_t *login, es_slice_t text)
{
    if (login->password && *login->password && text.len != 0 &&
        strstr(text.data, login->password)) {
        return code_size(text);
    }
    return text.len < SHOWN_MAX ? text.len : SHOWN_MAX;
}

static apr_status_t explain_reply(const login_t *login, apr_status_t rv,
                                  const char *what,
                                  const es_cluster_reply_t *reply)
{
    es_slice_t text = es_cluster_reply_text(reply);
    apr_size_t size = shown_size(login, text), i;
    char shown[SHOWN_MAX + 1];

    for (i = 0; i < size; i++) {
        shown[i] = apr_isprint(text.data[i]) ? text.data[i] : '?';
    }
    shown[i] = '\0';
    apr_snprintf(login->why, login->why_size, "%s: %s: %s",
                 es_cluster_link_address(login->link), what, shown);
    return rv;
}

/* What follows the code may be the secret, whatever it looks like. */
static apr_status_t explain_auth(const login_t *login,
                                 const es_cluster_reply_t *reply)
{
    es_slice_t text = es_cluster_reply_text(reply);

    apr_snprintf(login->why, login->why_size,
                 "%s: the user or the password is refused (%.*s)",
                 es_cluster_link_address(login->link), (int)code_size(text),
                 text.data);
    return APR_EACCES;
}

static apr_status_t explain_wait(const login_t *login, apr_status_t rv)
{
    if (rv == APR_TIMEUP) {
        return explain(login, rv, "no answer in time");
    }
    apr_snprintf(login->why, login->why_size, "%s",
                 *es_cluster_link_why(login->link)
                     ? es_cluster_link_why(login->link)
                     : "stopping");
    return rv;
}

/* ---- the login ----------------------------------------------------------- */

typedef apr_status_t check_t(login_t *login, const es_cluster_reply_t *reply);

static apr_status_t check_auth(login_t *login, const es_cluster_reply_t *reply)
{
    return es_cluster_reply_is_error(reply) ? explain_auth(login, reply)
                                            : APR_SUCCESS;
}

/* An error that each command gets: without a password, in protected mode. */
static apr_status_t check_refused(login_t *login,
                                  const es_cluster_reply_t *reply)
{
    if (es_cluster_reply_is_code(reply, "NOAUTH")) {
        return explain(login, APR_EACCES, "it wants a password (NOAUTH)");
    }
    if (es_cluster_reply_is_code(reply, "NOPERM")) {
        return explain_reply(login, APR_EACCES, "its user may do too little",
                             reply);
    }
    if (es_cluster_reply_is_code(reply, "LOADING") ||
        es_cluster_reply_is_code(reply, "BUSY") ||
        es_cluster_reply_is_code(reply, "MASTERDOWN")) {
        return explain_reply(login, APR_EBUSY, "it does not serve now", reply);
    }
    return explain_reply(login, APR_EGENERAL, "it refuses", reply);
}

/* An administrator sees it in CLIENT LIST; a user may be forbidden to. */
static apr_status_t check_name(login_t *login, const es_cluster_reply_t *reply)
{
    return es_cluster_reply_is_error(reply) &&
                   !es_cluster_reply_is_code(reply, "NOPERM") &&
                   !es_cluster_reply_is_code(reply, "ERR")
               ? check_refused(login, reply)
               : APR_SUCCESS;
}

static apr_status_t check_select(login_t *login,
                                 const es_cluster_reply_t *reply)
{
    if (es_cluster_reply_is_code(reply, "ERR")) {
        return explain_reply(login, APR_EGENERAL,
                             "the database cannot be selected", reply);
    }
    return es_cluster_reply_is_error(reply) ? check_refused(login, reply)
                                            : APR_SUCCESS;
}

static apr_status_t check_role(login_t *login, const es_cluster_reply_t *reply)
{
    es_slice_t role = es_cluster_reply_text(es_cluster_reply_at(reply, 0));

    if (es_cluster_reply_is_error(reply)) {
        return check_refused(login, reply);
    }
    return es_slice_is(role, "master")
               ? APR_SUCCESS
               : explain(login, APR_EMISMATCH, "it is not a primary");
}

/* "run_id:<40 digits>" is a line of INFO server. */
static apr_status_t check_info(login_t *login, const es_cluster_reply_t *reply)
{
    es_slice_t text = es_cluster_reply_text(reply);
    const char *at;

    if (es_cluster_reply_is_error(reply)) {
        return check_refused(login, reply);
    }
    at = text.len != 0 ? strstr(text.data, "run_id:") : NULL;
    if (at == NULL) {
        return explain(login, APR_EGENERAL, "it has no run_id");
    }
    at += strlen("run_id:");
    es_cluster_link_set_run(login->link,
                            es_slice(at, strspn(at, "0123456789abcdefABCDEF")));
    return *es_cluster_link_run(login->link)
               ? APR_SUCCESS
               : explain(login, APR_EGENERAL, "it has no run_id");
}

static apr_status_t check_ping(login_t *login, const es_cluster_reply_t *reply)
{
    return es_cluster_reply_is_error(reply) ? check_refused(login, reply)
                                            : APR_SUCCESS;
}

static apr_status_t receive(login_t *login, check_t *check)
{
    es_cluster_reply_t *reply;
    apr_status_t rv = es_cluster_link_receive(login->link, &reply, login->by);

    if (rv != APR_SUCCESS) {
        return explain_wait(login, rv);
    }
    rv = check(login, reply);
    es_cluster_reply_free(reply);
    return rv;
}

static void add(login_t *login, check_t **checks, int *count, check_t *check,
                int argc, const es_slice_t *argv)
{
    /* a new link has room for these few bytes, or fails in receive */
    if (es_cluster_link_add(login->link, argc, argv) == APR_SUCCESS) {
        checks[(*count)++] = check;
    }
}

static void add_auth(login_t *login, check_t **checks, int *count)
{
    es_slice_t words[3] = {es_slice_of("AUTH")};
    int argc = 1;

    if (login->password == NULL) {
        return;
    }
    if (login->user) {
        words[argc++] = es_slice_of(login->user);
    }
    words[argc++] = es_slice_of(login->password);
    add(login, checks, count, check_auth, argc, words);
}

static apr_status_t log_in(login_t *login)
{
    const es_slice_t name[] = {es_slice_of("CLIENT"), es_slice_of("SETNAME"),
                               es_slice_of(OUR_NAME)};
    const es_slice_t role = es_slice_of("ROLE"), ping = es_slice_of("PING");
    const es_slice_t info[] = {es_slice_of("INFO"), es_slice_of("server")};
    char db[DB_SIZE];
    es_slice_t select[2] = {es_slice_of("SELECT")};
    check_t *checks[COMMANDS_MAX];
    int count = 0, i;
    apr_status_t rv = APR_SUCCESS;

    add_auth(login, checks, &count);
    if (login->params->url->db != 0) {
        apr_snprintf(db, sizeof(db), "%d", login->params->url->db);
        select[1] = es_slice_of(db);
        add(login, checks, &count, check_select, 2, select);
    }
    add(login, checks, &count, check_name, 3, name);
    add(login, checks, &count, check_role, 1, &role);
    add(login, checks, &count, check_info, 2, info);
    add(login, checks, &count, check_ping, 1, &ping);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = receive(login, checks[i]);
    }
    return rv;
}

/* ---- one server ---------------------------------------------------------- */

static apr_time_t sooner(apr_time_t by, apr_interval_time_t at_most)
{
    apr_time_t other = es_clock_now() + at_most;

    return by < other ? by : other;
}

static apr_status_t start_login(login_t *login,
                                const es_cluster_link_params_t *params,
                                const es_cluster_host_t *host, apr_time_t by,
                                char *why, apr_size_t why_size)
{
    memset(login, 0, sizeof(*login));
    login->params = params;
    login->user = params->url->user;
    login->password =
        params->password ? params->password : params->url->password;
    login->by = by;
    login->why = why;
    login->why_size = why_size;
    return es_cluster_link_connect(&login->link, params, host, by, why,
                                   why_size);
}

static apr_status_t open_server(es_cluster_link_t **out,
                                const es_cluster_link_params_t *params,
                                const es_cluster_host_t *host, apr_time_t by,
                                char *why, apr_size_t why_size)
{
    login_t login;
    apr_status_t rv =
        start_login(&login, params, host, sooner(by, params->connect_timeout),
                    why, why_size);

    if (rv == APR_SUCCESS) {
        rv = log_in(&login);
    }
    if (rv != APR_SUCCESS) {
        es_cluster_link_close(login.link);
        return rv;
    }
    *out = login.link;
    return APR_SUCCESS;
}

/* ---- sentinels ----------------------------------------------------------- */

typedef struct candidate_t {
    char host[NAME_SIZE];
    int port;
    int votes;
} candidate_t;

typedef struct election_t {
    const es_cluster_link_params_t *params;
    candidate_t list[ES_CLUSTER_HOSTS_MAX]; /* no more than sentinels */
    int count;
    apr_status_t failed; /* of the last one that did not answer */
} election_t;

static void vote(election_t *election, es_slice_t host, apr_int64_t port)
{
    candidate_t *at;
    int i;

    for (i = 0; i < election->count; i++) {
        at = &election->list[i];
        if (at->port == port && es_slice_is(host, at->host)) {
            at->votes++;
            return;
        }
    }
    at = &election->list[election->count++];
    memcpy(at->host, host.data, host.len);
    at->host[host.len] = '\0';
    at->port = (int)port;
    at->votes = 1;
}

/* [host, port], or nil for a name that it does not know. */
static apr_status_t take_vote(election_t *election, login_t *login,
                              const es_cluster_reply_t *reply)
{
    es_slice_t host = es_cluster_reply_text(es_cluster_reply_at(reply, 0));
    apr_int64_t port = es_cluster_reply_number(es_cluster_reply_at(reply, 1));

    if (es_cluster_reply_is_nil(reply)) {
        return explain(login, APR_ENOENT,
                       "this sentinel does not know the name");
    }
    if (es_cluster_reply_is_error(reply)) {
        return check_refused(login, reply);
    }
    if (host.len == 0 || host.len >= NAME_SIZE || es_slice_has(host, '\0') ||
        port < 1 || port > 65535) {
        return explain(login, APR_EGENERAL, "this sentinel answers nonsense");
    }
    vote(election, host, port);
    return APR_SUCCESS;
}

/* Most sentinels want no password; the one that we have is for the primary, and
 * is sent only to one that wants some. */
static apr_status_t ask(election_t *election, login_t *login)
{
    const es_slice_t words[] = {es_slice_of("SENTINEL"),
                                es_slice_of("get-master-addr-by-name"),
                                es_slice_of(login->params->url->name)};
    es_cluster_reply_t *reply;
    check_t *checks[1];
    int count = 0;
    apr_status_t rv;

    rv = es_cluster_link_add(login->link, 3, words);
    if (rv == APR_SUCCESS) {
        rv = es_cluster_link_receive(login->link, &reply, login->by);
    }
    if (rv == APR_SUCCESS && es_cluster_reply_is_code(reply, "NOAUTH") &&
        login->password) {
        es_cluster_reply_free(reply);
        add_auth(login, checks, &count);
        rv = receive(login, check_auth);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        rv = es_cluster_link_add(login->link, 3, words);
        if (rv == APR_SUCCESS) {
            rv = es_cluster_link_receive(login->link, &reply, login->by);
        }
    }
    if (rv != APR_SUCCESS) {
        return explain_wait(login, rv);
    }
    rv = take_vote(election, login, reply);
    es_cluster_reply_free(reply);
    return rv;
}

static apr_status_t ask_sentinel(election_t *election,
                                 const es_cluster_host_t *host, apr_time_t by,
                                 char *why, apr_size_t why_size)
{
    apr_interval_time_t most = election->params->connect_timeout;
    login_t login;
    apr_status_t rv = start_login(
        &login, election->params, host,
        sooner(by, most < SENTINEL_TIMEOUT ? most : SENTINEL_TIMEOUT), why,
        why_size);

    if (rv == APR_SUCCESS) {
        rv = ask(election, &login);
    }
    es_cluster_link_close(login.link);
    return rv;
}

static candidate_t *most_votes(election_t *election)
{
    candidate_t *best = NULL;
    int i;

    for (i = 0; i < election->count; i++) {
        candidate_t *at = &election->list[i];

        if (at->votes > 0 && (best == NULL || at->votes > best->votes)) {
            best = at;
        }
    }
    return best;
}

static int is_decided(election_t *election)
{
    const candidate_t *best = most_votes(election);

    return best && best->votes > election->params->url->nhosts / 2;
}

/* @return APR_SUCCESS: there is a candidate; else why there is none */
static apr_status_t ask_all(election_t *election, apr_time_t by, char *why,
                            apr_size_t why_size)
{
    const es_cluster_url_t *url = election->params->url;
    apr_status_t rv = APR_TIMEUP;
    int i;

    /* what the last one has said is lost if another is asked without time */
    for (i = 0; i < url->nhosts && !is_decided(election) &&
                (i == 0 || es_clock_now() < by);
         i++) {
        rv = ask_sentinel(election, &url->hosts[i], by, why, why_size);
        if (rv == APR_EOF &&
            es_cluster_link_is_stopping(election->params->stopping)) {
            return rv;
        }
    }
    return election->count != 0 ? APR_SUCCESS : rv;
}

/* The candidates in order, until one is a primary. */
static apr_status_t open_elected(es_cluster_link_t **out,
                                 const es_cluster_link_params_t *params,
                                 apr_time_t by, char *why, apr_size_t why_size)
{
    election_t *election = calloc(1, sizeof(*election));
    candidate_t *best;
    es_cluster_host_t host;
    apr_status_t rv;

    if (election == NULL) {
        return APR_ENOMEM;
    }
    election->params = params;
    rv = ask_all(election, by, why, why_size);
    best = rv == APR_SUCCESS ? most_votes(election) : NULL;
    while (best != NULL) {
        host.host = best->host;
        host.port = best->port;
        rv = open_server(out, params, &host, by, why, why_size);
        best->votes = 0;
        best = rv == APR_SUCCESS ? NULL : most_votes(election);
    }
    free(election);
    return rv;
}

apr_status_t es_cluster_link_open(es_cluster_link_t **out,
                                  const es_cluster_link_params_t *params,
                                  apr_time_t by, char *why, apr_size_t why_size)
{
    const es_cluster_url_t *url = params->url;
    apr_status_t rv;

    ES_CONTEXT(ES_CLUSTER);
    *out = NULL;
    *why = '\0';
    if (!es_cluster_link_is_built()) {
        apr_snprintf(why, why_size, "this build has no hiredis");
        return APR_ENOTIMPL;
    }
    if (url->is_sentinel) {
        rv = open_elected(out, params, by, why, why_size);
    }
    else {
        rv = open_server(out, params, url->path ? NULL : &url->hosts[0], by,
                         why, why_size);
    }
    if (rv == APR_SUCCESS) {
        *why = '\0'; /* of a server that was tried before */
    }
    return rv;
}
