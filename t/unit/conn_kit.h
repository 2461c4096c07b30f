/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Conns with sockets that epoll watches, and whose writes the test takes: all
 * bytes are recorded, and the socket is full when the test says so.
 */
#ifndef T_UNIT_CONN_KIT_H
#define T_UNIT_CONN_KIT_H

#include "t/unit/deliver_fixture.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deliver/client_priv.h"
#include "deliver/sink_socket.h"

#define CONN_CHILD 1
#define CONN_MAX 256

/* What a test knows of a conn. */
typedef struct kit_conn_t {
    es_conn_t *conn; /* NULL = never made, or its sink is closed */
    es_sink_t *sink; /* the socket's */
    int is_chunked;
    int peer;  /* the other end of its socket */
    char *got; /* all bytes that were taken */
    apr_size_t len;
    apr_size_t budget; /* bytes it takes before it is full */
    int writes;        /* calls, also those that took nothing */
} kit_conn_t;

static kit_conn_t kit_conns[CONN_MAX];
static int kit_count;
static const es_sink_ops_t *kit_socket_ops;
static void (*kit_on_write)(void); /* NULL, or called by each write */

static UNUSED kit_conn_t *kit_of(const es_sink_t *sink)
{
    int i;

    for (i = 0; i < kit_count; i++) {
        if (kit_conns[i].sink == sink) {
            return &kit_conns[i];
        }
    }
    fail();
    return NULL;
}

static apr_status_t kit_write(es_sink_t *sink, const struct iovec *iov,
                              int count, apr_size_t *taken)
{
    kit_conn_t *kit = kit_of(sink);
    apr_status_t rv = APR_SUCCESS;
    apr_size_t n;
    int i;

    kit->writes++;
    if (kit_on_write != NULL) {
        kit_on_write();
    }
    *taken = 0;
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        n = iov[i].iov_len < kit->budget ? iov[i].iov_len : kit->budget;
        kit->got = realloc(kit->got, kit->len + n + 1);
        memcpy(kit->got + kit->len, iov[i].iov_base, n);
        kit->len += n;
        kit->got[kit->len] = '\0';
        kit->budget -= n;
        *taken += n;
        rv = n < iov[i].iov_len ? APR_EAGAIN : APR_SUCCESS;
    }
    return rv;
}

static apr_status_t kit_finish(es_sink_t *sink)
{
    return kit_socket_ops->finish(sink);
}

static apr_status_t kit_drain(es_sink_t *sink)
{
    return kit_socket_ops->drain(sink);
}

static void kit_close(es_sink_t *sink)
{
    kit_conn_t *kit = kit_of(sink);

    kit->conn = NULL;
    kit->sink = NULL;
    close(kit->peer);
    kit_socket_ops->close(sink);
}

static const es_sink_ops_t kit_ops UNUSED = {kit_write, NULL, kit_finish,
                                             kit_drain, kit_close};

/**
 * Make a conn of these channels (separated by commas) whose next event is the
 * next that is published. It is not added.
 */
static UNUSED kit_conn_t *kit_make(hub_t *hub, const char *channels,
                                   int chunked, const es_client_opts_t *opts)
{
    kit_conn_t *kit = &kit_conns[kit_count++];
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    es_client_t *client;
    int pair[2];

    assert_true(kit_count <= CONN_MAX);
    memset(kit, 0, sizeof(*kit));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    kit->is_chunked = chunked;
    kit->peer = pair[1];
    kit->budget = (apr_size_t)-1;
    kit->got = calloc(1, 1);
    kit->sink = es_sink_socket_create(pair[0], chunked, 0);
    assert_non_null(kit->sink);
    kit_socket_ops = kit->sink->ops;
    kit->sink->ops = &kit_ops;
    params.store = hub->store;
    params.child = CONN_CHILD;
    params.nslots = hub_subscribe(hub, channels, slots, &params.pos);
    params.slots = slots;
    if (opts != NULL) {
        params.opts = *opts;
    }
    client = es_client_create(&params, kit->sink, 0);
    assert_non_null(client);
    kit->conn = es_conns_prepare(client);
    assert_non_null(kit->conn);
    return kit;
}

/** Forget all conns; those that were added are closed by then. */
static UNUSED void kit_clear(void)
{
    while (kit_count > 0) {
        assert_null(kit_conns[--kit_count].sink);
        free(kit_conns[kit_count].got);
    }
    kit_on_write = NULL;
}

#endif
