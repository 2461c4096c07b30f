/* SPDX-License-Identifier: Apache-2.0 */
/* A field of the body replaces that of the query; the channels of the body
 * replace all of the query's. */
#include "http/body_formats.h"

#include "base/field_list.h"
#include "base/query.h"

#include <apr_strings.h>

static int check_fields(es_slice_t body, apr_pool_t *p, es_problem_t *why)
{
    es_slice_t name;

    while (es_query_next(&name, &body, p)) {
        if (!es_event_check_field(name, p, why)) {
            return 0;
        }
    }
    return 1;
}

static int read_channels(es_event_t *event, es_slice_t body, apr_pool_t *p,
                         es_problem_t *why)
{
    es_channel_set_t *set = es_event_channel_set(p);

    if (!es_event_query_channels(set, body, "topic", p, why)) {
        return 0;
    }
    if (es_channel_set_count(set) == 0) {
        return check_fields(body, p, why);
    }
    es_event_set_channels(event, set);
    return 1;
}

static int read_retry(es_event_t *event, es_slice_t body, apr_pool_t *p,
                      es_problem_t *why)
{
    es_slice_t value;
    apr_size_t i;

    if (!es_query_value(&value, body, "retry", p)) {
        return 1;
    }
    for (i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            break;
        }
    }
    /* es_event_check checks the range; ten digits can exceed it */
    if (value.len == 0 || value.len > 10 || i < value.len) {
        return es_problem_set(why, p, 400,
                              "The field 'retry' is not a number of "
                              "milliseconds.");
    }
    event->retry_ms = apr_atoi64(apr_pstrmemdup(p, value.data, value.len));
    return 1;
}

/* Files of a multipart form may all have the name "data"; they must not be
 * lost. */
static int check_once(es_slice_t body, apr_pool_t *p, es_problem_t *why)
{
    static const char *const names[] = {"data", "event", "type", "id", "retry"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (es_query_values(body, names[i], p)->nelts > 1) {
            return es_problem_set(why, p, 400,
                                  "The field '%s' occurs twice, and a form is "
                                  "one event.",
                                  names[i]);
        }
    }
    return 1;
}

static int is_known(es_slice_t name)
{
    static const char *const names[] = {"channel", "topic", "event",
                                        "type",    "id",    "retry"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (es_slice_is(name, names[i])) {
            return 1;
        }
    }
    return 0;
}

static int has_unknown(es_slice_t body, apr_pool_t *p)
{
    es_slice_t name;

    while (es_query_next(&name, &body, p)) {
        if (!is_known(name)) {
            return 1;
        }
    }
    return 0;
}

static const char *describe_fields(es_slice_t body, apr_pool_t *p)
{
    es_field_list_t list = {0};
    es_slice_t name;

    while (!es_field_list_is_cut(&list) && es_query_next(&name, &body, p)) {
        es_field_list_add(&list, name, p);
    }
    return es_field_list_describe(&list, "form", "'data'", p);
}

/* curl -d sends any text as a form: its name is then the whole text, and it
 * must not be lost. */
static int read_data(es_event_t *event, es_slice_t body, apr_pool_t *p,
                     es_problem_t *why)
{
    if (es_query_value(&event->data, body, "data", p) ||
        (es_event_may_lack_data(event) && !has_unknown(body, p))) {
        return 1;
    }
    return es_problem_set(why, p, 400,
                          "No data: %s (text that is not a form needs "
                          "Content-Type: text/plain).",
                          describe_fields(body, p));
}

int es_body_form(es_batch_t *batch, es_slice_t body, const es_event_t *preset,
                 apr_pool_t *p, es_problem_t *why)
{
    es_event_t *event = apr_pmemdup(p, preset, sizeof(*preset));

    batch->events = event;
    batch->count = 1;
    batch->is_list = 0;
    if (!check_once(body, p, why) || !read_channels(event, body, p, why) ||
        !read_retry(event, body, p, why)) {
        return 0;
    }
    if (!es_query_value(&event->type, body, "event", p)) {
        es_query_value(&event->type, body, "type", p);
    }
    es_query_value(&event->id, body, "id", p);
    if (!read_data(event, body, p, why)) {
        return 0;
    }
    batch->unnamed = event->nchannels ? -1 : 0;
    batch->unnamed_has = "the form has no 'channel' or 'topic'";
    return 1;
}
