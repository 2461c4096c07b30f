/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client whose connection ends is closed until its retry time is over. It
 * discards an incomplete event, which comes again, as its id was not received.
 *
 * Over TLS a stream has its clean end when close_notify follows the last chunk.
 * Without it, or without a last chunk, the stream is cut; a record that does
 * not open is torn.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/clock.h"
#include "bench/eventsource_priv.h"
#include "bench/stats.h"

#define MAX_HEAD 8192
#define MAX_REQUEST 2048
#define READ_SIZE (64 * 1024)
#define FIRST_RETRY_MS 1000           /* until the server has sent its own */
#define SLOW_SIZE 256                 /* bytes of a slow client's read … */
#define SLOW_NS (EB_NS_PER_SEC / 4)   /* … and the time between two */
#define END_BUFFER (256 * 1024)       /* SO_RCVBUF of one at the end */
#define NOTIFY_NS (5 * EB_NS_PER_SEC) /* from last chunk to close_notify */
#define UPDATE_MIN_MS 500    /* between two requests for new keys … */
#define UPDATE_RANGE_MS 1000 /* … and up to that more */
#define PAUSE_MS 500         /* a churning one is closed up to that long */

static eb_eventsource_kind_t kind_of(const eb_verify_options_t *opts,
                                     uint32_t index)
{
    /* 37 and 100 have no common factor: the kinds are evenly spread */
    uint32_t share = index * 37 % 100;

    if (share < opts->slow) {
        return share % 2 == 0 ? EB_EVENTSOURCE_SLOW : EB_EVENTSOURCE_STALLED;
    }
    return share < opts->slow + opts->churn ? EB_EVENTSOURCE_CHURNING
                                            : EB_EVENTSOURCE_STEADY;
}

void eb_eventsource_init(eb_eventsource_t *client,
                         eb_eventsource_shared_t *shared, uint32_t index)
{
    const eb_verify_options_t *opts = shared->opts;
    uint32_t width = 1;

    memset(client, 0, sizeof(*client));
    client->shared = shared;
    client->kind = kind_of(opts, index);
    client->server = index;
    eb_conn_init(&client->conn);
    client->retry_ms = FIRST_RETRY_MS;
    if (index * 59 % 100 < opts->multi) {
        width = 2 + index % (EB_RECEIVED_CHANNELS - 1);
        width = width < opts->channels ? width : opts->channels;
    }
    eb_received_init(&client->received, index, index % opts->channels, width);
}

int eb_eventsource_is_slow(const eb_eventsource_t *client)
{
    return client->kind == EB_EVENTSOURCE_SLOW ||
           client->kind == EB_EVENTSOURCE_STALLED;
}

static void close_for(eb_eventsource_t *client, uint64_t ms)
{
    eb_eventsource_h2_drop(client);
    eb_conn_close(&client->conn);
    client->state = EB_EVENTSOURCE_CLOSED;
    client->since_ns = 0;
    client->due_ns = client->shared->now_ns + ms * EB_NS_PER_MS;
    eb_buf_clear(&client->sse.rest);
}

void eb_eventsource_end(eb_eventsource_t *client, int is_clean, const char *why)
{
    uint32_t number = client->received.client;

    if (client->state != EB_EVENTSOURCE_STREAMING &&
        client->state != EB_EVENTSOURCE_ENDING) {
        eb_stats[EB_STATS_FAILED_CONNECTS]++;
    }
    else if (is_clean) {
        eb_stats[EB_STATS_CLEAN_ENDS]++;
        if (client->sse.rest.len != 0) {
            eb_stats_log(EB_STATS_TORN,
                         "client %u: a clean end within an event", number);
        }
    }
    else if (eb_eventsource_is_slow(client)) {
        eb_stats[EB_STATS_CUT_SLOW]++;
    }
    else {
        eb_stats_log(EB_STATS_CUT, "client %u: %s", number, why);
    }
    client->is_back = 1;
    client->shared->news_ns = client->shared->now_ns;
    close_for(client, client->retry_ms);
}

static void refused(eb_eventsource_t *client, const char *why)
{
    eb_stats_log(EB_STATS_REFUSED, "client %u: %s", client->received.client,
                 why);
    client->is_back = 1;
    close_for(client, client->retry_ms);
}

void eb_eventsource_asked(eb_eventsource_t *client)
{
    eb_stats[EB_STATS_ASKED]++;
    client->is_asked = 1;
    client->is_back = 1;
    close_for(client, 0);
}

/* ---- connecting ---------------------------------------------------------- */

