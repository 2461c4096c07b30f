/* SPDX-License-Identifier: Apache-2.0 */
/* The name of the scheme has any case (RFC 9110). A header that was sent twice
 * reaches us as one list, which is no credential. */
#include "http/bearer.h"

#include <apr_strings.h>

#define SCHEME "Bearer"

const char *es_bearer_find(request_rec *r)
{
    const char *header = apr_table_get(r->headers_in, "Authorization");
    apr_size_t len = strlen(SCHEME);

    if (!header || strncasecmp(header, SCHEME, len) != 0 ||
        (header[len] != ' ' && header[len] != '\0')) {
        return NULL;
    }
    header += len;
    return header + strspn(header, " ");
}

static const char *add(const char *challenge, const char *name,
                       const char *value, apr_pool_t *p)
{
    if (!value) {
        return challenge;
    }
    return apr_pstrcat(p, challenge, strchr(challenge, '=') ? ", " : " ", name,
                       "=\"", value, "\"", NULL);
}

const char *es_bearer_challenge(const char *realm, const char *error,
                                const char *description, apr_pool_t *p)
{
    const char *challenge = add(SCHEME, "realm", realm, p);

    challenge = add(challenge, "error", error, p);
    return add(challenge, "error_description", description, p);
}
