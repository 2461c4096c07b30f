/* SPDX-License-Identifier: Apache-2.0 */
/* The public interface: batches, subscriptions, and hostile bytes. */
#include "t/unit/store_kit.h"

#define RING (64 * 1024)

static void params_out_of_range_are_refused(void **state)
{
    es_store_params_t params = {4096, 1, 1};

    (void)state;
    assert_true(es_store_size(&params) > 4096);
    params.channels = 1u << 20;
    params.max_children = 1u << 16;
    assert_true(es_store_size(&params) > (APR_UINT64_C(1) << 38));
    params.max_children = (1u << 16) + 1;
    assert_int_equal(es_store_size(&params), 0);
    params.max_children = 0;
    assert_int_equal(es_store_size(&params), 0);
    params.max_children = 1;
    params.channels = (1u << 20) + 1;
    assert_int_equal(es_store_size(&params), 0);
    params.channels = 0;
    assert_int_equal(es_store_size(&params), 0);
    params.channels = 1;
    params.ring_bytes = 0;
    assert_int_equal(es_store_size(&params), 0);
    params.ring_bytes = APR_UINT64_MAX;
    assert_int_equal(es_store_size(&params), 0);
}

static void only_the_same_params_attach(void **state)
{
    kit_t *kit = kit_open(RING - 100, 10, 1); /* rounded up */
    es_store_params_t other = kit->params;
    es_store_segment_t *segment = kit->mem;
    es_store_t *store;

    (void)state;
    assert_int_equal(es_store_head(kit->store), RING);
    other.ring_bytes = RING;
    assert_int_equal(
        es_store_attach(&store, kit->mem, kit->size, &other, kit->pool), 0);
    assert_int_equal(
        es_store_attach(&store, kit->mem, kit->size - 1, &other, kit->pool),
        APR_EMISMATCH);
    other.channels = 9;
    assert_int_equal(
        es_store_attach(&store, kit->mem, kit->size, &other, kit->pool),
        APR_EMISMATCH);
    segment->hdr.version++;
    assert_int_equal(
        es_store_attach(&store, kit->mem, kit->size, &kit->params, kit->pool),
        APR_EMISMATCH);
    kit_close(kit, 1);
}

static void ids_rise_when_the_clock_steps_back(void **state)
{
    kit_t *kit = kit_open(RING, 10, 1);
    es_slice_t name = es_slice_of("a");
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {&name, 1, &frame};
    es_id_t epoch = es_store_epoch(kit->store);
    es_appended_t done;
    es_start_t start;

    (void)state;
    assert_int_equal(es_store_current(kit->store, &start), 0);
    assert_true(es_id_compare(&start.id, &epoch) == 0);
    assert_int_equal(es_store_append(kit->store, &entry, 1, KIT_NOW + 5,
                                     kit->touched, &done),
                     0);
    assert_true(done.last_id.ms == KIT_NOW + 5 && done.last_id.n == epoch.n);
    /* the clock steps back */
    assert_int_equal(es_store_append(kit->store, &entry, 1, KIT_NOW - 5,
                                     kit->touched, &done),
                     0);
    assert_true(done.last_id.ms == KIT_NOW + 5 &&
                done.last_id.n == epoch.n + 1);
    assert_int_equal(es_store_current(kit->store, &start), 0);
    assert_int_equal(es_id_compare(&start.id, &done.last_id), 0);
    assert_int_equal(start.pos, done.head);
    kit_close(kit, 1);
}

