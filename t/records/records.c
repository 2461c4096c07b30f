/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tells which record numbers a server has used, for tests: reads what has stood
 * on the wire of one connection, and the key log of OpenSSL.
 *
 *     records KEYLOG FROM_CLIENT FROM_SERVER
 *
 * prints a line for each record of the server: its number under the keys of its
 * application data, its type (RFC 8446 5.1), the bytes of its text, and what an
 * explicit nonce is, in hexadecimal; of a record that no such key opens, '-',
 * the type of its head and its length. A number is not counted but found: each
 * one is tried until the record opens, so one that was used twice shows twice.
 * A KeyUpdate of the server is not followed.
 *
 * The exit status is 0; 1: a file cannot be read, or the key log has no secrets
 * of this connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/session.h"

#define WIRE_MAX (16 * 1024 * 1024)
#define KEY_LOG_LINE 512
#define RANDOM 32
#define RANDOM_AT (ES_TLS_HEAD + 6) /* in the record of a hello */
#define SESSION_ID_AT (RANDOM_AT + RANDOM)
#define FURTHER 64 /* numbers above the count of records that are tried, too */
#define MASTER 48

typedef struct wire_t {
    unsigned char *bytes;
    size_t len;
} wire_t;

/* ---- what is read -------------------------------------------------------- */

static int read_file(const char *name, wire_t *wire)
{
    FILE *in = fopen(name, "re");

    wire->bytes = malloc(WIRE_MAX);
    if (in == NULL || wire->bytes == NULL) {
        fprintf(stderr, "records: cannot read %s\n", name);
        return 0;
    }
    wire->len = fread(wire->bytes, 1, WIRE_MAX, in);
    fclose(in);
    return 1;
}

static int read_hex(unsigned char *to, size_t max, const char *text)
{
    unsigned int byte;
    size_t n;

    for (n = 0; n < max && sscanf(text + 2 * n, "%2x", &byte) == 1; n++) {
        to[n] = (unsigned char)byte;
    }
    return (int)n;
}

/* @return bytes of the secret with this label, 0: there is none */
static int find_secret(const char *key_log, const char *label,
                       const unsigned char *random, unsigned char *secret)
{
    FILE *in = fopen(key_log, "re");
    char line[KEY_LOG_LINE];
    size_t len = strlen(label);
    int found = 0;

    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        unsigned char of[RANDOM];

        if (strncmp(line, label, len) == 0 && line[len] == ' ' &&
            read_hex(of, RANDOM, line + len + 1) == RANDOM &&
            memcmp(of, random, RANDOM) == 0) {
            found = read_hex(secret, ES_TLS_SECRET_MAX,
                             line + len + 1 + 2 * RANDOM + 1);
        }
    }
    if (in != NULL) {
        fclose(in);
    }
    return found;
}

/* ---- the keys of the server's records ------------------------------------ */

static int has_hello(const wire_t *wire)
{
    return wire->len > SESSION_ID_AT &&
           wire->len > SESSION_ID_AT + 3u + wire->bytes[SESSION_ID_AT];
}

static apr_uint32_t suite_of(const wire_t *server)
{
    const unsigned char *at =
        server->bytes + SESSION_ID_AT + 1 + server->bytes[SESSION_ID_AT];

    return (apr_uint32_t)(at[0] << 8 | at[1]);
}

/* A session as the client has it, whose "client" is the server. */
static int make_13(es_tls_session_t *s, apr_uint32_t suite, const char *key_log,
                   const unsigned char *random)
{
    unsigned char secret[ES_TLS_SECRET_MAX];
    int len = find_secret(key_log, "SERVER_TRAFFIC_SECRET_0", random, secret);

    return es_tls_session_init_13(s, suite, secret, secret, (apr_size_t)len, 0,
                                  0) == APR_SUCCESS;
}

