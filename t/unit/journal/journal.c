/* SPDX-License-Identifier: Apache-2.0 */
/* The ring: what was appended is read back, byte for byte. */
#include "t/unit/store_kit.h"

#include "base/frame.h"

#define RING (16 * 1024)

/** An appended event. */
typedef struct event_t {
    es_id_t id;
    es_pos_t pos;
    unsigned len; /* of the data */
    char fill;    /* the data's bytes */
    unsigned channel;
} event_t;

/** "data: xxxx\n\n" in a buffer of its own. */
static const char *data_of(unsigned len, char fill)
{
    static char text[RING];

    memcpy(text, "data: ", 6);
    memset(text + 6, fill, len);
    memcpy(text + 6 + len, "\n\n", 3);
    return text;
}

static es_pos_t append(kit_t *kit, const char *tail)
{
    es_appended_t done;

    assert_int_equal(kit_append(kit, "a", tail, &done), 0);
    return done.head;
}

static void a_record_has_the_bytes_of_its_frame(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_record_t record;
    char wire[256];
    char expected[256];

    (void)state;
    assert_int_equal(es_store_head(kit->store), RING);
    assert_int_equal(es_store_tail(kit->store), RING);
    assert_int_equal(es_store_look(kit->store, RING, &record), APR_EOF);
    append(kit, "data: hello\n\n");
    assert_int_equal(es_store_look(kit->store, RING, &record), 0);
    assert_int_equal(record.pos, RING);
    assert_int_equal(record.next, es_store_head(kit->store));
    assert_int_equal(record.nslots, 1);
    assert_int_equal(record.slots[0], 1);
    assert_int_equal(record.previous[0], 0);
    assert_true(record.id.ms == KIT_NOW && kit_number(record.id) == 1);
    snprintf(expected, sizeof(expected),
             "25\r\nid: 1700000000000-28673\ndata: hello\n\n\r\n");
    assert_int_equal(record.head_len, 4);
    assert_int_equal(record.frame_len, 0x25);
    assert_int_equal(record.chunk_len, strlen(expected));
    assert_int_equal(es_store_copy(kit->store, &record, 0, wire), 0);
    assert_memory_equal(wire, expected, record.chunk_len);
    assert_int_equal(es_store_copy(kit->store, &record, record.head_len, wire),
                     0);
    assert_memory_equal(wire, expected + 4, record.frame_len);
    kit_close(kit, 1);
}

static void there_is_no_record_at_other_positions(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_pos_t head = append(kit, "data: 1\n\n");
    es_record_t record;

    (void)state;
    assert_int_equal(es_store_look(kit->store, 0, &record), APR_ENOENT);
    assert_int_equal(es_store_look(kit->store, head, &record), APR_EOF);
    assert_int_equal(es_store_look(kit->store, head + 64, &record),
                     APR_EGENERAL);
    assert_int_equal(es_store_look(kit->store, head - 64, &record),
                     APR_EGENERAL);
    assert_int_equal(es_store_look(kit->store, head - 1, &record),
                     APR_EGENERAL);
    kit_close(kit, 1);
}

static void a_record_links_back_in_each_channel(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_slice_t names[] = {es_slice_of("a"), es_slice_of("b")};
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t both = {names, 2, &frame};
    es_appended_t done;
    es_record_t record;
    es_pos_t first = es_store_head(kit->store);
    es_pos_t second;

    (void)state;
    second = append(kit, "data: 1\n\n");
    assert_int_equal(
        es_store_append(kit->store, &both, 1, KIT_NOW, kit->touched, &done), 0);
    assert_int_equal(es_store_look(kit->store, second, &record), 0);
    assert_int_equal(record.nslots, 2);
    assert_int_equal(record.previous[0], first);
    assert_int_equal(record.previous[1], 0);
    assert_int_equal(es_store_newest(kit->store, record.slots[0]), second);
    assert_int_equal(es_store_newest(kit->store, record.slots[1]), second);
    kit_check(kit);
    kit_close(kit, 1);
}

/** Read the record at pos and compare it with the event. */
static es_pos_t compare(kit_t *kit, es_pos_t pos, const event_t *event)
{
    const char *data = data_of(event->len, event->fill);
    char wire[RING];
    char name[24];
    es_record_t record;

    assert_int_equal(es_store_look(kit->store, pos, &record), 0);
    assert_int_equal(es_id_compare(&record.id, &event->id), 0);
    assert_int_equal(record.pos, event->pos);
    assert_int_equal(es_store_copy(kit->store, &record, 0, wire), 0);
    assert_memory_equal(wire + record.chunk_len - 2 - strlen(data), data,
                        strlen(data));
    assert_memory_equal(wire + record.chunk_len - 2, "\r\n", 2);
    snprintf(name, sizeof(name), "%u", event->channel);
    assert_true(es_slice_is(es_store_name(kit->store, record.slots[0]), name));
    return record.next;
}

