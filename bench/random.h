/* SPDX-License-Identifier: Apache-2.0 */
/**
 * random: chance that can be repeated: the same seed, the same throws.
 */
#ifndef EB_RANDOM_H
#define EB_RANDOM_H

#include <stdint.h>

typedef struct {
    uint64_t state; /* not 0 */
} eb_random_t;

/** 0 … sides - 1; xorshift64*. */
static inline uint32_t eb_random_throw(eb_random_t *random, uint32_t sides)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (uint32_t)((random->state * UINT64_C(2685821657736338717) >> 32) %
                      sides);
}

#endif
