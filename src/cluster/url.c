/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsed by hand: apr_uri_parse knows neither lists of hosts nor what must not
 * be shown. The text is cut from the left: scheme, user, hosts, then the rest.
 */
#include "cluster/url.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#define TEXT_MAX 4096 /* bytes of a URL */
#define HOST_MAX 253  /* of the DNS */

typedef struct scheme_t {
    const char *name;
    int is_tls, is_sentinel, is_unix;
} scheme_t;

static const scheme_t schemes[] = {
    {"redis://", 0, 0, 0},          {"rediss://", 1, 0, 0},
    {"redis+sentinel://", 0, 1, 0}, {"rediss+sentinel://", 1, 1, 0},
    {"redis+unix://", 0, 0, 1},
};

static const scheme_t *scheme_of(const char *text)
{
    apr_size_t i;

    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (!strncasecmp(text, schemes[i].name, strlen(schemes[i].name))) {
            return &schemes[i];
        }
    }
    return NULL;
}

static const char *check_text(const char *text)
{
    const char *at;

    for (at = text; *at; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f) {
            return "has a blank or a control character";
        }
        if (*at == '#') {
            return "has a fragment (#); write %23 within a value";
        }
    }
    return at - text > TEXT_MAX ? "is longer than 4,096 bytes" : NULL;
}

/* ---- parts --------------------------------------------------------------- */

/* Percent-decode len bytes; '+' is a plus. */
static const char *decode(const char **out, const char *text, apr_size_t len,
                          apr_pool_t *p)
{
    char *dst = apr_palloc(p, len + 1);
    const char *end = text + len;

    *out = dst;
    while (text < end) {
        if (*text != '%') {
            *dst++ = *text++;
            continue;
        }
        if (end - text < 3 || !apr_isxdigit(text[1]) ||
            !apr_isxdigit(text[2]) || (text[1] == '0' && text[2] == '0')) {
            return "has a bad percent sequence";
        }
        *dst++ = (char)strtol((char[]){text[1], text[2], '\0'}, NULL, 16);
        text += 3;
    }
    *dst = '\0';
    return NULL;
}

/* "user:password", ":password" or "user". A password may have a colon. */
static const char *take_user(es_cluster_url_t *url, const char *text,
                             apr_size_t len, apr_pool_t *p)
{
    const char *colon = memchr(text, ':', len), *err = NULL;
    apr_size_t user_len = colon ? (apr_size_t)(colon - text) : len;

    if (user_len != 0) {
        err = decode(&url->user, text, user_len, p);
    }
    if (!err && colon && len - user_len > 1) {
        err = decode(&url->password, colon + 1, len - user_len - 1, p);
    }
    if (!err && !url->user && !url->password) {
        err = "has an '@' without a user or a password before it";
    }
    return err;
}

