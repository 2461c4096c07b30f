/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker steps the client as the delivery would, with a sink that writes
 * through httpd's filters. In between it sleeps on a watch; the delivery wakes
 * it when its channels have new events. The worker wakes at least once a second
 * (HTTP/2: twice) to check whether the client has disconnected, and whether the
 * child stops: the delivery does not know that under prefork, see
 * es_runtime_is_stopping.
 *
 * A write blocks as httpd's own writes do, for up to Timeout. Over HTTP/1.1
 * that is the timeout of the socket, and EventStreamSendTimeout replaces it if
 * it is shorter. A client above EventStreamMaxHeld may block its worker for a
 * few seconds only, in all of its writes: there is no limit of how many such
 * clients there are. Over HTTP/2 a write ends in mod_http2's memory. TCP
 * keep-alive on the connection's socket detects a dead peer. With HTTP/2 that
 * socket belongs to another thread, but any thread may set its options.
 */
#include "http/subscribe.h"

#include <poll.h>

#include <apr_portable.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_main.h>
#include <http_protocol.h>
#include <util_filter.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/frame.h"
#include "base/jitter.h"
#include "base/sigblock.h"
#include "deliver/revoked.h"
#include "deliver/sink_socket.h"
#include "server/revocation_runtime.h"
#include "server/stats.h"
#include "http/budget.h"

/* How often a worker looks at its client while there is nothing to send. Over
 * HTTP/2 mod_http2 wakes no worker whose stream is reset, and a page that is
 * reloaded needs the connection's few workers. */
#define CHECK_EVERY APR_USEC_PER_SEC
#define CHECK_STREAM_EVERY (APR_USEC_PER_SEC / 2)
/* For how long a client above EventStreamMaxHeld may block its worker after its
 * turn; and in one wait until its socket takes something. */
#define BLOCKS_MAX (5 * APR_USEC_PER_SEC)

/* ---- The sink of a held request ----------------------------------------- */

/*
 * A sink that writes to a held request (TLS, HTTP/2, or other filters in the
 * output chain). Each write passes all filters of the request and is flushed;
 * it blocks as httpd's writes do, for up to Timeout.
 *
 * A peer that closes a TLS connection sends bytes first (its close_notify), and
 * no thread reads them while the request is held. So the sink polls for the end
 * of the stream, POLLRDHUP, not for bytes.
 */

typedef struct held_t {
    es_sink_t sink; /* first: a pointer to it is the sink */
    request_rec *r;
    apr_bucket_brigade *bb;
    apr_time_t until; /* no write begins after it; 0 = no limit */
} held_t;

static apr_status_t on_write(es_sink_t *sink, const struct iovec *iov,
                             int count, apr_size_t *taken)
{
    held_t *held = (held_t *)sink;
    request_rec *r = held->r;
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_size_t total = 0;
    apr_status_t rv;
    int i;

    *taken = 0;
    if (held->until != 0 && es_clock_now() >= held->until) {
        r->connection->aborted = 1; /* as after a write that timed out */
        return APR_TIMEUP;
    }
    for (i = 0; i < count; i++) {
        APR_BRIGADE_INSERT_TAIL(
            held->bb, apr_bucket_transient_create(iov[i].iov_base,
                                                  iov[i].iov_len, alloc));
        total += iov[i].iov_len;
    }
    APR_BRIGADE_INSERT_TAIL(held->bb, apr_bucket_flush_create(alloc));
    rv = ap_pass_brigade(r->output_filters, held->bb);
    apr_brigade_cleanup(held->bb);
    if (rv == APR_SUCCESS && r->connection->aborted) {
        rv = APR_ECONNABORTED;
    }
    *taken = rv == APR_SUCCESS ? total : 0;
    /* es_client_step would retry on EAGAIN, but the filters may have taken a
     * part: a held request that fails is over */
    return APR_STATUS_IS_EAGAIN(rv) ? APR_ECONNABORTED : rv;
}

static apr_status_t on_finish(es_sink_t *sink)
{
    (void)sink; /* httpd ends the request when the handler returns */
    return APR_SUCCESS;
}

