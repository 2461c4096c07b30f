/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records are sealed on the stack, some at a time, and go out by one send. Then
 * they are cut where the socket has stopped:
 *
 *     ├─── record ───┼─── record ──▌───┼─── record ───┤
 *                                  sent ▌
 *        has left       left in part:     not a byte has left: its number
 *                       the rest is kept  is taken back
 *
 * A KeyUpdate and an alert go out by themselves, since the keys change after a
 * KeyUpdate has left, and only if it has.
 *
 * Who asks for a renegotiation (TLS 1.2) is answered before the next data,
 * since it may refuse data until then.
 *
 * Sealing touches the first ES_SINK_LARGE bytes of the struct, up to the number
 * of the write key. What comes in is rare.
 */
#include "deliver/sink_tls.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 4096

/* Records at a time; and plain bytes of a small write, so that the usual write
 * touches little of the stack. */
#define RECORDS 2
#define SMALL 2048

typedef struct rest_t {
    apr_size_t len;
    apr_size_t sent; /* of these */
    unsigned char bytes[];
} rest_t;

typedef struct tls_sink_t {
    es_sink_socket_t socket;       /* first: the address is the sink's */
    unsigned char is_update_asked; /* and not sent yet */
    unsigned char is_updated; /* the peer has new keys since our last data */
    unsigned char is_ended; /* the last record, an alert, has left or is kept */
    unsigned char limit;    /* LIMIT_… */
    unsigned char warning;  /* WARNING_… */
    rest_t *rest;           /* owned; NULL = none */
    es_tls_session_t session;
    es_tls_incoming_t incoming;
} tls_sink_t;

typedef char
    assert_large[offsetof(tls_sink_t, session.read) <= ES_SINK_LARGE ? 1 : -1];

/* TLS 1.2: the keys are at their limit. */
enum {
    LIMIT_NOT_REACHED,
    LIMIT_SEEN, /* flush will return APR_EOF */
    LIMIT_TOLD  /* it has */
};

/* The answer to a renegotiation. */
enum {
    WARNING_NONE,
    WARNING_DUE,
    WARNING_SENT /* or kept */
};

/* ---- records ------------------------------------------------------------- */

/* Keep a copy of bytes that must follow what was sent. */
static apr_status_t keep(tls_sink_t *s, const unsigned char *bytes,
                         apr_size_t len)
{
    rest_t *rest = malloc(sizeof(*rest) + len);

    if (rest == NULL) {
        return APR_ENOMEM;
    }
    rest->len = len;
    rest->sent = 0;
    memcpy(rest->bytes, bytes, len);
    s->rest = rest;
    return APR_SUCCESS;
}

static apr_status_t send_rest(tls_sink_t *s, apr_size_t *sent)
{
    rest_t *rest = s->rest;
    struct iovec iov;
    apr_status_t rv;

    *sent = 0;
    if (rest == NULL) {
        return APR_SUCCESS;
    }
    iov.iov_base = rest->bytes + rest->sent;
    iov.iov_len = rest->len - rest->sent;
    rv = es_sink_socket_send(&s->socket, &iov, 1, sent);
    rest->sent += *sent;
    if (rv == APR_SUCCESS) {
        free(rest);
        s->rest = NULL;
    }
    return rv;
}

typedef struct records_t {
    unsigned char *bytes; /* the caller's */
    apr_size_t len;
    int count;
    struct {
        apr_size_t start; /* in bytes */
        apr_size_t plain; /* bytes in it */
    } at[RECORDS];
} records_t;

static void begin_records(records_t *records, unsigned char *bytes)
{
    records->bytes = bytes;
    records->len = 0;
    records->count = 0;
}

/* Add a record; as es_tls_session_seal. */
static apr_status_t add_record(tls_sink_t *s, records_t *records, int type,
                               const struct iovec *iov, int count,
                               apr_size_t from, apr_size_t plain)
{
    apr_size_t len;
    apr_status_t rv;

    rv = es_tls_session_seal(&s->session, type, iov, count, from, plain,
                             records->bytes + records->len, &len);
    if (rv == APR_SUCCESS) {
        records->at[records->count].start = records->len;
        records->at[records->count].plain = plain;
        records->count++;
        records->len += len;
    }
    return rv;
}

