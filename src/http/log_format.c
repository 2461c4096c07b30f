/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A format is an array of parts: literal text, an item of the request, or a
 * mark. The letters are those of mod_log_config where it has the item.
 */
#include "http/log_format.h"

#include <apr_lib.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_main.h>
#include <util_time.h>

#include "base/clock.h"
#include "server/settings.h"
#include "server/stream_log.h"

/* mod_ssl's; declared here, since its header is not everywhere */
APR_DECLARE_OPTIONAL_FN(char *, ssl_var_lookup,
                        (apr_pool_t *, server_rec *, conn_rec *, request_rec *,
                         char *));

#define PRESET "%a %u %t \"%U\" %H %S %M \"%C\" %E %O %T %L %X"
#define JSON                                                               \
    "{\"time\":\"%{%Y-%m-%dT%H:%M:%S%z}t\",\"client\":\"%a\","             \
    "\"user\":\"%u\",\"host\":\"%v\",\"path\":\"%U\",\"protocol\":\"%H\"," \
    "\"tls\":\"%S\",\"mode\":\"%M\",\"channels\":[%C],\"events\":%E,"      \
    "\"bytes\":%O,\"seconds\":%T,\"last_id\":\"%L\",\"reason\":\"%X\"}"

/* The value of an item, unescaped; NULL or "" = none. */
typedef const char *item_t(request_rec *r, const char *argument);

typedef struct part_t {
    es_slice_t literal; /* if there is neither item nor mark */
    item_t *item;
    const char *argument; /* of item, in braces; NULL = none */
    int mark;             /* es_mark_t */
    int is_mode;
} part_t;

struct es_log_format_t {
    const apr_array_header_t *parts; /* part_t */
    int is_json;
};

/* ---- items -------------------------------------------------------------- */

static const char *address(request_rec *r, const char *unused)
{
    (void)unused;
    return r->useragent_ip;
}

static const char *user(request_rec *r, const char *unused)
{
    (void)unused;
    return r->user;
}

static const char *path(request_rec *r, const char *unused)
{
    (void)unused;
    return r->uri;
}

static const char *host(request_rec *r, const char *unused)
{
    (void)unused;
    return r->server->server_hostname;
}

static const char *protocol(request_rec *r, const char *unused)
{
    (void)unused;
    return r->protocol;
}

static const char *tls(request_rec *r, const char *unused)
{
    APR_OPTIONAL_FN_TYPE(ssl_var_lookup) *lookup =
        APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup);

    (void)unused;
    return lookup ? lookup(r->pool, r->server, r->connection, r,
                           (char *)"SSL_PROTOCOL")
                  : NULL;
}

static const char *header(request_rec *r, const char *name)
{
    return apr_table_get(r->headers_in, name);
}

static const char *variable(request_rec *r, const char *name)
{
    return apr_table_get(r->subprocess_env, name);
}

/* As httpd's access log, or as strftime. */
static const char *began(request_rec *r, const char *format)
{
    char text[256];
    apr_size_t len = 0;
    apr_time_exp_t when;

    ap_explode_recent_localtime(&when, r->request_time);
    if (format) {
        apr_strftime(text, &len, sizeof(text), format, &when);
        return apr_pstrmemdup(r->pool, text, len);
    }
    return apr_psprintf(
        r->pool, "[%02d/%s/%d:%02d:%02d:%02d %c%.2d%.2d]", when.tm_mday,
        apr_month_snames[when.tm_mon], when.tm_year + 1900, when.tm_hour,
        when.tm_min, when.tm_sec, when.tm_gmtoff < 0 ? '-' : '+',
        abs(when.tm_gmtoff) / 3600, abs(when.tm_gmtoff) / 60 % 60);
}

static const struct {
    char letter;
    item_t *item;
    int mark;
    int argument; /* 0 = takes none, 1 = may have one, 2 = must have one */
} items[] = {
    {'a', address, 0, 0},
    {'u', user, 0, 0},
    {'U', path, 0, 0},
    {'v', host, 0, 0},
    {'H', protocol, 0, 0},
    {'S', tls, 0, 0},
    {'i', header, 0, 2},
    {'e', variable, 0, 2},
    {'t', began, 0, 1},
    {'M', NULL, 0, 0},
    {'C', NULL, ES_MARK_CHANNELS, 0},
    {'O', NULL, ES_MARK_BYTES, 0},
    {'E', NULL, ES_MARK_EVENTS, 0},
    {'T', NULL, ES_MARK_SECONDS, 0},
    {'L', NULL, ES_MARK_LAST_ID, 0},
    {'X', NULL, ES_MARK_REASON, 0},
};

/* ---- reading a format ---------------------------------------------------- */

