/* SPDX-License-Identifier: Apache-2.0 */
/* A store is saved to a file and loaded from it, whole or damaged. */
#include "t/unit/stream_kit.h"

#include "base/context.h"
#include "journal/export.h"
#include "journal/load.h"
#include "journal/migrate.h"
#include "journal/save.h"

#include <fcntl.h>
#include <sys/mman.h>

#define DAY 1700000500000u /* the time of day when it is saved */

/** What a file consists of. */
typedef struct bytes_t {
    unsigned char *at;
    size_t len;
} bytes_t;

/* ---- stores as text ------------------------------------------------------ */

typedef struct dump_t {
    char text[1 << 20];
    size_t len;
    apr_uint64_t now_ms;
} dump_t;

static void add(dump_t *dump, const char *text, size_t len)
{
    assert_true(dump->len + len + 1 < sizeof(dump->text));
    if (len > 0) {
        memcpy(dump->text + dump->len, text, len);
    }
    dump->len += len;
    dump->text[dump->len] = '\0';
}

static void add_id(dump_t *dump, const es_id_t *id)
{
    char text[ES_ID_TEXT_SIZE];

    add(dump, text, es_id_format(text, id));
    add(dump, " ", 1);
}

static apr_status_t on_item(void *baton, const es_transfer_t *item)
{
    static const char kinds[] = "?ECFIA";
    dump_t *dump = baton;
    char text[40];
    int i;

    add(dump, &kinds[item->kind], 1);
    add_id(dump, &item->id);
    i = snprintf(text, sizeof(text), "%lu ",
                 item->until_ms > dump->now_ms
                     ? (unsigned long)(item->until_ms - dump->now_ms)
                     : 0ul);
    add(dump, text, (size_t)i);
    for (i = 0; i < item->nnames; i++) {
        add(dump, item->names[i].data, item->names[i].len);
        add(dump, " ", 1);
        if (item->has_evicted & (APR_UINT64_C(1) << i)) {
            add_id(dump, &item->evicted[i]);
        }
    }
    if (es_transfer_is_event(item->kind)) {
        add(dump, item->frame.publisher_id.data, item->frame.publisher_id.len);
        add(dump, "|", 1);
        add(dump, item->frame.head.data, item->frame.head.len);
        add(dump, "|", 1);
        add(dump, item->frame.tail.data, item->frame.tail.len);
    }
    add(dump, ";", 1);
    return APR_SUCCESS;
}

/** All that a store has, as a text that free() takes. */
static dump_t *dump_of(const kit_t *kit, apr_uint64_t now_ms)
{
    dump_t *dump = calloc(1, sizeof(*dump));
    es_transfer_head_t head;
    apr_uint32_t i;

    dump->now_ms = now_ms;
    es_context_enter(ES_PARENT);
    assert_int_equal(es_export_head(kit->store, &head), 0);
    add_id(dump, &head.epoch);
    add_id(dump, &head.last);
    add(dump, head.spans.is_given ? "given " : "own ",
        6 - 2 * !head.spans.is_given);
    for (i = 0; i < head.spans.count; i++) {
        add_id(dump, &head.spans.at[i].first);
        if (i + 1 < head.spans.count) { /* the last one is open */
            add_id(dump, &head.spans.at[i].last);
        }
    }
    assert_int_equal(es_export(kit->store, &head, on_item, dump), 0);
    es_context_enter(0);
    return dump;
}

static void assert_same(const kit_t *a, apr_uint64_t a_now, const kit_t *b,
                        apr_uint64_t b_now)
{
    dump_t *one = dump_of(a, a_now);
    dump_t *other = dump_of(b, b_now);

    assert_string_equal(one->text, other->text);
    free(one);
    free(other);
}

/* ---- files --------------------------------------------------------------- */

