/* SPDX-License-Identifier: Apache-2.0 */
/**
 * browser: a client of browsers. Over one connection of HTTP/2 it has an event
 * stream, if it wants one, and asks for ordinary pages, some at a time.
 */
#ifndef EB_BROWSER_H
#define EB_BROWSER_H

#include "bench/h2.h"
#include "bench/histogram.h"
#include "bench/http.h"
#include "bench/net.h"
#include "bench/sse.h"

/* The command line of browsers. */
typedef struct {
    eb_net_addrs_t servers; /* the first counts */
    const char *page;       /* path */
    const char *events;     /* path of the stream; NULL: no streams */
    const char *publish;    /* path to POST to, or NULL */
    double rate;            /* events/s */
    uint32_t clients;
    uint32_t burst;      /* requests at a time */
    uint32_t tls;        /* eb_tls_version_t */
    uint64_t every_ns;   /* from one burst of a client to the next */
    uint64_t seconds_ns; /* of the measurement */
} eb_browser_options_t;

/* What all clients share. */
typedef struct {
    const eb_browser_options_t *opts;
    eb_tls_t *h2_tls; /* NULL: without TLS, by prior knowledge */
    eb_tls_t *h1_tls; /* for streams that are asked to use HTTP/1.1 */
    uint64_t now_ns;
    int is_counting;      /* requests that begin now are measured */
    eb_histogram_t times; /* of pages, from the request to the last byte */
    uint64_t requests;
    uint64_t failed;  /* no complete answer of 200 */
    uint64_t retries; /* requests that were repeated */
    uint64_t open;    /* still without answer */
    uint64_t streams; /* that have received stream-open, once for a client */
    uint64_t ends;    /* streams that ended; they are resumed */
    uint64_t asked;   /* to use HTTP/1.1 */
    uint64_t events;  /* received */
    uint64_t posted;  /* acknowledged */
} eb_browser_shared_t;

typedef struct eb_browser eb_browser_t;

/* A request; the arg of its eb_h2_stream_t. */
typedef struct eb_browser_call {
    struct eb_browser_call *next; /* of those that are repeated */
    eb_browser_t *browser;
    uint64_t begun_ns;
    enum { EB_BROWSER_PAGE, EB_BROWSER_STREAM, EB_BROWSER_POST } kind;
    int is_counted;
    int tries;
} eb_browser_call_t;

struct eb_browser {
    eb_browser_shared_t *shared;
    eb_h2_t *h2;              /* ours, or NULL */
    eb_browser_call_t stream; /* its request */
    eb_h2_stream_t *call;     /* over HTTP/2, or NULL */
    eb_browser_call_t *again; /* to be repeated over a new connection */
    eb_conn_t conn;           /* of a stream over HTTP/1.1 */
    eb_http_body_t body;
    eb_buf_t head;
    eb_sse_t sse;
    uint64_t next_ns;   /* of the next burst, or POST */
    uint64_t stream_ns; /* of the next request of a stream */
    char agent[24];     /* each client is a browser of its own to the module */
    char last_id[EB_SSE_ID_SIZE];
    int is_asked;  /* its stream uses HTTP/1.1 */
    int has_begun; /* stream-open was received */
    int has_head;  /* over HTTP/1.1 */
    int posts;     /* it publishes, and does nothing else */
};

/** Client `index` of all; the one after the last publishes. */
void eb_browser_init(eb_browser_t *browser, eb_browser_shared_t *shared,
                     uint32_t index);

/**
 * Do what is due.
 *
 * @param fds  set to sockets that are new, -1: none; the caller watches the
 *             first (HTTP/2) and the second (HTTP/1.1), edge-triggered
 */
void eb_browser_tick(eb_browser_t *browser, int fds[2]);

/** Handle an event of the connection of HTTP/2. */
void eb_browser_ready(eb_browser_t *browser);

/** The same of the connection of HTTP/1.1. */
void eb_browser_ready_http1(eb_browser_t *browser);

/** Close all and free what it holds. */
void eb_browser_close(eb_browser_t *browser);

#endif
