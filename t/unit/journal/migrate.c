/* SPDX-License-Identifier: Apache-2.0 */
/* A store of another size receives the events of the old one. */
#include "t/unit/store_kit.h"

#include "base/context.h"
#include "journal/close.h"
#include "journal/migrate.h"
#include "journal/resume.h"

#define NAMES 12
#define EVENTS 400

static const char *const names[NAMES] = {"a", "b", "c", "d", "e", "f",
                                         "g", "h", "i", "j", "k", "l"};
static const es_resume_reach_t ALL = {0, 0, 0, 0};

/** An event as it was published. */
typedef struct published_t {
    es_id_t id;
    char publisher_id[16];
    char data[300];
    int channels[3]; /* indexes into names */
    int nchannels;
} published_t;

static published_t published[EVENTS];

/** A new store of this size, with the epoch of the old one. */
static kit_t *open_with_epoch_of(const kit_t *old, apr_uint64_t ring_bytes,
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

static kit_t *migrate(kit_t *old, apr_uint64_t ring_bytes,
                      apr_uint32_t channels, es_migrated_t *migrated)
{
    kit_t *kit = open_with_epoch_of(old, ring_bytes, channels);

    es_context_enter(ES_PARENT); /* debug builds check it */
    assert_int_equal(es_store_migrate(kit->store, old->store, migrated), 0);
    es_context_enter(0);
    kit_check(kit);
    return kit;
}

static apr_status_t publish(kit_t *kit, published_t *event, apr_uint64_t now_ms)
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
    frame.publisher_id = es_slice_of(event->publisher_id);
    rv = es_store_append(kit->store, &entry, 1, now_ms, kit->touched, &done);
    if (rv == APR_SUCCESS) {
        event->id = done.last_id;
    }
    return rv;
}

/** Publish event number i, to some of the first channels. */
static void publish_number(kit_t *kit, int i, int of)
{
    published_t *event = &published[i];
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
        snprintf(event->publisher_id, sizeof(event->publisher_id), "own-%d", i);
    }
    assert_int_equal(publish(kit, event, KIT_NOW + (unsigned)i / 3), 0);
}

/** The numbers of all events that a client of these channels receives. */
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
            assert_int_equal(es_id_compare(&record.id, &published[i].id), 0);
            assert_memory_equal(data, published[i].data,
                                strlen(published[i].data));
            numbers[count++] = i;
        }
        pos = record.next;
    }
    return count;
}

/** The numbers of the events that a client of two channels receives when it
 * resumes with this id. @return how many; -1 = a reset */
static int resume_after(kit_t *kit, int one, int two, const char *text,
                        int *numbers)
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

/** Compare where both stores let clients resume: it is the same, or the new
 * store resets. @return how often it resets where the old one did not */
static int compare_resumes(kit_t *old, kit_t *new, int events, int of)
{
    static int before[EVENTS], now[EVENTS];
    char text[ES_ID_TEXT_SIZE];
    int resets = 0;
    int i, one, two;

    for (i = 0; i < events; i++) {
        for (one = 0; one < of; one++) {
            int was, is;

            two = (int)kit_random((unsigned)of);
            es_id_format(text, &published[i].id);
            was = resume_after(old, one, two, text, before);
            is = resume_after(new, one, two, text, now);
            if (was < 0) {
                assert_int_equal(is, -1); /* an event is missing, as before */
            }
            else if (is < 0) {
                resets++;
            }
            else {
                assert_int_equal(is, was);
                assert_memory_equal(now, before, sizeof(*now) * (size_t)is);
            }
        }
    }
    return resets;
}

static void an_empty_store_is_migrated(void **state)
{
    kit_t *old = kit_open(8192, 8, 1);
    es_migrated_t migrated;
    kit_t *new = migrate(old, 16384, 16, &migrated);
    es_start_t was, is;

    (void)state;
    assert_int_equal(migrated.events, 0);
    assert_int_equal(migrated.lost, 0);
    assert_int_equal(es_store_current(old->store, &was), 0);
    assert_int_equal(es_store_current(new->store, &is), 0);
    assert_int_equal(es_id_compare(&was.id, &is.id), 0);
    assert_true(es_store_segment_id(old->store) !=
                es_store_segment_id(new->store));
    kit_close(new, 1);
    kit_close(old, 1);
}

/* Clients resume in a larger store just as in the old one. */
static void a_larger_store_has_all_events(void **state)
{
    kit_t *old = kit_open(32 * 1024, NAMES, 1);
    es_migrated_t migrated;
    kit_t *new;
    int i;

    (void)state;
    for (i = 0; i < EVENTS; i++) {
        /* all events of some channels are evicted */
        publish_number(old, i, i < 100 ? NAMES : NAMES - 4);
    }
    new = migrate(old, 256 * 1024, 2 * NAMES, &migrated);
    assert_true(migrated.events > 50 && migrated.events < EVENTS);
    assert_int_equal(migrated.lost, 0);
    assert_int_equal(compare_resumes(old, new, EVENTS, NAMES), 0);
    kit_close(new, 1);
    kit_close(old, 1);
}

