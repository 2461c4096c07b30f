/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses arrive in the order of the requests, so that two counters are the
 * whole state. A response is parsed from its beginning each time bytes arrive:
 * it is short.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* ppoll */
#endif
#include "bench/pipeline.h"

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
#define MAX_RESPONSE (64 * 1024)
#define MAX_NAME 512

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "load: cannot publish: %s: %s\n", what, why);
    return -1;
}

static int reconnect(eb_pipeline_t *pipeline)
{
    const eb_load_options_t *opts = pipeline->opts;
    const eb_net_addrs_t *to =
        opts->publish_to.count > 0 ? &opts->publish_to : &opts->servers;

    if (pipeline->fd >= 0) {
        close(pipeline->fd);
    }
    eb_buf_clear(&pipeline->out);
    eb_buf_clear(&pipeline->in);
    pipeline->queued = pipeline->answered;
    pipeline->fd = eb_net_connect(&to->addr[0], 0);
    return pipeline->fd >= 0 ? 0 : complain("connect", strerror(errno));
}

int eb_pipeline_open(eb_pipeline_t *pipeline, const eb_load_options_t *opts)
{
    memset(pipeline, 0, sizeof(*pipeline));
    pipeline->opts = opts;
    pipeline->fd = -1;
    pipeline->payload = malloc(opts->size);
    return pipeline->payload != NULL ? reconnect(pipeline)
                                     : complain("payload", "no memory");
}

void eb_pipeline_close(eb_pipeline_t *pipeline)
{
    if (pipeline->fd >= 0) {
        close(pipeline->fd);
    }
    pipeline->fd = -1;
    eb_buf_clear(&pipeline->out);
    eb_buf_clear(&pipeline->in);
    free(pipeline->payload);
    pipeline->payload = NULL;
}

static int add(eb_buf_t *buf, const void *bytes, size_t len)
{
    return eb_buf_add(buf, bytes, len, MAX_OUT);
}

/* Makes the next event's data, and the name of its channel. */
static void next_event(eb_pipeline_t *pipeline, char name[MAX_NAME],
                       uint64_t stamp_ns)
{
    const eb_load_options_t *opts = pipeline->opts;
    eb_payload_timed_t payload;

    payload.channel = pipeline->queued % opts->channels;
    payload.number = pipeline->queued / opts->channels;
    payload.stamp_ns = stamp_ns;
    eb_payload_timed_write(pipeline->payload, opts->size, &payload);
    eb_http_expand(name, MAX_NAME, opts->channel, payload.channel);
    pipeline->queued++;
}

