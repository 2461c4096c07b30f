/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hubs are defined at server level, and used by name in any section, also in
 * one that is read before. So uses are noted, with their place, and checked at
 * the end.
 */
#include "config/setters.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>

#include "server/settings.h"
#include "http/metrics.h"

#define HUB_NAME_MAX 63
#define HUB_SIZE_MIN (256 * 1024)
#define HUB_AGE_MAX (365 * 24 * 3600 * (apr_interval_time_t)APR_USEC_PER_SEC)

static int is_hub_name(const char *name)
{
    apr_size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-");

    return len != 0 && len <= HUB_NAME_MAX && name[len] == '\0';
}

/* An EventStreamUseHub; its hub may be defined later. */
typedef struct noted_use_t {
    const char *name;
    const ap_directive_t *directive;
} noted_use_t;

/* noted_use_t, in the configuration pool; NULL before pre_config */
static apr_array_header_t *uses;

void es_hub_setters_begin(apr_pool_t *pconf)
{
    uses = apr_array_make(pconf, 4, sizeof(noted_use_t));
}

/* Two hubs with one file would each take the events of the other. */
static const char *check_files(const es_settings_t *global, apr_pool_t *p)
{
    int i, k;

    for (i = 0; i < global->hubs->nelts; i++) {
        const es_hub_conf_t *hub =
            &APR_ARRAY_IDX(global->hubs, i, es_hub_conf_t);

        for (k = 0; k < i && hub->file; k++) {
            const es_hub_conf_t *other =
                &APR_ARRAY_IDX(global->hubs, k, es_hub_conf_t);

            if (other->file && !strcmp(other->file, hub->file)) {
                return apr_psprintf(p,
                                    "EventStreamHub %s file=%s: hub %s has "
                                    "that file; each hub needs one of its own",
                                    hub->name, hub->file, other->name);
            }
        }
    }
    return NULL;
}

const char *es_hub_setters_check(const es_settings_t *global, apr_pool_t *p)
{
    int i;

    for (i = 0; i < uses->nelts; i++) {
        const noted_use_t *use = &APR_ARRAY_IDX(uses, i, noted_use_t);

        if (!es_settings_hub(global, use->name)) {
            return apr_psprintf(p,
                                "%s line %d: EventStreamUseHub %s: no such "
                                "hub; define it at server level with "
                                "EventStreamHub %s",
                                use->directive->filename,
                                use->directive->line_num, use->name, use->name);
        }
    }
    return check_files(global, p);
}

const char *es_hub_setters_use(cmd_parms *cmd, void *dir, const char *name)
{
    es_dir_t *settings = dir;
    noted_use_t *use;
    const char *err = es_setters_misplaced(cmd);

    if (err) {
        return err;
    }
    if (!is_hub_name(name)) {
        return apr_psprintf(cmd->pool,
                            "EventStreamUseHub takes the name of a hub, "
                            "not '%s'",
                            name);
    }
    settings->hub = name;
    if (uses) {
        use = apr_array_push(uses);
        use->name = name;
        use->directive = cmd->directive;
    }
    return NULL;
}

static es_hub_conf_t *hub_named(es_settings_t *global, const char *name,
                                apr_pool_t *p)
{
    es_hub_conf_t *hub = es_settings_hub(global, name);

    return hub ? hub : es_settings_add_hub(global, apr_pstrdup(p, name));
}

static const char *set_size(es_hub_conf_t *hub, const char *text, apr_pool_t *p)
{
    apr_int64_t size;

    (void)p;
    if (es_setters_read_bytes(&size, text) || size < HUB_SIZE_MIN ||
        size > APR_INT64_C(1) << 40) {
        return "takes a size from 256k to 1024g, such as 64m";
    }
    hub->size_bytes = (apr_uint64_t)size;
    return NULL;
}

static const char *set_history(es_hub_conf_t *hub, const char *text,
                               apr_pool_t *p)
{
    char *end;
    apr_int64_t events = apr_strtoi64(text, &end, 10);

    (void)p;
    if (end == text || *end || events < 1 || events > APR_INT32_MAX) {
        return "takes a number of events of a channel, 1 or more";
    }
    hub->history = (apr_uint64_t)events;
    return NULL;
}

static const char *set_age(es_hub_conf_t *hub, const char *text, apr_pool_t *p)
{
    apr_interval_time_t age;

    (void)p;
    if (!apr_isdigit(*text) ||
        ap_timeout_parameter_parse(text, &age, "s") != APR_SUCCESS ||
        age < APR_USEC_PER_SEC || age > HUB_AGE_MAX) {
        return "takes a time from a second to a year, such as 1h";
    }
    hub->age_us = age;
    return NULL;
}

