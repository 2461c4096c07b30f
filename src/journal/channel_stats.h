/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Statistics of the channels that a store knows. It knows a channel while a
 * child subscribes to it, an event of it is retained, or it is closed.
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
    apr_uint64_t closed_until; /* of es_store_set_clock; 0 or past = open */
    es_pos_t newest;           /* of its newest record, 0 = none */
    es_pos_t closed;           /* of its newest close, 0 = none */
} es_channel_stats_t;

/**
 * Statistics of one channel.
 *
 * @param now_ms  of es_store_set_clock
 * @return 1, or 0: the store does not know the channel, which then is open and
 *         has neither clients nor events; -1: the store lock cannot be taken,
 *         for long or for ever
 *
 * Context: ANY; takes the store lock.
 */
int es_channel_stats_find(es_store_t *store, es_slice_t name,
                          apr_uint64_t now_ms, es_channel_stats_t *out);

/**
 * The next channels whose names begin with prefix. It examines a bounded number
 * of slots, so it may return 0 though there are more.
 *
 * @param at   where to continue, 0 at first; the order means nothing, but each
 *             channel that stays known is returned once
 * @param max  size of out
 * @return how many are in out; *at is 0 if there are no more. -1: the store
 *         lock cannot be taken, for long or for ever
 *
 * Context: ANY; takes the store lock for a short time, and not at all for slots
 * of channels that are not known.
 */
int es_channel_stats_next(es_store_t *store, es_slot_t *at, es_slice_t prefix,
                          apr_uint64_t now_ms, es_channel_stats_t *out,
                          int max);

/** Sums over channels. */
typedef struct es_channel_totals_t {
    apr_uint64_t channels; /* known */
    apr_uint64_t events;   /* retained; one counts in each of its channels */
} es_channel_totals_t;

/**
 * Add all channels to the totals. What changes meanwhile is counted before or
 * after its change.
 *
 * @param now_ms  of es_store_set_clock
 *
 * Context: ANY, no lock.
 */
void es_channel_stats_add(const es_store_t *store, apr_uint64_t now_ms,
                          es_channel_totals_t *totals);

/**
 * The id of a channel's last retained event.
 *
 * @return 1, or 0: there is none
 *
 * Context: ANY, no lock.
 */
int es_channel_stats_last(const es_store_t *store,
                          const es_channel_stats_t *stats, es_id_t *id);

/**
 * How many of a channel's latest events have an id of this time or later.
 *
 * @param since_ms  milliseconds since 1970
 * @param most      no more are counted
 * @param first_ms  the time of the id of the oldest that was counted; unchanged
 *                  if there is none
 *
 * Context: ANY, no lock.
 */
int es_channel_stats_since(const es_store_t *store,
                           const es_channel_stats_t *stats,
                           apr_uint64_t since_ms, int most,
                           apr_uint64_t *first_ms);

/**
 * The id of a channel's first retained event. It walks over some of the
 * records.
 *
 * @return 1, or 0: there is none
 *
 * Context: ANY, no lock.
 */
int es_channel_stats_first(const es_store_t *store,
                           const es_channel_stats_t *stats, es_id_t *id);

#endif
