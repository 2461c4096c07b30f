/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directive with one value is one row: its name, its unit, its field, its
 * preset and its range. Setting, merging, presets and range checks walk the
 * table. Each of the other directives has a setter.
 *
 * Presets are filled in after the configuration was read, into the outermost
 * settings of each server. httpd merges the settings of every request on top of
 * these, so a request sees complete settings, and an inner section inherits
 * what it does not set.
 */
#include "config/directives.h"

#include <stddef.h>

#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>

#include "shm/presence.h"
#include "server/deliveries.h"
#include "server/log.h"
#include "server/settings.h"
#include "http/token_query.h"
#include "config/setters.h"
#include "config/values.h"

/* The cmd_data of a directive with one value. */
typedef struct es_row_t {
    es_unit_t unit;
    apr_size_t field;   /* offset of an apr_int64_t */
    apr_int64_t preset; /* in the field's unit, as the next two */
    apr_int64_t min;
    apr_int64_t max;
} es_row_t;

#define IN_SECTIONS (RSRC_CONF | ACCESS_CONF)
#define FIELD(name) offsetof(es_dir_t, name)
#define GLOBAL(name) offsetof(es_settings_t, name)
#define SECONDS(n) ((n) * (apr_int64_t)APR_USEC_PER_SEC)
#define HOURS(n) SECONDS((n)*3600)

typedef const char *setter_t(cmd_parms *cmd, void *dir, const char *text);

static const char *set_dir_row(cmd_parms *cmd, void *dir, const char *text);
static const char *set_host_row(cmd_parms *cmd, void *dir, const char *text);
static const char *set_global_row(cmd_parms *cmd, void *dir, const char *text);

