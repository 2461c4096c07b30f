/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The keys of publishers (EventStreamPublishKey), made while the configuration
 * is read. A publisher sends a key as it is, or a token (JWT, HS256) signed
 * with it, as GRIP libraries do. No error that is returned here contains a byte
 * of a key or of a token.
 */
#ifndef ES_TOKEN_PUBLISH_KEYS_H
#define ES_TOKEN_PUBLISH_KEYS_H

#include <apr_pools.h>
#include <apr_time.h>

#include "token/key.h"

/** Most keys of one section; each costs time for a wrong one. */
#define ES_PUBLISH_KEYS_MAX 16

/** Bytes of a key. */
#define ES_PUBLISH_KEY_MIN 16
#define ES_PUBLISH_KEY_MAX 1024

typedef struct es_publish_keys_t {
    es_key_t keys[ES_PUBLISH_KEYS_MAX];
    int count; /* 0 = publishers need no key */
} es_publish_keys_t;

/**
 * Add the keys of a file: one in each line. Empty lines, and those that begin
 * with '#', are skipped.
 *
 * @param keys       unchanged on an error
 * @param path       relative to root
 * @param is_public  1 = all users of this host can read the file
 * @param p          the keys live here
 * @return NULL, or what is wrong ("cannot …"), in p; it names the file
 *
 * Context: PARENT; reads the file.
 */
const char *es_publish_keys_load(es_publish_keys_t *keys, const char *path,
                                 const char *root, int *is_public,
                                 apr_pool_t *p);

/**
 * Is this one of the keys, or a valid token of one? How long it takes to
 * compare a key depends on the length of what was sent only.
 *
 * @param sent  untrusted
 * @param now   the time of day; for tokens, with a minute of leeway
 * @param why   on 0: what is wrong, static
 * @return 1 or 0
 *
 * Context: ANY; computes only.
 */
int es_publish_keys_match(const es_publish_keys_t *keys, const char *sent,
                          apr_time_t now, const char **why, apr_pool_t *p);

#endif
