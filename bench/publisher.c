/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Once a byte of a request may have reached the server, its event is
 * acknowledged by a 200 with an id only. After anything else it is unknown, and
 * the connection is closed, since a late response would be taken for the one to
 * the next request.
 *
 * With --retry it is posted again then, to the next server, with an id of its
 * publisher, until it is acknowledged.
 *
 * Over HTTP/2 each event is a stream, one at a time. The callbacks may not
 * close the connection, so they leave that to after_h2().
 */
#include "bench/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/http.h"
#include "bench/stats.h"

#define MAX_OUT (256 * 1024)
#define MAX_RESPONSE (64 * 1024)
#define MAX_NAME 256
#define RECONNECT_NS (50 * EB_NS_PER_MS)
#define ACKS_OF_SERVER 20 /* then the next one gets the events */

void eb_publisher_init(eb_publisher_t *publisher,
                       const eb_verify_options_t *opts,
                       eb_published_t *published, eb_tls_t *tls, uint32_t index)
{
    memset(publisher, 0, sizeof(*publisher));
    publisher->opts = opts;
    publisher->published = published;
    publisher->tls = tls;
    publisher->random[0] = (unsigned short)opts->seed;
    publisher->random[1] = (unsigned short)(opts->seed >> 16);
    publisher->random[2] = (unsigned short)(index + 1);
    publisher->first = index;
    publisher->server = index;
    /* the first event goes to the first channel */
    publisher->channel = opts->channels;
    eb_conn_init(&publisher->conn);
}

static void give_up_event(eb_publisher_t *publisher)
{
    if (publisher->has_event) {
        eb_published_set_unknown(publisher->published, publisher->channel,
                                 publisher->number);
    }
    publisher->has_event = 0;
}

static void disconnect(eb_publisher_t *publisher)
{
    if (publisher->h2 != NULL) {
        eb_h2_close(publisher->h2, 0);
    }
    publisher->h2 = NULL;
    publisher->is_broken = 0;
    eb_conn_close(&publisher->conn);
    publisher->state = EB_PUBLISHER_CLOSED;
    publisher->acks = 0;
    eb_buf_clear(&publisher->out);
    eb_buf_clear(&publisher->in);
}

void eb_publisher_close(eb_publisher_t *publisher)
{
    give_up_event(publisher);
    disconnect(publisher);
}

static void fail(eb_publisher_t *publisher, uint64_t now_ns)
{
    if (now_ns >= publisher->until_ns) {
        give_up_event(publisher);
    }
    disconnect(publisher);
    publisher->due_ns = now_ns + RECONNECT_NS;
}

static void acknowledged(eb_publisher_t *publisher, const eb_sse_id_t *id)
{
    eb_published_ack(publisher->published, publisher->channel,
                     publisher->number, id);
    publisher->has_event = 0;
    publisher->state = EB_PUBLISHER_IDLE;
    publisher->acks++;
}

/* Other servers are to get the events of the same channels, too. */
static int is_to_move(const eb_publisher_t *publisher)
{
    return publisher->state == EB_PUBLISHER_IDLE && !publisher->has_event &&
           publisher->opts->servers.count > 1 &&
           publisher->acks >= ACKS_OF_SERVER;
}

static void send_event(eb_publisher_t *publisher, uint64_t now_ns);

/* The connection is open. */
static void opened(eb_publisher_t *publisher, uint64_t now_ns)
{
    publisher->state = EB_PUBLISHER_IDLE;
    if (publisher->has_event) {
        eb_published_again(publisher->published, publisher->channel,
                           publisher->number);
        send_event(publisher, now_ns);
    }
}

/* ---- HTTP/2 -------------------------------------------------------------- */

/* Finds the id in {"published":1,"id":"…"}. Returns 0, or -1: none. */
static int find_id(eb_sse_id_t *id, const char *body, size_t len)
{
    static const char KEY[] = "\"id\"";
    char text[256];
    char *start;

    len = len < sizeof(text) - 1 ? len : sizeof(text) - 1;
    memcpy(text, body, len);
    text[len] = '\0';
    start = strstr(text, KEY);
    if (start == NULL) {
        return -1;
    }
    start += sizeof(KEY) - 1;
    start += strspn(start, ": ");
    if (*start++ != '"') {
        return -1;
    }
    return eb_sse_id_parse(id, start, strcspn(start, "\""));
}

static void on_head(eb_h2_stream_t *stream)
{
    (void)stream;
}

static void on_body(eb_h2_stream_t *stream, char *bytes, size_t len)
{
    eb_publisher_t *publisher = stream->arg;

    if (eb_buf_add(&publisher->in, bytes, len, MAX_RESPONSE) != 0) {
        publisher->is_broken = 1;
    }
}

