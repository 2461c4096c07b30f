/* SPDX-License-Identifier: Apache-2.0 */
/* The set of idle slots: found in order, at both ends of each level, and none
 * is lost while one thread adds and another one removes. */
#include "t/unit/store_kit.h"

#include <pthread.h>

#include "journal/idle_slots.h"

#define MOST (1u << 20)

typedef struct set_t {
    es_idle_slots_t idle;
    void *mem;
} set_t;

static set_t make(apr_uint32_t nslots)
{
    es_layout_t layout = {0};
    set_t set;

    layout.params.channels = nslots;
    set.mem = calloc(1, es_idle_slots_size(nslots));
    es_idle_slots_attach(&set.idle, &layout, set.mem);
    return set;
}

static void slots_are_found_in_order_round_the_end(void **state)
{
    static const es_slot_t slots[] = {1,    2,    64,     65,         4096,
                                      4097, 8000, 262144, MOST - 100, MOST};
    const int count = sizeof(slots) / sizeof(slots[0]);
    set_t set = make(MOST);
    es_slot_t at = 0;
    int i;

    (void)state;
    assert_int_equal(es_idle_slots_next(&set.idle, 0), 0);
    assert_int_equal(es_idle_slots_next(&set.idle, MOST), 0);
    for (i = count; i > 0; i--) {
        es_idle_slots_add(&set.idle, slots[i - 1]);
    }
    for (i = 0; i < 3 * count; i++) {
        at = es_idle_slots_next(&set.idle, at);
        assert_int_equal(at, slots[i % count]);
        assert_true(es_idle_slots_has(&set.idle, at));
        assert_false(es_idle_slots_has(&set.idle, at == 64 ? 63 : at / 2 + 99));
    }
    for (i = 0; i < count; i++) {
        es_idle_slots_remove(&set.idle, slots[i]);
        assert_int_equal(es_idle_slots_next(&set.idle, 0),
                         i + 1 < count ? slots[i + 1] : 0);
    }
    free(set.mem);
}

static void any_size_has_its_last_slot(void **state)
{
    static const apr_uint32_t sizes[] = {1, 63, 64, 65, 4096, 4097, 262145};
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        set_t set = make(sizes[i]);

        es_idle_slots_add(&set.idle, sizes[i]);
        assert_int_equal(es_idle_slots_next(&set.idle, 0), sizes[i]);
        assert_int_equal(es_idle_slots_next(&set.idle, sizes[i]), sizes[i]);
        es_idle_slots_remove(&set.idle, sizes[i]);
        assert_int_equal(es_idle_slots_next(&set.idle, 0), 0);
        free(set.mem);
    }
}

/* A child has died after its first operation. */
static void a_slot_that_was_added_half_is_found_after_a_repair(void **state)
{
    set_t set = make(MOST);

    (void)state;
    set.idle.levels[0][5] = 2;
    assert_int_equal(es_idle_slots_next(&set.idle, 0), 0);
    es_idle_slots_repair(&set.idle, 322);
    assert_int_equal(es_idle_slots_next(&set.idle, 0), 322);
    free(set.mem);
}

/* Bits that a stray write has set lead nowhere, and not beyond the set. */
static void stray_bits_do_no_harm(void **state)
{
    set_t set = make(100);

    (void)state;
    memset(set.mem, 0xff, es_idle_slots_size(100));
    set.idle.levels[0][0] = set.idle.levels[0][1] = 0;
    assert_int_equal(es_idle_slots_next(&set.idle, 0), 0);
    set.idle.levels[0][1] = APR_UINT64_C(1) << 63;
    assert_int_equal(es_idle_slots_next(&set.idle, 0), 128); /* above nslots */
    es_idle_slots_remove(&set.idle, 128);
    assert_int_equal(es_idle_slots_next(&set.idle, 0), 0);
    free(set.mem);
}

/* ---- two threads --------------------------------------------------------- */

#define ROUNDS 200000
#define OWNED 3 /* slots of the adding thread */

static set_t shared;
static apr_uint32_t added[OWNED]; /* atomic; how often */
static const es_slot_t owned[OWNED] = {1, 4096, 262144};

static void *add_slots(void *data)
{
    int i, k;

    (void)data;
    for (i = 0; i < ROUNDS; i++) {
        for (k = 0; k < OWNED; k++) {
            __atomic_fetch_add(&added[k], 1, __ATOMIC_SEQ_CST);
            es_idle_slots_add(&shared.idle, owned[k]);
        }
    }
    return NULL;
}

/* Each slot that was added after it was removed last is found. */
static void none_is_lost_between_two_threads(void **state)
{
    es_slot_t slot = 0;
    pthread_t thread;
    int i, k;

    (void)state;
    shared = make(MOST);
    pthread_create(&thread, NULL, add_slots, NULL);
    for (i = 0; i < 10 * ROUNDS; i++) {
        slot = es_idle_slots_next(&shared.idle, slot);
        if (slot != 0) {
            es_idle_slots_remove(&shared.idle, slot);
        }
        if (__atomic_load_n(&added[OWNED - 1], __ATOMIC_SEQ_CST) >= ROUNDS) {
            break;
        }
    }
    pthread_join(thread, NULL);
    for (k = 0; k < OWNED; k++) {
        es_idle_slots_remove(&shared.idle, owned[k]);
        es_idle_slots_add(&shared.idle, owned[k]);
    }
    for (k = 0; k < OWNED; k++) {
        slot = es_idle_slots_next(&shared.idle, k == 0 ? 0 : slot);
        assert_int_equal(slot, owned[k]);
    }
    free(shared.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_found_in_order_round_the_end),
        cmocka_unit_test(any_size_has_its_last_slot),
        cmocka_unit_test(a_slot_that_was_added_half_is_found_after_a_repair),
        cmocka_unit_test(stray_bits_do_no_harm),
        cmocka_unit_test(none_is_lost_between_two_threads),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
