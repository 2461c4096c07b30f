/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that are whole in the caller's bytes are opened there. Only the last
 * one, of which a part has arrived, is copied. The keys are made once for all
 * of them, since a client may send some 700 records in 16 KB.
 */
#include "tls/incoming.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define PART_MIN 64 /* bytes of the first allocation */

#define KEY_UPDATE 24
#define KEY_UPDATE_LEN 5

enum { WARNING = ES_TLS_INCOMING_WARNING, FATAL = 2 };

/* RFC 8446 6, RFC 5246 7.2 */
enum {
    CLOSE_NOTIFY = 0,
    UNEXPECTED_MESSAGE = 10,
    BAD_RECORD_MAC = 20,
    RECORD_OVERFLOW = 22,
    ILLEGAL_PARAMETER = 47,
    DECODE_ERROR = 50,
    INTERNAL_ERROR = 80,
    USER_CANCELED = 90,
    NO_RENEGOTIATION = 100
};

/* What a call has in hand. */
typedef struct taker_t {
    es_tls_incoming_t *in;
    es_tls_session_t *s;
    es_tls_read_keys_t keys;
    int has_keys;
} taker_t;

/* ---- records ----------------------------------------------------------- */

static int end(es_tls_incoming_t *in, int level, int alert)
{
    in->is_done = 1;
    in->level = (apr_byte_t)level;
    in->alert = (apr_byte_t)alert;
    return ES_TLS_INCOMING_END;
}

static int take_empty(es_tls_incoming_t *in)
{
    if (in->empty == ES_TLS_INCOMING_EMPTY) {
        return end(in, FATAL, UNEXPECTED_MESSAGE);
    }
    in->empty++;
    return 0;
}

static int take_data(es_tls_incoming_t *in, apr_size_t len)
{
    if (len == 0) {
        return take_empty(in);
    }
    in->empty = 0;
    in->data_bytes += (apr_uint32_t)len;
    return ES_TLS_INCOMING_DATA;
}

static int take_alert(es_tls_incoming_t *in, const es_tls_session_t *s,
                      const unsigned char *plain, apr_size_t len)
{
    if (len != 2) {
        return end(in, FATAL, DECODE_ERROR);
    }
    if (plain[1] == CLOSE_NOTIFY) {
        in->is_done = 1;
        return ES_TLS_INCOMING_CLOSE_NOTIFY;
    }
    /* close_notify follows */
    if (plain[1] == USER_CANCELED ||
        (s->version == ES_TLS_1_2 && plain[0] == WARNING)) {
        return take_empty(in);
    }
    return end(in, 0, 0);
}

/* A KeyUpdate in two records, or one that follows another message in its
 * record, is refused, too: no known client sends it. */
static int take_handshake(taker_t *by, const unsigned char *plain,
                          apr_size_t len)
{
    static const unsigned char update[] = {KEY_UPDATE, 0, 0, 1};
    es_tls_incoming_t *in = by->in;

    if (by->s->version == ES_TLS_1_2) {
        return end(in, WARNING, NO_RENEGOTIATION);
    }
    if (len != KEY_UPDATE_LEN || memcmp(plain, update, sizeof(update)) != 0 ||
        in->updates == ES_TLS_INCOMING_UPDATES) {
        return end(in, FATAL, UNEXPECTED_MESSAGE);
    }
    if (plain[4] > 1) {
        return end(in, FATAL, ILLEGAL_PARAMETER);
    }
    in->updates++;
    by->has_keys = 0;
    if (es_tls_session_update_read(by->s) != APR_SUCCESS) {
        return end(in, FATAL, INTERNAL_ERROR);
    }
    return ES_TLS_INCOMING_UPDATED |
           (plain[4] ? ES_TLS_INCOMING_UPDATE_ASKED : 0);
}

/* @param record  whole */
static int take_record(taker_t *by, unsigned char *record, apr_size_t len)
{
    es_tls_incoming_t *in = by->in;
    apr_status_t rv = APR_SUCCESS;
    unsigned char *plain;
    apr_size_t plain_len;
    int type;

    if (!by->has_keys) {
        rv = es_tls_session_read_keys(by->s, &by->keys);
        by->has_keys = 1;
    }
    if (rv == APR_SUCCESS) {
        rv = es_tls_session_open_with(by->s, &by->keys, record, len, &type,
                                      &plain, &plain_len);
    }
    if (rv != APR_SUCCESS) {
        return end(in, FATAL,
                   rv == APR_EINVAL ? BAD_RECORD_MAC : INTERNAL_ERROR);
    }
    switch (type) {
    case ES_TLS_APPLICATION_DATA: return take_data(in, plain_len);
    case ES_TLS_ALERT: return take_alert(in, by->s, plain, plain_len);
    case ES_TLS_HANDSHAKE: return take_handshake(by, plain, plain_len);
    default: return end(in, FATAL, UNEXPECTED_MESSAGE);
    }
}

