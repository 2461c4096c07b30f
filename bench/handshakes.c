/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handshakes: what does a new connection over TLS cost the server? Each one
 * connects, shakes hands, sends one GET, reads the response to its end (with
 * --text only up to that text, as that of a stream has no end), and closes as a
 * browser does: close_notify, then FIN. handshake.sh compares an ordinary page
 * with a stream.
 *
 * With --resume a connection resumes the TLS session of the one before it, by
 * the ticket that came with that one's response. The first connections of each
 * place, which cannot, are not measured. Processor time is read when all are
 * closed, SETTLE_NS after the last one, so that the server has closed them too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/conn.h"
#include "bench/http.h"
#include "bench/net.h"
#include "bench/options.h"
#include "bench/procs.h"

#define MAX_AT_ONCE 1000
#define RESPONSE_SIZE 8192
#define WAIT_MS 100
#define STALLED_NS (20 * EB_NS_PER_SEC)
#define SETTLE_NS (EB_NS_PER_SEC / 2)

typedef struct {
    eb_net_addrs_t servers;
    const char *path;
    const char *text; /* NULL: the response is to be complete */
    const char *cipher;
    uint32_t tls; /* eb_tls_version_t */
    uint32_t connections;
    uint32_t at_once;
    uint32_t locals;
    uint32_t pid; /* parent of the server */
    int resumes;
} options_t;

#define FIELD(name) offsetof(options_t, name)

static const eb_options_row_t ROWS[] = {
    {"--servers", EB_OPTIONS_ADDRS, FIELD(servers), 0, 0,
     "ADDR:PORT[,ADDR:PORT...]"},
    {"--pid", EB_OPTIONS_COUNT, FIELD(pid), 1, 1 << 30,
     "parent of the server's processes, to measure them"},
    {"--path", EB_OPTIONS_TEXT, FIELD(path), 0, 0, "to GET (/page.txt)"},
    {"--text", EB_OPTIONS_TEXT, FIELD(text), 0, 0,
     "close when the response has this text (when it is complete)"},
    {"--tls", EB_OPTIONS_CHOICE, FIELD(tls), 0, 0,
     EB_TLS_CHOICES "  version of TLS (1.3)"},
    {"--cipher", EB_OPTIONS_TEXT, FIELD(cipher), 0, 0,
     "OpenSSL's name of the only cipher (all)"},
    {"--connections", EB_OPTIONS_COUNT, FIELD(connections), 1, 1e7, "(1000)"},
    {"--at-once", EB_OPTIONS_COUNT, FIELD(at_once), 1, MAX_AT_ONCE, "(8)"},
    {"--locals", EB_OPTIONS_COUNT, FIELD(locals), 1, 250,
     "connect from 127.0.0.1 ... 127.0.0.N (8)"},
    {"--resume", EB_OPTIONS_FLAG, FIELD(resumes), 0, 0,
     "resume TLS sessions, instead of whole handshakes"},
};

static const eb_options_table_t TABLE = {"handshakes", ROWS,
                                         sizeof(ROWS) / sizeof(ROWS[0])};

/* A connection; reused for the next one once it is closed. */
typedef struct {
    char response[RESPONSE_SIZE];
    size_t len;
    eb_conn_t tcp;
    eb_tls_ticket_t *ticket; /* of the connection before; NULL: none */
    int has_requested;
} place_t;

typedef struct {
    options_t opts;
    char request[1024];
    size_t request_len;
    eb_tls_t *tls; /* NULL: plain */
    place_t places[MAX_AT_ONCE];
    int epoll_fd;
    uint64_t news_ns; /* when a connection was closed last */
    /* of this round */
    uint32_t wanted;
    uint32_t begun;
    uint32_t ended;
    uint32_t resumed;
    uint32_t failed;
} run_t;

static run_t run;

/* why: NULL = it has its response */
static void finish(place_t *place, const char *why)
{
    if (why != NULL && run.failed++ == 0) {
        fprintf(stderr, "handshakes: %s\n", why);
    }
    if (why == NULL && run.opts.resumes) {
        run.resumed += (uint32_t)eb_conn_is_resumed(&place->tcp);
        eb_tls_ticket_free(place->ticket);
        place->ticket = eb_conn_ticket(&place->tcp);
    }
    eb_conn_close(&place->tcp);
    run.ended++;
    run.news_ns = eb_clock_ns();
}

