/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A TLS connection after its handshake, as the server has it: what it takes to
 * seal the records that the server writes and to open those of the client. It
 * is plain data without pointers, so that it can be copied and sent to another
 * process; only one copy of it may go on.
 *
 * A record number is used once under a key, unless the record did not leave the
 * process (es_tls_session_take_back). Otherwise who reads the connection could
 * learn the text of both records and forge others.
 *
 * It knows no sockets. Secrets are in no message of ours; who is done with a
 * session wipes it.
 *
 * Context: ANY; a session belongs to one thread at a time. No locks.
 */
#ifndef ES_TLS_SESSION_H
#define ES_TLS_SESSION_H

#include <sys/uio.h>

#include <apr_errno.h>

#include "tls/suite.h"

/** Content types (RFC 8446 5.1). */
enum {
    ES_TLS_CHANGE_CIPHER_SPEC = 20,
    ES_TLS_ALERT = 21,
    ES_TLS_HANDSHAKE = 22,
    ES_TLS_APPLICATION_DATA = 23
};

#define ES_TLS_HEAD 5 /* bytes: type, version, length of what follows */
/** Most plain bytes of a record. */
#define ES_TLS_PLAIN_MAX 16384
/** Most bytes that sealing adds: head, explicit nonce, type, tag. */
#define ES_TLS_OVERHEAD (ES_TLS_HEAD + 8 + 1 + ES_TLS_TAG)
/** Most bytes of a record that we write. */
#define ES_TLS_RECORD_MAX (ES_TLS_PLAIN_MAX + ES_TLS_OVERHEAD)
/** Most bytes of a record that we read: others may pad (RFC 8446 5.2). */
#define ES_TLS_READ_MAX (ES_TLS_HEAD + ES_TLS_PLAIN_MAX + 256)
/** Records under one key before es_tls_session_is_at_limit (RFC 8446 5.5). */
#define ES_TLS_KEY_RECORDS (1 << 24)

typedef struct es_tls_session_t {
    apr_byte_t version; /* es_tls_version_t */
    apr_byte_t suite;   /* for es_tls_suite_at */
    struct {
        unsigned char key[ES_TLS_KEY_MAX];
        /* TLS 1.2 with an explicit nonce: 4 bytes, then explicit nonce minus
         * number, 8 bytes in network order */
        unsigned char iv[ES_TLS_NONCE];
        unsigned char secret[ES_TLS_SECRET_MAX]; /* TLS 1.3 */
        apr_uint64_t number;                     /* of the next record */
    } write;
    struct {
        /* TLS 1.3: the secret. TLS 1.2: key (ES_TLS_KEY_MAX bytes), iv.
         * A client sends a few records an hour, so the keys of TLS 1.3 are
         * made when they are needed. */
        unsigned char secret[ES_TLS_SECRET_MAX];
        apr_uint64_t number; /* of the next record */
    } read;
} es_tls_session_t;

/**
 * Go on with a TLS 1.3 connection.
 *
 * @param suite          IANA's number
 * @param server_secret  the server's application traffic secret in use, len
 *                       bytes, as in the key log
 * @param client_secret  the client's
 * @param len            bytes of each
 * @param written        records that the server has sealed under its secret
 * @param read           records that the client has sealed under its secret
 * @return APR_SUCCESS; APR_ENOTIMPL: es_tls_suite_is_known says no; APR_EINVAL:
 *         len is not that of the suite's hash; APR_EGENERAL: OpenSSL refuses
 *         it. On an error the session is all zero.
 */
apr_status_t es_tls_session_init_13(es_tls_session_t *s, apr_uint32_t suite,
                                    const unsigned char *server_secret,
                                    const unsigned char *client_secret,
                                    apr_size_t len, apr_uint64_t written,
                                    apr_uint64_t read);

/**
 * Go on with a TLS 1.2 connection.
 *
 * @param suite          IANA's number
 * @param master         the master secret, 48 bytes, extended or not
 * @param client_random  32 bytes
 * @param server_random  32 bytes
 * @param written        records that the server has sealed since its
 *                       ChangeCipherSpec, Finished included; at least 1
 * @param read           records of the client, likewise
 * @param last_nonce     the explicit nonce of the record that the server has
 *                       sealed last: the 8 bytes after its head, in network
 *                       order. Ours follow it. OpenSSL starts at a random one
 *                       and adds 1 for each record, so that no nonce is used
 *                       twice. 0 if the suite has none (ChaCha20-Poly1305).
 * @return as es_tls_session_init_13
 */