/**
 * Send records. On return only those are left of which a byte was sent.
 *
 * @return APR_SUCCESS: all were sent; APR_EAGAIN: the socket is full; else the
 *         connection is at its end
 */
static apr_status_t send_records(tls_sink_t *s, records_t *records)
{
    struct iovec iov = {records->bytes, records->len};
    apr_status_t rv, kept;
    apr_size_t sent;

    rv = es_sink_socket_send(&s->socket, &iov, 1, &sent);
    if (rv == APR_SUCCESS) {
        return rv;
    }
    while (records->count > 0 &&
           records->at[records->count - 1].start >= sent) {
        records->count--;
        records->len = records->at[records->count].start;
        es_tls_session_take_back(&s->session);
    }
    if (records->len > sent) {
        kept = keep(s, records->bytes + sent, records->len - sent);
        rv = kept != APR_SUCCESS ? kept : rv;
    }
    return rv;
}

/**
 * Send a record that has no data.
 *
 * @param has_left  filled: 1 = a byte of it was sent, it must not be made again
 * @return as send_records
 */
static apr_status_t send_message(tls_sink_t *s, int type,
                                 const unsigned char *message, apr_size_t len,
                                 int *has_left)
{
    unsigned char bytes[8 + ES_TLS_OVERHEAD];
    struct iovec iov = {(unsigned char *)message, len};
    apr_status_t rv;
    records_t records;

    begin_records(&records, bytes);
    rv = add_record(s, &records, type, &iov, 1, 0, len);
    *has_left = 0;
    if (rv == APR_SUCCESS) {
        rv = send_records(s, &records);
        *has_left = records.count > 0;
    }
    return rv;
}

/* ---- new keys ------------------------------------------------------------ */

/* Send a KeyUpdate if one is due. With TLS 1.2, note that the keys are at their
 * limit. */
static apr_status_t update_keys(tls_sink_t *s)
{
    /* key_update, 1 byte, update_not_requested (RFC 8446 4.6.3) */
    static const unsigned char update[] = {24, 0, 0, 1, 0};
    int is_at_limit = es_tls_session_is_at_limit(&s->session);
    apr_status_t rv, updated;
    int has_left;

    if (is_at_limit && s->session.version == ES_TLS_1_2) {
        s->limit = s->limit == LIMIT_NOT_REACHED ? LIMIT_SEEN : s->limit;
        is_at_limit = 0;
    }
    if (!is_at_limit && !s->is_update_asked) {
        return APR_SUCCESS;
    }
    rv = send_message(s, ES_TLS_HANDSHAKE, update, sizeof(update), &has_left);
    if (has_left) {
        s->is_update_asked = 0;
        updated = es_tls_session_update_write(&s->session);
        rv = updated != APR_SUCCESS ? updated : rv;
    }
    return rv;
}

/* ---- alerts -------------------------------------------------------------- */

/* Answer a renegotiation, if that is due. @return as send_records */
static apr_status_t warn(tls_sink_t *s)
{
    unsigned char alert[2];
    apr_status_t rv;
    int has_left;

    if (s->warning != WARNING_DUE) {
        return APR_SUCCESS;
    }
    (void)es_tls_incoming_alert(&s->incoming, alert);
    rv = send_message(s, ES_TLS_ALERT, alert, sizeof(alert), &has_left);
    if (has_left) {
        s->warning = WARNING_SENT;
    }
    return rv;
}

/* The end is close_notify, or why the peer's bytes cannot be read. */
static apr_status_t send_alert(tls_sink_t *s)
{
    static const unsigned char close_notify[2] = {1, 0};
    unsigned char alert[2];
    apr_status_t rv = warn(s);
    int has_left;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (s->warning == WARNING_SENT ||
        !es_tls_incoming_alert(&s->incoming, alert)) {
        memcpy(alert, close_notify, sizeof(alert));
    }
    rv = send_message(s, ES_TLS_ALERT, alert, sizeof(alert), &has_left);
    s->is_ended = has_left != 0;
    return rv;
}

