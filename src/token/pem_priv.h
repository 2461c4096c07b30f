/* SPDX-License-Identifier: Apache-2.0 */
/** Keys of libcrypto from PEM text, for pem.c and signer.c. */
#ifndef ES_TOKEN_PEM_PRIV_H
#define ES_TOKEN_PEM_PRIV_H

#include "token/pem.h"

struct evp_pkey_st; /* EVP_PKEY */

/**
 * @return the key, the caller's (EVP_PKEY_free); NULL: the text has none, or a
 *         password, and OpenSSL's queue of errors has the reason
 */
struct evp_pkey_st *es_pem_parse(es_slice_t text, int is_private);

#endif
