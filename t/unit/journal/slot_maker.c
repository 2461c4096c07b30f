/* SPDX-License-Identifier: Apache-2.0 */
/* A full table: the oldest events give way, publishers have a reserve, and the
 * cost of a new channel does not depend on the size of the table. */
#include "t/unit/skip.h"
#include "t/unit/stepper.h"
#include "t/unit/store_kit.h"

#include "journal/resume.h"

#define RING (1024 * 1024)

static es_slot_t find(kit_t *kit, const char *channel)
{
    const es_channels_t *channels = &kit->store->channels;
    es_slice_t name = es_slice_of(channel);
    es_slot_t slot = 77;

    assert_int_equal(es_channels_find(channels, name,
                                      es_channels_hash(channels, name), &slot),
                     0);
    return slot;
}

static apr_status_t publish(kit_t *kit, const char *channel)
{
    es_appended_t done;

    return kit_append(kit, channel, "data: 1\n\n", &done);
}

static apr_status_t subscribe(kit_t *kit, const char *channel)
{
    es_slot_t slot;

    return kit_subscribe(kit, 1, channel, &slot);
}

static void unsubscribe(kit_t *kit, const char *channel)
{
    es_slot_t slot = find(kit, channel);

    es_store_unsubscribe(kit->store, 1, &slot, 1);
}

/** Publish to, or subscribe to, channels p0, p1 … @return how many succeed */
static int do_many(kit_t *kit, apr_status_t (*one)(kit_t *, const char *),
                   const char *prefix, int count)
{
    int done = 0;
    char name[24];
    int i;

    for (i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s%d", prefix, i);
        done += one(kit, name) == APR_SUCCESS;
    }
    return done;
}

/* ---- eviction ------------------------------------------------------------ */

static void the_oldest_events_give_up_their_slots(void **state)
{
    kit_t *kit = kit_open(RING, 4, 1);
    es_resume_reach_t reach = {0, 0, 0, 0};
    es_appended_t first;
    es_start_t start;
    es_slot_t slot;
    char id[ES_ID_TEXT_SIZE];

    (void)state;
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &first), 0);
    assert_int_equal(do_many(kit, publish, "p", 3), 3);
    assert_int_equal(do_many(kit, publish, "q", 100), 100);
    assert_int_equal(find(kit, "a"), 0);
    assert_int_not_equal(find(kit, "q99"), 0);
    assert_int_not_equal(find(kit, "q96"), 0);
    assert_int_equal(find(kit, "q95"), 0);
    kit_check(kit);
    /* what was evicted is told: a client of "a" from before is reset */
    assert_int_equal(kit_subscribe(kit, 1, "a", &slot), 0);
    assert_int_equal(es_store_current(kit->store, &start), 0);
    assert_int_equal(
        es_store_resume(
            kit->store, &slot, 1,
            es_slice(id, es_id_format(id, &(es_id_t){first.last_id.ms,
                                                     first.last_id.n - 1})),
            &reach, &start),
        APR_NOTFOUND);
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_subscriber_finds_a_slot_among_retained_channels(void **state)
{
    kit_t *kit = kit_open(RING, 32, 1);

    (void)state;
    assert_int_equal(do_many(kit, publish, "p", 100), 100);
    assert_int_equal(subscribe(kit, "a"), 0);
    assert_int_not_equal(find(kit, "p99"), 0);
    kit_check(kit);
    kit_close(kit, 1);
}

static void nothing_is_evicted_for_nothing(void **state)
{
    kit_t *kit = kit_open(RING, 4, 1);
    es_pos_t tail = es_store_tail(kit->store);

    (void)state;
    assert_int_equal(do_many(kit, publish, "p", 4), 4);
    assert_int_equal(do_many(kit, subscribe, "p", 4), 4);
    assert_int_equal(do_many(kit, publish, "p", 4), 4);
    assert_int_equal(do_many(kit, publish, "q", 100), 0);
    assert_int_equal(do_many(kit, subscribe, "q", 100), 0);
    assert_true(es_store_tail(kit->store) == tail);
    unsubscribe(kit, "p2");
    assert_int_equal(publish(kit, "q"), 0);
    assert_int_equal(find(kit, "p2"), 0);
    kit_check(kit);
    kit_close(kit, 1);
}

/* A busy channel has the oldest events, and keeps its slot. */
static void a_call_evicts_a_bounded_number_of_events(void **state)
{
    kit_t *kit = kit_open(RING, 2, 1);
    es_pos_t tail;
    int calls = 0;
    int i;

    (void)state;
    assert_int_equal(subscribe(kit, "busy"), 0);
    for (i = 0; i < 4000; i++) {
        assert_int_equal(publish(kit, "busy"), 0);
    }
    assert_int_equal(publish(kit, "rare"), 0);
    assert_int_equal(publish(kit, "busy"), 0);
    do {
        tail = es_store_tail(kit->store);
        assert_true(++calls < 12);
        i = publish(kit, "new");
        assert_true(es_store_tail(kit->store) - tail <= 1024 * 192);
        kit_check(kit);
    } while (i == APR_ENOMEM);
    assert_int_equal(i, 0);
    assert_true(calls > 3);
    assert_int_equal(find(kit, "rare"), 0);
    kit_close(kit, 1);
}

/* A channel that is subscribed to by no one, and has old and new events, is not
 * in the way of others. */
