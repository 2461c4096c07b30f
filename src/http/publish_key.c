/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header belongs to one scheme. If AuthType Basic has checked a login, it
 * has the login and no key, so the request is refused.
 */
#include "http/publish.h"

#include <apr_strings.h>

#include "http/bearer.h"

/* @param error  for the challenge; NULL = none */
static int refuse(request_rec *r, const char *sentence, const char *error,
                  const char *what, es_problem_t *why)
{
    es_problem_set(why, r->pool, HTTP_UNAUTHORIZED, "%s", sentence);
    apr_table_setn(r->err_headers_out, "WWW-Authenticate",
                   es_bearer_challenge("publish", error, NULL, r->pool));
    return es_problem_remedy(
        why, ES_REMEDY_PUBLISH_KEY,
        apr_psprintf(r->pool, "EventStreamPublishKey of this Location: %s.",
                     what));
}

static const char *describe_scheme(const request_rec *r)
{
    if (!apr_table_get(r->headers_in, "Authorization")) {
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
    const char *sent = es_bearer_find(r), *what;

    if (!sent || !*sent) {
        return refuse(r, "Publishing needs a key.", NULL, describe_scheme(r),
                      why);
    }
    if (es_publish_keys_match(keys, sent, apr_time_now(), &what, r->pool)) {
        return 1;
    }
    return refuse(
        r, "This key is not valid here.", "invalid_token",
        apr_pstrcat(r->pool, "what the request has is not valid: ", what, NULL),
        why);
}
