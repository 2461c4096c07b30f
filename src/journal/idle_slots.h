/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A set of slots: those that may be given to another channel. Its words are in
 * the segment. Each function takes constant time, however many slots there are.
 *
 * It knows nothing of channels: the caller adds a slot that becomes idle, and
 * examines a slot that it finds here before it uses it.
 */
#ifndef ES_JOURNAL_IDLE_SLOTS_H
#define ES_JOURNAL_IDLE_SLOTS_H

#include "journal/layout.h"

#define ES_IDLE_LEVELS 3

typedef struct es_idle_slots_t {
    apr_uint64_t *levels[ES_IDLE_LEVELS]; /* [0] has a bit for each slot */
    apr_uint32_t words[ES_IDLE_LEVELS];   /* in each level */
} es_idle_slots_t;

/** Bytes in the segment, for this many slots. */
apr_uint64_t es_idle_slots_size(apr_uint32_t nslots);

/** Compute the addresses in the segment at mem. */
void es_idle_slots_attach(es_idle_slots_t *idle, const es_layout_t *layout,
                          void *mem);

/** Add a slot (1..nslots). Context: ANY, without lock. */
void es_idle_slots_add(const es_idle_slots_t *idle, es_slot_t slot);

/** Remove a slot (1..nslots). Under the store's lock. */
void es_idle_slots_remove(const es_idle_slots_t *idle, es_slot_t slot);

/**
 * The next slot after this one, round the end. Under the store's lock.
 *
 * @param after  0..nslots
 * @return 0: there is none; it may be above nslots if memory was damaged
 */
es_slot_t es_idle_slots_next(const es_idle_slots_t *idle, es_slot_t after);

/** 1 if es_idle_slots_next can find the slot (1..nslots). */
int es_idle_slots_has(const es_idle_slots_t *idle, es_slot_t slot);

/** Let es_idle_slots_next find all slots up to this one that were added half.
 * Under the store's lock. */
void es_idle_slots_repair(const es_idle_slots_t *idle, es_slot_t last);

#endif