/* ---- the sink ------------------------------------------------------------ */

/* Where a write stands. */
typedef struct write_t {
    const struct iovec *iov;
    int count;
    apr_size_t from; /* bytes of iov that are done */
    apr_size_t left; /* bytes that follow them */
} write_t;

static void advance(write_t *write, apr_size_t bytes)
{
    write->left -= bytes;
    write->from += bytes;
    while (write->count > 0 && write->from >= write->iov->iov_len) {
        write->from -= write->iov->iov_len;
        write->iov++;
        write->count--;
    }
}

/* Send the next records. @return as send_records */
static apr_status_t write_records(tls_sink_t *s, write_t *write,
                                  unsigned char *bytes)
{
    apr_size_t plain, from = write->from, left = write->left;
    apr_status_t rv;
    records_t records;
    int i;

    rv = update_keys(s);
    if (rv == APR_SUCCESS) {
        rv = warn(s);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    begin_records(&records, bytes);
    while (rv == APR_SUCCESS && left > 0 && records.count < RECORDS) {
        plain = left < ES_TLS_PLAIN_MAX ? left : ES_TLS_PLAIN_MAX;
        rv = add_record(s, &records, ES_TLS_APPLICATION_DATA, write->iov,
                        write->count, from, plain);
        from += plain;
        left -= plain;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = send_records(s, &records);
    for (i = 0; i < records.count; i++) {
        advance(write, records.at[i].plain);
    }
    return rv;
}

static apr_status_t write_small(tls_sink_t *s, write_t *write)
{
    unsigned char bytes[SMALL + ES_TLS_OVERHEAD];

    return write_records(s, write, bytes);
}

/* Not inlined, so that only large writes touch that much stack. */
static __attribute__((noinline)) apr_status_t write_large(tls_sink_t *s,
                                                          write_t *write)
{
    unsigned char bytes[RECORDS * ES_TLS_RECORD_MAX];
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && write->left > 0) {
        rv = write_records(s, write, bytes);
    }
    return rv;
}

static apr_size_t length_of(const struct iovec *iov, int count)
{
    apr_size_t len = 0;
    int i;

    for (i = 0; i < count; i++) {
        len += iov[i].iov_len;
    }
    return len;
}

static apr_status_t on_write(es_sink_t *sink, const struct iovec *iov,
                             int count, apr_size_t *taken)
{
    tls_sink_t *s = (tls_sink_t *)sink;
    apr_size_t len = length_of(iov, count);
    write_t write = {iov, count, 0, len};
    apr_status_t rv = APR_SUCCESS;

    *taken = 0;
    if (s->rest != NULL) {
        rv = send_rest(s, taken);
        *taken = 0; /* these were taken by an earlier write */
    }
    if (rv != APR_SUCCESS || len == 0) {
        return rv;
    }
    rv = len <= SMALL ? write_small(s, &write) : write_large(s, &write);
    *taken = len - write.left;
    if (*taken > 0 && s->is_updated) {
        s->is_updated = 0;
        es_tls_incoming_wrote(&s->incoming);
    }
    return rv == APR_SUCCESS && s->limit == LIMIT_SEEN ? APR_EAGAIN : rv;
}

static apr_status_t on_flush(es_sink_t *sink, apr_size_t *sent)
{
    tls_sink_t *s = (tls_sink_t *)sink;
    apr_status_t rv = send_rest(s, sent);

    if (rv == APR_SUCCESS && s->limit == LIMIT_SEEN) {
        s->limit = LIMIT_TOLD;
        rv = APR_EOF;
    }
    return rv;
}

static apr_status_t on_finish(es_sink_t *sink)
{
    tls_sink_t *s = (tls_sink_t *)sink;
    apr_size_t sent;
    apr_status_t rv = send_rest(s, &sent);

    if (rv == APR_SUCCESS && !s->is_ended) {
        rv = send_alert(s);
    }
    if (rv == APR_SUCCESS) {
        /* if it fails, the connection is gone, and epoll reports it */
        (void)shutdown(s->socket.fd, SHUT_WR);
    }
    return rv;
}

/* @return as a drain */
static apr_status_t take_in(tls_sink_t *s, unsigned char *bytes, apr_size_t len)
{
    int flags = es_tls_incoming_take(&s->incoming, &s->session, bytes, len);
    unsigned char alert[2];

    s->is_update_asked |= (flags & ES_TLS_INCOMING_UPDATE_ASKED) != 0;
    s->is_updated |= (flags & ES_TLS_INCOMING_UPDATED) != 0;
    if ((flags & ES_TLS_INCOMING_END) != 0) {
        if (!es_tls_incoming_alert(&s->incoming, alert)) {
            return APR_ECONNRESET; /* the peer has ended it by an alert */
        }
        if (alert[0] == ES_TLS_INCOMING_WARNING) {
            s->warning = WARNING_DUE;
        }
    }
    return flags & (ES_TLS_INCOMING_END | ES_TLS_INCOMING_CLOSE_NOTIFY)
               ? APR_EOF
               : APR_SUCCESS;
}

static apr_status_t on_drain(es_sink_t *sink)
{
    tls_sink_t *s = (tls_sink_t *)sink;
    unsigned char bytes[READ_BYTES];
    apr_status_t rv = APR_SUCCESS;
    apr_size_t len;
    int i;

    for (i = 0; rv == APR_SUCCESS && i < ES_SINK_SOCKET_READS; i++) {
        rv = es_sink_socket_read(&s->socket, bytes, sizeof(bytes), &len);
        if (rv == APR_SUCCESS) {
            rv = take_in(s, bytes, len);
        }
    }
    /* epoll reports again what is left */
    return APR_STATUS_IS_EAGAIN(rv) ? APR_SUCCESS : rv;
}

static void on_close(es_sink_t *sink)
{
    tls_sink_t *s = (tls_sink_t *)sink;

    /* If the stream has not ended, another process may continue it: what has
     * arrived is for that one. */
    if (s->is_ended) {
        (void)es_sink_socket_drain(&s->socket);
    }
    close(s->socket.fd);
    es_tls_incoming_clear(&s->incoming);
    es_tls_session_wipe(&s->session);
    free(s->rest);
    free(s);
}

static const es_sink_ops_t tls_ops = {on_write, on_flush, on_finish, on_drain,
                                      on_close};

/* @return APR_SUCCESS, APR_ENOMEM, or APR_EINVAL: part is malformed */
static apr_status_t load(tls_sink_t *s, const es_sink_tls_saved_t *saved)
{
    apr_status_t rv = APR_SUCCESS;

    s->session = *saved->session;
    s->is_update_asked = saved->is_update_asked != 0;
    if (saved->rest.len > 0) {
        rv = keep(s, (const unsigned char *)saved->rest.data, saved->rest.len);
    }
    if (rv == APR_SUCCESS && saved->part.len > 0) {
        rv = es_tls_incoming_restore(&s->incoming,
                                     (const unsigned char *)saved->part.data,
                                     saved->part.len);
    }
    return rv;
}

es_sink_t *es_sink_tls_create(int fd, int chunked, apr_interval_time_t timeout,
                              const es_sink_tls_saved_t *saved)
{
    tls_sink_t *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        close(fd);
        return NULL;
    }
    es_sink_socket_init(&s->socket, fd, chunked, timeout);
    s->socket.sink.ops = &tls_ops;
    s->socket.sink.is_large = 1;
    if (load(s, saved) != APR_SUCCESS) {
        on_close(&s->socket.sink);
        return NULL;
    }
    return &s->socket.sink;
}

int es_sink_tls_save(const es_sink_t *sink, es_sink_tls_saved_t *saved)
{
    const tls_sink_t *s = (const tls_sink_t *)sink;
    const rest_t *rest;

    if (sink->ops != &tls_ops) {
        return 0;
    }
    rest = s->rest;
    saved->session = &s->session;
    saved->is_update_asked = s->is_update_asked;
    saved->rest = es_slice(NULL, 0);
    if (rest != NULL) {
        saved->rest = es_slice((const char *)rest->bytes + rest->sent,
                               rest->len - rest->sent);
    }
    saved->part = es_slice((const char *)s->incoming.part, s->incoming.have);
    return 1;
}
