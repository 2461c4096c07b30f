/* SPDX-License-Identifier: Apache-2.0 */
/* Where a client starts that gets the latest events, or comes back. */
#include "t/unit/store_kit.h"

#include "journal/close.h"
#include "journal/resume.h"

#define RING (16 * 1024)
#define MANY 150 /* channels; more than are read under the lock at a time */
#define HOUR APR_UINT64_C(3600000)

static const es_resume_reach_t ALL = {0, 0, 0};

typedef struct sub_t {
    kit_t *kit;
    es_slot_t slots[MANY];
    es_replay_t replay[MANY];
    int count;
    es_start_t present; /* as it was subscribed */
    es_start_t start;
} sub_t;

static sub_t subscribe_all(kit_t *kit, const es_slice_t *names, int count)
{
    sub_t sub = {.kit = kit, .count = count};

    assert_int_equal(es_store_subscribe(kit->store, 1, names, count, sub.slots,
                                        &sub.present),
                     0);
    sub.start = sub.present;
    return sub;
}

static sub_t subscribe(kit_t *kit, const char *one, const char *two)
{
    es_slice_t names[] = {es_slice_of(one), es_slice_of(two)};

    return subscribe_all(kit, names, *two ? 2 : 1);
}

static void replay(sub_t *sub, apr_uint64_t latest, es_resume_reach_t reach)
{
    sub->start = sub->present;
    assert_int_equal(es_store_replay(sub->kit->store, sub->slots, sub->count,
                                     latest, &reach, sub->replay, &sub->start),
                     0);
}

/** One event at a time. @return its position */
static es_pos_t append_at(kit_t *kit, const char *channel, apr_uint64_t now_ms,
                          es_id_t *id)
{
    es_slice_t name = es_slice_of(channel);
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {&name, 1, &frame};
    es_pos_t before = es_store_head(kit->store);
    es_appended_t done;
    es_record_t record;

    assert_int_equal(
        es_store_append(kit->store, &entry, 1, now_ms, kit->touched, &done), 0);
    if (id) {
        *id = done.last_id;
    }
    assert_int_equal(es_store_look(kit->store, before, &record), 0);
    return record.pos;
}

static es_pos_t append(kit_t *kit, const char *channel)
{
    return append_at(kit, channel, KIT_NOW, NULL);
}

/** Who knows the id of the start gets all from pos on, and no reset. */
static void assert_leads_to(sub_t *sub, es_pos_t pos)
{
    char text[ES_ID_TEXT_SIZE];
    es_start_t start = sub->present;

    es_id_format(text, &sub->start.id);
    assert_int_equal(es_store_resume(sub->kit->store, sub->slots, sub->count,
                                     es_slice_of(text), &ALL, &start),
                     0);
    assert_int_equal(start.pos, pos);
}

/* ---- new clients ------------------------------------------------------- */

static void test_nothing_to_replay(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    sub_t sub;

    (void)state;
    append(kit, "other");
    sub = subscribe(kit, "a", "");
    replay(&sub, ES_REPLAY_ALL, ALL);
    assert_memory_equal(&sub.start, &sub.present, sizeof(sub.start));
    kit_close(kit, 1);
}

/** What was dropped by a close is not replayed, what came later is. */
static void test_closed(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_closed_t closed;
    es_pos_t first, later;
    sub_t sub;

    (void)state;
    first = append(kit, "b");
    append(kit, "a");
    assert_int_equal(es_close_channel(kit->store, es_slice_of("a"), KIT_NOW,
                                      KIT_NOW, kit->touched, &closed),
                     0);
    sub = subscribe(kit, "a", "");
    replay(&sub, ES_REPLAY_ALL, ALL);
    assert_memory_equal(&sub.start, &sub.present, sizeof(sub.start));
    later = append(kit, "a");
    sub = subscribe(kit, "a", "b");
    replay(&sub, ES_REPLAY_ALL, ALL);
    assert_int_equal(sub.start.pos, first);
    assert_int_equal(sub.replay[0].from, later);
    assert_int_equal(sub.replay[1].from, first);
    kit_close(kit, 1);
}

