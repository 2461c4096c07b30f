/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/deliver_fixture.h"

#include "deliver/round.h"

/* The channels in the array are wanted; 0 ends it. */
static int on_wants(void *baton, es_slot_t slot)
{
    const es_slot_t *wanted = baton;

    for (; *wanted != 0; wanted++) {
        if (*wanted == slot) {
            return 1;
        }
    }
    return 0;
}

/* All bytes of frames, as a string that the caller frees. */
static char *flat(const es_round_frames_t *frames)
{
    char *text = malloc(frames->total + 1);
    apr_size_t len = 0;
    int i;

    for (i = 0; i < frames->count; i++) {
        memcpy(text + len, frames->iov[i].iov_base, frames->iov[i].iov_len);
        len += frames->iov[i].iov_len;
    }
    assert_int_equal(len, frames->total);
    text[len] = '\0';
    return text;
}

static const es_round_frames_t *frames_of(es_round_t *round, es_slot_t slot,
                                          int chunked)
{
    int i;

    for (i = 0; i < es_round_count(round); i++) {
        if (es_round_slot(round, i) == slot) {
            return es_round_frames(round, i, chunked);
        }
    }
    return NULL;
}

/* a has one, two, four; b has two, three; c is not wanted. */
static void open_abc(hub_t *hub, es_slot_t slots[4], es_pos_t *start)
{
    hub_open(hub, 256 * 1024);
    hub_subscribe(hub, "a,b,c", slots, start);
    slots[3] = 0;
    hub_say(hub, "a", "one");
    hub_say(hub, "a,b", "two");
    hub_say(hub, "c", "none");
    hub_say(hub, "b", "three");
    hub_say(hub, "a", "four");
}

static void test_frames(void **state)
{
    es_slot_t slots[4], wanted[3];
    es_round_t *round = es_round_create(64 * 1024);
    const es_round_frames_t *frames;
    es_pos_t start;
    char *text;
    apr_size_t len;
    hub_t hub;

    (void)state;
    open_abc(&hub, slots, &start);
    wanted[0] = slots[0];
    wanted[1] = slots[1];
    wanted[2] = 0;
    assert_int_equal(es_round_take(round, hub.store, start,
                                   es_store_head(hub.store), on_wants, wanted),
                     APR_SUCCESS);
    assert_true(es_round_start(round) == start);
    assert_true(es_round_end(round) == es_store_head(hub.store));
    assert_int_equal(es_round_count(round), 2);
    assert_null(frames_of(round, slots[2], 1));

    frames = frames_of(round, slots[0], 1);
    assert_int_equal(frames->count,
                     2); /* one and two are adjacent, four is not */
    assert_ptr_equal(frames, frames_of(round, slots[0], 1));
    text = flat(frames);
    len = frames->total;
    assert_int_equal(unchunk(text, &len), 0);
    assert_non_null(strstr(text, "data: one\n\nid:"));
    assert_non_null(strstr(text, "data: two\n\nid:"));
    assert_null(strstr(text, "three"));
    assert_non_null(strstr(text, "data: four\n\n"));
    free(text);

    text = flat(frames_of(round, slots[1], 0));
    assert_memory_equal(text, "id: ", 4);
    assert_non_null(strstr(text, "data: two\n\nid: "));
    assert_string_equal(strstr(text, "data: three"), "data: three\n\n");
    free(text);
    es_round_destroy(round);
    hub_close(&hub);
}

static void test_merge(void **state)
{
    es_slot_t slots[4], other[2] = {200, 0};
    es_round_t *round = es_round_create(64 * 1024);
    const es_round_frames_t *frames;
    es_pos_t start;
    char *text, *at;
    apr_size_t len;
    hub_t hub;

    (void)state;
    open_abc(&hub, slots, &start);
    assert_int_equal(es_round_take(round, hub.store, start,
                                   es_store_head(hub.store), on_wants, slots),
                     APR_SUCCESS);
    assert_null(es_round_merge(round, other, 1, 1));
    assert_ptr_equal(es_round_merge(round, slots, 1, 1),
                     frames_of(round, slots[0], 1));
    frames = es_round_merge(round, slots, 2, 1);
    text = flat(frames);
    len = frames->total;
    assert_int_equal(unchunk(text, &len), 0);
    at = strstr(text, "one");
    at = strstr(at, "two");
    assert_non_null(at);
    assert_null(strstr(at + 1, "two")); /* in both channels, and once */
    at = strstr(at, "three");
    at = strstr(at, "four");
    assert_non_null(at);
    assert_null(strstr(text, "none"));
    free(text);
    text = flat(es_round_merge(round, slots + 1, 2, 0));
    assert_null(strstr(text, "data: one\n"));
    assert_true(strstr(text, "two") < strstr(text, "none"));
    assert_true(strstr(text, "none") < strstr(text, "three"));
    free(text);
    /* the same channels, without chunks */
    text = flat(es_round_merge(round, slots, 2, 1));
    assert_int_not_equal(strncmp(text, "id: ", 4), 0);
    free(text);
    text = flat(es_round_merge(round, slots, 2, 0));
    assert_int_equal(strncmp(text, "id: ", 4), 0);
    free(text);
    /* all records of the round are one part */
    assert_int_equal(es_round_merge(round, slots, 3, 1)->count, 1);
    es_round_destroy(round);
    hub_close(&hub);
}

