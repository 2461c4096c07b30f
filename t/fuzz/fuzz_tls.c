/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TLS client sends. The first byte chooses a suite, the second the size
 * of pieces. Then come orders of two bytes and what belongs to them: raw bytes,
 * records that open, records of which a bit is wrong, KeyUpdates. All of it
 * arrives twice, as a whole and in pieces, and makes no difference.
 */
#include "fuzz.h"

#include "tls/incoming.h"
#include "tls/key_schedule.h"

#define SENT_MAX 65536

typedef struct sent_t {
    es_tls_session_t client;
    unsigned char *bytes;
    apr_size_t len;
} sent_t;

/* A server whose client has the same keys: a secret serves both directions. */
static void start(es_tls_session_t *server, sent_t *sent, unsigned int index)
{
    static const unsigned char secret[ES_TLS_SECRET_MAX];
    const es_tls_suite_t *suite = es_tls_suite_at(index);
    es_tls_session_t *client = &sent->client;

    if (suite->version == ES_TLS_1_3) {
        PROMISE(es_tls_session_init_13(server, suite->number, secret, secret,
                                       suite->hash_len, 0, 0) == APR_SUCCESS);
        *client = *server;
        return;
    }
    PROMISE(es_tls_session_init_12(server, suite->number, secret, secret,
                                   secret, 1, 1, 0) == APR_SUCCESS);
    *client = *server;
    memcpy(client->write.key, server->read.secret, ES_TLS_KEY_MAX);
    memcpy(client->write.iv, server->read.secret + ES_TLS_KEY_MAX,
           ES_TLS_NONCE);
}

static void send_raw(sent_t *sent, es_slice_t bytes)
{
    memcpy(sent->bytes + sent->len, bytes.data, bytes.len);
    sent->len += bytes.len;
}

static void send_record(sent_t *sent, int type, es_slice_t plain)
{
    struct iovec iov = {(void *)(uintptr_t)plain.data, plain.len};
    apr_size_t len;

    PROMISE(es_tls_session_seal(&sent->client, type, &iov, 1, 0, plain.len,
                                sent->bytes + sent->len, &len) == APR_SUCCESS);
    PROMISE(len <= plain.len + ES_TLS_OVERHEAD);
    PROMISE(len == es_tls_session_record_len(sent->bytes + sent->len));
    sent->len += len;
}

/* An order: what, and how many of the bytes that follow belong to it. */
static void follow(sent_t *sent, es_slice_t *rest)
{
    static const int types[] = {20, 21, 22, 23, 23, 23, 24, 0};
    unsigned int order = (unsigned char)rest->data[0];
    apr_size_t len = (unsigned char)rest->data[1];
    es_slice_t bytes;

    *rest = es_slice(rest->data + 2, rest->len - 2);
    bytes = es_slice(rest->data, len < rest->len ? len : rest->len);
    *rest = es_slice(rest->data + bytes.len, rest->len - bytes.len);
    if (order & 8) {
        send_record(sent, types[order & 7], bytes);
    }
    else if (order & 4) {
        send_record(sent, types[3], bytes);
        sent->bytes[sent->len - 1 - len % 16] ^= 1 << (order & 3);
    }
    else if (order & 2) {
        send_record(sent, ES_TLS_HANDSHAKE,
                    order & 1 ? es_slice("\x18\0\0\1\1", 5)
                              : es_slice("\x18\0\0\1\0", 5));
        es_tls_session_update_write(&sent->client);
    }
    else {
        send_raw(sent, bytes);
    }
}

/* @return the flags of all pieces */
static int arrive(es_tls_incoming_t *in, es_tls_session_t *s,
                  const sent_t *sent, apr_size_t size, apr_pool_t *p)
{
    apr_size_t at, n;
    int flags = 0;

    memset(in, 0, sizeof(*in));
    for (at = 0; at < sent->len; at += n) {
        es_slice_t piece;

        n = sent->len - at < size ? sent->len - at : size;
        piece = fuzz_exact(es_slice((char *)sent->bytes + at, n), p);
        PROMISE(!(flags & ES_TLS_INCOMING_END) || in->is_done);
        flags |= es_tls_incoming_take(
            in, s, (unsigned char *)(uintptr_t)piece.data, n);
        PROMISE(in->have < ES_TLS_READ_MAX && in->have <= in->room);
        PROMISE((in->part == NULL) == (in->have == 0));
        PROMISE(!in->is_done || in->have == 0);
    }
    return flags;
}

FUZZ(text, p)
{
    es_tls_incoming_t whole, pieces;
    es_tls_session_t first, second;
    apr_size_t size;
    sent_t sent = {0};

    if (text.len < 2) {
        return;
    }
    start(&first, &sent, (unsigned char)text.data[0] % 12);
    second = first;
    size = 1 + (unsigned char)text.data[1];
    text = es_slice(text.data + 2, text.len - 2);
    sent.bytes = (unsigned char *)fuzz_alloc(SENT_MAX, p);
    while (text.len >= 2 && sent.len < SENT_MAX - 512) {
        follow(&sent, &text);
    }
    PROMISE(arrive(&whole, &first, &sent, SENT_MAX, p) ==
            arrive(&pieces, &second, &sent, size, p));
    PROMISE(memcmp(&first, &second, sizeof(first)) == 0);
    PROMISE(whole.have == pieces.have && whole.is_done == pieces.is_done);
    PROMISE(whole.alert == pieces.alert && whole.level == pieces.level);
    PROMISE(whole.data_bytes == pieces.data_bytes);
    es_tls_incoming_clear(&whole);
    if (pieces.have) { /* another process goes on with the part */
        PROMISE(es_tls_incoming_restore(&whole, pieces.part, pieces.have) ==
                APR_SUCCESS);
        es_tls_incoming_clear(&whole);
    }
    es_tls_incoming_clear(&pieces);
}
