/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   ClientHello          | head | version | random | id | suites | compression
 *                        | extensions |
 *   ServerHello          | head | version | random | id | suite | compression
 *                        | extensions |
 *   EncryptedExtensions  | head | extensions |
 *
 *   extensions           | length | type | length | content | type | ...
 *
 * Before id, suites and compression of a client stands their length, and so
 * before the server's id. What a client has sent may be anything: each length
 * is taken as a place only, which is compared with the end before it is read.
 */
#include "tls/hello.h"

#include "tls/session.h"

#define CLIENT_HELLO 1
#define SERVER_HELLO 2
#define ENCRYPTED_EXTENSIONS 8
#define HEAD 4   /* bytes: type, length of what follows */
#define ID_AT 38 /* behind head, version, random */
#define SUITE 3  /* the server's, and its compression */

#define MAX_FRAGMENT_LENGTH 1
#define RECORD_SIZE_LIMIT 28

typedef struct message_t {
    const unsigned char *bytes;
    apr_size_t len;
} message_t;

/* @return a number of 2 bytes; 0 behind the end */
static apr_size_t number_at(const message_t *m, apr_size_t at)
{
    return at + 2 <= m->len ? (apr_size_t)m->bytes[at] << 8 | m->bytes[at + 1]
                            : 0;
}

/* @return where that ends whose length is the byte at this place */
static apr_size_t skip_short(const message_t *m, apr_size_t at)
{
    return at < m->len ? at + 1 + m->bytes[at] : m->len;
}

/* @return where the length of the extensions is, or the end, or behind it */
static apr_size_t extensions_at(const message_t *m)
{
    apr_size_t at = skip_short(m, ID_AT);

    switch (m->len > 0 ? m->bytes[0] : 0) {
    case CLIENT_HELLO: return skip_short(m, at + 2 + number_at(m, at));
    case SERVER_HELLO: return at + SUITE;
    case ENCRYPTED_EXTENSIONS: return HEAD;
    default: return m->len;
    }
}

/* @return where the content of the extension is, 0: there is none */
static apr_size_t find(const message_t *m, apr_size_t type)
{
    apr_size_t at = extensions_at(m) + 2;

    while (at + 4 <= m->len) {
        if (number_at(m, at) == type) {
            return at + 4;
        }
        at += 4 + number_at(m, at + 2);
    }
    return 0;
}

apr_size_t es_tls_hello_limit(const unsigned char *message, apr_size_t len)
{
    message_t m = {message, len};
    apr_size_t at = find(&m, RECORD_SIZE_LIMIT);

    return at != 0 && message[0] == CLIENT_HELLO ? number_at(&m, at) : 0;
}

int es_tls_hello_is_limited(const unsigned char *message, apr_size_t len,
                            apr_size_t limit)
{
    message_t m = {message, len};

    return find(&m, MAX_FRAGMENT_LENGTH) != 0 ||
           (find(&m, RECORD_SIZE_LIMIT) != 0 && limit < ES_TLS_PLAIN_MAX + 1);
}
