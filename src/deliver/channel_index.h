/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The index of a hub: who in this child wants a channel. A slot leads to the
 * list of its links; each link leads to its owner, in which it is embedded.
 *
 * It holds no more than the channels that are wanted here, whatever numbers
 * their slots have. One thread at a time.
 */
#ifndef ES_DELIVER_CHANNEL_INDEX_H
#define ES_DELIVER_CHANNEL_INDEX_H

#include "journal/store.h"

typedef struct es_channel_index_t es_channel_index_t;

/** One owner's wish for one channel. */
typedef struct es_channel_link_t {
    void *owner;           /* set by the owner */
    es_slot_t slot;        /* the channel; 0 = not in an index */
    apr_uint32_t position; /* in the list; the index's */
} es_channel_link_t;

/** The links of a channel; valid until the next add or remove. */
typedef struct es_channel_list_t {
    es_channel_link_t *const *links; /* in no order */
    apr_uint32_t count;
} es_channel_list_t;

/** @return the index, or NULL without memory */
es_channel_index_t *es_channel_index_create(void);

/** Give it back; links that are in it are forgotten. */
void es_channel_index_destroy(es_channel_index_t *index);

/**
 * Put a link into the list of slot (not 0).
 *
 * @return APR_SUCCESS, or APR_ENOMEM: nothing has changed
 */
apr_status_t es_channel_index_add(es_channel_index_t *index, es_slot_t slot,
                                  es_channel_link_t *link);

/**
 * Put nslots links into the lists of nslots slots.
 *
 * @return APR_SUCCESS, or APR_ENOMEM: some may be in, for
 *         es_channel_index_remove_all
 */
apr_status_t es_channel_index_add_all(es_channel_index_t *index,
                                      const es_slot_t *slots, int nslots,
                                      es_channel_link_t *links);

/** Take a link out, at constant cost; one that is in no index stays so. */
void es_channel_index_remove(es_channel_index_t *index,
                             es_channel_link_t *link);

/** Take nslots links out; those that are in no index stay so. */
void es_channel_index_remove_all(es_channel_index_t *index,
                                 es_channel_link_t *links, int nslots);

/** The list of a slot; its count is 0 when nobody wants it. */
es_channel_list_t es_channel_index_list(const es_channel_index_t *index,
                                        es_slot_t slot);

#endif
