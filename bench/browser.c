/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As Firefox and curl do, a client whose stream is reset with HTTP_1_1_REQUIRED
 * asks for this stream over HTTP/1.1, on a connection of its own, and stays
 * with HTTP/2 for all else. As browsers do, it repeats the request of a page
 * whose connection was closed before any answer: the server may close a
 * connection without streams just as the request is on its way.
 */
#include "bench/browser.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"

#define RETRY_NS EB_NS_PER_SEC
#define READ_SIZE (64 * 1024)
#define MAX_HEAD 8192
#define MAX_REQUEST 2048
#define DATA_SIZE 100 /* bytes of an event */
#define MAX_TRIES 3

void eb_browser_init(eb_browser_t *browser, eb_browser_shared_t *shared,
                     uint32_t index)
{
    const eb_browser_options_t *opts = shared->opts;

    memset(browser, 0, sizeof(*browser));
    browser->shared = shared;
    browser->stream.browser = browser;
    browser->stream.kind = EB_BROWSER_STREAM;
    browser->posts = index == opts->clients;
    eb_conn_init(&browser->conn);
    snprintf(browser->agent, sizeof(browser->agent), "browsers/%u", index);
    /* their bursts are evenly spread */
    browser->next_ns = eb_clock_ns() + opts->every_ns * index / opts->clients;
}

/* ---- the stream ---------------------------------------------------------- */

static void on_event(void *arg, const eb_sse_event_t *event)
{
    eb_browser_t *browser = arg;

    if (event->id != NULL && event->id_len < sizeof(browser->last_id)) {
        memcpy(browser->last_id, event->id, event->id_len);
        browser->last_id[event->id_len] = '\0';
    }
    if (eb_sse_is(event, "stream-open")) {
        browser->shared->streams += browser->has_begun ? 0 : 1;
        browser->has_begun = 1;
    }
    else if (eb_sse_is(event, "message") && event->data != NULL) {
        browser->shared->events++;
    }
}

static void stream_ended(eb_browser_t *browser)
{
    eb_conn_close(&browser->conn);
    eb_buf_clear(&browser->head);
    eb_buf_clear(&browser->sse.rest);
    browser->call = NULL;
    browser->has_head = 0;
    browser->shared->ends++;
    browser->stream_ns = browser->shared->now_ns + RETRY_NS;
}

static void ask_again(eb_browser_t *browser)
{
    browser->call = NULL;
    browser->is_asked = 1;
    browser->shared->asked++;
    browser->stream_ns = browser->shared->now_ns;
}

/* ---- callbacks of HTTP/2 ------------------------------------------------- */

static int is_ok(const eb_h2_stream_t *stream)
{
    const char *status = eb_h2_header(stream, ":status");

    return status != NULL && strncmp(status, "200", 3) == 0;
}

static void on_head(eb_h2_stream_t *stream)
{
    (void)stream;
}

static void on_body(eb_h2_stream_t *stream, char *bytes, size_t len)
{
    eb_browser_call_t *call = stream->arg;

    if (call->kind == EB_BROWSER_STREAM) {
        eb_sse_parse(&call->browser->sse, bytes, len, on_event, call->browser);
    }
}

static void page_closed(eb_h2_stream_t *stream, eb_browser_call_t *call)
{
    eb_browser_t *browser = call->browser;
    eb_browser_shared_t *shared = browser->shared;

    if (stream->head.len == 0 && ++call->tries < MAX_TRIES) {
        shared->retries++;
        call->next = browser->again;
        browser->again = call;
        return;
    }
    if (call->is_counted) {
        shared->open--;
        if (stream->has_ended && is_ok(stream)) {
            eb_histogram_add(&shared->times, eb_clock_ns() - call->begun_ns);
        }
        else {
            shared->failed++;
        }
    }
    free(call);
}

static void on_close(eb_h2_stream_t *stream, const char *why)
{
    eb_browser_call_t *call = stream->arg;

    (void)why;
    switch (call->kind) {
    case EB_BROWSER_PAGE: page_closed(stream, call); break;
    case EB_BROWSER_POST:
        call->browser->shared->posted +=
            stream->has_ended && is_ok(stream) ? 1 : 0;
        free(call);
        break;
    default:
        if (stream->error == EB_H2_HTTP_1_1_REQUIRED) {
            ask_again(call->browser);
        }
        else {
            stream_ended(call->browser);
        }
    }
}

