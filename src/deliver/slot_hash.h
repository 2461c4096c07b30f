/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The hash of a slot, for tables with open addressing in the delivery. Clients
 * choose channels, and slots are given in order, so a client could collect
 * channels whose slots collide. Then each look-up would pass over all of them.
 * With a secret key it cannot know which collide.
 */
#ifndef ES_DELIVER_SLOT_HASH_H
#define ES_DELIVER_SLOT_HASH_H

#include "journal/store.h"

/** A random key for a table. Context: ANY. */
apr_uint64_t es_slot_hash_key(void);

/**
 * The finisher of MurmurHash3 over key + slot: each bit of the sum changes each
 * bit of the result with probability 1/2.
 *
 * @return to be masked to the size of the table, 2^32 at most
 */
static inline apr_uint32_t es_slot_hash(apr_uint64_t key, es_slot_t slot)
{
    key += slot;
    key = (key ^ (key >> 33)) * APR_UINT64_C(0xff51afd7ed558ccd);
    key = (key ^ (key >> 33)) * APR_UINT64_C(0xc4ceb9fe1a85ec53);
    return (apr_uint32_t)(key >> 32);
}

#endif