static void test_what_does_not_fit_waits(void **state)
{
    es_round_t *round = es_round_create(2000);
    es_slot_t slots[2] = {0};
    char *data = malloc(5000);
    es_pos_t start, head;
    hub_t hub;

    (void)state;
    hub_open(&hub, 256 * 1024);
    hub_subscribe(&hub, "a", slots, &start);
    memset(data, 'x', 5000);
    hub_publish(&hub, "a", data, 900);
    hub_publish(&hub, "a", data, 900);
    hub_publish(&hub, "a", data, 900);
    hub_publish(&hub, "a", data, 5000); /* larger than a round */
    head = hub_publish(&hub, "a", data, 1);
    assert_int_equal(
        es_round_take(round, hub.store, start, head, on_wants, slots),
        APR_SUCCESS);
    assert_true(es_round_frames(round, 0, 0)->total < 2000);
    assert_true(es_round_frames(round, 0, 0)->total > 1800);
    start = es_round_end(round);
    es_round_take(round, hub.store, start, head, on_wants, slots);
    assert_true(es_round_frames(round, 0, 0)->total < 1000);
    start = es_round_end(round);
    es_round_take(round, hub.store, start, head, on_wants, slots);
    assert_true(es_round_frames(round, 0, 0)->total > 5000);
    start = es_round_end(round);
    es_round_take(round, hub.store, start, head, on_wants, slots);
    assert_true(es_round_end(round) == head);
    free(data);
    es_round_destroy(round);
    hub_close(&hub);
}

static void test_many_records(void **state)
{
    es_round_t *round = es_round_create(512 * 1024);
    es_slot_t slots[2] = {0};
    es_pos_t start, head;
    int total = 0;
    hub_t hub;
    char *text, *at;
    int i;

    (void)state;
    hub_open(&hub, 4 * 1024 * 1024);
    hub_subscribe(&hub, "a", slots, &start);
    for (i = 0; i < 5000; i++) {
        head = hub_say(&hub, i % 2 ? "a" : "b", "x");
    }
    while (start < head) {
        assert_int_equal(
            es_round_take(round, hub.store, start, head, on_wants, slots),
            APR_SUCCESS);
        assert_true(es_round_end(round) > start);
        start = es_round_end(round);
        text = flat(es_round_frames(round, 0, 0));
        for (at = strstr(text, "data: x\n"); at; total++) {
            at = strstr(at + 1, "data: x\n");
        }
        free(text);
    }
    assert_int_equal(total, 2500);
    es_round_destroy(round);
    hub_close(&hub);
}

static void test_overtaken(void **state)
{
    es_round_t *round = es_round_create(64 * 1024);
    es_slot_t slots[2] = {0};
    char data[1000];
    es_pos_t start;
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 32 * 1024);
    hub_subscribe(&hub, "a", slots, &start);
    memset(data, 'x', sizeof(data));
    for (i = 0; i < 100; i++) {
        hub_publish(&hub, "a", data, sizeof(data));
    }
    assert_int_equal(es_round_take(round, hub.store, start,
                                   es_store_head(hub.store), on_wants, slots),
                     APR_ENOENT);
    /* no record starts there */
    start = es_store_tail(hub.store) + 8;
    assert_int_equal(es_round_take(round, hub.store, start,
                                   es_store_head(hub.store), on_wants, slots),
                     APR_EGENERAL);
    es_round_destroy(round);
    hub_close(&hub);
}

