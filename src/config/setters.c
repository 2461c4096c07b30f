/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directives of one section add up: a setter appends to the list of the
 * section's own settings. es_directives_merge_dir lets the list of a nearer
 * section replace that of an outer one.
 */
#include "config/setters.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>

#include "base/channel.h"
#include "base/pattern.h"
#include "server/log.h"
#include "server/settings.h"

const char *es_setters_read_bytes(apr_int64_t *out, const char *text)
{
    char *end;
    apr_int64_t value = apr_strtoi64(text, &end, 10);
    int shift = 0;

    if (end == text || value < 0) {
        return "takes a number of bytes, such as 65536, 64k or 2m";
    }
    switch (apr_tolower(*end)) {
    case 'k': shift = 10; break;
    case 'm': shift = 20; break;
    case 'g': shift = 30; break;
    default: break;
    }
    if (shift) {
        end++;
    }
    if (*end || value > APR_INT64_MAX >> shift) {
        return "takes a number of bytes, such as 65536, 64k or 2m";
    }
    *out = value << shift;
    return NULL;
}

/* ---- Where a directive may stand ---------------------------------------- */

/* The configuration is read: from check_config to the next pre_config. Other
 * modules (mod_perl) may apply directives before pre_config. */
static int is_read;

void es_setters_begin(apr_pool_t *pconf)
{
    es_hub_setters_begin(pconf);
    es_rate_setters_begin();
    is_read = 0;
}

void es_setters_end(void)
{
    is_read = 1;
}

int es_setters_is_read(void)
{
    return is_read;
}

const char *es_setters_misplaced(cmd_parms *cmd)
{
    int in_sections = (cmd->cmd->req_override & ACCESS_CONF) != 0;

    if (!is_read) {
        return ap_check_cmd_context(cmd,
                                    in_sections ? NOT_IN_LIMIT : GLOBAL_ONLY);
    }
    return apr_psprintf(cmd->pool,
                        "%s not allowed here: it may stand in the server's "
                        "configuration only, at server level%s, not in "
                        ".htaccess",
                        cmd->cmd->name,
                        in_sections ? ", in <VirtualHost>, or in a section "
                                      "such as <Location> or <Directory>"
                                    : "");
}

apr_array_header_t *es_setters_list(apr_array_header_t **list, int size,
                                    apr_pool_t *p)
{
    if (!*list) {
        *list = apr_array_make(p, 4, size);
    }
    return *list;
}

/* ---- Channels ---------------------------------------------------------- */

void *es_setters_compile(void *baton, const char *text, const char **err)
{
    cmd_parms *cmd = baton;

    return ap_expr_parse_cmd(cmd, text, AP_EXPR_FLAG_STRING_RESULT, err, NULL);
}

static es_source_t *add_source(cmd_parms *cmd, es_dir_t *settings)
{
    es_source_t *source = apr_array_push(
        es_setters_list(&settings->sources, sizeof(*source), cmd->pool));

    memset(source, 0, sizeof(*source));
    es_streams_note_source(cmd);
    return source;
}

const char *es_setters_channel(cmd_parms *cmd, void *dir, const char *text)
{
    es_dir_t *settings = dir;
    const es_template_t *template;
    const char *err = es_setters_misplaced(cmd);

    if (err) {
        return err;
    }
    err =
        es_template_parse(&template, text, es_setters_compile, cmd, cmd->pool);
    if (err) {
        return apr_pstrcat(cmd->pool, "EventStreamChannel ", err, NULL);
    }
    es_tokens_note_template(cmd, template);
    add_source(cmd, settings)->template = template;
    return NULL;
}

/* The first {token} or {?name} in a text that expands none, or NULL. What is
 * within %{...} belongs to the expression. */
static const es_pattern_part_t *find_token(const char *text, apr_pool_t *p)
{
    const apr_array_header_t *parts;
    int i;

    if (es_pattern_parse(&parts, text, ES_PATTERN_TEMPLATE, p)) {
        return NULL; /* braces in another sense */
    }
    for (i = 0; i < parts->nelts; i++) {
        const es_pattern_part_t *part =
            &APR_ARRAY_IDX(parts, i, es_pattern_part_t);

        if (part->kind == ES_PATTERN_TOKEN || part->kind == ES_PATTERN_QUERY) {
            return part;
        }
    }
    return NULL;
}

static const char *check_list(cmd_parms *cmd, const char *separator,
                              const char *text)
{
    const es_pattern_part_t *token = find_token(text, cmd->temp_pool);

    if (!*separator) {
        return "EventStreamChannelList: the separator must not be empty";
    }
    if (strpbrk(separator, "{}")) {
        return apr_psprintf(cmd->pool,
                            "EventStreamChannelList: the separator '%s' has a "
                            "brace; a separator is taken as it is, and comes "
                            "before the expression",
                            separator);
    }
    if (token) {
        return apr_psprintf(cmd->pool,
                            "EventStreamChannelList \"%s\": column %d: a list "
                            "has expressions such as %%{REMOTE_USER}, but no "
                            "{token} and no {?name}; EventStreamChannel has",
                            text, token->column);
    }
    return NULL;
}

const char *es_setters_channel_list(cmd_parms *cmd, void *dir,
                                    const char *separator, const char *text)
{
    es_dir_t *settings = dir;
    es_source_t *source;
    const char *err = es_setters_misplaced(cmd);
    ap_expr_info_t *list;

    if (err) {
        return err;
    }
    err = check_list(cmd, separator, text);
    if (err) {
        return err;
    }
    list = ap_expr_parse_cmd(cmd, text, AP_EXPR_FLAG_STRING_RESULT, &err, NULL);
    if (err) {
        return apr_psprintf(cmd->pool, "EventStreamChannelList \"%s\": %s",
                            text, err);
    }
    source = add_source(cmd, settings);
    source->separator = separator;
    source->list = list;
    return NULL;
}

const char *es_setters_path(cmd_parms *cmd, void *dir, const char *pattern)
{
    es_dir_t *settings = dir;
    const char *err = es_setters_misplaced(cmd);

    if (err) {
        return err;
    }
    err = es_path_parse(&settings->path, pattern, cmd->pool);
    if (err) {
        return apr_pstrcat(cmd->pool, "EventStreamPath ", err, NULL);
    }
    es_tokens_note_path(cmd, settings->path);
    return NULL;
}

const char *es_setters_allow(cmd_parms *cmd, void *dir, const char *pattern)
{
    es_dir_t *settings = dir;
    const es_template_t *template;
    const char *err = es_setters_misplaced(cmd);

    if (err) {
        return err;
    }
    if (!*pattern) {
        return "EventStreamAllowChannel takes patterns such as \"room-*\", "
               "not an empty one";
    }
    err = es_template_parse_allow(&template, pattern, es_setters_compile, cmd,
                                  cmd->pool);
    if (err) {
        return apr_pstrcat(cmd->pool, "EventStreamAllowChannel ", err, NULL);
    }
    es_tokens_note_template(cmd, template);
    APR_ARRAY_PUSH(
        es_setters_list(&settings->allow, sizeof(template), cmd->pool),
        const es_template_t *) = template;
    settings->allow_is_own = 1;
    return NULL;
}
