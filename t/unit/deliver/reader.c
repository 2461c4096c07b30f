/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader, compared with all that was published: whatever it jumps over, it
 * gets the bytes of its own records, each once and in order, and a loss is
 * reported.
 */
#include <pthread.h>

#include "t/unit/deliver_fixture.h"

#include "deliver/reader.h"

#define CHANNELS 5
#define RING (64 * 1024)
#define LOG_MAX 20000

static const char *const names[CHANNELS] = {"a", "b", "c", "d", "e"};

/* One record of the reader's, as it is published. */
typedef struct own_t {
    es_pos_t pos;
    apr_size_t len; /* 0 = a close */
    char *wire;
} own_t;

/* A reader, where it stands, and what it must get. */
typedef struct trial_t {
    hub_t hub;
    es_reader_t reader;
    es_slot_t slots[CHANNELS];
    es_part_t parts[CHANNELS];
    es_pos_t cursor;
    apr_size_t skip;
    es_pos_t logged; /* up to here all records are in log */
    own_t log[LOG_MAX];
    int count;        /* of log */
    int next;         /* the first that is not taken as a whole */
    apr_size_t taken; /* bytes of it */
    int losses;
    int closes;
} trial_t;

static unsigned below(unsigned limit)
{
    static apr_uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 20) % limit;
}

/* ---- publishing --------------------------------------------------------- */

/* Is a record the reader's? Asked without the reader. */
static int is_of(const trial_t *trial, const es_record_t *record)
{
    int i, k;

    for (i = 0; i < record->nslots; i++) {
        for (k = 0; k < trial->reader.nslots; k++) {
            if (record->slots[i] == trial->slots[k] &&
                (trial->reader.replay == NULL ||
                 record->pos >= trial->parts[k].from)) {
                return 1;
            }
        }
    }
    return 0;
}

/* Log the reader's records among those that were just published. */
static void log_new(trial_t *trial)
{
    const es_store_t *store = trial->hub.store;
    es_record_t record;

    while (trial->logged < es_store_head(store)) {
        own_t *own = &trial->log[trial->count];

        assert_int_equal(es_store_look(store, trial->logged, &record),
                         APR_SUCCESS);
        trial->logged = record.next;
        if (!is_of(trial, &record)) {
            continue;
        }
        assert_true(++trial->count < LOG_MAX);
        own->pos = record.pos;
        own->len = 0;
        own->wire = malloc(record.chunk_len);
        assert_int_equal(es_store_copy(store, &record, 0, own->wire),
                         APR_SUCCESS);
        if (!record.closes) {
            own->len =
                trial->reader.chunked ? record.chunk_len : record.frame_len;
            memmove(own->wire,
                    own->wire + (trial->reader.chunked ? 0 : record.head_len),
                    own->len);
        }
    }
}

static void publish_others(trial_t *trial, unsigned count)
{
    while (count-- > 0) {
        hub_say(&trial->hub, below(20) == 0 ? "y,z" : "z", "other");
        log_new(trial);
    }
}

static void publish_own(trial_t *trial)
{
    static const char *const sets[] = {
        "a", "b", "c", "d", "e", "a,b", "c,z", "z,d,a", "b,e", "e,d,c,b,a,z"};
    char data[3000];

    memset(data, 'x', sizeof(data));
    hub_publish(&trial->hub, sets[below(sizeof(sets) / sizeof(sets[0]))], data,
                below(10) == 0 ? below(sizeof(data)) : below(50));
    log_new(trial);
}

static void publish(trial_t *trial)
{
    static const unsigned gaps[] = {0, 5, 63, 64, 65, 150, 600};
    unsigned count = below(12);

    while (count-- > 0) {
        publish_others(trial, gaps[below(7)]);
        publish_own(trial);
        if (below(4) == 0) {
            publish_others(trial, gaps[below(7)]);
        }
        if (below(40) == 0) {
            hub_shut(&trial->hub, names[below(CHANNELS)]);
            log_new(trial);
        }
    }
}

/* ---- reading ------------------------------------------------------------ */

/* The reader took these bytes. */
static void check_taken(trial_t *trial, const char *bytes, apr_size_t len)
{
    while (len > 0) {
        const own_t *own = &trial->log[trial->next];
        apr_size_t part;

        assert_true(trial->next < trial->count);
        assert_true(own->len > 0); /* the stream ends with a close */
        part = own->len - trial->taken;
        part = part < len ? part : len;
        assert_memory_equal(bytes, own->wire + trial->taken, part);
        bytes += part;
        len -= part;
        trial->taken += part;
        if (trial->taken == own->len) {
            trial->next++;
            trial->taken = 0;
        }
    }
}

