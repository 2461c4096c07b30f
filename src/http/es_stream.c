/* SPDX-License-Identifier: Apache-2.0 */
/* What detach and hold do alike with a stream. */
#include "http/es_stream.h"

#include "deliver/es_clock.h"

/* EventStreamLifetime, varied at random by a fifth, so that those who came
 * together do not come back together. */
static apr_interval_time_t lifetime_of(const es_stream_t *stream)
{
    apr_uint32_t ms = (apr_uint32_t)(stream->conf->lifetime_us / 1000);

    return ms < 5
               ? stream->conf->lifetime_us
               : (apr_interval_time_t)ap_random_pick(ms - ms / 5, ms + ms / 5) *
                     1000;
}

es_client_t *es_stream_client(es_stream_t *stream, es_sink_t *sink)
{
    es_client_params_t params = {0};
    es_client_t *client;

    params.store = stream->hub->store;
    params.hub = stream->hub->number;
    params.place = es_service_place();
    params.slots = stream->slots;
    params.nslots = stream->nslots;
    params.pos = stream->start.pos;
    params.replay = stream->replay;
    params.keepalive = stream->conf->keepalive_us;
    params.keepalive_as_comment = (int)stream->conf->keepalive_comment;
    params.send_timeout = stream->conf->send_timeout_us;
    params.lifetime = lifetime_of(stream);
    params.retry_ms = stream->conf->retry_us / 1000;
    params.ticket = stream->ticket;
    client = es_client_create(&params, sink, es_clock_now());
    if (client) {
        stream->nslots = 0;
        stream->ticket.census = NULL;
    }
    return client;
}

void es_stream_drop(es_stream_t *stream)
{
    if (stream->nslots != 0) {
        es_store_unsubscribe(stream->hub->store, es_service_place(),
                             stream->slots, stream->nslots);
        stream->nslots = 0;
    }
    if (stream->ticket.census) {
        es_census_leave(&stream->ticket);
        stream->ticket.census = NULL;
    }
}

apr_int64_t es_stream_retry(const es_stream_t *stream)
{
    apr_uint32_t ms = (apr_uint32_t)(stream->conf->retry_us / 1000);

    return ms < 5 ? ms : ap_random_pick(ms - ms / 5, ms + ms / 5);
}