#define DIR_ROW(name, unit, ...)                                               \
    AP_INIT_TAKE1(name, set_dir_row,                                           \
                  (void *)&((const es_row_t){unit, __VA_ARGS__}), IN_SECTIONS, \
                  HELP_##unit)
/* not in sections: it applies before there is a request */
#define HOST_ROW(name, unit, ...)                                            \
    AP_INIT_TAKE1(name, set_host_row,                                        \
                  (void *)&((const es_row_t){unit, __VA_ARGS__}), RSRC_CONF, \
                  HELP_##unit)
#define GRIP_ROW(name, kind, member, help)                                   \
    AP_INIT_TAKE_ARGV(                                                       \
        name, es_grip_setters_row,                                           \
        (void *)&((const es_grip_row_t){kind, offsetof(es_grip_t, member)}), \
        RSRC_CONF, help)
#define GLOBAL_ROW(name, unit, ...)                                          \
    AP_INIT_TAKE1(name, set_global_row,                                      \
                  (void *)&((const es_row_t){unit, __VA_ARGS__}), RSRC_CONF, \
                  HELP_##unit)

/* clang-format off */
const command_rec es_directives_table[] = {
    /* in sections and virtual hosts */
    DIR_ROW("EventStreamRetry", ES_SECONDS, FIELD(retry_us),
            SECONDS(3), 0, HOURS(1)),
    DIR_ROW("EventStreamRetrySpread", ES_NUMBER, FIELD(retry_spread),
            0, 0, 10000),
    DIR_ROW("EventStreamKeepAlive", ES_SECONDS, FIELD(keepalive_us),
            SECONDS(20), 0, HOURS(1)),
    DIR_ROW("EventStreamKeepAliveForm", ES_FORM, FIELD(keepalive_comment),
            0, 0, 1),
    DIR_ROW("EventStreamSendTimeout", ES_SECONDS, FIELD(send_timeout_us),
            SECONDS(60), 0, HOURS(24)),
    DIR_ROW("EventStreamMaxUnsent", ES_BYTES, FIELD(unsent_bytes),
            128 * 1024, 0, 1024 * 1024 * 1024),
    DIR_ROW("EventStreamLifetime", ES_SECONDS, FIELD(lifetime_us),
            0, 0, HOURS(24 * 30)),
    DIR_ROW("EventStreamTurn", ES_SECONDS, FIELD(turn_us),
            SECONDS(1), 0, SECONDS(60)),
    DIR_ROW("EventStreamHttp2", ES_HTTP2, FIELD(http2),
            ES_HTTP2_AUTO, ES_HTTP2_AUTO, ES_HTTP2_HTTP11),
    DIR_ROW("EventStreamMaxChannelsPerClient", ES_NUMBER,
            FIELD(max_client_channels), 100, 1, 10000),
    DIR_ROW("EventStreamMaxEventSize", ES_BYTES, FIELD(max_event_bytes),
            64 * 1024, 1, 64 * 1024),
    DIR_ROW("EventStreamMaxBody", ES_BYTES, FIELD(max_body_bytes),
            1024 * 1024, 1, 1024 * 1024 * 1024),
    DIR_ROW("EventStreamPublishTimeout", ES_SECONDS, FIELD(publish_timeout_us),
            SECONDS(300), 0, HOURS(24)),
    DIR_ROW("EventStreamPublishLog", ES_SWITCH, FIELD(logs_publish),
            0, 0, 1),
    DIR_ROW("EventStreamErrorForm", ES_ERROR_FORM, FIELD(errors_as_events),
            0, 0, 1),
    DIR_ROW("EventStreamReplay", ES_REPLAY, FIELD(replay),
            0, 0, ES_VALUES_REPLAY_ALL),
    AP_INIT_ITERATE("EventStreamChannel", es_setters_channel, NULL, IN_SECTIONS,
                    "channel templates, such as \"room-{room}\""),
    AP_INIT_TAKE2("EventStreamChannelList", es_setters_channel_list, NULL,
                  IN_SECTIONS, "a separator and an expression that gives a "
                               "list of channels"),
    AP_INIT_TAKE1("EventStreamPath", es_setters_path, NULL, IN_SECTIONS,
                  "a path with tokens, such as \"/events/{room}\""),
    AP_INIT_ITERATE("EventStreamAllowChannel", es_setters_allow, NULL,
                    IN_SECTIONS, "patterns of channels, such as \"room-*\""),
    AP_INIT_ITERATE("EventStreamPublishFrom", es_access_setters_publish_from,
                    NULL, IN_SECTIONS,
                    "none; or local, user, any, and addresses"),
    AP_INIT_ITERATE("EventStreamControlFrom", es_access_setters_control_from,
                    NULL, IN_SECTIONS,
                    "none; or local, user, any, and addresses"),
    AP_INIT_ITERATE("EventStreamPublishKey", es_access_setters_publish_key,
                    NULL, IN_SECTIONS,
                    "none; or files with keys, as file:PATH"),
    AP_INIT_TAKE_ARGV("EventStreamPublishRate", es_rate_setters_publish, NULL,
                      IN_SECTIONS, "off, or a rate such as 100/s with optional "
                                   "burst N and per=user, address or all"),
    AP_INIT_TAKE_ARGV("EventStreamToken", es_token_setters_token, NULL,
                      IN_SECTIONS,
                      "key=file:PATH or jwks=file:PATH, with optional alg=, "
                      "iss=, aud=, cookie=, query= and leeway="),
    AP_INIT_ITERATE("EventStreamAllowOrigin", es_access_setters_origin, NULL,
                    IN_SECTIONS, "origins of web pages, or *"),
    AP_INIT_ITERATE("EventStreamTransparentFilter",
                    es_stream_setters_transparent, NULL, IN_SECTIONS,
                    "names of output filters"),
    AP_INIT_TAKE12("EventStreamPresence", es_stream_setters_presence, NULL,
                   IN_SECTIONS, "on or off; and optionally name= and an "
                                "expression for the name of a client"),
    AP_INIT_TAKE1("EventStreamUseHub", es_hub_setters_use, NULL, IN_SECTIONS,
                  "the name of a hub"),
    AP_INIT_ITERATE("EventStreamMetricsChannels",
                    es_hub_setters_metrics_channels, NULL, IN_SECTIONS,
                    "names of channels"),
    AP_INIT_TAKE1("EventStreamStatusPublish", es_hub_setters_status_publish,
                  NULL, IN_SECTIONS, "none, or the path of a publish Location"),

    /* in virtual hosts */
    HOST_ROW("EventStreamDetachTLS", ES_SWITCH, FIELD(detaches_tls),
             1, 0, 1),

    /* for the whole server */
    AP_INIT_TAKE_ARGV("EventStreamHub", es_hub_setters_hub, NULL, RSRC_CONF,
                      "a name with optional size=, history= and age="),
    GLOBAL_ROW("EventStreamMaxClients", ES_NUMBER, GLOBAL(max_clients),
               0, 0, APR_INT32_MAX),
    GLOBAL_ROW("EventStreamMaxClientsPerAddress", ES_NUMBER,
               GLOBAL(max_address_clients), 0, 0, 65535),
    GLOBAL_ROW("EventStreamMaxClientsPerUser", ES_NUMBER,
               GLOBAL(max_user_clients), 0, 0, 65535),
    GLOBAL_ROW("EventStreamMaxChannels", ES_NUMBER, GLOBAL(max_channels),
               262144, 1, 1048576),
    GLOBAL_ROW("EventStreamMaxChannelsPerAddress", ES_NUMBER,
               GLOBAL(max_address_channels), 0, 0, APR_INT32_MAX),
    GLOBAL_ROW("EventStreamMaxHeld", ES_NUMBER, GLOBAL(max_held),
               0, 0, 65535),
    GLOBAL_ROW("EventStreamMaxPresence", ES_NUMBER, GLOBAL(max_presence),
               16384, 1, ES_PRESENCE_ROWS_MAX),
    GLOBAL_ROW("EventStreamThreads", ES_NUMBER_OR_AUTO, GLOBAL(threads),
               0, 0, ES_DELIVERIES_MAX),
    GLOBAL_ROW("EventStreamGripMaxWaiting", ES_NUMBER,
               GLOBAL(max_grip_waiting), 0, 0, 65535),
    GLOBAL_ROW("EventStreamDrain", ES_SECONDS, GLOBAL(drain_us),
               SECONDS(5), 0, SECONDS(600)),
    GLOBAL_ROW("EventStreamFlowControl", ES_SECONDS_OR_OFF,
               GLOBAL(flow_control_us), SECONDS(20), 0, HOURS(1)),
    AP_INIT_TAKE12("EventStreamLog", es_stream_setters_log, NULL, RSRC_CONF,
                   "a file, or | and a program; and optionally a format"),
    AP_INIT_TAKE12("EventStreamLockTimeout", es_server_setters_lock_timeout,
                   NULL, RSRC_CONF,
                   "how long a request waits for a child that holds the lock "
                   "of a hub, and optionally kill"),

    /* of a hub: GRIP */
    AP_INIT_TAKE_ARGV("EventStreamGrip", es_grip_setters_proxy, NULL, RSRC_CONF,
                      "[hub=name] off, or [hub=name] and the URL of a GRIP "
                      "proxy with optional iss=, key=, verify-iss= and "
                      "verify-key="),
    GRIP_ROW("EventStreamGripPrefix", ES_GRIP_TEXT, prefix,
             "the prefix of channel names at the proxies"),
    GRIP_ROW("EventStreamGripRequired", ES_GRIP_SWITCH, is_required,
             "on refuses requests that do not come from a proxy"),
    GRIP_ROW("EventStreamGripReliable", ES_GRIP_SWITCH, is_reliable,
             "on lets proxies fetch events that they missed"),
    GRIP_ROW("EventStreamGripOnError", ES_GRIP_ON_ERROR, ignores_errors,
             "fail or ignore, if a proxy does not take an event"),
    GRIP_ROW("EventStreamGripConnectTimeout", ES_GRIP_WAIT, connect_timeout,
             "how long a connect to a proxy may take"),
    GRIP_ROW("EventStreamGripTimeout", ES_GRIP_WAIT, publish_timeout,
             "how long a proxy may take to accept events"),
    GRIP_ROW("EventStreamGripLeeway", ES_GRIP_TIME, leeway,
             "how far a proxy's clock may differ"),

    /* of a hub: several servers as one */
    AP_INIT_TAKE_ARGV("EventStreamCluster", es_cluster_setters_broker, NULL,
                      RSRC_CONF,
                      "[hub=name] and the URL of a Redis or Valkey server with "
                      "optional key=, secret=, maxlen=, acks=, timeout=, and "
                      "for TLS ca=, cert=, key-file= and verify="),
    {.name = NULL},
};
/* clang-format on */

/* set_dir_row stands for set_host_row, too: both fill es_dir_t. */
static int sets_with(const command_rec *command, setter_t *setter)
{
    return command->args_how == TAKE1 &&
           (command->func.take1 == setter ||
            (setter == set_dir_row && command->func.take1 == set_host_row));
}

/* The next row with this setter, from *at on, or NULL; advances *at past it. */
static const es_row_t *next_row(const command_rec **at, setter_t *setter)
{
    while ((*at)->name) {
        const command_rec *command = (*at)++;

        if (sets_with(command, setter)) {
            return command->cmd_data;
        }
    }
    return NULL;
}

static apr_int64_t *field_of(void *settings, const es_row_t *row)
{
    return (apr_int64_t *)((char *)settings + row->field);
}

static const char *describe_range(apr_pool_t *p, const char *name,
                                  const es_row_t *row, const char *text)
{
    int is_time = row->unit == ES_SECONDS || row->unit == ES_SECONDS_OR_OFF;
    apr_int64_t unit = is_time ? APR_USEC_PER_SEC : 1;
    const char *word = is_time                 ? " seconds"
                       : row->unit == ES_BYTES ? " bytes"
                                               : "";

    return apr_psprintf(p,
                        "%s must be between %" APR_INT64_T_FMT
                        " and %" APR_INT64_T_FMT "%s, not '%s'",
                        name, row->min / unit, row->max / unit, word, text);
}

static const char *set_row(cmd_parms *cmd, void *settings, const char *text)
{
    const es_row_t *row = cmd->info;
    apr_int64_t value;
    const char *err = es_values_read(&value, row->unit, text);

    if (err) {
        return apr_psprintf(cmd->pool, "%s %s, not '%s'", cmd->cmd->name, err,
                            text);
    }
    if (value < row->min || value > row->max) {
        return describe_range(cmd->pool, cmd->cmd->name, row, text);
    }
    *field_of(settings, row) = value;
    return NULL;
}

static const char *set_dir_row(cmd_parms *cmd, void *dir, const char *text)
{
    const char *err = es_setters_misplaced(cmd);

    return err ? err : set_row(cmd, dir, text);
}

static const char *set_host_row(cmd_parms *cmd, void *dir, const char *text)
{
    const char *err =
        ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT | NOT_IN_HTACCESS);

    return err ? err : set_row(cmd, dir, text);
}

static const char *set_global_row(cmd_parms *cmd, void *dir, const char *text)
{
    const char *err = es_setters_misplaced(cmd);

    (void)dir;
    return err ? err : set_row(cmd, es_settings_of(cmd->server), text);
}

static void unset_rows(void *settings, setter_t *setter)
{
    const command_rec *at = es_directives_table;
    const es_row_t *row;

    for (row = next_row(&at, setter); row; row = next_row(&at, setter)) {
        *field_of(settings, row) = ES_UNSET;
    }
}

void *es_directives_create_dir(apr_pool_t *p, char *path)
{
    es_dir_t *dir = apr_pcalloc(p, sizeof(*dir));

    (void)path;
    unset_rows(dir, set_dir_row);
    return dir;
}

/*
 * httpd merges the Locations of a request into one, and then that into what
 * applies to its folder. So add may be several sections, and does not show
 * which of them has set which field: what depends on it is kept in fields of
 * its own, allow_is_own and closes_control.
 */

/* PublishFrom none closes its section whatever an outer section has opened. */
static int closes_control(const es_dir_t *dir)
{
    return dir->closes_control || (dir->from && dir->from->none);
}

static void merge_control(es_dir_t *dir, const es_dir_t *base,
                          const es_dir_t *add)
{
    if (add->control || closes_control(add)) {
        dir->control = add->control;
    }
    dir->closes_control = closes_control(base) || closes_control(add);
}

static void merge_allow(es_dir_t *dir, const es_dir_t *add)
{
    dir->allow = add->allow ? add->allow : dir->allow;
    if (add->allow || add->sources) {
        dir->allow_is_own = add->allow_is_own;
    }
}

void *es_directives_merge_dir(apr_pool_t *p, void *outer, void *inner)
{
    es_dir_t *base = outer, *add = inner;
    es_dir_t *dir = apr_pmemdup(p, base, sizeof(*base));
    const command_rec *at = es_directives_table;
    const es_row_t *row;

    for (row = next_row(&at, set_dir_row); row;
         row = next_row(&at, set_dir_row)) {
        apr_int64_t value = *field_of(add, row);

        if (value != ES_UNSET) {
            *field_of(dir, row) = value;
        }
    }
    /* lists: the list of the nearest section replaces that of an outer one */
    dir->hub = add->hub ? add->hub : base->hub;
    dir->sources = add->sources ? add->sources : base->sources;
    dir->path = add->path ? add->path : base->path;
    merge_allow(dir, add);
    dir->from = add->from ? add->from : base->from;
    merge_control(dir, base, add);
    dir->keys = add->keys ? add->keys : base->keys;
    dir->publish_rate =
        add->publish_rate ? add->publish_rate : base->publish_rate;
    dir->tokens = add->tokens ? add->tokens : base->tokens;
    dir->origins = add->origins ? add->origins : base->origins;
    dir->transparent = add->transparent ? add->transparent : base->transparent;
    dir->metrics_channels =
        add->metrics_channels ? add->metrics_channels : base->metrics_channels;
    dir->status_publish =
        add->status_publish ? add->status_publish : base->status_publish;
    dir->presence = add->presence ? add->presence : base->presence;
    return dir;
}

void *es_directives_create_server(apr_pool_t *p, server_rec *s)
{
    es_settings_t *global = apr_pcalloc(p, sizeof(*global));

    (void)s; /* virtual hosts get settings, too, but only the main server's
              * are read */
    unset_rows(global, set_global_row);
    global->hubs = apr_array_make(p, 2, sizeof(es_hub_conf_t));
    (void)es_settings_add_hub(global, "default");
    global->grips = apr_array_make(p, 1, sizeof(es_hub_grip_conf_t));
    global->clusters = apr_array_make(p, 1, sizeof(es_cluster_conf_t *));
    return global;
}

void es_directives_begin(apr_pool_t *pconf)
{
    es_token_query_begin();
    es_tokens_begin(pconf);
    es_streams_begin(pconf);
    es_setters_begin(pconf);
    es_stream_setters_begin(pconf);
}

static void fill_presets(void *settings, setter_t *setter)
{
    const command_rec *at = es_directives_table;
    const es_row_t *row;

    for (row = next_row(&at, setter); row; row = next_row(&at, setter)) {
        apr_int64_t *field = field_of(settings, row);

        if (*field == ES_UNSET) {
            *field = row->preset;
        }
    }
}

/* Tried with mpm-itk 2.4.7: its children fork for each connection, and a forked
 * process has only the thread that forked. The connection is handed to a
 * delivery that does not run. */
static const char *check_mpm(void)
{
    return ap_find_linked_module("mpm_itk.c")
               ? "mpm_itk serves each connection in a process of its own, "
                 "where no delivery thread runs: clients would get no events; "
                 "load either mpm_itk or mod_eventstream"
               : NULL;
}

int es_directives_check(apr_pool_t *ptemp, server_rec *s)
{
    const char *err = es_tokens_check(ptemp);

    es_setters_end();
    err = err ? err : check_mpm();
    err = err ? err : es_streams_check(ptemp);
    err = err ? err : es_hub_setters_check(es_settings_of(s), ptemp);
    err = err ? err : es_grip_setters_check(es_settings_of(s), ptemp);
    err = err ? err : es_cluster_setters_check(es_settings_of(s), ptemp);
    if (err) {
        es_slog(APLOG_EMERG, 0, s, "ES0101", "configuration error: %s", err);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

void es_directives_finish(server_rec *s)
{
    server_rec *vhost;

    fill_presets(es_settings_of(s), set_global_row);
    es_settings_of(s)->has_presence = es_stream_setters_has_presence();
    for (vhost = s; vhost; vhost = vhost->next) {
        es_dir_t *dir =
            ap_get_module_config(vhost->lookup_defaults, &eventstream_module);

        fill_presets(dir, set_dir_row);
    }
}
