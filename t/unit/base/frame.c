/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/frame.c. */
#include "t/unit/unit.h"

#include "base/frame.h"

static es_event_t event_of(es_slice_t data)
{
    es_event_t event;

    memset(&event, 0, sizeof(event));
    event.data = data;
    event.retry_ms = -1;
    return event;
}

/* The whole frame, written to memory of exactly es_frame_size bytes. */
static es_slice_t frame_of(const es_event_t *event, es_slice_t id)
{
    es_frame_t frame;
    apr_size_t size;
    apr_size_t at;
    char *bytes;
    char *copy;

    es_frame_make(&frame, event, pool);
    assert_true(es_slice_equal(frame.publisher_id, event->id));
    size = es_frame_size(&frame, id.len);
    bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, '#', size);
    at = es_frame_write(bytes, &frame, id);
    assert_true(es_slice_equal(es_slice(bytes + at, id.len), id));
    copy = apr_pmemdup(pool, bytes, size);
    free(bytes);
    return es_slice(copy, size);
}

static es_slice_t frame_of_data(es_slice_t data)
{
    es_slice_t bytes = exact(data);
    es_event_t event = event_of(bytes);
    es_slice_t frame = frame_of(&event, S("1-0"));

    exact_free(bytes);
    return frame;
}

FACTS(the_order_is_event_id_data_retry)
{
    es_event_t event = event_of(S("hello"));

    event.type = S("order");
    event.retry_ms = 3000;
    assert_slice(frame_of(&event, S("17-3")),
                 "event: order\nid: 17-3\ndata: hello\nretry: 3000\n\n");
}

FACTS(the_default_type_has_no_line)
{
    assert_slice(frame_of_data(S("x")), "id: 1-0\ndata: x\n\n");
}

FACTS(the_publishers_id_is_written_unchanged)
{
    es_event_t event = event_of(S("x"));

    event.id = S("order-7");
    assert_slice(frame_of(&event, event.id), "id: order-7\ndata: x\n\n");
}

FACTS(empty_data_is_one_empty_line)
{
    assert_slice(frame_of_data(S("")), "id: 1-0\ndata: \n\n");
    assert_slice(frame_of_data(es_slice(NULL, 0)), "id: 1-0\ndata: \n\n");
}

FACTS(data_is_cut_at_lf)
{
    assert_slice(frame_of_data(S("a\nb")), "id: 1-0\ndata: a\ndata: b\n\n");
}

FACTS(data_is_cut_at_cr)
{
    assert_slice(frame_of_data(S("a\rb")), "id: 1-0\ndata: a\ndata: b\n\n");
}

FACTS(cr_lf_is_one_line_end)
{
    assert_slice(frame_of_data(S("a\r\nb")), "id: 1-0\ndata: a\ndata: b\n\n");
}

FACTS(lf_cr_is_two_line_ends)
{
    assert_slice(frame_of_data(S("a\n\rb")),
                 "id: 1-0\ndata: a\ndata: \ndata: b\n\n");
}

FACTS(cr_cr_lf_is_two_line_ends)
{
    assert_slice(frame_of_data(S("a\r\r\nb")),
                 "id: 1-0\ndata: a\ndata: \ndata: b\n\n");
}

FACTS(line_ends_at_the_end_give_an_empty_line)
{
    assert_slice(frame_of_data(S("a\n")), "id: 1-0\ndata: a\ndata: \n\n");
    assert_slice(frame_of_data(S("a\r")), "id: 1-0\ndata: a\ndata: \n\n");
    assert_slice(frame_of_data(S("a\r\n")), "id: 1-0\ndata: a\ndata: \n\n");
}

FACTS(only_line_ends_give_only_empty_lines)
{
    assert_slice(frame_of_data(S("\n")), "id: 1-0\ndata: \ndata: \n\n");
    assert_slice(frame_of_data(S("\r")), "id: 1-0\ndata: \ndata: \n\n");
    assert_slice(frame_of_data(S("\r\n")), "id: 1-0\ndata: \ndata: \n\n");
    assert_slice(frame_of_data(S("\n\n\r\n")),
                 "id: 1-0\ndata: \ndata: \ndata: \ndata: \n\n");
}

