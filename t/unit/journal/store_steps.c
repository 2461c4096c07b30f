/* SPDX-License-Identifier: Apache-2.0 */
/* Death at every instruction of what children do to a store, and of the repair
 * that follows: what is retained then, and what a survivor finds.
 *
 * ES_STEPS=all: children die at each step of all repairs that differ, and not
 * only of one for each operation. */
#include "t/unit/stepper.h"
#include "t/unit/store_reader.h"

#include <time.h>

#include "base/log.h"
#include "journal/flow_control.h"
#include "journal/migrate.h"

#define RING READER_RING
#define CHANNELS 8
#define DEAD 1   /* the child that dies */
#define LIVING 2 /* a child with subscriptions that survives */
#define MINUTE_MS 60000
#define LIMIT_S 280 /* of the whole program */

/* ---- short ways --------------------------------------------------------- */

static kit_t *kit;

static apr_status_t try_publish_all(const char *const *names,
                                    const char *const *publisher_ids, int count,
                                    unsigned size, unsigned ms)
{
    es_slice_t slices[4][ES_EVENT_CHANNELS_MAX];
    es_frame_t frames[4];
    es_entry_t entries[4];
    es_appended_t done;
    /* not on the stack: memcpy chooses its path by the distance between source
     * and target, and a stepped child must take the same path each time, at
     * whatever depth of the stack it was started */
    static char tail[RING / 2];
    int i, k;

    memset(tail, 'x', sizeof(tail));
    memcpy(tail, "data: ", 6);
    memcpy(tail + size, "\n\n", 3);
    for (i = 0; i < count; i++) {
        frames[i] = kit_frame(tail);
        if (publisher_ids != NULL) {
            frames[i].publisher_id = es_slice_of(publisher_ids[i]);
        }
        for (k = 0; names[i][k] != '\0'; k++) {
            slices[i][k] = es_slice(&names[i][k], 1);
        }
        entries[i].channels = slices[i];
        entries[i].nchannels = k;
        entries[i].frame = &frames[i];
    }
    return es_store_append(kit->store, entries, count, KIT_NOW + ms,
                           kit->touched, &done);
}

static apr_status_t try_publish(const char *names, const char *publisher_id,
                                unsigned size, unsigned ms)
{
    return try_publish_all(&names, publisher_id != NULL ? &publisher_id : NULL,
                           1, size, ms);
}

static apr_status_t try_close(const char *name, unsigned ms)
{
    es_closed_t closed;

    return es_close_channel(kit->store, es_slice_of(name), KIT_NOW + ms,
                            KIT_NOW + MINUTE_MS, kit->touched, &closed);
}

static apr_status_t subscribe(apr_uint32_t child, const char *names)
{
    es_slice_t slices[CHANNELS];
    es_slot_t slots[CHANNELS];
    es_start_t start;
    int count;

    for (count = 0; names[count] != '\0'; count++) {
        slices[count] = es_slice(&names[count], 1);
    }
    return es_store_subscribe(kit->store, child, slices, count, slots, &start);
}

/* ---- the store before the operation ------------------------------------- */

static events_t history; /* all that were published before the operation */

static void extend_history(void)
{
    static events_t events;

    read_all(kit->store, &events);
    add_newer(&history, &events);
}

static void publish(const char *names, const char *publisher_id, unsigned size,
                    unsigned ms)
{
    assert_int_equal(try_publish(names, publisher_id, size, ms), 0);
    extend_history();
}

static void close_channel(const char *name, unsigned ms)
{
    assert_int_equal(try_close(name, ms), 0);
    extend_history();
}

/** Some channels, one closed, one closed and reopened; room in the ring. */
static void few_events(void)
{
    publish("a", NULL, 20, 0);
    publish("b", NULL, 90, 0);
    publish("ab", NULL, 30, 0);
    publish("a", "one", 40, 0);
    publish("c", NULL, 20, 1);
    publish("d", NULL, 20, 1);
    close_channel("d", 1);
    publish("e", NULL, 20, 1);
    close_channel("e", 1);
    publish("e", NULL, 20, 2);
    assert_int_equal(subscribe(LIVING, "ac"), 0);
    assert_int_equal(subscribe(DEAD, "b"), 0);
}

