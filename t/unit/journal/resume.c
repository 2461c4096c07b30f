/* SPDX-License-Identifier: Apache-2.0 */
/* From an id back to a position: where a client resumes, when it is reset. */
#include "t/unit/store_kit.h"

#include "journal/resume.h"

#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#define RING (16 * 1024)
#define MANY 150 /* channels; more than are read at a time under the lock */

/** A client: its channels, and where it starts. */
typedef struct sub_t {
    kit_t *kit;
    es_slot_t slots[MANY];
    int count;
    es_start_t start;
} sub_t;

static sub_t subscribe_all(kit_t *kit, const es_slice_t *names, int count)
{
    sub_t sub = {.kit = kit, .count = count};

    assert_int_equal(
        es_store_subscribe(kit->store, 1, names, count, sub.slots, &sub.start),
        0);
    return sub;
}

static sub_t subscribe(kit_t *kit, const char *channel)
{
    es_slice_t name = es_slice_of(channel);

    return subscribe_all(kit, &name, 1);
}

static sub_t subscribe_two(kit_t *kit, const char *one, const char *two)
{
    es_slice_t names[] = {es_slice_of(one), es_slice_of(two)};

    return subscribe_all(kit, names, 2);
}

static void unsubscribe(sub_t *sub)
{
    es_store_unsubscribe(sub->kit->store, 1, sub->slots, sub->count);
    sub->count = 0;
}

/** Append an event; publisher_id "" = one of our ids. */
static es_pos_t append_all(kit_t *kit, const es_slice_t *names, int count,
                           const char *publisher_id, es_id_t *id)
{
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {names, count, &frame};
    es_appended_t done;
    es_record_t record;
    es_pos_t before = es_store_head(kit->store);

    frame.publisher_id = es_slice_of(publisher_id);
    memset(kit->touched, 0, sizeof(kit->touched));
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    if (id) {
        *id = done.last_id;
    }
    /* skips a pad */
    assert_int_equal(es_store_look(kit->store, before, &record), 0);
    return record.pos;
}

static es_pos_t append(kit_t *kit, const char *channel, es_id_t *id)
{
    es_slice_t name = es_slice_of(channel);

    return append_all(kit, &name, 1, "", id);
}

static es_pos_t append_with_id(kit_t *kit, const char *channel,
                               const char *publisher_id)
{
    es_slice_t name = es_slice_of(channel);

    return append_all(kit, &name, 1, publisher_id, NULL);
}

/** Append to a channel until the record at pos is evicted. */
static void evict(kit_t *kit, es_pos_t pos, const char *channel)
{
    while (es_store_tail(kit->store) <= pos) {
        append(kit, channel, NULL);
    }
}

static apr_status_t resume_within(sub_t *sub, const char *text,
                                  es_resume_reach_t reach)
{
    return es_store_resume(sub->kit->store, sub->slots, sub->count,
                           es_slice_of(text), &reach, &sub->start);
}

static apr_status_t resume_text(sub_t *sub, const char *text)
{
    es_resume_reach_t all = {0, 0, 0, 0};

    return resume_within(sub, text, all);
}

static apr_status_t resume(sub_t *sub, es_id_t id)
{
    char text[ES_ID_TEXT_SIZE];

    es_id_format(text, &id);
    return resume_text(sub, text);
}

/** The call returns APR_NOTFOUND and leaves the start unchanged. */
#define assert_refused(sub, call)                    \
    do {                                             \
        es_start_t was = (sub)->start;               \
                                                     \
        assert_int_equal(call, APR_NOTFOUND);        \
        assert_int_equal((sub)->start.pos, was.pos); \
        assert_id((sub)->start.id, was.id);          \
    } while (0)

/** The call succeeds; the client continues at pos_, after our id_. */
#define assert_resumes(sub, call, pos_, id_)      \
    do {                                          \
        assert_int_equal(call, APR_SUCCESS);      \
        assert_int_equal((sub)->start.pos, pos_); \
        assert_id((sub)->start.id, id_);          \
    } while (0)

