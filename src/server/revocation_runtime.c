/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table has a key of its own in httpd's retained data, with a version: its
 * layout is not that of the rest. With another layout all revocations are
 * forgotten.
 */
#include "server/revocation_runtime.h"

#include <http_config.h>

#include "base/clock.h"
#include "base/context.h"
#include "shm/segment.h"
#include "server/log.h"
#include "server/runtime.h"

#define KEY "mod_eventstream-revocations-1"

/* Of the current configuration; lives in its pool. */
static es_revocations_t *table;

static apr_status_t forget_table(void *unused)
{
    (void)unused;
    table = NULL;
    return APR_SUCCESS;
}

/* @param mem  retained */
static apr_status_t find(void **mem, server_rec *s)
{
    void **retained = ap_retained_data_get(KEY);
    apr_status_t rv;

    if (retained) {
        *mem = *retained;
        return APR_SUCCESS;
    }
    rv = es_segment_create(mem, es_revocations_size(), s->process->pool);
    if (rv == APR_SUCCESS) {
        rv = es_revocations_format(*mem);
    }
    if (rv == APR_SUCCESS) {
        retained = ap_retained_data_create(KEY, sizeof(*retained));
        *retained = *mem;
    }
    return rv;
}

void es_revocation_runtime_open(server_rec *s, apr_pool_t *pconf)
{
    void *mem;
    apr_status_t rv = find(&mem, s);

    ES_CONTEXT(ES_PARENT);
    table = rv == APR_SUCCESS ? es_revocations_attach(mem, pconf) : NULL;
    apr_pool_cleanup_register(pconf, NULL, forget_table, apr_pool_cleanup_null);
    if (!table) {
        es_slog(APLOG_ERR, rv, s, "ES0920",
                "cannot make or use shared memory for revocations; DELETE with "
                "user= or jti= gets 503 until httpd is stopped and started");
    }
}

es_revocations_t *es_revocation_runtime_table(void)
{
    return table;
}

apr_status_t es_revocation_runtime_revoke(const es_store_t *store,
                                          es_identity_kind_t kind,
                                          es_slice_t name, es_slice_t channel,
                                          apr_time_t until)
{
    es_revocation_t revocation = {0};
    apr_status_t rv;

    if (!table) {
        return APR_ENOTIMPL;
    }
    revocation.epoch = es_store_epoch(store);
    revocation.who = es_revocations_hash(table, kind, name);
    revocation.channel =
        channel.len != 0 ? es_revocations_channel(table, channel) : 0;
    revocation.until = until;
    rv = es_revocations_add(table, &revocation, es_clock_now());
    if (rv == APR_SUCCESS) {
        es_runtime_wake_all();
    }
    return rv;
}