static void on_close(eb_h2_stream_t *stream, const char *why)
{
    eb_publisher_t *publisher = stream->arg;
    const char *status = eb_h2_header(stream, ":status");
    eb_sse_id_t id;

    (void)why;
    if (!stream->has_ended || status == NULL ||
        strncmp(status, "200", 3) != 0 || publisher->in.len == 0 ||
        find_id(&id, publisher->in.bytes, publisher->in.len) != 0) {
        publisher->is_broken = 1; /* closing it makes the event unknown */
        return;
    }
    eb_buf_clear(&publisher->in);
    acknowledged(publisher, &id);
}

static const eb_h2_ops_t OPS = {on_head, on_body, NULL, on_close};

/* @param rc  of eb_h2_ready() or eb_h2_flush() */
static void after_h2(eb_publisher_t *publisher, int rc, uint64_t now_ns)
{
    if (rc < 0 || publisher->is_broken) {
        fail(publisher, now_ns);
    }
    else if (publisher->state == EB_PUBLISHER_CONNECTING &&
             eb_h2_takes_requests(publisher->h2)) {
        opened(publisher, now_ns);
    }
    else if (publisher->state == EB_PUBLISHER_IDLE &&
             (eb_h2_is_leaving(publisher->h2) || is_to_move(publisher))) {
        disconnect(publisher);
        publisher->due_ns = now_ns;
    }
}

static void post_h2(eb_publisher_t *publisher, const char *path,
                    const char *data, size_t len, uint64_t now_ns)
{
    const char *const fields[] = {":method",      "POST",       ":path", path,
                                  "content-type", "text/plain", NULL};

    publisher->is_broken =
        eb_h2_request(publisher->h2, fields, data, len, publisher) == NULL;
    after_h2(publisher, eb_h2_flush(publisher->h2), now_ns);
}

/* ---- connecting ---------------------------------------------------------- */

static int start(eb_publisher_t *publisher)
{
    const eb_net_addrs_t *servers = &publisher->opts->servers;
    uint32_t server = publisher->server++ % (uint32_t)servers->count;
    int fd = eb_net_connect(&servers->addr[server], 0);

    if (eb_conn_start(&publisher->conn, fd, publisher->tls) != 0) {
        return -1;
    }
    if (publisher->opts->http2) {
        publisher->h2 = eb_h2_open(&publisher->conn, 0, &OPS, publisher);
        return publisher->h2 != NULL ? 0 : -1;
    }
    return 0;
}

int eb_publisher_fd(const eb_publisher_t *publisher)
{
    return publisher->h2 != NULL ? eb_h2_fd(publisher->h2) : publisher->conn.fd;
}

int eb_publisher_tick(eb_publisher_t *publisher, uint64_t now_ns)
{
    if (publisher->state == EB_PUBLISHER_IDLE || now_ns < publisher->due_ns) {
        return 0;
    }
    if (publisher->state != EB_PUBLISHER_CLOSED) {
        fail(publisher, now_ns);
        return 0;
    }
    if (now_ns >= publisher->until_ns) {
        give_up_event(publisher);
    }
    publisher->due_ns = now_ns + publisher->opts->timeout_ns;
    if (start(publisher) != 0) {
        publisher->due_ns = now_ns + RECONNECT_NS;
        return 0;
    }
    publisher->state = EB_PUBLISHER_CONNECTING;
    return 1;
}

/* 0 ... limit - 1 */
static uint32_t draw(eb_publisher_t *publisher, uint32_t limit)
{
    return (uint32_t)nrand48(publisher->random) % limit;
}

/* Sizes of each octave are equally frequent. */
static uint32_t draw_size(eb_publisher_t *publisher)
{
    uint32_t max = publisher->opts->max_size;
    uint32_t low = publisher->opts->min_size;
    uint32_t octaves = 1;
    uint32_t high;

    while (low << octaves <= max) {
        octaves++;
    }
    low <<= draw(publisher, octaves);
    high = low * 2 - 1 < max ? low * 2 - 1 : max;
    return low + draw(publisher, high - low + 1);
}

static void write_out(eb_publisher_t *publisher, uint64_t now_ns)
{
    ssize_t len;

    while (publisher->out.len != 0) {
        len = eb_conn_write(&publisher->conn, publisher->out.bytes,
                            publisher->out.len);
        if (len < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                fail(publisher, now_ns);
            }
            return;
        }
        eb_buf_drop(&publisher->out, (size_t)len);
    }
}

/* The path with channel and, if it may be posted again, id. */
static void write_path(const eb_publisher_t *publisher, char *path, size_t size)
{
    char name[MAX_NAME];
    int len;

    eb_http_expand(name, sizeof(name), publisher->opts->channel,
                   publisher->channel);
    len = snprintf(path, size, "%.255s?channel=%s", publisher->opts->publish,
                   name);
    if (publisher->opts->retry_ns != 0) {
        eb_published_own_id(name, sizeof(name), publisher->channel,
                            publisher->number);
        snprintf(path + len, size - (size_t)len, "&id=%s", name);
    }
}