/* Random sizes, many times round the ring: it holds the newest events, all that
 * fit, and each as it was. */
static void the_ring_holds_all_newest_events_that_fit(void **state)
{
    enum { EVENTS = 4000 };
    static event_t events[EVENTS];
    kit_t *kit = kit_open(RING, 20, 1);
    int oldest = 0;
    int i, k;

    (void)state;
    for (i = 0; i < EVENTS; i++) {
        es_pos_t tail = es_store_tail(kit->store);
        unsigned most = kit_random(4) ? 300 : RING / 2 - 200;
        es_appended_t done;
        es_record_t record;
        char name[24];
        es_pos_t pos;

        events[i].len = kit_random(most);
        events[i].fill = (char)('a' + i % 26);
        events[i].channel = kit_random(20);
        snprintf(name, sizeof(name), "%u", events[i].channel);
        pos = es_store_head(kit->store);
        assert_int_equal(kit_append(kit, name,
                                    data_of(events[i].len, events[i].fill),
                                    &done),
                         0);
        assert_int_equal(es_store_look(kit->store, pos, &record), 0);
        events[i].id = done.last_id;
        events[i].pos = record.pos;
        assert_true(i == 0 ||
                    es_id_compare(&events[i - 1].id, &events[i].id) < 0);
        assert_true(record.pos % RING + (record.next - record.pos) <= RING);

        /* only what had to be evicted was evicted */
        while (events[oldest].pos < es_store_tail(kit->store)) {
            assert_true(done.head - events[oldest].pos > RING);
            oldest++;
        }
        if (done.head - tail <= RING) {
            assert_int_equal(es_store_tail(kit->store), tail);
        }
        pos = es_store_tail(kit->store);
        for (k = oldest; k <= i; k++) {
            pos = compare(kit, pos, &events[k]);
        }
        assert_int_equal(pos, done.head);
        if (i % 50 == 0) {
            kit_check(kit);
        }
    }
    assert_true(es_store_head(kit->store) > 50 * (es_pos_t)RING);
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_reader_notices_that_it_was_overtaken(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_pos_t first = es_store_head(kit->store);
    const char *data = data_of(1000, 'x');
    es_record_t record;
    es_record_t again;
    char wire[2000];
    es_slot_t slot;

    (void)state;
    append(kit, data);
    assert_int_equal(es_store_look(kit->store, first, &record), 0);
    slot = record.slots[0];
    while (es_store_tail(kit->store) == first) {
        assert_int_equal(es_store_copy(kit->store, &record, 0, wire), 0);
        append(kit, data);
    }
    assert_int_equal(es_store_copy(kit->store, &record, 0, wire), APR_ENOENT);
    assert_int_equal(es_store_look(kit->store, first, &again), APR_ENOENT);
    assert_true(es_store_newest(kit->store, slot) >= record.pos);
    kit_close(kit, 1);
}

/* A channel whose only event is evicted must not look like one that never had
 * an event: a reader that is behind would skip it. */
static void newest_stays_when_it_is_evicted(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_pos_t first = es_store_head(kit->store);
    es_appended_t done;
    es_slot_t slot;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 1, "rare", &slot), 0);
    assert_int_equal(es_store_newest(kit->store, slot), 0);
    assert_int_equal(kit_append(kit, "rare", "data: 1\n\n", &done), 0);
    while (es_store_tail(kit->store) == first) {
        append(kit, "data: 2\n\n");
    }
    assert_int_equal(es_store_newest(kit->store, slot), first);
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_record_has_the_id_of_its_publisher(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_slice_t name = es_slice_of("a");
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {&name, 1, &frame};
    es_pos_t pos = es_store_head(kit->store);
    es_appended_t done;
    es_record_t record;
    const es_record_hdr_t *rec;
    char wire[256];

    (void)state;
    frame.publisher_id = es_slice_of("mine");
    frame.head = es_slice_of("event: x\n");
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    assert_int_equal(es_store_look(kit->store, pos, &record), 0);
    assert_int_equal(es_store_copy(kit->store, &record, record.head_len, wire),
                     0);
    assert_memory_equal(wire, "event: x\nid: mine\ndata: 1\n\n",
                        record.frame_len);
    rec = (const es_record_hdr_t *)(kit->store->journal.ring + pos % RING);
    assert_int_equal(rec->flags, ES_RECORD_EVENT | ES_RECORD_PUBLISHER_ID);
    assert_memory_equal(wire + rec->id_off, "mine", 4);
    assert_int_equal(rec->id_len, 4);
    kit_close(kit, 1);
}

