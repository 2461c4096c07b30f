/* SPDX-License-Identifier: Apache-2.0 */
/* What all kinds of bodies have in common. */
#include "base/batch.h"

#include "base/query.h"

#include <apr_strings.h>

es_channel_set_t *es_batch_channels(apr_pool_t *p)
{
    return es_channel_set_create(p, ES_EVENT_CHANNELS_MAX);
}

int es_batch_channel(es_channel_set_t *set, es_slice_t name, apr_pool_t *p,
                     es_problem_t *why)
{
    name = es_channel_trim(name);
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

void es_batch_name(es_event_t *event, const es_channel_set_t *set)
{
    event->channels = es_channel_set_names(set);
    event->nchannels = es_channel_set_count(set);
}

int es_batch_preset(es_event_t *preset, es_slice_t query, apr_pool_t *p,
                    es_problem_t *why)
{
    const apr_array_header_t *names = es_query_values(query, "channel", p);
    es_channel_set_t *set = es_batch_channels(p);
    int i;

    memset(preset, 0, sizeof(*preset));
    preset->retry_ms = -1;
    (void)es_query_value(&preset->type, query, "event", p);
    (void)es_query_value(&preset->id, query, "id", p);
    for (i = 0; i < names->nelts; i++) {
        if (!es_batch_channel(set, APR_ARRAY_IDX(names, i, es_slice_t), p,
                              why)) {
            return 0;
        }
    }
    es_batch_name(preset, set);
    return 1;
}

int es_batch_place(const es_batch_t *batch, int index, apr_pool_t *p,
                   es_problem_t *why)
{
    if (batch->is_list) {
        why->sentence = apr_psprintf(p, "[%d]: %s", index, why->sentence);
    }
    return 0;
}