static void test_the_latest(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_pos_t pos[5];
    sub_t sub;
    int i;

    (void)state;
    for (i = 0; i < 5; i++) {
        append(kit, "other");
        pos[i] = append(kit, "a");
    }
    sub = subscribe(kit, "a", "");
    for (i = 1; i <= 5; i++) {
        replay(&sub, (apr_uint64_t)i, ALL);
        assert_int_equal(sub.start.pos, pos[5 - i]);
        assert_int_equal(sub.replay[0].from, pos[5 - i]);
        assert_leads_to(&sub, pos[5 - i]);
    }
    replay(&sub, 6, ALL);
    assert_int_equal(sub.start.pos, pos[0]);
    replay(&sub, ES_REPLAY_ALL, ALL);
    assert_int_equal(sub.start.pos, pos[0]);
    assert_leads_to(&sub, pos[0]);
    kit_close(kit, 1);
}

/* The first event of all: the id before it is that of the store's birth. */
static void test_the_first_of_all(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t epoch = es_store_epoch(kit->store);
    es_pos_t pos = append(kit, "a");
    sub_t sub = subscribe(kit, "a", "");

    (void)state;
    replay(&sub, 1, ALL);
    assert_int_equal(es_id_compare(&sub.start.id, &epoch), 0);
    assert_leads_to(&sub, pos);
    kit_close(kit, 1);
}

static void test_of_each_channel(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_pos_t quiet, busy[9];
    sub_t sub;
    int i;

    (void)state;
    append(kit, "quiet");
    quiet = append(kit, "quiet");
    for (i = 0; i < 9; i++) {
        busy[i] = append(kit, "busy");
    }
    sub = subscribe(kit, "busy", "quiet");
    replay(&sub, 1, ALL);
    assert_int_equal(sub.start.pos, quiet);
    assert_int_equal(sub.replay[0].slot, sub.slots[0]);
    assert_int_equal(sub.replay[0].from, busy[8]);
    assert_int_equal(sub.replay[1].slot, sub.slots[1]);
    assert_int_equal(sub.replay[1].from, quiet);
    assert_leads_to(&sub, quiet);
    kit_close(kit, 1);
}

/* What comes after the subscription is live, and is not counted. */
static void test_published_meanwhile(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_pos_t first = append(kit, "a");
    es_pos_t last = append(kit, "a");
    sub_t sub = subscribe(kit, "a", "b");
    int i;

    (void)state;
    for (i = 0; i < 4; i++) {
        append(kit, "a");
        append(kit, "b");
    }
    replay(&sub, 1, ALL);
    assert_int_equal(sub.start.pos, last);
    assert_int_equal(sub.replay[0].from, last);
    assert_int_equal(sub.replay[1].from, sub.present.pos);
    replay(&sub, 2, ALL);
    assert_int_equal(sub.start.pos, first);
    kit_close(kit, 1);
}

static void test_many_channels(void **state)
{
    kit_t *kit = kit_open(64 * 1024, MANY, 1);
    char text[MANY][8];
    es_slice_t names[MANY];
    es_pos_t pos[MANY];
    sub_t sub;
    int i;

    (void)state;
    for (i = 0; i < MANY; i++) {
        snprintf(text[i], sizeof(text[i]), "c%d", i);
        names[i] = es_slice_of(text[i]);
    }
    for (i = MANY - 1; i >= 0; i--) {
        append(kit, text[i]);
        pos[i] = append(kit, text[i]);
    }
    sub = subscribe_all(kit, names, MANY);
    replay(&sub, 1, ALL);
    assert_int_equal(sub.start.pos, pos[MANY - 1]);
    for (i = 0; i < MANY; i++) {
        assert_int_equal(sub.replay[i].slot, sub.slots[i]);
        assert_int_equal(sub.replay[i].from, pos[i]);
    }
    kit_close(kit, 1);
}

/* All that is retained, whatever was evicted before. */
static void test_evicted(void **state)
{
    kit_t *kit = kit_open(4096, 8, 1);
    es_record_t record;
    es_pos_t pos;
    sub_t sub;
    int i;

    (void)state;
    for (i = 0; i < 200; i++) {
        append(kit, i % 3 ? "busy" : "a");
    }
    pos = es_store_tail(kit->store);
    sub = subscribe(kit, "a", "");
    do { /* the oldest that is left of it */
        assert_int_equal(es_store_look(kit->store, pos, &record), 0);
        pos = record.next;
    } while (record.slots[0] != sub.slots[0]);
    replay(&sub, ES_REPLAY_ALL, ALL);
    assert_int_equal(sub.start.pos, record.pos);
    assert_leads_to(&sub, record.pos);
    kit_close(kit, 1);
}

/* ---- ceilings ---------------------------------------------------------- */