#define assert_id(is, should)                   \
    do {                                        \
        assert_int_equal((is).ms, (should).ms); \
        assert_int_equal((is).n, (should).n);   \
    } while (0)

/* ---- our ids ----------------------------------------------------------- */

static void present_and_older_ids_are_resumed(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    sub_t sub = subscribe(kit, "a");
    es_id_t epoch = sub.start.id;
    es_id_t ids[5];
    es_pos_t pos[6];
    int i;

    (void)state;
    assert_resumes(&sub, resume(&sub, epoch), RING, epoch);
    for (i = 0; i < 5; i++) {
        pos[i] = append(kit, "a", &ids[i]);
    }
    pos[5] = es_store_head(kit->store);
    sub = subscribe(kit, "a");
    assert_resumes(&sub, resume(&sub, ids[4]), pos[5], ids[4]);
    for (i = 0; i < 5; i++) {
        sub = subscribe(kit, "a");
        assert_resumes(&sub, resume(&sub, ids[i]), pos[i + 1], ids[i]);
    }
    sub = subscribe(kit, "a");
    assert_resumes(&sub, resume(&sub, epoch), pos[0], epoch);
    kit_close(kit, 1);
}

/* An event published between subscribing and resuming is not skipped. */
static void an_event_published_meanwhile_is_not_skipped(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t first;
    es_id_t later;
    es_pos_t pos;
    sub_t sub;

    (void)state;
    append(kit, "a", &first);
    sub = subscribe(kit, "a");
    pos = append(kit, "a", &later);
    assert_refused(&sub, resume(&sub, later)); /* no client has received it */
    assert_resumes(&sub, resume(&sub, first), pos, first);
    kit_close(kit, 1);
}

static void ids_that_the_store_never_gave_are_refused(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t id = {KIT_NOW - 1, 7};
    es_id_t last;
    sub_t sub;

    (void)state;
    append(kit, "a", &last);
    sub = subscribe(kit, "a");
    assert_refused(&sub, resume(&sub, id)); /* before its epoch */
    id.ms = id.n = 0;
    assert_refused(&sub, resume(&sub, id));
    id = last;
    id.n++;
    assert_refused(&sub, resume(&sub, id)); /* from the future */
    id.ms++;
    id.n = 0;
    assert_refused(&sub, resume(&sub, id));
    id.ms = id.n = APR_UINT64_MAX;
    assert_refused(&sub, resume(&sub, id));
    kit_close(kit, 1);
}

/* This store's clock is behind that of the store before. By its time alone, an
 * id of that store could be of this one. */
static void an_id_of_another_epoch_is_refused(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t ours;
    es_id_t other;
    sub_t sub;

    (void)state;
    append(kit, "a", &ours);
    append(kit, "a", NULL);
    sub = subscribe(kit, "a");
    other = es_id_epoch(KIT_EPOCH, ours.ms);
    other.n += ours.n % (1u << ES_ID_COUNT_BITS);
    assert_refused(&sub, resume(&sub, other));
    other = es_id_epoch(KIT_EPOCH - 2, ours.ms);
    other.n += ours.n % (1u << ES_ID_COUNT_BITS);
    assert_refused(&sub, resume(&sub, other));
    other.n = ours.n % (1u << ES_ID_COUNT_BITS); /* without any */
    assert_refused(&sub, resume(&sub, other));
    other.n = ours.n | APR_UINT64_C(1)
                           << 63; /* with more bits than there are */
    assert_refused(&sub, resume(&sub, other));
    assert_int_equal(resume(&sub, ours), APR_SUCCESS);
    kit_close(kit, 1);
}

