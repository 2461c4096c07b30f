/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What httpd's own rules say of the channels of a request: the authorization
 * provider "Require eventstream-channel", and the variable EVENTSTREAM_CHANNEL
 * of expressions, as in "Require expr".
 *
 * httpd decides before the body of a request is read, and before other modules
 * name channels. So the rules are asked twice: by httpd, with the channels that
 * are known then; and by es_channel_access_admits for each channel that the
 * request uses and that was not known. A rule that httpd did not need, as one
 * beside it in RequireAny had admitted the request, is not asked at all.
 */
#ifndef ES_HTTP_CHANNEL_ACCESS_H
#define ES_HTTP_CHANNEL_ACCESS_H

#include <httpd.h>
#include <http_request.h>
#include <mod_auth.h>

#include "base/slice.h"

/** A line "Require eventstream-channel". */
typedef struct es_channel_rule_t {
    const apr_array_header_t *patterns; /* const es_template_t *, of
                                         * es_template_parse_allow */
    int is_negated;     /* "Require not", or within RequireNone */
    int has_expression; /* one of the patterns has a %{…} */
} es_channel_rule_t;

/**
 * Ask a rule: does each channel of the request match a pattern? A negated rule
 * is asked whether any does, so that its negation admits none of them.
 *
 * What is not known yet is admitted, as es_channel_access_admits asks again. A
 * request that is not ours is refused, as it has no channels.
 *
 * @return AUTHZ_GRANTED, AUTHZ_DENIED, or AUTHZ_DENIED_NO_USER: the user is
 *         needed, and httpd will ask for it
 *
 * Context: WORKER, hooks access_checker_ex and auth_checker.
 */
authz_status es_channel_access_check(request_rec *r,
                                     const es_channel_rule_t *rule);

/* ---- For rules of other files: http/token_access.h ---------------------- */

/** Note that a rule depends on the channels of the request, so that it is asked
 * for each that is not known yet. Context: as es_channel_access_check. */
void es_channel_access_note(request_rec *r);

/**
 * The channels that a rule sees; notes that it has looked.
 *
 * @return how many; 0: they are not known yet
 */
int es_channel_access_look(request_rec *r, const es_slice_t **names);

/* ---- The handlers ------------------------------------------------------- */

/**
 * Do the rules of httpd admit that the request uses this channel? If none of
 * them has looked at channels, all are. Asks httpd at most once for each
 * channel.
 *
 * @return OK; HTTP_UNAUTHORIZED: another user might be admitted, and the header
 *         WWW-Authenticate is set; HTTP_FORBIDDEN
 *
 * Context: WORKER, handler.
 */
int es_channel_access_admits(request_rec *r, es_slice_t name);

/** Has a rule looked at the channels of the request, other than that of a
 * token? Then nobody knows what it says of channels that are not named.
 * Context: WORKER, handler. */
int es_channel_access_has_rules(const request_rec *r);

/** Register the variable. Context: register_hooks. */
void es_channel_access_register(void);

#endif
