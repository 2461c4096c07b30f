/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Base64 (RFC 4648), decoded strictly: no blanks, no line ends, no single
 * character at the end, and no leftover bits other than 0, so that each value
 * has exactly one text. Pure.
 */
#ifndef ES_BASE_BASE64_H
#define ES_BASE_BASE64_H

#include <apr_pools.h>

#include "base/slice.h"

typedef enum es_base64_form_t {
    ES_BASE64_ANY, /* both alphabets, also mixed; padding is optional */
    ES_BASE64_URL  /* '-' and '_', never padded: for tokens and JWK */
} es_base64_form_t;

/**
 * Decode text.
 *
 * @param out  in p, followed by a NUL that is not part of it
 * @return 1; 0: text is malformed, and *out is unchanged
 */
int es_base64_decode(es_slice_t *out, es_slice_t text, es_base64_form_t form,
                     apr_pool_t *p);

/** Encode bytes in the form ES_BASE64_URL. @return in p */
const char *es_base64_encode_url(es_slice_t bytes, apr_pool_t *p);

#endif