/** The ring is full, and was overwritten more than once. */
static void ring_full(void)
{
    static const char *const names[] = {"a", "b", "ab", "c", "e"};
    char publisher_id[] = "A"; /* of every other event */
    unsigned i;

    publish("d", NULL, 20, 0);
    close_channel("d", 0);
    for (i = 0; i < 40; i++) {
        publisher_id[0] = 'A' + i;
        publish(names[i % 5], i % 2 ? publisher_id : NULL, 20 + i * 97 % 300,
                i / 7);
    }
    close_channel("e", 6);
    assert_true(es_store_tail(kit->store) > 2 * RING);
    assert_int_equal(subscribe(LIVING, "ac"), 0);
    assert_int_equal(subscribe(DEAD, "b"), 0);
}

/** As few_events; a repair has put a slot into the free list. */
static void slot_freed(void)
{
    pid_t pid;

    few_events();
    pid = fork();
    if (pid == 0) {
        es_lock_acquire(&kit->store->segment->guard.lock, ES_STORE_LOCK_WAIT);
        kit->store->channels.table->high_slot++;
        _exit(0);
    }
    kit_wait(pid);
    publish("a", NULL, 20, 2);
    assert_true(kit->store->channels.table->free != 0);
}

/** All slots are taken, and one of them is idle. The evicted id of the slot
 * that was reclaimed has a higher count in its millisecond than that of the
 * slot that is to be reclaimed next. */
static void fill_table(void)
{
    int i;

    for (i = 0; i < 7; i++) {
        publish("i", NULL, 20, 0);
    }
    publish("f", NULL, 20, 1);
    for (i = 0; i < 3; i++) {
        publish("a", NULL, 1500, 1);
    }
    assert_int_equal(subscribe(LIVING, "bcdeg"), 0);
    assert_int_equal(subscribe(DEAD, "b"), 0);
    publish("h", NULL, 20, 1); /* takes the first slot */
}

static void table_full(void)
{
    fill_table();
    assert_int_equal(slot_of(kit->store, 'i'), 0);
}

/** As table_full; the idle channel has lost less than the reclaimed one. */
static void table_full_again(void)
{
    publish("f", NULL, 20, 0);
    fill_table();
    assert_int_equal(slot_of(kit->store, 'f'), 0);
}

/** All slots are taken, and all retain events: that of the oldest has a
 * subscriber. */
static void table_retained(void)
{
    char name[] = "a";

    for (; *name <= 'h'; ++*name) {
        publish(name, NULL, 20, 0);
    }
    publish("bc", NULL, 20, 1);
    assert_int_equal(subscribe(LIVING, "a"), 0);
}

/** All slots are taken; three are idle, of which the reserve needs two. */
static void reserve_taken(void)
{
    int i;

    kit->store->channels.reserve = 2;
    publish("e", NULL, 20, 0);
    publish("f", NULL, 20, 0);
    publish("g", NULL, 20, 0);
    assert_int_equal(subscribe(LIVING, "abcd"), 0);
    for (i = 0; i < 3; i++) {
        publish("h", NULL, 1500, 1);
    }
}

/* ---- operations --------------------------------------------------------- */

static apr_status_t do_one(void)
{
    return try_publish("a", NULL, 100, 2);
}

static apr_status_t do_several(void)
{
    static const char *const names[] = {"ab", "c", "fga"};

    return try_publish_all(names, NULL, 3, 50, 3);
}

static apr_status_t do_wrap(void)
{
    return try_publish("ab", NULL, 900, 7);
}

static apr_status_t do_make(void)
{
    return try_publish("f", NULL, 20, 2);
}

static apr_status_t do_reclaim(void)
{
    return try_publish("k", NULL, 20, 1);
}

static apr_status_t do_reclaimed(void)
{
    return try_publish("f", NULL, 20, 1);
}

static apr_status_t do_publisher_ids(void)
{
    static const char *const names[] = {"a", "b", "ab"};
    static const char *const publisher_ids[] = {"two", "two", "three"};

    return try_publish_all(names, publisher_ids, 3, 100, 3);
}

static apr_status_t do_known(void)
{
    return try_publish("a", "one", 40, 3);
}