static void begin(place_t *place)
{
    const eb_net_addrs_t *servers = &run.opts.servers;
    uint32_t number = run.begun++;
    struct epoll_event event = {0};
    int fd;

    place->len = 0;
    place->has_requested = 0;
    fd =
        eb_net_connect(&servers->addr[number % servers->count],
                       1 + number / (uint32_t)servers->count % run.opts.locals);
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = place;
    if (eb_conn_start(&place->tcp, fd, run.tls) != 0 ||
        epoll_ctl(run.epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        finish(place, strerror(errno));
        return;
    }
    if (place->ticket != NULL) {
        eb_conn_resume(&place->tcp, place->ticket);
    }
}

/* Is it a head of 200, with its whole body, or with the text? */
static int is_complete(const place_t *place)
{
    size_t head_len = eb_http_head_len(place->response, place->len);
    const char *body = place->response + head_len;
    eb_http_response_t response;

    if (head_len == 0 ||
        eb_http_head_read(&response, place->response, head_len) != 0 ||
        response.status != 200) {
        return 0;
    }
    return run.opts.text != NULL
               ? strstr(body, run.opts.text) != NULL
               : response.body.state == EB_HTTP_BODY_LENGTH &&
                     place->len - head_len == response.body.left;
}

static void receive(place_t *place)
{
    ssize_t len;

    do {
        len = eb_conn_read(&place->tcp, place->response + place->len,
                           RESPONSE_SIZE - 1 - place->len);
        if (len < 0 && errno == EAGAIN) {
            return;
        }
        if (len <= 0) {
            finish(place,
                   len == 0 ? "ended by the server" : eb_conn_why(&place->tcp));
            return;
        }
        place->len += (size_t)len;
        place->response[place->len] = '\0';
    } while (!is_complete(place) && place->len < RESPONSE_SIZE - 1);
    finish(place, is_complete(place) ? NULL : "no complete answer of 200");
}

static void step(place_t *place)
{
    int rc = eb_conn_step(&place->tcp);

    if (rc < 0) {
        finish(place, eb_conn_why(&place->tcp));
    }
    if (rc <= 0) {
        return;
    }
    if (!place->has_requested) {
        place->has_requested = 1;
        if (eb_conn_write(&place->tcp, run.request, run.request_len) !=
            (ssize_t)run.request_len) {
            finish(place, eb_conn_why(&place->tcp));
            return;
        }
    }
    receive(place);
}

/* Returns 0, or -1: no connection has ended for STALLED_NS. */
static int make(uint32_t connections)
{
    struct epoll_event ready[MAX_AT_ONCE];
    uint32_t i;
    int count;

    run.wanted = connections;
    run.begun = run.ended = run.resumed = run.failed = 0;
    run.news_ns = eb_clock_ns();
    while (run.ended < run.wanted) {
        for (i = 0; i < run.opts.at_once && run.begun < run.wanted; i++) {
            if (run.places[i].tcp.fd < 0) {
                begin(&run.places[i]);
            }
        }
        count = epoll_wait(run.epoll_fd, ready, MAX_AT_ONCE, WAIT_MS);
        while (count-- > 0) {
            step(ready[count].data.ptr);
        }
        if (eb_clock_ns() > run.news_ns + STALLED_NS) {
            fputs("handshakes: no response for 20 seconds\n", stderr);
            return -1;
        }
    }
    eb_clock_sleep(SETTLE_NS);
    return 0;
}

static int open_run(int argc, char **argv)
{
    options_t *opts = &run.opts;
    uint32_t i;
    int len;

    opts->path = "/page.txt";
    opts->tls = EB_TLS_1_3;
    opts->connections = 1000;
    opts->at_once = 8;
    opts->locals = 8;
    if (eb_options_read(opts, &TABLE, argc, argv) != 0) {
        return -1;
    }
    if (opts->servers.count == 0) {
        return eb_options_usage(&TABLE);
    }
    len = snprintf(run.request, sizeof(run.request),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", opts->path);
    if (len >= (int)sizeof(run.request)) {
        return -1;
    }
    run.request_len = (size_t)len;
    for (i = 0; i < MAX_AT_ONCE; i++) {
        eb_conn_init(&run.places[i].tcp);
    }
    run.tls = opts->tls == EB_TLS_NO
                  ? NULL
                  : eb_tls_client((eb_tls_version_t)opts->tls, opts->cipher);
    run.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return (run.tls != NULL || opts->tls == EB_TLS_NO) && run.epoll_fd >= 0
               ? 0
               : -1;
}

static void close_run(void)
{
    uint32_t i;

    for (i = 0; i < MAX_AT_ONCE; i++) {
        eb_tls_ticket_free(run.places[i].ticket);
    }
    eb_tls_close(run.tls);
    close(run.epoll_fd);
}

/* Processor time and memory of the server; without --pid both stay 0. */
static void measure(uint64_t *cpu_us, uint64_t *pss_bytes)
{
    *cpu_us = 0;
    *pss_bytes = 0;
    if (run.opts.pid != 0 &&
        (eb_procs_cpu_us(cpu_us, (pid_t)run.opts.pid) != 0 ||
         eb_procs_pss_bytes(pss_bytes, (pid_t)run.opts.pid) != 0)) {
        fprintf(stderr, "handshakes: cannot measure process %u\n",
                (unsigned int)run.opts.pid);
    }
}

int main(int argc, char **argv)
{
    uint64_t cpu_before, cpu_after, pss_before, pss_after;
    uint32_t failed = 0;
    int rc = 0;

    if (open_run(argc, argv) != 0) {
        return 2;
    }
    eb_net_raise_limit();
    if (run.opts.resumes) {
        rc = make(run.opts.at_once * 2);
        failed = run.failed;
    }
    measure(&cpu_before, &pss_before);
    if (rc == 0) {
        rc = make(run.opts.connections);
    }
    measure(&cpu_after, &pss_after);
    printf("handshakes connections=%u resumed=%u failed=%u "
           "server_cpu_us=%.1f pss_before_kb=%llu pss_after_kb=%llu\n",
           (unsigned int)run.ended, (unsigned int)run.resumed,
           (unsigned int)(run.failed + failed),
           (double)(cpu_after - cpu_before) / run.opts.connections,
           (unsigned long long)(pss_before / 1024),
           (unsigned long long)(pss_after / 1024));
    close_run();
    return rc == 0 && run.failed + failed == 0 &&
                   (!run.opts.resumes || run.resumed == run.ended)
               ? 0
               : 1;
}