apr_status_t es_tls_session_init_12(es_tls_session_t *s, apr_uint32_t suite,
                                    const unsigned char *master,
                                    const unsigned char *client_random,
                                    const unsigned char *server_random,
                                    apr_uint64_t written, apr_uint64_t read,
                                    apr_uint64_t last_nonce);

/**
 * 1 if version and suite of a session that came from another process are such
 * that all functions can take it.
 */
int es_tls_session_is_valid(const es_tls_session_t *s);

/**
 * Seal one record. The number moves on.
 *
 * @param type        content type
 * @param iov, count  where the plain bytes are
 * @param from        bytes of iov to skip
 * @param len         plain bytes, up to ES_TLS_PLAIN_MAX; iov has from + len
 *                    at least
 * @param record      receives up to len + ES_TLS_OVERHEAD bytes
 * @param record_len  receives how many these are
 * @return APR_SUCCESS; APR_EINVAL: len is above the maximum or iov has less;
 *         APR_EGENERAL: OpenSSL refuses it, or all numbers are used; the number
 *         is unchanged on an error
 */
apr_status_t es_tls_session_seal(es_tls_session_t *s, int type,
                                 const struct iovec *iov, int count,
                                 apr_size_t from, apr_size_t len,
                                 unsigned char *record, apr_size_t *record_len);

/**
 * The record that was sealed last did not leave the process, not one byte of
 * it, and never will: the next one has its number. Called again, it takes back
 * the record before. Not after an update of the keys.
 */
void es_tls_session_take_back(es_tls_session_t *s);

/**
 * Bytes of the record that starts with this head.
 *
 * @param head  ES_TLS_HEAD bytes
 */
apr_size_t es_tls_session_record_len(const unsigned char *head);

/**
 * Open a whole record in place. The number moves on.
 *
 * @param record     len bytes, head included
 * @param type       receives the content type
 * @param plain      receives where the plain bytes are, within record
 * @param plain_len  receives how many these are; 0 is possible
 * @return APR_SUCCESS; APR_EINVAL: it is malformed, or it does not open:
 *         forged, out of order, of another connection. The connection is at
 *         its end then; APR_EGENERAL: OpenSSL refuses it
 */
apr_status_t es_tls_session_open(es_tls_session_t *s, unsigned char *record,
                                 apr_size_t len, int *type,
                                 unsigned char **plain, apr_size_t *plain_len);

/** The keys of the client's records, for many of them. Wipe it. */
typedef struct es_tls_read_keys_t {
    unsigned char key[ES_TLS_KEY_MAX];
    unsigned char iv[ES_TLS_NONCE];
} es_tls_read_keys_t;

/**
 * The keys for es_tls_session_open_with, until es_tls_session_update_read.
 *
 * @return APR_SUCCESS; APR_EGENERAL: OpenSSL refuses it
 */
apr_status_t es_tls_session_read_keys(const es_tls_session_t *s,
                                      es_tls_read_keys_t *keys);

/** As es_tls_session_open, at 0.4 us instead of 3. */
apr_status_t es_tls_session_open_with(es_tls_session_t *s,
                                      const es_tls_read_keys_t *keys,
                                      unsigned char *record, apr_size_t len,
                                      int *type, unsigned char **plain,
                                      apr_size_t *plain_len);

/**
 * Go on to the keys that follow (RFC 8446 7.2): after the KeyUpdate that we
 * have sealed, or that the client has sent. TLS 1.3 only.
 *
 * @return APR_SUCCESS; APR_ENOTIMPL: TLS 1.2 has no KeyUpdate; APR_EGENERAL:
 *         OpenSSL refuses it; the session is unchanged on an error
 */
apr_status_t es_tls_session_update_write(es_tls_session_t *s);
apr_status_t es_tls_session_update_read(es_tls_session_t *s);

/**
 * 1 if it is time for a KeyUpdate (TLS 1.3) or for the end (1.2): as many
 * records as RFC 8446 5.5 allows are sealed under the key.
 */
int es_tls_session_is_at_limit(const es_tls_session_t *s);

/** Tests: how many records that are, instead of ES_TLS_KEY_RECORDS. */
void es_tls_session_set_limit(apr_uint64_t records);

/**
 * Overwrite all of it with zeros, and the key that OpenSSL's context of this
 * thread has from the last record of its cipher, of whatever session.
 */
void es_tls_session_wipe(es_tls_session_t *s);

/** Overwrite bytes in which copies of sessions may be. */
void es_tls_session_wipe_copies(void *bytes, apr_size_t len);

/**
 * Free what this thread keeps: es_tls_aead_thread_end. Until then the thread
 * keeps the key of the last record.
 */
void es_tls_thread_end(void);

#endif
