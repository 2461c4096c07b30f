/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From secrets to keys, by OpenSSL's EVP_KDF: the traffic keys of TLS 1.3 (RFC
 * 8446 7.1 to 7.3) and the key block of TLS 1.2 (RFC 5246 6.3).
 *
 * Context: ANY. No locks of ours.
 */
#ifndef ES_TLS_KEY_SCHEDULE_H
#define ES_TLS_KEY_SCHEDULE_H

#include <apr_errno.h>

#include "tls/suite.h"

/**
 * The key and the iv of a traffic secret.
 *
 * @param key     receives suite->key_len bytes
 * @param iv      receives ES_TLS_NONCE bytes
 * @param secret  suite->hash_len bytes
 * @return APR_SUCCESS; APR_EGENERAL: OpenSSL refuses it, or has no memory
 */
apr_status_t es_tls_key_schedule_keys(const es_tls_suite_t *suite,
                                      unsigned char *key, unsigned char *iv,
                                      const unsigned char *secret);

/**
 * Replace a traffic secret by the one that follows it (RFC 8446 7.2).
 *
 * @return as es_tls_key_schedule_keys; on an error secret is unchanged
 */
apr_status_t es_tls_key_schedule_next(const es_tls_suite_t *suite,
                                      unsigned char *secret);

/**
 * The first len bytes of a key block.
 *
 * @param master   48 bytes; extended or not makes no difference here
 * @param randoms  the server's 32 bytes, then the client's
 * @return as es_tls_key_schedule_keys
 */
apr_status_t es_tls_key_schedule_block(const es_tls_suite_t *suite,
                                       unsigned char *block, apr_size_t len,
                                       const unsigned char *master,
                                       const unsigned char *randoms);

#endif
