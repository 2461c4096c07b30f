/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets are watched edge-triggered. A read that did not fill the buffer
 * has emptied the socket: one system call for what one wake-up brought.
 */
#include "bench/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/payload.h"

#define MAX_HEAD 8192
#define MAX_REQUEST 1024

#define TYPE_IS(event, name)                  \
    ((event)->type_len == sizeof(name) - 1 && \
     memcmp((event)->type, (name), sizeof(name) - 1) == 0)

/* Who gets an event: what the parser's callback needs to know. */
typedef struct {
    eb_client_t *client;
    eb_client_shared_t *shared;
    uint64_t now_ns; /* when these bytes were read */
} context_t;

void eb_client_close(eb_client_t *client)
{
    if (client->fd >= 0) {
        close(client->fd);
    }
    client->fd = -1;
    client->state = EB_CLIENT_GONE;
    eb_buf_clear(&client->sse.rest);
    eb_gaps_clear(&client->ledger);
}

static int refuse(eb_client_t *client, eb_client_shared_t *shared,
                  const char *what, const char *why)
{
    if (eb_counts_get(shared->counts, EB_COUNTS_REFUSED) == 0) {
        fprintf(stderr, "load: a client is refused: %s: %s\n", what, why);
    }
    eb_counts_add(shared->counts, EB_COUNTS_REFUSED);
    eb_client_close(client);
    return -1;
}

/* A stream that ended: refused while it was not open yet, cut later. */
static void end(eb_client_t *client, eb_client_shared_t *shared,
                const char *why)
{
    if (client->state != EB_CLIENT_LIVE) {
        refuse(client, shared, "no stream", why);
        return;
    }
    if (eb_counts_get(shared->counts, EB_COUNTS_CUT) == 0) {
        fprintf(stderr, "load: a stream is cut: %s\n", why);
    }
    eb_counts_add(shared->counts, EB_COUNTS_CUT);
    eb_client_close(client);
}

int eb_client_connect(eb_client_t *client, eb_client_shared_t *shared,
                      uint32_t index)
{
    const eb_load_options_t *opts = shared->opts;
    uint32_t servers = (uint32_t)opts->servers.count;

    memset(client, 0, sizeof(*client));
    client->channel = index % opts->channels;
    client->state = EB_CLIENT_CONNECTING;
    client->fd = eb_net_connect(&opts->servers.addr[index % servers],
                                1 + index / servers % opts->locals);
    if (client->fd < 0) {
        return refuse(client, shared, "connect", strerror(errno));
    }
    return 0;
}

int eb_client_ask(eb_client_t *client, eb_client_shared_t *shared)
{
    char request[MAX_REQUEST];
    char path[MAX_REQUEST / 2];
    socklen_t size = sizeof(int);
    int error = 0;
    int len;

    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        return refuse(client, shared, "connect", strerror(error));
    }
    eb_http_expand(path, sizeof(path), shared->opts->subscribe,
                   client->channel);
    len = snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                   "Accept: text/event-stream\r\n\r\n",
                   path);
    if (send(client->fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
        return refuse(client, shared, "send", strerror(errno));
    }
    client->state = EB_CLIENT_HEAD;
    return 0;
}

/* An event of the default type is ours, or should be. */
static void take_data(const context_t *context, const eb_sse_event_t *event)
{
    eb_client_t *client = context->client;
    eb_counts_t *counts = context->shared->counts;
    eb_payload_timed_t payload;
    eb_verdict_t verdict;

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
    verdict = eb_gaps_enter(&client->ledger, payload.number);
    if (verdict == EB_AGAIN) {
        eb_counts_add(counts, EB_COUNTS_DOUBLED);
        return;
    }
    if (verdict == EB_LATE) {
        eb_counts_add(counts, EB_COUNTS_REORDERED);
    }
    eb_histogram_add(&counts->latency, context->now_ns > payload.stamp_ns
                                           ? context->now_ns - payload.stamp_ns
                                           : 0);
    eb_counts_set(counts, EB_COUNTS_LAST_NS, context->now_ns);
    eb_counts_add(counts, EB_COUNTS_DELIVERED);
}

static void on_event(void *arg, const eb_sse_event_t *event)
{
    const context_t *context = arg;
    eb_counts_t *counts = context->shared->counts;

    if (TYPE_IS(event, "message")) {
        /* an event without data is none to EventSource: the retry: line */
        if (event->data != NULL) {
            take_data(context, event);
        }
    }
    else if (TYPE_IS(event, "stream-open")) {
        if (context->client->state == EB_CLIENT_WAITING) {
            context->client->state = EB_CLIENT_LIVE;
            eb_counts_add(counts, EB_COUNTS_READY);
        }
    }
    else if (TYPE_IS(event, "keep-alive")) {
        eb_counts_add(counts, EB_COUNTS_KEEPALIVES);
    }
    else if (TYPE_IS(event, "stream-reset")) {
        eb_counts_add(counts, EB_COUNTS_RESETS);
    }
    else {
        eb_counts_add(counts, EB_COUNTS_MALFORMED);
    }
}

/* Returns 0, or -1 when the client is gone. */
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
        if (eb_sse_feed(&client->sse, piece, (size_t)run, on_event,
                        (void *)context) != 0) {
            eb_counts_add(context->shared->counts, EB_COUNTS_MALFORMED);
            end(client, context->shared, "event without end");
            return -1;
        }
    }
    if (client->body.state == EB_HTTP_BODY_DONE) {
        end(client, context->shared, "ended by the server");
        return -1;
    }
    return 0;
}

/* Returns 0, or -1 when the client is gone. */
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
    client->state = EB_CLIENT_WAITING;
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
        len = recv(client->fd, shared->buffer, shared->size, MSG_DONTWAIT);
        if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (len <= 0) {
            end(client, shared,
                len == 0 ? "closed without an end" : strerror(errno));
            return;
        }
        context.now_ns = eb_clock_ns();
        rc = client->state == EB_CLIENT_HEAD
                 ? take_head(&context, shared->buffer, (size_t)len)
                 : take_body(&context, shared->buffer, (size_t)len);
    } while (rc == 0 && (size_t)len == shared->size);
}
