/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How httpd lets go of a socket without closing it:
 *
 *   1. The head went out with keepalive as httpd had it, since that decides
 *      on chunked framing. Only now keepalive becomes AP_CONN_CLOSE, and
 *      eos_sent is set: else httpd would write the last chunk.
 *   2. Delivery gets a copy of the descriptor.
 *   3. When the request's pool goes, which is after logging, the connection
 *      is marked aborted: then the lingering close does not shut the socket
 *      down, and the MPM closes its own descriptor only. Marked earlier, the
 *      access log would show an aborted request.
 *
 * From the submit on delivery may write, so all of httpd's writing must have
 * been forbidden before.
 *
 * A child of prefork ends in the middle of whatever it does, in the handler of
 * SIGTERM or SIGHUP. These wait while a client is handed over: else delivery
 * could not get at its inbox any more, to end its streams well.
 */
#include "http/subscribe.h"

#include <errno.h>
#include <fcntl.h>

#include <apr_portable.h>
#include <http_connection.h>
#include <http_core.h>
#include <util_filter.h>

#include "base/context.h"
#include "base/sigblock.h"
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

int es_detach_is_possible(request_rec *r)
{
    const ap_filter_t *filter;

    if (r->connection->master || !ap_get_conn_socket(r->connection)) {
        return 0;
    }
    for (filter = r->output_filters; filter; filter = filter->next) {
        if (!is_transparent(filter->frec->name)) {
            return 0;
        }
    }
    return 1;
}

static int copy_descriptor(const request_rec *r)
{
    apr_os_sock_t fd;

    if (apr_os_sock_get(&fd, ap_get_conn_socket(r->connection)) !=
        APR_SUCCESS) {
        errno = EBADF;
        return -1;
    }
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static apr_status_t mark_aborted(void *c)
{
    ((conn_rec *)c)->aborted = 1;
    return APR_SUCCESS;
}

/* Of an internal redirect the requests before it are finished, too, and each
 * would write the last chunk; httpd's own filters mark all of them as well. */
static void mark_ended(request_rec *r, int ended)
{
    for (; r; r = r->prev) {
        r->eos_sent = ended;
    }
}

static void let_go(request_rec *r)
{
    r->connection->keepalive = AP_CONN_CLOSE;
    mark_ended(r, 1);
    apr_pool_cleanup_register(r->pool, r->connection, mark_aborted,
                              apr_pool_cleanup_null);
}

/* The connection closes all the same: what the client has sent behind its
 * request may have been read away by then. */
static void take_back(request_rec *r)
{
    mark_ended(r, 0);
    apr_pool_cleanup_kill(r->pool, r->connection, mark_aborted);
}

static apr_status_t hand_over(es_stream_t *stream)
{
    request_rec *r = stream->r;
    es_client_t *client = NULL;
    es_sink_t *sink;
    apr_status_t rv;
    int fd = copy_descriptor(r);

    if (fd < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
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
    let_go(r);
    rv = es_delivery_submit(es_runtime_delivery(), client);
    if (rv != APR_SUCCESS) {
        take_back(r);
        es_client_close(client); /* subscription and ticket go with it */
    }
    return rv;
}

apr_status_t es_detach(es_stream_t *stream)
{
    es_sigblock_t sigblock;
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    es_sigblock_begin(&sigblock); /* the inbox has a lock */
    rv = hand_over(stream);
    es_sigblock_end(&sigblock);
    if (rv != APR_SUCCESS) {
        es_rlog(APLOG_DEBUG, rv, stream->r, "ES0340",
                "cannot detach a client: it is asked to come back");
    }
    return rv;
}
