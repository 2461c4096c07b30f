/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jansson parses and checks the body. Then jansson's values and the text of the
 * body are walked in parallel, because "data" is sent as its text. Both have
 * the fields of an object in the same order: jansson keeps it (2.8 and later),
 * and no name occurs twice.
 */
#include "http/body_formats.h"

#include "base/field_list.h"
#include "base/json.h"
#include "base/utf8.h"
#include "http/body_json_parse.h"

#include <apr_strings.h>
#include <jansson.h>

/* Record separator; it stands before each text of application/json-seq. */
#define RS '\x1e'

/* An event while it is read. */
typedef struct reading_t {
    es_event_t *event;
    es_slice_t text; /* of the field's value */
    int has_channel;
    int has_data;
    int has_text;
    int has_unknown; /* a field that is not in the table */
    apr_pool_t *p;
    es_problem_t *why;
} reading_t;

/* ---- Fields ------------------------------------------------------------ */

static int wrong_type(reading_t *reading, const char *field,
                      const char *must_be)
{
    return es_problem_set(reading->why, reading->p, 400,
                          "The field '%s' must be %s.", field, must_be);
}

static es_slice_t slice_of(const json_t *string)
{
    return es_slice(json_string_value(string), json_string_length(string));
}

static int read_string(reading_t *reading, es_slice_t *to, const char *field,
                       const json_t *value)
{
    if (!json_is_string(value)) {
        return wrong_type(reading, field, "a string");
    }
    *to = slice_of(value);
    return 1;
}

static int read_event(reading_t *reading, const json_t *value)
{
    return read_string(reading, &reading->event->type, "event", value);
}

static int read_id(reading_t *reading, const json_t *value)
{
    return read_string(reading, &reading->event->id, "id", value);
}

static int read_text(reading_t *reading, const json_t *value)
{
    reading->has_text = 1;
    return read_string(reading, &reading->event->data, "text", value);
}

static int read_data(reading_t *reading, const json_t *value)
{
    (void)value;
    reading->has_data = 1;
    reading->event->data = es_json_text_compact(reading->text, reading->p);
    return 1;
}

static int read_retry(reading_t *reading, const json_t *value)
{
    /* -1 stands for none in es_event_t */
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return wrong_type(reading, "retry",
                          "a whole number of milliseconds, 0 or more");
    }
    reading->event->retry_ms = json_integer_value(value);
    return 1;
}

static int read_channel(reading_t *reading, const json_t *value)
{
    static const char must_be[] = "a string or a list of strings";
    es_channel_set_t *set = es_event_channel_set(reading->p);
    size_t i;

    reading->has_channel = 1;
    if (json_is_string(value)) {
        if (!es_event_add_channel(set, slice_of(value), reading->p,
                                  reading->why)) {
            return 0;
        }
    }
    else if (!json_is_array(value) || json_array_size(value) == 0) {
        return wrong_type(reading, "channel", must_be);
    }
    for (i = 0; i < json_array_size(value); i++) {
        const json_t *name = json_array_get(value, i);

        if (!json_is_string(name)) {
            return wrong_type(reading, "channel", must_be);
        }
        if (!es_event_add_channel(set, slice_of(name), reading->p,
                                  reading->why)) {
            return 0;
        }
    }
    es_event_set_channels(reading->event, set);
    return 1;
}

