/* SPDX-License-Identifier: Apache-2.0 */
/* A store of another size with the events of the old one. */
#include "t/unit/store_kit.h"

#include "base/context.h"
#include "journal/close.h"
#include "journal/migrate.h"
#include "journal/resume.h"

#define NAMES 12
#define EVENTS 400

static const char *const names[NAMES] = {"a", "b", "c", "d", "e", "f",
                                         "g", "h", "i", "j", "k", "l"};
static const es_resume_reach_t ALL = {0, 0, 0};

/** An event as it was published. */
typedef struct said_t {
    es_id_t id;
    char own[16];
    char data[300];
    int channels[3]; /* indexes into names */
    int nchannels;
} said_t;

static said_t said[EVENTS];

/** A store of these params, with the birth of another one. */
static kit_t *reborn(const kit_t *old, apr_uint64_t ring_bytes,
                     apr_uint32_t channels)
{
    kit_t *kit = kit_open(ring_bytes, channels, 1);
    es_id_t epoch = es_store_epoch(old->store);

    memset(kit->mem, 0, kit->size);
    assert_int_equal(es_store_format(kit->mem, &kit->params, &epoch), 0);
    assert_int_equal(es_store_attach(&kit->store, kit->mem, kit->size,
                                     &kit->params, kit->pool),
                     0);
    return kit;
}

static kit_t *carry(kit_t *old, apr_uint64_t ring_bytes, apr_uint32_t channels,
                    es_migrated_t *migrated)
{
    kit_t *kit = reborn(old, ring_bytes, channels);

    es_context_enter(ES_PARENT); /* debug builds hold it to that */
    assert_int_equal(es_store_migrate(kit->store, old->store, migrated), 0);
    es_context_enter(0);
    kit_check(kit);
    return kit;
}

static apr_status_t publish(kit_t *kit, said_t *event, apr_uint64_t now_ms)
{
    es_slice_t channels[3];
    es_frame_t frame = kit_frame(event->data);
    es_entry_t entry = {channels, event->nchannels, &frame};
    es_appended_t done;
    apr_status_t rv;
    int i;

    for (i = 0; i < event->nchannels; i++) {
        channels[i] = es_slice_of(names[event->channels[i]]);
    }
    frame.publisher_id = es_slice_of(event->own);
    rv = es_store_append(kit->store, &entry, 1, now_ms, kit->touched, &done);
    if (rv == APR_SUCCESS) {
        event->id = done.last_id;
    }
    return rv;
}

/** Event number i, for some channels of the first so many. */
static void say(kit_t *kit, int i, int of)
{
    said_t *event = &said[i];
    int k;

    memset(event, 0, sizeof(*event));
    event->nchannels = 1 + (int)kit_random(3);
    for (k = 0; k < event->nchannels; k++) {
        event->channels[k] = (int)(kit_random((unsigned)of) + (unsigned)k) % of;
        if (k > 0 && (event->channels[k] == event->channels[0] ||
                      event->channels[k] == event->channels[k - 1])) {
            event->nchannels = k;
        }
    }
    snprintf(event->data, sizeof(event->data), "data: %d %.*s\n\n", i,
             (int)kit_random(200),
             "................................................................"
             "................................................................"
             "................................................................"
             "........");
    if (i % 5 == 0) {
        snprintf(event->own, sizeof(event->own), "own-%d", i);
    }
    assert_int_equal(publish(kit, event, KIT_NOW + (unsigned)i / 3), 0);
}

/** All that a client of these channels gets from its start on, as numbers. */
static int read_on(kit_t *kit, const es_slot_t *slots, int nslots, es_pos_t pos,
                   int *numbers)
{
    static char wire[4096];
    es_record_t record;
    int count = 0;
    int i, k;

    while (es_store_look(kit->store, pos, &record) == APR_SUCCESS) {
        int mine = 0;

        for (i = 0; i < record.nslots; i++) {
            for (k = 0; k < nslots; k++) {
                mine |= record.slots[i] == slots[k];
            }
        }
        if (mine) {
            char *data;

            assert_true(record.chunk_len < sizeof(wire));
            assert_int_equal(es_store_copy(kit->store, &record, 0, wire), 0);
            wire[record.chunk_len] = '\0';
            data = strstr(wire, "data: ");
            assert_non_null(data);
            i = atoi(data + 6);
            assert_int_equal(es_id_compare(&record.id, &said[i].id), 0);
            assert_memory_equal(data, said[i].data, strlen(said[i].data));
            numbers[count++] = i;
        }
        pos = record.next;
    }
    return count;
}

