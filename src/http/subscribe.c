/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order is: the checks (each refuses with a status and a sentence),
 * admission, the head with the first frames, and then delivery or a worker
 * serves the client. Every refusal comes before the head. A later failure ends
 * the stream with retry:, because an EventSource that gets an HTTP error never
 * reconnects.
 */
#include "http/subscribe.h"

#include <http_protocol.h>
#include <util_filter.h>

#include "base/accept.h"
#include "base/context.h"
#include "base/frame.h"
#include "base/sigblock.h"
#include "server/log.h"
#include "http/cors.h"
#include "http/error_event.h"
#include "http/grip.h"
#include "http/http2.h"
#include "http/presence.h"
#include "http/reply.h"
#include "http/request_channels.h"

#define ALLOW "GET, HEAD, OPTIONS"

/* The channels that another module has chosen. */
typedef struct given_t {
    const char *const *names;
    int count;
    es_served_fn_t *on_served; /* NULL = none */
    void *baton;
} given_t;

/* ---- Checks ------------------------------------------------------------ */

static int accepts(request_rec *r, es_problem_t *why)
{
    if (es_accept_admits(apr_table_get(r->headers_in, "Accept"),
                         ES_STREAM_TYPE)) {
        return 1;
    }
    return es_problem_set(why, r->pool, HTTP_NOT_ACCEPTABLE, "Not Acceptable.");
}

static int has_valid_last_id(request_rec *r, es_problem_t *why)
{
    const char *id = apr_table_get(r->headers_in, "Last-Event-ID");

    if (!id || strcmp(id, "error") != 0) {
        return 1;
    }
    return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                          "last-event-id header may not be 'error'.");
}

static int finds_channels(request_rec *r, const es_dir_t *conf,
                          const given_t *given, es_channel_set_t **names,
                          es_problem_t *why)
{
    es_request_rights_t rights;

    if (given ? !es_request_channels_take(r, conf, given->names, given->count,
                                          names, why)
              : !es_request_channels_expand(r, conf, names, why)) {
        return 0;
    }
    if (es_channel_set_count(*names) == 0) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "No specified channels.");
    }
    es_request_channels_subscribe_rights(&rights, r, conf);
    return es_request_channels_allowed(&rights, es_channel_set_names(*names),
                                       es_channel_set_count(*names), why);
}

/* ---- The head ---------------------------------------------------------- */

/**
 * Send the head, stream-open and, if needed, stream-reset, and flush,
 * so that no filter keeps a part of it.
 *
 * @return 1, or 0: the client has disconnected
 */
static int send_head(es_stream_t *stream, es_admit_result_t admitted)
{
    request_rec *r = stream->r;
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, alloc);
    char frame[ES_FRAME_CONTROL_SIZE];
    /* stream-open carries no id if the client was not admitted, because it
     * keeps its position; nor if stream-reset follows: should the connection
     * break between the two, the client must get the reset at its next try. */
    int has_id = admitted != ES_ADMIT_NONE && stream->reset.len == 0;
    apr_size_t len = es_frame_open(frame, es_stream_open_retry(stream->conf),
                                   has_id ? &stream->start.id : NULL);

    if (admitted == ES_ADMIT_DONE) {
        es_detach_announce(stream);
    }
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_transient_create(frame, len, alloc));
    if (stream->reset.len != 0) {
        APR_BRIGADE_INSERT_TAIL(
            bb, apr_bucket_transient_create(stream->reset.data,
                                            stream->reset.len, alloc));
    }
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(alloc));
    stream->sent = len + stream->reset.len;
    return ap_pass_brigade(r->output_filters, bb) == APR_SUCCESS &&
           !r->connection->aborted;
}

/* ---- The handler ------------------------------------------------------- */

static es_admit_result_t admit(es_stream_t *stream,
                               const es_channel_set_t *names)
{
    es_sigblock_t sigblock;
    es_admit_result_t admitted;

    es_sigblock_begin(&sigblock); /* the store has a lock */
    admitted = es_subscribe_admit(stream, names);
    es_sigblock_end(&sigblock);
    return admitted;
}

static int detach_or_hold(es_stream_t *stream)
{
    switch (es_detach(stream)) {
    case APR_SUCCESS: es_stream_tell_served(stream); return OK;
    case APR_ENOTIMPL: return es_hold_serve(stream);
    default: return es_hold_end(stream);
    }
}

static int serve(es_stream_t *stream, const es_channel_set_t *names)
{
    es_admit_result_t admitted =
        es_subscribe_admit_wait(stream->r, stream->conf, names)
            ? admit(stream, names)
            : ES_ADMIT_NONE;
    int rc = OK;

    if (admitted == ES_ADMIT_CLOSED) {
        return es_stream_refuse_closed(stream);
    }
    if (!send_head(stream, admitted)) {
        es_stream_drop(stream);
    }
    else if (admitted == ES_ADMIT_NONE) {
        rc = es_hold_end(stream);
    }
    else if (admitted == ES_ADMIT_BRIEF) {
        rc = es_hold_briefly(stream);
    }
    else {
        rc = detach_or_hold(stream);
    }
    return rc;
}

static int run(request_rec *r, const es_dir_t *conf, const given_t *given)
{
    es_stream_t stream = {0};
    es_channel_set_t *names;
    es_problem_t why = {0};
    const es_runtime_hub_t *hub = es_runtime_hub(conf);
    const es_grip_t *grip = hub ? hub->grip : NULL;
    int is_proxied;

    stream.r = r;
    stream.conf = conf;
    stream.on_served = given ? given->on_served : NULL;
    stream.baton = given ? given->baton : NULL;
    if (!accepts(r, &why) || !es_grip_sig_find(r, grip, &is_proxied, &why) ||
        !has_valid_last_id(r, &why) ||
        !finds_channels(r, conf, given, &names, &why) ||
        !es_identity_admits(r, conf, names, &stream.identified, &why)) {
        return es_error_event_refuse(r, conf, &why);
    }
    if (is_proxied) {
        return es_grip_hold(r, conf, names);
    }
    if (es_http2_asks(r, conf)) {
        return es_http2_ask(r);
    }
    es_stream_set_head(r);
    if (r->header_only) {
        return OK;
    }
    stream.who = es_presence_name(r, conf);
    return serve(&stream, names);
}

static int answer(request_rec *r, const given_t *given)
{
    const es_dir_t *conf = es_settings_dir(r);

    es_context_enter(ES_WORKER);
    if (r->method_number == M_OPTIONS) {
        return es_cors_options(r, conf, ALLOW);
    }
    if (r->method_number != M_GET) {
        return es_reply_method(r, ALLOW);
    }
    return run(r, conf, given);
}

int es_subscribe_handler(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, ES_HANDLER_SUBSCRIBE) != 0 ||
        r->main) {
        return DECLINED;
    }
    return answer(r, NULL);
}

int es_subscribe_run(request_rec *r, const char *const *channels, int count)
{
    given_t given = {channels, count, NULL, NULL};

    return answer(r, &given);
}

int es_subscribe_serve(request_rec *r, const es_dir_t *conf,
                       const char *const *channels, int count,
                       es_served_fn_t *on_served, void *baton)
{
    given_t given = {channels, count, on_served, baton};

    return run(r, conf, &given);
}