static void restart(trial_t *trial)
{
    trial->cursor = es_store_head(trial->hub.store);
    trial->skip = 0;
    trial->next = trial->count;
    trial->taken = 0;
}

static void on_overtaken(trial_t *trial)
{
    const es_reader_t *reader = &trial->reader;
    es_pos_t tail;

    if (trial->skip == 0 &&
        !(reader->replay != NULL
              ? es_store_has_lost_parts(reader->store, reader->replay,
                                        reader->nslots, trial->cursor, &tail)
              : es_store_has_lost(reader->store, reader->slots, reader->nslots,
                                  trial->cursor, &tail))) {
        trial->cursor = tail;
        return;
    }
    /* the report is true */
    assert_true(trial->cursor < es_store_tail(reader->store));
    assert_true(trial->skip > 0 ||
                trial->log[trial->next].pos < es_store_tail(reader->store));
    trial->losses++;
    restart(trial);
}

/* The stream ends with a close; here it goes on behind it. */
static void on_close(trial_t *trial, const es_collected_t *got)
{
    es_record_t record;

    assert_int_equal(trial->log[trial->next].len, 0);
    assert_int_equal(es_store_look(trial->hub.store, got->end, &record), 0);
    assert_true(record.pos == trial->log[trial->next].pos);
    trial->next++;
    trial->closes++;
    trial->cursor = record.next;
}

/* As a client does it: see deliver/client.c. */
static void read_once(trial_t *trial)
{
    static char scratch[8192];
    es_reader_t *reader = &trial->reader;
    es_pos_t stop = es_store_head(reader->store);
    es_collected_t got;
    apr_size_t taken;

    if (es_reader_settle(reader, NULL, &trial->cursor, &trial->skip, NULL) !=
        0) {
        on_overtaken(trial);
        return;
    }
    if (trial->cursor >= stop) {
        return;
    }
    if (es_reader_collect(reader, &got, trial->cursor, trial->skip, stop,
                          below(10) == 0, scratch,
                          300 + below(sizeof(scratch) - 300)) != APR_SUCCESS) {
        on_overtaken(trial);
        return;
    }
    reader->search_from = got.scan.params.search_from;
    assert_true(got.looks <= 2048 + ES_SCAN_LINKS_MAX);
    taken = below(3) > 0 ? got.len : below((unsigned)got.len + 1);
    check_taken(trial, got.data, taken);
    free(got.big);
    if (taken < got.len) {
        trial->cursor = got.start;
        trial->skip += taken;
        if (below(2) == 0) {
            publish(trial); /* by then the ring may have overtaken it */
        }
        (void)es_reader_settle(reader, &got.scan, &trial->cursor, &trial->skip,
                               NULL);
        return;
    }
    trial->skip = 0;
    trial->cursor = got.end;
    if (got.closes) {
        on_close(trial, &got);
    }
}

static void read_all(trial_t *trial)
{
    while (trial->cursor < es_store_head(trial->hub.store)) {
        read_once(trial);
    }
    assert_int_equal(trial->next, trial->count);
    assert_int_equal(trial->taken, 0);
}

static trial_t *begin(int chunked, int nslots, int with_replay)
{
    trial_t *trial = calloc(1, sizeof(*trial));
    int i;

    hub_open(&trial->hub, RING);
    trial->reader.store = trial->hub.store;
    trial->reader.chunked = chunked;
    trial->reader.slots = trial->slots;
    trial->reader.nslots = nslots;
    for (i = 0; i < nslots; i++) {
        hub_subscribe(&trial->hub, names[i], &trial->slots[i], &trial->cursor);
        trial->parts[i].slot = trial->slots[i];
        trial->parts[i].from =
            trial->cursor + 64 * (apr_uint64_t)(below(4) * 1000);
    }
    trial->reader.replay = with_replay ? trial->parts : NULL;
    trial->logged = trial->cursor;
    return trial;
}

static void end(trial_t *trial)
{
    while (trial->count > 0) {
        free(trial->log[--trial->count].wire);
    }
    hub_close(&trial->hub);
    free(trial);
}

