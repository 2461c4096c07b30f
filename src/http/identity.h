/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Who the client of a request is: its user, and the id of its token. Both stay
 * with the client as hashes (shm/revocations.h), by which it is ended when an
 * administrator revokes one of them, and counted for its user.
 */
#ifndef ES_HTTP_IDENTITY_H
#define ES_HTTP_IDENTITY_H

#include <httpd.h>

#include "base/channel.h"
#include "base/problem.h"
#include "shm/revocations.h"
#include "server/settings.h"

/** The hashes of r->user, as httpd has it, and of the jti of its token; 0 =
 * none. Context: WORKER. */
void es_identity_of(request_rec *r, es_identity_t *out);

/** Who a stream is for, and up to which number its revocations were asked. */
typedef struct es_identified_t {
    es_identity_t who;
    apr_uint32_t checked; /* for es_client_params_t */
} es_identified_t;

/**
 * May this request have a stream, as far as revocations say?
 *
 * @param names  its channels
 * @param out    filled on 1
 * @param why    403: its user is revoked; 401: its token is
 * @return 1, or 0 with why
 *
 * Context: WORKER; takes no lock.
 */
int es_identity_admits(request_rec *r, const es_dir_t *conf,
                       const es_channel_set_t *names, es_identified_t *out,
                       es_problem_t *why);

/**
 * May this request publish or control, as far as revocations say? Not with a
 * token that is revoked for all channels; a user still may.
 *
 * @param why  401
 * @return 1, or 0 with why
 *
 * Context: WORKER; takes no lock.
 */
int es_identity_may_publish(request_rec *r, const es_dir_t *conf,
                            es_problem_t *why);

#endif
