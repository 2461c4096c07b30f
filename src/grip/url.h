/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A GRIP_URL: the address at which a proxy takes what is published, and the
 * keys for it, in one line:
 *
 *   http://user:pass@host:port/path?iss=…&key=…&verify-iss=…&verify-key=…
 *
 * Without these four parameters, the user and the password it is the control
 * URI. Pure.
 */
#ifndef ES_GRIP_URL_H
#define ES_GRIP_URL_H

#include <apr_pools.h>

typedef struct es_grip_url_t {
    const char *control_uri; /* without the four, user and password */
    const char *publish_uri; /* the same with "publish/" after its path */
    const char *user;        /* NULL = none; decoded, as the next five */
    const char *password;    /* "" if there is only a user */
    const char *iss;         /* NULL = not given; never empty, as the rest */
    const char *key;
    const char *verify_iss;
    const char *verify_key;
} es_grip_url_t;

/**
 * Parse a GRIP_URL.
 *
 * @param out  all fields are set; in p
 * @return NULL, or what is wrong ("the URL …"), in p or static: it names the
 *         part at fault and shows no value
 */
const char *es_grip_url_parse(es_grip_url_t *out, const char *text,
                              apr_pool_t *p);

/**
 * Set one of the four by its name, from "name=value" of a directive.
 *
 * @param word  "key=…"
 * @return NULL, or what is wrong, without the value
 */
const char *es_grip_url_set(es_grip_url_t *url, const char *word,
                            apr_pool_t *p);

#endif