static apr_status_t do_clash(void)
{
    return try_publish("a", "one", 41, 3) == APR_EEXIST ? APR_SUCCESS
                                                        : APR_EGENERAL;
}

static apr_status_t do_close(void)
{
    return try_close("a", 2);
}

static apr_status_t do_close_new(void)
{
    return try_close("g", 2);
}

static apr_status_t do_close_made(void)
{
    return try_close("k", 2);
}

static apr_status_t do_close_again(void)
{
    return try_close("d", 2);
}

static apr_status_t do_close_full(void)
{
    return try_close("b", 8);
}

static apr_status_t do_reopen(void)
{
    return try_publish("d", NULL, 20, 2);
}

static apr_status_t do_subscribe(void)
{
    return subscribe(DEAD, "agb");
}

static apr_status_t do_subscribe_last(void)
{
    return subscribe(KIT_CHILDREN, "a");
}

static apr_status_t do_subscribe_full(void)
{
    return subscribe(DEAD, "k");
}

static apr_status_t do_unsubscribe(void)
{
    es_slice_t name = es_slice_of("b");
    es_slot_t slot;

    es_channels_find(&kit->store->channels, name,
                     es_channels_hash(&kit->store->channels, name), &slot);
    es_store_unsubscribe(kit->store, DEAD, &slot, 1);
    return APR_SUCCESS;
}

static apr_status_t do_present(void)
{
    es_start_t start;

    return es_store_current(kit->store, &start);
}

static apr_status_t do_report(void)
{
    es_store_set_clock(kit->store, KIT_NOW + 1);
    es_flow_control_report(kit->store, DEAD, es_store_head(kit->store));
    return APR_SUCCESS;
}

typedef struct operation_t {
    const char *name;
    void (*setup)(void);
    apr_status_t (*run)(void);
    int once; /* 1 = run again, it appends nothing */
} operation_t;

static const operation_t operations[] = {
    {"append to a channel", few_events, do_one, 0},
    {"append to several", few_events, do_several, 0},
    {"append and evict", ring_full, do_one, 0},
    {"append round the end of the ring", ring_full, do_wrap, 0},
    {"append to a new channel", few_events, do_make, 0},
    {"append, in a freed slot", slot_freed, do_make, 0},
    {"append, in an idle slot", table_full, do_reclaim, 0},
    {"append to a reclaimed channel", table_full_again, do_reclaimed, 0},
    {"append, and evict for a slot", table_retained, do_reclaim, 0},
    {"append with publishers' ids", few_events, do_publisher_ids, 1},
    {"append with publishers' ids and evict", ring_full, do_publisher_ids, 1},
    {"append a known event", few_events, do_known, 1},
    {"append an event that clashes", few_events, do_clash, 1},
    {"append to a closed channel", few_events, do_reopen, 0},
    {"close", few_events, do_close, 0},
    {"close a new channel", few_events, do_close_new, 0},
    {"close a closed channel", few_events, do_close_again, 0},
    {"close and evict", ring_full, do_close_full, 0},
    {"subscribe", few_events, do_subscribe, 0},
    {"subscribe the last child", few_events, do_subscribe_last, 0},
    {"subscribe, in an idle slot", table_full, do_subscribe_full, 0},
    {"subscribe, and evict for a slot", table_retained, do_subscribe_full, 0},
    {"subscribe, and fill the reserve", reserve_taken, do_subscribe_full, 0},
    {"close, and evict for a slot", table_retained, do_close_made, 0},
    {"unsubscribe", few_events, do_unsubscribe, 0},
    {"read the present position", few_events, do_present, 0},
    {"report clock and progress", few_events, do_report, 0},
};

/* ---- what must hold ----------------------------------------------------- */

static int repairs; /* messages of the log in this process */
static int other_messages;

static void on_log(int level, apr_status_t rv, const char *tag,
                   const char *text)
{
    (void)level;
    (void)rv;
    (void)text;
    if (strcmp(tag, "ES0201") == 0) {
        repairs++;
    }
    else if (strcmp(tag, "ES0212") != 0) { /* of a full table */
        other_messages++;
    }
}

static events_t after; /* what is retained after the operation */
static int retained;   /* how many of these are of the history */
static events_t all;   /* all that were published and committed */
static es_id_t oldest; /* the oldest event when the child died */

