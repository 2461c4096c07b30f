/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What client and server agree on about the size of the server's records, in
 * the messages of their handshake. Pure.
 *
 *   the client asks                          the server agrees by
 *   max_fragment_length (RFC 6066 4)         the same extension
 *   record_size_limit (RFC 8449): the limit  the same extension, which has the
 *   of what it receives                      limit of what the server receives
 */
#ifndef ES_TLS_HELLO_H
#define ES_TLS_HELLO_H

#include <apr.h>

/**
 * The limit of records that the client asks for by record_size_limit.
 *
 * @param message  a handshake message of the client, with its head; len bytes,
 *                 as it has sent them
 * @return bytes, with the one of the content type in TLS 1.3; 0: it has none,
 *         or is no ClientHello
 */
apr_size_t es_tls_hello_limit(const unsigned char *message, apr_size_t len);

/**
 * Has the server agreed to write shorter records than ES_TLS_PLAIN_MAX?
 *
 * @param message  a handshake message of the server, with its head; len bytes
 * @param limit    of the client: es_tls_hello_limit
 * @return 1; 0: no, or not in this message
 */
int es_tls_hello_is_limited(const unsigned char *message, apr_size_t len,
                            apr_size_t limit);

#endif
