/* SPDX-License-Identifier: Apache-2.0 */
/* Where a client starts that receives the latest events, and the ceilings for
 * clients that resume. */
#include "t/unit/store_kit.h"

#include "journal/close.h"
#include "journal/resume.h"

#define RING (16 * 1024)
#define MANY 150 /* channels; more than are read at a time under the lock */
#define HOUR APR_UINT64_C(3600000)

static const es_resume_reach_t ALL = {0, 0, 0, 0};

typedef struct sub_t {
    kit_t *kit;
    es_slot_t slots[MANY];
    es_part_t replay[MANY];
    int count;
    es_start_t present; /* from es_store_subscribe */
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

/** Append an event. @return its position */
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

/** A client that resumes with the id of the start continues at pos. */
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

static void without_events_the_start_is_unchanged(void **state)
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

/** Events that a close dropped are not replayed, later ones are. */
static void events_before_a_close_are_not_replayed(void **state)
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

static void replay_starts_at_the_latest_events(void **state)
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

/* The id before the first event of all is the store's epoch. */
static void the_id_before_the_first_event_is_the_epoch(void **state)
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

static void each_channel_replays_its_latest(void **state)
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

/* Events after the subscription arrive live and do not count. */
static void events_after_the_subscription_do_not_count(void **state)
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

static void many_channels_are_replayed(void **state)
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

/* All retained events, whatever was evicted before. */
static void replay_starts_at_the_oldest_retained(void **state)
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
    do { /* its oldest retained event */
        assert_int_equal(es_store_look(kit->store, pos, &record), 0);
        pos = record.next;
    } while (record.slots[0] != sub.slots[0]);
    replay(&sub, ES_REPLAY_ALL, ALL);
    assert_int_equal(sub.start.pos, record.pos);
    assert_leads_to(&sub, record.pos);
    kit_close(kit, 1);
}

/* ---- ceilings ---------------------------------------------------------- */

static void history_is_a_ceiling(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_resume_reach_t reach = {3, 0, 0, 0};
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

static void age_is_a_ceiling(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_resume_reach_t reach = {0, HOUR, KIT_NOW + 3 * HOUR, 0};
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
    /* the clock has stepped back: the latest event's time counts */
    reach.now_ms = KIT_NOW;
    replay(&sub, ES_REPLAY_ALL, reach);
    assert_int_equal(sub.start.pos, pos);
    /* an age above the time */
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

static void a_client_that_resumes_beyond_a_ceiling_is_reset(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_resume_reach_t two = {2, 0, 0, 0};
    es_resume_reach_t hour = {0, HOUR, KIT_NOW + 3 * HOUR, 0};
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
    /* the event that the client knows may be older, those after it may not */
    assert_int_equal(resume(&sub, id[4], hour), 0);
    assert_int_equal(resume(&sub, id[3], hour), 0);
    assert_int_equal(sub.start.pos, pos[4]);
    assert_int_equal(resume(&sub, id[2], hour), APR_NOTFOUND);
    /* without missed events no ceiling applies, however old the id is */
    hour.now_ms = KIT_NOW + 1000 * HOUR;
    assert_int_equal(resume(&sub, id[4], hour), 0);
    assert_int_equal(resume(&sub, id[3], hour), APR_NOTFOUND);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_events_the_start_is_unchanged),
        cmocka_unit_test(replay_starts_at_the_latest_events),
        cmocka_unit_test(the_id_before_the_first_event_is_the_epoch),
        cmocka_unit_test(each_channel_replays_its_latest),
        cmocka_unit_test(events_after_the_subscription_do_not_count),
        cmocka_unit_test(many_channels_are_replayed),
        cmocka_unit_test(replay_starts_at_the_oldest_retained),
        cmocka_unit_test(history_is_a_ceiling),
        cmocka_unit_test(age_is_a_ceiling),
        cmocka_unit_test(a_client_that_resumes_beyond_a_ceiling_is_reset),
        cmocka_unit_test(events_before_a_close_are_not_replayed),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
