/* SPDX-License-Identifier: Apache-2.0 */
/* Directives about how streams leave httpd. */
#include "config/setters.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <util_filter.h>

#include "server/advice.h"
#include "server/log.h"
#include "server/settings.h"
#include "http/log_format.h"
#include "http/output_path.h"

/* ---- EventStreamTransparentFilter --------------------------------------- */

/* A name; its filter may be defined further down (ExtFilterDefine). */
typedef struct noted_filter_t {
    const char *name;
    const ap_directive_t *directive;
} noted_filter_t;

/* noted_filter_t, in the configuration pool; NULL before pre_config */
static apr_array_header_t *filters;

static int has_presence;

void es_stream_setters_begin(apr_pool_t *pconf)
{
    filters = apr_array_make(pconf, 4, sizeof(noted_filter_t));
    has_presence = 0;
}

void es_stream_setters_warn(server_rec *s)
{
    int i;

    for (i = 0; filters && i < filters->nelts; i++) {
        const noted_filter_t *noted =
            &APR_ARRAY_IDX(filters, i, noted_filter_t);

        if (!ap_get_output_filter_handle(noted->name)) {
            es_advise(
                APLOG_NOTICE, s, "ES0116",
                "%s, line %d: EventStreamTransparentFilter %s: there is no "
                "output filter of this name; is its module loaded?",
                noted->directive->filename, noted->directive->line_num,
                noted->name);
        }
    }
}

static const char *check_filter(const char *name, apr_pool_t *p)
{
    const char *at = name;

    while (*at && !apr_iscntrl(*at)) {
        at++;
    }
    if (!*name || *at) {
        return "EventStreamTransparentFilter takes names of output filters, "
               "such as SUBSTITUTE";
    }
    if (!es_output_path_may_name(name)) {
        return apr_psprintf(p,
                            "EventStreamTransparentFilter: '%s' seals what "
                            "clients get; how they are detached all the same "
                            "is decided by EventStreamDetachTLS",
                            name);
    }
    return NULL;
}

const char *es_stream_setters_transparent(cmd_parms *cmd, void *dir,
                                          const char *name)
{
    es_dir_t *settings = dir;
    const char *err = es_setters_misplaced(cmd);
    noted_filter_t *noted;

    err = err ? err : check_filter(name, cmd->pool);
    if (err) {
        return err;
    }
    if (!settings->transparent) {
        settings->transparent = apr_array_make(cmd->pool, 2, sizeof(char *));
    }
    APR_ARRAY_PUSH(settings->transparent, const char *) = name;
    if (filters) {
        noted = apr_array_push(filters);
        noted->name = name;
        noted->directive = cmd->directive;
    }
    return NULL;
}

/* ---- EventStreamLog ------------------------------------------------------ */

const char *es_stream_setters_log(cmd_parms *cmd, void *dir, const char *target,
                                  const char *format)
{
    const char *err = es_setters_misplaced(cmd);
    es_settings_t *global = es_settings_of(cmd->server);

    (void)dir;
    if (err) {
        return err;
    }
    if (!strcasecmp(target, "off") && !format) {
        global->stream_log = NULL;
        return NULL;
    }
    if (!*target || !strcmp(target, "|")) {
        return "EventStreamLog takes off, a file, or | and a program";
    }
    err = es_log_format_parse(&global->log_format, format, cmd->pool);
    if (err) {
        return apr_pstrcat(cmd->pool, "EventStreamLog: the format ", err, NULL);
    }
    global->stream_log = target;
    return NULL;
}

/* ---- EventStreamPresence ------------------------------------------------- */

#define PRESENCE_NAME "%{REMOTE_USER}"

/* @return what is wrong with the words, or NULL */
static const char *check_presence(const char *word, const char *name)
{
    if (strcasecmp(word, "on") && strcasecmp(word, "off")) {
        return "EventStreamPresence takes on or off, and optionally name= and "
               "an expression";
    }
    if (name &&
        (strcasecmp(word, "on") || strncasecmp(name, "name=", 5) || !name[5])) {
        return "EventStreamPresence: after on, only name= and an expression "
               "may follow, such as name=%{REMOTE_USER}";
    }
    return NULL;
}

const char *es_stream_setters_presence(cmd_parms *cmd, void *dir,
                                       const char *word, const char *name)
{
    es_presence_conf_t *conf = apr_pcalloc(cmd->pool, sizeof(*conf));
    const char *err = es_setters_misplaced(cmd);

    err = err ? err : check_presence(word, name);
    if (err) {
        return err;
    }
    conf->is_on = !strcasecmp(word, "on");
    if (conf->is_on) {
        conf->name = ap_expr_parse_cmd(cmd, name ? name + 5 : PRESENCE_NAME,
                                       AP_EXPR_FLAG_STRING_RESULT, &err, NULL);
        if (err) {
            return apr_pstrcat(cmd->pool, "EventStreamPresence: name=: ", err,
                               NULL);
        }
        has_presence = 1;
    }
    ((es_dir_t *)dir)->presence = conf;
    return NULL;
}

int es_stream_setters_has_presence(void)
{
    return has_presence;
}
