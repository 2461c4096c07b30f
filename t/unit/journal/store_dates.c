/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store at dates whose milliseconds need one bit more, or all 64, and whose
 * clock is set: ids rise, and clients resume with each.
 */
#include "t/unit/store_kit.h"

#include "journal/resume.h"

#define RING 4096
#define EVENTS 9
#define HOUR_MS 3600000
#define BIT(n) ((apr_uint64_t)1 << (n))

/* A store with an epoch at this time. */
static kit_t *open_at(apr_uint64_t epoch_ms)
{
    kit_t *kit = kit_open(RING, 4, 1);
    es_id_t epoch = es_id_epoch(0x123456, epoch_ms);

    memset(kit->mem, 0, kit->size);
    assert_int_equal(es_store_format(kit->mem, &kit->params, &epoch), 0);
    assert_int_equal(es_store_attach(&kit->store, kit->mem, kit->size,
                                     &kit->params, kit->pool),
                     0);
    return kit;
}

static es_id_t append_at(kit_t *kit, apr_uint64_t now_ms)
{
    es_slice_t name = es_slice_of("a");
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {&name, 1, &frame};
    es_appended_t done;

    memset(kit->touched, 0, sizeof(kit->touched));
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, now_ms, kit->touched, &done), 0);
    return done.last_id;
}

static apr_status_t resume(kit_t *kit, const es_id_t *id, es_start_t *start)
{
    static const es_resume_reach_t all = {0, 0, 0, 0};
    es_slice_t name = es_slice_of("a");
    char text[ES_ID_TEXT_SIZE];
    es_slot_t slot;
    apr_status_t rv;

    es_id_format(text, id);
    assert_int_equal(es_store_subscribe(kit->store, 1, &name, 1, &slot, start),
                     0);
    rv = es_store_resume(kit->store, &slot, 1, es_slice_of(text), &all, start);
    es_store_unsubscribe(kit->store, 1, &slot, 1);
    return rv;
}

/* How many events a client receives that resumes with this id. */
static int rest_after(kit_t *kit, const es_id_t *id)
{
    es_pos_t head = es_store_head(kit->store);
    es_start_t start;
    es_record_t record;
    int count = 0;
    es_pos_t at;

    assert_int_equal(resume(kit, id, &start), APR_SUCCESS);
    for (at = start.pos; at < head; at = record.next) {
        assert_int_equal(es_store_look(kit->store, at, &record), 0);
        count++;
    }
    return count;
}

/* The ids rise, and after each there are all later events. */
static void assert_in_order(kit_t *kit, const es_id_t *ids, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        assert_true(i == 0 || es_id_compare(&ids[i], &ids[i - 1]) > 0);
        assert_int_equal(rest_after(kit, &ids[i]), count - 1 - i);
    }
    kit_check(kit);
}

/* Once its event and a later one are evicted, the id is refused. */
static void assert_evicts(kit_t *kit, const es_id_t *id, apr_uint64_t now_ms)
{
    es_pos_t full = es_store_head(kit->store) + 2 * RING;
    es_start_t start;
    es_id_t last;

    do {
        last = append_at(kit, now_ms);
    } while (es_store_head(kit->store) < full);
    assert_int_equal(resume(kit, id, &start), APR_NOTFOUND);
    assert_int_equal(rest_after(kit, &last), 0);
    kit_check(kit);
}

static void cross(apr_uint64_t at_ms)
{
    kit_t *kit = open_at(at_ms - 8);
    es_id_t ids[EVENTS];
    int i;

    for (i = 0; i < EVENTS; i++) {
        ids[i] = append_at(kit, at_ms - 4 + (apr_uint64_t)i);
    }
    assert_true(ids[0].ms < at_ms && ids[EVENTS - 1].ms > at_ms);
    assert_in_order(kit, ids, EVENTS);
    assert_evicts(kit, &ids[0], at_ms + 10);
    kit_close(kit, 1);
}

static void ids_rise_over_2_32(void **state)
{
    (void)state;
    cross(BIT(32));
}

static void ids_rise_over_2_63(void **state)
{
    (void)state;
    cross(BIT(63));
}

static void ids_rise_near_the_end_of_time(void **state)
{
    kit_t *kit = open_at(~(apr_uint64_t)0 - 2);
    es_id_t ids[EVENTS];
    int i;

    (void)state;
    for (i = 0; i < EVENTS; i++) {
        ids[i] = append_at(kit, ~(apr_uint64_t)0);
    }
    assert_in_order(kit, ids, EVENTS);
    kit_close(kit, 1);
}

static void ids_rise_when_the_clock_is_set(void **state)
{
    static const int hours[EVENTS] = {0, 1, 1, 0, -1, 0, 2, -20000, 0};
    kit_t *kit = open_at(KIT_NOW);
    es_id_t ids[EVENTS];
    es_id_t ahead;
    es_start_t start;
    int i;

    (void)state;
    for (i = 0; i < EVENTS; i++) {
        ids[i] = append_at(
            kit, KIT_NOW + (apr_uint64_t)((apr_int64_t)hours[i] * HOUR_MS));
    }
    assert_in_order(kit, ids, EVENTS);
    /* after a step ahead and back, the clock is behind the ids for long */
    assert_true(ids[EVENTS - 1].ms > KIT_NOW);
    ahead = ids[EVENTS - 1];
    ahead.ms++;
    assert_int_equal(resume(kit, &ahead, &start), APR_NOTFOUND);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_rise_over_2_32),
        cmocka_unit_test(ids_rise_over_2_63),
        cmocka_unit_test(ids_rise_near_the_end_of_time),
        cmocka_unit_test(ids_rise_when_the_clock_is_set),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
