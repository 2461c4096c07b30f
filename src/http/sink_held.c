/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer that has closed a TLS connection has sent bytes first (its
 * close_notify), which nobody reads while the request is held; so the socket
 * is asked for the end behind them, POLLRDHUP, not for bytes.
 */
#include "http/sink_held.h"

#include <poll.h>

#include <apr_portable.h>
#include <http_connection.h>
#include <http_core.h>
#include <util_filter.h>

typedef struct held_t {
    es_sink_t sink; /* first: it is handed out */
    request_rec *r;
    apr_bucket_brigade *bb;
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
    /* EAGAIN would mean "try again" to the client, and the filters may have
     * taken a part: a held request that fails is over */
    return APR_STATUS_IS_EAGAIN(rv) ? APR_ECONNABORTED : rv;
}

static void on_nothing(es_sink_t *sink)
{
    (void)sink; /* httpd ends the request when the handler returns */
}

static const es_sink_ops_t held_ops = {on_write, on_nothing, on_nothing};

es_sink_t *es_sink_held_create(request_rec *r)
{
    held_t *held = apr_pcalloc(r->pool, sizeof(*held));

    held->sink.ops = &held_ops;
    held->sink.chunked = 0; /* httpd's filters do the framing */
    held->r = r;
    held->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    return &held->sink;
}

int es_sink_held_is_gone(const es_sink_t *sink)
{
    const conn_rec *c = ((const held_t *)sink)->r->connection;
    apr_socket_t *socket;
    struct pollfd pfd;
    int fd;

    if (c->aborted || (c->master && c->master->aborted)) {
        return 1;
    }
    if (c->master) {
        return 0; /* mod_http2 reads the connection and tells by aborted */
    }
    socket = ap_get_conn_socket((conn_rec *)c);
    if (!socket || apr_os_sock_get(&fd, socket) != APR_SUCCESS) {
        return 0;
    }
    pfd.fd = fd;
    pfd.events = POLLRDHUP;
    pfd.revents = 0;
    return poll(&pfd, 1, 0) == 1 &&
           (pfd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}