FACTS(each_of_mixed_line_ends_is_cut)
{
    assert_slice(frame_of_data(S("a\rb\nc\r\nd\n\ne")),
                 "id: 1-0\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n"
                 "data: e\n\n");
}

FACTS(blanks_colons_and_nul_in_data_are_kept)
{
    assert_slice(frame_of_data(S(" id: 5\0:")), "id: 1-0\ndata:  id: 5\0:\n\n");
}

FACTS(other_line_separators_are_not_line_ends)
{
    assert_slice(frame_of_data(S("a\342\200\250b\013c\014d\xc2\x85")),
                 "id: 1-0\ndata: a\342\200\250b\013c\014d\xc2\x85\n\n");
}

FACTS(a_million_line_ends_are_cut_in_linear_time)
{
    const apr_size_t count = 1000000;

    assert_int_equal(frame_of_data(repeat('\n', count)).len,
                     8 + (count + 1) * 7 + 1);
    assert_int_equal(frame_of_data(repeat('\r', count)).len,
                     8 + (count + 1) * 7 + 1);
}

FACTS(retry_0_is_written_and_minus_1_is_not)
{
    es_event_t event = event_of(S("x"));

    event.retry_ms = 0;
    assert_slice(frame_of(&event, S("1-0")), "id: 1-0\ndata: x\nretry: 0\n\n");
    event.retry_ms = 0x7fffffff;
    assert_slice(frame_of(&event, S("1-0")),
                 "id: 1-0\ndata: x\nretry: 2147483647\n\n");
    event.retry_ms = -1;
    assert_slice(frame_of(&event, S("1-0")), "id: 1-0\ndata: x\n\n");
}

FACTS(a_stream_is_opened_with_retry_and_id)
{
    char room[ES_FRAME_CONTROL_SIZE];
    es_id_t id = {1700000000000, 4};

    assert_slice(es_slice(room, es_frame_open(room, 3000, &id)),
                 "event: stream-open\nid: 1700000000000-4\ndata: \n"
                 "retry: 3000\n\n");
}

FACTS(the_longest_opening_fits_its_room)
{
    char room[ES_FRAME_CONTROL_SIZE];
    es_id_t id = {UINT64_MAX, UINT64_MAX};

    assert_slice(es_slice(room, es_frame_open(room, 3000, NULL)),
                 "event: stream-open\ndata: \nretry: 3000\n\n");
    assert_true(es_frame_open(room, INT64_MAX, &id) <= sizeof(room));
}

FACTS(a_retry_alone_is_no_block)
{
    char room[ES_FRAME_CONTROL_SIZE];

    assert_slice(es_slice(room, es_frame_retry(room, 0)), "retry: 0\n");
    assert_slice(es_slice(room, es_frame_retry(room, 4711)), "retry: 4711\n");
    assert_slice(es_slice(room, es_frame_retry(room, -5)), "retry: 0\n");
}

FACTS(keepalive_is_an_event_or_a_comment)
{
    assert_slice(es_frame_keepalive(0), "event: keep-alive\ndata: \n\n");
    assert_slice(es_frame_keepalive(1), ": keep-alive\n");
}

FACTS(reset_names_the_channels)
{
    const es_slice_t channels[] = {S("a"), S("room-k\303\274che")};
    es_id_t id = {12, 3};

    assert_slice(es_frame_reset(&id, channels, 2, pool),
                 "event: stream-reset\nid: 12-3\n"
                 "data: {\"channels\":[\"a\",\"room-k\303\274che\"]}\n\n");
    assert_slice(es_frame_reset(&id, channels, 1, pool),
                 "event: stream-reset\nid: 12-3\n"
                 "data: {\"channels\":[\"a\"]}\n\n");
    assert_slice(es_frame_reset(&id, NULL, 0, pool),
                 "event: stream-reset\nid: 12-3\n"
                 "data: {\"channels\":[]}\n\n");
}