static void subscriptions_are_counted(void **state)
{
    kit_t *kit = kit_open(RING, 10, 1);
    es_appended_t done;
    es_slot_t slots[3];
    es_slot_t one;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 1, "a", &slots[0]), 0);
    assert_int_equal(kit_subscribe(kit, 70, "a", &slots[1]), 0);
    assert_int_equal(kit_subscribe(kit, 70, "a", &slots[2]), 0);
    assert_int_equal(kit_subscribe(kit, 2, "b", &one), 0);
    assert_int_equal(slots[0], slots[1]);
    assert_int_equal(kit_clients(kit, es_slice_of("a")), 3);
    assert_int_equal(kit_clients(kit, es_slice_of("none")), 0);
    assert_int_equal(es_store_child_subscriptions(kit->store, 70), 2);

    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), 0);
    assert_int_equal(done.clients, 3);
    assert_int_equal(kit->touched[0], 1);
    assert_int_equal(kit->touched[1], 1 << (69 - 64));

    es_store_reap(kit->store, 70);
    assert_int_equal(es_store_child_subscriptions(kit->store, 70), 0);
    assert_int_equal(kit_clients(kit, es_slice_of("a")), 1);
    kit_check(kit);
    /* never below 0 */
    es_store_unsubscribe(kit->store, 70, slots, 1);
    es_store_unsubscribe(kit->store, 1, slots, 1);
    es_store_unsubscribe(kit->store, 1, slots, 1);
    assert_int_equal(kit_clients(kit, es_slice_of("a")), 0);
    assert_int_equal(es_store_child_subscriptions(kit->store, 1), 0);
    /* out of range: nothing happens */
    one = 11;
    es_store_unsubscribe(kit->store, 1, &one, 1);
    es_store_reap(kit->store, 0);
    es_store_reap(kit->store, 71);
    assert_int_equal(es_store_child_subscriptions(kit->store, 71), 0);
    assert_int_equal(kit_subscribe(kit, 71, "a", &one), APR_EINVAL);
    kit_check(kit);
    kit_close(kit, 1);
}

/* Each channel of a batch counts once, however many events name it. */
static void each_channel_of_a_batch_counts_once(void **state)
{
    enum { EVENTS = 100 };
    kit_t *kit = kit_open(RING, 10, 1);
    es_slice_t names[] = {es_slice_of("a"), es_slice_of("b")};
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entries[EVENTS];
    es_appended_t done;
    es_record_t record;
    es_pos_t pos = es_store_head(kit->store);
    es_slot_t slot;
    int i;

    (void)state;
    for (i = 0; i < EVENTS; i++) {
        entries[i].channels = names;
        entries[i].nchannels = 1 + i % 2;
        entries[i].frame = &frame;
    }
    assert_int_equal(kit_subscribe(kit, 3, "a", &slot), 0);
    assert_int_equal(kit_subscribe(kit, 4, "b", &slot), 0);
    assert_int_equal(es_store_append(kit->store, entries, EVENTS, KIT_NOW,
                                     kit->touched, &done),
                     0);
    assert_int_equal(done.clients, 2);
    assert_int_equal(kit->touched[0], 4 + 8);
    assert_int_equal(kit_number(done.last_id), EVENTS);
    for (i = 0; i < EVENTS; i++) {
        assert_int_equal(es_store_look(kit->store, pos, &record), 0);
        assert_int_equal(kit_number(record.id), i + 1);
        assert_int_equal(record.nslots, 1 + i % 2);
        pos = record.next;
    }
    assert_int_equal(pos, done.head);
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_batch_above_half_the_ring_is_refused(void **state)
{
    kit_t *kit = kit_open(RING, 10, 1);
    static char data[RING];
    es_slice_t name = es_slice_of("a");
    es_frame_t frame = kit_frame("");
    es_entry_t entries[3] = {
        {&name, 1, &frame}, {&name, 1, &frame}, {&name, 1, &frame}};
    es_appended_t done;
    int i;

    (void)state;
    memset(data, 'x', sizeof(data));
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), 0);
    frame.tail = es_slice(data, RING / 2);
    assert_int_equal(
        es_store_append(kit->store, entries, 1, KIT_NOW, kit->touched, &done),
        APR_ENOSPC);
    frame.tail = es_slice(data, RING / 6);
    assert_int_equal(
        es_store_append(kit->store, entries, 3, KIT_NOW, kit->touched, &done),
        APR_ENOSPC);
    assert_int_equal(es_store_head(kit->store), done.head);
    assert_int_equal(es_store_tail(kit->store), RING);
    frame.tail = es_slice(data, RING / 2 - 200);
    for (i = 0; i < 10; i++) {
        assert_int_equal(es_store_append(kit->store, entries, 1, KIT_NOW,
                                         kit->touched, &done),
                         0);
    }
    frame.tail = es_slice(data, RING / 6 - 200);
    for (i = 0; i < 10; i++) {
        assert_int_equal(es_store_append(kit->store, entries, 3, KIT_NOW,
                                         kit->touched, &done),
                         0);
        kit_check(kit);
    }
    kit_close(kit, 1);
}

