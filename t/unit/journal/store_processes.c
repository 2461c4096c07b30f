/* SPDX-License-Identifier: Apache-2.0 */
/* Several processes use one store: events stay in order and whole, and a child
 * may be killed at any time. */
#include "t/unit/store_kit.h"

#include <signal.h>
#include <time.h>

#include "base/log.h"
#include "journal/close.h"

#define RING (32 * 1024)
#define WRITERS 2
#define READERS 2
#define EVENTS 20000 /* of each writer */
#define KILLS 100
#define LIMIT_S 280 /* of each child process */

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
    else {
        other_messages++;
    }
}

/* ---- order ------------------------------------------------------------- */

/** Event number seq of writer: "data: w seq xxx…\n\n"; number and kind of the x
 * depend on both. */
static void make_tail(char *tail, unsigned writer, unsigned seq)
{
    int len = sprintf(tail, "data: %u %u ", writer, seq);
    unsigned more = (seq * 7919 + writer) % 700;

    memset(tail + len, 'a' + (seq + writer) % 26, more);
    memcpy(tail + len + more, "\n\n", 3);
}

static void write_events(kit_t *kit, unsigned writer)
{
    static char tails[3][1000];
    es_slice_t names[2] = {es_slice_of("all"),
                           es_slice_of(writer == 0 ? "w0" : "w1")};
    es_frame_t frames[3];
    es_entry_t entries[3];
    es_appended_t done;
    unsigned seq = 0;

    alarm(LIMIT_S);
    while (seq < EVENTS) {
        unsigned count = 1 + seq % 3;
        unsigned i;

        for (i = 0; i < count; i++) {
            make_tail(tails[i], writer, seq + i);
            frames[i] = kit_frame(tails[i]);
            entries[i].channels = names;
            entries[i].nchannels = 2;
            entries[i].frame = &frames[i];
        }
        if (es_store_append(kit->store, entries, count, KIT_NOW + seq / 10,
                            kit->touched, &done) != APR_SUCCESS) {
            _exit(2);
        }
        seq += count;
        if (seq % 200 < 3) {
            usleep(100); /* readers catch up now and then */
        }
    }
    _exit(0);
}

/** @return 0 if these are the bytes of an event, else 1 */
static int is_torn(const es_record_t *record, const char *wire,
                   unsigned *writer, unsigned *seq)
{
    char expected[1000];
    const char *data = strstr(wire, "data: ");

    if (data == NULL || sscanf(data, "data: %u %u ", writer, seq) != 2) {
        return 1;
    }
    make_tail(expected, *writer, *seq);
    return (apr_size_t)(data - wire) + strlen(expected) + 2 !=
               record->chunk_len ||
           memcmp(data, expected, strlen(expected)) != 0 ||
           memcmp(data + strlen(expected), "\r\n", 2) != 0;
}

static void read_events(kit_t *kit, const apr_uint32_t *stop)
{
    unsigned next[WRITERS] = {0, 0};
    es_pos_t pos = RING;
    es_id_t before = {0, 0};
    apr_uint64_t seen = 0;
    es_record_t record;
    char wire[2000];

    alarm(LIMIT_S);
    for (;;) {
        apr_uint32_t last = __atomic_load_n(stop, __ATOMIC_ACQUIRE);
        apr_status_t rv = es_store_look(kit->store, pos, &record);
        unsigned writer;
        unsigned seq;

        if (rv == APR_EOF && last) {
            /* the ring holds the last events of both writers */
            _exit(seen == 0 ? 3 : 0);
        }
        if (rv == APR_EOF) {
            usleep(50);
            continue;
        }
        if (rv == APR_SUCCESS) {
            memset(wire, 0, sizeof(wire));
            if (record.chunk_len >= sizeof(wire)) {
                _exit(4);
            }
            rv = es_store_copy(kit->store, &record, 0, wire);
        }
        if (rv == APR_ENOENT) {
            pos = es_store_tail(kit->store);
            continue;
        }
        if (rv != APR_SUCCESS) {
            _exit(5);
        }
        if (is_torn(&record, wire, &writer, &seq) || writer >= WRITERS) {
            _exit(6);
        }
        if (es_id_compare(&record.id, &before) <= 0 || seq < next[writer]) {
            _exit(7);
        }
        before = record.id;
        next[writer] = seq + 1;
        pos = record.next;
        seen++;
    }
}

static void events_stay_whole_and_in_order(void **state)
{
    kit_t *kit = kit_open(RING, 10, 0);
    pid_t writers[WRITERS];
    pid_t readers[READERS];
    apr_uint32_t *stop;
    void *shared;
    int i;

    (void)state;
    assert_int_equal(es_segment_create(&shared, 4096, kit->pool), 0);
    stop = shared;
    for (i = 0; i < READERS; i++) {
        readers[i] = fork();
        if (readers[i] == 0) {
            read_events(kit, stop);
        }
    }
    for (i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0) {
            write_events(kit, i);
        }
    }
    for (i = 0; i < WRITERS; i++) {
        kit_wait(writers[i]);
    }
    __atomic_store_n(stop, 1, __ATOMIC_RELEASE);
    for (i = 0; i < READERS; i++) {
        kit_wait(readers[i]);
    }
    assert_true(es_store_head(kit->store) > 100 * (es_pos_t)RING);
    kit_check(kit);
    kit_close(kit, 0);
}

