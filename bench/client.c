/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets are watched edge-triggered. A read that did not fill the buffer has
 * emptied the socket, so that a wake-up usually costs one system call; over TLS
 * it ends at each record, and is repeated.
 */
#include "bench/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/payload.h"

#define MAX_HEAD 8192
#define MAX_REQUEST 1024
#define MAX_GAPS 256

/* The argument of the parser's callback. */
typedef struct {
    eb_client_t *client;
    eb_client_shared_t *shared;
    uint64_t now_ns; /* when these bytes were read */
} context_t;

typedef enum {
    IN_ORDER,     /* new, and higher than all before */
    OUT_OF_ORDER, /* new, but a higher one came before */
    DUPLICATE
} order_t;

/* ---- the numbers received ------------------------------------------------ */

static void remove_gap(eb_client_received_t *received, uint32_t at)
{
    received->ngaps--;
    memmove(&received->gaps[at], &received->gaps[at + 1],
            (received->ngaps - at) * sizeof(*received->gaps));
}

/* Inserts before index at. If all are in use, the oldest is dropped. */
static void insert_gap(eb_client_received_t *received, uint32_t at,
                       uint32_t from, uint32_t to)
{
    if (received->gaps == NULL) {
        received->gaps = malloc(MAX_GAPS * sizeof(*received->gaps));
        if (received->gaps == NULL) {
            abort(); /* without this gap the counts would be wrong */
        }
    }
    if (received->ngaps == MAX_GAPS) {
        remove_gap(received, 0);
        if (at > 0) {
            at--;
        }
    }
    memmove(&received->gaps[at + 1], &received->gaps[at],
            (received->ngaps - at) * sizeof(*received->gaps));
    received->gaps[at].from = from;
    received->gaps[at].to = to;
    received->ngaps++;
}

static void fill_gap(eb_client_received_t *received, uint32_t at,
                     uint32_t number)
{
    eb_client_gap_t *gap = &received->gaps[at];

    if (gap->to - gap->from == 1) {
        remove_gap(received, at);
    }
    else if (number == gap->from) {
        gap->from++;
    }
    else if (number == gap->to - 1) {
        gap->to--;
    }
    else {
        uint32_t to = gap->to;

        gap->to = number;
        insert_gap(received, at + 1, number + 1, to);
    }
}

/*
 * Once the oldest gap was dropped, an event that would fill it counts as a
 * duplicate, so that the number of new events is never too high.
 */
static order_t take_number(eb_client_received_t *received, uint32_t number)
{
    uint32_t i;

    if (number >= received->next) {
        if (number > received->next) {
            insert_gap(received, received->ngaps, received->next, number);
        }
        received->next = number + 1;
        return IN_ORDER;
    }
    for (i = received->ngaps; i-- > 0;) {
        if (number >= received->gaps[i].from && number < received->gaps[i].to) {
            fill_gap(received, i, number);
            return OUT_OF_ORDER;
        }
    }
    return DUPLICATE;
}

static void received_clear(eb_client_received_t *received)
{
    free(received->gaps);
    memset(received, 0, sizeof(*received));
}

/* ---- connecting ---------------------------------------------------------- */

void eb_client_close(eb_client_t *client)
{
    eb_conn_close(&client->conn);
    client->state = EB_CLIENT_CLOSED;
    eb_buf_clear(&client->sse.rest);
    received_clear(&client->received);
}

static int refuse(eb_client_t *client, eb_client_shared_t *shared,
                  const char *what, const char *why)
{
    if (eb_counts_get(shared->counts, EB_COUNTS_REFUSED) == 0) {
        fprintf(stderr, "load: a client was refused: %s: %s\n", what, why);
    }
    eb_counts_add(shared->counts, EB_COUNTS_REFUSED);
    eb_client_close(client);
    return -1;
}

/* The server ended the stream: refused before stream-open, cut after it. */
static void end(eb_client_t *client, eb_client_shared_t *shared,
                const char *why)
{
    if (client->state != EB_CLIENT_LIVE) {
        refuse(client, shared, "no stream", why);
        return;
    }
    if (eb_counts_get(shared->counts, EB_COUNTS_CUT) == 0) {
        fprintf(stderr, "load: a stream was cut: %s\n", why);
    }
    eb_counts_add(shared->counts, EB_COUNTS_CUT);
    eb_client_close(client);
}

int eb_client_connect(eb_client_t *client, eb_client_shared_t *shared,
                      uint32_t index)
{
    const eb_load_options_t *opts = shared->opts;
    uint32_t servers = (uint32_t)opts->servers.count;
    int fd;

    memset(client, 0, sizeof(*client));
    client->channel = index % opts->channels;
    client->state = EB_CLIENT_CONNECTING;
    fd = eb_net_connect(&opts->servers.addr[index % servers],
                        1 + index / servers % opts->locals);
    if (eb_conn_start(&client->conn, fd, shared->tls) != 0) {
        return refuse(client, shared, "connect", strerror(errno));
    }
    return 0;
}

int eb_client_request(eb_client_t *client, eb_client_shared_t *shared)
{
    char request[MAX_REQUEST];
    char path[MAX_REQUEST / 2];
    int rc = eb_conn_step(&client->conn);
    int len;

    if (rc <= 0) {
        return rc == 0 ? 0
                       : refuse(client, shared, "connect",
                                eb_conn_why(&client->conn));
    }
    eb_http_expand(path, sizeof(path), shared->opts->subscribe,
                   client->channel);
    len = snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                   "Accept: text/event-stream\r\n\r\n",
                   path);
    if (eb_conn_write(&client->conn, request, (size_t)len) != len) {
        return refuse(client, shared, "send", eb_conn_why(&client->conn));
    }
    client->state = EB_CLIENT_REQUESTED;
    return 1;
}