static int start_connect(eb_eventsource_t *client)
{
    const eb_net_addrs_t *servers = &client->shared->opts->servers;
    const struct sockaddr_in *server;
    int fd;

    server = &servers->addr[client->server++ % servers->count];
    fd = eb_eventsource_is_slow(client) && !client->shared->is_ending
             ? eb_net_connect_narrow(server, EB_EVENTSOURCE_SLOW_BUFFER)
             : eb_net_connect(server, 0);
    if (eb_conn_start(&client->conn, fd, client->shared->tls) != 0) {
        eb_eventsource_end(client, 0, strerror(errno));
        return 0;
    }
    client->state = EB_EVENTSOURCE_CONNECTING;
    return 1;
}

void eb_eventsource_path(const eb_eventsource_t *client, char *dst, size_t size)
{
    const eb_verify_options_t *opts = client->shared->opts;
    const eb_received_t *received = &client->received;
    size_t len;
    uint32_t i;

    if (received->width == 1) {
        eb_http_expand(dst, size, opts->subscribe, received->first);
        return;
    }
    snprintf(dst, size, "%s", opts->multi_path);
    for (i = 0; i < received->width; i++) {
        len = strlen(dst);
        if (i > 0 && len + 1 < size) {
            dst[len++] = '&';
        }
        eb_http_expand(dst + len, size - len, opts->multi_item,
                       (received->first + i) % opts->channels);
    }
}

void eb_eventsource_agent(const eb_eventsource_t *client,
                          char agent[EB_EVENTSOURCE_AGENT_SIZE])
{
    snprintf(agent, EB_EVENTSOURCE_AGENT_SIZE, "verify/%u",
             client->received.client);
}

static void send_request(eb_eventsource_t *client)
{
    char request[MAX_REQUEST];
    char path[MAX_REQUEST / 2];
    char agent[EB_EVENTSOURCE_AGENT_SIZE] = "verify";
    int is_browser = client->shared->opts->browser;
    int resumes = client->last_id[0] != '\0';
    int rc = eb_conn_step(&client->conn);
    int len;

    if (rc < 0) {
        eb_eventsource_end(client, 0, eb_conn_why(&client->conn));
    }
    if (rc <= 0) {
        return;
    }
    eb_eventsource_path(client, path, sizeof(path));
    if (is_browser) {
        eb_eventsource_agent(client, agent);
    }
    len = snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                   "Accept: text/event-stream\r\nUser-Agent: %s\r\n%s%s%s%s"
                   "\r\n",
                   path, agent, is_browser ? "Sec-Fetch-Dest: empty\r\n" : "",
                   resumes ? "Last-Event-ID: " : "", client->last_id,
                   resumes ? "\r\n" : "");
    if (eb_conn_write(&client->conn, request, (size_t)len) != len) {
        eb_eventsource_end(client, 0, eb_conn_why(&client->conn));
        return;
    }
    client->state = EB_EVENTSOURCE_REQUESTED;
}

/* ---- the stream ---------------------------------------------------------- */

/* The last chunk has come. */
static void last_chunk(eb_eventsource_t *client)
{
    if (client->shared->tls == NULL || !client->closes) {
        eb_eventsource_end(client, 1, "");
        return;
    }
    client->state = EB_EVENTSOURCE_ENDING;
    client->end_ns = client->shared->now_ns + NOTIFY_NS;
}

static void take_body(eb_eventsource_t *client, char *bytes, size_t len)
{
    char *piece;
    long run;

    for (;;) {
        run = eb_http_body_next(&client->body, &bytes, &len, &piece);
        if (run <= 0) {
            break;
        }
        if (eb_sse_parse(&client->sse, piece, (size_t)run, eb_check_event,
                         client) != 0) {
            run = -1;
            break;
        }
    }
    if (run < 0) {
        eb_stats_log(EB_STATS_TORN,
                     "client %u: broken chunk, or event too large",
                     client->received.client);
        eb_eventsource_end(client, 0, "broken stream");
    }
    else if (client->body.state == EB_HTTP_BODY_DONE) {
        last_chunk(client);
    }
}

static void begin(eb_eventsource_t *client)
{
    eb_stats[EB_STATS_CONNECTS]++;
    eb_stats[EB_STATS_RECONNECTS] += client->is_back ? 1 : 0;
    eb_stats[EB_STATS_RESUMES] += client->last_id[0] != '\0' ? 1 : 0;
    client->is_back = 0;
    client->state = EB_EVENTSOURCE_STREAMING;
}