/* A call that finds the index of publishers' ids damaged repairs it. */
static void a_damaged_index_is_repaired(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_slice_t name = es_slice_of("a");
    es_slice_t text = es_slice_of("mine");
    es_resume_reach_t all = {0, 0, 0, 0};
    es_start_t start;
    es_pos_t next;
    sub_t sub;

    (void)state;
    append_all(kit, &name, 1, "mine", NULL);
    next = append(kit, "a", NULL);
    sub = subscribe(kit, "a");
    memset(kit->store->publisher_ids.buckets, 0xff,
           kit->store->publisher_ids.nbuckets *
               sizeof(*kit->store->publisher_ids.buckets));
    start = sub.start;
    assert_int_equal(
        es_store_resume(kit->store, sub.slots, 1, text, &all, &start),
        APR_SUCCESS);
    assert_int_equal(start.pos, next);
    kit_check(kit);
    kit_close(kit, 1);
}

/* An id of another store whose time is between two ids of ours: it is neither
 * evicted nor from the future. */
static void an_id_of_another_epoch_between_ours_is_refused(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_slice_t name = es_slice_of("a");
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {&name, 1, &frame};
    es_appended_t done;
    es_id_t other;
    sub_t sub;

    (void)state;
    assert_int_equal(es_store_append(kit->store, &entry, 1, KIT_NOW + 2000,
                                     kit->touched, &done),
                     0);
    sub = subscribe(kit, "a");
    other = es_id_epoch(KIT_EPOCH, KIT_NOW + 1000);
    assert_refused(&sub, resume(&sub, other));
    other = es_id_epoch(KIT_EPOCH - 1, KIT_NOW + 1000);
    assert_int_equal(resume(&sub, other), APR_SUCCESS);
    kit_close(kit, 1);
}

/* An id between two events of the channel: that of another channel's event, or
 * of stream-open. */
static void an_id_between_two_events_is_resumed(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t other;
    es_pos_t pos;
    sub_t sub;

    (void)state;
    append(kit, "a", NULL);
    append(kit, "b", &other);
    append(kit, "b", NULL);
    pos = append(kit, "a", NULL);
    sub = subscribe(kit, "a");
    assert_resumes(&sub, resume(&sub, other), pos, other);
    kit_close(kit, 1);
}

static void malformed_ids_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "-",
        "1700000000000",
        "1700000000000-",
        "-1",
        "1700000000000-01",
        "01700000000000-1",
        "+1700000000000-1",
        "1700000000000-1 ",
        " 1700000000000-1",
        "1700000000000-1-1",
        "1700000000000--1",
        "99999999999999999999-0",
        "1700000000000-99999999999999999999",
        "1700000000000-000000000000000000000000000000000000000000000001",
        "\xff\xfe",
        "0x1-1",
        "error",
    };
    char longest[ES_EVENT_FIELD_MAX + 2];
    kit_t *kit = kit_open(RING, 8, 1);
    sub_t sub;
    size_t i;

    (void)state;
    append(kit, "a", NULL);
    append_with_id(kit, "a", "mine");
    sub = subscribe(kit, "a");
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_refused(&sub, resume_text(&sub, texts[i]));
    }
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_refused(&sub, resume_text(&sub, longest));
    longest[sizeof(longest) - 2] = '\0';
    assert_refused(&sub, resume_text(&sub, longest));
    kit_close(kit, 1);
}

/* ---- evicted ----------------------------------------------------------- */

static void a_client_that_missed_an_evicted_event_is_reset(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t ids[3];
    es_pos_t pos[3];
    sub_t sub;
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        pos[i] = append(kit, "a", &ids[i]);
    }
    evict(kit, pos[1], "a");
    assert_true(es_store_tail(kit->store) == pos[2]);
    sub = subscribe(kit, "a");
    assert_refused(&sub,
                   resume(&sub, ids[0])); /* the second event is missing */
    assert_resumes(&sub, resume(&sub, ids[1]), pos[2], ids[1]);
    evict(kit, pos[2], "a");
    sub = subscribe(kit, "a");
    assert_refused(&sub, resume(&sub, ids[1]));
    kit_check(kit);
    kit_close(kit, 1);
}

/* A busy channel evicts the events of a quiet one: a client of the quiet one is
 * reset only if it has missed one of these. */
