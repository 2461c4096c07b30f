/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eventstream-token --show: what stands in a token, and whether it is valid.
 */
#ifndef ET_TOKEN_SHOW_H
#define ET_TOKEN_SHOW_H

#include <apr_pools.h>

#include "token/token.h"

/**
 * Print the parts of a token as JSON, its times as dates, and the result.
 *
 * @param issuer  NULL = there is no key: the token is not checked
 * @return 1: it is valid, or was not checked; 0
 */
int et_token_show(es_slice_t token, const es_issuer_t *issuer, apr_pool_t *p);

#endif