void eb_eventsource_head(eb_eventsource_t *client, int status, const char *type)
{
    static const char MEDIA[] = "text/event-stream";
    char text[64];

    if (status != 200 || type == NULL ||
        strncmp(type, MEDIA, sizeof(MEDIA) - 1) != 0) {
        snprintf(text, sizeof(text), "no stream, status %d", status);
        refused(client, text);
        return;
    }
    begin(client);
}

static void take_head(eb_eventsource_t *client, char *bytes, size_t len)
{
    eb_buf_t *head = &client->sse.rest;
    eb_buf_t whole;
    eb_http_response_t response;
    size_t head_len;

    if (eb_buf_add(head, bytes, len, READ_SIZE + MAX_HEAD) != 0) {
        refused(client, "head too long");
        return;
    }
    head_len = eb_http_head_len(head->bytes, head->len);
    if (head_len == 0) {
        return; /* more to come */
    }
    if (eb_http_head_read(&response, head->bytes, head_len) != 0) {
        refused(client, "not HTTP/1");
        return;
    }
    whole = *head;
    eb_eventsource_head(client, response.status,
                        eb_http_header(whole.bytes, head_len, "Content-Type"));
    if (client->state != EB_EVENTSOURCE_STREAMING) {
        return; /* refused, and freed */
    }
    client->body = response.body;
    client->closes = response.closes;
    memset(&client->sse.rest, 0, sizeof(client->sse.rest));
    take_body(client, whole.bytes + head_len, whole.len - head_len);
    eb_buf_clear(&whole);
}

/* @return does a FIN, over TLS after close_notify, end the stream cleanly? */
static int may_end(const eb_eventsource_t *client)
{
    return client->state == EB_EVENTSOURCE_ENDING ||
           (client->state == EB_EVENTSOURCE_STREAMING &&
            client->body.state == EB_HTTP_BODY_TO_EOF);
}

/* Nothing was read: the other end is done, or the connection failed. */
static void cannot_read(eb_eventsource_t *client, ssize_t len)
{
    if (len == 0) {
        eb_eventsource_end(client, may_end(client),
                           "closed without a last chunk");
        return;
    }
    if (errno == EBADMSG) {
        eb_stats_log(EB_STATS_TORN, "client %u: a record does not open: %s",
                     client->received.client, eb_conn_why(&client->conn));
    }
    eb_eventsource_end(client, 0, eb_conn_why(&client->conn));
}

/*
 * Reads once, up to size bytes. Returns 1: there may be more. Even a short read
 * may be followed by the end of the stream, for which there is no second edge.
 */
static int read_some(eb_eventsource_t *client, size_t size)
{
    static char buffer[READ_SIZE];
    ssize_t len;

    len = eb_conn_read(&client->conn, buffer, size);
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (len <= 0) {
        cannot_read(client, len);
        return 0;
    }
    if (client->state == EB_EVENTSOURCE_ENDING) {
        eb_stats_log(EB_STATS_TORN, "client %u: bytes after the last chunk",
                     client->received.client);
        eb_eventsource_end(client, 0, "bytes after the last chunk");
        return 0;
    }
    if (client->state == EB_EVENTSOURCE_REQUESTED) {
        take_head(client, buffer, (size_t)len);
    }
    else {
        take_body(client, buffer, (size_t)len);
    }
    return client->conn.fd >= 0;
}

void eb_eventsource_ready(eb_eventsource_t *client)
{
    if (client->state == EB_EVENTSOURCE_CONNECTING) {
        send_request(client);
    }
    if (client->state == EB_EVENTSOURCE_REQUESTED ||
        client->state == EB_EVENTSOURCE_STREAMING ||
        client->state == EB_EVENTSOURCE_ENDING) {
        if (eb_eventsource_is_slow(client)) {
            return; /* it reads in ticks */
        }
        while (read_some(client, READ_SIZE)) {
            continue;
        }
    }
}

/* ---- ticks --------------------------------------------------------------- */

static void read_slowly(eb_eventsource_t *client)
{
    eb_eventsource_shared_t *shared = client->shared;
    int large = END_BUFFER;

    if (eb_eventsource_uses_h2(client)) {
        if (shared->is_ending || client->since_ns == 0) {
            eb_eventsource_h2_read_slowly(client);
        }
        else if (client->kind == EB_EVENTSOURCE_SLOW &&
                 shared->now_ns >= client->due_ns) {
            client->due_ns = shared->now_ns + SLOW_NS;
            eb_eventsource_h2_read_slowly(client);
        }
        return;
    }
    if (shared->is_ending) {
        setsockopt(client->conn.fd, SOL_SOCKET, SO_RCVBUF, &large,
                   sizeof(large));
        while (read_some(client, READ_SIZE)) {
            continue;
        }
    }
    else if (client->since_ns == 0) {
        read_some(client, SLOW_SIZE);
    }
    else if (client->kind == EB_EVENTSOURCE_SLOW &&
             shared->now_ns >= client->due_ns) {
        client->due_ns = shared->now_ns + SLOW_NS;
        read_some(client, SLOW_SIZE);
    }
}