static void only_evicted_events_of_its_channels_count(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t first;
    es_id_t second;
    es_pos_t pos;
    sub_t sub;

    (void)state;
    append(kit, "quiet", &first);
    pos = append(kit, "quiet", &second);
    evict(kit, pos, "busy");
    evict(kit, es_store_tail(kit->store), "busy");
    sub = subscribe(kit, "quiet");
    assert_refused(&sub, resume(&sub, first));
    assert_resumes(&sub, resume(&sub, second), es_store_head(kit->store),
                   second);
    /* evicted events of the busy one count for clients of the busy one */
    sub = subscribe_two(kit, "quiet", "busy");
    assert_refused(&sub, resume(&sub, second));
    kit_close(kit, 1);
}

/* If a channel's slot was reclaimed, its evicted id still counts. */
static void a_reclaimed_channel_has_lost_its_events(void **state)
{
    kit_t *kit = kit_open(RING, 2, 1);
    es_id_t first;
    es_id_t second;
    es_pos_t pos;
    sub_t sub;

    (void)state;
    append(kit, "a", &first);
    pos = append(kit, "a", &second);
    evict(kit, pos, "busy");
    sub = subscribe(kit, "b"); /* in a's slot */
    unsubscribe(&sub);
    sub = subscribe(kit, "a"); /* in another slot */
    assert_refused(&sub, resume(&sub, first));
    assert_resumes(&sub, resume(&sub, second), es_store_head(kit->store),
                   second);
    kit_check(kit);
    kit_close(kit, 1);
}

/* ---- many channels ----------------------------------------------------- */

static char many_names[MANY][8];

static const es_slice_t *name_many(void)
{
    static es_slice_t names[MANY];
    int i;

    for (i = 0; i < MANY; i++) {
        snprintf(many_names[i], sizeof(many_names[i]), "c%d", i);
        names[i] = es_slice_of(many_names[i]);
    }
    return names;
}

static void many_channels_are_resumed(void **state)
{
    const es_slice_t *names = name_many();
    kit_t *kit = kit_open(256 * 1024, 2 * MANY, 1);
    es_id_t ids[MANY];
    es_pos_t pos[MANY + 1];
    sub_t sub;
    int i;

    (void)state;
    /* the last of the client's channels have the oldest events */
    for (i = 0; i < MANY; i++) {
        pos[i] = append(kit, many_names[MANY - 1 - i], &ids[i]);
    }
    pos[MANY] = es_store_head(kit->store);
    for (i = 0; i < MANY; i++) {
        sub = subscribe_all(kit, names, MANY);
        assert_resumes(&sub, resume(&sub, ids[i]), pos[i + 1], ids[i]);
    }
    evict(kit, pos[0], "c0");
    sub = subscribe_all(kit, names, MANY);
    assert_resumes(&sub, resume(&sub, ids[0]), pos[1], ids[0]);
    evict(kit, pos[1], "c0");
    sub = subscribe_all(kit, names, MANY);
    assert_refused(&sub, resume(&sub, ids[0]));
    sub = subscribe_all(kit, names, MANY - 2);
    assert_resumes(&sub, resume(&sub, ids[0]), pos[2], ids[0]);
    kit_close(kit, 1);
}

static void a_publisher_id_is_found_in_many_channels(void **state)
{
    const es_slice_t *names = name_many();
    kit_t *kit = kit_open(256 * 1024, 2 * MANY, 1);
    es_slice_t far[] = {names[3], names[100]};
    es_id_t id;
    es_pos_t pos;
    sub_t sub;

    (void)state;
    append_all(kit, &names[100], 1, "one", &id);
    pos = append(kit, "c5", NULL);
    sub = subscribe_all(kit, names, MANY);
    assert_resumes(&sub, resume_text(&sub, "one"), pos, id);
    append_with_id(kit, "c3", "one");
    sub = subscribe_all(kit, names, MANY);
    assert_refused(&sub, resume_text(&sub, "one"));
    append_all(kit, far, 2, "both", &id);
    pos = append(kit, "c149", NULL);
    sub = subscribe_all(kit, names, MANY);
    assert_resumes(&sub, resume_text(&sub, "both"), pos, id);
    kit_close(kit, 1);
}

