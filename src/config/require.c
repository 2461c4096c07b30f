/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_authz_core calls a provider and negates its answer afterwards, without
 * telling it. So whether a line is negated is read from the configuration: the
 * word "not" of the line, and each <RequireNone> around it.
 */
#include "config/directives.h"
#include "config/setters.h"

#include <ap_provider.h>
#include <apr_strings.h>
#include <http_request.h>
#include <mod_auth.h>

#include "http/channel_access.h"
#include "http/token_access.h"

#define PROVIDER "eventstream-channel"
#define TOKEN_PROVIDER "eventstream-token"

static int is_negated(const ap_directive_t *line)
{
    const char *args = line->args;
    const ap_directive_t *section;
    int negated;

    while (*args == ' ' || *args == '\t') {
        args++;
    }
    negated =
        !strncasecmp(args, "not", 3) && (args[3] == ' ' || args[3] == '\t');
    for (section = line->parent; section; section = section->parent) {
        negated ^= !strcasecmp(section->directive, "<RequireNone");
    }
    return negated;
}

static const char *add_pattern(cmd_parms *cmd, es_channel_rule_t *rule,
                               apr_array_header_t *patterns, const char *text)
{
    const es_template_t *template;
    const char *err = es_template_parse_allow(
        &template, text, es_setters_compile, cmd, cmd->pool);

    if (err) {
        return apr_pstrcat(cmd->pool, "Require " PROVIDER " ", err, NULL);
    }
    if (!es_setters_is_read()) {
        es_tokens_note_template(cmd, template);
    }
    rule->has_expression |= strstr(text, "%{") != NULL;
    APR_ARRAY_PUSH(patterns, const es_template_t *) = template;
    return NULL;
}

static const char *parse(cmd_parms *cmd, const char *line, const void **parsed)
{
    es_channel_rule_t *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    apr_array_header_t *patterns =
        apr_array_make(cmd->pool, 2, sizeof(const es_template_t *));
    const char *err = NULL;

    while (*line && !err) {
        const char *text = ap_getword_conf(cmd->pool, &line);

        err = *text ? add_pattern(cmd, rule, patterns, text)
                    : "Require " PROVIDER " takes patterns such as \"room-*\", "
                      "not an empty one";
    }
    if (!err && patterns->nelts == 0) {
        err = "Require " PROVIDER " takes one or more patterns of channels, "
              "such as \"user-%{REMOTE_USER}\" \"news\"";
    }
    rule->patterns = patterns;
    rule->is_negated = is_negated(cmd->directive);
    *parsed = rule;
    return err;
}

static authz_status check(request_rec *r, const char *line, const void *parsed)
{
    (void)line;
    return es_channel_access_check(r, parsed);
}

static const authz_provider provider = {check, parse};

/* ---- Require eventstream-token ------------------------------------------ */

static const char *parse_token(cmd_parms *cmd, const char *line,
                               const void **parsed)
{
    *parsed = NULL;
    if (*line) {
        return "Require " TOKEN_PROVIDER " takes no words: the token itself "
               "names its channels";
    }
    return is_negated(cmd->directive) ? "Require " TOKEN_PROVIDER
                                        " cannot be negated, and cannot "
                                        "stand within RequireNone"
                                      : NULL;
}

static authz_status check_token(request_rec *r, const char *line,
                                const void *parsed)
{
    (void)line;
    (void)parsed;
    return es_token_access_check(r);
}

static const authz_provider token_provider = {check_token, parse_token};

void es_require_register(apr_pool_t *p)
{
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, PROVIDER,
                              AUTHZ_PROVIDER_VERSION, &provider,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, TOKEN_PROVIDER,
                              AUTHZ_PROVIDER_VERSION, &token_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
}