static void a_smaller_ring_loses_the_oldest(void **state)
{
    kit_t *old = kit_open(64 * 1024, NAMES, 1);
    es_migrated_t migrated;
    es_migrated_t again;
    kit_t *new;
    kit_t *back;
    int i;

    (void)state;
    for (i = 0; i < EVENTS; i++) {
        publish_number(old, i, NAMES);
    }
    new = migrate(old, 16 * 1024, NAMES, &migrated);
    assert_true(migrated.events > 20);
    assert_true(migrated.lost > 20);
    assert_true(compare_resumes(old, new, EVENTS, NAMES) > 0);
    back = migrate(new, 64 * 1024, NAMES, &again); /* what is lost stays lost */
    assert_int_equal(again.events, migrated.events);
    assert_int_equal(compare_resumes(new, back, EVENTS, NAMES), 0);
    kit_close(back, 1);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* Fewer slots than channels: the oldest channels are lost, and clients that
 * resume in them are reset. */
static void a_smaller_table_loses_channels(void **state)
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
            publish_number(old, k, NAMES);
        }
        new = migrate(old, 64 * 1024, sizes[i], &migrated);
        assert_true(migrated.lost > 0);
        compare_resumes(old, new, EVENTS, NAMES);
        kit_check(new);
        kit_close(new, 1);
        kit_close(old, 1);
    }
}

/* An event that is larger than the new store allows: its channels lose it and
 * all events before it, and nothing else. */
static void an_event_too_large_is_lost(void **state)
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
    memset(published, 0, sizeof(published[0]) * 4);
    published[0] =
        (published_t){.channels = {0}, .nchannels = 1, .data = "data: 0\n\n"};
    published[1] =
        (published_t){.channels = {1}, .nchannels = 1, .data = "data: 1\n\n"};
    published[2] =
        (published_t){.channels = {0}, .nchannels = 1, .data = "data: 2\n\n"};
    published[3] =
        (published_t){.channels = {1}, .nchannels = 1, .data = "data: 3\n\n"};
    assert_int_equal(publish(old, &published[1], KIT_NOW), 0);
    assert_int_equal(publish(old, &published[0], KIT_NOW), 0);
    memset(data, 'x', sizeof(data));
    frame = kit_frame("");
    frame.tail = es_slice(data, sizeof(data));
    assert_int_equal(
        es_store_append(old->store, &entry, 1, KIT_NOW, old->touched, &done),
        0);
    assert_int_equal(publish(old, &published[2], KIT_NOW), 0);
    assert_int_equal(publish(old, &published[3], KIT_NOW), 0);
    new = migrate(old, 8192, NAMES, &migrated);
    es_id_format(text, &published[0].id);
    assert_int_equal(resume_after(new, 0, 0, text, numbers), 1);
    assert_int_equal(resume_after(new, 1, 1, text, numbers), -1);
    es_id_format(text, &done.last_id);
    assert_int_equal(resume_after(new, 1, 1, text, numbers), 1);
    kit_close(new, 1);
    kit_close(old, 1);
}

static void the_new_store_continues(void **state)
{
    kit_t *old = kit_open(64 * 1024, NAMES, 1);
    int numbers[EVENTS];
    es_migrated_t migrated;
    es_start_t was;
    kit_t *new;
    int i;

    (void)state;
    for (i = 0; i < 21; i++) {
        publish_number(old, i, 3);
    }
    assert_int_equal(es_store_current(old->store, &was), 0);
    new = migrate(old, 128 * 1024, NAMES, &migrated);
    assert_int_equal(migrated.events, 21);
    /* the new store knows a publisher's id */
    assert_int_equal(resume_after(new, published[20].channels[0],
                                  published[20].channels[0], "own-20", numbers),
                     0);
    i = (int)es_store_head(new->store);
    assert_int_equal(publish(new, &published[20], KIT_NOW + 99), 0);
    assert_int_equal(es_store_head(new->store), i);
    /* and ids rise, also if the clock has stepped back */
    published[21] = published[19];
    assert_int_equal(publish(new, &published[21], 5), 0);
    assert_true(es_id_compare(&published[21].id, &was.id) > 0);
    kit_check(new);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* Children died while they stored ids: in a commit, and in an eviction. */
static void half_stored_ids_are_migrated(void **state)
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
        publish_number(old, i, 4);
    }
    for (slot = 1; slot <= 4; slot++) {
        chan = es_channels_at(&old->store->channels, slot);
        whole[slot - 1] = *chan;
        chan->evicted_n = es_store_epoch(old->store).n + 4000;
        chan->evicted_ms++;
    }
    old->store->segment->head.last[0].ms++;
    old->store->segment->head.last[1].ms++;
    new = migrate(old, 64 * 1024, NAMES, &migrated);
    assert_true(migrated.events > 20);
    for (slot = 1; slot <= 4; slot++) {
        *es_channels_at(&old->store->channels, slot) = whole[slot - 1];
    }
    compare_resumes(old, new, 200, 4);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* A closed channel stays closed, and its events stay dropped. */
