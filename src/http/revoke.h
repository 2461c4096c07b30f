/* SPDX-License-Identifier: Apache-2.0 */
/**
 * DELETE with user= or jti= on a publish Location: it ends the streams of a
 * user or of a token, and for some time who has that name gets no new ones.
 */
#ifndef ES_HTTP_REVOKE_H
#define ES_HTTP_REVOKE_H

#include <httpd.h>

#include "base/channel.h"
#include "shm/revocations.h"
#include "server/runtime.h"
#include "server/settings.h"

/** Longest name of a user or a token, in bytes. */
#define ES_REVOKE_NAME_MAX 4096

/** For es_revoke_t: until it is revoked again. */
#define ES_REVOKE_ALWAYS (-1)

/** What is asked for. */
typedef struct es_revoke_t {
    es_identity_kind_t kind;
    es_slice_t name;
    apr_int64_t seconds;              /* 0..; or ES_REVOKE_ALWAYS */
    const es_channel_set_t *channels; /* NULL = all of the hub */
} es_revoke_t;

/** Is this DELETE one that revokes? Context: WORKER. */
int es_revoke_is_asked(request_rec *r);

/**
 * Revoke the user of ?user= or the token of ?jti=, for the channels of
 * ?channel= or for all of the hub, for the seconds of ?for=.
 *
 * @return what the handler returns
 *
 * Context: WORKER; the access checks have passed. Takes the lock of the table
 * of revocations.
 */
int es_revoke_handler(request_rec *r, const es_dir_t *conf);

/**
 * Revoke at this server.
 *
 * @param channel  empty = all of the hub
 * @param until    by es_clock_now, or ES_REVOCATION_ALWAYS
 * @return as es_revocation_runtime_add
 *
 * Context: as there.
 */
apr_status_t es_revoke_apply(const es_runtime_hub_t *hub,
                             es_identity_kind_t kind, es_slice_t name,
                             es_slice_t channel, apr_time_t until);

#endif
