/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers come in the order of the requests, so two counters are all there
 * is to remember. An answer is parsed from its beginning each time bytes
 * come: it is short.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* ppoll */
#endif
#include "bench/publisher.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/http.h"
#include "bench/payload.h"

#define MAX_OUT (256u * 1024 * 1024)
#define MAX_ANSWER (64 * 1024)
#define MAX_NAME 512

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "load: publishing fails: %s: %s\n", what, why);
    return -1;
}

static int reconnect(eb_publisher_t *publisher)
{
    if (publisher->fd >= 0) {
        close(publisher->fd);
    }
    eb_held_bytes_clear(&publisher->out);
    eb_held_bytes_clear(&publisher->in);
    publisher->queued = publisher->answered;
    publisher->fd = eb_net_connect(&publisher->opts->servers.addr[0], 0);
    return publisher->fd >= 0 ? 0 : complain("connect", strerror(errno));
}

int eb_publisher_open(eb_publisher_t *publisher, const eb_options_t *opts)
{
    memset(publisher, 0, sizeof(*publisher));
    publisher->opts = opts;
    publisher->fd = -1;
    publisher->payload = malloc(opts->size);
    return publisher->payload != NULL ? reconnect(publisher)
                                      : complain("payload", "no memory");
}

void eb_publisher_close(eb_publisher_t *publisher)
{
    if (publisher->fd >= 0) {
        close(publisher->fd);
    }
    publisher->fd = -1;
    eb_held_bytes_clear(&publisher->out);
    eb_held_bytes_clear(&publisher->in);
    free(publisher->payload);
    publisher->payload = NULL;
}

static int add(eb_held_bytes_t *hold, const void *bytes, size_t len)
{
    return eb_held_bytes_add(hold, bytes, len, MAX_OUT);
}

/* Fill in the next event's data; name receives its channel's. */
static void next_event(eb_publisher_t *publisher, char name[MAX_NAME],
                       uint64_t stamp_ns)
{
    const eb_options_t *opts = publisher->opts;
    eb_payload_t payload;

    payload.channel = publisher->queued % opts->channels;
    payload.number = publisher->queued / opts->channels;
    payload.stamp_ns = stamp_ns;
    eb_payload_write(publisher->payload, opts->size, &payload);
    eb_options_expand(name, MAX_NAME, opts->channel, payload.channel);
    publisher->queued++;
}

