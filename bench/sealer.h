/* SPDX-License-Identifier: Apache-2.0 */
/**
 * sealer: the records that a server of TLS 1.3 sends, made by OpenSSL's EVP and
 * nothing else. A cipher context with its key is kept for each connection, so
 * that a record costs no more than sealing it: the least possible.
 */
#ifndef EB_SEALER_H
#define EB_SEALER_H

#include <stddef.h>

#include "bench/tls.h"

#define EB_SEALER_TYPE 23         /* application data */
#define EB_SEALER_PLAIN_MAX 16384 /* bytes of a record, without its type … */
#define EB_SEALER_OVERHEAD (5 + 17) /* … and what sealing adds */

typedef struct eb_sealer eb_sealer_t;

/** Before the first connection: no records after the handshake, keys kept. */
void eb_sealer_prepare(eb_tls_t *tls);

/**
 * Go on after the handshake of a connection whose context was prepared. From
 * now on nothing may be written by session.
 *
 * @return the caller's until eb_sealer_free(), or NULL: not TLS 1.3 with AEAD,
 *         or no memory
 */
eb_sealer_t *eb_sealer_create(eb_tls_session_t *session);

/**
 * Seal one record of application data.
 *
 * @param bytes   followed by a byte EB_SEALER_TYPE, so that one call of EVP is
 *                enough
 * @param len     of bytes, without it; up to EB_SEALER_PLAIN_MAX
 * @param record  has len + EB_SEALER_OVERHEAD bytes
 * @return length of the record
 */
size_t eb_sealer_seal(eb_sealer_t *sealer, const char *bytes, size_t len,
                      char *record);

/** NULL is allowed. */
void eb_sealer_free(eb_sealer_t *sealer);

#endif
