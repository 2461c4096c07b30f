/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     add ──> queue ──> socket            socket ──> parser ──> reply
 *
 * Bytes for which no command was sent are an error, since they would be taken
 * for the next reply. Of a broker that sends without an end, so much is read at
 * a time that the deadline and *stopping are looked at often.
 */
#include "cluster/link_priv.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "base/clock.h"
#include "base/context.h"
#include "cluster/parser.h"
#include "cluster/socket.h"

#define READ_SIZE (32 * 1024)
#define READS_MAX 32 /* between two looks at the clock */
#define QUEUE_MIN (16 * 1024)
#define HEADER_MAX 24 /* "$<number>\r\n" */

struct es_cluster_link_t {
    es_cluster_socket_t *sock;
    const volatile int *stopping;
    es_cluster_parser_t *parser;
    char *queue; /* what is to be sent: from sent to queued */
    apr_size_t queue_size, queued, sent;
    apr_uint64_t expected;
    apr_status_t failed; /* APR_SUCCESS = it has not */
    char why[ES_CLUSTER_LINK_WHY_SIZE];
    char address[ES_CLUSTER_LINK_ADDRESS_SIZE];
    char run[ES_CLUSTER_LINK_RUN_SIZE];
    char input[READ_SIZE];
};

/* ---- open and close ------------------------------------------------------ */

static void set_address(char address[ES_CLUSTER_LINK_ADDRESS_SIZE],
                        const es_cluster_host_t *host, const char *path)
{
    const apr_size_t size = ES_CLUSTER_LINK_ADDRESS_SIZE;

    if (host == NULL) {
        apr_cpystrn(address, path, size);
    }
    else if (strchr(host->host, ':')) {
        apr_snprintf(address, size, "[%s]:%d", host->host, host->port);
    }
    else {
        apr_snprintf(address, size, "%s:%d", host->host, host->port);
    }
}

apr_status_t es_cluster_link_connect(es_cluster_link_t **out,
                                     const es_cluster_link_params_t *params,
                                     const es_cluster_host_t *host,
                                     apr_time_t by, char *why,
                                     apr_size_t why_size)
{
    es_cluster_link_t *link = calloc(1, sizeof(*link));
    apr_size_t reply_max =
        params->reply_max ? params->reply_max : ES_CLUSTER_REPLY_MAX;
    char reason[ES_CLUSTER_LINK_WHY_SIZE] = "out of memory";
    apr_status_t rv = APR_ENOMEM;

    *out = NULL;
    if (link == NULL) {
        return APR_ENOMEM;
    }
    set_address(link->address, host, params->url->path);
    link->stopping = params->stopping;
    link->parser = es_cluster_parser_create(reply_max);
    if (link->parser != NULL) {
        rv = es_cluster_socket_open(&link->sock, params, host, by, reason,
                                    sizeof(reason));
    }
    if (rv != APR_SUCCESS) {
        apr_snprintf(why, why_size, "%s: %s", link->address, reason);
        es_cluster_link_close(link);
        return rv;
    }
    *out = link;
    return APR_SUCCESS;
}

void es_cluster_link_close(es_cluster_link_t *link)
{
    if (link == NULL) {
        return;
    }
    es_cluster_socket_close(link->sock);
    es_cluster_parser_destroy(link->parser);
    free(link->queue);
    free(link);
}

const char *es_cluster_link_run(const es_cluster_link_t *link)
{
    return link->run;
}

void es_cluster_link_set_run(es_cluster_link_t *link, es_slice_t run)
{
    apr_size_t len =
        run.len < sizeof(link->run) ? run.len : sizeof(link->run) - 1;

    if (len != 0) {
        memcpy(link->run, run.data, len);
    }
    link->run[len] = '\0';
}

const char *es_cluster_link_address(const es_cluster_link_t *link)
{
    return link->address;
}

const char *es_cluster_link_why(const es_cluster_link_t *link)
{
    return link->why;
}

apr_uint64_t es_cluster_link_expected(const es_cluster_link_t *link)
{
    return link->expected;
}

int es_cluster_link_is_built(void)
{
    return es_cluster_parser_is_built();
}

static apr_status_t fail(es_cluster_link_t *link, apr_status_t rv,
                         const char *why)
{
    link->failed = rv;
    apr_snprintf(link->why, sizeof(link->why), "%s: %s", link->address, why);
    return rv;
}