static const eb_h2_ops_t OPS = {on_head, on_body, NULL, on_close};

/* ---- requests ------------------------------------------------------------ */

/* Its call is freed, or repeated, when it is answered. */
static void request(eb_browser_t *browser, eb_browser_call_t *call)
{
    const eb_browser_options_t *opts = browser->shared->opts;
    int posts = call->kind == EB_BROWSER_POST;
    const char *fields[] = {":method",
                            posts ? "POST" : "GET",
                            ":path",
                            posts ? opts->publish : opts->page,
                            "user-agent",
                            browser->agent,
                            posts ? "content-type" : NULL,
                            "text/plain",
                            NULL};
    char data[DATA_SIZE];

    memset(data, 'x', sizeof(data));
    if (eb_h2_request(browser->h2, fields, posts ? data : NULL, sizeof(data),
                      call) == NULL) {
        call->next = browser->again;
        browser->again = call;
    }
}

static void request_new(eb_browser_t *browser)
{
    eb_browser_shared_t *shared = browser->shared;
    eb_browser_call_t *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        abort(); /* the counts would be wrong */
    }
    call->browser = browser;
    call->kind = browser->posts ? EB_BROWSER_POST : EB_BROWSER_PAGE;
    call->begun_ns = eb_clock_ns();
    call->is_counted = shared->is_counting && !browser->posts;
    if (call->is_counted) {
        shared->requests++;
        shared->open++;
    }
    request(browser, call);
}

static void request_again(eb_browser_t *browser)
{
    eb_browser_call_t *call = browser->again;
    eb_browser_call_t *next;

    browser->again = NULL;
    for (; call != NULL; call = next) {
        next = call->next;
        request(browser, call);
    }
}

static void request_stream(eb_browser_t *browser)
{
    int resumes = browser->last_id[0] != '\0';
    const char *fields[] = {":method",
                            "GET",
                            ":path",
                            browser->shared->opts->events,
                            "accept",
                            "text/event-stream",
                            "user-agent",
                            browser->agent,
                            "sec-fetch-dest",
                            "empty",
                            resumes ? "last-event-id" : NULL,
                            browser->last_id,
                            NULL};

    browser->call =
        eb_h2_request(browser->h2, fields, NULL, 0, &browser->stream);
}

/* ---- a stream over HTTP/1.1 ---------------------------------------------- */

static int connect_http1(eb_browser_t *browser)
{
    eb_browser_shared_t *shared = browser->shared;
    int fd = eb_net_connect(&shared->opts->servers.addr[0], 0);

    if (eb_conn_start(&browser->conn, fd, shared->h1_tls) != 0) {
        browser->stream_ns = shared->now_ns + RETRY_NS;
        return -1;
    }
    return browser->conn.fd;
}

static void request_http1(eb_browser_t *browser)
{
    char request[MAX_REQUEST];
    int len;

    len = snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                   "Accept: text/event-stream\r\nUser-Agent: %s\r\n"
                   "Sec-Fetch-Dest: empty\r\n%s%s%s\r\n",
                   browser->shared->opts->events, browser->agent,
                   browser->last_id[0] != '\0' ? "Last-Event-ID: " : "",
                   browser->last_id, browser->last_id[0] != '\0' ? "\r\n" : "");
    if (eb_conn_write(&browser->conn, request, (size_t)len) != len) {
        stream_ended(browser);
    }
}

/* Returns 0, or -1: the stream has ended. */
static int take_body(eb_browser_t *browser, char *bytes, size_t len)
{
    char *piece;
    long run;

    do {
        run = eb_http_body_next(&browser->body, &bytes, &len, &piece);
        if (run > 0) {
            eb_sse_parse(&browser->sse, piece, (size_t)run, on_event, browser);
        }
    } while (run > 0);
    return run < 0 || browser->body.state == EB_HTTP_BODY_DONE ? -1 : 0;
}

