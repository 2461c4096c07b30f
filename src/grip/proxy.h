/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A GRIP proxy (Pushpin, Fastly Fanout) as its hub knows it, and what the hub
 * does with all of its proxies. Made while the configuration is read, only
 * read afterwards.
 */
#ifndef ES_GRIP_PROXY_H
#define ES_GRIP_PROXY_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "grip/key.h"
#include "grip/url.h"

/** How we prove to the proxy who publishes. */
typedef enum es_proxy_auth_t {
    ES_AUTH_NONE,
    ES_AUTH_JWT,    /* a token with iss, signed with key */
    ES_AUTH_BEARER, /* key's text as it is */
    ES_AUTH_BASIC   /* user and password */
} es_proxy_auth_t;

typedef struct es_proxy_t {
    const char *name; /* for answers and logs: the control URI without query,
                       * and nothing secret */
    const char *publish_uri;
    es_proxy_auth_t auth;
    const char *iss;     /* of ES_AUTH_JWT */
    const es_key_t *key; /* of ES_AUTH_JWT and ES_AUTH_BEARER */
    const char *user;    /* of ES_AUTH_BASIC, as the next */
    const char *password;
    const char *verify_iss;     /* NULL = any */
    const es_key_t *verify_key; /* NULL = signatures are not checked */
} es_proxy_t;

/** Most proxies of a hub. */
#define ES_GRIP_PROXIES_MAX 16

/** The preset of EventStreamGripPrefix. */
#define ES_GRIP_PREFIX "events-"

/** What a hub does with GRIP. */
typedef struct es_grip_t {
    apr_array_header_t *proxies; /* es_proxy_t *; empty = GRIP is off */
    const char *prefix;          /* before a channel's name; may be "" */
    int is_required;             /* direct clients are refused */
    int is_reliable;             /* holds name ids; lost items are recovered */
    int ignores_errors;          /* publishers are not told of a dead proxy */
    apr_interval_time_t connect_timeout; /* of one publish, to one proxy */
    apr_interval_time_t publish_timeout; /* the same, connecting included */
    apr_interval_time_t leeway;          /* for exp and nbf of Grip-Sig */
} es_grip_t;

/**
 * Make a proxy of what a directive says.
 *
 * @param root  where relative paths of file: start
 * @return NULL, or what is wrong: it begins with the parameter's name and
 *         shows no secret
 *
 * Context: PARENT; reads key files.
 */
const char *es_proxy_make(const es_proxy_t **out, const es_grip_url_t *url,
                          const char *root, apr_pool_t *p);

/**
 * The value of the header Authorization for a publish at this time.
 *
 * @param out  NULL when the proxy wants none; in p
 * @return 1, or 0: the token could not be made
 *
 * Context: ANY; computes only.
 */
int es_proxy_authorization(const char **out, const es_proxy_t *proxy,
                           apr_time_t now, apr_pool_t *p);

/** What a Grip-Sig says of its request. */
typedef enum es_proof_t {
    ES_PROOF_NONE, /* no key is known: whoever sends one is believed */
    ES_PROOF_GOOD, /* one of the keys has signed it */
    ES_PROOF_BAD   /* none has */
} es_proof_t;

/**
 * Check the value of a Grip-Sig header.
 *
 * @param why  with ES_PROOF_BAD: what was wrong with the last key, static
 *
 * Context: ANY; computes only.
 */
es_proof_t es_proxy_prove(const es_grip_t *grip, const char *token,
                          apr_time_t now, const char **why, apr_pool_t *p);

#endif
