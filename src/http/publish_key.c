/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header belongs to one scheme. If AuthType Basic has checked a login, it
 * has the login and no key, so the request is refused. A header that was sent
 * twice reaches us as one list, which is no key.
 */
#include "http/publish.h"

#include <apr_strings.h>

#define SCHEME "Bearer"
#define CHALLENGE SCHEME " realm=\"publish\""

/* @return what follows "Bearer", or NULL: the header has another scheme */
static const char *credential_of(const char *header)
{
    apr_size_t len = strlen(SCHEME);

    if (strncasecmp(header, SCHEME, len) != 0 || header[len] != ' ') {
        return NULL;
    }
    return header + len + strspn(header + len, " ");
}

static int refuse(request_rec *r, const char *sentence, const char *challenge,
                  const char *what, es_problem_t *why)
{
    es_problem_set(why, r->pool, HTTP_UNAUTHORIZED, "%s", sentence);
    apr_table_setn(r->err_headers_out, "WWW-Authenticate", challenge);
    return es_problem_remedy(
        why, ES_REMEDY_PUBLISH_KEY,
        apr_psprintf(r->pool, "EventStreamPublishKey of this Location: %s.",
                     what));
}

static const char *describe_scheme(const request_rec *r, const char *header)
{
    if (!header) {
        return "the request has no header Authorization";
    }
    return r->ap_auth_type ? "the header Authorization has the login of "
                             "AuthType; a Location has either, a login or keys"
                           : "the header Authorization is not of the scheme "
                             "Bearer";
}

int es_publish_key_admits(request_rec *r, const es_publish_keys_t *keys,
                          es_problem_t *why)
{
    const char *header = apr_table_get(r->headers_in, "Authorization");
    const char *sent = header ? credential_of(header) : NULL, *what;

    if (!sent) {
        return refuse(r, "Publishing needs a key.", CHALLENGE,
                      describe_scheme(r, header), why);
    }
    if (es_publish_keys_match(keys, sent, apr_time_now(), &what, r->pool)) {
        return 1;
    }
    return refuse(
        r, "This key is not valid here.", CHALLENGE ", error=\"invalid_token\"",
        apr_pstrcat(r->pool, "what the request has is not valid: ", what, NULL),
        why);
}