static void closed_channels_are_migrated(void **state)
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
        published[i] = (published_t){.channels = {i}, .nchannels = 1};
        snprintf(published[i].data, sizeof(published[i].data), "data: %d\n\n",
                 i);
        assert_int_equal(publish(old, &published[i], KIT_NOW), 0);
    }
    for (i = 0; i < 2; i++) {
        assert_int_equal(es_close_channel(old->store, channels[i], KIT_NOW + 5,
                                          KIT_NOW + 100, old->touched, &closed),
                         0);
    }
    published[3] =
        (published_t){.channels = {1}, .nchannels = 1, .data = "data: 3\n\n"};
    assert_int_equal(publish(old, &published[3], KIT_NOW + 9), 0); /* opens b */
    new = migrate(old, 64 * 1024, NAMES, &migrated);
    assert_int_equal(migrated.events, 6);
    assert_int_equal(
        es_store_subscribe(new->store, 1, channels, 3, slots, &start), 0);
    assert_true(es_close_is_closed(new->store, slots[0], KIT_NOW + 99));
    assert_false(es_close_is_closed(new->store, slots[0], KIT_NOW + 100));
    assert_false(es_close_is_closed(new->store, slots[1], KIT_NOW + 99));
    es_store_unsubscribe(new->store, 1, slots, 3);
    es_id_format(text, &published[0].id);
    assert_int_equal(resume_after(new, 0, 0, text, numbers), -1);
    es_id_format(text, &closed.id);
    assert_int_equal(resume_after(new, 1, 1, text, numbers), 1);
    kit_close(new, 1);

    /* also if the close itself is evicted */
    for (i = 10; i < 200; i++) {
        publish_number(old, i, 4);
        published[i].channels[0] = 3;
    }
    assert_int_equal(es_close_channel(old->store, channels[0], KIT_NOW + 5,
                                      KIT_NOW + 1000, old->touched, &closed),
                     0);
    for (i = 0; i < 60; i++) {
        published[i] = (published_t){.channels = {3}, .nchannels = 1};
        snprintf(published[i].data, sizeof(published[i].data),
                 "data: %d %0200d\n\n", i, i);
        assert_int_equal(publish(old, &published[i], KIT_NOW + 5), 0);
    }
    new = migrate(old, 64 * 1024, NAMES, &migrated);
    assert_int_equal(
        es_store_subscribe(new->store, 1, channels, 1, slots, &start), 0);
    assert_true(es_close_is_closed(new->store, slots[0], KIT_NOW + 999));
    kit_close(new, 1);
    kit_close(old, 1);
}

/* A channel whose slot the old table had reclaimed. */
static void a_reclaimed_channel_has_lost_its_events(void **state)
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
    kit = migrate(old, 8192, 8, &migrated);
    assert_int_equal(es_store_subscribe(kit->store, 1, &name, 1, &slot, &start),
                     0);
    assert_int_equal(es_store_resume(kit->store, &slot, 1,
                                     es_slice(text, es_id_format(text, &epoch)),
                                     &ALL, &start),
                     APR_NOTFOUND);
    kit_close(kit, 1);
    kit_close(old, 1);
}

static void a_store_of_another_epoch_is_refused(void **state)
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

/* Whatever bytes are in the old segment, the parent stays within its bounds,
 * and the new store is valid. */
static void any_bytes_in_the_old_store_are_tolerated(void **state)
{
    int migrated_some = 0;
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
            publish_number(old, k, 6);
        }
        for (k = (int)kit_random(12); k >= 0; k--) {
            /* not the header, which es_store_attach has checked */
            apr_size_t at = 32 + kit_random((unsigned)(old->size / 4 - 32));
            static const apr_uint32_t bad[] = {
                0, 1, 64, 0x7fffffff, ~0u, 4095, 8192, 0xffff, 0x80000000};

            words[at] = kit_random(2) ? bad[kit_random(9)]
                                      : words[at] ^ 1u << kit_random(32);
        }
        new = open_with_epoch_of(old, i % 2 ? 4096 : 32768, i % 3 ? 3 : 12);
        rv = es_store_migrate(new->store, old->store, &migrated);
        if (rv == APR_SUCCESS) {
            kit_check(new);
            migrated_some++;
        }
        else {
            assert_int_equal(rv, APR_EGENERAL);
            refused++;
        }
        kit_close(new, 1);
        kit_close(old, 1);
    }
    assert_true(migrated_some > 20);
    assert_true(refused > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_store_is_migrated),
        cmocka_unit_test(a_larger_store_has_all_events),
        cmocka_unit_test(a_smaller_ring_loses_the_oldest),
        cmocka_unit_test(a_smaller_table_loses_channels),
        cmocka_unit_test(an_event_too_large_is_lost),
        cmocka_unit_test(the_new_store_continues),
        cmocka_unit_test(half_stored_ids_are_migrated),
        cmocka_unit_test(closed_channels_are_migrated),
        cmocka_unit_test(a_reclaimed_channel_has_lost_its_events),
        cmocka_unit_test(a_store_of_another_epoch_is_refused),
        cmocka_unit_test(any_bytes_in_the_old_store_are_tolerated),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