static const char *add_item(apr_array_header_t *parts, char letter,
                            const char *argument, apr_pool_t *p)
{
    apr_size_t i;
    part_t *part;

    for (i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        if (items[i].letter == letter) {
            break;
        }
    }
    if (i == sizeof(items) / sizeof(items[0])) {
        return apr_psprintf(p, "has no item %%%c", letter);
    }
    if ((argument && items[i].argument == 0) ||
        ((!argument || !*argument) && items[i].argument == 2)) {
        return apr_psprintf(p, "has %%%c with%s a name in braces", letter,
                            argument ? "" : "out");
    }
    part = apr_array_push(parts);
    memset(part, 0, sizeof(*part));
    part->item = items[i].item;
    part->argument = argument;
    part->mark = items[i].mark;
    part->is_mode = letter == 'M';
    return NULL;
}

/* @param at  after a %; moved behind the item */
static const char *read_item(apr_array_header_t *parts, const char **at,
                             apr_pool_t *p)
{
    const char *argument = NULL, *end;

    if (**at == '{') {
        end = strchr(*at, '}');
        if (!end) {
            return "has a '{' without '}'";
        }
        argument = apr_pstrmemdup(p, *at + 1, (apr_size_t)(end - *at - 1));
        *at = end + 1;
    }
    if (!**at) {
        return "ends with '%'; a percent sign is written %%";
    }
    return add_item(parts, *(*at)++, argument, p);
}

/* As in mod_log_config, \t is a tab. */
static void add_literal(apr_array_header_t *parts, const char *from,
                        apr_size_t len, apr_pool_t *p)
{
    char *text = apr_palloc(p, len + 1), *to = text;
    const char *end = from + len;
    part_t *part;

    while (from < end) {
        if (from[0] == '\\' && end - from > 1 && from[1] == 't') {
            *to++ = '\t';
            from += 2;
        }
        else {
            *to++ = *from++;
        }
    }
    if (len > 0) {
        part = apr_array_push(parts);
        memset(part, 0, sizeof(*part));
        part->literal = es_slice(text, (apr_size_t)(to - text));
    }
}

const char *es_log_format_parse(const es_log_format_t **out, const char *text,
                                apr_pool_t *p)
{
    es_log_format_t *format = apr_pcalloc(p, sizeof(*format));
    apr_array_header_t *parts = apr_array_make(p, 32, sizeof(part_t));
    const char *at, *err = NULL;

    format->is_json = text && !strcasecmp(text, "json");
    at = format->is_json ? JSON : text ? text : PRESET;
    while (*at && !err) {
        apr_size_t len = strcspn(at, "%");

        add_literal(parts, at, len, p);
        at += len;
        if (at[0] == '%' && at[1] == '%') {
            add_literal(parts, at, 1, p);
            at += 2;
        }
        else if (*at == '%') {
            at++;
            err = read_item(parts, &at, p);
        }
    }
    for (at = text ? text : ""; *at && !err; at++) {
        err =
            apr_iscntrl(*at) && *at != '\t' ? "has a control character" : NULL;
    }
    format->parts = parts;
    *out = format;
    return err;
}

/* ---- beginning a line ---------------------------------------------------- */

/* The text of a line so far. */
typedef struct text_t {
    apr_size_t len;
    char bytes[ES_STREAM_LINE_MAX];
} text_t;

static void put(text_t *text, const char *from, apr_size_t len)
{
    apr_size_t room = sizeof(text->bytes) - text->len;

    len = len < room ? len : room;
    memcpy(text->bytes + text->len, from, len);
    text->len += len;
}

#define VALUE_MAX 512 /* bytes of an escaped value */

static void put_value(text_t *text, const char *value, int is_json)
{
    char escaped[VALUE_MAX];

    if (!value || !*value) {
        value = "-";
    }
    put(text, escaped,
        es_stream_line_escape(escaped, sizeof(escaped),
                              es_slice(value, strlen(value)), is_json));
}

static void put_part(text_t *text, const es_log_format_t *format,
                     const part_t *part, request_rec *r, const char *mode)
{
    char mark = (char)part->mark;

    if (part->is_mode) {
        put_value(text, mode, format->is_json);
    }
    else if (part->item) {
        put_value(text, part->item(r, part->argument), format->is_json);
    }
    else if (part->mark) {
        if (part->mark == ES_MARK_CHANNELS && format->is_json) {
            mark = ES_MARK_CHANNELS_JSON;
        }
        put(text, &mark, 1);
    }
    else {
        put(text, part->literal.data, part->literal.len);
    }
}

es_stream_line_t *es_log_format_begin(request_rec *r, const char *mode,
                                      apr_size_t sent)
{
    const es_log_format_t *format;
    es_stream_line_t *line;
    text_t text;
    int i;

    if (!es_stream_log_is_on()) {
        return NULL;
    }
    format = es_settings_of(ap_server_conf)->log_format;
    text.len = 0;
    for (i = 0; i < format->parts->nelts; i++) {
        put_part(&text, format, &APR_ARRAY_IDX(format->parts, i, part_t), r,
                 mode);
    }
    line =
        es_stream_line_create(es_slice(text.bytes, text.len), es_clock_now());
    if (line) {
        line->bytes = sent;
    }
    return line;
}
