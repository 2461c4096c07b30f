/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How httpd releases a socket without closing it:
 *
 *   1. The head has "Connection: close", but keepalive was as httpd had set it,
 *      because that value decides on chunked framing; the header does not. Only
 *      now keepalive becomes AP_CONN_CLOSE and eos_sent is set; otherwise httpd
 *      would write the last chunk.
 *   2. The delivery gets a copy of the descriptor, which was made before the
 *      head was sent: at an ungraceful restart the MPM closes the sockets of
 *      its workers while they serve.
 *   3. A cleanup of the request's pool, which runs after logging, marks the
 *      connection aborted. Then the lingering close does not shut the socket
 *      down, and the MPM closes only its own descriptor. If the connection were
 *      marked earlier, the access log would show an aborted request.
 *
 * The delivery may write from the submit on, so httpd must be kept from writing
 * before that.
 *
 * Over TLS (tls_server.h) the delivery seals the records, so mod_ssl must write
 * none after those of the head, whose number the session has. That the
 * connection is aborted prevents it: mod_ssl's filters refuse it then, and its
 * shutdown sends no close_notify.
 *
 * A prefork child exits in the handler of SIGTERM or SIGHUP, whatever it does
 * at that moment. These signals are blocked during the submit. Otherwise the
 * child could die with the inbox lock held, and its delivery could not end the
 * streams cleanly.
 */
#include "http/subscribe.h"

#include <errno.h>
#include <unistd.h>

#include <apr_portable.h>
#include <http_connection.h>
#include <http_core.h>

#include "base/context.h"
#include "base/sigblock.h"
#include "shm/descriptor.h"
#include "deliver/sink_socket.h"
#include "deliver/sink_tls.h"
#include "server/log.h"
#include "http/output_path.h"
#include "http/tls_server.h"

/* @return -1 and errno */
static int copy_descriptor(const request_rec *r)
{
    apr_os_sock_t fd;

    if (apr_os_sock_get(&fd, ap_get_conn_socket(r->connection)) !=
        APR_SUCCESS) {
        errno = EBADF;
        return -1;
    }
    return es_descriptor_copy(fd);
}

/* The filters of the request may remove themselves; those of the connection
 * stay. */
void es_detach_announce(es_stream_t *stream)
{
    request_rec *r = stream->r;
    es_output_path_t path =
        es_output_path_find(r, r->connection->output_filters);

    if (path == ES_OUTPUT_PLAIN ||
        (path == ES_OUTPUT_TLS && es_tls_server_prepare(r))) {
        /* merged: httpd may have put "Upgrade" there */
        apr_table_mergen(r->headers_out, "Connection", "close");
        stream->copy = copy_descriptor(r); /* tried again if it fails */
        stream->has_copy = stream->copy >= 0;
    }
}

static es_output_path_t path_of(const es_stream_t *stream)
{
    const request_rec *r = stream->r;
    const char *why;

    if (es_output_path_is_changed(r, stream->sent, &why)) {
        apr_table_setn(r->notes, ES_NOT_DETACHED_NOTE, why);
        return ES_OUTPUT_CHANGED;
    }
    return es_output_path_find(r, r->output_filters);
}

/* @return the descriptor, which is the caller's now; or -1 and errno */
static int take_copy(es_stream_t *stream)
{
    if (!stream->has_copy) {
        return copy_descriptor(stream->r);
    }
    stream->has_copy = 0;
    return stream->copy;
}

static apr_status_t mark_aborted(void *c)
{
    ((conn_rec *)c)->aborted = 1;
    return APR_SUCCESS;
}

/* After an internal redirect httpd finishes the earlier requests, too, and each
 * would write the last chunk. httpd's own filters mark all of them as well. */
static void mark_ended(request_rec *r, int ended)
{
    for (; r; r = r->prev) {
        r->eos_sent = ended;
    }
}

static void release(request_rec *r)
{
    r->connection->keepalive = AP_CONN_CLOSE;
    mark_ended(r, 1);
    apr_pool_cleanup_register(r->pool, r->connection, mark_aborted,
                              apr_pool_cleanup_null);
}

/* The connection still closes after this response: bytes that the client sent
 * after its request may have been discarded. */
static void take_back(request_rec *r)
{
    mark_ended(r, 0);
    apr_pool_cleanup_kill(r->pool, r->connection, mark_aborted);
}

/* @return the sink, which owns fd; or NULL, then fd is closed */
static es_sink_t *create_sink(const es_stream_t *stream, int fd,
                              const es_tls_session_t *session)
{
    int chunked = stream->r->chunked;
    apr_interval_time_t timeout = stream->conf->send_timeout_us;
    es_sink_tls_saved_t start = {0};

    start.session = session;
    es_sink_socket_unsent_set(fd, stream->conf->unsent_bytes);
    return session ? es_sink_tls_create(fd, chunked, timeout, &start)
                   : es_sink_socket_create(fd, chunked, timeout);
}

/* session: NULL = a plain client */
static apr_status_t submit(es_stream_t *stream, const es_tls_session_t *session)
{
    request_rec *r = stream->r;
    es_client_t *client = NULL;
    es_sink_t *sink;
    apr_status_t rv;
    int fd = take_copy(stream);

    if (fd < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    stream->mode = "detached";
    sink = create_sink(stream, fd, session);
    if (sink) {
        client = es_stream_client(stream, sink,
                                  session ? ES_CLIENT_COUNT_DETACHED_TLS
                                          : ES_CLIENT_COUNT_DETACHED);
    }
    if (!client) {
        if (sink) {
            sink->ops->close(sink);
        }
        return APR_ENOMEM;
    }
    release(r);
    rv = es_delivery_submit(es_runtime_delivery(stream->child), client);
    if (rv != APR_SUCCESS) {
        take_back(r);
        es_client_close(client); /* ends the subscription and the count */
    }
    return rv;
}

/* The inbox has a lock. */
static apr_status_t submit_blocking_signals(es_stream_t *stream,
                                            const es_tls_session_t *session)
{
    es_sigblock_t sigblock;
    apr_status_t rv;

    es_sigblock_begin(&sigblock);
    rv = submit(stream, session);
    es_sigblock_end(&sigblock);
    return rv;
}

static apr_status_t submit_tls(es_stream_t *stream)
{
    es_tls_session_t session;
    apr_status_t rv;

    if (!es_tls_server_take(stream->r, &session)) {
        return APR_ENOTIMPL;
    }
    rv = submit_blocking_signals(stream, &session);
    es_tls_session_wipe(&session);
    if (rv == APR_SUCCESS) {
        es_tls_server_forget(stream->r);
    }
    else {
        es_tls_server_give_back(stream->r);
    }
    return rv;
}

apr_status_t es_detach(es_stream_t *stream)
{
    request_rec *r = stream->r;
    apr_status_t rv = APR_ENOTIMPL;

    ES_CONTEXT(ES_WORKER);
    switch (path_of(stream)) {
    case ES_OUTPUT_PLAIN: rv = submit_blocking_signals(stream, NULL); break;
    case ES_OUTPUT_TLS: rv = submit_tls(stream); break;
    case ES_OUTPUT_CHANGED: break;
    }
    if (rv == APR_SUCCESS) {
        apr_table_setn(r->notes, ES_DETACHED_NOTE, "1");
    }
    else if (rv != APR_ENOTIMPL) {
        es_rlog(APLOG_DEBUG, rv, r, "ES0340",
                "cannot detach the client; it is asked to reconnect");
    }
    if (stream->has_copy) {
        close(stream->copy);
        stream->has_copy = 0;
    }
    return rv;
}
