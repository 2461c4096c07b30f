/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cheap checks come first, so that data that is too large is not read.
 */
#include "base/event.h"

#include "base/id.h"
#include "base/query.h"
#include "base/utf8.h"

#include <apr_strings.h>

/* The longest time in milliseconds that all clients can hold. */
#define RETRY_MAX 0x7fffffff

static int check_utf8(const char *name, es_slice_t value, apr_pool_t *p,
                      es_problem_t *why)
{
    apr_size_t bad = es_utf8_check(value);

    if (bad < value.len) {
        return es_problem_set(why, p, 400,
                              "The field '%s' is not valid UTF-8 at byte "
                              "%" APR_SIZE_T_FMT ".",
                              name, bad + 1);
    }
    return 1;
}

/* The checks of a field that is written as one line. */
static int check_line(const char *name, es_slice_t value, apr_pool_t *p,
                      es_problem_t *why)
{
    if (value.len > ES_EVENT_FIELD_MAX) {
        return es_problem_set(why, p, 400,
                              "The field '%s' has more than %d bytes.", name,
                              ES_EVENT_FIELD_MAX);
    }
    if (es_slice_has(value, '\r') || es_slice_has(value, '\n') ||
        es_slice_has(value, '\0')) {
        return es_problem_set(
            why, p, 400, "The field '%s' contains a line end or NUL.", name);
    }
    return check_utf8(name, value, p, why);
}

/* A client sends the id back in a header, where httpd refuses control
 * characters and drops blanks at the ends. */
static int fits_header(es_slice_t id)
{
    apr_size_t i;

    for (i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.data[i];

        if (c < 0x20 || c == 0x7f) {
            return 0;
        }
    }
    return id.len == 0 || (id.data[0] != ' ' && id.data[id.len - 1] != ' ');
}

static int check_id(es_slice_t id, apr_pool_t *p, es_problem_t *why)
{
    if (!check_line("id", id, p, why)) {
        return 0;
    }
    if (es_id_is_ours(id)) {
        return es_problem_set(why, p, 400,
                              "The field 'id' has the form of the server's "
                              "own ids, digits-digits.");
    }
    if (!fits_header(id)) {
        return es_problem_set(why, p, 400,
                              "The field 'id' contains a control character, "
                              "or a blank at an end.");
    }
    if (es_slice_is(id, "error")) {
        /* a client that resumes with it is refused: EventSource stops */
        return es_problem_set(why, p, 400,
                              "The field 'id' may not be 'error'.");
    }
    if (es_slice_is(id, ES_EVENT_EARLIEST)) {
        return es_problem_set(why, p, 400,
                              "The field 'id' may not be 'earliest': with it "
                              "clients request all retained events.");
    }
    return 1;
}

static int check_data(es_slice_t data, apr_size_t max_data, apr_pool_t *p,
                      es_problem_t *why)
{
    if (data.len > max_data) {
        return es_problem_set(why, p, 413,
                              "The field 'data' has %" APR_SIZE_T_FMT
                              " bytes, more than the %" APR_SIZE_T_FMT
                              " allowed.",
                              data.len, max_data);
    }
    return check_utf8("data", data, p, why);
}

static int check_retry(apr_int64_t retry_ms, apr_pool_t *p, es_problem_t *why)
{
    if (retry_ms < -1 || retry_ms > RETRY_MAX) {
        return es_problem_set(why, p, 400,
                              "The field 'retry' is not between 0 and %d.",
                              RETRY_MAX);
    }
    return 1;
}

int es_event_check(const es_event_t *event, apr_size_t max_data, apr_pool_t *p,
                   es_problem_t *why)
{
    return check_line("event", event->type, p, why) &&
           check_id(event->id, p, why) &&
           check_retry(event->retry_ms, p, why) &&
           check_data(event->data, max_data, p, why);
}

/* ---- filling in -------------------------------------------------------- */

es_channel_set_t *es_event_channel_set(apr_pool_t *p)
{
    return es_channel_set_create(p, ES_EVENT_CHANNELS_MAX);
}

int es_event_add_channel(es_channel_set_t *set, es_slice_t name, apr_pool_t *p,
                         es_problem_t *why)
{
    if (!es_channel_check(name, p, why)) {
        return 0;
    }
    if (es_channel_set_add(set, name) != APR_SUCCESS) {
        return es_problem_set(why, p, 400,
                              "Too many channels: at most %d for an event.",
                              ES_EVENT_CHANNELS_MAX);
    }
    return 1;
}

void es_event_set_channels(es_event_t *event, const es_channel_set_t *set)
{
    event->channels = es_channel_set_names(set);
    event->nchannels = es_channel_set_count(set);
}

static int is_any_case(es_slice_t name, const char *word)
{
    return name.len == strlen(word) && !strncasecmp(name.data, word, name.len);
}

int es_event_check_field(es_slice_t name, apr_pool_t *p, es_problem_t *why)
{
    static const char *const words[] = {"channel", "channels", "topic",
                                        "topics"};
    size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (is_any_case(name, words[i])) {
            return es_problem_set(why, p, 400,
                                  "The field '%.*s' is not known here: a "
                                  "channel's name belongs into 'channel'.",
                                  (int)name.len, name.data);
        }
    }
    return 1;
}

static int add_elements(es_channel_set_t *set, es_slice_t query,
                        const char *field, apr_pool_t *p, es_problem_t *why)
{
    const apr_array_header_t *names = es_query_elements(query, field, p);
    int i;

    for (i = 0; i < names->nelts; i++) {
        if (!es_event_add_channel(set, APR_ARRAY_IDX(names, i, es_slice_t), p,
                                  why)) {
            return 0;
        }
    }
    return 1;
}

int es_event_query_channels(es_channel_set_t *set, es_slice_t query,
                            const char *synonym, apr_pool_t *p,
                            es_problem_t *why)
{
    return add_elements(set, query, "channel", p, why) &&
           (!synonym || add_elements(set, query, synonym, p, why));
}

int es_event_preset(es_event_t *preset, es_slice_t query, apr_pool_t *p,
                    es_problem_t *why)
{
    es_channel_set_t *set = es_event_channel_set(p);

    memset(preset, 0, sizeof(*preset));
    preset->retry_ms = -1;
    (void)es_query_value(&preset->type, query, "event", p);
    (void)es_query_value(&preset->id, query, "id", p);
    if (!es_event_query_channels(set, query, NULL, p, why)) {
        return 0;
    }
    es_event_set_channels(preset, set);
    return 1;
}

/* ---- batches ----------------------------------------------------------- */

int es_event_may_lack_data(const es_event_t *event)
{
    return event->type.len != 0 || event->id.len != 0 || event->retry_ms >= 0;
}

int es_event_refuse(const es_batch_t *batch, int index, apr_pool_t *p,
                    es_problem_t *why)
{
    if (batch->is_list) {
        why->sentence = apr_psprintf(p, "[%d]: %s", index, why->sentence);
    }
    return 0;
}