static int make_12(es_tls_session_t *s, apr_uint32_t suite, const char *key_log,
                   const wire_t *client, const wire_t *server)
{
    const unsigned char *random = client->bytes + RANDOM_AT;
    unsigned char master[ES_TLS_SECRET_MAX];

    if (find_secret(key_log, "CLIENT_RANDOM", random, master) != MASTER ||
        es_tls_session_init_12(s, suite, master, random,
                               server->bytes + RANDOM_AT, 0, 0,
                               0) != APR_SUCCESS) {
        return 0;
    }
    memcpy(s->read.secret, s->write.key, ES_TLS_KEY_MAX);
    memcpy(s->read.secret + ES_TLS_KEY_MAX, s->write.iv, ES_TLS_NONCE);
    return 1;
}

static int make_session(es_tls_session_t *s, const char *key_log,
                        const wire_t *client, const wire_t *server)
{
    apr_uint32_t suite;

    if (!has_hello(client) || !has_hello(server)) {
        return 0;
    }
    suite = suite_of(server);
    return es_tls_suite_is_known(ES_TLS_1_3, suite)
               ? make_13(s, suite, key_log, client->bytes + RANDOM_AT)
               : make_12(s, suite, key_log, client, server);
}

/* ---- the records --------------------------------------------------------- */

static int opens(const es_tls_session_t *s, const es_tls_read_keys_t *keys,
                 apr_uint64_t number, const unsigned char *record,
                 apr_size_t len, int *type, apr_size_t *text_len)
{
    unsigned char copy[ES_TLS_READ_MAX], *text;
    es_tls_session_t of = *s;

    memcpy(copy, record, len);
    of.read.number = number;
    return es_tls_session_open_with(&of, keys, copy, len, type, &text,
                                    text_len) == APR_SUCCESS;
}

static void print_record(const es_tls_session_t *s,
                         const es_tls_read_keys_t *keys, apr_uint64_t most,
                         const unsigned char *record, apr_size_t len)
{
    const es_tls_suite_t *of = es_tls_suite_at(s->suite);
    apr_size_t text_len = len - ES_TLS_HEAD, i;
    apr_uint64_t number = 0;
    int type = record[0];

    while (number < most &&
           (len > ES_TLS_READ_MAX ||
            !opens(s, keys, number, record, len, &type, &text_len))) {
        number++;
    }
    if (number == most) {
        printf("- %d %lu\n", record[0], (unsigned long)text_len);
        return;
    }
    printf("%lu %d %lu%s", (unsigned long)number, type, (unsigned long)text_len,
           of->explicit_nonce ? " " : "");
    for (i = 0; i < of->explicit_nonce; i++) {
        printf("%02x", record[ES_TLS_HEAD + i]);
    }
    printf("\n");
}

static apr_uint64_t count_records(const wire_t *wire)
{
    apr_uint64_t count = 0;
    size_t at = 0;

    while (at + ES_TLS_HEAD <= wire->len) {
        at += es_tls_session_record_len(wire->bytes + at);
        count++;
    }
    return count;
}

static void print_records(const es_tls_session_t *s, const wire_t *wire)
{
    apr_uint64_t most = count_records(wire) + FURTHER;
    es_tls_read_keys_t keys;
    size_t at = 0, len;

    if (es_tls_session_read_keys(s, &keys) != APR_SUCCESS) {
        return;
    }
    while (at + ES_TLS_HEAD <= wire->len) {
        len = es_tls_session_record_len(wire->bytes + at);
        if (at + len <= wire->len) { /* else it was cut */
            print_record(s, &keys, most, wire->bytes + at, len);
        }
        at += len;
    }
}

int main(int argc, char **argv)
{
    es_tls_session_t session;
    wire_t client, server;

    if (argc != 4) {
        fprintf(stderr, "usage: records KEYLOG FROM_CLIENT FROM_SERVER\n");
        return 2;
    }
    if (!read_file(argv[2], &client) || !read_file(argv[3], &server)) {
        return 1;
    }
    if (!make_session(&session, argv[1], &client, &server)) {
        fprintf(stderr, "records: no secrets of this connection\n");
        return 1;
    }
    print_records(&session, &server);
    return 0;
}
