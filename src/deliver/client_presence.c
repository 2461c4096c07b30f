/* SPDX-License-Identifier: Apache-2.0 */
/* One allocation: the struct, the shares, the name. */
#include "deliver/client_presence.h"

#include <stdlib.h>

#include "base/clock.h"

struct es_client_presence_t {
    es_presence_t *table;
    apr_uint32_t child;
    int nshares;
    apr_int64_t grace_ms;  /* of the client */
    apr_int64_t extend_ms; /* what its next owner need not know */
    es_slice_t name;       /* after the shares */
    es_share_t shares[1];  /* nshares of them; 0 = none */
};

static es_client_presence_t *allocate(es_presence_t *table,
                                      const es_presence_who_t *who, int nslots)
{
    apr_size_t shares = sizeof(es_share_t) * (apr_size_t)nslots;
    es_client_presence_t *presence =
        malloc(sizeof(*presence) + shares + who->name.len);
    char *name;

    if (presence == NULL) {
        return NULL;
    }
    presence->table = table;
    presence->child = who->child;
    presence->nshares = 0;
    presence->grace_ms = who->grace_ms;
    presence->extend_ms = 0;
    name = (char *)presence->shares + shares;
    memcpy(name, who->name.data, who->name.len);
    presence->name = es_slice(name, who->name.len);
    return presence;
}

/* Such a channel has no name that is too long for events about it. */
static int is_counted(es_slice_t channel)
{
    apr_size_t prefix = sizeof(ES_PRESENCE_PREFIX) - 1;

    return channel.len + prefix <= ES_CHANNEL_NAME_MAX &&
           (channel.len < prefix ||
            memcmp(channel.data, ES_PRESENCE_PREFIX, prefix) != 0);
}

/* Enter the next channels, from slots[*at] on. */
static apr_status_t enter_some(es_client_presence_t *presence,
                               const es_presence_who_t *who,
                               const es_store_t *store, const es_slot_t *slots,
                               int nslots, int *at,
                               es_presence_entered_t *entered)
{
    es_slice_t names[ES_PRESENCE_ENTER_MAX];
    apr_status_t rv;
    es_presence_entered_t some;
    int count = 0;

    for (; *at < nslots && count < ES_PRESENCE_ENTER_MAX; (*at)++) {
        names[count] = es_store_name(store, slots[*at]);
        count += is_counted(names[count]);
    }
    if (count == 0) {
        return APR_SUCCESS;
    }
    rv = es_presence_enter(presence->table, who, names, count,
                           &presence->shares[presence->nshares], &some);
    if (rv == APR_SUCCESS) {
        presence->nshares += count;
        entered->is_due |= some.is_due;
        entered->refused += some.refused;
    }
    return rv;
}

apr_status_t es_client_presence_create(es_client_presence_t **out,
                                       es_presence_t *table,
                                       const es_presence_who_t *who,
                                       const es_store_t *store,
                                       const es_slot_t *slots, int nslots,
                                       es_presence_entered_t *entered)
{
    es_client_presence_t *presence = allocate(table, who, nslots);
    apr_status_t rv = presence != NULL ? APR_SUCCESS : APR_ENOMEM;
    int at = 0;

    *out = NULL;
    memset(entered, 0, sizeof(*entered));
    while (rv == APR_SUCCESS && at < nslots) {
        rv = enter_some(presence, who, store, slots, nslots, &at, entered);
    }
    if (rv != APR_SUCCESS || presence->nshares == 0) {
        es_client_presence_destroy(presence, 0);
        return rv;
    }
    *out = presence;
    return APR_SUCCESS;
}

void es_client_presence_destroy(es_client_presence_t *presence,
                                apr_int64_t grace_ms)
{
    apr_time_t now;
    int i;

    if (presence == NULL) {
        return;
    }
    now = es_clock_now();
    if (grace_ms < presence->extend_ms) {
        grace_ms = presence->extend_ms;
    }
    for (i = 0; i < presence->nshares; i++) {
        es_presence_leave(presence->table, presence->child, presence->shares[i],
                          grace_ms, now);
    }
    free(presence);
}

void es_client_presence_extend(es_client_presence_t *presence,
                               apr_int64_t grace_ms)
{
    if (presence != NULL && presence->extend_ms < grace_ms) {
        presence->extend_ms = grace_ms;
    }
}

es_slice_t es_client_presence_name(const es_client_presence_t *presence)
{
    return presence != NULL ? presence->name : es_slice(NULL, 0);
}

apr_int64_t es_client_presence_grace(const es_client_presence_t *presence)
{
    return presence != NULL ? presence->grace_ms : 0;
}