/* The same. */
static int take_http1(eb_browser_t *browser, char *bytes, size_t len)
{
    eb_http_response_t response;
    size_t head_len;

    if (browser->has_head) {
        return take_body(browser, bytes, len);
    }
    if (eb_buf_add(&browser->head, bytes, len, READ_SIZE + MAX_HEAD) != 0) {
        return -1;
    }
    head_len = eb_http_head_len(browser->head.bytes, browser->head.len);
    if (head_len == 0) {
        return 0;
    }
    if (eb_http_head_read(&response, browser->head.bytes, head_len) != 0 ||
        response.status != 200) {
        return -1;
    }
    browser->body = response.body;
    browser->has_head = 1;
    return take_body(browser, browser->head.bytes + head_len,
                     browser->head.len - head_len);
}

void eb_browser_ready_http1(eb_browser_t *browser)
{
    static char buffer[READ_SIZE];
    int was_open = browser->conn.is_open;
    int rc = browser->conn.fd >= 0 ? eb_conn_step(&browser->conn) : 0;
    ssize_t len;

    if (rc > 0 && !was_open) {
        request_http1(browser);
    }
    while (rc > 0 && browser->conn.fd >= 0) {
        len = eb_conn_read(&browser->conn, buffer, sizeof(buffer));
        if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (len <= 0 || take_http1(browser, buffer, (size_t)len) != 0) {
            stream_ended(browser);
        }
    }
    if (rc < 0) {
        stream_ended(browser);
    }
}

/* ---- the connection ------------------------------------------------------ */

static int connect_http2(eb_browser_t *browser)
{
    eb_browser_shared_t *shared = browser->shared;
    int fd = eb_net_connect(&shared->opts->servers.addr[0], 0);
    eb_conn_t conn;

    if (eb_conn_start(&conn, fd, shared->h2_tls) == 0) {
        browser->h2 = eb_h2_open(&conn, 0, &OPS, browser);
    }
    return browser->h2 != NULL ? fd : -1;
}

static void drop_connection(eb_browser_t *browser)
{
    eb_h2_close(browser->h2, 0);
    browser->h2 = NULL;
}

void eb_browser_ready(eb_browser_t *browser)
{
    if (browser->h2 != NULL && eb_h2_ready(browser->h2) < 0) {
        drop_connection(browser);
    }
}

static void request_pages(eb_browser_t *browser)
{
    const eb_browser_options_t *opts = browser->shared->opts;
    uint32_t i;

    if (browser->shared->now_ns < browser->next_ns) {
        return;
    }
    for (i = 0; i < (browser->posts ? 1 : opts->burst); i++) {
        request_new(browser);
    }
    browser->next_ns += browser->posts
                            ? (uint64_t)((double)EB_NS_PER_SEC / opts->rate)
                            : opts->every_ns;
}

static int wants_stream(const eb_browser_t *browser)
{
    return browser->shared->opts->events != NULL && !browser->posts &&
           browser->call == NULL && browser->conn.fd < 0 &&
           browser->shared->now_ns >= browser->stream_ns;
}

void eb_browser_tick(eb_browser_t *browser, int fds[2])
{
    fds[0] = fds[1] = -1;
    if (browser->h2 != NULL && eb_h2_is_leaving(browser->h2) &&
        eb_h2_streams(browser->h2) == 0) {
        drop_connection(browser);
    }
    if (browser->h2 == NULL) {
        fds[0] = connect_http2(browser);
        return;
    }
    if (browser->is_asked && wants_stream(browser)) {
        fds[1] = connect_http1(browser);
    }
    if (!eb_h2_takes_requests(browser->h2)) {
        return;
    }
    if (!browser->is_asked && wants_stream(browser)) {
        request_stream(browser);
    }
    request_again(browser);
    request_pages(browser);
    if (eb_h2_flush(browser->h2) < 0) {
        drop_connection(browser);
    }
}

void eb_browser_close(eb_browser_t *browser)
{
    eb_browser_call_t *next;

    if (browser->h2 != NULL) {
        eb_h2_close(browser->h2, 1); /* calls without answer are not freed */
    }
    for (; browser->again != NULL; browser->again = next) {
        next = browser->again->next;
        free(browser->again);
    }
    eb_conn_close(&browser->conn);
    eb_buf_clear(&browser->head);
    eb_buf_clear(&browser->sse.rest);
}