/** What the operation appends is in the journal whole or not at all, and all
 * events from before are, except those that it evicts. @return 1 if it is */
static int check_events(const events_t *seen)
{
    assert_true(seen->count > 0);
    if (es_id_compare(last_of(seen), last_of(&history)) > 0) {
        assert_int_equal(seen->count, after.count);
        assert_true(is_end(seen, &after));
        return 1;
    }
    assert_true(seen->count >= retained);
    assert_true(is_end(seen, &history));
    return 0;
}

/** No child survives: httpd restarts with a store of another size, and the
 * parent migrates the store whose lock the dead child holds. */
static void check_migration(const events_t *seen)
{
    static kit_t *larger;
    es_id_t epoch = es_store_epoch(kit->store);
    es_migrated_t migrated;
    es_store_t *store;
    events_t found;
    apr_pool_t *p;

    if (larger == NULL) {
        larger = kit_open(2 * RING, 2 * CHANNELS, 0);
    }
    apr_pool_create(&p, larger->pool);
    memset(larger->mem, 0, larger->size);
    assert_int_equal(es_store_format(larger->mem, &larger->params, &epoch), 0);
    assert_int_equal(
        es_store_attach(&store, larger->mem, larger->size, &larger->params, p),
        0);
    assert_int_equal(es_store_migrate(store, kit->store, &migrated), 0);
    read_all(store, &found);
    assert_int_equal(found.count, seen->count);
    assert_true(is_end(&found, seen));
    check_evicted(store, &all, &found, &oldest);
    check_closed(store, &all);
    apr_pool_destroy(p);
}

static apr_uint64_t living[256]; /* subscriptions of living children */

/** As the parent does after the death. */
static void reap_dead(void)
{
    es_store_reap(kit->store, DEAD);
    es_store_reap(kit->store, KIT_CHILDREN);
}

static void count_subscriptions(apr_uint64_t *counts)
{
    const char *name;

    reap_dead();
    for (name = READER_NAMES; *name != '\0'; name++) {
        counts[(int)*name] = kit_clients(kit, es_slice(name, 1));
    }
}

/** Everything, once a survivor has had the lock. */
static void check_all(int least)
{
    static events_t found;
    static apr_uint64_t counts[256];

    read_all(kit->store, &found);
    add_newer(&all, &found);
    assert_true(is_end(&found, &all));
    assert_true(found.count >= least);
    check_evicted(kit->store, &all, &found, &oldest);
    check_closed(kit->store, &all);
    count_subscriptions(counts);
    assert_memory_equal(counts, living, sizeof(living));
    assert_int_equal(es_store_child_subscriptions(kit->store, DEAD), 0);
    kit_check(kit);
}

/** How often the events that the operation appended are in the journal. */
static int count_appended(const events_t *events)
{
    int count = 0, i, k;

    for (i = retained; i < after.count; i++) {
        for (k = 0; k < events->count; k++) {
            count += strcmp(events->at[k].names, after.at[i].names) == 0 &&
                     events->at[k].len == after.at[i].len &&
                     memcmp(events->at[k].wire, after.at[i].wire,
                            after.at[i].len) == 0;
        }
    }
    return count;
}