static int add_head(eb_pipeline_t *pipeline, const char *query,
                    const char *type, size_t body_len)
{
    char head[MAX_NAME * 2 + 256];
    int len;

    len = snprintf(head, sizeof(head),
                   "POST %.512s%s HTTP/1.1\r\nHost: localhost\r\n"
                   "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                   pipeline->opts->publish, query, type, body_len);
    return add(&pipeline->out, head, (size_t)len);
}

static int add_object(eb_pipeline_t *pipeline, eb_buf_t *body,
                      uint64_t stamp_ns)
{
    char name[MAX_NAME];
    char start[MAX_NAME + 64];
    int len;

    next_event(pipeline, name, stamp_ns);
    len =
        snprintf(start, sizeof(start), "{\"channel\":\"%s\",\"text\":\"", name);
    if (add(body, start, (size_t)len) != 0 ||
        add(body, pipeline->payload, pipeline->opts->size) != 0) {
        return -1;
    }
    return add(body, "\"}", 2);
}

static int offer_raw(eb_pipeline_t *pipeline, uint64_t stamp_ns)
{
    char query[MAX_NAME + 16] = "?channel=";
    size_t len = strlen(query);

    next_event(pipeline, query + len, stamp_ns);
    if (add_head(pipeline, query, "text/plain", pipeline->opts->size) != 0) {
        return -1;
    }
    return add(&pipeline->out, pipeline->payload, pipeline->opts->size);
}

static int offer_json(eb_pipeline_t *pipeline, uint32_t events,
                      uint64_t stamp_ns)
{
    int is_array = pipeline->opts->format == EB_LOAD_OPTIONS_BATCH;
    eb_buf_t body = {0};
    uint32_t i;
    int rc = 0;

    for (i = 0; i < events && rc == 0; i++) {
        if (is_array) {
            rc = add(&body, i == 0 ? "[" : ",", 1);
        }
        if (rc == 0) {
            rc = add_object(pipeline, &body, stamp_ns);
        }
    }
    if (rc == 0 && is_array) {
        rc = add(&body, "]", 1);
    }
    if (rc == 0) {
        rc = add_head(pipeline, "", "application/json", body.len);
    }
    if (rc == 0) {
        rc = add(&pipeline->out, body.bytes, body.len);
    }
    eb_buf_clear(&body);
    return rc;
}

int eb_pipeline_offer(eb_pipeline_t *pipeline, uint32_t events,
                      uint64_t stamp_ns)
{
    int rc = 0;

    if (pipeline->opts->format == EB_LOAD_OPTIONS_BATCH) {
        rc = offer_json(pipeline, events, stamp_ns);
        events = 0;
    }
    for (; events > 0 && rc == 0; events--) {
        rc = pipeline->opts->format == EB_LOAD_OPTIONS_RAW
                 ? offer_raw(pipeline, stamp_ns)
                 : offer_json(pipeline, 1, stamp_ns);
    }
    return rc == 0 ? 0 : complain("request", "no memory");
}

/* Returns the number of events in the oldest unanswered request. */
static uint32_t events_of_request(const eb_pipeline_t *pipeline)
{
    const eb_load_options_t *opts = pipeline->opts;
    uint32_t rest = opts->events - pipeline->answered;

    if (opts->format != EB_LOAD_OPTIONS_BATCH) {
        return 1;
    }
    return rest < opts->burst ? rest : opts->burst;
}

/* Returns 1: 2xx (nchan has 201 and 202); 0: incomplete; -1: any other response
 * (logged). */
static int read_response(eb_pipeline_t *pipeline, int *closes)
{
    eb_buf_t *in = &pipeline->in;
    eb_http_response_t response;
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
    if (eb_http_head_read(&response, in->bytes, head_len) != 0) {
        return complain("response", "not HTTP/1");
    }
    if (response.status / 100 != 2) {
        snprintf(status, sizeof(status), "status %d", response.status);
        return complain("response", status);
    }
    bytes = in->bytes + head_len;
    len = in->len - head_len;
    do {
        run = eb_http_body_next(&response.body, &bytes, &len, &piece);
    } while (run > 0);
    if (run < 0 || response.body.state == EB_HTTP_BODY_TO_EOF) {
        return complain("response", "neither length nor chunks");
    }
    if (response.body.state != EB_HTTP_BODY_DONE) {
        return 0;
    }
    *closes = response.closes;
    eb_buf_drop(in, in->len - len);
    return 1;
}

static int read_responses(eb_pipeline_t *pipeline)
{
    int closes = 0;
    int rc;

    for (;;) {
        rc = read_response(pipeline, &closes);
        if (rc <= 0) {
            return rc;
        }
        pipeline->answered += events_of_request(pipeline);
        if (closes) {
            /* the server did not read the requests after this one */
            return reconnect(pipeline);
        }
    }
}

static int receive(eb_pipeline_t *pipeline)
{
    char bytes[16384];
    ssize_t len;

    len = recv(pipeline->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (len <= 0) {
        if (pipeline->queued == pipeline->answered) {
            return reconnect(pipeline); /* the end of keep-alive */
        }
        return complain("no response",
                        len == 0 ? "connection closed" : strerror(errno));
    }
    if (eb_buf_add(&pipeline->in, bytes, (size_t)len, MAX_RESPONSE) != 0) {
        return complain("response", "too long");
    }
    return read_responses(pipeline);
}

static int write_out(eb_pipeline_t *pipeline)
{
    ssize_t len;

    len = send(pipeline->fd, pipeline->out.bytes, pipeline->out.len,
               MSG_DONTWAIT | MSG_NOSIGNAL);
    if (len < 0) {
        return errno == EAGAIN || errno == EINTR || errno == ENOTCONN
                   ? 0
                   : complain("send", strerror(errno));
    }
    eb_buf_drop(&pipeline->out, (size_t)len);
    return 0;
}

int eb_pipeline_step(eb_pipeline_t *pipeline, uint64_t wait_ns)
{
    struct timespec wait;
    struct pollfd poll;

    if (pipeline->out.len > 0 && write_out(pipeline) != 0) {
        return -1;
    }
    poll.fd = pipeline->fd;
    poll.events = POLLIN;
    poll.revents = 0;
    if (pipeline->out.len > 0) {
        poll.events |= POLLOUT;
    }
    wait.tv_sec = (time_t)(wait_ns / EB_NS_PER_SEC);
    wait.tv_nsec = (long)(wait_ns % EB_NS_PER_SEC);
    if (ppoll(&poll, 1, &wait, NULL) <= 0 ||
        (poll.revents & (POLLIN | POLLHUP | POLLERR)) == 0) {
        return 0;
    }
    return receive(pipeline);
}