/* ---- the same ids ------------------------------------------------------- */

#define SAME_IDS 3000

/** Append events with all ids; count those that were new. */
static void write_ids(kit_t *kit, apr_uint32_t *written)
{
    es_slice_t name = es_slice_of("a");
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {&name, 1, &frame};
    es_appended_t done;
    char id[16];
    int i;

    alarm(LIMIT_S);
    for (i = 0; i < SAME_IDS; i++) {
        sprintf(id, "id %d", i);
        frame.publisher_id = es_slice_of(id);
        if (es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched,
                            &done) != APR_SUCCESS) {
            _exit(2);
        }
        __atomic_fetch_add(written, !done.known, __ATOMIC_RELAXED);
    }
    _exit(0);
}

/** Two publishers append the same events at the same time: each is retained
 * once. */
static void events_of_two_publishers_are_retained_once(void **state)
{
    kit_t *kit = kit_open(4 * 1024 * 1024, 10, 0);
    es_pos_t pos = es_store_tail(kit->store);
    apr_uint32_t *written;
    es_record_t record;
    pid_t writers[WRITERS];
    void *shared;
    int i, records = 0;

    (void)state;
    assert_int_equal(es_segment_create(&shared, 4096, kit->pool), 0);
    written = shared;
    for (i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0) {
            write_ids(kit, written);
        }
    }
    for (i = 0; i < WRITERS; i++) {
        kit_wait(writers[i]);
    }
    for (; es_store_look(kit->store, pos, &record) == 0; pos = record.next) {
        records++;
    }
    assert_int_equal(records, SAME_IDS);
    assert_int_equal(*written, SAME_IDS);
    kit_check(kit);
    kit_close(kit, 0);
}

/* ---- death ------------------------------------------------------------- */

/** Call all that takes the lock, until killed. */
static void work_until_killed(kit_t *kit, apr_uint32_t *started, unsigned seed)
{
    char names[4][24];
    char tail[1000] = "";
    char id[24];
    es_slice_t slices[4];
    es_frame_t frame = kit_frame(tail);
    es_frame_t named = kit_frame(tail);
    es_entry_t entries[2] = {{slices, 3, &frame}, {slices + 1, 3, &named}};
    es_appended_t done;
    es_closed_t closed;
    es_start_t start;
    es_slot_t slots[4];
    unsigned i;

    alarm(LIMIT_S);
    srandom(seed);
    for (;;) {
        for (i = 0; i < 4; i++) {
            /* distinct, and more than the table has slots */
            snprintf(names[i], sizeof(names[i]), "%u-%ld", i, random() % 300);
            slices[i] = es_slice_of(names[i]);
        }
        make_tail(tail, seed, (unsigned)random() % 10000);
        frame.tail = named.tail = es_slice_of(tail);
        /* most are new, some are known, some clash */
        snprintf(id, sizeof(id), "id %ld", random() % 1000);
        named.publisher_id = es_slice_of(id);
        es_store_append(kit->store, entries, 2, KIT_NOW, kit->touched, &done);
        /* closed for no time, or the table would be full of closed channels */
        es_close_channel(kit->store, slices[random() % 4], KIT_NOW, KIT_NOW,
                         kit->touched, &closed);
        if (es_store_subscribe(kit->store, 1, slices, 4, slots, &start) == 0) {
            es_store_unsubscribe(kit->store, 1, slots, 4);
        }
        __atomic_store_n(started, 1, __ATOMIC_RELEASE);
    }
}