static int new_file(void)
{
    int fd = memfd_create("es-save", MFD_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static int file_of(const unsigned char *bytes, size_t len)
{
    int fd = new_file();

    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static apr_status_t try_save(const kit_t *kit, int fd, es_saved_t *saved)
{
    es_file_head_t head = {.hub = "shop", .saved_ms = DAY};
    apr_status_t rv;

    es_context_enter(ES_PARENT);
    rv = es_store_save(kit->store, fd, &head, KIT_NOW, saved);
    es_context_enter(0);
    return rv;
}

static bytes_t save(const kit_t *kit, es_saved_t *saved)
{
    int fd = new_file();
    bytes_t bytes;

    assert_int_equal(try_save(kit, fd, saved), 0);
    bytes.len = (size_t)saved->bytes;
    assert_int_equal(lseek(fd, 0, SEEK_END), (off_t)bytes.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    bytes.at = malloc(bytes.len);
    assert_int_equal(read(fd, bytes.at, bytes.len), (ssize_t)bytes.len);
    close(fd);
    return bytes;
}

/** A new store with the epoch that the file's head has. */
static kit_t *open_for(const unsigned char *bytes, size_t len,
                       apr_uint64_t ring_bytes, apr_uint32_t channels)
{
    kit_t *kit = kit_open(ring_bytes, channels, 1);
    es_file_head_t head;

    if (es_file_head_read(&head, bytes,
                          len < ES_FILE_HEAD_SIZE ? len : ES_FILE_HEAD_SIZE) !=
        APR_SUCCESS) {
        return kit;
    }
    memset(kit->mem, 0, kit->size);
    assert_int_equal(es_store_format(kit->mem, &kit->params, &head.epoch), 0);
    assert_int_equal(es_store_attach(&kit->store, kit->mem, kit->size,
                                     &kit->params, kit->pool),
                     0);
    return kit;
}

static apr_status_t load(kit_t *kit, const unsigned char *bytes, size_t len,
                         es_load_times_t times, es_migrated_t *loaded)
{
    int fd = file_of(bytes, len);
    apr_status_t rv;

    es_context_enter(ES_PARENT);
    rv = es_store_load(kit->store, fd, &times, loaded);
    es_context_enter(0);
    close(fd);
    return rv;
}

static const es_load_times_t AT_ONCE = {KIT_NOW, DAY};

/** Save and load into a store of this size; check both, and count. */
static kit_t *save_and_load(const kit_t *old, apr_uint64_t ring_bytes,
                            apr_uint32_t channels, es_migrated_t *loaded)
{
    es_saved_t saved;
    bytes_t bytes = save(old, &saved);
    kit_t *new = open_for(bytes.at, bytes.len, ring_bytes, channels);

    assert_int_equal(load(new, bytes.at, bytes.len, AT_ONCE, loaded), 0);
    kit_check(new);
    free(bytes.at);
    return new;
}

static kit_t *migrate(const kit_t *old, apr_uint64_t ring_bytes,
                      apr_uint32_t channels, es_migrated_t *migrated)
{
    kit_t *kit = kit_open(ring_bytes, channels, 1);
    es_id_t epoch = es_store_epoch(old->store);

    memset(kit->mem, 0, kit->size);
    assert_int_equal(es_store_format(kit->mem, &kit->params, &epoch), 0);
    assert_int_equal(es_store_attach(&kit->store, kit->mem, kit->size,
                                     &kit->params, kit->pool),
                     0);
    es_store_set_clock(kit->store, KIT_NOW);
    es_context_enter(ES_PARENT);
    assert_int_equal(es_store_migrate(kit->store, old->store, migrated), 0);
    es_context_enter(0);
    return kit;
}

/* ---- stores -------------------------------------------------------------- */

static void publish(kit_t *kit, int i)
{
    static const char *const texts[] = {"data: a\n\n", "data: \n\n",
                                        "data: b\ndata: c\nretry: 7\n\n"};
    char own[16], tail[600], name[3][8];
    es_slice_t names[3];
    es_frame_t frame = kit_frame(texts[kit_random(3)]);
    es_entry_t entry = {names, 1 + (int)kit_random(3), &frame};
    es_appended_t done;
    int k;

    for (k = 0; k < entry.nchannels; k++) {
        snprintf(name[k], sizeof(name[k]), "%c%u", 'a' + k, kit_random(9));
        names[k] = es_slice_of(name[k]);
    }
    if (kit_random(3) == 0) {
        snprintf(own, sizeof(own), "own-%d", i);
        frame.publisher_id = es_slice_of(own);
    }
    if (kit_random(3) == 0) {
        frame.head = es_slice_of("event: order\n");
    }
    if (kit_random(4) == 0) {
        snprintf(tail, sizeof(tail), "data: %0*d\n\n", (int)kit_random(500), i);
        frame.tail = es_slice_of(tail);
    }
    assert_int_equal(es_store_append(kit->store, &entry, 1,
                                     KIT_NOW + (unsigned)i, kit->touched,
                                     &done),
                     0);
}

static void close_some(kit_t *kit, apr_uint64_t until_ms)
{
    char name[8];
    es_closed_t closed;

    snprintf(name, sizeof(name), "%c%u", 'a' + (char)kit_random(3),
             kit_random(9));
    assert_int_equal(es_close_channel(kit->store, es_slice_of(name), KIT_NOW,
                                      until_ms, kit->touched, &closed),
                     0);
}

/** A store with all kinds of items: events with and without ids of publishers,
 * closes, evicted ones, idle channels, forgotten ones. */
static kit_t *store_with(int events, apr_uint32_t channels)
{
    kit_t *kit = kit_open(32 * 1024, channels, 1);
    es_closed_t closed;
    es_appended_t done;
    int i;

    assert_int_equal(kit_append(kit, "idle", "data: x\n\n", &done), 0);
    assert_int_equal(es_close_channel(kit->store, es_slice_of("shut"), KIT_NOW,
                                      KIT_NOW + 7000, kit->touched, &closed),
                     0);
    for (i = 0; i < events; i++) {
        publish(kit, i);
        if (i % 11 == 0) {
            close_some(kit, KIT_NOW + (i % 2 ? 5000 : 0));
        }
    }
    return kit;
}

/** With fewer slots than channels. */
static kit_t *rich_store(int events)
{
    return store_with(events, 24);
}

/** The same of a cluster: three epochs, the last one being appended to. */
static kit_t *clustered_store(void)
{
    kit_t *kit = kit_open(32 * 1024, 24, 1);
    stream_t stream = {.count = 0};
    es_id_t last = stream_id(3, 40);

    stream_event(&stream, "ab", "own", "data: 1\n\n", stream_id(1, 5));
    stream.entries[0].is_again = 1;
    stream_event(&stream, "c", NULL, "data: 2\n\n", stream_id(1, 7));
    stream_close(&stream, "c", KIT_NOW + 5000, stream_id(1, 8));
    assert_int_equal(
        stream_fill(kit, &stream, stream_id(1, 2), stream_id(1, 9)), 0);
    es_context_enter(ES_CLUSTER);
    {
        es_id_t after = stream_id(1, 9), marker = stream_id(2, 0);

        assert_int_equal(es_store_begin_epoch(kit->store, &after, &marker), 0);
        assert_int_equal(
            stream_append_one(kit, "d", "data: 3\n\n", marker, stream_id(2, 4)),
            0);
        after = stream_id(2, 4);
        marker = last;
        assert_int_equal(es_store_begin_epoch(kit->store, &after, &marker), 0);
    }
    es_context_enter(0);
    return kit;
}

/* ---- tests --------------------------------------------------------------- */

static void an_empty_store_is_loaded(void **state)
{
    kit_t *old = kit_open(8192, 8, 1);
    es_migrated_t loaded;
    kit_t *new = save_and_load(old, 16384, 16, &loaded);
    es_start_t was, is;

    (void)state;
    assert_int_equal(loaded.events, 0);
    assert_int_equal(loaded.lost, 0);
    assert_int_equal(es_store_current(old->store, &was), 0);
    assert_int_equal(es_store_current(new->store, &is), 0);
    assert_int_equal(es_id_compare(&was.id, &is.id), 0);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* A file changes nothing: the same items pass to the new store, whatever its
 * size. */
static void a_load_is_a_migration(void **state)
{
    static const apr_uint64_t rings[] = {4096, 16384, 32768, 262144};
    static const apr_uint32_t tables[] = {2, 9, 24, 60};
    int run;

    (void)state;
    for (run = 0; run < 40; run++) {
        kit_t *old = run % 5 ? rich_store(20 * run) : clustered_store();
        apr_uint64_t ring = rings[run % 4];
        apr_uint32_t channels = tables[(run / 4) % 4];
        es_migrated_t migrated, loaded;
        kit_t *with = save_and_load(old, ring, channels, &loaded);
        kit_t *without = migrate(old, ring, channels, &migrated);

        assert_int_equal(loaded.events, migrated.events);
        assert_int_equal(loaded.lost, migrated.lost);
        assert_same(with, KIT_NOW, without, KIT_NOW);
        kit_close(without, 1);
        kit_close(with, 1);
        kit_close(old, 1);
    }
}

/* Into a store with room for all, nothing is lost, in any kind of item. */
static void all_kinds_of_items_come_back(void **state)
{
    kit_t *old = store_with(300, 40);
    es_migrated_t loaded;
    kit_t *new = save_and_load(old, 64 * 1024, 60, &loaded);
    dump_t *dump = dump_of(new, KIT_NOW);
    kit_t *again = save_and_load(new, 64 * 1024, 60, &loaded);

    (void)state;
    assert_non_null(strstr(dump->text, ";E"));
    assert_non_null(strstr(dump->text, ";C"));
    assert_non_null(strstr(dump->text, ";F"));
    assert_non_null(strstr(dump->text, ";I"));
    assert_non_null(strstr(dump->text, "0 idle ;"));
    assert_non_null(strstr(dump->text, " 7000 shut ;"));
    assert_non_null(strstr(dump->text, "own-"));
    assert_non_null(strstr(dump->text, "|event: order\n|"));
    assert_non_null(strstr(dump->text, " 5000 "));
    assert_int_equal(loaded.lost, 0);
    assert_same(new, KIT_NOW, again, KIT_NOW);
    free(dump);
    kit_close(again, 1);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* The clock of another start; the time of day says how long it was away. */
static void channels_stay_closed_for_the_rest(void **state)
{
    static const struct {
        apr_uint64_t day_ms;
        apr_uint64_t left_ms;
    } cases[] = {{DAY, 5000},        {DAY + 1000, 4000}, {DAY + 4999, 1},
                 {DAY + 5000, 0},    {DAY + 900000, 0},  {DAY - 3600000, 5000},
                 {APR_UINT64_MAX, 0}};
    kit_t *old = kit_open(8192, 8, 1);
    es_closed_t closed;
    es_saved_t saved;
    bytes_t bytes;
    size_t i;

    (void)state;
    assert_int_equal(es_close_channel(old->store, es_slice_of("a"), KIT_NOW,
                                      KIT_NOW + 5000, old->touched, &closed),
                     0);
    bytes = save(old, &saved);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        es_load_times_t times = {77, cases[i].day_ms};
        kit_t *new = open_for(bytes.at, bytes.len, 8192, 8);
        es_migrated_t loaded;
        es_slot_t slot;

        assert_int_equal(load(new, bytes.at, bytes.len, times, &loaded), 0);
        assert_int_equal(kit_subscribe(new, 1, "a", &slot), 0);
        if (cases[i].left_ms > 0) {
            assert_true(es_close_is_closed(new->store, slot,
                                           77 + cases[i].left_ms - 1));
        }
        assert_false(
            es_close_is_closed(new->store, slot, 77 + cases[i].left_ms));
        kit_close(new, 1);
    }
    free(bytes.at);
    kit_close(old, 1);
}

static void ids_go_on_rising(void **state)
{
    kit_t *old = rich_store(50);
    es_migrated_t loaded;
    es_start_t was;
    es_appended_t done;
    kit_t *new = save_and_load(old, 32 * 1024, 24, &loaded);

    (void)state;
    assert_int_equal(es_store_current(old->store, &was), 0);
    assert_int_equal(kit_append(new, "a", "data: x\n\n", &done), 0);
    assert_true(es_id_compare(&done.last_id, &was.id) > 0);
    assert_true(es_id_is_same_epoch(&done.last_id, &was.id));
    kit_close(new, 1);
    kit_close(old, 1);
}

/* A node of a cluster goes on where it was, and all its epochs are valid. */
static void a_clustered_store_keeps_its_place(void **state)
{
    kit_t *old = clustered_store();
    es_migrated_t loaded;
    kit_t *new = save_and_load(old, 32 * 1024, 24, &loaded);
    es_id_t last = stream_id(3, 40), id = stream_id(1, 5);

    (void)state;
    assert_int_equal(loaded.events, 4);
    stream_assert_last(new, last);
    assert_true(es_store_has_span_of(new->store, &id));
    id = stream_id(1, 1);
    assert_false(es_store_has_span_of(new->store, &id));
    es_context_enter(ES_CLUSTER);
    assert_int_equal(
        stream_append_one(new, "a", "data: 9\n\n", last, stream_id(3, 41)), 0);
    es_context_enter(0);
    kit_check(new);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* Ids that are not valid stay so; their records come with it. */
static void what_is_for_proxies_only_stays_so(void **state)
{
    kit_t *old = kit_open(32 * 1024, 24, 1), *new;
    es_span_t spans[] = {{stream_id(1, 4), stream_id(1, 7)},
                         {stream_id(2, 0), stream_id(2, 3)}};
    es_history_t history = {NULL, 2, spans, 2, 1};
    es_id_t after = {0, 0}, id;
    stream_t stream = {.count = 0};
    es_migrated_t loaded;
    int is_saved;

    (void)state;
    stream_event(&stream, "a", NULL, "data: 1\n\n", stream_id(1, 5));
    stream_event(&stream, "a", NULL, "data: 2\n\n", stream_id(2, 1));
    history.entries = stream.entries;
    es_context_enter(ES_CLUSTER);
    assert_int_equal(es_store_fill(old->store, &after, &history, old->touched),
                     0);
    es_context_enter(0);
    for (is_saved = 0; is_saved <= 1; is_saved++) {
        new = is_saved ? save_and_load(old, 32 * 1024, 24, &loaded)
                       : migrate(old, 32 * 1024, 24, &loaded);
        assert_int_equal(loaded.events, 2);
        assert_string_equal(stream_text(new), "a:1 a:2 ");
        id = stream_id(1, 5);
        assert_false(es_store_has_span_of(new->store, &id));
        id = stream_id(2, 0);
        assert_true(es_store_has_span_of(new->store, &id));
        kit_check(new);
        kit_close(new, 1);
    }
    kit_close(old, 1);
}

/* A close is small; an event may be larger than any buffer. */
static void large_events_come_back(void **state)
{
    static const size_t sizes[] = {1, 65000, 65536, 131072, 400000};
    kit_t *old = kit_open(2 << 20, 8, 1);
    char *text = malloc(400000);
    es_migrated_t loaded;
    es_appended_t done;
    es_slice_t name = es_slice_of("a");
    kit_t *new;
    size_t i;

    (void)state;
    for (i = 0; i < 400000; i++) {
        text[i] = (char)('a' + kit_random(26));
    }
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        es_frame_t frame = {{NULL, 0}, {NULL, 0}, {text, sizes[i]}};
        es_entry_t entry = {&name, 1, &frame};

        assert_int_equal(es_store_append(old->store, &entry, 1, KIT_NOW,
                                         old->touched, &done),
                         0);
    }
    new = save_and_load(old, 2 << 20, 8, &loaded);
    assert_int_equal(loaded.events, 5);
    assert_same(old, KIT_NOW, new, KIT_NOW);
    free(text);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* ---- damage -------------------------------------------------------------- */

static void a_file_that_is_cut_is_refused(void **state)
{
    kit_t *old = rich_store(40);
    es_migrated_t loaded;
    es_saved_t saved;
    bytes_t bytes = save(old, &saved);
    size_t len;

    (void)state;
    for (len = 0; len < bytes.len; len++) {
        kit_t *new = open_for(bytes.at, len, 32 * 1024, 24);

        assert_int_equal(load(new, bytes.at, len, AT_ONCE, &loaded),
                         APR_EGENERAL);
        assert_int_equal(loaded.events, 0);
        kit_close(new, 1);
    }
    free(bytes.at);
    kit_close(old, 1);
}

static void a_file_that_goes_on_is_refused(void **state)
{
    kit_t *old = rich_store(40);
    es_migrated_t loaded;
    es_saved_t saved;
    bytes_t bytes = save(old, &saved);
    kit_t *new = open_for(bytes.at, bytes.len, 32 * 1024, 24);

    (void)state;
    bytes.at = realloc(bytes.at, bytes.len + 1);
    bytes.at[bytes.len] = 0;
    assert_int_equal(load(new, bytes.at, bytes.len + 1, AT_ONCE, &loaded),
                     APR_EGENERAL);
    free(bytes.at);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* One bit is found by the digest, wherever it is. */
static void a_changed_bit_is_found(void **state)
{
    kit_t *old = rich_store(30);
    es_migrated_t loaded;
    es_saved_t saved;
    bytes_t bytes = save(old, &saved);
    size_t i;

    (void)state;
    for (i = 0; i < bytes.len; i++) {
        unsigned char bit = (unsigned char)(1u << kit_random(8));
        kit_t *new;

        bytes.at[i] ^= bit;
        new = open_for(bytes.at, bytes.len, 32 * 1024, 24);
        assert_int_equal(load(new, bytes.at, bytes.len, AT_ONCE, &loaded),
                         APR_EGENERAL);
        kit_check(new);
        kit_close(new, 1);
        bytes.at[i] ^= bit;
    }
    free(bytes.at);
    kit_close(old, 1);
}

/* Whatever is in the file, the parent stays within its bounds. */
static void any_bytes_are_tolerated(void **state)
{
    int run;

    (void)state;
    for (run = 0; run < 300; run++) {
        kit_t *old = run % 4 ? rich_store(60) : clustered_store();
        es_migrated_t loaded;
        es_saved_t saved;
        bytes_t bytes = save(old, &saved);
        kit_t *new;
        int k;

        for (k = 1 + (int)kit_random(20); k > 0; k--) {
            size_t at = 80 + kit_random((unsigned)bytes.len - 80);

            bytes.at[at] = (unsigned char)kit_random(256);
        }
        new = open_for(bytes.at, bytes.len, 32 * 1024, 24);
        assert_int_equal(load(new, bytes.at, bytes.len, AT_ONCE, &loaded),
                         APR_EGENERAL);
        kit_check(new);
        free(bytes.at);
        kit_close(new, 1);
        kit_close(old, 1);
    }
}

/* A file that says that it is in use is not one of events. */
static void only_a_saved_file_is_loaded(void **state)
{
    kit_t *old = rich_store(10);
    es_migrated_t loaded;
    es_saved_t saved;
    bytes_t bytes = save(old, &saved);
    es_file_head_t head;
    kit_t *new;

    (void)state;
    assert_int_equal(es_file_head_read(&head, bytes.at, ES_FILE_HEAD_SIZE), 0);
    assert_int_equal(head.state, ES_FILE_SAVED);
    assert_string_equal(head.hub, "shop");
    assert_int_equal(head.saved_ms, DAY);
    head.state = ES_FILE_IN_USE;
    es_file_head_write(bytes.at, &head);
    new = open_for(bytes.at, bytes.len, 32 * 1024, 24);
    assert_int_equal(load(new, bytes.at, bytes.len, AT_ONCE, &loaded),
                     APR_EGENERAL);
    free(bytes.at);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* The parent does not believe the segment, either: what it saves can be loaded,
 * or it saves nothing. */
static void a_damaged_store_is_not_saved(void **state)
{
    int run, saved_some = 0, refused = 0;

    (void)state;
    for (run = 0; run < 300; run++) {
        kit_t *old = rich_store(60), *new;
        apr_uint32_t *words = old->mem;
        es_migrated_t loaded;
        es_saved_t saved;
        int fd = new_file();
        int k;

        for (k = (int)kit_random(12); k >= 0; k--) {
            size_t at = 32 + kit_random((unsigned)(old->size / 4 - 32));

            words[at] = kit_random(2) ? ~0u : words[at] ^ 1u << kit_random(32);
        }
        if (try_save(old, fd, &saved) == APR_SUCCESS) {
            unsigned char *bytes = malloc(saved.bytes);

            assert_int_equal(pread(fd, bytes, saved.bytes, 0),
                             (ssize_t)saved.bytes);
            new = open_for(bytes, saved.bytes, 32 * 1024, 24);
            assert_int_equal(load(new, bytes, saved.bytes, AT_ONCE, &loaded),
                             0);
            kit_check(new);
            kit_close(new, 1);
            free(bytes);
            saved_some++;
        }
        else {
            refused++;
        }
        close(fd);
        kit_close(old, 1);
    }
    assert_true(saved_some > 20);
    assert_true(refused > 20);
}

/* /dev/full: each write fails as on a disk without room. */
static void a_full_disk_is_told(void **state)
{
    kit_t *old = rich_store(300);
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    es_saved_t saved;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(try_save(old, fd, &saved), ENOSPC);
    close(fd);
    kit_close(old, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_store_is_loaded),
        cmocka_unit_test(a_load_is_a_migration),
        cmocka_unit_test(all_kinds_of_items_come_back),
        cmocka_unit_test(channels_stay_closed_for_the_rest),
        cmocka_unit_test(ids_go_on_rising),
        cmocka_unit_test(a_clustered_store_keeps_its_place),
        cmocka_unit_test(what_is_for_proxies_only_stays_so),
        cmocka_unit_test(large_events_come_back),
        cmocka_unit_test(a_file_that_is_cut_is_refused),
        cmocka_unit_test(a_file_that_goes_on_is_refused),
        cmocka_unit_test(a_changed_bit_is_found),
        cmocka_unit_test(any_bytes_are_tolerated),
        cmocka_unit_test(only_a_saved_file_is_loaded),
        cmocka_unit_test(a_damaged_store_is_not_saved),
        cmocka_unit_test(a_full_disk_is_told),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