static const struct {
    const char *name;
    int (*read)(reading_t *reading, const json_t *value);
} fields[] = {
    {"channel", read_channel}, {"data", read_data},   {"event", read_event},
    {"id", read_id},           {"retry", read_retry}, {"text", read_text},
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static int read_field(reading_t *reading, const char *name, const json_t *value)
{
    size_t i;

    for (i = 0; i < FIELDS; i++) {
        if (!strcmp(name, fields[i].name)) {
            return fields[i].read(reading, value);
        }
    }
    reading->has_unknown = 1;
    return 1;
}

/* ---- Events ------------------------------------------------------------ */

static const char *describe_fields(json_t *object, const char *missing,
                                   apr_pool_t *p)
{
    es_field_list_t list = {0};
    void *at;

    for (at = json_object_iter(object); at && !es_field_list_is_cut(&list);
         at = json_object_iter_next(object, at)) {
        es_field_list_add(&list, es_slice_of(json_object_iter_key(at)), p);
    }
    return es_field_list_describe(&list, "event", missing, p);
}

/* A field with a misspelled name must not leave an event without its data. */
static int check_data(const reading_t *reading, json_t *object)
{
    if (reading->has_data && reading->has_text) {
        return es_problem_set(reading->why, reading->p, 400,
                              "An event has 'data' or 'text', not both.");
    }
    if (reading->has_data || reading->has_text ||
        (!reading->has_unknown && es_event_may_lack_data(reading->event))) {
        return 1;
    }
    return es_problem_set(
        reading->why, reading->p, 400, "No data: %s.",
        describe_fields(object, "'data' or 'text'", reading->p));
}

static int check_fields(const reading_t *reading, json_t *object)
{
    void *at;

    if (reading->has_channel || !reading->has_unknown) {
        return 1;
    }
    for (at = json_object_iter(object); at;
         at = json_object_iter_next(object, at)) {
        if (!es_event_check_field(es_slice_of(json_object_iter_key(at)),
                                  reading->p, reading->why)) {
            return 0;
        }
    }
    return 1;
}

/* @param event  has the presets; the object's fields replace them */
static int read_object(es_event_t *event, json_t *object, es_json_text_t *text,
                       apr_pool_t *p, es_problem_t *why)
{
    reading_t reading = {event, {NULL, 0}, 0, 0, 0, 0, p, why};
    void *at;

    if (!json_is_object(object)) {
        return es_problem_set(why, p, 400, "An event must be an object.");
    }
    es_json_text_enter(text);
    for (at = json_object_iter(object); at;
         at = json_object_iter_next(object, at)) {
        es_json_text_name(text);
        reading.text = es_json_text_value(text);
        if (!read_field(&reading, json_object_iter_key(at),
                        json_object_iter_value(at))) {
            return 0;
        }
    }
    es_json_text_leave(text);
    return check_fields(&reading, object) && check_data(&reading, object);
}

static int read_all(es_batch_t *batch, json_t *root, es_slice_t body,
                    const es_event_t *preset, apr_pool_t *p, es_problem_t *why)
{
    es_json_text_t text = es_json_text_of(body);
    int i;

    if (batch->is_list) {
        es_json_text_enter(&text);
    }
    for (i = 0; i < batch->count; i++) {
        json_t *object =
            batch->is_list ? json_array_get(root, (size_t)i) : root;

        batch->events[i] = *preset;
        if (!read_object(&batch->events[i], object, &text, p, why)) {
            return es_event_refuse(batch, i, p, why);
        }
        if (batch->events[i].nchannels == 0 && batch->unnamed < 0) {
            batch->unnamed = i;
            batch->unnamed_has = describe_fields(object, "'channel'", p);
        }
    }
    return 1;
}

/* ---- Bodies ------------------------------------------------------------ */

static int read_root(es_batch_t *batch, json_t *root, es_slice_t text,
                     const es_event_t *preset, apr_pool_t *p, es_problem_t *why)
{
    batch->is_list = json_is_array(root);
    batch->count = batch->is_list ? (int)json_array_size(root) : 1;
    batch->unnamed = -1;
    batch->unnamed_has = NULL;
    if (batch->count == 0) {
        return es_problem_set(why, p, 400, "The list has no events.");
    }
    batch->events =
        apr_palloc(p, sizeof(*batch->events) * (apr_size_t)batch->count);
    return read_all(batch, root, text, preset, p, why);
}

int es_body_json(es_batch_t *batch, es_slice_t body, const es_event_t *preset,
                 apr_pool_t *p, es_problem_t *why)
{
    json_t *root;

    if (body.len == 0) {
        return es_problem_set(why, p, 400,
                              "The body is empty: an object is expected.");
    }
    root = es_body_json_parse(body, 1, p, why);
    return root && read_root(batch, root, body, preset, p, why);
}

int es_body_json_line_trim(es_slice_t *line)
{
    apr_size_t i = 0;

    *line = es_utf8_without_mark(*line);
    while (line->len > 0 && line->data[0] == RS) {
        *line = es_slice(line->data + 1, line->len - 1);
    }
    while (i < line->len && (line->data[i] == ' ' || line->data[i] == '\t' ||
                             line->data[i] == '\r')) {
        i++;
    }
    return i < line->len;
}

int es_body_json_line(es_batch_t *batch, es_slice_t line, apr_uint64_t number,
                      const es_event_t *preset, apr_pool_t *p,
                      es_problem_t *why)
{
    json_t *root = es_body_json_parse(line, number, p, why);

    if (!root) {
        return 0; /* the sentence has the line already */
    }
    if (json_is_array(root)) {
        es_problem_set(why, p, 400, "A line is one event, not a list.");
    }
    else if (read_root(batch, root, line, preset, p, why)) {
        return 1;
    }
    return es_body_json_at_line(number, p, why);
}

int es_body_json_at_line(apr_uint64_t number, apr_pool_t *p, es_problem_t *why)
{
    why->sentence = apr_psprintf(p, "Line %" APR_UINT64_T_FMT ": %s", number,
                                 why->sentence);
    return 0;
}
