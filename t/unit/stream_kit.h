/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What tests of a store with given ids share: entries of a broker's stream, and
 * short ways to append them. All functions are static, as each test is a
 * program.
 */
#ifndef T_UNIT_STREAM_KIT_H
#define T_UNIT_STREAM_KIT_H

#include "t/unit/store_kit.h"

#include "deliver/reader.h"
#include "journal/close.h"
#include "journal/resume.h"
#include "journal/stream_append.h"

#define STREAM_MAX 64
#define STREAM_UNUSED __attribute__((unused))

/** Id number n of an epoch of the broker. */
static STREAM_UNUSED es_id_t stream_id(unsigned epoch, unsigned n)
{
    es_id_t id = es_id_epoch(epoch - 1, KIT_NOW + 1000 * epoch);

    id.n += n;
    return id;
}

/** Entries while they are made. */
typedef struct stream_t {
    es_stream_entry_t entries[STREAM_MAX];
    es_frame_t frames[STREAM_MAX];
    es_slice_t names[STREAM_MAX][4];
    int count;
    es_appended_t done; /* of the last stream_append */
} stream_t;

static STREAM_UNUSED void stream_begin(stream_t *stream)
{
    stream->count = 0;
}

static es_stream_entry_t *stream_next(stream_t *stream, const char *names,
                                      es_id_t id)
{
    es_stream_entry_t *entry = &stream->entries[stream->count];
    int k;

    assert_true(stream->count < STREAM_MAX);
    memset(entry, 0, sizeof(*entry));
    for (k = 0; names[k] != '\0'; k++) {
        stream->names[stream->count][k] = es_slice(&names[k], 1);
    }
    entry->entry.channels = stream->names[stream->count];
    entry->entry.nchannels = k;
    entry->id = id;
    return entry;
}

/** Add an event. Channels have names of one letter; text lives as long. */
static STREAM_UNUSED void stream_event(stream_t *stream, const char *names,
                                       const char *publisher_id,
                                       const char *text, es_id_t id)
{
    es_stream_entry_t *entry = stream_next(stream, names, id);

    stream->frames[stream->count] = kit_frame(text);
    if (publisher_id != NULL) {
        stream->frames[stream->count].publisher_id = es_slice_of(publisher_id);
    }
    entry->entry.frame = &stream->frames[stream->count++];
}

/** Add a close. */
static STREAM_UNUSED void stream_close(stream_t *stream, const char *name,
                                       apr_uint64_t until_ms, es_id_t id)
{
    stream_next(stream, name, id)->until_ms = until_ms;
    stream->count++;
}

static STREAM_UNUSED apr_status_t stream_append(kit_t *kit, stream_t *stream,
                                                es_id_t after)
{
    memset(kit->touched, 0, sizeof(kit->touched));
    return es_store_append_at(kit->store, &after, stream->entries,
                              stream->count, kit->touched, &stream->done);
}

/** Append one event. */
static STREAM_UNUSED apr_status_t stream_append_one(kit_t *kit,
                                                    const char *names,
                                                    const char *text,
                                                    es_id_t after, es_id_t id)
{
    stream_t stream = {.count = 0};

    stream_event(&stream, names, NULL, text, id);
    return stream_append(kit, &stream, after);
}

/** Fill in place of whatever there is. */
static STREAM_UNUSED apr_status_t stream_fill_spans(
    es_store_t *store, const es_stream_entry_t *entries, int count,
    const es_span_t *spans, int nspans, apr_uint64_t *touched)
{
    es_history_t history = {entries, count, spans, nspans, 0};
    es_id_t after;

    assert_int_equal(es_store_last(store, &after), 0);
    return es_store_fill(store, &after, &history, touched);
}

/** Fill with these entries and one span. */
static STREAM_UNUSED apr_status_t stream_fill(kit_t *kit, stream_t *stream,
                                              es_id_t first, es_id_t last)
{
    es_span_t span = {first, last};

    memset(kit->touched, 0, sizeof(kit->touched));
    return stream_fill_spans(kit->store, stream->entries, stream->count, &span,
                             1, kit->touched);
}

/** Fill with nothing: an epoch of the broker begins. */
static STREAM_UNUSED void stream_start(kit_t *kit, unsigned epoch)
{
    stream_t none = {.count = 0};
    es_id_t marker = stream_id(epoch, 0);

    assert_int_equal(stream_fill(kit, &none, marker, marker), 0);
}

static STREAM_UNUSED void stream_assert_id(es_id_t id, es_id_t expected)
{
    assert_int_equal(id.ms, expected.ms);
    assert_int_equal(id.n, expected.n);
}

static STREAM_UNUSED void stream_assert_last(kit_t *kit, es_id_t expected)
{
    es_id_t last;

    assert_int_equal(es_store_last(kit->store, &last), 0);
    stream_assert_id(last, expected);
}

/** What is retained, as "names:text " for each event, "!name " for a close. */
static STREAM_UNUSED const char *stream_text(kit_t *kit)
{
    static char text[4096];
    es_pos_t pos = es_store_tail(kit->store);
    char *at = text;
    es_record_t record;
    int k;

    for (; es_store_look(kit->store, pos, &record) == 0; pos = record.next) {
        char wire[2048];

        assert_true(record.chunk_len < sizeof(wire));
        assert_int_equal(es_store_copy(kit->store, &record, 0, wire), 0);
        if (record.closes) {
            *at++ = '!';
        }
        for (k = 0; k < record.nslots; k++) {
            *at++ = es_store_name(kit->store, record.slots[k]).data[0];
        }
        if (!record.closes) {
            const char *data;

            wire[record.chunk_len - 1] = '\0';
            data = strstr(wire, "data: ");
            assert_non_null(data);
            *at++ = ':';
            data += strlen("data: ");
            while (*data != '\n') {
                *at++ = *data++;
            }
        }
        *at++ = ' ';
    }
    *at = '\0';
    return text;
}

/** Resume by an id. @return what es_store_resume returns */
static STREAM_UNUSED apr_status_t stream_resume(kit_t *kit, const char *name,
                                                es_id_t id, es_pos_t *pos)
{
    static const es_resume_reach_t reach = {0};
    es_slice_t slice = es_slice_of(name);
    char text[ES_ID_TEXT_SIZE];
    es_start_t start;
    es_slot_t slot;
    apr_status_t rv;

    assert_int_equal(
        es_store_subscribe(kit->store, 70, &slice, 1, &slot, &start), 0);
    rv = es_store_resume(kit->store, &slot, 1,
                         es_slice(text, es_id_format(text, &id)), &reach,
                         &start);
    if (pos != NULL) {
        *pos = start.pos;
    }
    es_store_unsubscribe(kit->store, 70, &slot, 1);
    return rv;
}

/** Would a client at pos that subscribes to these channels be told? As the
 * client of deliver/ finds out. */
static STREAM_UNUSED int stream_is_told(kit_t *kit, const es_slot_t *slots,
                                        int count, es_pos_t pos)
{
    es_reader_t reader = {0};
    char scratch[1024];
    es_collected_t got;
    es_pos_t tail;
    apr_status_t rv;

    reader.store = kit->store;
    reader.slots = slots;
    reader.nslots = count;
    if (es_reader_is_all_seen(&reader, pos)) {
        return 0;
    }
    rv = es_reader_collect(&reader, &got, pos, 0, es_store_head(kit->store), 0,
                           scratch, sizeof(scratch));
    return rv == APR_ENOENT &&
           es_store_has_lost(kit->store, slots, count, pos, &tail);
}

#endif
