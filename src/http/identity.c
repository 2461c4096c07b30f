/* SPDX-License-Identifier: Apache-2.0 */
/* The number is read before the table: see shm/revocations.h. */
#include "http/identity.h"

#include "base/clock.h"
#include "server/revocation_runtime.h"
#include "server/runtime.h"
#include "http/bearer.h"
#include "http/token_access.h"

void es_identity_of(request_rec *r, es_identity_t *out)
{
    const es_revocations_t *table = es_revocation_runtime_table();
    const es_token_t *token = es_token_access_of(r);

    memset(out, 0, sizeof(*out));
    if (table) {
        out->user =
            es_revocations_hash(table, ES_IDENTITY_USER, es_slice_of(r->user));
    }
    if (table && token) {
        out->token = es_revocations_hash(table, ES_IDENTITY_TOKEN, token->jti);
    }
}

static int has_channel(const es_revocations_t *table,
                       const es_channel_set_t *names, apr_uint64_t channel)
{
    int i;

    for (i = 0; channel != 0 && names && i < es_channel_set_count(names); i++) {
        if (es_revocations_channel(table, es_channel_set_names(names)[i]) ==
            channel) {
            return 1;
        }
    }
    return channel == 0;
}

/* The revocation that holds for this client. @param names  NULL = only one of
 * all channels counts. @return 0: none */
static int find(const es_revocations_t *table, const es_id_t *epoch,
                const es_identity_t *who, const es_channel_set_t *names,
                es_revocation_t *found)
{
    apr_time_t now = es_clock_now();
    apr_uint32_t at = 0;

    while (es_revocations_next(table, who, 0, &at, found)) {
        if (found->until > now && es_id_compare(&found->epoch, epoch) == 0 &&
            has_channel(table, names, found->channel)) {
            return 1;
        }
    }
    return 0;
}

static int refuse(request_rec *r, int is_user, es_problem_t *why)
{
    if (is_user) {
        return es_problem_set(why, r->pool, HTTP_FORBIDDEN,
                              "The streams of this user are revoked.");
    }
    apr_table_setn(
        r->err_headers_out, "WWW-Authenticate",
        es_bearer_challenge(NULL, "invalid_token", "revoked", r->pool));
    return es_problem_set(why, r->pool, HTTP_UNAUTHORIZED,
                          "The token is revoked.");
}

int es_identity_admits(request_rec *r, const es_dir_t *conf,
                       const es_channel_set_t *names, es_identified_t *out,
                       es_problem_t *why)
{
    es_revocations_t *table = es_revocation_runtime_table();
    const es_runtime_hub_t *hub = es_runtime_hub(conf);
    es_revocation_t found;
    es_id_t epoch;

    memset(out, 0, sizeof(*out));
    if (!table || !hub) {
        return 1;
    }
    out->checked = (apr_uint32_t)es_revocations_number(table);
    es_identity_of(r, &out->who);
    epoch = es_store_epoch(hub->store);
    if ((out->who.user == 0 && out->who.token == 0) ||
        !find(table, &epoch, &out->who, names, &found)) {
        return 1;
    }
    es_revocations_count_refused(table);
    return refuse(r, found.who == out->who.user, why);
}

int es_identity_may_publish(request_rec *r, const es_dir_t *conf,
                            es_problem_t *why)
{
    es_revocations_t *table = es_revocation_runtime_table();
    const es_runtime_hub_t *hub = es_runtime_hub(conf);
    es_revocation_t found;
    es_identity_t who;
    es_id_t epoch;

    es_identity_of(r, &who);
    if (!table || !hub || who.token == 0) {
        return 1;
    }
    who.user = 0;
    epoch = es_store_epoch(hub->store);
    if (!find(table, &epoch, &who, NULL, &found)) {
        return 1;
    }
    es_revocations_count_refused(table);
    return refuse(r, 0, why);
}