/** What a client of two channels gets that comes with this id; -1 = a reset. */
static int after(kit_t *kit, int one, int two, const char *text, int *numbers)
{
    es_slice_t channels[] = {es_slice_of(names[one]), es_slice_of(names[two])};
    int nslots = one == two ? 1 : 2;
    es_slot_t slots[2];
    es_start_t start;
    int count = -1;

    if (es_store_subscribe(kit->store, 1, channels, nslots, slots, &start) !=
        APR_SUCCESS) {
        return -1;
    }
    if (es_store_resume(kit->store, slots, nslots, es_slice_of(text), &ALL,
                        &start) == APR_SUCCESS) {
        count = read_on(kit, slots, nslots, start.pos, numbers);
    }
    es_store_unsubscribe(kit->store, 1, slots, nslots);
    return count;
}

/** Both answer alike, or the new one tells that something is missing.
 * @return how often it does so where the old one did not */
static int compare_answers(kit_t *old, kit_t *new, int events, int of)
{
    static int before[EVENTS], now[EVENTS];
    char text[ES_ID_TEXT_SIZE];
    int told = 0;
    int i, one, two;

    for (i = 0; i < events; i++) {
        for (one = 0; one < of; one++) {
            int was, is;

            two = (int)kit_random((unsigned)of);
            es_id_format(text, &said[i].id);
            was = after(old, one, two, text, before);
            is = after(new, one, two, text, now);
            if (was < 0) {
                assert_int_equal(is, -1); /* never lies */
            }
            else if (is < 0) {
                told++;
            }
            else {
                assert_int_equal(is, was);
                assert_memory_equal(now, before, sizeof(*now) * (size_t)is);
            }
        }
    }
    return told;
}

static void test_nothing(void **state)
{
    kit_t *old = kit_open(8192, 8, 1);
    es_migrated_t migrated;
    kit_t *new = carry(old, 16384, 16, &migrated);
    es_start_t was, is;

    (void)state;
    assert_int_equal(migrated.events, 0);
    assert_int_equal(migrated.lost, 0);
    assert_int_equal(es_store_present(old->store, &was), 0);
    assert_int_equal(es_store_present(new->store, &is), 0);
    assert_int_equal(es_id_compare(&was.id, &is.id), 0);
    assert_true(es_store_segment_id(old->store) !=
                es_store_segment_id(new->store));
    kit_close(new, 1);
    kit_close(old, 1);
}

/* To a larger store: whatever is asked, it answers just as the old one. */
static void test_larger(void **state)
{
    kit_t *old = kit_open(32 * 1024, NAMES, 1);
    es_migrated_t migrated;
    kit_t *new;
    int i;

    (void)state;
    for (i = 0; i < EVENTS; i++) {
        say(old, i, i < 100 ? NAMES : NAMES - 4); /* some have only a past */
    }
    new = carry(old, 256 * 1024, 2 * NAMES, &migrated);
    assert_true(migrated.events > 50 && migrated.events < EVENTS);
    assert_int_equal(migrated.lost, 0);
    assert_int_equal(compare_answers(old, new, EVENTS, NAMES), 0);
    kit_close(new, 1);
    kit_close(old, 1);
}

