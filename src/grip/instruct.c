/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pushpin's parser decides what must be escaped: it splits a header at ',' and
 * an item at ';', the keep-alive at its first ';', and a cstring has the
 * escapes \\, \r, \n and \xHH only.
 */
#include "grip/instruct.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "grip/item.h"

const char *es_instruct_channels(const char *prefix, const es_slice_t *names,
                                 const es_id_t *last_ids, int count,
                                 apr_pool_t *p)
{
    const char *value = "";
    char id[ES_ID_TEXT_SIZE];
    int i;

    for (i = 0; i < count; i++) {
        const char *channel = es_grip_channel(prefix, names[i], p).data;

        value = apr_pstrcat(p, value, i > 0 ? ", " : "", channel, NULL);
        if (last_ids) {
            es_id_format(id, &last_ids[i]);
            value = apr_pstrcat(p, value, "; prev-id=", id, NULL);
        }
    }
    return value;
}

/* ---- keep-alive -------------------------------------------------------- */

static char *put_escaped(char *at, unsigned char c, int at_end)
{
    static const char hex[] = "0123456789abcdef";

    *at++ = '\\';
    switch (c) {
    case '\\': *at++ = '\\'; return at;
    case '\n': *at++ = 'n'; return at;
    case '\r': *at++ = 'r'; return at;
    default: break;
    }
    if (c < 0x20 || c >= 0x7f || c == ';' || (c == ' ' && at_end)) {
        *at++ = 'x';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 0xf];
        return at;
    }
    at[-1] = (char)c;
    return at;
}

const char *es_instruct_keepalive(es_slice_t frame, apr_interval_time_t after,
                                  apr_pool_t *p)
{
    apr_int64_t seconds = apr_time_sec(after);
    char *text = apr_palloc(p, frame.len * 4 + 1), *at = text;
    apr_size_t i;

    for (i = 0; i < frame.len; i++) {
        at = put_escaped(at, (unsigned char)frame.data[i],
                         i == 0 || i + 1 == frame.len);
    }
    *at = '\0';
    return apr_psprintf(p, "%s; format=cstring; timeout=%" APR_INT64_T_FMT,
                        text, seconds > 1 ? seconds : 1);
}

/* ---- link -------------------------------------------------------------- */

static int is_plain(unsigned char c)
{
    return apr_isalnum(c) || (c != '\0' && strchr("/-._~!$&'()*+=:@%", c));
}

const char *es_instruct_link(const char *path, apr_pool_t *p)
{
    static const char hex[] = "0123456789ABCDEF";
    char *text = apr_palloc(p, strlen(path) * 3 + 1), *at = text;

    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;

        if (is_plain(c)) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 0xf];
    }
    *at = '\0';
    return apr_psprintf(p, "<%s>; rel=next; timeout=%d", text,
                        ES_INSTRUCT_LINK_TIMEOUT);
}

/* ---- Grip-Last --------------------------------------------------------- */

static es_slice_t trim(es_slice_t text)
{
    while (text.len != 0 && (*text.data == ' ' || *text.data == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len != 0 && (text.data[text.len - 1] == ' ' ||
                             text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* Remove the part before c, and c, from rest. @return the part, trimmed */
static es_slice_t cut(es_slice_t *rest, char c)
{
    const char *end = rest->len ? memchr(rest->data, c, rest->len) : NULL;
    apr_size_t len = end ? (apr_size_t)(end - rest->data) : rest->len;
    es_slice_t part = es_slice(rest->data, len);
    apr_size_t removed = end ? len + 1 : len;

    *rest = es_slice(rest->data + removed, rest->len - removed);
    return trim(part);
}

static es_slice_t find_parameter(es_slice_t parameters, const char *name)
{
    while (parameters.len != 0) {
        es_slice_t value = cut(&parameters, ';');
        es_slice_t key = cut(&value, '=');

        if (key.len == strlen(name) && !strncasecmp(key.data, name, key.len)) {
            return trim(value);
        }
    }
    return es_slice(NULL, 0);
}

es_slice_t es_instruct_last_id(es_slice_t header, es_slice_t channel)
{
    while (header.len != 0) {
        es_slice_t item = cut(&header, ',');

        if (es_slice_equal(cut(&item, ';'), channel)) {
            return find_parameter(item, "last-id");
        }
    }
    return es_slice(NULL, 0);
}
