/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of EventStreamGrip contain keys, so no error text here shows one of
 * them; a bad parameter is named without its value.
 */
#include "config/setters.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>

#include "base/channel.h"
#include "grip/url.h"

/* A prefix leaves space for the name of the channel. */
#define PREFIX_MAX 64
#define WAIT_MIN (APR_USEC_PER_SEC / 10)
#define TIME_MAX (300 * APR_USEC_PER_SEC)

/* ---- Which hub --------------------------------------------------------- */

static es_grip_t *new_grip(apr_pool_t *p)
{
    es_grip_t *grip = apr_pcalloc(p, sizeof(*grip));

    grip->proxies = apr_array_make(p, 2, sizeof(es_proxy_t *));
    grip->prefix = ES_GRIP_PREFIX;
    grip->connect_timeout = 3 * APR_USEC_PER_SEC;
    grip->publish_timeout = 10 * APR_USEC_PER_SEC;
    return grip;
}

static es_hub_grip_conf_t *grip_of(cmd_parms *cmd, const char *hub)
{
    es_settings_t *global = es_settings_of(cmd->server);
    es_hub_grip_conf_t *entry;
    int i;

    for (i = 0; i < global->grips->nelts; i++) {
        entry = &APR_ARRAY_IDX(global->grips, i, es_hub_grip_conf_t);
        if (!strcmp(entry->hub, hub)) {
            return entry;
        }
    }
    entry = apr_array_push(global->grips);
    entry->hub = hub;
    entry->directive = cmd->directive;
    entry->grip = new_grip(cmd->pool);
    return entry;
}

const char *es_grip_setters_check(const es_settings_t *global, apr_pool_t *p)
{
    const char *err = NULL;
    int i;

    for (i = 0; i < global->grips->nelts && !err; i++) {
        const es_hub_grip_conf_t *entry =
            &APR_ARRAY_IDX(global->grips, i, es_hub_grip_conf_t);
        es_hub_conf_t *hub = es_settings_hub(global, entry->hub);

        if (!hub) {
            err = apr_psprintf(p,
                               "hub=%s: no such hub; define it at server "
                               "level with EventStreamHub %s",
                               entry->hub, entry->hub);
        }
        else if (entry->grip->proxies->nelts > 0) {
            hub->grip = entry->grip;
        }
        else if (entry->grip->is_required || entry->grip->is_reliable) {
            err = apr_psprintf(p,
                               "hub %s has no proxy; add one with "
                               "EventStreamGrip",
                               entry->hub);
        }
        if (hub) {
            hub->grip_prefix = entry->grip->prefix;
        }
        if (err) {
            err = apr_psprintf(
                p, "%s line %d: %s %s", entry->directive->filename,
                entry->directive->line_num, entry->directive->directive, err);
        }
    }
    return err;
}

/* ---- EventStreamGrip --------------------------------------------------- */

static const char *read_url(es_grip_url_t *url, cmd_parms *cmd, int argc,
                            char *const argv[])
{
    const char *err = NULL;
    int i;

    for (i = 0; i < argc && !err; i++) {
        err = es_words_unset(argv[i], cmd->pool);
    }
    err = err ? err : es_grip_url_parse(url, argv[0], cmd->pool);
    for (i = 1; i < argc && !err; i++) {
        err = es_grip_url_set(url, argv[i], cmd->pool);
    }
    return err;
}

/* The URL for publishing identifies the outbox of a proxy. */
static const char *check_unique(const es_grip_t *grip, const es_proxy_t *proxy,
                                apr_pool_t *p)
{
    int i;

    for (i = 0; i < grip->proxies->nelts; i++) {
        const es_proxy_t *other =
            APR_ARRAY_IDX(grip->proxies, i, const es_proxy_t *);

        if (!strcmp(other->publish_uri, proxy->publish_uri)) {
            return "another EventStreamGrip of this hub has the same URL";
        }
    }
    return i < ES_GRIP_PROXIES_MAX
               ? NULL
               : apr_psprintf(p, "a hub has at most %d proxies",
                              ES_GRIP_PROXIES_MAX);
}