/** Change some bytes of the segment, but not of the mutex: the C library trusts
 * these. */
static void damage(kit_t *kit)
{
    const es_layout_t *layout = &kit->store->layout;
    apr_uint64_t starts[] = {128,
                             256,
                             layout->buckets,
                             layout->slots,
                             layout->subscription_totals,
                             layout->subscriptions,
                             layout->ring};
    apr_uint64_t ends[] = {256,
                           320,
                           layout->slots,
                           layout->subscription_totals,
                           layout->subscriptions,
                           layout->ring,
                           layout->size};
    /* head and tail rarely, as nothing works after that */
    unsigned part = kit_random(40) ? 1 + kit_random(6) : 0;
    unsigned times = 1 + kit_random(40);

    while (times-- > 0) {
        apr_uint64_t at = starts[part] + kit_random(ends[part] - starts[part]);

        ((unsigned char *)kit->mem)[at] =
            kit_random(2) ? kit_random(256) : kit_random(4);
    }
}

/** Call everything: whatever the result, it must return. */
static void use_all(kit_t *kit)
{
    static char wire[RING];
    es_pos_t pos = es_store_tail(kit->store);
    es_appended_t done;
    es_record_t record;
    es_slot_t slot = kit_random(70);
    es_start_t start;
    char name[24];
    int i;

    for (i = 0; i < 50; i++) {
        if (es_store_look(kit->store, pos, &record) != APR_SUCCESS) {
            pos = kit_random(2) ? es_store_head(kit->store)
                                : 64 * (es_pos_t)kit_random(1 << 20);
            continue;
        }
        assert_true(record.chunk_len <= RING);
        es_store_copy(kit->store, &record, kit_random(300), wire);
        pos = record.next;
    }
    es_store_name(kit->store, slot);
    es_store_newest(kit->store, slot);
    es_store_child_subscriptions(kit->store, kit_random(80));
    for (i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "%u", kit_random(80));
        kit_append(kit, name, "data: 1\n\n", &done);
        if (kit_subscribe(kit, 1 + kit_random(70), name, &slot) == 0) {
            es_store_unsubscribe(kit->store, 1 + kit_random(70), &slot, 1);
        }
        kit_clients(kit, es_slice_of(name));
    }
    es_store_current(kit->store, &start);
}

static void any_bytes_in_the_segment_are_tolerated(void **state)
{
    kit_t *kit = kit_open(8192, 64, 1);
    es_id_t epoch = es_id_epoch(1, KIT_NOW);
    int i;

    (void)state;
    for (i = 0; i < 6000; i++) {
        if (i % 20 == 0) {
            memset(kit->mem, 0, kit->size);
            assert_int_equal(es_store_format(kit->mem, &kit->params, &epoch),
                             0);
            assert_int_equal(es_store_attach(&kit->store, kit->mem, kit->size,
                                             &kit->params, kit->pool),
                             0);
            use_all(kit);
            use_all(kit);
        }
        damage(kit);
        use_all(kit);
    }
    kit_close(kit, 1);
}

