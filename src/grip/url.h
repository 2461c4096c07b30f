/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A GRIP_URL: where a proxy takes what is published, and the keys that both
 * share, in one line:
 *
 *   http://user:pass@host:port/path?iss=…&key=…&verify-iss=…&verify-key=…
 *
 * The four parameters and the user are taken out; the rest is the control
 * URI. Pure.
 */
#ifndef ES_GRIP_URL_H
#define ES_GRIP_URL_H

#include <apr_pools.h>

typedef struct es_grip_url_t {
    const char *control_uri; /* without the four, user and password */
    const char *publish_uri; /* "publish/" behind its path */
    const char *user;        /* NULL = none; decoded, as the next five */
    const char *password;    /* "" when there is only a user */
    const char *iss;         /* NULL = not given; never empty, as the rest */
    const char *key;
    const char *verify_iss;
    const char *verify_key;
} es_grip_url_t;

/**
 * Take a GRIP_URL apart.
 *
 * @param out  filled as a whole; in p
 * @return NULL, or what is wrong as the end of a sentence ("the URL …"), in p
 *         or static: it names the part at fault and shows no value
 */
const char *es_grip_url_parse(es_grip_url_t *out, const char *text,
                              apr_pool_t *p);

/**
 * Set one of the four by its name, as "name=value" of a directive does.
 *
 * @param word  "key=…"
 * @return NULL, or what is wrong, without the value
 */
const char *es_grip_url_set(es_grip_url_t *url, const char *word,
                            apr_pool_t *p);

#endif
