/* SPDX-License-Identifier: Apache-2.0 */
/* Events that were published again after a broker had lost them: nobody resumes
 * by their publishers' ids. And the events with publishers' ids, one after the
 * other. */
#include "t/unit/stream_kit.h"

#include "journal/load.h"
#include "journal/migrate.h"
#include "journal/resume.h"
#include "journal/save.h"

#include <fcntl.h>
#include <sys/mman.h>

#define RING (16 * 1024)

static apr_status_t resume_by(kit_t *kit, const char *channel, const char *id)
{
    static const es_resume_reach_t all = {0, 0, 0, 0};
    es_slice_t name = es_slice_of(channel);
    es_start_t start, present;
    apr_status_t rv;
    es_slot_t slot;

    assert_int_equal(es_store_subscribe(kit->store, 1, &name, 1, &slot, &start),
                     0);
    present = start;
    rv = es_store_resume(kit->store, &slot, 1, es_slice_of(id), &all, &start);
    if (rv != APR_SUCCESS) {
        assert_int_equal(start.pos, present.pos);
    }
    es_store_unsubscribe(kit->store, 1, &slot, 1);
    return rv;
}

static apr_status_t resume_after(kit_t *kit, const char *channel, es_id_t id)
{
    char text[ES_ID_TEXT_SIZE + 1];

    text[es_id_format(text, &id)] = '\0';
    return resume_by(kit, channel, text);
}

/** "first", "x" published again in two channels, "other", and one of ours that
 * the broker has marked for no reason. */
static void add_events(stream_t *stream)
{
    stream_begin(stream);
    stream_event(stream, "a", "first", "data: 1\n\n", stream_id(1, 1));
    stream_event(stream, "ab", "x", "data: 2\n\n", stream_id(1, 2));
    stream->entries[1].is_again = 1;
    stream_event(stream, "a", "other", "data: 3\n\n", stream_id(1, 3));
    stream_event(stream, "a", NULL, "data: 4\n\n", stream_id(1, 4));
    stream->entries[3].is_again = 1;
}

static void assert_marked(kit_t *kit)
{
    assert_string_equal(stream_text(kit), "a:1 ab:2 a:3 a:4 ");
    assert_int_equal(resume_by(kit, "a", "x"), APR_NOTFOUND);
    assert_int_equal(resume_by(kit, "b", "x"), APR_NOTFOUND);
    assert_int_equal(resume_by(kit, "a", "first"), 0);
    assert_int_equal(resume_by(kit, "a", "other"), 0);
    assert_int_equal(resume_after(kit, "a", stream_id(1, 2)), 0);
    assert_int_equal(resume_after(kit, "b", stream_id(1, 2)), 0);
    assert_int_equal(resume_after(kit, "a", stream_id(1, 4)), 0);
    kit_check(kit);
}

static kit_t *open_marked(void)
{
    kit_t *kit = kit_open(RING, 8, 1);
    stream_t stream;

    stream_start(kit, 1);
    add_events(&stream);
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), 0);
    return kit;
}

/* ---- resuming ------------------------------------------------------------ */

static void nobody_resumes_by_an_id_that_had_two_places(void **state)
{
    kit_t *kit = open_marked();

    (void)state;
    assert_marked(kit);
    kit_close(kit, 1);
}

static void so_it_is_after_a_fill(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    stream_t stream;

    (void)state;
    add_events(&stream);
    assert_int_equal(
        stream_fill(kit, &stream, stream_id(1, 0), stream_id(1, 9)), 0);
    assert_marked(kit);
    kit_close(kit, 1);
}

static void and_after_a_repair(void **state)
{
    kit_t *kit = open_marked();
    es_repair_report_t report;

    (void)state;
    assert_int_equal(es_store_lock(kit->store, &report), 0);
    assert_int_equal(es_store_repair(kit->store, &report), 0);
    assert_false(report.emptied);
    es_store_unlock(kit->store, &report);
    assert_marked(kit);
    kit_close(kit, 1);
}

static void and_in_a_migrated_store(void **state)
{
    kit_t *old = open_marked();
    kit_t *new = kit_open(2 * RING, 8, 1);
    es_migrated_t migrated;

    (void)state;
    assert_int_equal(es_store_migrate(new->store, old->store, &migrated), 0);
    assert_int_equal(migrated.events, 4);
    assert_marked(new);
    kit_close(new, 1);
    kit_close(old, 1);
}

