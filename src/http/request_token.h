/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The token of a request (EventStreamToken): looked for and verified once for
 * each section, and kept with the request, with what the rule has said of it;
 * and the challenge that tells the client what is wrong.
 */
#ifndef ES_HTTP_REQUEST_TOKEN_H
#define ES_HTTP_REQUEST_TOKEN_H

#include <httpd.h>

#include "server/settings.h"
#include "token/token.h"

typedef struct es_request_token_t {
    const es_token_conf_t *conf; /* of which section */
    const es_token_t *valid;     /* NULL = none */
    const char *sub;             /* of valid, as a user; NULL = none */
    const char *why;             /* NULL = there is no token, or it is valid */
    int is_repeated;             /* there are several */
    /* written by http/token_login.c and http/token_access.c */
    int is_asked;      /* a rule or a login needs it */
    int is_granted;    /* by the rule */
    int opens;         /* nothing else has let it publish */
    const char *lacks; /* NULL, or why the rule has not granted */
} es_request_token_t;

/**
 * @return lives as long as the request; NULL: its section has no
 *         EventStreamToken
 *
 * Context: WORKER, hook check_access or later.
 */
es_request_token_t *es_request_token_of(request_rec *r);

/**
 * The token by which the rule has admitted the request, or the request of the
 * same section that it is a part of: httpd does not ask rules again for a
 * request of its own.
 *
 * @return NULL = none; otherwise with a valid token
 *
 * Context: WORKER, after the rules.
 */
const es_request_token_t *es_request_token_granted(request_rec *r);

/**
 * Add the header WWW-Authenticate of RFC 6750 to the answer of a request that
 * is refused with this status, if a rule or a login needed its token.
 *
 * Context: WORKER.
 */
void es_request_token_challenge(request_rec *r, int status);

/** The same for what httpd answers. Context: hook insert_error_filter. */
void es_request_token_on_error(request_rec *r);

/** The same for the page of an error (ErrorDocument). Context: hook fixups. */
void es_request_token_on_error_page(request_rec *r);

#endif
