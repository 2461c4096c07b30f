/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The scheme Bearer (RFC 6750): what the header Authorization of a request has
 * for it, and the challenge in WWW-Authenticate that asks for it.
 */
#ifndef ES_HTTP_BEARER_H
#define ES_HTTP_BEARER_H

#include <httpd.h>

/**
 * @return what follows "Bearer" in the header Authorization, in r's pool; "" =
 *         nothing does; NULL = there is no such header, or it has another
 *         scheme
 */
const char *es_bearer_find(request_rec *r);

/**
 * A value of WWW-Authenticate: "Bearer" and what is not NULL. All of it stands
 * within quotes, so it may have no quotes and backslashes.
 *
 * @param realm        what the credential is for
 * @param error        a code of RFC 6750: "invalid_token" and others
 * @param description  the same in words
 */
const char *es_bearer_challenge(const char *realm, const char *error,
                                const char *description, apr_pool_t *p);

#endif
