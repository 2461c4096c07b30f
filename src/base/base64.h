/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Base64 (RFC 4648), read strictly: no blanks or line ends, no lone last
 * character, no bits left over that are not 0, so that one value has one
 * text. Pure.
 */
#ifndef ES_BASE_BASE64_H
#define ES_BASE_BASE64_H

#include <apr_pools.h>

#include "base/slice.h"

typedef enum es_base64_form_t {
    ES_BASE64_ANY, /* both alphabets, also mixed; padding may be there */
    ES_BASE64_URL  /* '-' and '_', never padded, as tokens and JWK have it */
} es_base64_form_t;

/**
 * Decode text.
 *
 * @param out  in p, with a NUL behind it that does not count
 * @return 1, or 0 with *out untouched
 */
int es_base64_decode(es_slice_t *out, es_slice_t text, es_base64_form_t form,
                     apr_pool_t *p);

/** Encode bytes in the form ES_BASE64_URL. @return in p */
const char *es_base64_encode_url(es_slice_t bytes, apr_pool_t *p);

#endif
