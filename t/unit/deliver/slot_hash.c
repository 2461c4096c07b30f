/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of deliver/slot_hash.h: no client knows which slots collide. */
#include "t/unit/deliver_fixture.h"

#include <apr_general.h>

#include "deliver/slot_hash.h"

#define SIZE 4096
#define SLOTS 1000

/* As many slots that a hash without a key puts into one place of a table: all
 * of them are in one run there. */
static void collect(es_slot_t *slots)
{
    es_slot_t slot = 0;
    int count = 0;

    while (count < SLOTS) {
        slot++;
        if ((slot * 2654435761u >> 7 & (SIZE - 1)) == 0) {
            slots[count++] = slot;
        }
    }
}

/* The longest run of taken places when these slots are added. */
static int longest_run(apr_uint64_t key, const es_slot_t *slots)
{
    static unsigned char taken[SIZE];
    int i, run = 0, longest = 0;

    memset(taken, 0, sizeof(taken));
    for (i = 0; i < SLOTS; i++) {
        apr_uint32_t at = es_slot_hash(key, slots[i]) & (SIZE - 1);

        while (taken[at]) {
            at = (at + 1) & (SIZE - 1);
        }
        taken[at] = 1;
    }
    for (i = 0; i < SIZE; i++) {
        run = taken[i] ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void test_colliding_slots_are_spread(void **state UNUSED)
{
    static es_slot_t slots[SLOTS];
    int i;

    collect(slots);
    for (i = 0; i < 200; i++) {
        assert_true(longest_run(es_slot_hash_key(), slots) < SLOTS / 10);
    }
}

static void test_neighbours_are_spread(void **state UNUSED)
{
    static es_slot_t slots[SLOTS];
    int i;

    for (i = 0; i < SLOTS; i++) {
        slots[i] = (es_slot_t)i + 1;
    }
    for (i = 0; i < 200; i++) {
        assert_true(longest_run(es_slot_hash_key(), slots) < SLOTS / 10);
    }
}

static void test_keys_differ(void **state UNUSED)
{
    assert_true(es_slot_hash_key() != es_slot_hash_key());
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colliding_slots_are_spread),
        cmocka_unit_test(test_neighbours_are_spread),
        cmocka_unit_test(test_keys_differ),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
