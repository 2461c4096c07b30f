/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The table of revocations of this server (shm/revocations.h): the parent makes
 * it and keeps it over restarts, children use it.
 */
#ifndef ES_SERVER_REVOCATION_RUNTIME_H
#define ES_SERVER_REVOCATION_RUNTIME_H

#include <httpd.h>

#include "shm/revocations.h"
#include "journal/store.h"

/** Make the table, or attach to it. If that fails, it is logged, and nobody can
 * be revoked. Context: PARENT, post_config. */
void es_revocation_runtime_open(server_rec *s, apr_pool_t *pconf);

/** The table; NULL = there is none. Context: ANY. */
es_revocations_t *es_revocation_runtime_table(void);

/**
 * Revoke, and wake all children, so that they look at their clients at once.
 *
 * @param store    of the hub
 * @param channel  empty = all of the hub
 * @param until    by es_clock_now, or ES_REVOCATION_ALWAYS
 * @return as es_revocations_add; APR_ENOTIMPL: there is no table
 *
 * Context: WORKER or CLUSTER; takes the lock of the table.
 */
apr_status_t es_revocation_runtime_revoke(const es_store_t *store,
                                          es_identity_kind_t kind,
                                          es_slice_t name, es_slice_t channel,
                                          apr_time_t until);

#endif