static const char *add_proxy(cmd_parms *cmd, es_grip_t *grip, int argc,
                             char *const argv[])
{
    es_grip_url_t url;
    const es_proxy_t *proxy;
    const char *err = read_url(&url, cmd, argc, argv);

    err =
        err ? err
            : es_proxy_make(&proxy, &url,
                            ap_server_root_relative(cmd->pool, ""), cmd->pool);
    err = err ? err : check_unique(grip, proxy, cmd->pool);
    if (!err) {
        APR_ARRAY_PUSH(grip->proxies, const es_proxy_t *) = proxy;
        cmd->directive->args =
            apr_pstrcat(cmd->pool, proxy->name, " ...", NULL);
    }
    return err;
}

const char *es_grip_setters_proxy(cmd_parms *cmd, void *dir, int argc,
                                  char *const argv[])
{
    const char *err = es_setters_misplaced(cmd), *hub;
    es_grip_t *grip;

    (void)dir;
    cmd->directive->args = "...";
    if (err) {
        return err;
    }
    err = es_words_take_hub(&hub, &argc, &argv);
    if (!err && argc == 0) {
        err = "takes off, or a URL with optional iss=, key=, verify-iss= and "
              "verify-key=";
    }
    if (!err) {
        grip = grip_of(cmd, hub)->grip;
        if (argc == 1 && !strcasecmp(argv[0], "off")) {
            apr_array_clear(grip->proxies);
        }
        else {
            err = add_proxy(cmd, grip, argc, argv);
        }
    }
    return err ? apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", err, NULL) : NULL;
}

/* ---- EventStreamGrip... with one value --------------------------------- */

static const char *read_word(int *out, const char *text, const char *yes,
                             const char *no, const char *err)
{
    *out = !strcasecmp(text, yes);
    return *out || !strcasecmp(text, no) ? NULL : err;
}

static const char *read_time(apr_interval_time_t *out, const char *text,
                             apr_interval_time_t min)
{
    if (!apr_isdigit(*text) ||
        ap_timeout_parameter_parse(text, out, "s") != APR_SUCCESS ||
        *out < min || *out > TIME_MAX) {
        return min ? "takes a time from 100ms to 5min"
                   : "takes a time from 0 to 5min";
    }
    return NULL;
}

/* The prefix goes into Grip-Channel as it is, where ',' ends a channel, ';' its
 * name, and blanks around it are lost. */
static const char *read_prefix(const char **out, const char *text,
                               apr_pool_t *p)
{
    es_slice_t prefix = es_slice_of(text);
    es_problem_t why;

    if (strpbrk(text, "{}")) {
        return "takes no {tokens} and no ${variables} that are not defined: "
               "all channels of the hub have the same prefix";
    }
    if (prefix.len > PREFIX_MAX || strpbrk(text, ",;\"") ||
        es_channel_trim(prefix).len != prefix.len ||
        (prefix.len != 0 && !es_channel_check(prefix, p, &why))) {
        return "takes at most 64 bytes without control characters, ',', ';' "
               "and '\"', and without a blank at an end";
    }
    *out = !strcasecmp(text, "none") ? "" : text; /* httpd drops "" here */
    return NULL;
}

static const char *read_row(void *field, es_grip_value_t value,
                            const char *text, apr_pool_t *p)
{
    switch (value) {
    case ES_GRIP_SWITCH:
        return read_word(field, text, "on", "off", "takes on or off");
    case ES_GRIP_ON_ERROR:
        return read_word(field, text, "ignore", "fail", "takes fail or ignore");
    case ES_GRIP_TIME: return read_time(field, text, 0);
    case ES_GRIP_WAIT: return read_time(field, text, WAIT_MIN);
    default: return read_prefix(field, text, p);
    }
}

const char *es_grip_setters_row(cmd_parms *cmd, void *dir, int argc,
                                char *const argv[])
{
    const es_grip_row_t *row = cmd->info;
    const char *err = es_setters_misplaced(cmd), *hub;
    es_grip_t *grip;

    (void)dir;
    if (err) {
        return err;
    }
    err = es_words_take_hub(&hub, &argc, &argv);
    if (!err && argc != 1) {
        err = "takes one value, with an optional hub= before it";
    }
    if (!err) {
        grip = grip_of(cmd, hub)->grip;
        err =
            read_row((char *)grip + row->field, row->value, argv[0], cmd->pool);
    }
    return err ? apr_pstrcat(cmd->pool, cmd->cmd->name, " ", err, NULL) : NULL;
}
