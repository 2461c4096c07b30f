/* SPDX-License-Identifier: Apache-2.0 */
/* What detach and hold do in the same way with a stream. */
#include "http/subscribe.h"

#include <stdlib.h>
#include <unistd.h>

#include <http_protocol.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "server/log.h"
#include "server/stats.h"
#include "http/log_format.h"
#include "http/presence.h"
#include "http/reply.h"
#include "http/token_access.h"

void es_stream_set_head(request_rec *r)
{
    /* an ErrorDocument that leads here has left the status of the error, which
     * a browser would take for a refusal */
    r->status = HTTP_OK;
    r->status_line = NULL;
    ap_set_content_type(r, ES_STREAM_TYPE "; charset=utf-8");
    apr_table_setn(r->headers_out, "Cache-Control",
                   "no-cache, no-store, no-transform");
    apr_table_setn(r->headers_out, "X-Accel-Buffering", "no");
    es_reply_ignore_range(r);
    apr_table_setn(r->subprocess_env, "no-gzip", "1");
    apr_table_setn(r->subprocess_env, "no-brotli", "1");
}

void es_stream_tell_served(const es_stream_t *stream)
{
    if (stream->on_served) {
        stream->on_served(stream->r, stream->mode, stream->baton);
    }
}

/* Variation of lifetimes and retry times, so that clients that connected
 * together do not reconnect together. */
#define VARIED_PERCENT 20

es_client_t *es_stream_client(es_stream_t *stream, es_sink_t *sink,
                              es_client_count_kind_t kind)
{
    es_client_params_t params = {0};
    es_client_t *client;

    params.store = stream->hub->store;
    params.hub = stream->hub->number;
    params.child = stream->child;
    params.slots = stream->slots;
    params.nslots = stream->nslots;
    params.pos = stream->start.pos;
    params.replay = stream->replay;
    params.replays = stream->replays;
    params.figures = stream->figures
                         ? stream->figures
                         : es_stats_of_delivery(stream->hub, stream->child);
    params.opts.keepalive = stream->conf->keepalive_us;
    params.opts.keepalive_as_comment = (int)stream->conf->keepalive_comment;
    params.opts.send_timeout = stream->conf->send_timeout_us;
    params.opts.lifetime = es_token_access_lifetime(
        stream->r, es_jitter_around(stream->conf->lifetime_us, VARIED_PERCENT));
    params.opts.retry_ms = stream->conf->retry_us / 1000;
    es_client_count_add_kind(&stream->counted, kind);
    params.counted = stream->counted;
    params.token = stream->identified.who.token;
    params.checked = stream->identified.checked;
    params.presence = es_presence_begin(stream);
    params.line = es_log_format_begin(stream->r, stream->mode, stream->sent);
    client = es_client_create(&params, sink, es_clock_now());
    if (!client) {
        free(params.line);
        es_client_presence_destroy(params.presence, 0);
    }
    else {
        es_stats_count_stream(stream->hub, stream->child, stream->sent);
        stream->nslots = 0;
        stream->counted.client_count = NULL;
    }
    return client;
}

void es_stream_drop(es_stream_t *stream)
{
    if (stream->nslots != 0) {
        es_store_unsubscribe(stream->hub->store, stream->child, stream->slots,
                             stream->nslots);
        stream->nslots = 0;
    }
    if (stream->counted.client_count) {
        es_client_count_remove(&stream->counted);
        stream->counted.client_count = NULL;
    }
    if (stream->has_copy) {
        close(stream->copy);
        stream->has_copy = 0;
    }
}

apr_int64_t es_stream_open_retry(const es_dir_t *conf)
{
    apr_int64_t retry_ms = conf->retry_us / 1000;

    return retry_ms + es_jitter_below(retry_ms * conf->retry_spread / 100 + 1);
}

apr_int64_t es_stream_retry(const es_stream_t *stream)
{
    return es_jitter_around(stream->conf->retry_us / 1000, VARIED_PERCENT);
}

int es_stream_refuse_closed(es_stream_t *stream)
{
    es_stream_drop(stream);
    ap_set_content_type(stream->r, NULL);
    stream->r->status = HTTP_NO_CONTENT;
    es_rlog(APLOG_DEBUG, 0, stream->r, "ES0410",
            "all channels of the client are closed; it gets 204, on which "
            "browsers stop reconnecting");
    return OK;
}
