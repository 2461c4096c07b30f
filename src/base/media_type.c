/* SPDX-License-Identifier: Apache-2.0 */
#include "base/media_type.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "base/channel.h"

/* The offset of the first c outside of quotes, or text.len. */
static apr_size_t find_outside(es_slice_t text, char c)
{
    int quoted = 0;
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        if (quoted && text.data[i] == '\\' && i + 1 < text.len) {
            i++;
        }
        else if (text.data[i] == '"') {
            quoted = !quoted;
        }
        else if (text.data[i] == c && !quoted) {
            break;
        }
    }
    return i;
}

/* Take off all up to the next c outside of quotes, and c. */
static es_slice_t take_until(es_slice_t *text, char c)
{
    apr_size_t at = find_outside(*text, c);
    es_slice_t taken = es_slice(text->data, at);

    at += at < text->len;
    *text = es_slice(text->data + at, text->len - at);
    return es_channel_trim(taken);
}

int es_media_type_next(es_slice_t *element, es_slice_t *list)
{
    while (list->len > 0) {
        *element = take_until(list, ',');
        if (element->len > 0) {
            return 1;
        }
    }
    return 0;
}

es_slice_t es_media_type_name(es_slice_t element)
{
    apr_size_t i = 0;

    while (i < element.len && element.data[i] != ';' &&
           element.data[i] != ' ' && element.data[i] != '\t') {
        i++;
    }
    return es_slice(element.data, i);
}

int es_media_type_is(es_slice_t slice, const char *text)
{
    return slice.len == strlen(text) &&
           !strncasecmp(slice.len ? slice.data : "", text, slice.len);
}

/* The text within quotes, without the backslash of what is escaped. */
static es_slice_t unquote(es_slice_t value, apr_pool_t *p)
{
    char *bytes;
    apr_size_t len = 0;
    apr_size_t i;

    if (value.len == 0 || value.data[0] != '"') {
        return value;
    }
    bytes = apr_palloc(p, value.len);
    for (i = 1; i < value.len && value.data[i] != '"'; i++) {
        if (value.data[i] == '\\' && i + 1 < value.len) {
            i++;
        }
        bytes[len++] = value.data[i];
    }
    return es_slice(bytes, len);
}

int es_media_type_param(es_slice_t *value, es_slice_t element, const char *name,
                        apr_pool_t *p)
{
    (void)take_until(&element, ';');
    while (element.len > 0) {
        es_slice_t param = take_until(&element, ';');
        es_slice_t found = take_until(&param, '=');

        if (es_media_type_is(found, name)) {
            *value = unquote(es_channel_trim(param), p);
            return 1;
        }
    }
    return 0;
}
