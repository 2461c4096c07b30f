/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences are Pushpin's, because GRIP libraries show them to their
 * users. */
#include "http/body_formats.h"

#include <apr_strings.h>
#include <jansson.h>

#include "base/base64.h"

struct es_body_items_t {
    const json_t *root;
};

/* The context of a read: where memory and the problem go. */
typedef struct reading_t {
    apr_pool_t *p;
    es_problem_t *why;
} reading_t;

static const char item_name[] = "publish item object";
static const char stream_name[] = "http-stream";

static apr_status_t free_json(void *json)
{
    json_decref(json);
    return APR_SUCCESS;
}

/* A cheap test before the body is parsed. It also matches an event whose data
 * has such a name; that body is parsed twice. */
static int mentions_items(es_slice_t body)
{
    static const char name[] = "\"items\"";
    apr_size_t len = sizeof(name) - 1;
    const char *at = body.data;
    const char *end = body.data + body.len;

    while (at && (apr_size_t)(end - at) >= len) {
        if (!memcmp(at, name, len)) {
            return 1;
        }
        at = memchr(at + 1, '"', (apr_size_t)(end - at) - 1);
    }
    return 0;
}

const es_body_items_t *es_body_items_find(es_slice_t body, apr_pool_t *p)
{
    es_body_items_t *items;
    json_error_t error;
    json_t *root;

    if (!mentions_items(body)) {
        return NULL;
    }
    root = json_loadb(body.data, body.len,
                      JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!root) {
        return NULL;
    }
    if (!json_object_get(root, "items") || json_object_get(root, "channel")) {
        json_decref(root);
        return NULL;
    }
    /* the items point to jansson's strings */
    apr_pool_cleanup_register(p, root, free_json, apr_pool_cleanup_null);
    items = apr_palloc(p, sizeof(*items));
    items->root = root;
    return items;
}

/* ---- Problems ---------------------------------------------------------- */

static int invalid(const reading_t *reading, const char *reason)
{
    return es_problem_set(reading->why, reading->p, 400, "Invalid format: %s",
                          reason);
}

static int wrong_type(const reading_t *reading, const char *object,
                      const char *field)
{
    return invalid(reading,
                   apr_psprintf(reading->p, "%s contains '%s' with wrong type",
                                object, field));
}

/* ---- A format ---------------------------------------------------------- */

static es_slice_t slice_of(const json_t *string)
{
    return es_slice(json_string_value(string), json_string_length(string));
}

static int read_content(const reading_t *reading, const json_t *format,
                        es_slice_t *content)
{
    const json_t *text = json_object_get(format, "content");
    const json_t *binary = json_object_get(format, "content-bin");

    if (!text && !binary) {
        return invalid(reading, "'http-stream' does not contain 'content' or "
                                "'content-bin'");
    }
    if (text && !json_is_string(text)) {
        return wrong_type(reading, "'http-stream'", "content");
    }
    if (binary && !json_is_string(binary)) {
        return wrong_type(reading, "'http-stream'", "content-bin");
    }
    if (!binary) {
        *content = slice_of(text);
    }
    else if (!es_base64_decode(content, slice_of(binary), ES_BASE64_ANY,
                               reading->p)) {
        return invalid(reading,
                       "'http-stream' contains 'content-bin' that is not "
                       "base64");
    }
    return 1;
}

static int read_action(const reading_t *reading, const json_t *format,
                       es_item_action_t *action)
{
    const json_t *value = json_object_get(format, "action");
    es_slice_t name;

    *action = ES_ITEM_SEND;
    if (!value) {
        return 1;
    }
    if (!json_is_string(value)) {
        return wrong_type(reading, "'http-stream'", "action");
    }
    name = slice_of(value);
    if (es_slice_is(name, "close")) {
        *action = ES_ITEM_CLOSE;
    }
    else if (es_slice_is(name, "hint")) {
        *action = ES_ITEM_NOTHING;
    }
    else if (!es_slice_is(name, "send")) {
        return invalid(reading, "");
    }
    return 1;
}