/* ---- publishers' ids --------------------------------------------------- */

static void a_publisher_id_is_resumed(void **state)
{
    char longest[ES_EVENT_FIELD_MAX + 1];
    kit_t *kit = kit_open(RING, 8, 1);
    es_slice_t name = es_slice_of("a");
    es_id_t id;
    es_pos_t pos;
    sub_t sub;

    (void)state;
    append_all(kit, &name, 1, "mine", &id);
    pos = append(kit, "a", NULL);
    sub = subscribe(kit, "a");
    assert_resumes(&sub, resume_text(&sub, "mine"), pos, id);
    sub = subscribe(kit, "a");
    assert_resumes(&sub, resume(&sub, id), pos, id); /* by our id of it, too */
    sub = subscribe(kit, "a");
    assert_refused(&sub, resume_text(&sub, "min"));
    assert_refused(&sub, resume_text(&sub, "mine2"));
    assert_refused(&sub, resume_text(&sub, "Mine"));
    sub = subscribe(kit, "b");
    assert_refused(&sub, resume_text(&sub, "mine")); /* not its channel */
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    append_all(kit, &name, 1, longest, &id);
    sub = subscribe(kit, "a");
    assert_resumes(&sub, resume_text(&sub, longest), es_store_head(kit->store),
                   id);
    kit_close(kit, 1);
}

/** A client resumes at the one record of an event that was published twice. */
static void an_event_published_twice_is_resumed_at_its_record(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_slice_t name = es_slice_of("a");
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {&name, 1, &frame};
    es_appended_t done;
    es_id_t id;
    es_pos_t pos;
    sub_t sub;

    (void)state;
    append_all(kit, &name, 1, "mine", &id);
    pos = append(kit, "a", NULL);
    frame.publisher_id = es_slice_of("mine");
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    sub = subscribe(kit, "a");
    assert_resumes(&sub, resume_text(&sub, "mine"), pos, id);
    kit_close(kit, 1);
}

static void an_id_of_two_events_is_refused(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_slice_t both[] = {es_slice_of("a"), es_slice_of("b")};
    es_id_t id;
    es_pos_t pos;
    sub_t sub;

    (void)state;
    append_all(kit, both, 2, "shared", &id);
    pos = append_with_id(kit, "a", "twice");
    append_with_id(kit, "b", "twice");
    sub = subscribe_two(kit, "a", "b");
    assert_resumes(&sub, resume_text(&sub, "shared"), pos, id);
    sub = subscribe_two(kit, "a", "b");
    assert_refused(&sub, resume_text(&sub, "twice"));
    sub = subscribe(kit, "a");
    assert_int_equal(resume_text(&sub, "twice"), APR_SUCCESS);
    kit_close(kit, 1);
}

static void an_evicted_publisher_id_is_refused(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_pos_t pos = append_with_id(kit, "a", "mine");
    sub_t sub = subscribe(kit, "a");

    (void)state;
    assert_int_equal(resume_text(&sub, "mine"), APR_SUCCESS);
    evict(kit, pos, "busy");
    sub = subscribe(kit, "a");
    assert_refused(&sub, resume_text(&sub, "mine"));
    kit_close(kit, 1);
}

/* ---- a writer that overtakes the walk ----------------------------------- */

/** Append events with the numbers 1, 2, 3…; the even ones to channel a. */
static void write_on(kit_t *kit, const int *stop)
{
    const char *names[] = {"a", "b"};
    es_appended_t done;
    unsigned i;

    alarm(120);
    for (i = 1; !__atomic_load_n(stop, __ATOMIC_RELAXED); i++) {
        if (kit_append(kit, names[i % 2], "data: 1\n\n", &done) != 0 ||
            kit_number(done.last_id) != i) {
            _exit(1);
        }
    }
    _exit(0);
}

/** The number of the oldest event; 0 = it was evicted meanwhile. */
static apr_uint64_t oldest(kit_t *kit)
{
    es_record_t record;

    return es_store_look(kit->store, es_store_tail(kit->store), &record) == 0
               ? kit_number(record.id)
               : 0;
}