static void on_close(es_sink_t *sink)
{
    (void)sink;
}

static const es_sink_ops_t held_ops = {on_write, NULL, on_finish, NULL,
                                       on_close};

/* A sink in r's pool, which frees it; its close and finish do nothing. No write
 * begins after until; 0 = no limit. */
static es_sink_t *create_sink(request_rec *r, apr_time_t until)
{
    held_t *held = apr_pcalloc(r->pool, sizeof(*held));

    held->sink.ops = &held_ops;
    held->sink.chunked = 0; /* httpd's filters do the framing */
    held->r = r;
    held->until = until;
    held->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    return &held->sink;
}

typedef enum peer_t {
    PEER_READS,
    PEER_SENDS_NO_MORE, /* it has gone, or has closed its half only */
    PEER_GONE
} peer_t;

/* Has the client disconnected? Also finds, while nothing is written, a stream
 * that was reset and a connection that the peer closed. */
static peer_t look_at_peer(const es_sink_t *sink)
{
    const conn_rec *c = ((const held_t *)sink)->r->connection;
    apr_socket_t *socket;
    struct pollfd pfd;
    int fd;

    if (c->aborted || (c->master && c->master->aborted)) {
        return PEER_GONE;
    }
    if (c->master) {
        return PEER_READS; /* mod_http2 reads the connection and sets aborted */
    }
    socket = ap_get_conn_socket((conn_rec *)c);
    if (!socket || apr_os_sock_get(&fd, socket) != APR_SUCCESS) {
        return PEER_READS;
    }
    pfd.fd = fd;
    pfd.events = POLLRDHUP;
    pfd.revents = 0;
    if (poll(&pfd, 1, 0) != 1) {
        return PEER_READS;
    }
    return pfd.revents & (POLLHUP | POLLERR) ? PEER_GONE : PEER_SENDS_NO_MORE;
}

/* ---- Serving ------------------------------------------------------------ */

typedef struct hold_t {
    es_stream_t *stream;
    es_client_t *client;
    es_sink_t *sink;
    es_watch_t *watch;
    apr_time_t until; /* when the turn ends; 0 = held */
    int ending;       /* es_client_end was called */
    es_grant_t grant;
    es_hub_figures_t
        figures; /* since they were last added to the shared ones */
    char *scratch;
} hold_t;

/* Clients whose streams end reconnect spread over this time. */
static apr_int64_t drain_ms(void)
{
    return es_settings_of(ap_server_conf)->drain_us / 1000;
}

int es_hold_end(es_stream_t *stream)
{
    request_rec *r = stream->r;
    char frame[ES_FRAME_CONTROL_SIZE];
    apr_size_t len = es_frame_retry(frame, es_stream_retry(stream) +
                                               es_jitter_below(drain_ms() + 1));

    es_stream_drop(stream);
    ap_rwrite(frame, (int)len, r);
    return OK;
}

static apr_interval_time_t wait_time(const hold_t *hold, apr_time_t now)
{
    const conn_rec *c = hold->stream->r->connection;
    apr_interval_time_t wait = c->master ? CHECK_STREAM_EVERY : CHECK_EVERY;
    apr_time_t due = es_client_due(hold->client);

    if (due && due - now < wait) {
        wait = due - now;
    }
    if (hold->until && hold->until - now < wait) {
        wait = hold->until - now;
    }
    return wait > 0 ? wait : 0;
}

static void end_client(hold_t *hold, es_end_t why, apr_int64_t spread_ms)
{
    es_client_because(hold->client, why);
    if (!hold->ending) {
        hold->ending = 1;
        es_client_end(hold->client, es_stream_retry(hold->stream) +
                                        es_jitter_below(spread_ms + 1));
    }
}

/* A turn goes on while the client catches up, for up to another turn; a brief
 * turn consists of nothing else. */
static int is_over(const hold_t *hold, es_step_t step, apr_time_t now)
{
    return hold->until && now >= hold->until &&
           (step != ES_STEP_MORE ||
            now >= hold->until + hold->stream->conf->turn_us);
}