/* The next call that finds damaged chains repairs them. */
static void damaged_chains_are_repaired(void **state)
{
    kit_t *kit = kit_open(RING, 10, 1);
    const es_channels_t *channels = &kit->store->channels;
    apr_uint64_t loop = es_channels_hash(channels, es_slice_of("a"));
    es_appended_t done;
    es_slot_t slot;
    es_slot_t again;
    char name[16];
    int i = 0;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 1, "a", &slot), 0);
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), 0);
    memset(kit->store->channels.buckets, 0xff, kit->store->layout.nbuckets * 4);
    assert_int_equal(kit_append(kit, "a", "data: 2\n\n", &done), 0);
    assert_int_equal(done.clients, 1);
    kit_check(kit);
    es_channels_at(channels, slot)->next = slot; /* a loop */
    do { /* another name of this chain */
        snprintf(name, sizeof(name), "%d", i++);
    } while (((es_channels_hash(channels, es_slice_of(name)) ^ loop) &
              (channels->nbuckets - 1)) != 0);
    assert_int_equal(kit_subscribe(kit, 1, name, &again), 0);
    assert_int_equal(es_store_head(kit->store), done.head);
    kit_close(kit, 1);
}

/* A row is zeroed to its end, or the next child would start with
 * subscriptions. */
static void a_reaped_child_has_no_subscriptions(void **state)
{
    kit_t *kit = kit_open(RING, 2, 1);
    es_slot_t slots[2];

    (void)state;
    assert_int_equal(kit_subscribe(kit, 3, "a", &slots[0]), 0);
    assert_int_equal(kit_subscribe(kit, 3, "b", &slots[1]), 0);
    es_store_reap(kit->store, 3);
    assert_int_equal(kit_subscribe(kit, 3, "a", &slots[0]), 0);
    assert_int_equal(kit_clients(kit, es_slice_of("a")), 1);
    assert_int_equal(kit_clients(kit, es_slice_of("b")), 0);
    kit_check(kit);
    /* once too often: another channel's subscription stays */
    assert_int_equal(kit_subscribe(kit, 3, "b", &slots[1]), 0);
    es_store_unsubscribe(kit->store, 3, slots, 1);
    es_store_unsubscribe(kit->store, 3, slots, 1);
    assert_int_equal(es_store_child_subscriptions(kit->store, 3), 1);
    assert_int_equal(kit_clients(kit, es_slice_of("b")), 1);
    kit_check(kit);
    kit_close(kit, 1);
}

/* The ring overtakes a reader: it has lost events of its channels, or not. */
static void only_events_of_its_channels_are_lost(void **state)
{
    kit_t *kit = kit_open(RING, 10, 1);
    es_slot_t quiet, busy;
    es_pos_t first, second, tail = 0;
    es_appended_t done;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 1, "quiet", &quiet), 0);
    assert_int_equal(kit_subscribe(kit, 1, "busy", &busy), 0);
    first = es_store_head(kit->store);
    assert_int_equal(kit_append(kit, "quiet", "data: 1\n\n", &done), 0);
    second = done.head;
    do {
        assert_int_equal(kit_append(kit, "busy", "data: 2\n\n", &done), 0);
    } while (es_store_tail(kit->store) <= second);

    assert_int_equal(es_store_has_lost(kit->store, &quiet, 1, first, &tail), 1);
    assert_int_equal(es_store_has_lost(kit->store, &busy, 1, second, &tail), 1);
    tail = 0;
    assert_int_equal(es_store_has_lost(kit->store, &quiet, 1, second, &tail),
                     0);
    assert_int_equal(tail, es_store_tail(kit->store));
    kit_check(kit);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(params_out_of_range_are_refused),
        cmocka_unit_test(only_the_same_params_attach),
        cmocka_unit_test(ids_rise_when_the_clock_steps_back),
        cmocka_unit_test(subscriptions_are_counted),
        cmocka_unit_test(each_channel_of_a_batch_counts_once),
        cmocka_unit_test(a_batch_above_half_the_ring_is_refused),
        cmocka_unit_test(any_bytes_in_the_segment_are_tolerated),
        cmocka_unit_test(damaged_chains_are_repaired),
        cmocka_unit_test(a_reaped_child_has_no_subscriptions),
        cmocka_unit_test(only_events_of_its_channels_are_lost),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