/* ---- the stream ---------------------------------------------------------- */

/* An event of the default type must be one that this program published. */
static void take_data(const context_t *context, const eb_sse_event_t *event)
{
    eb_client_t *client = context->client;
    eb_counts_t *counts = context->shared->counts;
    eb_payload_timed_t payload;
    order_t order;

    if (event->data == NULL || event->id == NULL ||
        eb_payload_timed_read(&payload, event->data, event->data_len,
                              context->shared->opts->size) != 0) {
        eb_counts_add(counts, EB_COUNTS_MALFORMED);
        return;
    }
    if (payload.channel != client->channel) {
        eb_counts_add(counts, EB_COUNTS_WRONG_CHANNEL);
        return;
    }
    order = take_number(&client->received, payload.number);
    if (order == DUPLICATE) {
        eb_counts_add(counts, EB_COUNTS_DOUBLED);
        return;
    }
    if (order == OUT_OF_ORDER) {
        eb_counts_add(counts, EB_COUNTS_REORDERED);
    }
    eb_histogram_add(&counts->latency, context->now_ns > payload.stamp_ns
                                           ? context->now_ns - payload.stamp_ns
                                           : 0);
    eb_counts_set(counts, EB_COUNTS_LAST_NS, context->now_ns);
    eb_counts_add(counts, EB_COUNTS_DELIVERED);
}

static void become_live(const context_t *context)
{
    if (context->client->state == EB_CLIENT_OPENING) {
        context->client->state = EB_CLIENT_LIVE;
        eb_counts_add(context->shared->counts, EB_COUNTS_READY);
    }
}

static void on_event(void *arg, const eb_sse_event_t *event)
{
    const context_t *context = arg;
    eb_counts_t *counts = context->shared->counts;

    if (eb_sse_is(event, "message")) {
        /* EventSource ignores an event without data */
        if (event->data != NULL) {
            take_data(context, event);
        }
    }
    else if (eb_sse_is(event, "stream-open")) {
        become_live(context);
    }
    else if (eb_sse_is(event, "keep-alive")) {
        eb_counts_add(counts, EB_COUNTS_KEEPALIVES);
    }
    else if (eb_sse_is(event, "stream-reset")) {
        eb_counts_add(counts, EB_COUNTS_RESETS);
    }
    else {
        eb_counts_add(counts, EB_COUNTS_MALFORMED);
    }
}

/* Returns 0, or -1: the client is closed. */
static int take_body(const context_t *context, char *bytes, size_t len)
{
    eb_client_t *client = context->client;
    char *piece;
    long run;

    for (;;) {
        run = eb_http_body_next(&client->body, &bytes, &len, &piece);
        if (run < 0) {
            eb_counts_add(context->shared->counts, EB_COUNTS_MALFORMED);
            end(client, context->shared, "broken chunk");
            return -1;
        }
        if (run == 0) {
            break;
        }
        if (eb_sse_parse(&client->sse, piece, (size_t)run, on_event,
                         (void *)context) != 0) {
            eb_counts_add(context->shared->counts, EB_COUNTS_MALFORMED);
            end(client, context->shared, "event too large");
            return -1;
        }
    }
    if (client->body.state == EB_HTTP_BODY_DONE) {
        end(client, context->shared, "ended by the server");
        return -1;
    }
    return 0;
}

/* Returns 0, or -1: the client is closed. */
static int take_head(const context_t *context, char *bytes, size_t len)
{
    eb_client_t *client = context->client;
    eb_buf_t head = client->sse.rest;
    eb_http_response_t response;
    char status[32];
    size_t head_len;
    int rc;

    if (eb_buf_add(&head, bytes, len, MAX_HEAD) != 0) {
        client->sse.rest = head;
        return refuse(client, context->shared, "head", "too long");
    }
    client->sse.rest = head;
    head_len = eb_http_head_len(head.bytes, head.len);
    if (head_len == 0) {
        return 0; /* more to come */
    }
    if (eb_http_head_read(&response, head.bytes, head_len) != 0) {
        return refuse(client, context->shared, "head", "not HTTP/1");
    }
    if (response.status != 200) {
        snprintf(status, sizeof(status), "status %d", response.status);
        return refuse(client, context->shared, "head", status);
    }
    client->body = response.body;
    client->state = EB_CLIENT_OPENING;
    if (context->shared->opts->live == EB_LOAD_OPTIONS_HEAD) {
        become_live(context);
    }
    memset(&client->sse.rest, 0, sizeof(client->sse.rest));
    rc = take_body(context, head.bytes + head_len, head.len - head_len);
    eb_buf_clear(&head);
    return rc;
}

void eb_client_read(eb_client_t *client, eb_client_shared_t *shared)
{
    context_t context;
    ssize_t len;
    int rc;

    context.client = client;
    context.shared = shared;
    do {
        len = eb_conn_read(&client->conn, shared->buffer, shared->size);
        if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (len <= 0) {
            end(client, shared,
                len == 0 ? "closed without a last chunk"
                         : eb_conn_why(&client->conn));
            return;
        }
        context.now_ns = eb_clock_ns();
        rc = client->state == EB_CLIENT_REQUESTED
                 ? take_head(&context, shared->buffer, (size_t)len)
                 : take_body(&context, shared->buffer, (size_t)len);
    } while (rc == 0 && ((size_t)len == shared->size || shared->tls != NULL));
}
