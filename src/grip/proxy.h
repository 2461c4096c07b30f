/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A GRIP proxy (Pushpin, Fastly Fanout) as configured, and what its hub does
 * with all of its proxies. Made while the configuration is read, and only read
 * afterwards. What a child sends to a proxy is in grip/sender_proxy.h.
 */
#ifndef ES_GRIP_PROXY_H
#define ES_GRIP_PROXY_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "token/key.h"
#include "grip/url.h"

/** How a publish is authorized at the proxy. */
typedef enum es_proxy_auth_t {
    ES_AUTH_NONE,
    ES_AUTH_JWT,    /* a token with iss, signed with key */
    ES_AUTH_BEARER, /* key's text as it is */
    ES_AUTH_BASIC   /* user and password */
} es_proxy_auth_t;

typedef struct es_proxy_t {
    const char *name; /* for answers and logs: the control URI without query
                       * and without secrets */
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
    int is_reliable;    /* with ids, so that lost items are recovered */
    int ignores_errors; /* publishers get no error of a proxy */
    apr_interval_time_t connect_timeout; /* of one request to one proxy */
    apr_interval_time_t publish_timeout; /* the same, connecting included */
    apr_interval_time_t leeway;          /* for exp and nbf of Grip-Sig */
} es_grip_t;

/**
 * Make a proxy from the parameters of a directive.
 *
 * @param out   in p; NULL on an error
 * @param root  relative paths of file: start here
 * @return NULL, or what is wrong: it begins with the name of the parameter and
 *         shows no secret
 *
 * Context: PARENT; reads key files.
 */
const char *es_proxy_make(const es_proxy_t **out, const es_grip_url_t *url,
                          const char *root, apr_pool_t *p);

/**
 * The value of the header Authorization for a request.
 *
 * @param out  in p; NULL = the proxy needs none
 * @param now  the time of day; a token is valid for 10 minutes from then
 * @return 1; 0: the token could not be made
 *
 * Context: ANY; computes only.
 */
int es_proxy_authorization(const char **out, const es_proxy_t *proxy,
                           apr_time_t now, apr_pool_t *p);

/** The result of checking a Grip-Sig. */
typedef enum es_proxy_sig_t {
    ES_PROOF_NONE, /* no proxy has a key: any Grip-Sig is accepted */
    ES_PROOF_GOOD, /* it was signed with one of the keys */
    ES_PROOF_BAD   /* it was signed with none of them */
} es_proxy_sig_t;

/**
 * Check the value of a Grip-Sig header.
 *
 * @param now  the time of day
 * @param why  on ES_PROOF_BAD: what was wrong with the last key, static
 *
 * Context: ANY; computes only.
 */
es_proxy_sig_t es_proxy_verify(const es_grip_t *grip, const char *token,
                               apr_time_t now, const char **why, apr_pool_t *p);

#endif