static es_step_t step_client(hold_t *hold, apr_time_t now)
{
    const es_stream_t *stream = hold->stream;
    apr_uint32_t events, appended_us;
    es_step_t step =
        es_client_step(hold->client, now, hold->scratch, ES_CLIENT_SCRATCH_MIN);

    es_stats_add_held(stream->hub, stream->child, &hold->figures);
    if (es_client_take_replayed(hold->client, &events)) {
        es_stats_note_replay(stream->hub, stream->child, events);
    }
    if (es_client_take_live(hold->client, &appended_us)) {
        es_stats_note_held_lag(stream->hub, stream->child,
                               (apr_uint32_t)es_clock_now() - appended_us);
    }
    return step;
}

/* The delivery signals all watches when there is a revocation. */
static int is_revoked(const hold_t *hold)
{
    const es_revocations_t *table = es_revocation_runtime_table();

    return table && !hold->ending &&
           es_revoked_check(hold->client, table, es_revocations_number(table));
}

static void serve(hold_t *hold)
{
    for (;;) {
        apr_time_t now = es_clock_now();
        es_step_t step;

        es_watch_report_pos(hold->watch, es_client_pos(hold->client), now);
        step = step_client(hold, now);

        /* a blocking sink never leaves a client blocked */
        if (step == ES_STEP_ENDED || step == ES_STEP_BLOCKED) {
            return;
        }
        if (is_revoked(hold)) {
            es_revocations_count_ended(es_revocation_runtime_table());
            end_client(hold, ES_END_REVOKED,
                       hold->stream->conf->retry_us / 1000 / 5);
        }
        if (is_over(hold, step, now)) {
            end_client(
                hold, hold->grant == ES_GRANT_TURN ? ES_END_TURN : ES_END_LIMIT,
                0);
        }
        else if (es_runtime_is_stopping()) {
            end_client(hold, ES_END_SHUTDOWN, drain_ms());
        }
        if (step == ES_STEP_MORE || hold->ending) {
            continue;
        }
        es_watch_report_pos(hold->watch, 0, now);
        if (es_watch_wait(hold->watch, wait_time(hold, now)) < 0) {
            end_client(hold, ES_END_SHUTDOWN, drain_ms());
        }
        switch (look_at_peer(hold->sink)) {
        case PEER_GONE: es_client_because(hold->client, ES_END_CLIENT); return;
        case PEER_SENDS_NO_MORE: end_client(hold, ES_END_CLIENT, 0); break;
        default: break;
        }
    }
}

/* Makes watch and client, or neither. */
static int begin(hold_t *hold)
{
    es_stream_t *stream = hold->stream;
    es_delivery_t *delivery = es_runtime_delivery(stream->child);

    if (es_delivery_watch(delivery, stream->hub->number, stream->slots,
                          stream->nslots, &hold->watch) != APR_SUCCESS) {
        return 0;
    }
    stream->figures = &hold->figures;
    hold->client =
        es_stream_client(stream, hold->sink,
                         hold->grant == ES_GRANT_HELD ? ES_CLIENT_COUNT_HELD
                                                      : ES_CLIENT_COUNT_TURNS);
    if (!hold->client) {
        es_delivery_unwatch(delivery, hold->watch);
    }
    return hold->client != NULL;
}

/* @return 0: the client is held */
static apr_time_t end_of_turn(const es_stream_t *stream, es_grant_t grant)
{
    switch (grant) {
    case ES_GRANT_HELD: return 0;
    case ES_GRANT_TURN: return es_clock_now() + stream->conf->turn_us;
    default: return es_clock_now();
    }
}

static const char *mode_of(es_grant_t grant)
{
    switch (grant) {
    case ES_GRANT_HELD: return "held";
    case ES_GRANT_TURN: return "turn";
    default: return "brief";
    }
}