static apr_int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static apr_int64_t cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (apr_int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** What must hold after the death of a child. The time is processor time, so a
 * busy machine does not lengthen it. */
static void check_survivor(kit_t *kit, es_id_t *last)
{
    apr_int64_t begin = cpu_ms();
    es_appended_t done;

    assert_int_equal(kit_append(kit, "all", "data: after\n\n", &done), 0);
    assert_true(cpu_ms() - begin < 1000);
    assert_true(es_id_compare(&done.last_id, last) > 0);
    *last = done.last_id;
    es_store_reap(kit->store, 1);
    kit_check(kit);
}

static void a_child_may_be_killed_at_any_time(void **state)
{
    kit_t *kit = kit_open(RING, 250, 0);
    apr_uint32_t *started;
    es_id_t last = {0, 0};
    void *shared;
    int i;

    (void)state;
    assert_int_equal(es_segment_create(&shared, 4096, kit->pool), 0);
    started = shared;
    repairs = 0;
    other_messages = 0;
    for (i = 0; i < KILLS; i++) {
        apr_int64_t begin = now_ms();
        int status;
        pid_t pid;

        *started = 0;
        pid = fork();
        if (pid == 0) {
            work_until_killed(kit, started, i);
        }
        while (!__atomic_load_n(started, __ATOMIC_ACQUIRE)) {
            assert_true(now_ms() - begin < LIMIT_S * 1000);
            usleep(100);
        }
        usleep(kit_random(2000));
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        check_survivor(kit, &last);
    }
    print_message("# %d of %d died with the lock\n", repairs, KILLS);
    assert_int_equal(other_messages, 0);
    kit_close(kit, 0);
}

/* Death at chosen lines: a repair must find what each leaves. */

typedef void die_fn_t(es_store_t *store);

/** A record is partially written after the head. */
static void die_writing(es_store_t *store)
{
    es_pos_t head = es_store_head(store);

    memset(store->journal.ring + head % RING, 0x55, 64);
    es_channels_append(&store->channels, 1, head, es_store_tail(store));
}

/** The table has evicted a record, the tail has not moved. */
static void die_evicting(es_store_t *store)
{
    es_record_t oldest;

    es_store_look(store, es_store_tail(store), &oldest);
    es_channels_evict(&store->channels, oldest.slots[0], oldest.pos,
                      &oldest.id);
}

/** A slot is taken and has no name. */
static void die_making(es_store_t *store)
{
    store->channels.table->high_slot++;
    store->channels.slots[store->channels.table->high_slot - 1].hash = 1;
}

/** A slot is used and in no chain. */
static void die_linking(es_store_t *store)
{
    es_chan_t *chan = &store->channels.slots[store->channels.table->high_slot];

    store->channels.table->high_slot++;
    chan->name_len = 1;
    chan->name[0] = 'z';
    chan->state = ES_CHAN_USED;
}

/** A slot is free and not in the free list. */
static void die_reclaiming(es_store_t *store)
{
    es_slice_t name = es_slice_of("idle");
    es_slot_t slot;

    es_channels_find(&store->channels, name,
                     es_channels_hash(&store->channels, name), &slot);
    store->channels.slots[slot - 1].state = ES_CHAN_FREE;
}

/** The head is raised, the last id is not. */
static void die_committing(es_store_t *store)
{
    es_id_t last = es_journal_last(&store->journal);

    last = es_id_before(&last);
    es_journal_set_last(&store->journal, &last);
}

/** An id is in the index, its record is not committed. */
static void die_indexing(es_store_t *store)
{
    apr_uint64_t hash =
        es_publisher_ids_hash(&store->publisher_ids, es_slice_of("own"));

    es_publisher_ids_add(&store->publisher_ids, hash, 1, es_store_head(store),
                         0);
}

/** The first step of a repair is done. */
static void die_repairing(es_store_t *store)
{
    es_repair_begin(store);
}

static apr_status_t append_with_id(kit_t *kit, es_appended_t *done)
{
    es_slice_t name = es_slice_of("a");
    es_frame_t frame = kit_frame("data: 3\n\n");
    es_entry_t entry = {&name, 1, &frame};

    frame.publisher_id = es_slice_of("own");
    return es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, done);
}

static void a_repair_finds_what_each_death_leaves(void **state)
{
    static die_fn_t *const deaths[] = {
        die_writing,    die_evicting,   die_making,    die_linking,
        die_reclaiming, die_committing, die_repairing, die_indexing};
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
        kit_t *kit = kit_open(RING, 20, 0);
        es_appended_t done;
        es_record_t record;
        es_slot_t slot;
        es_pos_t head;
        pid_t pid;

        repairs = 0;
        other_messages = 0;
        assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), 0);
        assert_int_equal(kit_append(kit, "b", "data: 2\n\n", &done), 0);
        assert_int_equal(append_with_id(kit, &done), 0);
        assert_int_equal(done.known, 0);
        assert_int_equal(kit_subscribe(kit, 2, "idle", &slot), 0);
        es_store_unsubscribe(kit->store, 2, &slot, 1);
        head = done.head;
        pid = fork();
        if (pid == 0) {
            if (es_lock_acquire(&kit->store->segment->guard.lock,
                                ES_STORE_LOCK_WAIT) != 0) {
                _exit(1);
            }
            deaths[i](kit->store);
            _exit(0);
        }
        kit_wait(pid);
        check_survivor(kit, &done.last_id);
        assert_int_equal(repairs, 1);
        assert_int_equal(other_messages, 0);
        assert_int_equal(es_store_tail(kit->store), RING);
        assert_int_equal(es_store_look(kit->store, head, &record), 0);
        assert_int_equal(record.next, es_store_head(kit->store));
        assert_int_equal(append_with_id(kit, &done), 0);
        assert_int_equal(done.known, 1);
        kit_close(kit, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_stay_whole_and_in_order),
        cmocka_unit_test(events_of_two_publishers_are_retained_once),
        cmocka_unit_test(a_child_may_be_killed_at_any_time),
        cmocka_unit_test(a_repair_finds_what_each_death_leaves),
    };

    apr_initialize();
    es_log_set_handler(on_log);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
