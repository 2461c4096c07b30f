/* SPDX-License-Identifier: Apache-2.0 */
#include "http/publish_check.h"

#include "base/event.h"
#include "server/stats.h"
#include "http/request_channels.h"

int es_publish_check_channels(request_rec *r, const es_dir_t *conf,
                              es_batch_t *batch, es_problem_t *why)
{
    es_channel_set_t *set;
    int i;

    if (batch->unnamed < 0) {
        return 1;
    }
    if (!es_request_channels_expand(r, conf, &set, why)) {
        return 0;
    }
    if (es_channel_set_count(set) == 0) {
        es_problem_set(why, r->pool, HTTP_BAD_REQUEST, "No channel: %s.",
                       batch->unnamed_has);
        return es_batch_place(batch, batch->unnamed, r->pool, why);
    }
    if (es_channel_set_count(set) > ES_EVENT_CHANNELS_MAX) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "Too many channels: at most %d for an event.",
                              ES_EVENT_CHANNELS_MAX);
    }
    for (i = batch->unnamed; i < batch->count; i++) {
        if (batch->events[i].nchannels == 0) {
            es_batch_name(&batch->events[i], set);
        }
    }
    return 1;
}

int es_publish_check_event(const es_event_t *event, apr_int64_t max_bytes,
                           apr_pool_t *p, es_problem_t *why)
{
    if (es_event_check(event, (apr_size_t)max_bytes, p, why)) {
        return 1;
    }
    if (why->status == HTTP_REQUEST_ENTITY_TOO_LARGE) {
        es_stats_limit(ES_LIMIT_EVENT);
    }
    return 0;
}

int es_publish_check(request_rec *r, const es_dir_t *conf,
                     const es_batch_t *batch, es_problem_t *why)
{
    int i;

    for (i = 0; i < batch->count; i++) {
        const es_event_t *event = &batch->events[i];

        if (!es_request_channels_allowed(r, conf, event->channels,
                                         event->nchannels, why) ||
            !es_publish_check_event(event, conf->max_event_bytes, r->pool,
                                    why)) {
            return es_batch_place(batch, i, r->pool, why);
        }
    }
    return 1;
}