static int run(hold_t *hold, es_grant_t grant)
{
    es_sigblock_t sigblock;
    int begun;

    hold->grant = grant;
    hold->stream->mode = mode_of(grant);
    hold->until = end_of_turn(hold->stream, grant);
    es_sigblock_begin(&sigblock);
    begun = begin(hold);
    es_sigblock_end(&sigblock);
    if (!begun) {
        return es_hold_end(hold->stream);
    }
    es_stats_add_held_client(hold->stream->hub, hold->stream->child, 1);
    es_stream_tell_served(hold->stream);
    serve(hold);
    es_stats_add_held_client(hold->stream->hub, hold->stream->child, -1);
    es_sigblock_begin(&sigblock);
    es_client_close(hold->client);
    es_delivery_unwatch(es_runtime_delivery(hold->stream->child), hold->watch);
    es_sigblock_end(&sigblock);
    return OK;
}

/* Settings of the connection, restored when the stream ends. */
typedef struct saved_conn_t {
    conn_rec *c;
    int has_timeout;
    apr_interval_time_t timeout;
    es_sink_socket_tcp_t probe;
} saved_conn_t;

/* Looked up each time: at a restart the MPM may have closed it. */
static int descriptor_of(conn_rec *c)
{
    apr_socket_t *socket = ap_get_conn_socket(c);
    apr_os_sock_t fd = -1;

    return socket && apr_os_sock_get(&fd, socket) == APR_SUCCESS ? fd : -1;
}

/* A client that reads nothing, or is unreachable, must not keep the worker. */
static void limit_writes(const es_stream_t *stream, es_grant_t grant,
                         saved_conn_t *saved)
{
    conn_rec *c = stream->r->connection;
    apr_interval_time_t limit = stream->conf->send_timeout_us;
    apr_socket_t *socket = c->master ? NULL : ap_get_conn_socket(c);

    saved->c = c->master ? c->master : c;
    es_sink_socket_tcp_save(descriptor_of(saved->c), &saved->probe);
    es_sink_socket_tcp_set(descriptor_of(saved->c), limit);
    if (!c->master) { /* the others of an HTTP/2 connection are not ours */
        es_sink_socket_unsent_set(descriptor_of(c), stream->conf->unsent_bytes);
    }
    if (grant != ES_GRANT_HELD && (limit <= 0 || limit > BLOCKS_MAX)) {
        limit = BLOCKS_MAX;
    }
    saved->has_timeout =
        socket && limit > 0 &&
        apr_socket_timeout_get(socket, &saved->timeout) == APR_SUCCESS &&
        (saved->timeout < 0 || saved->timeout > limit);
    if (saved->has_timeout) {
        apr_socket_timeout_set(socket, limit);
    }
}

static void restore_conn(const saved_conn_t *saved)
{
    if (saved->has_timeout) {
        apr_socket_timeout_set(ap_get_conn_socket(saved->c), saved->timeout);
    }
    es_sink_socket_tcp_restore(descriptor_of(saved->c), &saved->probe);
}

static int with_grant(es_stream_t *stream, es_grant_t grant)
{
    apr_time_t until = end_of_turn(stream, grant);
    hold_t hold = {0};
    saved_conn_t saved;
    int rc;

    limit_writes(stream, grant, &saved);
    hold.stream = stream;
    if (until != 0) { /* a turn may last twice as long, see is_over */
        until += stream->conf->turn_us + BLOCKS_MAX;
    }
    hold.sink = create_sink(stream->r, until);
    hold.scratch = apr_palloc(stream->r->pool, ES_CLIENT_SCRATCH_MIN);
    rc = run(&hold, grant);
    restore_conn(&saved);
    es_stream_drop(stream);
    return rc;
}

int es_hold_serve(es_stream_t *stream)
{
    conn_rec *c = stream->r->connection;
    es_grant_t grant = es_budget_acquire(c);
    int rc;

    ES_CONTEXT(ES_WORKER);
    if (grant != ES_GRANT_HELD) {
        es_stats_count_limit(ES_LIMIT_HELD);
    }
    rc = with_grant(stream, grant);
    if (grant != ES_GRANT_BRIEF) {
        es_budget_release(c, grant);
    }
    return rc;
}

int es_hold_briefly(es_stream_t *stream)
{
    ES_CONTEXT(ES_WORKER);
    return with_grant(stream, ES_GRANT_BRIEF);
}