/** The first event of channel a that a client reads from its start, as delivery
 * does; 0 = it was overtaken and has lost some. */
static apr_uint64_t first_read(sub_t *sub)
{
    es_store_t *store = sub->kit->store;
    es_pos_t pos = sub->start.pos;
    es_record_t record;
    es_pos_t tail;

    for (;;) {
        apr_status_t rv = es_store_look(store, pos, &record);

        if (rv == APR_ENOENT) {
            if (es_store_has_lost(store, sub->slots, sub->count, pos, &tail)) {
                return 0;
            }
            pos = tail;
            continue;
        }
        if (rv == APR_EOF) {
            return 0;
        }
        assert_int_equal(rv, APR_SUCCESS);
        if (record.slots[0] == sub->slots[0]) {
            return kit_number(record.id);
        }
        pos = record.next;
    }
}

/** Resume near the tail. @return 1: resumed, 0: reset, -1: too late */
static int resume_near_tail(kit_t *kit, sub_t *sub)
{
    apr_uint64_t known = oldest(kit) + kit_random(6);
    apr_uint64_t next = known / 2 * 2 + 2;
    apr_uint64_t got;
    apr_status_t rv;

    assert_int_equal(es_store_current(kit->store, &sub->start), 0);
    if (known < 6 || kit_number(sub->start.id) < known) {
        return -1;
    }
    rv = resume(sub, kit_id(known));
    if (rv == APR_NOTFOUND) {
        /* never without a reason: the next event is evicted */
        got = oldest(kit);
        assert_true(got == 0 || got > next);
        return 0;
    }
    assert_int_equal(rv, APR_SUCCESS);
    got = first_read(sub);
    if (got != 0) {
        assert_int_equal(got, next);
    }
    return got != 0 ? 1 : -1;
}

static void an_overtaken_walk_misses_nothing(void **state)
{
    kit_t *kit = kit_open(4096, 8, 0);
    int *stop = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sub_t sub = subscribe(kit, "a");
    time_t until = time(NULL) + 20;
    int resumed = 0;
    int refused = 0;
    pid_t pid;

    (void)state;
    assert_true(stop != MAP_FAILED);
    pid = fork();
    if (pid == 0) {
        write_on(kit, stop);
    }
    while ((resumed < 2000 || refused < 200) && time(NULL) < until) {
        int got = resume_near_tail(kit, &sub);

        resumed += got == 1;
        refused += got == 0;
    }
    __atomic_store_n(stop, 1, __ATOMIC_RELAXED);
    kit_wait(pid);
    assert_true(resumed > 0);
    assert_true(refused > 0);
    kit_check(kit);
    munmap(stop, sizeof(*stop));
    kit_close(kit, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(present_and_older_ids_are_resumed),
        cmocka_unit_test(an_event_published_meanwhile_is_not_skipped),
        cmocka_unit_test(ids_that_the_store_never_gave_are_refused),
        cmocka_unit_test(an_id_of_another_epoch_is_refused),
        cmocka_unit_test(an_id_of_another_epoch_between_ours_is_refused),
        cmocka_unit_test(a_damaged_index_is_repaired),
        cmocka_unit_test(an_id_between_two_events_is_resumed),
        cmocka_unit_test(malformed_ids_are_refused),
        cmocka_unit_test(a_client_that_missed_an_evicted_event_is_reset),
        cmocka_unit_test(only_evicted_events_of_its_channels_count),
        cmocka_unit_test(a_reclaimed_channel_has_lost_its_events),
        cmocka_unit_test(many_channels_are_resumed),
        cmocka_unit_test(a_publisher_id_is_found_in_many_channels),
        cmocka_unit_test(a_publisher_id_is_resumed),
        cmocka_unit_test(an_event_published_twice_is_resumed_at_its_record),
        cmocka_unit_test(an_id_of_two_events_is_refused),
        cmocka_unit_test(an_evicted_publisher_id_is_refused),
        cmocka_unit_test(an_overtaken_walk_misses_nothing),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
