/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three levels of bits. A bit of an upper level says that the word of the level
 * below is not 0, so a search looks at a few words only:
 *
 *     levels[2]  [ 1…                  ]  at most 4 words
 *                  │
 *     levels[1]  [ 01… ][ 0… ] …          at most 256
 *                   │
 *     levels[0]  [ 0… ][ 00100… ] …       at most 16,384: slot s at bit s - 1
 *
 * A child adds a slot without the lock, by one atomic operation on each level,
 * from below. A process that removes one has the lock. It removes from below,
 * too: if a word became 0, it removes the bit above, and looks at the word
 * again. If a child has added a slot meanwhile, either this second look finds
 * it, or the child's operation on the level above follows, and restores the
 * bit. So no slot is lost. A bit above a word of 0 may remain; it costs a step
 * of a search.
 *
 * A child that dies while it adds leaves a slot that is not found. The caller
 * makes sure that the parent learns of it (es_store_unsubscribe).
 */
#include "journal/idle_slots.h"

#define BITS 64
/** Of a search. Without bits above words of 0 it takes 9 at most. */
#define STEPS_MAX 64

static apr_uint32_t words_for(apr_uint32_t bits)
{
    return (bits + BITS - 1) / BITS;
}

apr_uint64_t es_idle_slots_size(apr_uint32_t nslots)
{
    apr_uint64_t words = 0;
    int level;

    for (level = 0; level < ES_IDLE_LEVELS; level++) {
        nslots = words_for(nslots);
        words += nslots;
    }
    return words * sizeof(apr_uint64_t);
}

void es_idle_slots_attach(es_idle_slots_t *idle, const es_layout_t *layout,
                          void *mem)
{
    apr_uint64_t *words = (apr_uint64_t *)((char *)mem + layout->idle);
    apr_uint32_t bits = layout->params.channels;
    int level;

    for (level = 0; level < ES_IDLE_LEVELS; level++) {
        idle->levels[level] = words;
        idle->words[level] = bits = words_for(bits);
        words += bits;
    }
}

static apr_uint64_t bit_at(apr_uint32_t at)
{
    return APR_UINT64_C(1) << at % BITS;
}

static apr_uint64_t load(const es_idle_slots_t *idle, int level,
                         apr_uint32_t word)
{
    /* acquire: the operations on the levels below it come first */
    return __atomic_load_n(&idle->levels[level][word], __ATOMIC_ACQUIRE);
}

/* Both of acq_rel order: an operation on a level is seen with those on the
 * levels below that preceded it. */

static void add_bit(const es_idle_slots_t *idle, int level, apr_uint32_t at)
{
    __atomic_fetch_or(&idle->levels[level][at / BITS], bit_at(at),
                      __ATOMIC_ACQ_REL);
}

static void remove_bit(const es_idle_slots_t *idle, int level, apr_uint32_t at)
{
    __atomic_fetch_and(&idle->levels[level][at / BITS], ~bit_at(at),
                       __ATOMIC_ACQ_REL);
}

void es_idle_slots_add(const es_idle_slots_t *idle, es_slot_t slot)
{
    apr_uint32_t at = slot - 1;
    int level;

    for (level = 0; level < ES_IDLE_LEVELS; level++) {
        add_bit(idle, level, at);
        at /= BITS;
    }
}

void es_idle_slots_remove(const es_idle_slots_t *idle, es_slot_t slot)
{
    apr_uint32_t at = slot - 1;
    int level;

    if (!(load(idle, 0, at / BITS) & bit_at(at))) {
        return; /* it costs no atomic operation then */
    }
    remove_bit(idle, 0, at);
    for (level = 1; level < ES_IDLE_LEVELS; level++) {
        at /= BITS;
        if (load(idle, level - 1, at) != 0) {
            return;
        }
        remove_bit(idle, level, at);
        if (load(idle, level - 1, at) != 0) {
            add_bit(idle, level, at);
            return;
        }
    }
}

/** The first slot whose bit is at or after from, 0 = none. */
static es_slot_t find_from(const es_idle_slots_t *idle, apr_uint32_t from)
{
    apr_uint32_t at = from;
    int level = 0;
    int steps;

    for (steps = 0; steps < STEPS_MAX; steps++) {
        apr_uint32_t word = at / BITS;
        apr_uint64_t bits = word < idle->words[level]
                                ? load(idle, level, word) & -bit_at(at)
                                : 0;

        if (bits != 0) {
            at = word * BITS + (apr_uint32_t)__builtin_ctzll(bits);
            if (level == 0) {
                return at + 1;
            }
            level--;
            at *= BITS;
        }
        else if (level < ES_IDLE_LEVELS - 1) {
            level++;
            at = word + 1;
        }
        else if (word + 1 < idle->words[level]) {
            at = (word + 1) * BITS;
        }
        else {
            break;
        }
    }
    return 0;
}

es_slot_t es_idle_slots_next(const es_idle_slots_t *idle, es_slot_t after)
{
    es_slot_t slot = find_from(idle, after);

    return slot != 0 || after == 0 ? slot : find_from(idle, 0);
}

int es_idle_slots_has(const es_idle_slots_t *idle, es_slot_t slot)
{
    apr_uint32_t at = slot - 1;
    int level;

    for (level = 0; level < ES_IDLE_LEVELS; level++) {
        if (!(load(idle, level, at / BITS) & bit_at(at))) {
            return 0;
        }
        at /= BITS;
    }
    return 1;
}

void es_idle_slots_repair(const es_idle_slots_t *idle, es_slot_t last)
{
    apr_uint32_t count = words_for(last);
    apr_uint32_t word;

    for (word = 0; word < count && word < idle->words[0]; word++) {
        if (load(idle, 0, word) != 0) {
            add_bit(idle, 1, word);
            add_bit(idle, 2, word / BITS);
        }
    }
}