static void and_in_a_hub_that_was_saved(void **state)
{
    kit_t *old = open_marked();
    kit_t *new = kit_open(RING, 8, 1);
    es_load_times_t times = {KIT_NOW, KIT_NOW};
    es_file_head_t head = {0};
    es_migrated_t loaded;
    es_saved_t saved;
    int fd = memfd_create("es-again", MFD_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    apr_cpystrn(head.hub, "h", sizeof(head.hub));
    assert_int_equal(es_store_save(old->store, fd, &head, KIT_NOW, &saved), 0);
    assert_int_equal(saved.events, 4);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(es_store_load(new->store, fd, &times, &loaded), 0);
    assert_int_equal(loaded.events, 4);
    assert_marked(new);
    close(fd);
    kit_close(new, 1);
    kit_close(old, 1);
}

static void a_mark_is_no_mark_without_a_publishers_id(void **state)
{
    kit_t *kit = open_marked();
    es_pos_t pos = es_store_tail(kit->store);
    es_record_hdr_t *header =
        (es_record_hdr_t *)(kit->store->journal.ring +
                            pos % kit->store->journal.bytes);
    es_record_t record;

    (void)state;
    assert_int_equal(es_store_look(kit->store, pos, &record), 0);
    assert_false(record.is_again);
    header->flags = ES_RECORD_EVENT | ES_RECORD_AGAIN;
    assert_int_equal(es_store_look(kit->store, pos, &record), APR_EGENERAL);
    header->flags = ES_RECORD_CLOSE | ES_RECORD_AGAIN;
    assert_int_equal(es_store_look(kit->store, pos, &record), APR_EGENERAL);
    header->flags = ES_RECORD_EVENT | ES_RECORD_PUBLISHER_ID | ES_RECORD_AGAIN;
    assert_int_equal(es_store_look(kit->store, pos, &record), 0);
    assert_true(record.is_again);
    kit_close(kit, 1);
}

/* ---- one after the other ------------------------------------------------- */

static void events_with_publishers_ids_are_found(void **state)
{
    kit_t *kit = open_marked();
    es_published_t found[ES_PUBLISHED_MIN];
    es_pos_t at = 0;
    int count;

    (void)state;
    /* after each there might be no room for the next one */
    assert_int_equal(es_store_next_published(kit->store, &at, found,
                                             ES_PUBLISHED_MIN, &count,
                                             kit->pool),
                     0);
    assert_int_equal(count, 1);
    stream_assert_id(found[0].id, stream_id(1, 1));
    assert_true(es_slice_is(found[0].channel, "a"));
    assert_true(es_slice_is(found[0].publisher_id, "first"));
    assert_int_equal(es_store_next_published(kit->store, &at, found,
                                             ES_PUBLISHED_MIN, &count,
                                             kit->pool),
                     0);
    assert_int_equal(count, 2);
    assert_true(es_slice_is(found[0].channel, "a"));
    assert_true(es_slice_is(found[1].channel, "b"));
    assert_true(es_slice_is(found[1].publisher_id, "x"));
    assert_int_equal(es_store_next_published(kit->store, &at, found,
                                             ES_PUBLISHED_MIN, &count,
                                             kit->pool),
                     0);
    assert_true(es_slice_is(found[0].publisher_id, "other"));
    assert_int_equal(es_store_next_published(kit->store, &at, found,
                                             ES_PUBLISHED_MIN, &count,
                                             kit->pool),
                     APR_EOF);
    assert_int_equal(count, 0);
    kit_close(kit, 1);
}

static void a_walk_goes_on_behind_what_was_evicted(void **state)
{
    kit_t *kit = kit_open(4096, 8, 1);
    es_published_t found[200];
    es_id_t last = stream_id(1, 0);
    es_pos_t at = 0;
    int count, i;

    (void)state;
    stream_start(kit, 1);
    for (i = 1; i <= 100; i++) {
        stream_t stream = {.count = 0};

        stream_event(&stream, "a", i > 60 ? "own" : NULL, "data: x\n\n",
                     stream_id(1, (unsigned)i));
        stream.frames[0].head = es_slice_of(i % 2 ? "event: o\n" : "");
        assert_int_equal(stream_append(kit, &stream, last), 0);
        last = stream_id(1, (unsigned)i);
        if (i == 1) {
            assert_int_equal(es_store_next_published(kit->store, &at, found,
                                                     200, &count, kit->pool),
                             APR_EOF);
            assert_int_equal(count, 0);
        }
    }
    assert_true(at < es_store_tail(kit->store));
    assert_int_equal(
        es_store_next_published(kit->store, &at, found, 200, &count, kit->pool),
        APR_EOF);
    assert_true(count > 0);
    assert_true(es_slice_is(found[count - 1].publisher_id, "own"));
    assert_int_equal(at, es_store_head(kit->store));
    kit_close(kit, 1);
}

static void a_damaged_journal_is_repaired_first(void **state)
{
    kit_t *kit = open_marked();
    es_published_t found[ES_PUBLISHED_MIN];
    es_pos_t at = 0;
    int count;

    (void)state;
    ((es_record_hdr_t *)(kit->store->journal.ring +
                         es_store_tail(kit->store) % kit->store->journal.bytes))
        ->size = 3;
    assert_int_equal(es_store_next_published(kit->store, &at, found,
                                             ES_PUBLISHED_MIN, &count,
                                             kit->pool),
                     APR_EOF);
    assert_int_equal(count, 0);
    kit_check(kit);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_resumes_by_an_id_that_had_two_places),
        cmocka_unit_test(so_it_is_after_a_fill),
        cmocka_unit_test(and_after_a_repair),
        cmocka_unit_test(and_in_a_migrated_store),
        cmocka_unit_test(and_in_a_hub_that_was_saved),
        cmocka_unit_test(a_mark_is_no_mark_without_a_publishers_id),
        cmocka_unit_test(events_with_publishers_ids_are_found),
        cmocka_unit_test(a_walk_goes_on_behind_what_was_evicted),
        cmocka_unit_test(a_damaged_journal_is_repaired_first),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
