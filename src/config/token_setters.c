/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EventStreamToken. A word that is not as it should be may be a key, so no
 * message shows more of it than what stands before its "=".
 */
#include "config/setters.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>

#include "server/log.h"
#include "http/token_query.h"

#define LEEWAY_PRESET (10 * APR_USEC_PER_SEC)
#define LEEWAY_MAX (3600 * APR_USEC_PER_SEC)
#define ALL_KINDS ((1u << ES_KEY_KINDS) - 1)

/* One directive while it is read. */
typedef struct line_t {
    cmd_parms *cmd;
    es_issuer_t *issuer;
    es_key_set_params_t keys; /* path NULL = not given yet */
    const char *cookie;
    const char *query;
} line_t;

/* ---- The words --------------------------------------------------------- */

static const char *set_file(line_t *line, const char *text, int is_jwks)
{
    if (strncasecmp(text, "file:", 5) != 0 || !text[5]) {
        return "takes a file with keys, as file:PATH";
    }
    if (line->keys.path) {
        return "is a second file; each has a line EventStreamToken of its own";
    }
    line->keys.path = text + 5;
    line->keys.is_jwks = is_jwks;
    return NULL;
}

static const char *set_key(line_t *line, const char *text)
{
    return set_file(line, text, 0);
}

static const char *set_jwks(line_t *line, const char *text)
{
    return set_file(line, text, 1);
}

static const char *set_alg(line_t *line, const char *text)
{
    char *state = NULL;
    const char *alg =
        apr_strtok(apr_pstrdup(line->cmd->temp_pool, text), ",", &state);
    es_key_kind_t kind;

    line->keys.kinds = 0;
    for (; alg; alg = apr_strtok(NULL, ",", &state)) {
        if (!es_key_kind_of_alg(&kind, es_slice_of(alg))) {
            return "takes one or more of HS256, RS256, ES256 and EdDSA, with "
                   "commas in between";
        }
        line->keys.kinds |= 1u << kind;
    }
    return line->keys.kinds ? NULL : "takes HS256, RS256, ES256 or EdDSA";
}

static const char *set_iss(line_t *line, const char *text)
{
    line->issuer->iss = text;
    return *text ? NULL : "takes the iss that tokens must have";
}

static const char *set_aud(line_t *line, const char *text)
{
    line->issuer->aud = text;
    return *text ? NULL : "takes an aud that tokens must have";
}

/* A name of a cookie (RFC 6265), which needs no coding in a query either. */
static int is_name(const char *text)
{
    const char *at;

    for (at = text; *at; at++) {
        if (!apr_isascii(*at) || (!apr_isalnum(*at) && !strchr("-_.", *at))) {
            return 0;
        }
    }
    return *text != '\0';
}

static const char *set_cookie(line_t *line, const char *text)
{
    line->cookie = text;
    return is_name(text) ? NULL : "takes letters, digits, '-', '_' and '.'";
}

static const char *set_query(line_t *line, const char *text)
{
    line->query = text;
    return is_name(text) ? NULL : "takes letters, digits, '-', '_' and '.'";
}

static const char *set_leeway(line_t *line, const char *text)
{
    apr_interval_time_t leeway;

    if (!apr_isdigit(*text) ||
        ap_timeout_parameter_parse(text, &leeway, "s") != APR_SUCCESS ||
        leeway > LEEWAY_MAX) {
        return "takes a time from 0 to an hour, such as 10 or 2min";
    }
    line->issuer->leeway = leeway;
    return NULL;
}

typedef const char *set_word_t(line_t *line, const char *text);

static const struct {
    const char *name;
    set_word_t *set;
} words[] = {
    {"key=", set_key},     {"jwks=", set_jwks},     {"alg=", set_alg},
    {"iss=", set_iss},     {"aud=", set_aud},       {"cookie=", set_cookie},
    {"query=", set_query}, {"leeway=", set_leeway},
};

#define WORDS (sizeof(words) / sizeof(words[0]))

static const char *set_word(line_t *line, const char *word)
{
    size_t i;

    for (i = 0; i < WORDS; i++) {
        apr_size_t len = strlen(words[i].name);

        if (!strncasecmp(word, words[i].name, len)) {
            const char *err = words[i].set(line, word + len);

            return err ? apr_pstrcat(line->cmd->pool, words[i].name, " ", err,
                                     NULL)
                       : NULL;
        }
    }
    return "takes key=file:PATH or jwks=file:PATH, and alg=, iss=, aud=, "
           "cookie=, query= and leeway=";
}

/* ---- The line ---------------------------------------------------------- */

static void log_lost(cmd_parms *cmd, const es_key_set_t *keys, const char *path)
{
    int i;

    for (i = 0; i < keys->lost->nelts; i++) {
        es_slog(APLOG_WARNING, 0, cmd->server, "ES0901",
                "EventStreamToken (%s, line %d): %s %s; it is left out",
                cmd->directive->filename, cmd->directive->line_num, path,
                APR_ARRAY_IDX(keys->lost, i, const char *));
    }
}

static int count_keys(const es_token_conf_t *conf)
{
    int count = 0, i;

    for (i = 0; i < conf->issuers->nelts; i++) {
        count += APR_ARRAY_IDX(conf->issuers, i, const es_issuer_t *)
                     ->keys.keys->nelts;
    }
    return count;
}

/* A section has one name; a second line may repeat it. */
static const char *merge_name(const char **out, const char *name)
{
    if (name && *out && strcmp(name, *out) != 0) {
        return "has another name of the cookie or parameter than the line "
               "before in this section";
    }
    *out = name ? name : *out;
    return NULL;
}

static const char *add_line(es_token_conf_t *conf, line_t *line)
{
    apr_pool_t *p = line->cmd->pool;
    const char *err = merge_name(&conf->cookie, line->cookie);

    err = err ? err : merge_name(&conf->query, line->query);
    err = err ? err : es_key_set_load(&line->issuer->keys, &line->keys, p);
    if (err) {
        return err;
    }
    APR_ARRAY_PUSH(conf->issuers, const es_issuer_t *) = line->issuer;
    if (count_keys(conf) > ES_KEY_SET_MAX) {
        return "has a key too many: 16 are the most of a section";
    }
    if (line->query) {
        es_token_query_note(line->query, p);
    }
    log_lost(line->cmd, &line->issuer->keys, line->keys.path);
    return NULL;
}

static es_token_conf_t *conf_of(es_dir_t *settings, apr_pool_t *p)
{
    if (!settings->tokens) {
        settings->tokens = apr_pcalloc(p, sizeof(*settings->tokens));
        settings->tokens->issuers =
            apr_array_make(p, 1, sizeof(const es_issuer_t *));
    }
    return settings->tokens;
}

const char *es_token_setters_token(cmd_parms *cmd, void *dir, int argc,
                                   char *const argv[])
{
    line_t line = {.cmd = cmd};
    const char *err = es_setters_misplaced(cmd);
    int i;

    if (err) {
        return err;
    }
    line.issuer = apr_pcalloc(cmd->pool, sizeof(*line.issuer));
    line.issuer->leeway = LEEWAY_PRESET;
    line.keys.root = ap_server_root_relative(cmd->temp_pool, "");
    line.keys.kinds = ALL_KINDS;
    for (i = 0; i < argc && !err; i++) {
        err = set_word(&line, argv[i]);
    }
    if (!err && !line.keys.path) {
        err = "needs key=file:PATH or jwks=file:PATH";
    }
    err = err ? err : add_line(conf_of(dir, cmd->pool), &line);
    return err ? apr_pstrcat(cmd->pool, cmd->cmd->name, " ", err, NULL) : NULL;
}
