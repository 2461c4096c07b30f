/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk takes the conns from the front of the list of those that wait, and
 * puts them behind it. It is over when as many in a row as there are conns had
 * been looked at. Between two parts of a walk a conn may
 *
 *   - come: it is looked at when it is stepped, and it is stepped at once;
 *   - become READY, STALLED or AHEAD: it is looked at when it is stepped, which
 *     takes a second at most;
 *   - become BLOCKED by a round, without a step: it goes to the end of the
 *     list, where the walk gets to it. The next time it moves it is stepped. So
 *     no conn can evade the walk for ever.
 */
#include "deliver/revoked.h"

#include "base/context.h"
#include "deliver/client_priv.h"
#include "deliver/conns_priv.h"

static es_identity_t identity_of(const es_client_t *client)
{
    es_identity_t who;

    who.user = client->counted.user;
    who.token = client->token;
    return who;
}

static int has_channel(const es_client_t *client, const es_revocations_t *table,
                       apr_uint64_t channel)
{
    int i;

    for (i = 0; i < client->nslots; i++) {
        es_slice_t name = es_store_name(client->store, client->slots[i]);

        if (es_revocations_channel(table, name) == channel) {
            return 1;
        }
    }
    return 0;
}

static int ends(const es_client_t *client, const es_revocations_t *table,
                const es_revocation_t *revocation)
{
    es_id_t epoch = es_store_epoch(client->store);

    return es_id_compare(&revocation->epoch, &epoch) == 0 &&
           (revocation->channel == 0 ||
            has_channel(client, table, revocation->channel));
}

/* By the table. */
static int is_revoked(const es_client_t *client, const es_revocations_t *table,
                      apr_uint64_t since)
{
    es_identity_t who = identity_of(client);
    es_revocation_t revocation;
    apr_uint32_t at = 0;

    while (es_revocations_next(table, &who, since, &at, &revocation)) {
        if (ends(client, table, &revocation)) {
            return 1;
        }
    }
    return es_revocations_has_lost(table, since);
}

int es_revoked_check(es_client_t *client, const es_revocations_t *table,
                     apr_uint64_t number)
{
    apr_uint64_t since = es_revocations_widen(number, client->checked);

    if (since == number) {
        return 0;
    }
    client->checked = (apr_uint32_t)number;
    return (client->counted.user != 0 || client->token != 0) &&
           is_revoked(client, table, since);
}

/* ---- the conns of a delivery -------------------------------------------- */

void es_revoked_init(es_conns_t *conns, es_revocations_t *table)
{
    es_revoked_t *revoked = &conns->revoked;

    memset(revoked, 0, sizeof(*revoked));
    revoked->table = table;
    if (table != NULL) {
        revoked->done = revoked->target = es_revocations_number(table);
    }
}

int es_revoked_is_new(const es_conns_t *conns)
{
    const es_revoked_t *revoked = &conns->revoked;

    return revoked->table != NULL &&
           es_revocations_number(revoked->table) != revoked->target;
}

void es_revoked_begin(es_conns_t *conns)
{
    es_revoked_t *revoked = &conns->revoked;
    es_revocation_t next;
    apr_uint32_t at = 0;

    if (revoked->done != revoked->target) {
        return;
    }
    revoked->target = es_revocations_number(revoked->table);
    revoked->clean = 0;
    revoked->count = 0;
    while (
        revoked->count >= 0 &&
        es_revocations_next(revoked->table, NULL, revoked->done, &at, &next)) {
        if (revoked->count == ES_REVOKED_LIST) {
            revoked->count = -1;
            break;
        }
        revoked->list[revoked->count++] = next;
    }
}

/* The same as is_revoked, by the list of the walk. */
static int is_in_list(const es_client_t *client, const es_revoked_t *revoked,
                      apr_uint64_t since)
{
    apr_uint64_t user = client->counted.user;
    apr_uint64_t token = client->token;
    int i;

    for (i = 0; i < revoked->count; i++) {
        const es_revocation_t *one = &revoked->list[i];

        if ((one->who == user || one->who == token) && one->number > since &&
            ends(client, revoked->table, one)) {
            return 1;
        }
    }
    return es_revocations_has_lost(revoked->table, since);
}

static int is_to_end(es_client_t *client, const es_revoked_t *revoked)
{
    apr_uint64_t since = es_revocations_widen(revoked->target, client->checked);

    if (since == revoked->target) {
        return 0; /* its worker has looked later than this thread */
    }
    if (revoked->count < 0 || since < revoked->done) {
        return es_revoked_check(client, revoked->table, revoked->target);
    }
    client->checked = (apr_uint32_t)revoked->target;
    return (client->counted.user != 0 || client->token != 0) &&
           is_in_list(client, revoked, since);
}

int es_revoked_look(es_conns_t *conns, es_conn_t *conn)
{
    es_client_t *client = conn->client;
    es_revoked_t *revoked = &conns->revoked;

    if (client->checked == (apr_uint32_t)revoked->target) {
        return 0;
    }
    if (is_to_end(client, revoked) && es_client_is_open(client)) {
        es_revocations_count_ended(revoked->table);
        es_client_because(client, ES_END_REVOKED);
        es_conns_end(conns, conn, es_client_retry_ms(client) / 5);
    }
    return client->checked == (apr_uint32_t)revoked->target;
}

int es_revoked_run(es_conns_t *conns, es_deadline_t *deadline)
{
    es_revoked_t *revoked = &conns->revoked;

    ES_CONTEXT(ES_DELIVERY);
    while (revoked->done != revoked->target) {
        es_conn_t *conn;

        if (revoked->clean >= es_conns_count(conns) ||
            es_list_is_empty(&conns->waiting)) {
            revoked->done = revoked->target;
            break;
        }
        conn = es_conns_of_link(conns->waiting.next);
        es_list_remove(&conn->state_link);
        es_list_append(&conns->waiting, &conn->state_link);
        revoked->clean = es_revoked_look(conns, conn) ? 0 : revoked->clean + 1;
        if (es_deadline_is_over(deadline)) {
            break;
        }
    }
    return revoked->done != revoked->target;
}
