/* SPDX-License-Identifier: Apache-2.0 */
/* Death at every instruction of what children do to a store, and of the repair
 * that follows: what is there then, and what a survivor finds.
 *
 * ES_STEPS=all: all repairs that differ are killed at each of their steps, and
 * not only one for each deed. */
#include "t/unit/stepper.h"
#include "t/unit/store_reader.h"

#include <time.h>

#include "base/log.h"
#include "journal/flow_control.h"
#include "journal/migrate.h"

#define RING WITNESS_RING
#define CHANNELS 8
#define DEAD 1   /* place of who dies */
#define LIVING 2 /* place of one that has clients of its own */
#define MINUTE 60000
#define LIMIT_S 280 /* of the whole program */

/* ---- what is done ------------------------------------------------------- */

static kit_t *kit;

static apr_status_t say_all(const char *const *names,
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

static apr_status_t say(const char *names, const char *own, unsigned size,
                        unsigned ms)
{
    return say_all(&names, own != NULL ? &own : NULL, 1, size, ms);
}

static apr_status_t shut(const char *name, unsigned ms)
{
    es_closed_t closed;

    return es_close_channel(kit->store, es_slice_of(name), KIT_NOW + ms,
                            KIT_NOW + MINUTE, kit->touched, &closed);
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

/* ---- scenes ------------------------------------------------------------- */

static events_t history; /* all that was ever said in it */

static void learn_history(void)
{
    static events_t events;

    read_all(kit->store, &events);
    learn(&history, &events);
}

static void tell(const char *names, const char *own, unsigned size, unsigned ms)
{
    assert_int_equal(say(names, own, size, ms), 0);
    learn_history();
}

static void tell_end(const char *name, unsigned ms)
{
    assert_int_equal(shut(name, ms), 0);
    learn_history();
}

/** Some channels, one closed, one closed and open again; room in the ring. */
static void quiet(void)
{
    tell("a", NULL, 20, 0);
    tell("b", NULL, 90, 0);
    tell("ab", NULL, 30, 0);
    tell("a", "one", 40, 0);
    tell("c", NULL, 20, 1);
    tell("d", NULL, 20, 1);
    tell_end("d", 1);
    tell("e", NULL, 20, 1);
    tell_end("e", 1);
    tell("e", NULL, 20, 2);
    assert_int_equal(subscribe(LIVING, "ac"), 0);
    assert_int_equal(subscribe(DEAD, "b"), 0);
}

/** The ring is full, and has gone round. */
static void full(void)
{
    static const char *const names[] = {"a", "b", "ab", "c", "e"};
    char own[] = "A"; /* of every other event */
    unsigned i;

    tell("d", NULL, 20, 0);
    tell_end("d", 0);
    for (i = 0; i < 40; i++) {
        own[0] = 'A' + i;
        tell(names[i % 5], i % 2 ? own : NULL, 20 + i * 97 % 300, i / 7);
    }
    tell_end("e", 6);
    assert_true(es_store_tail(kit->store) > 2 * RING);
    assert_int_equal(subscribe(LIVING, "ac"), 0);
    assert_int_equal(subscribe(DEAD, "b"), 0);
}

/** As quiet; a repair has put a slot into the free list. */
static void freed(void)
{
    pid_t pid;

    quiet();
    pid = fork();
    if (pid == 0) {
        es_lock_take(&kit->store->segment->guard.lock);
        kit->store->channels.table->high_slot++;
        _exit(0);
    }
    kit_wait(pid);
    tell("a", NULL, 20, 2);
    assert_true(kit->store->channels.table->free != 0);
}

/** All slots are taken, and one of them is idle. What is forgotten has a
 * higher count in its millisecond than what is to be forgotten next. */
static void crowd(void)
{
    int i;

    for (i = 0; i < 7; i++) {
        tell("i", NULL, 20, 0);
    }
    tell("f", NULL, 20, 1);
    for (i = 0; i < 3; i++) {
        tell("a", NULL, 1500, 1);
    }
    assert_int_equal(subscribe(LIVING, "bcdeg"), 0);
    assert_int_equal(subscribe(DEAD, "b"), 0);
    tell("h", NULL, 20, 1); /* takes the first slot */
}

static void crowded(void)
{
    crowd();
    assert_int_equal(slot_of(kit->store, 'i'), 0);
}

/** As crowded; the idle one has lost less than the forgotten one. */
static void turned(void)
{
    tell("f", NULL, 20, 0);
    crowd();
    assert_int_equal(slot_of(kit->store, 'f'), 0);
}

/* ---- deeds -------------------------------------------------------------- */

static apr_status_t do_one(void)
{
    return say("a", NULL, 100, 2);
}

static apr_status_t do_several(void)
{
    static const char *const names[] = {"ab", "c", "fga"};

    return say_all(names, NULL, 3, 50, 3);
}

static apr_status_t do_wrap(void)
{
    return say("ab", NULL, 900, 7);
}

static apr_status_t do_make(void)
{
    return say("f", NULL, 20, 2);
}

static apr_status_t do_reclaim(void)
{
    return say("k", NULL, 20, 1);
}

static apr_status_t do_recall(void)
{
    return say("f", NULL, 20, 1);
}

static apr_status_t do_own(void)
{
    static const char *const names[] = {"a", "b", "ab"};
    static const char *const publisher_ids[] = {"two", "two", "three"};

    return say_all(names, publisher_ids, 3, 100, 3);
}

static apr_status_t do_known(void)
{
    return say("a", "one", 40, 3);
}

static apr_status_t do_clash(void)
{
    return say("a", "one", 41, 3) == APR_EEXIST ? APR_SUCCESS : APR_EGENERAL;
}

static apr_status_t do_close(void)
{
    return shut("a", 2);
}

static apr_status_t do_close_new(void)
{
    return shut("g", 2);
}

static apr_status_t do_close_again(void)
{
    return shut("d", 2);
}

static apr_status_t do_close_full(void)
{
    return shut("b", 8);
}

static apr_status_t do_reopen(void)
{
    return say("d", NULL, 20, 2);
}

static apr_status_t do_subscribe(void)
{
    return subscribe(DEAD, "agb");
}

static apr_status_t do_subscribe_high(void)
{
    return subscribe(KIT_CHILDREN, "a");
}

static apr_status_t do_subscribe_crowded(void)
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

    return es_store_present(kit->store, &start);
}

static apr_status_t do_tell(void)
{
    es_store_clock(kit->store, KIT_NOW + 1);
    es_flow_control_report(kit->store, DEAD, es_store_head(kit->store));
    return APR_SUCCESS;
}

typedef struct deed_t {
    const char *name;
    void (*scene)(void);
    apr_status_t (*run)(void);
    int once; /* done again, nothing of it is there twice */
} deed_t;

static const deed_t deeds[] = {
    {"append to a channel", quiet, do_one, 0},
    {"append to several", quiet, do_several, 0},
    {"append and evict", full, do_one, 0},
    {"append round the end of the ring", full, do_wrap, 0},
    {"append to a new channel", quiet, do_make, 0},
    {"append, in a freed slot", freed, do_make, 0},
    {"append, in an idle slot", crowded, do_reclaim, 0},
    {"append to a forgotten channel", turned, do_recall, 0},
    {"append with own ids", quiet, do_own, 1},
    {"append with own ids and evict", full, do_own, 1},
    {"append what is known", quiet, do_known, 1},
    {"append what clashes", quiet, do_clash, 1},
    {"append to a closed channel", quiet, do_reopen, 0},
    {"close", quiet, do_close, 0},
    {"close a new channel", quiet, do_close_new, 0},
    {"close a closed channel", quiet, do_close_again, 0},
    {"close and evict", full, do_close_full, 0},
    {"subscribe", quiet, do_subscribe, 0},
    {"subscribe the last place", quiet, do_subscribe_high, 0},
    {"subscribe, in an idle slot", crowded, do_subscribe_crowded, 0},
    {"unsubscribe", quiet, do_unsubscribe, 0},
    {"ask for the present", quiet, do_present, 0},
    {"tell clock and pace", quiet, do_tell, 0},
};

/* ---- what must hold ----------------------------------------------------- */

static int repairs; /* messages of the log in this process */
static int disasters;

static void on_log(int level, apr_status_t rv, const char *tag,
                   const char *text)
{
    (void)level;
    (void)rv;
    (void)text;
    if (strcmp(tag, "ES0201") == 0) {
        repairs++;
    }
    else {
        disasters++;
    }
}

static events_t after; /* what is there when the deed is done */
static int retained;   /* of the history, in it */
static events_t all;   /* ever said, and stored */
static es_id_t going;  /* the oldest, when somebody died */

/** It is there whole or not at all, and what was there before is, but for
 * what had to go. @return 1 when it is there */
static int judge_events(const events_t *seen)
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

/** No survivor: the server starts anew with a store of another size, and the
 * parent carries over from under the dead one's lock. */
static void judge_carrying(const events_t *seen)
{
    static kit_t *larger;
    es_id_t epoch = es_store_epoch(kit->store);
    es_migrated_t migrated;
    es_store_t *store;
    events_t there;
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
    read_all(store, &there);
    assert_int_equal(there.count, seen->count);
    assert_true(is_end(&there, seen));
    judge_marks(store, &all, &there, &going);
    judge_closed(store, &all);
    apr_pool_destroy(p);
}

static apr_uint64_t living[256]; /* clients of channels, of the living */

/** The parent has learnt of the death. */
static void forget_dead(void)
{
    es_store_reap(kit->store, DEAD);
    es_store_reap(kit->store, KIT_CHILDREN);
}

static void count_living(apr_uint64_t *counts)
{
    const char *name;

    forget_dead();
    for (name = WITNESS_NAMES; *name != '\0'; name++) {
        counts[(int)*name] = es_store_clients(kit->store, es_slice(name, 1));
    }
}

/** All that can be known, once somebody has had the lock. */
static void judge_store(int least)
{
    static events_t there;
    static apr_uint64_t counts[256];

    read_all(kit->store, &there);
    learn(&all, &there);
    assert_true(is_end(&there, &all));
    assert_true(there.count >= least);
    judge_marks(kit->store, &all, &there, &going);
    judge_closed(kit->store, &all);
    count_living(counts);
    assert_memory_equal(counts, living, sizeof(living));
    assert_int_equal(es_store_load(kit->store, DEAD), 0);
    kit_check(kit);
}

/** How often the deed's events with publishers' ids are there. */
static int count_again(const events_t *events)
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

/** Did somebody die who held the lock? The kernel has marked it. */
static int is_left_locked(void)
{
    return (kit->store->segment->guard.lock.mutex.__data.__lock &
            FUTEX_OWNER_DIED) != 0;
}

/** The next to publish, who takes no longer than it has to: no machine is so
 * busy that this would cost a second of a processor's time. */
static void publish_next(int room)
{
    int must_repair = is_left_locked();
    apr_int64_t begin = cpu_ms();
    es_appended_t done;

    repairs = disasters = 0;
    assert_int_equal(kit_append(kit, "a", "data: after\n\n", &done), 0);
    assert_true(cpu_ms() - begin < 1000);
    assert_true(es_id_compare(&done.last_id, last_of(&all)) > 0);
    assert_int_equal(repairs, must_repair);
    judge_store(room);
}

/** Somebody has died. */
static void survive(const deed_t *deed)
{
    static events_t seen;
    static events_t again;

    read_all(kit->store, &seen);
    going = seen.at[0].id;
    all = history;
    if (judge_events(&seen)) {
        learn(&all, &seen);
    }
    judge_carrying(&seen);
    /* it is small: in a full ring a few have to go for it */
    publish_next(seen.count - 2);
    assert_int_equal(deed->run(), 0);
    judge_store(1);
    if (deed->once) {
        read_all(kit->store, &again);
        assert_int_equal(count_again(&again), after.count - retained);
    }
    assert_int_equal(disasters, 0);
}

/* ---- deaths ------------------------------------------------------------- */

static char *scene; /* the segment as it is before the deed */

static void open_scene(const deed_t *deed)
{
    kit = kit_open(RING, CHANNELS, 0);
    /* the same in each run */
    memset(kit->store->segment->hdr.key, 7, 16);
    assert_int_equal(es_store_attach(&kit->store, kit->mem, kit->size,
                                     &kit->params, kit->pool),
                     0);
    history.count = 0;
    deed->scene();
    scene = malloc(kit->size);
    memcpy(scene, kit->mem, kit->size);
    assert_int_equal(deed->run(), 0);
    read_all(kit->store, &after);
    retained = after.count;
    while (retained > 0 &&
           es_id_compare(&after.at[retained - 1].id, last_of(&history)) > 0) {
        retained--;
    }
    count_living(living);
    memcpy(kit->mem, scene, kit->size);
}

static void close_scene(void)
{
    free(scene);
    kit_close(kit, 0);
}

static void on_run(void *data)
{
    ((const deed_t *)data)->run();
}

static void on_look(void *data)
{
    static events_t seen;

    (void)data;
    read_all(kit->store, &seen);
    (void)judge_events(&seen);
}

static void set_stepper(stepper_t *stepper, void (*run)(void *),
                        void (*look)(void *), const deed_t *deed)
{
    stepper->run = run;
    stepper->look = look;
    stepper->data = (void *)(uintptr_t)deed;
    stepper->mem = kit->mem;
    stepper->size = kit->size;
    stepper->own = (const char *)&kit->store->segment->guard;
}

/** From the memory as it was at first, have a child die at a stop. */
static void die_at(const stepper_t *stepper, const char *first, int k)
{
    memcpy(kit->mem, first, kit->size);
    stepper_die(stepper, &stepper->stops[k]);
}

/** Have children do it and die everywhere, from the memory as it is.
 * @return deaths */
static int die_everywhere(const stepper_t *stepper, const char *first,
                          const deed_t *deed)
{
    int k;

    for (k = 0; k < stepper->count; k++) {
        die_at(stepper, first, k);
        survive(deed);
    }
    return stepper->count;
}

/* ---- the repairer dies, too --------------------------------------------- */

static int was_closed[CHANNELS];   /* by slot - 1, then */
static int to_be_closed[CHANNELS]; /* and when all is well again */

static void on_repair(void *data)
{
    (void)data;
    do_present();
}

static void note_closed(void)
{
    es_slot_t slot;

    for (slot = 1; slot <= CHANNELS; slot++) {
        es_slice_t name = es_store_name(kit->store, slot);

        was_closed[slot - 1] = es_close_is_closed(kit->store, slot, KIT_NOW);
        to_be_closed[slot - 1] =
            name.len != 0 && must_be_closed(&all, name.data[0]);
    }
}

/** Readers go on while somebody repairs. */
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

/** The stops where a death leaves something to repair, and more than other
 * bytes behind the head than another one. @return how many */
static int find_firsts(const stepper_t *stepper, int *firsts)
{
    static uint64_t sums[FIRSTS_MAX];
    stepper_t part = *stepper;
    int count = 0, k, i;

    part.size = kit->store->layout.ring;
    for (k = 0; k < stepper->count; k++) {
        die_at(stepper, scene, k);
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

/** Who repairs what a death has left dies everywhere. @return deaths */
static int die_repairing(const deed_t *deed)
{
    static stepper_t stepper;
    static events_t seen;
    char *left = malloc(kit->size);
    int deaths;

    memcpy(left, kit->mem, kit->size);
    read_all(kit->store, &seen);
    all = history;
    learn(&all, &seen);
    note_closed();
    set_stepper(&stepper, on_repair, on_look_at_repair, deed);
    stepper_trace(&stepper);
    deaths = die_everywhere(&stepper, left, deed);
    free(left);
    return deaths;
}

/* ---- others wait -------------------------------------------------------- */

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

/** A child that publishes, and sleeps as another has the lock. */
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

/** Somebody gives the lock back, and dies so many instructions after he has
 * begun to. @return 0 when he is through */
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
    kit_wait(waiting); /* or its alarm */
    return goes_on;
}

/** The lock is free and its owner dies before he has called who waits for it:
 * then the kernel does. */
static void test_waiting(void **state)
{
    static const deed_t deed = {"", quiet, do_present, 0};
    static stepper_t stepper;
    int steps = 0, goes_on;

    (void)state;
    open_scene(&deed);
    set_stepper(&stepper, on_run, NULL, &deed);
    do {
        memcpy(kit->mem, scene, kit->size);
        goes_on = die_giving(&stepper, steps++);
        kit_check(kit);
    } while (goes_on);
    print_message("# %d deaths while another waits\n", steps - 1);
    close_scene();
}

/* ---- all ---------------------------------------------------------------- */

static void test_deed(void **state)
{
    static stepper_t stepper;
    const deed_t *deed = *state;
    int firsts[FIRSTS_MAX];
    int deaths, count, few, i;

    open_scene(deed);
    set_stepper(&stepper, on_run, on_look, deed);
    stepper_trace(&stepper);
    deaths = die_everywhere(&stepper, scene, deed);
    count = find_firsts(&stepper, firsts);
    few = count == 0 || getenv("ES_STEPS") != NULL ? count : 1;
    print_message("# %s: %d deaths", deed->name, deaths);
    for (i = 0, deaths = 0; i < few; i++) {
        die_at(&stepper, scene, firsts[(2 * i + 1) * count / (2 * few)]);
        deaths += die_repairing(deed);
    }
    print_message(", %d more in %d of %d repairs\n", deaths, few, count);
    close_scene();
}

#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

int main(void)
{
    static struct CMUnitTest tests[DEEDS + 1] = {
        [DEEDS] = cmocka_unit_test(test_waiting)};
    const char *why = stepper_refusal();
    apr_size_t i;

    if (why != NULL) {
        printf("1..0 # SKIP %s\n", why);
        return 0;
    }
    for (i = 0; i < DEEDS; i++) {
        tests[i].name = deeds[i].name;
        tests[i].test_func = test_deed;
        tests[i].initial_state = (void *)(uintptr_t)&deeds[i];
    }
    alarm(LIMIT_S);
    apr_initialize();
    es_log_to(on_log);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