static apr_int64_t cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (apr_int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** Did the child die with the lock? The kernel has marked it. */
static int is_left_locked(void)
{
    return (kit->store->segment->guard.lock.mutex.__data.__lock &
            FUTEX_OWNER_DIED) != 0;
}

/** The next child publishes, and the repair does not take long. Its time is
 * processor time, so a busy machine does not lengthen it. */
static void publish_next(int least)
{
    int must_repair = is_left_locked();
    apr_int64_t begin = cpu_ms();
    es_appended_t done;

    repairs = other_messages = 0;
    assert_int_equal(kit_append(kit, "a", "data: after\n\n", &done), 0);
    assert_true(cpu_ms() - begin < 1000);
    assert_true(es_id_compare(&done.last_id, last_of(&all)) > 0);
    assert_int_equal(repairs, must_repair);
    check_all(least);
}

/** A child has died: check what it left, and that survivors continue. */
static void check_survivor(const operation_t *operation)
{
    static events_t seen;
    static events_t again;

    read_all(kit->store, &seen);
    oldest = seen.at[0].id;
    all = history;
    if (check_events(&seen)) {
        add_newer(&all, &seen);
    }
    check_migration(&seen);
    /* this event is small: in a full ring it evicts few others */
    publish_next(seen.count - 2);
    assert_int_equal(operation->run(), 0);
    check_all(1);
    if (operation->once) {
        read_all(kit->store, &again);
        assert_int_equal(count_appended(&again), after.count - retained);
    }
    assert_int_equal(other_messages, 0);
}

/* ---- deaths ------------------------------------------------------------- */

static char *before; /* the segment before the operation */

static void open_store(const operation_t *operation)
{
    kit = kit_open(RING, CHANNELS, 0);
    /* the same hashes in each run */
    memset(kit->store->segment->hdr.key, 7, 16);
    assert_int_equal(es_store_attach(&kit->store, kit->mem, kit->size,
                                     &kit->params, kit->pool),
                     0);
    history.count = 0;
    operation->setup();
    before = malloc(kit->size);
    memcpy(before, kit->mem, kit->size);
    assert_int_equal(operation->run(), 0);
    read_all(kit->store, &after);
    retained = after.count;
    while (retained > 0 &&
           es_id_compare(&after.at[retained - 1].id, last_of(&history)) > 0) {
        retained--;
    }
    count_subscriptions(living);
    memcpy(kit->mem, before, kit->size);
}

static void close_store(void)
{
    free(before);
    kit_close(kit, 0);
}

static void on_run(void *data)
{
    ((const operation_t *)data)->run();
}

static void on_look(void *data)
{
    static events_t seen;

    (void)data;
    read_all(kit->store, &seen);
    (void)check_events(&seen);
}

static void set_stepper(stepper_t *stepper, void (*run)(void *),
                        void (*look)(void *), const operation_t *operation)
{
    stepper->run = run;
    stepper->look = look;
    stepper->data = (void *)(uintptr_t)operation;
    stepper->mem = kit->mem;
    stepper->size = kit->size;
    stepper->excluded = (const char *)&kit->store->segment->guard;
}

/** Restore the memory, and have a child die at a stop. */
static void die_at(const stepper_t *stepper, const char *first, int k)
{
    memcpy(kit->mem, first, kit->size);
    stepper_die(stepper, &stepper->stops[k]);
}

/** Have children die at all stops. @return deaths */
static int die_everywhere(const stepper_t *stepper, const char *first,
                          const operation_t *operation)
{
    int k;

    for (k = 0; k < stepper->count; k++) {
        die_at(stepper, first, k);
        check_survivor(operation);
    }
    return stepper->count;
}

/* ---- the repairing child dies, too -------------------------------------- */

static int was_closed[CHANNELS];   /* by slot - 1: before the repair */
static int to_be_closed[CHANNELS]; /* and after it */

static void on_repair(void *data)
{
    (void)data;
    do_present();
}

static void read_closed(void)
{
    es_slot_t slot;

    for (slot = 1; slot <= CHANNELS; slot++) {
        es_slice_t name = es_store_name(kit->store, slot);

        was_closed[slot - 1] = es_close_is_closed(kit->store, slot, KIT_NOW);
        to_be_closed[slot - 1] =
            name.len != 0 && must_be_closed(&all, name.data[0]);
    }
}

/** Readers continue while a child repairs. */
static void on_look_at_repair(void *data)
{
    es_slot_t slot;

    on_look(data);
    for (slot = 1; slot <= CHANNELS; slot++) {
        int closed = es_close_is_closed(kit->store, slot, KIT_NOW);

        assert_true(closed == was_closed[slot - 1] ||
                    closed == to_be_closed[slot - 1]);
    }
}

#define FIRSTS_MAX 200

/** Find the stops where a death leaves something to repair, and which differ in
 * more than the bytes after the head. @return how many */
static int find_firsts(const stepper_t *stepper, int *firsts)
{
    static uint64_t sums[FIRSTS_MAX];
    stepper_t part = *stepper;
    int count = 0, k, i;

    part.size = kit->store->layout.ring;
    for (k = 0; k < stepper->count; k++) {
        die_at(stepper, before, k);
        sums[count] = stepper_sum(&part);
        for (i = 0; sums[i] != sums[count]; i++) {
        }
        if (i == count && is_left_locked()) {
            firsts[count++] = k;
            assert_true(count < FIRSTS_MAX);
        }
    }
    return count;
}

/** Children that repair die at all stops. @return deaths */
static int die_repairing(const operation_t *operation)
{
    static stepper_t stepper;
    static events_t seen;
    char *left = malloc(kit->size);
    int deaths;

    memcpy(left, kit->mem, kit->size);
    read_all(kit->store, &seen);
    all = history;
    add_newer(&all, &seen);
    read_closed();
    set_stepper(&stepper, on_repair, on_look_at_repair, operation);
    stepper_trace(&stepper);
    deaths = die_everywhere(&stepper, left, operation);
    free(left);
    return deaths;
}

/* ---- other children wait ------------------------------------------------ */

static int is_asleep(pid_t pid)
{
    char path[40], text[200] = "";
    const char *end;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    end = strrchr(text, ')');
    return end != NULL && end[1] == ' ' && end[2] == 'S';
}

/** Start a child that publishes, and sleeps as another child has the lock. */
static pid_t start_waiting(void)
{
    const int *word = &kit->store->segment->guard.lock.mutex.__data.__lock;
    es_appended_t done;
    pid_t pid = fork();

    if (pid == 0) {
        alarm(STEPPER_LIMIT_S);
        _exit(kit_append(kit, "a", "data: waited\n\n", &done) != 0);
    }
    while (!(__atomic_load_n(word, __ATOMIC_RELAXED) & FUTEX_WAITERS) ||
           !is_asleep(pid)) {
        usleep(100);
    }
    return pid;
}

/** A child releases the lock, and dies this many instructions after it has
 * begun to. @return 0 if it has finished */
static int die_giving(stepper_t *stepper, int steps)
{
    pid_t pid = stepper_start(stepper);
    pid_t waiting;
    int goes_on = 1;

    while (kit->store->segment->guard.lock.mutex.__data.__lock == 0 ||
           stepper_robust(pid).pending != 0) {
        assert_true(stepper_step(pid));
    }
    while (stepper_robust(pid).pending == 0) {
        assert_true(stepper_step(pid));
    }
    waiting = start_waiting();
    for (; goes_on && steps > 0; steps--) {
        goes_on = stepper_step(pid);
    }
    stepper_end(pid);
    kit_wait(waiting); /* until its alarm at most */
    return goes_on;
}

/** The lock is free, and its owner dies before it has woken up the next one:
 * then the kernel does that. */
static void test_waiting(void **state)
{
    static const operation_t operation = {"", few_events, do_present, 0};
    static stepper_t stepper;
    int steps = 0, goes_on;

    (void)state;
    open_store(&operation);
    set_stepper(&stepper, on_run, NULL, &operation);
    do {
        memcpy(kit->mem, before, kit->size);
        goes_on = die_giving(&stepper, steps++);
        kit_check(kit);
    } while (goes_on);
    print_message("# %d deaths while another waits\n", steps - 1);
    close_store();
}

/* ---- all ---------------------------------------------------------------- */

static void test_operation(void **state)
{
    static stepper_t stepper;
    const operation_t *operation = *state;
    int firsts[FIRSTS_MAX];
    int deaths, count, few, i;

    open_store(operation);
    set_stepper(&stepper, on_run, on_look, operation);
    stepper_trace(&stepper);
    deaths = die_everywhere(&stepper, before, operation);
    count = find_firsts(&stepper, firsts);
    few = count == 0 || getenv("ES_STEPS") != NULL ? count : 1;
    print_message("# %s: %d deaths", operation->name, deaths);
    for (i = 0, deaths = 0; i < few; i++) {
        die_at(&stepper, before, firsts[(2 * i + 1) * count / (2 * few)]);
        deaths += die_repairing(operation);
    }
    print_message(", %d more in %d of %d repairs\n", deaths, few, count);
    close_store();
}

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

int main(void)
{
    static const struct CMUnitTest waiting = cmocka_unit_test(test_waiting);

    apr_initialize();
    es_log_set_handler(on_log);
    return stepper_main(test_operation, operations, OPERATIONS,
                        sizeof(operations[0]), LIMIT_S, &waiting);
}
