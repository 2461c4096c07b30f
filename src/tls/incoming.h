/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a client sends on a TLS connection whose session is ours. A client of an
 * event stream has nothing to tell but that it closes, or that its keys change:
 * application data is counted and dropped, as bytes of a plain client are.
 *
 * Bytes come in pieces of any size. The part of a record is kept until the rest
 * of it arrives, in memory that grows with what has arrived, up to
 * ES_TLS_READ_MAX. A client without such a part costs no memory.
 *
 * What ends the connection: an alert other than close_notify, a record that
 * does not open, handshake messages. TLS 1.3: all but a KeyUpdate, which is
 * alone in its record; answers to a CertificateRequest, which we never send;
 * ChangeCipherSpec. TLS 1.2: renegotiation, as with mod_ssl, which ends it too;
 * no_renegotiation would have to be limited, and no browser asks. And more than
 * ES_TLS_INCOMING_EMPTY or ES_TLS_INCOMING_UPDATES. What follows the end, or
 * close_notify, is not looked at.
 *
 * Context: ANY; it belongs to the thread of its session. No locks.
 */
#ifndef ES_TLS_INCOMING_H
#define ES_TLS_INCOMING_H

#include "tls/session.h"

/** Records without data in a row, warnings included. */
#define ES_TLS_INCOMING_EMPTY 32
/** KeyUpdates before es_tls_incoming_wrote. */
#define ES_TLS_INCOMING_UPDATES 32

/** What has arrived; combined by "or". */
enum {
    ES_TLS_INCOMING_DATA = 1,         /* was dropped; see data_bytes */
    ES_TLS_INCOMING_UPDATED = 2,      /* the read keys have changed */
    ES_TLS_INCOMING_UPDATE_ASKED = 4, /* the client asks for a KeyUpdate of
                                         ours (RFC 8446 4.6.3): one before our
                                         next data, however often it asks */
    ES_TLS_INCOMING_CLOSE_NOTIFY = 8, /* the client sends no more */
    ES_TLS_INCOMING_END = 16          /* the connection is at its end: send
                                         es_tls_incoming_alert, if there is
                                         one */
};

/** All zero is the start of a connection. */
typedef struct es_tls_incoming_t {
    unsigned char *part;     /* of a record, by malloc; NULL if have is 0 */
    apr_uint32_t data_bytes; /* dropped so far, modulo 2^32 */
    apr_uint16_t have;       /* bytes of part */
    apr_uint16_t room;       /* bytes allocated */
    apr_byte_t empty;        /* records without data in a row */
    apr_byte_t updates;      /* KeyUpdates since es_tls_incoming_wrote */
    apr_byte_t is_done;      /* after close_notify, or at the end */
    apr_byte_t level;        /* of the alert to send; 0: none */
    apr_byte_t alert;        /* its description */
} es_tls_incoming_t;

/**
 * Take bytes that have arrived.
 *
 * @param s      opens the records; its read keys may change
 * @param bytes  are changed: whole records are opened there
 * @return flags of what was in them, or 0
 */
int es_tls_incoming_take(es_tls_incoming_t *in, es_tls_session_t *s,
                         unsigned char *bytes, apr_size_t len);

/** alert[0] of an alert that is a warning. */
#define ES_TLS_INCOMING_WARNING 1

/**
 * After ES_TLS_INCOMING_END: the alert that the client gets. A warning does not
 * end the connection (it is the answer to a renegotiation): close_notify comes
 * as ever. All others take its place.
 *
 * @param alert  receives the two bytes of an ES_TLS_ALERT record
 * @return 1; 0: none, since nothing has ended, or the client has ended the
 *         connection by an alert
 */
int es_tls_incoming_alert(const es_tls_incoming_t *in, unsigned char alert[2]);

/** We have sent application data: KeyUpdates are counted anew. */
static inline void es_tls_incoming_wrote(es_tls_incoming_t *in)
{
    in->updates = 0;
}

/**
 * Start with the part of a record that another process had.
 *
 * @param in    all zero
 * @param part  in->part of that process; copied
 * @return APR_SUCCESS; APR_EINVAL: it is not the start of a record;
 *         APR_ENOMEM
 */
apr_status_t es_tls_incoming_restore(es_tls_incoming_t *in,
                                     const unsigned char *part, apr_size_t len);

/** Free its memory; all zero again. */
void es_tls_incoming_clear(es_tls_incoming_t *in);

#endif
