/* SPDX-License-Identifier: Apache-2.0 */
/* Links: names and ids before, of records whose channels nobody subscribes
 * to, and after records before them have gone. */
#include "t/unit/store_kit.h"

#include "journal/missed_last_ids.h"
#include "journal/missed_link.h"

static void look(kit_t *kit, es_pos_t pos, es_record_t *record)
{
    assert_int_equal(es_store_look(kit->store, pos, record), APR_SUCCESS);
}

static void append(kit_t *kit, const char *channel, es_appended_t *done)
{
    assert_int_equal(kit_append(kit, channel, "data: x\n\n", done),
                     APR_SUCCESS);
}

static es_id_t last_of(kit_t *kit, const char *channel)
{
    es_id_t id = {0, 0};
    es_start_t present;
    es_slot_t slot;

    assert_int_equal(kit_subscribe(kit, 1, channel, &slot), APR_SUCCESS);
    assert_int_equal(es_store_last_ids(kit->store, &slot, 1, &id, &present),
                     APR_SUCCESS);
    es_store_unsubscribe(kit->store, 1, &slot, 1);
    return id;
}

static void test_names_and_ids(void **state)
{
    kit_t *kit = kit_open(8192, 8, 0);
    es_appended_t one, other, two;
    es_record_t record;
    es_linked_t linked;

    (void)state;
    append(kit, "a", &one);
    append(kit, "b", &other);
    append(kit, "a", &two);
    look(kit, two.from, &record);
    assert_int_equal(es_store_link(kit->store, &record, 0, &linked), 0);
    assert_int_equal(linked.name_len, 1);
    assert_int_equal(linked.name[0], 'a');
    assert_int_equal(es_id_compare(&linked.before, &one.last_id), 0);
    kit_close(kit, 0);
}

/* What a channel's last event is called by, the next record's link says. */
static void test_last_is_what_the_next_link_says(void **state)
{
    kit_t *kit = kit_open(4096, 8, 0);
    es_appended_t done;
    es_record_t record;
    es_linked_t linked;
    es_id_t last;
    int i;

    (void)state;
    for (i = 0; i < 400; i++) {
        const char *channel = kit_random(12) == 0 ? "rare" : "often";

        last = last_of(kit, channel);
        append(kit, channel, &done);
        look(kit, done.from, &record);
        assert_int_equal(es_store_link(kit->store, &record, 0, &linked), 0);
        assert_int_equal(es_id_compare(&linked.before, &last), 0);
        last = last_of(kit, channel);
        assert_int_equal(es_id_compare(&last, &done.last_id), 0);
    }
    kit_close(kit, 0);
}

static void test_the_event_before_may_have_gone(void **state)
{
    kit_t *kit = kit_open(4096, 8, 0);
    es_appended_t one, two, done;
    es_record_t record;
    es_linked_t linked;

    (void)state;
    append(kit, "a", &one);
    append(kit, "b", &done);
    append(kit, "a", &two);
    do {
        append(kit, "b", &done);
    } while (es_store_tail(kit->store) <= one.from);
    look(kit, two.from, &record);
    assert_int_equal(es_store_link(kit->store, &record, 0, &linked), 0);
    assert_int_equal(es_id_compare(&linked.before, &one.last_id), 0);
    kit_close(kit, 0);
}

static void test_the_record_may_go(void **state)
{
    kit_t *kit = kit_open(4096, 8, 0);
    es_appended_t one, done;
    es_record_t record;
    es_linked_t linked;

    (void)state;
    append(kit, "a", &one);
    look(kit, one.from, &record);
    do {
        append(kit, "b", &done);
    } while (es_store_tail(kit->store) <= one.from);
    assert_int_equal(es_store_link(kit->store, &record, 0, &linked),
                     APR_ENOENT);
    kit_close(kit, 0);
}

static void test_a_channel_without_events(void **state)
{
    kit_t *kit = kit_open(4096, 8, 0);
    es_id_t epoch = es_store_epoch(kit->store), last;
    es_appended_t done;
    es_record_t record;
    es_linked_t linked;

    (void)state;
    last = last_of(kit, "a");
    assert_int_equal(es_id_compare(&last, &epoch), 0);
    append(kit, "a", &done);
    look(kit, done.from, &record);
    assert_int_equal(es_store_link(kit->store, &record, 0, &linked), 0);
    assert_int_equal(es_id_compare(&linked.before, &epoch), 0);
    kit_close(kit, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_ids),
        cmocka_unit_test(test_last_is_what_the_next_link_says),
        cmocka_unit_test(test_the_event_before_may_have_gone),
        cmocka_unit_test(test_the_record_may_go),
        cmocka_unit_test(test_a_channel_without_events),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