static void test_history_is_a_ceiling(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_resume_reach_t reach = {3, 0, 0};
    es_pos_t pos[5];
    sub_t sub;
    int i;

    (void)state;
    for (i = 0; i < 5; i++) {
        pos[i] = append(kit, "a");
    }
    sub = subscribe(kit, "a", "");
    replay(&sub, ES_REPLAY_ALL, reach);
    assert_int_equal(sub.start.pos, pos[2]);
    replay(&sub, 4, reach);
    assert_int_equal(sub.start.pos, pos[2]);
    replay(&sub, 2, reach);
    assert_int_equal(sub.start.pos, pos[3]);
    kit_close(kit, 1);
}

static void test_age_is_a_ceiling(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_resume_reach_t reach = {0, HOUR, KIT_NOW + 3 * HOUR};
    es_pos_t pos;
    sub_t sub;

    (void)state;
    append_at(kit, "a", KIT_NOW + 1 * HOUR, NULL);
    append_at(kit, "a", KIT_NOW + 2 * HOUR - 1, NULL);
    pos = append_at(kit, "a", KIT_NOW + 2 * HOUR, NULL); /* just young enough */
    append_at(kit, "a", KIT_NOW + 3 * HOUR, NULL);
    sub = subscribe(kit, "a", "");
    replay(&sub, ES_REPLAY_ALL, reach);
    assert_int_equal(sub.start.pos, pos);
    reach.now_ms = KIT_NOW + 9 * HOUR;
    replay(&sub, ES_REPLAY_ALL, reach);
    assert_int_equal(sub.start.pos, sub.present.pos);
    /* the clock has stepped back: the latest event tells the time */
    reach.now_ms = KIT_NOW;
    replay(&sub, ES_REPLAY_ALL, reach);
    assert_int_equal(sub.start.pos, pos);
    /* older than time itself */
    reach.age_ms = APR_UINT64_MAX;
    replay(&sub, 4, reach);
    assert_true(sub.start.pos < pos);
    kit_close(kit, 1);
}

static apr_status_t resume(sub_t *sub, es_id_t id, es_resume_reach_t reach)
{
    char text[ES_ID_TEXT_SIZE];

    es_id_format(text, &id);
    sub->start = sub->present;
    return es_store_resume(sub->kit->store, sub->slots, sub->count,
                           es_slice_of(text), &reach, &sub->start);
}

static void test_who_comes_back_is_told_of_a_ceiling(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_resume_reach_t two = {2, 0, 0};
    es_resume_reach_t hour = {0, HOUR, KIT_NOW + 3 * HOUR};
    es_pos_t pos[5];
    es_id_t id[5];
    sub_t sub;
    int i;

    (void)state;
    for (i = 0; i < 5; i++) {
        pos[i] =
            append_at(kit, "a", KIT_NOW + (apr_uint64_t)i * HOUR / 2, &id[i]);
        append_at(kit, "b", KIT_NOW + (apr_uint64_t)i * HOUR / 2, NULL);
    }
    sub = subscribe(kit, "a", "");
    assert_int_equal(resume(&sub, id[4], two), 0);
    assert_int_equal(resume(&sub, id[3], two), 0);
    assert_int_equal(resume(&sub, id[2], two), 0);
    assert_int_equal(sub.start.pos, pos[3]);
    assert_int_equal(resume(&sub, id[1], two), APR_NOTFOUND);
    /* the event that it knows may be older; those after it may not */
    assert_int_equal(resume(&sub, id[4], hour), 0);
    assert_int_equal(resume(&sub, id[3], hour), 0);
    assert_int_equal(sub.start.pos, pos[4]);
    assert_int_equal(resume(&sub, id[2], hour), APR_NOTFOUND);
    /* nothing was missed: no ceiling is met, however old the id */
    hour.now_ms = KIT_NOW + 1000 * HOUR;
    assert_int_equal(resume(&sub, id[4], hour), 0);
    assert_int_equal(resume(&sub, id[3], hour), APR_NOTFOUND);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_replay),
        cmocka_unit_test(test_the_latest),
        cmocka_unit_test(test_the_first_of_all),
        cmocka_unit_test(test_of_each_channel),
        cmocka_unit_test(test_published_meanwhile),
        cmocka_unit_test(test_many_channels),
        cmocka_unit_test(test_evicted),
        cmocka_unit_test(test_history_is_a_ceiling),
        cmocka_unit_test(test_age_is_a_ceiling),
        cmocka_unit_test(test_who_comes_back_is_told_of_a_ceiling),
        cmocka_unit_test(test_closed),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