static int add_head(eb_publisher_t *publisher, const char *query,
                    const char *type, size_t body_len)
{
    char head[MAX_NAME * 2 + 256];
    int len;

    len = snprintf(head, sizeof(head),
                   "POST %.512s%s HTTP/1.1\r\nHost: localhost\r\n"
                   "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                   publisher->opts->publish, query, type, body_len);
    return add(&publisher->out, head, (size_t)len);
}

static int add_object(eb_publisher_t *publisher, eb_held_bytes_t *body,
                      uint64_t stamp_ns)
{
    char name[MAX_NAME];
    char start[MAX_NAME + 64];
    int len;

    next_event(publisher, name, stamp_ns);
    len =
        snprintf(start, sizeof(start), "{\"channel\":\"%s\",\"text\":\"", name);
    if (add(body, start, (size_t)len) != 0 ||
        add(body, publisher->payload, publisher->opts->size) != 0) {
        return -1;
    }
    return add(body, "\"}", 2);
}

static int offer_raw(eb_publisher_t *publisher, uint64_t stamp_ns)
{
    char query[MAX_NAME + 16] = "?channel=";
    size_t len = strlen(query);

    next_event(publisher, query + len, stamp_ns);
    if (add_head(publisher, query, "text/plain", publisher->opts->size) != 0) {
        return -1;
    }
    return add(&publisher->out, publisher->payload, publisher->opts->size);
}

static int offer_json(eb_publisher_t *publisher, uint32_t events,
                      uint64_t stamp_ns)
{
    int is_array = publisher->opts->format == EB_BATCH;
    eb_held_bytes_t body = {0};
    uint32_t i;
    int rc = 0;

    for (i = 0; i < events && rc == 0; i++) {
        if (is_array) {
            rc = add(&body, i == 0 ? "[" : ",", 1);
        }
        if (rc == 0) {
            rc = add_object(publisher, &body, stamp_ns);
        }
    }
    if (rc == 0 && is_array) {
        rc = add(&body, "]", 1);
    }
    if (rc == 0) {
        rc = add_head(publisher, "", "application/json", body.len);
    }
    if (rc == 0) {
        rc = add(&publisher->out, body.bytes, body.len);
    }
    eb_held_bytes_clear(&body);
    return rc;
}

int eb_publisher_offer(eb_publisher_t *publisher, uint32_t events,
                       uint64_t stamp_ns)
{
    int rc = 0;

    if (publisher->opts->format == EB_BATCH) {
        rc = offer_json(publisher, events, stamp_ns);
        events = 0;
    }
    for (; events > 0 && rc == 0; events--) {
        rc = publisher->opts->format == EB_RAW
                 ? offer_raw(publisher, stamp_ns)
                 : offer_json(publisher, 1, stamp_ns);
    }
    return rc == 0 ? 0 : complain("request", "no memory");
}

/* The events that the oldest request still unanswered carries. */
static uint32_t events_of_request(const eb_publisher_t *publisher)
{
    const eb_options_t *opts = publisher->opts;
    uint32_t rest = opts->events - publisher->answered;

    if (opts->format != EB_BATCH) {
        return 1;
    }
    return rest < opts->burst ? rest : opts->burst;
}

/* 1: an answer was read; 0: none is whole; -1: it is not what we want. */
static int read_answer(eb_publisher_t *publisher, int *closes)
{
    eb_held_bytes_t *in = &publisher->in;
    eb_answer_t answer;
    size_t head_len;
    char status[64];
    char *bytes;
    char *piece;
    size_t len;
    long run;

    head_len = eb_http_head_len(in->bytes, in->len);
    if (head_len == 0) {
        return 0;
    }
    if (eb_http_head_read(&answer, in->bytes, head_len) != 0) {
        return complain("answer", "not HTTP/1");
    }
    if (answer.status != 200) {
        snprintf(status, sizeof(status), "status %d", answer.status);
        return complain("answer", status);
    }
    bytes = in->bytes + head_len;
    len = in->len - head_len;
    do {
        run = eb_body_next(&answer.body, &bytes, &len, &piece);
    } while (run > 0);
    if (run < 0 || answer.body.state == EB_BODY_TO_EOF) {
        return complain("answer", "its end cannot be told");
    }
    if (answer.body.state != EB_BODY_DONE) {
        return 0;
    }
    *closes = answer.closes;
    eb_held_bytes_drop(in, in->len - len);
    return 1;
}

static int read_answers(eb_publisher_t *publisher)
{
    int closes = 0;
    int rc;

    for (;;) {
        rc = read_answer(publisher, &closes);
        if (rc <= 0) {
            return rc;
        }
        publisher->answered += events_of_request(publisher);
        if (closes) {
            /* requests behind this answer were not read by the server */
            return reconnect(publisher);
        }
    }
}

static int receive(eb_publisher_t *publisher)
{
    char bytes[16384];
    ssize_t len;

    len = recv(publisher->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (len <= 0) {
        if (publisher->queued == publisher->answered) {
            return reconnect(publisher); /* kept alive long enough */
        }
        return complain("no answer",
                        len == 0 ? "connection closed" : strerror(errno));
    }
    if (eb_held_bytes_add(&publisher->in, bytes, (size_t)len, MAX_ANSWER) !=
        0) {
        return complain("answer", "too long");
    }
    return read_answers(publisher);
}

static int write_out(eb_publisher_t *publisher)
{
    ssize_t len;

    len = send(publisher->fd, publisher->out.bytes, publisher->out.len,
               MSG_DONTWAIT | MSG_NOSIGNAL);
    if (len < 0) {
        return errno == EAGAIN || errno == EINTR || errno == ENOTCONN
                   ? 0
                   : complain("send", strerror(errno));
    }
    eb_held_bytes_drop(&publisher->out, (size_t)len);
    return 0;
}

int eb_publisher_step(eb_publisher_t *publisher, uint64_t wait_ns)
{
    struct timespec wait;
    struct pollfd poll;

    if (publisher->out.len > 0 && write_out(publisher) != 0) {
        return -1;
    }
    poll.fd = publisher->fd;
    poll.events = POLLIN;
    poll.revents = 0;
    if (publisher->out.len > 0) {
        poll.events |= POLLOUT;
    }
    wait.tv_sec = (time_t)(wait_ns / EB_NS_PER_SEC);
    wait.tv_nsec = (long)(wait_ns % EB_NS_PER_SEC);
    if (ppoll(&poll, 1, &wait, NULL) <= 0 ||
        (poll.revents & (POLLIN | POLLHUP | POLLERR)) == 0) {
        return 0;
    }
    return receive(publisher);
}
