/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The query is split at '&'; other parameters than the four are not changed.
 */
#include "grip/url.h"

#include <stdlib.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_uri.h>

#include "base/query.h"

static const char *const names[] = {"iss", "key", "verify-iss", "verify-key"};

static const char **field_of(es_grip_url_t *url, es_slice_t name)
{
    const char **fields[] = {&url->iss, &url->key, &url->verify_iss,
                             &url->verify_key};
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (es_slice_is(name, names[i])) {
            return fields[i];
        }
    }
    return NULL;
}

static const char *set(const char **field, const char *name, es_slice_t value,
                       apr_pool_t *p)
{
    if (value.len == 0) {
        return apr_psprintf(p, "%s= is empty", name);
    }
    if (es_slice_has(value, '\0')) {
        return apr_psprintf(p, "%s= has a NUL", name);
    }
    *field = apr_pstrmemdup(p, value.data, value.len);
    return NULL;
}

const char *es_grip_url_set(es_grip_url_t *url, const char *word, apr_pool_t *p)
{
    const char *equals = strchr(word, '=');
    es_slice_t name;
    const char **field;

    if (!equals) {
        return "a word after the URL is not name=value";
    }
    name = es_slice(word, (apr_size_t)(equals - word));
    field = field_of(url, name);
    if (!field) {
        return "the only parameters are iss=, key=, verify-iss= and "
               "verify-key=";
    }
    return set(field, apr_pstrmemdup(p, name.data, name.len),
               es_slice_of(equals + 1), p);
}

/* ---- the query --------------------------------------------------------- */

static const char *take_piece(es_grip_url_t *out, es_slice_t piece,
                              const char **rest, apr_pool_t *p)
{
    apr_size_t i;
    es_slice_t value;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char **field = field_of(out, es_slice_of(names[i]));

        if (!es_query_value(&value, piece, names[i], p)) {
            continue;
        }
        return *field ? apr_psprintf(p, "%s= is given twice", names[i])
                      : set(field, names[i], value, p);
    }
    *rest = apr_psprintf(p, "%s%s%.*s", *rest, **rest ? "&" : "",
                         (int)piece.len, piece.data);
    return NULL;
}

static const char *take_query(es_grip_url_t *out, const char *query,
                              const char **rest, apr_pool_t *p)
{
    const char *err = NULL;

    *rest = "";
    while (query && !err) {
        const char *end = strchr(query, '&');
        apr_size_t len = end ? (apr_size_t)(end - query) : strlen(query);

        if (len != 0) {
            err = take_piece(out, es_slice(query, len), rest, p);
        }
        query = end ? end + 1 : NULL;
    }
    return err;
}

/* ---- the rest ---------------------------------------------------------- */

/* Percent-decode a user or password, in which '+' is a plus. */
static const char *decode(const char **out, const char *text, apr_pool_t *p)
{
    char *dst = apr_palloc(p, strlen(text) + 1);

    *out = dst;
    for (; *text; text++) {
        if (*text != '%') {
            *dst++ = *text;
            continue;
        }
        if (!apr_isxdigit(text[1]) || !apr_isxdigit(text[2]) ||
            (text[1] == '0' && text[2] == '0')) {
            return "has a bad percent sequence in its user or password";
        }
        *dst++ = (char)strtol((char[]){text[1], text[2], '\0'}, NULL, 16);
        text += 2;
    }
    *dst = '\0';
    return NULL;
}

static const char *take_user(es_grip_url_t *out, const apr_uri_t *uri,
                             apr_pool_t *p)
{
    const char *err;

    if (!uri->user) {
        return NULL;
    }
    err = decode(&out->user, uri->user, p);
    if (!err && strchr(out->user, ':')) {
        err =
            "has a colon in its user, which Basic authorization does not allow";
    }
    return err ? err
               : decode(&out->password, uri->password ? uri->password : "", p);
}

/* A path that ends with '/' gives the same URI as one without. */
static void make_uris(es_grip_url_t *out, const apr_uri_t *uri,
                      const char *rest, apr_pool_t *p)
{
    const char *path = uri->path ? uri->path : "/";
    const char *base =
        apr_psprintf(p, "%s://%s%s%s", uri->scheme, uri->hostname,
                     uri->port_str && *uri->port_str ? ":" : "",
                     uri->port_str ? uri->port_str : "");
    const char *query = apr_pstrcat(p, *rest ? "?" : "", rest, NULL);
    apr_size_t len = strlen(path);

    if (strchr(uri->hostname, ':')) { /* IPv6, without the brackets */
        base = apr_psprintf(p, "%s://[%s]%s%s", uri->scheme, uri->hostname,
                            uri->port_str && *uri->port_str ? ":" : "",
                            uri->port_str ? uri->port_str : "");
    }
    out->control_uri = apr_pstrcat(p, base, path, query, NULL);
    if (len != 0 && path[len - 1] == '/') {
        len--;
    }
    out->publish_uri =
        apr_psprintf(p, "%s%.*s%spublish/%s", base, (int)len, path,
                     len != 0 && path[len - 1] == '/' ? "" : "/", query);
}

static const char *check_text(const char *text)
{
    if (strncasecmp(text, "http://", 7) && strncasecmp(text, "https://", 8)) {
        return "starts with neither http:// nor https://";
    }
    for (; *text; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f) {
            return "has a blank or a control character";
        }
    }
    return NULL;
}

static const char *parse(es_grip_url_t *out, const char *text, apr_pool_t *p)
{
    const char *err = check_text(text), *rest;
    apr_uri_t uri;

    if (err) {
        return err;
    }
    if (apr_uri_parse(p, text, &uri) != APR_SUCCESS || !uri.hostname ||
        !*uri.hostname) {
        return "has no host, or a bad port";
    }
    if (uri.fragment) {
        return "has a fragment (#); write %23 within a value";
    }
    err = take_user(out, &uri, p);
    err = err ? err : take_query(out, uri.query, &rest, p);
    if (!err) {
        make_uris(out, &uri, rest, p);
    }
    return err;
}

const char *es_grip_url_parse(es_grip_url_t *out, const char *text,
                              apr_pool_t *p)
{
    const char *err;

    memset(out, 0, sizeof(*out));
    err = parse(out, text, p);
    return err ? apr_pstrcat(p, "the URL ", err, NULL) : NULL;
}