/* A whole decimal number from 0 to most; -1 if it is none. */
static int number_of(const char *text, apr_size_t len, int most)
{
    apr_int64_t value = 0;
    apr_size_t i;

    if (len == 0 || len > 9) {
        return -1;
    }
    for (i = 0; i < len; i++) {
        if (!apr_isdigit(text[i])) {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value <= most ? (int)value : -1;
}

static const char *take_port(es_cluster_host_t *host, const char *text,
                             apr_size_t len)
{
    if (len == 0) {
        return NULL;
    }
    host->port = *text == ':' ? number_of(text + 1, len - 1, 65535) : -1;
    return host->port > 0 ? NULL : "has a bad port";
}

static int is_name(const char *text, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (!apr_isalnum(text[i]) && !strchr("-._", text[i])) {
            return 0;
        }
    }
    return len != 0 && len <= HOST_MAX;
}

/* "host", "host:port" or "[IPv6]:port" */
static const char *take_host(es_cluster_host_t *host, const char *text,
                             apr_size_t len, apr_pool_t *p)
{
    const char *end;
    struct in6_addr ignored;

    if (len != 0 && *text == '[') {
        end = memchr(text, ']', len);
        if (!end) {
            return "has a '[' without a ']'";
        }
        host->host = apr_pstrmemdup(p, text + 1, (apr_size_t)(end - text - 1));
        if (inet_pton(AF_INET6, host->host, &ignored) != 1) {
            return "has a bad IPv6 address";
        }
        end++;
    }
    else {
        end = memchr(text, ':', len);
        end = end ? end : text + len;
        if (!is_name(text, (apr_size_t)(end - text))) {
            return len == 0 ? "has no host" : "has a bad host";
        }
        host->host = apr_pstrmemdup(p, text, (apr_size_t)(end - text));
    }
    return take_port(host, end, len - (apr_size_t)(end - text));
}

static const char *take_hosts(es_cluster_url_t *url, const char *text,
                              apr_size_t len, apr_pool_t *p)
{
    const char *err = NULL;

    for (;;) {
        const char *comma = memchr(text, ',', len);
        apr_size_t part = comma ? (apr_size_t)(comma - text) : len;
        es_cluster_host_t *host = &url->hosts[url->nhosts++];

        host->port =
            url->is_sentinel ? ES_CLUSTER_SENTINEL_PORT : ES_CLUSTER_PORT;
        err = take_host(host, text, part, p);
        if (err || !comma) {
            return err;
        }
        if (!url->is_sentinel) {
            return "has several hosts, which only redis+sentinel:// may have";
        }
        if (url->nhosts == ES_CLUSTER_HOSTS_MAX) {
            return "has more than 16 hosts";
        }
        text += part + 1;
        len -= part + 1;
    }
}

static const char *take_db(es_cluster_url_t *url, const char *text)
{
    if (*text) {
        url->db = number_of(text, strlen(text), ES_CLUSTER_DB_MAX);
    }
    return url->db >= 0 ? NULL : "has a bad database number";
}

/* After the hosts: "", "/", "/db"; with sentinels "/name", "/name/db". */
static const char *take_rest(es_cluster_url_t *url, const char *text,
                             apr_pool_t *p)
{
    const char *slash, *err;
    apr_size_t len;

    if (strchr(text, '?')) {
        return "has a query, which only redis+unix:// may have";
    }
    if (strchr(text, '@')) { /* else a part of it would be shown as a name */
        return "has an '@' after its hosts; a '/' of a password is written %2F";
    }
    text += *text == '/';
    if (!url->is_sentinel) {
        return take_db(url, text);
    }
    slash = strchr(text, '/');
    len = slash ? (apr_size_t)(slash - text) : strlen(text);
    if (len == 0) {
        return "has no name of a primary after its sentinels";
    }
    err = decode(&url->name, text, len, p);
    return err ? err : take_db(url, slash ? slash + 1 : "");
}

static const char *take_path(es_cluster_url_t *url, const char *text,
                             apr_pool_t *p)
{
    const char *query = strchr(text, '?');
    apr_size_t len = query ? (apr_size_t)(query - text) : strlen(text);
    const char *err = decode(&url->path, text, len, p);

    if (err) {
        return err;
    }
    if (*url->path != '/' || strlen(url->path) < 2) {
        return "has no path of a socket";
    }
    if (strlen(url->path) > 107) { /* sun_path, with its NUL */
        return "has a path that is too long for a socket (107 bytes)";
    }
    if (query && strncmp(query, "?db=", 4)) {
        return "has a query that is not db=";
    }
    return query ? take_db(url, query + 4) : NULL;
}

/* ---- the whole ----------------------------------------------------------- */

/* The user ends at the last '@' of the hosts: one in a password is better
 * written %40, but there is no other way to read it. In that of a Unix socket
 * they end where the path begins. */
static const char *parse(es_cluster_url_t *url, const scheme_t *scheme,
                         const char *text, apr_pool_t *p)
{
    const char *rest = text + strlen(scheme->name), *at, *hosts = rest;
    const char *err = NULL;
    apr_size_t len = strcspn(rest, "/?");

    url->is_tls = scheme->is_tls;
    url->is_sentinel = scheme->is_sentinel;
    for (at = rest + len; at > rest && at[-1] != '@'; at--) {
    }
    if (at > rest) {
        err = take_user(url, rest, (apr_size_t)(at - 1 - rest), p);
        hosts = at;
        len -= (apr_size_t)(at - rest);
    }
    if (err) {
        return err;
    }
    url->display = apr_pstrcat(p, scheme->name, hosts, NULL);
    if (scheme->is_unix) {
        return take_path(url, hosts, p);
    }
    err = take_hosts(url, hosts, len, p);
    return err ? err : take_rest(url, hosts + len, p);
}

const char *es_cluster_url_parse(const es_cluster_url_t **out, const char *text,
                                 apr_pool_t *p)
{
    es_cluster_url_t *url = apr_pcalloc(p, sizeof(*url));
    const scheme_t *scheme = scheme_of(text);
    const char *err = "starts with none of redis://, rediss://, "
                      "redis+sentinel://, rediss+sentinel://, redis+unix://";

    if (scheme) {
        err = check_text(text);
    }
    if (scheme && !err) {
        err = parse(url, scheme, text, p);
    }
    if (err) {
        return apr_pstrcat(p, "the URL ", err, NULL);
    }
    *out = url;
    return NULL;
}