static void slots_of_one_event_of_many_channels_are_freed(void **state)
{
    kit_t *kit = kit_open(RING, 3, 1);
    es_slice_t names[] = {es_slice_of("a"), es_slice_of("b"), es_slice_of("c")};
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {names, 3, &frame};
    es_appended_t done;

    (void)state;
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    assert_int_equal(publish(kit, "a"), 0);
    assert_int_equal(publish(kit, "d"), 0); /* takes b */
    assert_int_equal(publish(kit, "e"), 0); /* takes c */
    assert_int_not_equal(find(kit, "a"), 0);
    assert_int_equal(publish(kit, "f"), 0);
    assert_int_equal(find(kit, "a"), 0);
    kit_check(kit);
    kit_close(kit, 1);
}

/* ---- the reserve --------------------------------------------------------- */

static void subscribers_leave_a_reserve_to_publishers(void **state)
{
    kit_t *kit = kit_open(RING, 32, 1);

    (void)state;
    assert_int_equal(do_many(kit, subscribe, "s", 40), 30);
    assert_int_equal(do_many(kit, publish, "p", 100), 100);
    assert_int_equal(do_many(kit, subscribe, "t", 10), 0);
    assert_int_not_equal(find(kit, "p98"), 0);
    assert_int_not_equal(find(kit, "p99"), 0);
    kit_check(kit);
    unsubscribe(kit, "s0");
    unsubscribe(kit, "s1");
    assert_int_equal(subscribe(kit, "t"), 0);
    assert_int_equal(subscribe(kit, "u"), 0);
    assert_int_equal(subscribe(kit, "v"), APR_ENOMEM);
    assert_int_equal(do_many(kit, publish, "q", 10), 10);
    kit_check(kit);
    kit_close(kit, 1);
}

static void idle_slots_are_no_reason_to_refuse(void **state)
{
    kit_t *kit = kit_open(4096, 1600, 1);
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        assert_int_equal(do_many(kit, publish, "p", 1600), 1600);
        assert_int_equal(do_many(kit, subscribe, "s", 1400), 1400);
        for (; find(kit, "s0") != 0; unsubscribe(kit, "s0")) {
            char name[24];
            int k;

            for (k = 1; k < 1400; k++) {
                snprintf(name, sizeof(name), "s%d", k);
                unsubscribe(kit, name);
            }
            unsubscribe(kit, "s0");
            break;
        }
        kit_check(kit);
    }
    kit_close(kit, 1);
}

/* ---- cost ---------------------------------------------------------------- */

static kit_t *stepped;

static void on_subscribe(void *data)
{
    (void)subscribe(stepped, data);
}

static void on_publish(void *data)
{
    (void)publish(stepped, data);
}

/** Instructions of a call, in a child process. */
static unsigned count_steps(void (*run)(void *), const char *name)
{
    static stepper_t stepper;
    unsigned steps = 0;
    pid_t pid;

    stepper.run = run;
    stepper.data = (void *)(uintptr_t)name;
    pid = stepper_start(&stepper);
    while (stepper_step(pid)) {
        steps++;
    }
    stepper_end(pid);
    return steps;
}

enum { FULL, ONE_IDLE, EVICTED, RESERVE, COSTS };

/** Steps of a new name in a full table of this size. */
static void measure(unsigned *steps, int channels)
{
    int subscribed;

    stepped = kit_open(64 * 1024, (apr_uint32_t)channels, 0);
    subscribed = channels - channels / 16;
    assert_int_equal(do_many(stepped, subscribe, "s", subscribed), subscribed);
    steps[FULL] = count_steps(on_subscribe, "new");
    assert_int_equal(find(stepped, "new"), 0);
    unsubscribe(stepped, "s1000");
    steps[ONE_IDLE] = count_steps(on_subscribe, "one");
    assert_int_not_equal(find(stepped, "one"), 0);
    /* publishers use the reserve, and the ring makes their slots idle */
    assert_int_equal(do_many(stepped, publish, "p", channels / 8),
                     channels / 8);
    steps[EVICTED] = count_steps(on_publish, "evicted");
    assert_int_not_equal(find(stepped, "evicted"), 0);
    steps[RESERVE] = count_steps(on_subscribe, "two");
    assert_int_not_equal(find(stepped, "two"), 0);
    kit_close(stepped, 0);
}

static void a_million_channels_cost_no_more_than_some(void **state)
{
    static const char *const costs[COSTS] = {
        "a subscriber is refused", "one slot is idle", "a publisher evicts",
        "idle slots join the reserve"};
    unsigned some[COSTS], many[COSTS];
    const char *why = stepper_refusal();
    int i;

    (void)state;
    if (why != NULL) {
        SKIP_SINCE(why);
    }
    measure(some, 16384);
    measure(many, 1 << 20);
    for (i = 0; i < COSTS; i++) {
        print_message("# %s: %u steps of 16,384 channels, %u of 1,048,576\n",
                      costs[i], some[i], many[i]);
        assert_true(many[i] < some[i] + some[i] / 2 + 500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_events_give_up_their_slots),
        cmocka_unit_test(a_subscriber_finds_a_slot_among_retained_channels),
        cmocka_unit_test(nothing_is_evicted_for_nothing),
        cmocka_unit_test(a_call_evicts_a_bounded_number_of_events),
        cmocka_unit_test(slots_of_one_event_of_many_channels_are_freed),
        cmocka_unit_test(subscribers_leave_a_reserve_to_publishers),
        cmocka_unit_test(idle_slots_are_no_reason_to_refuse),
        cmocka_unit_test(a_million_channels_cost_no_more_than_some),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
