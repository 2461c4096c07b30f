/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A channel index: which conns or watches of this child want a channel. For
 * the slot of a channel it returns a list of links; each link is embedded in
 * its owner and points to it.
 *
 * Its size depends on the number of channels that are wanted here, not on the
 * numbers of their slots. One thread at a time.
 */
#ifndef ES_DELIVER_CHANNEL_INDEX_H
#define ES_DELIVER_CHANNEL_INDEX_H

#include "journal/store.h"

typedef struct es_channel_index_t es_channel_index_t;

/** One owner wants one channel. */
typedef struct es_channel_link_t {
    void *owner;           /* set by the owner */
    es_slot_t slot;        /* the channel; 0 = not in an index */
    apr_uint32_t position; /* in the list; private to the index */
} es_channel_link_t;

/** The links of a channel; valid until the next add or remove. */
typedef struct es_channel_list_t {
    es_channel_link_t *const *links; /* in no order */
    apr_uint32_t count;
    apr_uint32_t group; /* see es_channel_index_set_group; 0 = none */
} es_channel_list_t;

/** @return the index, or NULL if out of memory */
es_channel_index_t *es_channel_index_create(void);

/** Free the index. Links that are in it are not touched. NULL is ignored. */
void es_channel_index_destroy(es_channel_index_t *index);

/**
 * Add a link to the list of a slot, which is not 0.
 *
 * @return APR_SUCCESS, or APR_ENOMEM: nothing has changed
 */
apr_status_t es_channel_index_add(es_channel_index_t *index, es_slot_t slot,
                                  es_channel_link_t *link);

/**
 * Add links[i] to the list of slots[i], for nslots of them.
 *
 * @return APR_SUCCESS, or APR_ENOMEM: some may have been added; the caller
 *         removes them with es_channel_index_remove_all
 */
apr_status_t es_channel_index_add_all(es_channel_index_t *index,
                                      const es_slot_t *slots, int nslots,
                                      es_channel_link_t *links);

/** Remove a link at constant cost. Nothing is done if it is in no index. */
void es_channel_index_remove(es_channel_index_t *index,
                             es_channel_link_t *link);

/** The same for nslots links. */
void es_channel_index_remove_all(es_channel_index_t *index,
                                 es_channel_link_t *links, int nslots);

/**
 * Mark a channel that is wanted here. The mark is lost with the last link.
 *
 * @param group  0 = none; nothing is done if no owner wants the channel
 */
void es_channel_index_set_group(es_channel_index_t *index, es_slot_t slot,
                                apr_uint32_t group);

/** The list of a slot; count is 0 when no owner wants the channel. */
es_channel_list_t es_channel_index_list(const es_channel_index_t *index,
                                        es_slot_t slot);

#endif