static void test_same_bytes(void **state)
{
    int losses = 0, closes = 0;
    int i, k;

    (void)state;
    for (i = 0; i < 100; i++) {
        trial_t *trial = begin(i % 2, 1 + (int)below(CHANNELS), i % 3 == 0);

        for (k = 0; k < 40; k++) {
            unsigned reads = below(20);

            publish(trial);
            while (reads-- > 0) {
                read_once(trial);
            }
            if (below(5) == 0) {
                read_all(trial);
            }
        }
        read_all(trial);
        losses += trial->losses;
        closes += trial->closes;
        end(trial);
    }
    assert_true(losses > 10);
    assert_true(closes > 10);
}

/* ---- what it costs ------------------------------------------------------ */

/* @return how many records a reader with two events looks at */
static int looks_with(unsigned others)
{
    static char scratch[8192];
    es_collected_t got;
    es_reader_t reader = {0};
    es_pos_t cursor, stop;
    es_slot_t slots[2];
    int looks = 0;
    hub_t hub;
    unsigned i;

    hub_open(&hub, 8 * 1024 * 1024);
    reader.store = hub.store;
    reader.slots = slots;
    reader.nslots = hub_subscribe(&hub, "a,b", slots, &cursor);
    hub_say(&hub, "a", "one");
    for (i = 0; i < others; i++) {
        hub_say(&hub, "z", "other");
    }
    hub_say(&hub, "b", "two");
    stop = es_store_head(hub.store);
    while (cursor < stop) {
        assert_int_equal(es_reader_collect(&reader, &got, cursor, 0, stop, 0,
                                           scratch, sizeof(scratch)),
                         APR_SUCCESS);
        looks += got.looks;
        cursor = got.end;
    }
    hub_close(&hub);
    return looks;
}

static void test_others_cost_nothing(void **state)
{
    int few = looks_with(100);

    (void)state;
    assert_true(few < 100);
    assert_int_equal(looks_with(1000), few);
    assert_int_equal(looks_with(30000), few);
}

/* ---- while others publish ----------------------------------------------- */

#define NUMBERS 3000

static void *publish_numbers(void *data)
{
    hub_t *hub = data;
    char text[20];
    int i, k;

    for (i = 1; i <= NUMBERS; i++) {
        for (k = 0; k < 70; k++) {
            hub_say(hub, "z", "other");
        }
        snprintf(text, sizeof(text), "n%d", i);
        hub_say(hub, i % 3 == 0 ? "a,b" : i % 3 == 1 ? "b" : "a", text);
    }
    return NULL;
}

/* The data are numbers, each once and in order. @return the last one */
static int check_numbers(es_collected_t *got, int last, int is_after_loss)
{
    char *at = got->data;
    char *end = got->data + got->len;
    int number;

    while (at < end) {
        at = memchr(at, 'n', (size_t)(end - at));
        if (at == NULL) {
            break;
        }
        number = at[-1] == ' ' ? atoi(at + 1) : 0;
        at++;
        if (number == 0) {
            continue;
        }
        assert_true(is_after_loss ? number > last : number == last + 1);
        is_after_loss = 0;
        last = number;
    }
    return last;
}

static void test_while_others_publish(void **state)
{
    static char scratch[65536];
    es_reader_t reader = {0};
    int last = 0, is_after_loss = 0;
    es_pos_t cursor, stop, tail;
    es_collected_t got;
    es_slot_t slots[2];
    pthread_t thread;
    hub_t hub;

    (void)state;
    hub_open(&hub, RING);
    reader.store = hub.store;
    reader.slots = slots;
    reader.nslots = hub_subscribe(&hub, "a,b", slots, &cursor);
    assert_int_equal(pthread_create(&thread, NULL, publish_numbers, &hub), 0);
    while (last < NUMBERS) {
        stop = es_store_head(hub.store);
        if (cursor >= stop) {
            continue;
        }
        if (es_reader_collect(&reader, &got, cursor, 0, stop, 0, scratch,
                              sizeof(scratch)) == APR_SUCCESS) {
            scratch[got.len] = '\0';
            last = check_numbers(&got, last, is_after_loss);
            is_after_loss &= got.len == 0;
            cursor = got.end;
            reader.search_from = got.scan.params.search_from;
        }
        else {
            is_after_loss |=
                es_store_has_lost(hub.store, slots, 2, cursor, &tail);
            cursor = tail;
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    hub_close(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_others_cost_nothing),
        cmocka_unit_test(test_while_others_publish),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