static const char *set_populate(es_hub_conf_t *hub, const char *text,
                                apr_pool_t *p)
{
    (void)p;
    if (strcasecmp(text, "on") != 0 && strcasecmp(text, "off") != 0) {
        return "takes on or off";
    }
    hub->is_populated = !strcasecmp(text, "on");
    return NULL;
}

/* The folder must be there when httpd starts, the file need not. */
static const char *set_file(es_hub_conf_t *hub, const char *text, apr_pool_t *p)
{
    const char *path = *text ? ap_server_root_relative(p, text) : NULL;

    if (!path || strlen(path) > ES_HUB_FILE_MAX ||
        text[strlen(text) - 1] == '/') {
        return "takes the path of a file, of at most 1023 bytes, relative to "
               "ServerRoot, such as logs/shop.journal";
    }
    hub->file = path;
    return NULL;
}

static const struct {
    const char *name;
    const char *(*set)(es_hub_conf_t *hub, const char *text, apr_pool_t *p);
} hub_params[] = {{"size=", set_size},
                  {"history=", set_history},
                  {"age=", set_age},
                  {"populate=", set_populate},
                  {"file=", set_file}};

static const char *set_hub_param(cmd_parms *cmd, es_hub_conf_t *hub,
                                 const char *param)
{
    apr_size_t i;

    for (i = 0; i < sizeof(hub_params) / sizeof(hub_params[0]); i++) {
        apr_size_t len = strlen(hub_params[i].name);
        const char *err;

        if (strncasecmp(param, hub_params[i].name, len) != 0) {
            continue;
        }
        err = hub_params[i].set(hub, param + len, cmd->pool);
        return err ? apr_psprintf(
                         cmd->pool, "EventStreamHub %s: %s %s, not '%s'",
                         hub->name, hub_params[i].name, err, param + len)
                   : NULL;
    }
    return apr_psprintf(cmd->pool,
                        "EventStreamHub %s: unknown parameter '%s'; known are "
                        "size=, history=, age=, populate= and file=",
                        hub->name, param);
}

const char *es_hub_setters_hub(cmd_parms *cmd, void *dir, int argc,
                               char *const argv[])
{
    const char *err = es_setters_misplaced(cmd);
    es_settings_t *global = es_settings_of(cmd->server);
    es_hub_conf_t *hub;
    int i;

    (void)dir;
    if (err) {
        return err;
    }
    if (argc < 1 || !is_hub_name(argv[0])) {
        return "EventStreamHub takes a name of letters, digits, '-' and "
               "'_', and optional size=, history=, age=, populate= and file=";
    }
    hub = hub_named(global, argv[0], cmd->pool);
    if (global->hubs->nelts > ES_HUBS_MAX) {
        return apr_psprintf(cmd->pool, "EventStreamHub takes at most %d hubs",
                            ES_HUBS_MAX);
    }
    for (i = 1; i < argc && !err; i++) {
        err = set_hub_param(cmd, hub, argv[i]);
    }
    return err;
}

/* ---- Metrics ------------------------------------------------------------- */

const char *es_hub_setters_metrics_channels(cmd_parms *cmd, void *dir,
                                            const char *name)
{
    es_dir_t *settings = dir;
    const char *err = es_setters_misplaced(cmd);
    es_problem_t why;

    if (err) {
        return err;
    }
    if (!es_channel_check(es_slice_of(name), cmd->pool, &why)) {
        return apr_psprintf(cmd->pool, "EventStreamMetricsChannels: %s",
                            why.sentence);
    }
    if (!settings->metrics_channels) {
        settings->metrics_channels =
            apr_array_make(cmd->pool, 4, sizeof(char *));
    }
    if (settings->metrics_channels->nelts == ES_METRICS_CHANNELS_MAX) {
        return apr_psprintf(cmd->pool,
                            "EventStreamMetricsChannels: at most %d channels",
                            ES_METRICS_CHANNELS_MAX);
    }
    APR_ARRAY_PUSH(settings->metrics_channels, const char *) = name;
    return NULL;
}

/* ---- The status page ---------------------------------------------------- */

const char *es_hub_setters_status_publish(cmd_parms *cmd, void *dir,
                                          const char *path)
{
    es_dir_t *settings = dir;
    const char *err = es_setters_misplaced(cmd);

    if (err) {
        return err;
    }
    if (strcasecmp(path, "none") != 0 && (path[0] != '/' || path[1] == '/')) {
        return apr_psprintf(cmd->pool,
                            "EventStreamStatusPublish takes none, or the path "
                            "of a Location of this site, such as /publish, not "
                            "'%s'",
                            path);
    }
    settings->status_publish = strcasecmp(path, "none") ? path : "";
    return NULL;
}
