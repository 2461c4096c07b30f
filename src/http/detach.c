/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How httpd releases a socket without closing it:
 *
 *   1. The head has "Connection: close", but keepalive was as httpd had set it,
 *      because that value decides on chunked framing; the header does not. Only
 *      now keepalive becomes AP_CONN_CLOSE and eos_sent is set; otherwise httpd
 *      would write the last chunk.
 *   2. The delivery gets a copy of the descriptor.
 *   3. A cleanup of the request's pool, which runs after logging, marks the
 *      connection aborted. Then the lingering close does not shut the socket
 *      down, and the MPM closes only its own descriptor. If the connection were
 *      marked earlier, the access log would show an aborted request.
 *
 * The delivery may write from the submit on, so httpd must be kept from writing
 * before that.
 *
 * A prefork child exits in the handler of SIGTERM or SIGHUP, whatever it does
 * at that moment. These signals are blocked during the submit. Otherwise the
 * child could die with the inbox lock held, and its delivery could not end the
 * streams cleanly.
 */
#include "http/subscribe.h"

#include <errno.h>

#include <apr_portable.h>
#include <http_connection.h>
#include <http_core.h>
#include <util_filter.h>

#include "base/context.h"
#include "base/sigblock.h"
#include "shm/descriptor.h"
#include "deliver/sink_socket.h"
#include "server/log.h"

static const char *const transparent[] = {
    "core",          "chunk",      "content_length", "http_header",
    "http_outerror", "byterange",  "old_write",      "log_input_output",
    "mod_logio",     "reqtimeout", "logio",          "proxy_protocol",
};

static int is_transparent(const char *name)
{
    apr_size_t i;

    for (i = 0; i < sizeof(transparent) / sizeof(transparent[0]); i++) {
        if (!strcasecmp(name, transparent[i])) {
            return 1;
        }
    }
    return 0;
}

static int are_transparent(const ap_filter_t *filter)
{
    for (; filter; filter = filter->next) {
        if (!is_transparent(filter->frec->name)) {
            return 0;
        }
    }
    return 1;
}

static int has_own_socket(const request_rec *r)
{
    return !r->connection->master && ap_get_conn_socket(r->connection);
}

/* The filters of the request may remove themselves; those of the connection
 * stay. */
void es_detach_announce(request_rec *r)
{
    if (has_own_socket(r) && are_transparent(r->connection->output_filters)) {
        /* merged: httpd may have put "Upgrade" there */
        apr_table_mergen(r->headers_out, "Connection", "close");
    }
}

int es_detach_is_possible(request_rec *r)
{
    return has_own_socket(r) && are_transparent(r->output_filters);
}

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

static apr_status_t submit(es_stream_t *stream)
{
    request_rec *r = stream->r;
    es_client_t *client = NULL;
    es_sink_t *sink;
    apr_status_t rv;
    int fd = copy_descriptor(r);

    if (fd < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    es_sink_socket_unsent_set(fd, stream->conf->unsent_bytes);
    sink = es_sink_socket_create(fd, r->chunked, stream->conf->send_timeout_us);
    if (sink) {
        client = es_stream_client(stream, sink);
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

apr_status_t es_detach(es_stream_t *stream)
{
    es_sigblock_t sigblock;
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    es_sigblock_begin(&sigblock); /* the inbox has a lock */
    rv = submit(stream);
    es_sigblock_end(&sigblock);
    if (rv != APR_SUCCESS) {
        es_rlog(APLOG_DEBUG, rv, stream->r, "ES0340",
                "cannot detach the client; it is asked to reconnect");
    }
    return rv;
}
