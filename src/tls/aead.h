/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Seals and opens texts with a key, a nonce and additional data, by OpenSSL's
 * EVP. Each thread keeps one context an AEAD, and keys it anew for each text.
 *
 * Context: ANY. No locks.
 */
#ifndef ES_TLS_AEAD_H
#define ES_TLS_AEAD_H

#include <apr_errno.h>

#include "tls/suite.h"

typedef struct es_tls_aead_input_t {
    es_tls_aead_t aead;
    const unsigned char *key;   /* as long as the AEAD's */
    const unsigned char *nonce; /* ES_TLS_NONCE bytes, used once for a key */
    const unsigned char *data;  /* additional data: authenticated only */
    apr_size_t data_len;
} es_tls_aead_input_t;

/**
 * Seal text in place.
 *
 * @param tag  receives ES_TLS_TAG bytes
 * @return APR_SUCCESS; APR_EGENERAL: OpenSSL refuses the AEAD, or has no memory
 */
apr_status_t es_tls_aead_seal(const es_tls_aead_input_t *in,
                              unsigned char *text, apr_size_t len,
                              unsigned char *tag);

/**
 * Open text in place.
 *
 * @return APR_SUCCESS; APR_EINVAL: key, nonce, additional data, text or tag is
 *         not what was sealed, and text has no meaning; APR_EGENERAL: as above
 */
apr_status_t es_tls_aead_open(const es_tls_aead_input_t *in,
                              unsigned char *text, apr_size_t len,
                              const unsigned char *tag);

/**
 * Overwrite the key that this thread's context of the AEAD has from its last
 * text.
 */
void es_tls_aead_forget(es_tls_aead_t aead);

/**
 * Free the contexts of this thread, and wipe the keys in them. The next text
 * makes them anew. A thread that has sealed or opened calls it before it ends.
 */
void es_tls_aead_thread_end(void);

#endif