/* ---- pieces ------------------------------------------------------------ */

/* Can a record start so?  It is not waited for otherwise.
 * @return 0: yes, or the end's flag */
static int check_head(es_tls_incoming_t *in, const es_tls_session_t *s,
                      const unsigned char *head)
{
    if (head[0] != ES_TLS_APPLICATION_DATA &&
        (s->version == ES_TLS_1_3 ||
         (head[0] != ES_TLS_ALERT && head[0] != ES_TLS_HANDSHAKE))) {
        return end(in, FATAL, UNEXPECTED_MESSAGE);
    }
    if (es_tls_session_record_len(head) > ES_TLS_READ_MAX) {
        return end(in, FATAL, RECORD_OVERFLOW);
    }
    return 0;
}

static void drop_part(es_tls_incoming_t *in)
{
    free(in->part);
    in->part = NULL;
    in->have = 0;
    in->room = 0;
}

static apr_status_t add_part(es_tls_incoming_t *in, const unsigned char *bytes,
                             apr_size_t len)
{
    apr_size_t need = in->have + len, room = in->room ? in->room : PART_MIN;
    unsigned char *part;

    if (need > in->room) {
        while (room < need) {
            room *= 2;
        }
        if (room > ES_TLS_READ_MAX) {
            room = ES_TLS_READ_MAX;
        }
        part = realloc(in->part, room);
        if (!part) {
            return APR_ENOMEM;
        }
        in->part = part;
        in->room = (apr_uint16_t)room;
    }
    memcpy(in->part + in->have, bytes, len);
    in->have = (apr_uint16_t)need;
    return APR_SUCCESS;
}

/* Bytes that the part lacks until its head, then its record, is whole. */
static apr_size_t missing(const es_tls_incoming_t *in)
{
    apr_size_t whole = in->have < ES_TLS_HEAD
                           ? ES_TLS_HEAD
                           : es_tls_session_record_len(in->part);

    return whole - in->have;
}

/* Add bytes to the part, and take its record if it is whole then. */
static int take_with_part(taker_t *by, unsigned char **bytes, apr_size_t *len)
{
    es_tls_incoming_t *in = by->in;
    apr_size_t n = missing(in);
    int flags = 0;

    if (n > *len) {
        n = *len;
    }
    if (add_part(in, *bytes, n) != APR_SUCCESS) {
        return end(in, FATAL, INTERNAL_ERROR);
    }
    *bytes += n;
    *len -= n;
    if (in->have == ES_TLS_HEAD) {
        flags = check_head(in, by->s, in->part);
    }
    if (!flags && in->have >= ES_TLS_HEAD && missing(in) == 0) {
        flags = take_record(by, in->part, in->have);
        drop_part(in);
    }
    return flags;
}

/* A record that starts in bytes; it may be whole there. */
static int take_first(taker_t *by, unsigned char **bytes, apr_size_t *len)
{
    apr_size_t whole = es_tls_session_record_len(*bytes);
    int flags = check_head(by->in, by->s, *bytes);

    if (flags) {
        return flags;
    }
    if (whole > *len) {
        return take_with_part(by, bytes, len);
    }
    flags = take_record(by, *bytes, whole);
    *bytes += whole;
    *len -= whole;
    return flags;
}

int es_tls_incoming_take(es_tls_incoming_t *in, es_tls_session_t *s,
                         unsigned char *bytes, apr_size_t len)
{
    taker_t by = {.in = in, .s = s};
    int flags = 0;

    while (len > 0 && !in->is_done) {
        flags |= in->have == 0 && len >= ES_TLS_HEAD
                     ? take_first(&by, &bytes, &len)
                     : take_with_part(&by, &bytes, &len);
    }
    if (in->is_done) {
        drop_part(in);
    }
    OPENSSL_cleanse(&by.keys, sizeof(by.keys));
    return flags;
}

int es_tls_incoming_alert(const es_tls_incoming_t *in, unsigned char alert[2])
{
    alert[0] = in->level;
    alert[1] = in->alert;
    return in->level != 0;
}

apr_status_t es_tls_incoming_restore(es_tls_incoming_t *in,
                                     const unsigned char *part, apr_size_t len)
{
    if (len == 0) {
        return APR_SUCCESS;
    }
    if (len >= ES_TLS_READ_MAX ||
        (len >= ES_TLS_HEAD &&
         (es_tls_session_record_len(part) <= len ||
          es_tls_session_record_len(part) > ES_TLS_READ_MAX))) {
        return APR_EINVAL;
    }
    return add_part(in, part, len);
}

void es_tls_incoming_clear(es_tls_incoming_t *in)
{
    drop_part(in);
    memset(in, 0, sizeof(*in));
}
