/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The keys of a file of EventStreamToken: PEM, a JWK, a JWK Set (RFC 7517), or
 * a secret. No error that is returned here contains a byte of a key.
 */
#ifndef ES_TOKEN_KEY_SET_H
#define ES_TOKEN_KEY_SET_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "base/slice.h"
#include "token/key.h"
#include "token/signer.h"

/** Most keys of a section. A token without kid is tried with each. */
#define ES_KEY_SET_MAX 16

/** Most bytes of a kid; of a token with a longer one no key is found. */
#define ES_KEY_KID_MAX 255

/** Least bytes of a secret: RFC 7518, section 3.2. */
#define ES_KEY_SECRET_MIN 32

/** A key of a set. */
typedef struct es_set_key_t {
    es_key_t key;
    const es_signer_t *signer;
    es_slice_t kid; /* empty = for tokens with any kid */
} es_set_key_t;

/** What a file is read as. */
typedef struct es_key_set_params_t {
    const char *path;
    const char *root; /* a relative path starts here */
    int is_jwks;      /* 1 = JSON: nothing else in the file is a secret */
    unsigned kinds;   /* bit 1 << es_key_kind_t: others are left out */
} es_key_set_params_t;

typedef struct es_key_set_t {
    apr_array_header_t *keys; /* es_set_key_t */
    apr_array_header_t *lost; /* const char *: "key 2 is …", and was left out */
} es_key_set_t;

/**
 * Read a file. Keys of a JWK Set that cannot be used, or are for another use,
 * are left out, as RFC 7517, section 5, wants it.
 *
 * A file is refused as by es_key_file_load; and if users that are neither owner
 * nor group can read it, unless all its keys are public.
 *
 * @return NULL, or what is wrong ("cannot …"), in p; it names the file
 *
 * Context: PARENT; reads files.
 */
const char *es_key_set_load(es_key_set_t *set,
                            const es_key_set_params_t *params, apr_pool_t *p);

#endif