static void test_closes(void **state)
{
    es_round_t *round = es_round_create(64 * 1024);
    es_slot_t slots[4], c;
    es_pos_t start;
    hub_t hub;

    (void)state;
    open_abc(&hub, slots, &start);
    c = slots[2];
    slots[2] = 0;
    hub_shut(&hub, "b");
    hub_shut(&hub, "c"); /* not wanted */
    hub_say(&hub, "a", "five");
    assert_int_equal(es_round_take(round, hub.store, start,
                                   es_store_head(hub.store), on_wants, slots),
                     APR_SUCCESS);
    assert_int_equal(es_round_end(round), es_store_head(hub.store));
    assert_true(es_round_has_closes(round));
    assert_false(es_round_closes(round, &slots[0], 1));
    assert_true(es_round_closes(round, &slots[1], 1));
    assert_true(es_round_closes(round, slots, 2));
    assert_false(es_round_closes(round, &c, 1));

    /* the next round does not close it any more */
    start = es_store_head(hub.store);
    hub_say(&hub, "b", "six");
    assert_int_equal(es_round_take(round, hub.store, start,
                                   es_store_head(hub.store), on_wants, slots),
                     APR_SUCCESS);
    assert_false(es_round_has_closes(round));
    assert_false(es_round_closes(round, slots, 2));
    es_round_destroy(round);
    hub_close(&hub);
}

static int on_wants_all(void *baton, es_slot_t slot)
{
    (void)baton;
    return slot != 0;
}

/* A round has room for 1024 channels. Closes take this room, but no bytes. */
static void test_large_record_behind_many_closes(void **state)
{
    es_round_t *round = es_round_create(2000);
    char *data = calloc(1, 5000);
    es_pos_t start, head, end;
    char name[32];
    hub_t hub;
    int i;

    (void)state;
    hub_open_wide(&hub, 512 * 1024, 2048);
    start = es_store_head(hub.store);
    for (i = 0; i < 1024; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        hub_shut(&hub, name);
    }
    memset(data, 'x', 5000);
    head = hub_publish(&hub, "a", data, 5000);
    assert_int_equal(
        es_round_take(round, hub.store, start, head, on_wants_all, NULL),
        APR_SUCCESS);
    assert_int_equal(es_round_count(round), 1024);
    end = es_round_end(round);
    assert_true(end < head); /* the record gets the next round */
    assert_int_equal(
        es_round_take(round, hub.store, end, head, on_wants_all, NULL),
        APR_SUCCESS);
    assert_int_equal(es_round_count(round), 1);
    assert_true(es_round_frames(round, 0, 0)->total > 5000);
    free(data);
    es_round_destroy(round);
    hub_close(&hub);
}

/* More channels than fit into a round, closed or in its records. */
static void test_many_channels(void **state)
{
    es_round_t *round = es_round_create(512 * 1024);
    char names[ES_EVENT_CHANNELS_MAX * 4] = "c0";
    es_pos_t start, head, end;
    char name[16], *text, *at;
    int total = 0;
    hub_t hub;
    int i;

    (void)state;
    hub_open_wide(&hub, 1024 * 1024, 2048);
    start = es_store_head(hub.store);
    for (i = 0; i < 1100; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        hub_shut(&hub, name);
    }
    head = es_store_head(hub.store);
    assert_int_equal(
        es_round_take(round, hub.store, start, head, on_wants_all, NULL),
        APR_SUCCESS);
    assert_int_equal(es_round_count(round), 1024);
    start = es_round_end(round);
    assert_int_equal(
        es_round_take(round, hub.store, start, head, on_wants_all, NULL),
        APR_SUCCESS);
    assert_int_equal(es_round_count(round), 1100 - 1024);
    assert_int_equal(es_round_end(round), head);

    for (i = 1; i < ES_EVENT_CHANNELS_MAX; i++) {
        snprintf(name, sizeof(name), ",c%d", i);
        strcat(names, name);
    }
    for (i = 0; i < 5000 / ES_EVENT_CHANNELS_MAX; i++) {
        end = hub_say(&hub, names, "x");
    }
    while (head < end) {
        assert_int_equal(
            es_round_take(round, hub.store, head, end, on_wants_all, NULL),
            APR_SUCCESS);
        head = es_round_end(round);
        assert_int_equal(es_round_count(round), ES_EVENT_CHANNELS_MAX);
        text = flat(es_round_frames(round, 0, 0));
        for (at = strstr(text, "data: x\n"); at; total++) {
            at = strstr(at + 1, "data: x\n");
        }
        free(text);
    }
    assert_int_equal(total, 5000 / ES_EVENT_CHANNELS_MAX);
    es_round_destroy(round);
    hub_close(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_what_does_not_fit_waits),
        cmocka_unit_test(test_many_records),
        cmocka_unit_test(test_overtaken),
        cmocka_unit_test(test_closes),
        cmocka_unit_test(test_many_channels),
        cmocka_unit_test(test_large_record_behind_many_closes),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