FACTS(reset_writes_names_as_json_strings)
{
    const es_slice_t channel = S("a\"b\\c/\n\x1f\x7f");
    es_id_t id = {1, 0};

    assert_slice(es_frame_reset(&id, &channel, 1, pool),
                 "event: stream-reset\nid: 1-0\ndata: {\"channels\":"
                 "[\"a\\\"b\\\\c/\\n\\u001f\x7f\"]}\n\n");
}

/* ---- chunks ---------------------------------------------------------- */

static es_slice_t head(apr_size_t size)
{
    char *room = apr_palloc(pool, ES_FRAME_CHUNK_HEAD_SIZE);
    apr_size_t len = es_frame_chunk_head(room, size);

    assert_int_equal(len, es_frame_chunk_head_size(size));
    assert_true(len <= ES_FRAME_CHUNK_HEAD_SIZE);
    return es_slice(room, len);
}

FACTS(a_head_is_hex_and_crlf)
{
    assert_slice(head(1), "1\r\n");
    assert_slice(head(10), "a\r\n");
    assert_slice(head(0xdeadbeef), "deadbeef\r\n");
}

FACTS(digits_change_at_powers_of_16)
{
    assert_slice(head(15), "f\r\n");
    assert_slice(head(16), "10\r\n");
    assert_slice(head(255), "ff\r\n");
    assert_slice(head(256), "100\r\n");
    assert_slice(head(65535), "ffff\r\n");
    assert_slice(head(65536), "10000\r\n");
}

FACTS(the_greatest_size_fits_its_room)
{
    assert_slice(head(UINT64_MAX), "ffffffffffffffff\r\n");
    assert_slice(head((apr_size_t)1 << 63), "8000000000000000\r\n");
    assert_slice(head((apr_size_t)1 << 32), "100000000\r\n");
}

FACTS(tail_and_last_chunk_are_those_of_the_rfc)
{
    assert_slice(es_frame_chunk_tail(), "\r\n");
    assert_int_equal(es_frame_chunk_tail().len, ES_FRAME_CHUNK_TAIL_SIZE);
    assert_slice(es_frame_chunk_last(), "0\r\n\r\n");
}

static const struct CMUnitTest tests[] = {
    UNIT(the_order_is_event_id_data_retry),
    UNIT(the_default_type_has_no_line),
    UNIT(the_publishers_id_is_written_unchanged),
    UNIT(empty_data_is_one_empty_line),
    UNIT(data_is_cut_at_lf),
    UNIT(data_is_cut_at_cr),
    UNIT(cr_lf_is_one_line_end),
    UNIT(lf_cr_is_two_line_ends),
    UNIT(cr_cr_lf_is_two_line_ends),
    UNIT(line_ends_at_the_end_give_an_empty_line),
    UNIT(only_line_ends_give_only_empty_lines),
    UNIT(each_of_mixed_line_ends_is_cut),
    UNIT(blanks_colons_and_nul_in_data_are_kept),
    UNIT(other_line_separators_are_not_line_ends),
    UNIT(a_million_line_ends_are_cut_in_linear_time),
    UNIT(retry_0_is_written_and_minus_1_is_not),
    UNIT(a_stream_is_opened_with_retry_and_id),
    UNIT(the_longest_opening_fits_its_room),
    UNIT(a_retry_alone_is_no_block),
    UNIT(keepalive_is_an_event_or_a_comment),
    UNIT(reset_names_the_channels),
    UNIT(reset_writes_names_as_json_strings),
    UNIT(a_head_is_hex_and_crlf),
    UNIT(digits_change_at_powers_of_16),
    UNIT(the_greatest_size_fits_its_room),
    UNIT(tail_and_last_chunk_are_those_of_the_rfc),
};

UNIT_MAIN(tests)