/* One in four reconnects as a new client, without an id. */
static void disconnect(eb_eventsource_t *client)
{
    eb_eventsource_shared_t *shared = client->shared;

    if (eb_eventsource_uses_h2(client)) {
        eb_eventsource_h2_disconnect(client);
    }
    else if (nrand48(shared->random) % 2 == 0) {
        eb_conn_reset(&client->conn);
    }
    close_for(client, (uint64_t)nrand48(shared->random) % PAUSE_MS);
    eb_stats[EB_STATS_CLIENT_CLOSES]++;
    if (nrand48(shared->random) % 4 == 0) {
        eb_received_check(&client->received, shared->published, 1);
        client->last_id[0] = '\0';
    }
}

/* It awaits close_notify, but not for ever. */
static void await_notify(eb_eventsource_t *client)
{
    while (read_some(client, READ_SIZE)) {
        continue;
    }
    if (client->state == EB_EVENTSOURCE_ENDING &&
        client->shared->now_ns >= client->end_ns) {
        eb_eventsource_end(client, 0, "no close_notify after the last chunk");
    }
}

/* Some clients ask for new keys, wherever their stream is at that moment. */
static void update_keys(eb_eventsource_t *client)
{
    eb_eventsource_shared_t *shared = client->shared;
    uint64_t pause_ms =
        UPDATE_MIN_MS + (uint64_t)nrand48(shared->random) % UPDATE_RANGE_MS;

    if (client->received.client * 71 % 100 >= shared->opts->updates ||
        client->since_ns == 0 || shared->now_ns < client->update_ns) {
        return;
    }
    client->update_ns = shared->now_ns + pause_ms * EB_NS_PER_MS;
    eb_stats[EB_STATS_KEY_UPDATES]++;
    if (eb_conn_update_keys(&client->conn) != 0) {
        eb_eventsource_end(client, 0, eb_conn_why(&client->conn));
    }
}

/* @return 1: conn.fd is new; 0 */
static int connect_again(eb_eventsource_t *client)
{
    if (eb_eventsource_uses_h2(client)) {
        eb_eventsource_h2_connect(client);
        return 0;
    }
    return start_connect(client);
}

int eb_eventsource_tick(eb_eventsource_t *client)
{
    eb_eventsource_shared_t *shared = client->shared;

    if (client->state == EB_EVENTSOURCE_CLOSED) {
        return shared->now_ns >= client->due_ns && connect_again(client);
    }
    if (client->state == EB_EVENTSOURCE_CONNECTING) {
        if (eb_eventsource_uses_h2(client)) {
            eb_eventsource_h2_request(client);
        }
        return 0;
    }
    if (client->state == EB_EVENTSOURCE_ENDING) {
        await_notify(client);
    }
    else if (eb_eventsource_is_slow(client)) {
        read_slowly(client);
    }
    else if (client->kind == EB_EVENTSOURCE_CHURNING && shared->has_begun &&
             !shared->is_ending && client->since_ns != 0 &&
             shared->now_ns >= client->due_ns) {
        disconnect(client);
    }
    if (client->state == EB_EVENTSOURCE_STREAMING &&
        shared->opts->updates != 0 && !eb_eventsource_uses_h2(client)) {
        update_keys(client);
    }
    return 0;
}

void eb_eventsource_close(eb_eventsource_t *client)
{
    static const char *const KINDS[] = {"steady", "churning", "slow",
                                        "stalled"};
    static const char *const STATES[] = {"closed", "connecting", "requested",
                                         "streaming", "ending"};

    if (!eb_received_is_complete(&client->received,
                                 client->shared->published)) {
        fprintf(stderr, "verify: client %u misses events: %s, %s, last id %s\n",
                client->received.client, KINDS[client->kind],
                STATES[client->state], client->last_id);
    }
    close_for(client, 0);
    if (client->received.open_ns == 0) {
        eb_stats_log(EB_STATS_REFUSED, "client %u: never had a stream",
                     client->received.client);
    }
    eb_received_check(&client->received, client->shared->published, 0);
}
