/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The roster: the channels that a store knows, each with its figures. A
 * channel is known while somebody subscribes to it, an event of it is
 * retained, or it is closed.
 */
#ifndef ES_JOURNAL_CHANNEL_STATS_H
#define ES_JOURNAL_CHANNEL_STATS_H

#include "journal/store.h"

typedef struct es_channel_stats_t {
    char name[ES_CHANNEL_NAME_MAX];
    apr_size_t name_len;
    es_slot_t slot;
    apr_uint64_t clients;      /* subscriptions, all children */
    apr_uint32_t events;       /* retained */
    apr_uint64_t closed_until; /* of es_store_clock; 0 or past = open */
    es_pos_t newest;           /* its newest record */
    es_pos_t closed;           /* its newest close */
} es_channel_stats_t;

/**
 * @param now_ms  of es_store_clock
 * @return 1, or 0: it is not known, and all figures are 0
 *
 * Context: ANY; takes the store lock.
 */
int es_channel_stats_find(es_store_t *store, es_slice_t name,
                          apr_uint64_t now_ms, es_channel_stats_t *out);

/**
 * The next channels whose names begin with prefix. It looks at a bounded
 * number of slots, so it may find none though there are more.
 *
 * @param at   where it goes on, 0 at first; the channels have no order that
 *             means anything, but each that stays is met once
 * @param max  places in out
 * @return how many were found; *at is 0 when there are no more
 *
 * Context: ANY; takes the store lock for a short time.
 */
int es_channel_stats_next(es_store_t *store, es_slot_t *at, es_slice_t prefix,
                          apr_uint64_t now_ms, es_channel_stats_t *out,
                          int max);

/** What many channels have together. */
typedef struct es_channel_totals_t {
    apr_uint64_t channels; /* that are known */
    apr_uint64_t events;   /* retained; one counts in each of its channels */
} es_channel_totals_t;

/**
 * Add the next channels to the totals: a bounded number of slots.
 *
 * @param at  as for es_channel_stats_next
 *
 * Context: ANY; takes the store lock for a short time.
 */
void es_channel_stats_add(es_store_t *store, es_slot_t *at, apr_uint64_t now_ms,
                          es_channel_totals_t *totals);

/**
 * The id of a channel's last event that is retained.
 *
 * @return 1, or 0: there is none
 *
 * Context: ANY, no lock.
 */
int es_channel_stats_last(const es_store_t *store,
                          const es_channel_stats_t *stats, es_id_t *id);

/**
 * The id of a channel's first event that is retained; a walk over some of the
 * records.
 *
 * @return 1, or 0: there is none
 *
 * Context: ANY, no lock.
 */
int es_channel_stats_first(const es_store_t *store,
                           const es_channel_stats_t *stats, es_id_t *id);

#endif