/* An error of the socket: what it is called matters to the log only. */
static apr_status_t fail_socket(es_cluster_link_t *link, apr_status_t rv)
{
    char text[120];

    if (rv == APR_EOF) {
        return fail(link, APR_EOF, "closed by the broker");
    }
    if (rv == APR_EGENERAL) {
        apr_snprintf(text, sizeof(text), "error of TLS: %s",
                     es_cluster_socket_reason(link->sock));
        return fail(link, rv, text);
    }
    return fail(link, APR_EOF, apr_strerror(rv, text, sizeof(text)));
}

/* ---- sending ------------------------------------------------------------- */

/* Room for size more bytes; what was sent makes room first. */
static int reserve(es_cluster_link_t *link, apr_size_t size)
{
    apr_size_t rest = link->queued - link->sent, need = rest + size, wide;
    char *larger;

    if (link->queue_size - link->queued >= size) {
        return 1;
    }
    if (link->sent != 0) {
        memmove(link->queue, link->queue + link->sent, rest);
        link->sent = 0;
        link->queued = rest;
    }
    if (link->queue_size >= need) {
        return 1;
    }
    for (wide = link->queue_size ? link->queue_size : QUEUE_MIN; wide < need;
         wide *= 2) {
    }
    larger = realloc(link->queue, wide);
    if (larger == NULL) {
        return 0;
    }
    link->queue = larger;
    link->queue_size = wide;
    return 1;
}

static void put(es_cluster_link_t *link, const char *data, apr_size_t size)
{
    if (size != 0) {
        memcpy(link->queue + link->queued, data, size);
        link->queued += size;
    }
}

static void put_header(es_cluster_link_t *link, char type, apr_size_t number)
{
    char text[HEADER_MAX + 1];

    put(link, text,
        (apr_size_t)apr_snprintf(text, sizeof(text),
                                 "%c%" APR_SIZE_T_FMT "\r\n", type, number));
}

/* ES_CLUSTER_LINK_QUEUE_MAX + 1 if it is more than that. */
static apr_size_t size_of(int argc, const es_slice_t *argv)
{
    apr_size_t size = HEADER_MAX;
    int i;

    for (i = 0; i < argc; i++) {
        if (argv[i].len > ES_CLUSTER_LINK_QUEUE_MAX - size) {
            return ES_CLUSTER_LINK_QUEUE_MAX + 1;
        }
        size += HEADER_MAX + argv[i].len + 2;
        if (size > ES_CLUSTER_LINK_QUEUE_MAX) {
            return ES_CLUSTER_LINK_QUEUE_MAX + 1;
        }
    }
    return size;
}

apr_status_t es_cluster_link_add(es_cluster_link_t *link, int argc,
                                 const es_slice_t *argv)
{
    apr_size_t size = size_of(argc, argv);
    int i;

    ES_CONTEXT(ES_CLUSTER);
    if (link->failed != APR_SUCCESS) {
        return link->failed;
    }
    if (size > ES_CLUSTER_LINK_QUEUE_MAX ||
        link->queued - link->sent > ES_CLUSTER_LINK_QUEUE_MAX - size) {
        return APR_ENOSPC;
    }
    if (!reserve(link, size)) {
        return APR_ENOMEM;
    }
    put_header(link, '*', (apr_size_t)argc);
    for (i = 0; i < argc; i++) {
        put_header(link, '$', argv[i].len);
        put(link, argv[i].data, argv[i].len);
        put(link, "\r\n", 2);
    }
    link->expected++;
    return APR_SUCCESS;
}

/* An alert of TLS that came before the end tells more than the end does. */
static apr_status_t fail_write(es_cluster_link_t *link, apr_status_t rv)
{
    apr_size_t done;

    if (es_cluster_socket_read(link->sock, link->input, sizeof(link->input),
                               &done) == APR_EGENERAL) {
        rv = APR_EGENERAL;
    }
    return fail_socket(link, rv);
}

/* As much as the socket takes. @return APR_SUCCESS: all of it; APR_EAGAIN */
static apr_status_t flush(es_cluster_link_t *link)
{
    apr_size_t done;
    apr_status_t rv;

    while (link->sent < link->queued) {
        rv = es_cluster_socket_write(link->sock, link->queue + link->sent,
                                     link->queued - link->sent, &done);
        if (rv == APR_EAGAIN) {
            return rv;
        }
        if (rv != APR_SUCCESS) {
            return fail_write(link, rv);
        }
        link->sent += done;
    }
    link->sent = link->queued = 0;
    return APR_SUCCESS;
}

