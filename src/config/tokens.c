/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A {token} that nothing can set would silently yield a wrong channel, so it is
 * a configuration error. A token is set by a named group of an enclosing
 * <LocationMatch> (or DirectoryMatch, FilesMatch, or their '~' forms), or by
 * EventStreamPath in the same or an enclosing section. That path may follow the
 * template. So the setters note each template and path with its section, and
 * the check compares them once all is read.
 */
#include "config/setters.h"

#include <apr_strings.h>

typedef struct noted_template_t {
    const es_template_t *template;
    const ap_directive_t *directive;
    const apr_array_header_t *groups; /* "MATCH_ROOM", … */
} noted_template_t;

typedef struct noted_path_t {
    const es_path_t *path;
    const ap_directive_t *section; /* NULL = server level */
} noted_path_t;

/* Of the configuration being read, in its pool; NULL before pre_config. */
static apr_array_header_t *templates;
static apr_array_header_t *paths;

void es_tokens_begin(apr_pool_t *pconf)
{
    templates = apr_array_make(pconf, 8, sizeof(noted_template_t));
    paths = apr_array_make(pconf, 4, sizeof(noted_path_t));
}

const char *es_tokens_regex(const ap_directive_t *section, apr_pool_t *p)
{
    const char *args = section->args;
    char *word = ap_getword_conf(p, &args);
    apr_size_t len;

    if (!strcasecmp(section->directive, "<LocationMatch") ||
        !strcasecmp(section->directive, "<DirectoryMatch") ||
        !strcasecmp(section->directive, "<FilesMatch")) {
        ;
    }
    else if (!strcmp(word, "~")) {
        word = ap_getword_conf(p, &args);
    }
    else {
        return NULL;
    }
    len = strlen(word);
    if (len && word[len - 1] == '>' && !*args) {
        word[len - 1] = '\0'; /* an unquoted word keeps the '>' */
    }
    return word;
}

static const apr_array_header_t *groups_around(const cmd_parms *cmd)
{
    apr_array_header_t *groups = apr_array_make(cmd->pool, 4, sizeof(char *));
    const ap_directive_t *section;

    for (section = cmd->directive->parent; section; section = section->parent) {
        const char *regex = es_tokens_regex(section, cmd->temp_pool);
        ap_regex_t *compiled =
            regex ? ap_pregcomp(cmd->pool, regex, AP_REG_EXTENDED) : NULL;

        if (compiled) {
            ap_regname(compiled, groups, AP_REG_MATCH, 1);
        }
    }
    return groups;
}

void es_tokens_note_template(cmd_parms *cmd, const es_template_t *template)
{
    noted_template_t *note;
    int column;

    if (!templates || es_template_token(template, 0, &column) == NULL) {
        return;
    }
    note = apr_array_push(templates);
    note->template = template;
    note->directive = cmd->directive;
    note->groups = groups_around(cmd);
}

void es_tokens_note_path(cmd_parms *cmd, const es_path_t *path)
{
    noted_path_t *note;

    if (!paths) {
        return;
    }
    note = apr_array_push(paths);
    note->path = path;
    note->section = cmd->directive->parent;
}

static int is_group(const apr_array_header_t *groups, const char *token)
{
    int i;

    for (i = 0; i < groups->nelts; i++) {
        const char *name = APR_ARRAY_IDX(groups, i, const char *);

        if (name && !strncmp(name, AP_REG_MATCH, strlen(AP_REG_MATCH)) &&
            !strcasecmp(name + strlen(AP_REG_MATCH), token)) {
            return 1;
        }
    }
    return 0;
}

static int is_around(const ap_directive_t *section,
                     const ap_directive_t *directive)
{
    const ap_directive_t *at = directive->parent;

    while (at && at != section) {
        at = at->parent;
    }
    return at == section;
}

static int is_in_path(const noted_template_t *note, const char *token)
{
    int i;

    for (i = 0; i < paths->nelts; i++) {
        const noted_path_t *path = &APR_ARRAY_IDX(paths, i, noted_path_t);

        if (is_around(path->section, note->directive) &&
            es_path_find(path->path, token) >= 0) {
            return 1;
        }
    }
    return 0;
}

const char *es_tokens_check(apr_pool_t *p)
{
    int i, k, column;
    const char *token;

    for (i = 0; i < templates->nelts; i++) {
        const noted_template_t *note =
            &APR_ARRAY_IDX(templates, i, noted_template_t);

        for (k = 0;; k++) {
            token = es_template_token(note->template, k, &column);
            if (!token) {
                break;
            }
            if (!is_group(note->groups, token) && !is_in_path(note, token)) {
                return apr_psprintf(
                    p,
                    "%s line %d: %s \"%s\": column %d: "
                    "nothing can set {%s}; name a group (?<%s>...) in the "
                    "enclosing <LocationMatch>, or a {%s} in EventStreamPath",
                    note->directive->filename, note->directive->line_num,
                    note->directive->directive,
                    es_template_text(note->template), column, token, token,
                    token);
            }
        }
    }
    return NULL;
}