static void send_event(eb_publisher_t *publisher, uint64_t now_ns)
{
    char data[EB_PAYLOAD_CHECKED_MAX];
    char path[MAX_NAME * 2 + 64];
    char head[MAX_NAME * 3 + 64];
    eb_payload_checked_t payload;
    int len;

    payload.channel = publisher->channel;
    payload.size = publisher->size;
    payload.number = publisher->number;
    eb_payload_checked_write(data, &payload);
    write_path(publisher, path, sizeof(path));
    publisher->state = EB_PUBLISHER_POSTING;
    publisher->due_ns = now_ns + publisher->opts->timeout_ns;
    if (publisher->h2 != NULL) {
        post_h2(publisher, path, data, payload.size, now_ns);
        return;
    }
    len = snprintf(head, sizeof(head),
                   "POST %s HTTP/1.1\r\nHost: localhost\r\n"
                   "Content-Type: text/plain\r\nContent-Length: %u\r\n\r\n",
                   path, (unsigned int)payload.size);
    if (eb_buf_add(&publisher->out, head, (size_t)len, MAX_OUT) != 0 ||
        eb_buf_add(&publisher->out, data, payload.size, MAX_OUT) != 0) {
        fail(publisher, now_ns);
        return;
    }
    write_out(publisher, now_ns);
}

void eb_publisher_post(eb_publisher_t *publisher, uint64_t now_ns)
{
    publisher->channel += publisher->opts->publishers;
    if (publisher->channel >= publisher->opts->channels) {
        publisher->channel = publisher->first;
    }
    publisher->size = draw_size(publisher);
    publisher->number = eb_published_add(
        publisher->published, publisher->channel, publisher->size, now_ns);
    publisher->has_event = 1;
    publisher->until_ns = now_ns + publisher->opts->retry_ns;
    send_event(publisher, now_ns);
}

/* Returns 1: acknowledged; 0: incomplete; -1: any other response. */
static int read_response(eb_publisher_t *publisher, int *closes)
{
    eb_buf_t *in = &publisher->in;
    eb_http_response_t response;
    eb_sse_id_t id;
    size_t head_len;
    char *bytes;
    char *piece;
    size_t len;
    long run;
    int found = -1;

    head_len = eb_http_head_len(in->bytes, in->len);
    if (head_len == 0) {
        return 0;
    }
    if (eb_http_head_read(&response, in->bytes, head_len) != 0 ||
        response.status != 200) {
        return -1;
    }
    bytes = in->bytes + head_len;
    len = in->len - head_len;
    for (;;) {
        run = eb_http_body_next(&response.body, &bytes, &len, &piece);
        if (run <= 0) {
            break;
        }
        if (found != 0) {
            found = find_id(&id, piece, (size_t)run);
        }
    }
    if (run < 0 || response.body.state == EB_HTTP_BODY_TO_EOF) {
        return -1;
    }
    if (response.body.state != EB_HTTP_BODY_DONE) {
        return 0;
    }
    if (found != 0) {
        return -1;
    }
    *closes = response.closes;
    acknowledged(publisher, &id);
    return 1;
}

/* Returns 1: there may be more, such as the end of the connection. */
static int receive(eb_publisher_t *publisher, uint64_t now_ns)
{
    char bytes[16384];
    ssize_t len;
    int closes = 0;
    int rc;

    len = eb_conn_read(&publisher->conn, bytes, sizeof(bytes));
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (len <= 0 || publisher->state != EB_PUBLISHER_POSTING ||
        eb_buf_add(&publisher->in, bytes, (size_t)len, MAX_RESPONSE) != 0) {
        fail(publisher, now_ns);
        return 0;
    }
    rc = read_response(publisher, &closes);
    if (rc < 0) {
        fail(publisher, now_ns);
    }
    else if (rc > 0) {
        eb_buf_clear(&publisher->in);
        if (closes || is_to_move(publisher)) {
            disconnect(publisher);
            publisher->due_ns = now_ns;
        }
    }
    return publisher->state != EB_PUBLISHER_CLOSED;
}

void eb_publisher_ready(eb_publisher_t *publisher, uint64_t now_ns)
{
    int rc;

    if (publisher->state == EB_PUBLISHER_CLOSED) {
        return;
    }
    if (publisher->h2 != NULL) {
        after_h2(publisher, eb_h2_ready(publisher->h2), now_ns);
        return;
    }
    if (publisher->state == EB_PUBLISHER_CONNECTING) {
        rc = eb_conn_step(&publisher->conn);
        if (rc < 0) {
            fail(publisher, now_ns);
        }
        if (rc <= 0) {
            return;
        }
        opened(publisher, now_ns);
    }
    write_out(publisher, now_ns);
    while (publisher->state != EB_PUBLISHER_CLOSED &&
           receive(publisher, now_ns)) {
        continue;
    }
}