static void test_smaller_ring(void **state)
{
    kit_t *old = kit_open(64 * 1024, NAMES, 1);
    es_migrated_t migrated;
    es_migrated_t again;
    kit_t *new;
    kit_t *back;
    int i;

    (void)state;
    for (i = 0; i < EVENTS; i++) {
        say(old, i, NAMES);
    }
    new = carry(old, 16 * 1024, NAMES, &migrated);
    assert_true(migrated.events > 20);
    assert_true(migrated.lost > 20);
    assert_true(compare_answers(old, new, EVENTS, NAMES) > 0);
    back = carry(new, 64 * 1024, NAMES, &again); /* and what is gone is gone */
    assert_int_equal(again.events, migrated.events);
    assert_int_equal(compare_answers(new, back, EVENTS, NAMES), 0);
    kit_close(back, 1);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* Fewer channels than there are: the oldest go, none is mistaken. */
static void test_smaller_table(void **state)
{
    static const apr_uint32_t sizes[] = {1, 2, 3, 5, NAMES - 1};
    es_migrated_t migrated;
    size_t i;
    int k;

    (void)state;
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        kit_t *old = kit_open(64 * 1024, NAMES, 1);
        kit_t *new;

        for (k = 0; k < EVENTS; k++) {
            say(old, k, NAMES);
        }
        new = carry(old, 64 * 1024, sizes[i], &migrated);
        assert_true(migrated.lost > 0);
        compare_answers(old, new, EVENTS, NAMES);
        kit_check(new);
        kit_close(new, 1);
        kit_close(old, 1);
    }
}

/* An event that no longer fits by itself: its channels have lost it, and all
 * before, and nothing else. */
static void test_event_too_large(void **state)
{
    kit_t *old = kit_open(64 * 1024, NAMES, 1);
    char data[6000];
    es_slice_t name = es_slice_of("b");
    es_frame_t frame;
    es_entry_t entry = {&name, 1, &frame};
    es_appended_t done;
    es_migrated_t migrated;
    char text[ES_ID_TEXT_SIZE];
    int numbers[EVENTS];
    kit_t *new;

    (void)state;
    memset(said, 0, sizeof(said[0]) * 4);
    said[0] = (said_t){.channels = {0}, .nchannels = 1, .data = "data: 0\n\n"};
    said[1] = (said_t){.channels = {1}, .nchannels = 1, .data = "data: 1\n\n"};
    said[2] = (said_t){.channels = {0}, .nchannels = 1, .data = "data: 2\n\n"};
    said[3] = (said_t){.channels = {1}, .nchannels = 1, .data = "data: 3\n\n"};
    assert_int_equal(publish(old, &said[1], KIT_NOW), 0);
    assert_int_equal(publish(old, &said[0], KIT_NOW), 0);
    memset(data, 'x', sizeof(data));
    frame = kit_frame("");
    frame.tail = es_slice(data, sizeof(data));
    assert_int_equal(
        es_store_append(old->store, &entry, 1, KIT_NOW, old->touched, &done),
        0);
    assert_int_equal(publish(old, &said[2], KIT_NOW), 0);
    assert_int_equal(publish(old, &said[3], KIT_NOW), 0);
    new = carry(old, 8192, NAMES, &migrated);
    es_id_format(text, &said[0].id);
    assert_int_equal(after(new, 0, 0, text, numbers), 1);
    assert_int_equal(after(new, 1, 1, text, numbers), -1);
    es_id_format(text, &done.last_id);
    assert_int_equal(after(new, 1, 1, text, numbers), 1);
    kit_close(new, 1);
    kit_close(old, 1);
}

