/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The presence of a client: its name and its shares in the table of presence,
 * one for each of its channels. A client of a section without presence has
 * none.
 */
#ifndef ES_DELIVER_CLIENT_PRESENCE_H
#define ES_DELIVER_CLIENT_PRESENCE_H

#include "shm/presence.h"
#include "journal/store.h"

/** The events about a channel are in the channel of this prefix and its name.
 * Nobody is counted in such a channel. */
#define ES_PRESENCE_PREFIX "presence-"

/** What a browser needs to reconnect, after the time of retry: is over;
 * milliseconds. */
#define ES_PRESENCE_MARGIN_MS 3000

/** Until another child has taken over a client, milliseconds: at a restart that
 * takes until the new children have started. */
#define ES_PRESENCE_HANDOVER_MS 30000

typedef struct es_client_presence_t es_client_presence_t;

/**
 * Count a client in its channels.
 *
 * @param out     NULL if it has nothing to be counted in. The client's, from
 *                es_client_create on
 * @param who     name and grace are copied
 * @param slots   nslots of store, subscribed
 * @param entered  as of es_presence_enter, in sum
 * @return APR_SUCCESS, also if the table is full for some channels; APR_ENOMEM;
 *         else as es_presence_enter: the client is counted nowhere
 *
 * Context: WORKER or DELIVERY; takes the lock of the table.
 */
apr_status_t es_client_presence_create(es_client_presence_t **out,
                                       es_presence_t *table,
                                       const es_presence_who_t *who,
                                       const es_store_t *store,
                                       const es_slot_t *slots, int nslots,
                                       es_presence_entered_t *entered);

/**
 * The client has gone, and may come back within grace_ms, or within that of its
 * who if that is longer.
 *
 * @param presence  freed; NULL is ignored
 *
 * Context: ANY thread of the child; takes no lock.
 */
void es_client_presence_destroy(es_client_presence_t *presence,
                                apr_int64_t grace_ms);

/** Raise the grace to at least that. NULL is ignored. */
void es_client_presence_extend(es_client_presence_t *presence,
                               apr_int64_t grace_ms);

/** For the next owner: its name, which lives as long as the client, and its
 * grace. NULL has an empty name. */
es_slice_t es_client_presence_name(const es_client_presence_t *presence);
apr_int64_t es_client_presence_grace(const es_client_presence_t *presence);

#endif
