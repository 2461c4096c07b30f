/* SPDX-License-Identifier: Apache-2.0 */
/**
 * DELETE with user= or jti= on a publish Location: it ends the streams of a
 * user or of a token, and for some time who has that name gets no new ones.
 */
#ifndef ES_HTTP_REVOKE_H
#define ES_HTTP_REVOKE_H

#include <httpd.h>

#include "base/channel.h"
#include "cluster/entry.h"
#include "server/runtime.h"
#include "server/settings.h"

/** What is asked for. */
typedef struct es_revoke_t {
    es_identity_kind_t kind;
    es_slice_t name;
    apr_int64_t seconds;              /* 0..; or ES_CLUSTER_REVOKED_ALWAYS */
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

#endif
