/* SPDX-License-Identifier: Apache-2.0 */
/* A journal that cannot be read after a death. */
#include "t/unit/store_kit.h"

#include "base/log.h"
#include "journal/resume.h"

#define RING (16 * 1024)

static apr_status_t resume(kit_t *kit, const char *channel, const es_id_t *id)
{
    es_slice_t name = es_slice_of(channel);
    es_resume_reach_t all = {0, 0, 0, 0};
    char text[ES_ID_TEXT_SIZE];
    apr_size_t len = es_id_format(text, id);
    es_start_t start;
    es_slot_t slot;
    apr_status_t rv;

    assert_int_equal(es_store_subscribe(kit->store, 1, &name, 1, &slot, &start),
                     0);
    rv = es_store_resume(kit->store, &slot, 1, es_slice(text, len), &all,
                         &start);
    es_store_unsubscribe(kit->store, 1, &slot, 1);
    return rv;
}

/** Overwrite the header of the record at pos. */
static void damage(kit_t *kit, es_pos_t pos)
{
    memset(kit->store->journal.ring + pos % kit->store->journal.bytes, 0xff,
           sizeof(es_record_hdr_t));
}

static void repair(kit_t *kit, es_repair_report_t *report)
{
    assert_int_equal(es_store_lock(kit->store, report), 0);
    assert_int_equal(es_store_repair(kit->store, report), 0);
    es_store_unlock(kit->store, report);
}

/** After the journal was emptied, clients with an older id are reset, whether
 * the table knows their channel or not. */
static void clients_of_an_emptied_journal_are_reset(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_appended_t first, last, done;
    es_repair_report_t report;
    es_slot_t slot;
    es_pos_t tail;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &first), 0);
    assert_int_equal(kit_append(kit, "a", "data: 2\n\n", &last), 0);
    assert_int_equal(resume(kit, "a", &first.last_id), APR_SUCCESS);
    damage(kit, last.from);
    repair(kit, &report);
    assert_true(report.emptied);
    assert_int_equal(es_store_tail(kit->store), es_store_head(kit->store));
    kit_check(kit);
    assert_true(es_store_has_lost(kit->store, &slot, 1, last.from, &tail));
    assert_int_equal(resume(kit, "a", &first.last_id), APR_NOTFOUND);
    assert_int_equal(resume(kit, "new", &first.last_id), APR_NOTFOUND);
    assert_int_equal(resume(kit, "a", &last.last_id), APR_SUCCESS);

    assert_int_equal(kit_append(kit, "a", "data: 3\n\n", &done), 0);
    assert_true(es_id_compare(&done.last_id, &last.last_id) > 0);
    kit_check(kit);
    kit_close(kit, 1);
}

/** An event whose slot is free belongs to no channel. */
static void a_record_of_a_free_slot_empties_the_journal(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_appended_t done;
    es_repair_report_t report;

    (void)state;
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), 0);
    kit->store->channels.slots[0].state = ES_CHAN_FREE;
    repair(kit, &report);
    assert_true(report.emptied);
    kit_check(kit);
    kit_close(kit, 1);
}

/** If the last id is lost, too, ids continue after the epoch. */
static void ids_continue_without_a_last_id(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t epoch = es_store_epoch(kit->store);
    es_appended_t done;
    es_repair_report_t report;

    (void)state;
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), 0);
    damage(kit, done.from);
    memset(kit->store->segment->head.last, 0,
           sizeof(kit->store->segment->head.last));
    repair(kit, &report);
    assert_true(report.emptied);
    assert_int_equal(kit_append(kit, "a", "data: 2\n\n", &done), 0);
    assert_true(es_id_is_same_epoch(&done.last_id, &epoch));
    assert_true(es_id_compare(&done.last_id, &epoch) > 0);
    kit_close(kit, 1);
}

/** If the last id is below that of a record, the next one is above all. */
static void the_last_id_is_raised_to_the_records(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_appended_t first, done;
    es_repair_report_t report;

    (void)state;
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &first), 0);
    assert_int_equal(kit_append(kit, "a", "data: 2\n\n", &done), 0);
    es_journal_set_last(&kit->store->journal, &first.last_id);
    first = done;
    repair(kit, &report);
    assert_false(report.emptied);
    assert_int_equal(report.records, 2);
    assert_int_equal(kit_append(kit, "a", "data: 3\n\n", &done), 0);
    assert_true(es_id_compare(&done.last_id, &first.last_id) > 0);
    kit_check(kit);
    kit_close(kit, 1);
}

/** If head and tail are not plausible, the lock cannot be taken, and no call
 * waits for it. */
static void an_unusable_store_is_refused(void **state)
{
    kit_t *kit = kit_open(RING, 8, 0);
    es_appended_t done;
    es_start_t start;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        _exit(es_lock_acquire(&kit->store->segment->guard.lock,
                              ES_STORE_LOCK_WAIT) != 0);
    }
    kit_wait(pid);
    kit->store->segment->head.pos = 1;
    alarm(120);
    assert_int_equal(es_store_current(kit->store, &start), APR_EGENERAL);
    assert_int_equal(es_store_current(kit->store, &start), APR_EGENERAL);
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), APR_EGENERAL);
    alarm(0);
    kit_close(kit, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_of_an_emptied_journal_are_reset),
        cmocka_unit_test(a_record_of_a_free_slot_empties_the_journal),
        cmocka_unit_test(ids_continue_without_a_last_id),
        cmocka_unit_test(the_last_id_is_raised_to_the_records),
        cmocka_unit_test(an_unusable_store_is_refused),
    };

    apr_initialize();
    es_log_set_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