static void test_goes_on(void **state)
{
    kit_t *old = kit_open(64 * 1024, NAMES, 1);
    int numbers[EVENTS];
    es_migrated_t migrated;
    es_start_t was;
    kit_t *new;
    int i;

    (void)state;
    for (i = 0; i < 21; i++) {
        say(old, i, 3);
    }
    assert_int_equal(es_store_present(old->store, &was), 0);
    new = carry(old, 128 * 1024, NAMES, &migrated);
    assert_int_equal(migrated.events, 21);
    /* a publisher's id is known there, too */
    assert_int_equal(after(new, said[20].channels[0], said[20].channels[0],
                           "own-20", numbers),
                     0);
    i = (int)es_store_head(new->store);
    assert_int_equal(publish(new, &said[20], KIT_NOW + 99), 0);
    assert_int_equal(es_store_head(new->store), i);
    /* and ids rise, also when the clock has stepped back */
    said[21] = said[19];
    assert_int_equal(publish(new, &said[21], 5), 0);
    assert_true(es_id_compare(&said[21].id, &was.id) > 0);
    kit_check(new);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* Children died while they wrote: at a commit, and within an eviction. */
static void test_torn_ids(void **state)
{
    kit_t *old = kit_open(16 * 1024, NAMES, 1);
    es_chan_t whole[4];
    es_migrated_t migrated;
    kit_t *new;
    es_chan_t *chan;
    es_slot_t slot;
    int i;

    (void)state;
    for (i = 0; i < 200; i++) {
        say(old, i, 4);
    }
    for (slot = 1; slot <= 4; slot++) {
        chan = es_channels_at(&old->store->channels, slot);
        whole[slot - 1] = *chan;
        chan->evicted_n = es_store_epoch(old->store).n + 4000;
        chan->evicted_ms++;
    }
    old->store->segment->head.last_ms++;
    new = carry(old, 64 * 1024, NAMES, &migrated);
    assert_true(migrated.events > 20);
    for (slot = 1; slot <= 4; slot++) {
        *es_channels_at(&old->store->channels, slot) = whole[slot - 1];
    }
    compare_answers(old, new, 200, 4);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* A channel that was closed stays closed, and its past dropped. */
static void test_closed(void **state)
{
    kit_t *old = kit_open(16 * 1024, NAMES, 1);
    es_slice_t channels[] = {es_slice_of("a"), es_slice_of("b"),
                             es_slice_of("c")};
    es_slot_t slots[3];
    es_migrated_t migrated;
    es_closed_t closed;
    es_start_t start;
    char text[ES_ID_TEXT_SIZE];
    int numbers[EVENTS];
    kit_t *new;
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        said[i] = (said_t){.channels = {i}, .nchannels = 1};
        snprintf(said[i].data, sizeof(said[i].data), "data: %d\n\n", i);
        assert_int_equal(publish(old, &said[i], KIT_NOW), 0);
    }
    for (i = 0; i < 2; i++) {
        assert_int_equal(es_close_channel(old->store, channels[i], KIT_NOW + 5,
                                          KIT_NOW + 100, old->touched, &closed),
                         0);
    }
    said[3] = (said_t){.channels = {1}, .nchannels = 1, .data = "data: 3\n\n"};
    assert_int_equal(publish(old, &said[3], KIT_NOW + 9), 0); /* opens b */
    new = carry(old, 64 * 1024, NAMES, &migrated);
    assert_int_equal(migrated.events, 6);
    assert_int_equal(
        es_store_subscribe(new->store, 1, channels, 3, slots, &start), 0);
    assert_true(es_close_is_closed(new->store, slots[0], KIT_NOW + 99));
    assert_false(es_close_is_closed(new->store, slots[0], KIT_NOW + 100));
    assert_false(es_close_is_closed(new->store, slots[1], KIT_NOW + 99));
    es_store_unsubscribe(new->store, 1, slots, 3);
    es_id_format(text, &said[0].id);
    assert_int_equal(after(new, 0, 0, text, numbers), -1);
    es_id_format(text, &closed.id);
    assert_int_equal(after(new, 1, 1, text, numbers), 1);
    kit_close(new, 1);

    /* also when the close itself was evicted */
    for (i = 10; i < 200; i++) {
        say(old, i, 4);
        said[i].channels[0] = 3;
    }
    assert_int_equal(es_close_channel(old->store, channels[0], KIT_NOW + 5,
                                      KIT_NOW + 1000, old->touched, &closed),
                     0);
    for (i = 0; i < 60; i++) {
        said[i] = (said_t){.channels = {3}, .nchannels = 1};
        snprintf(said[i].data, sizeof(said[i].data), "data: %d %0200d\n\n", i,
                 i);
        assert_int_equal(publish(old, &said[i], KIT_NOW + 5), 0);
    }
    new = carry(old, 64 * 1024, NAMES, &migrated);
    assert_int_equal(
        es_store_subscribe(new->store, 1, channels, 1, slots, &start), 0);
    assert_true(es_close_is_closed(new->store, slots[0], KIT_NOW + 999));
    kit_close(new, 1);
    kit_close(old, 1);
}

/* A channel that the old table has given up, and nobody knows any more. */
static void test_forgotten(void **state)
{
    kit_t *old = kit_open(4096, 2, 1);
    kit_t *kit;
    es_appended_t first, done;
    es_migrated_t migrated;
    es_start_t start;
    es_slice_t name = es_slice_of("a");
    es_id_t epoch = es_store_epoch(old->store);
    char text[ES_ID_TEXT_SIZE];
    es_slot_t slot;
    int i;

    (void)state;
    assert_int_equal(kit_append(old, "a", "data: 1\n\n", &first), 0);
    for (i = 0; i < 100; i++) {
        assert_int_equal(kit_append(old, "b", "data: 1\n\n", &done), 0);
    }
    assert_int_equal(kit_subscribe(old, 1, "c", &slot), 0);
    assert_int_equal(es_channels_evicted(&old->store->channels, slot).n,
                     first.last_id.n);
    kit = carry(old, 8192, 8, &migrated);
    assert_int_equal(es_store_subscribe(kit->store, 1, &name, 1, &slot, &start),
                     0);
    assert_int_equal(es_store_resume(kit->store, &slot, 1,
                                     es_slice(text, es_id_format(text, &epoch)),
                                     &ALL, &start),
                     APR_NOTFOUND);
    kit_close(kit, 1);
    kit_close(old, 1);
}

static void test_not_of_this_birth(void **state)
{
    kit_t *old = kit_open(8192, 8, 1);
    kit_t *new = kit_open(8192, 8, 1);
    es_id_t epoch = es_id_epoch(77, KIT_NOW);
    es_migrated_t migrated;

    (void)state;
    memset(new->mem, 0, new->size);
    assert_int_equal(es_store_format(new->mem, &new->params, &epoch), 0);
    assert_int_equal(es_store_attach(&new->store, new->mem, new->size,
                                     &new->params, new->pool),
                     0);
    assert_int_equal(es_store_migrate(new->store, old->store, &migrated),
                     APR_EGENERAL);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* Whatever stands in the old segment, the parent stays within its bounds, and
 * what it makes is well. */
static void test_hostile_bytes(void **state)
{
    int carried_some = 0;
    int refused = 0;
    int i, k;

    (void)state;
    for (i = 0; i < 400; i++) {
        kit_t *old = kit_open(8192, 6, 1);
        kit_t *new;
        es_migrated_t migrated;
        apr_uint32_t *words = old->mem;
        apr_status_t rv;

        for (k = 0; k < 60; k++) {
            say(old, k, 6);
        }
        for (k = (int)kit_random(12); k >= 0; k--) {
            /* not the facts, which attaching has checked */
            apr_size_t at = 32 + kit_random((unsigned)(old->size / 4 - 32));
            static const apr_uint32_t bad[] = {
                0, 1, 64, 0x7fffffff, ~0u, 4095, 8192, 0xffff, 0x80000000};

            words[at] = kit_random(2) ? bad[kit_random(9)]
                                      : words[at] ^ 1u << kit_random(32);
        }
        new = reborn(old, i % 2 ? 4096 : 32768, i % 3 ? 3 : 12);
        rv = es_store_migrate(new->store, old->store, &migrated);
        if (rv == APR_SUCCESS) {
            kit_check(new);
            carried_some++;
        }
        else {
            assert_int_equal(rv, APR_EGENERAL);
            refused++;
        }
        kit_close(new, 1);
        kit_close(old, 1);
    }
    assert_true(carried_some > 20);
    assert_true(refused > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_larger),
        cmocka_unit_test(test_smaller_ring),
        cmocka_unit_test(test_smaller_table),
        cmocka_unit_test(test_event_too_large),
        cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_torn_ids),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_not_of_this_birth),
        cmocka_unit_test(test_hostile_bytes),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