apr_status_t es_cluster_link_send(es_cluster_link_t *link, apr_time_t by)
{
    apr_status_t rv;

    ES_CONTEXT(ES_CLUSTER);
    if (link->failed != APR_SUCCESS) {
        return link->failed;
    }
    for (;;) {
        rv = flush(link);
        if (rv != APR_EAGAIN) {
            return rv;
        }
        rv = es_cluster_socket_wait(es_cluster_link_fd(link),
                                    es_cluster_socket_events(link->sock, 1),
                                    link->stopping, by);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
}

/* ---- receiving ----------------------------------------------------------- */

/* @return APR_SUCCESS: some bytes came; APR_EAGAIN */
static apr_status_t read_some(es_cluster_link_t *link)
{
    apr_size_t done;
    apr_status_t rv = es_cluster_socket_read(link->sock, link->input,
                                             sizeof(link->input), &done);

    if (rv == APR_EAGAIN) {
        return rv;
    }
    if (rv != APR_SUCCESS) {
        return fail_socket(link, rv);
    }
    if (link->expected == 0) {
        return fail(link, APR_EGENERAL, "the broker sends unasked");
    }
    return es_cluster_parser_add(link->parser, link->input, done)
               ? APR_SUCCESS
               : fail(link, APR_ENOMEM, "out of memory");
}

static apr_status_t take_reply(es_cluster_link_t *link,
                               es_cluster_reply_t **reply)
{
    const char *why = "";
    apr_status_t rv = es_cluster_parser_next(link->parser, reply, &why);

    if (rv == APR_EAGAIN) {
        return rv;
    }
    if (rv != APR_SUCCESS) {
        return fail(link, rv, why);
    }
    link->expected--;
    if (link->expected == 0 && es_cluster_parser_pending(link->parser) != 0) {
        es_cluster_reply_free(*reply);
        *reply = NULL;
        return fail(link, APR_EGENERAL, "the broker sends unasked");
    }
    return APR_SUCCESS;
}

/* @return APR_SUCCESS: there is a reply; APR_EAGAIN: the socket is empty;
 * APR_INCOMPLETE: more can be read, but it is time to look at the clock; an
 * error */
static apr_status_t try_receive(es_cluster_link_t *link,
                                es_cluster_reply_t **reply)
{
    apr_status_t rv = APR_EAGAIN;
    int reads;

    if (es_cluster_parser_pending(link->parser) != 0) {
        rv = take_reply(link, reply);
    }
    for (reads = 0; rv == APR_EAGAIN; reads++) {
        if (reads == READS_MAX) {
            return APR_INCOMPLETE;
        }
        rv = flush(link);
        if (rv == APR_SUCCESS || rv == APR_EAGAIN) {
            rv = read_some(link);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        rv = take_reply(link, reply);
    }
    return rv;
}

apr_status_t es_cluster_link_receive(es_cluster_link_t *link,
                                     es_cluster_reply_t **reply, apr_time_t by)
{
    apr_status_t rv;

    ES_CONTEXT(ES_CLUSTER);
    *reply = NULL;
    if (link->failed != APR_SUCCESS) {
        return link->failed;
    }
    for (;;) {
        rv = try_receive(link, reply);
        if (rv != APR_EAGAIN && rv != APR_INCOMPLETE) {
            return rv;
        }
        if (es_clock_now() >= by) {
            return APR_TIMEUP;
        }
        if (es_cluster_link_is_stopping(link->stopping)) {
            return APR_EOF;
        }
        if (rv == APR_EAGAIN) {
            rv = es_cluster_socket_wait(es_cluster_link_fd(link),
                                        es_cluster_link_events(link),
                                        link->stopping, by);
        }
        if (rv != APR_SUCCESS && rv != APR_INCOMPLETE) {
            return rv;
        }
    }
}

int es_cluster_link_fd(const es_cluster_link_t *link)
{
    return es_cluster_socket_fd(link->sock);
}

short es_cluster_link_events(const es_cluster_link_t *link)
{
    short events = es_cluster_socket_events(link->sock, 0);

    if (link->sent < link->queued) {
        events |= es_cluster_socket_events(link->sock, 1);
    }
    return events;
}