/* Clients must not get a content unfiltered. */
static int read_filters(const reading_t *reading, const json_t *filters,
                        es_item_t *item)
{
    size_t i;

    for (i = 0; i < json_array_size(filters); i++) {
        const json_t *filter = json_array_get(filters, i);

        if (!json_is_string(filter)) {
            return wrong_type(reading, "'http-stream'", "content-filters");
        }
        if (!es_slice_is(slice_of(filter), "build-id") || item->builds_id) {
            return invalid(reading, "of 'content-filters' only one 'build-id' "
                                    "is applied here");
        }
        item->builds_id = 1;
    }
    return 1;
}

static int read_format(const reading_t *reading, const json_t *format,
                       es_item_t *item)
{
    const json_t *filters = json_object_get(format, "content-filters");

    if (!json_is_object(format)) {
        return wrong_type(reading, item_name, stream_name);
    }
    if (!read_action(reading, format, &item->action)) {
        return 0;
    }
    if (filters && !json_is_array(filters)) {
        return wrong_type(reading, "'http-stream'", "content-filters");
    }
    if (item->action != ES_ITEM_SEND) {
        return 1;
    }
    return read_filters(reading, filters, item) &&
           read_content(reading, format, &item->content);
}

/* ---- An item ----------------------------------------------------------- */

/* Fields that only a proxy uses; their types are checked all the same. */
static int check_field(const reading_t *reading, const json_t *item,
                       const char *field, int is_right)
{
    return !json_object_get(item, field) || is_right
               ? 1
               : wrong_type(reading, item_name, field);
}

static int check_fields(const reading_t *reading, const json_t *item)
{
    return check_field(reading, item, "id",
                       json_is_string(json_object_get(item, "id"))) &&
           check_field(reading, item, "prev-id",
                       json_is_string(json_object_get(item, "prev-id"))) &&
           check_field(reading, item, "no-seq",
                       json_is_boolean(json_object_get(item, "no-seq"))) &&
           check_field(reading, item, "meta",
                       json_is_object(json_object_get(item, "meta"))) &&
           check_field(reading, item, "size",
                       json_is_integer(json_object_get(item, "size"))) &&
           check_field(reading, item, "formats",
                       json_is_object(json_object_get(item, "formats")));
}

/* Formats are in an object of their own, or among the fields of the item. */
static int has_formats(const json_t *item, const json_t *formats)
{
    return formats ? json_object_size(formats) != 0
                   : json_object_get(item, "http-stream") ||
                         json_object_get(item, "http-response") ||
                         json_object_get(item, "ws-message");
}

static int read_item(const reading_t *reading, const json_t *json,
                     es_item_t *item)
{
    const json_t *channel = json_object_get(json, "channel");
    const json_t *formats = json_object_get(json, "formats");
    const json_t *stream;

    if (!json_is_object(json)) {
        return invalid(reading, "publish item is not an object");
    }
    if (!channel) {
        return invalid(reading,
                       "publish item object does not contain 'channel'");
    }
    if (!json_is_string(channel)) {
        return wrong_type(reading, item_name, "channel");
    }
    if (!check_fields(reading, json)) {
        return 0;
    }
    if (!has_formats(json, formats)) {
        return invalid(reading, "no formats specified");
    }
    item->channel = slice_of(channel);
    item->action = ES_ITEM_NOTHING;
    item->builds_id = 0;
    stream = json_object_get(formats ? formats : json, stream_name);
    return !stream || read_format(reading, stream, item);
}

int es_body_items_read(const apr_array_header_t **items,
                       const es_body_items_t *json, apr_pool_t *p,
                       es_problem_t *why)
{
    const json_t *list = json_object_get(json->root, "items");
    reading_t reading = {p, why};
    apr_array_header_t *array;
    size_t i;

    if (!json_is_array(list)) {
        return wrong_type(&reading, "object", "items");
    }
    array =
        apr_array_make(p, (int)json_array_size(list) + 1, sizeof(es_item_t));
    for (i = 0; i < json_array_size(list); i++) {
        es_item_t *item = apr_array_push(array);

        if (!read_item(&reading, json_array_get(list, i), item)) {
            return 0;
        }
    }
    *items = array;
    return 1;
}