/* A stray write into the oldest record is noticed when the record is to be
 * evicted: the journal is emptied, and publishing continues. */
static void a_damaged_oldest_record_empties_the_journal(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_pos_t first = es_store_head(kit->store);
    es_appended_t done;
    es_record_t record;
    es_pos_t pos = first;

    (void)state;
    assert_int_equal(kit_append(kit, "b", "data: 1\n\n", &done), 0);
    memset(kit->store->journal.ring, 0xff, 100);
    assert_int_equal(es_store_look(kit->store, first, &record), APR_EGENERAL);
    while (es_store_tail(kit->store) == first) {
        pos = es_store_head(kit->store);
        append(kit, "data: 2\n\n");
    }
    assert_int_equal(
        es_store_look(kit->store, es_store_tail(kit->store), &record), 0);
    assert_true(record.pos >= pos);
    assert_int_equal(record.next, es_store_head(kit->store));
    kit_check(kit);
    kit_close(kit, 1);
}

static void expect_damage(kit_t *kit, es_pos_t pos, const char *what)
{
    es_record_t record;
    apr_status_t rv = es_store_look(kit->store, pos, &record);

    if (rv != APR_EGENERAL) {
        fail_msg("%s: %d, though it is not valid", what, rv);
    }
}

/* Readers trust what es_store_look returns: it notices each number that is not
 * valid. */
static void a_damaged_number_is_noticed(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_pos_t pos = es_store_head(kit->store);
    es_record_hdr_t *rec =
        (es_record_hdr_t *)(kit->store->journal.ring + pos % RING);
    es_link_t *link = (es_link_t *)(rec + 1);
    es_record_hdr_t good;
    es_link_t good_link;
    es_record_t record;

    (void)state;
    append(kit, "data: 1\n\n");
    append(kit, "data: 2\n\n");
    good = *rec;
    good_link = *link;
#define DAMAGE(what)                    \
    do {                                \
        what;                           \
        expect_damage(kit, pos, #what); \
        *rec = good;                    \
        *link = good_link;              \
    } while (0)
    DAMAGE(rec->pos += ES_LINE);
    DAMAGE(rec->size = 0);
    DAMAGE(rec->size += 1);
    DAMAGE(rec->size += 4 * ES_LINE); /* beyond the head */
    DAMAGE(rec->size = ~0u - ES_LINE + 1);
    DAMAGE(rec->flags = 0);
    DAMAGE(rec->flags = ES_RECORD_PAD);
    DAMAGE(rec->nslots = 0);
    DAMAGE(rec->nslots = 2);
    DAMAGE(rec->nslots = ES_EVENT_CHANNELS_MAX + 1);
    DAMAGE(rec->wire_off += 1);
    DAMAGE(rec->head_len = ES_FRAME_CHUNK_HEAD_SIZE + 1);
    DAMAGE(rec->frame_len = rec->size);
    DAMAGE(rec->frame_len = ~0u);
    DAMAGE(rec->id_off = rec->frame_len + 1);
    DAMAGE(rec->id_len = ~0u);
    DAMAGE(link->slot = 0);
    DAMAGE(link->slot = 9);
    DAMAGE(link->previous = pos);
    DAMAGE(link->previous = 1);
#undef DAMAGE
    assert_int_equal(es_store_look(kit->store, pos, &record), 0);
    assert_true(record.next > pos);
    kit_check(kit);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_the_bytes_of_its_frame),
        cmocka_unit_test(there_is_no_record_at_other_positions),
        cmocka_unit_test(a_record_links_back_in_each_channel),
        cmocka_unit_test(the_ring_holds_all_newest_events_that_fit),
        cmocka_unit_test(a_reader_notices_that_it_was_overtaken),
        cmocka_unit_test(newest_stays_when_it_is_evicted),
        cmocka_unit_test(a_record_has_the_id_of_its_publisher),
        cmocka_unit_test(a_damaged_oldest_record_empties_the_journal),
        cmocka_unit_test(a_damaged_number_is_noticed),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
