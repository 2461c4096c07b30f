/* SPDX-License-Identifier: Apache-2.0 */
/* A field of the body replaces that of the query; the channels of the body
 * replace all of the query's. */
#include "http/body_formats.h"

#include "base/query.h"

#include <apr_strings.h>

static int add_channels(es_channel_set_t *set, es_slice_t body,
                        const char *field, apr_pool_t *p, es_problem_t *why)
{
    const apr_array_header_t *values = es_query_values(body, field, p);
    int i;

    for (i = 0; i < values->nelts; i++) {
        if (!es_event_add_channel(set, APR_ARRAY_IDX(values, i, es_slice_t), p,
                                  why)) {
            return 0;
        }
    }
    return 1;
}

static int read_channels(es_event_t *event, es_slice_t body, apr_pool_t *p,
                         es_problem_t *why)
{
    es_channel_set_t *set = es_event_channel_set(p);

    if (!add_channels(set, body, "channel", p, why) ||
        !add_channels(set, body, "topic", p, why)) {
        return 0;
    }
    if (es_channel_set_count(set) != 0) {
        es_event_set_channels(event, set);
    }
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
                              "The field 'retry' is no number of "
                              "milliseconds.");
    }
    event->retry_ms = apr_atoi64(apr_pstrmemdup(p, value.data, value.len));
    return 1;
}

int es_body_form(es_batch_t *batch, es_slice_t body, const es_event_t *preset,
                 apr_pool_t *p, es_problem_t *why)
{
    es_event_t *event = apr_pmemdup(p, preset, sizeof(*preset));

    batch->events = event;
    batch->count = 1;
    batch->is_list = 0;
    if (!read_channels(event, body, p, why) ||
        !read_retry(event, body, p, why)) {
        return 0;
    }
    if (!es_query_value(&event->type, body, "event", p)) {
        es_query_value(&event->type, body, "type", p);
    }
    es_query_value(&event->id, body, "id", p);
    es_query_value(&event->data, body, "data", p);
    batch->unnamed = event->nchannels ? -1 : 0;
    batch->unnamed_has = "the form has no 'channel' or 'topic'";
    return 1;
}
