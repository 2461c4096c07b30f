/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "base/sse_text.h"

static const es_event_t *events;
static int count;

static const char *read_text(es_slice_t text)
{
    const apr_array_header_t *array = NULL;
    const char *err = es_sse_text_read(&array, text, pool);

    count = -1;
    if (!err) {
        events = (const es_event_t *)array->elts;
        count = array->nelts;
    }
    return err;
}

FACTS(an_event_has_all_fields)
{
    assert_null(
        read_text(S("event: order\nid: a-1\ndata: soup\nretry: 5\n\n")));
    assert_int_equal(count, 1);
    assert_slice(events[0].type, "order");
    assert_slice(events[0].id, "a-1");
    assert_slice(events[0].data, "soup");
    assert_int_equal(events[0].retry_ms, 5);
    assert_int_equal(events[0].nchannels, 0);
}

FACTS(missing_fields_are_empty)
{
    assert_null(read_text(S("data\n\n")));
    assert_int_equal(count, 1);
    assert_slice(events[0].type, "");
    assert_slice(events[0].id, "");
    assert_slice(events[0].data, "");
    assert_int_equal(events[0].retry_ms, -1);
}

FACTS(data_lines_are_joined)
{
    assert_null(read_text(S("data: a\r\ndata:  b\rdata\ndata:c\n\n")));
    assert_slice(events[0].data, "a\n b\n\nc");
}

FACTS(a_field_belongs_to_its_event_only)
{
    assert_null(read_text(S("event: x\nid: 1\ndata: a\n\ndata: b\n\n\n")));
    assert_int_equal(count, 2);
    assert_slice(events[0].data, "a");
    assert_slice(events[1].data, "b");
    assert_slice(events[1].type, "");
    assert_slice(events[1].id, "");
}

FACTS(comments_and_unknown_fields_are_dropped)
{
    assert_null(
        read_text(S(": hello\n\n:\ndata: a\nfoo: bar\n: x\n\n: end\n")));
    assert_int_equal(count, 1);
    assert_slice(events[0].data, "a");
    assert_null(read_text(S("")));
    assert_int_equal(count, 0);
    assert_null(read_text(S("\n\n")));
    assert_int_equal(count, 0);
}

FACTS(a_retry_that_is_not_a_number_is_dropped)
{
    assert_null(read_text(S("retry: 1s\ndata\n\n")));
    assert_int_equal(events[0].retry_ms, -1);
    assert_null(read_text(S("retry: 2147483648\ndata\n\n")));
    assert_int_equal(events[0].retry_ms, -1);
    assert_null(read_text(S("retry:\ndata\n\n")));
    assert_int_equal(events[0].retry_ms, -1);
}

FACTS(a_partial_event_is_refused)
{
    static const char *const partial[] = {
        "data: a\n",    "data: a",       "data: a\r\n", "data: a\n\ndata: b\n",
        "data: a\n\nd", "hello there\n", ":",           "event: x\n"};
    size_t i;

    for (i = 0; i < sizeof(partial) / sizeof(partial[0]); i++) {
        const char *err = read_text(es_slice_of(partial[i]));

        assert_non_null(err);
        assert_string_equal(err, "it ends within an event");
    }
}

FACTS(an_event_without_data_is_refused)
{
    assert_non_null(read_text(S("event: x\n\n")));
    assert_non_null(read_text(S("id: 1\n\ndata: a\n\n")));
    assert_non_null(read_text(S("hello there\n\n")));
}

FACTS(hostile_texts_cost_linear_time)
{
    assert_null(read_text(repeat('\n', 1000000)));
    assert_non_null(read_text(repeat(':', 1000000)));
    assert_non_null(read_text(repeat('d', 1000000)));
}

FACTS(a_block_is_read_as_a_client_does)
{
    es_event_t event;

    assert_int_equal(es_sse_text_block(
                         &event, S("event: x\nid: 7\ndata: a\ndata\n\n"), pool),
                     1);
    assert_slice(event.type, "x");
    assert_slice(event.id, "7");
    assert_slice(event.data, "a\n");
    assert_int_equal(es_sse_text_block(&event, S("data: a\r\n"), pool), 1);
    assert_slice(event.data, "a");
    assert_null(event.id.data);
}

FACTS(a_block_without_data_has_its_other_fields)
{
    es_event_t event;

    assert_int_equal(
        es_sse_text_block(&event, S("id: 7\nretry: 50\n: c\n\n"), pool), 0);
    assert_slice(event.id, "7");
    assert_int_equal(event.retry_ms, 50);
    assert_slice(event.data, "");
    assert_int_equal(es_sse_text_block(&event, S("id:\n\n"), pool), 0);
    assert_non_null(event.id.data);
    assert_int_equal((int)event.id.len, 0);
    assert_int_equal(es_sse_text_block(&event, S("id\n\n"), pool), 0);
    assert_non_null(event.id.data);
    assert_int_equal(es_sse_text_block(&event, S(""), pool), 0);
    assert_null(event.id.data);
}

static const struct CMUnitTest tests[] = {
    UNIT(an_event_has_all_fields),
    UNIT(missing_fields_are_empty),
    UNIT(data_lines_are_joined),
    UNIT(a_field_belongs_to_its_event_only),
    UNIT(comments_and_unknown_fields_are_dropped),
    UNIT(a_retry_that_is_not_a_number_is_dropped),
    UNIT(a_partial_event_is_refused),
    UNIT(an_event_without_data_is_refused),
    UNIT(a_block_is_read_as_a_client_does),
    UNIT(a_block_without_data_has_its_other_fields),
    UNIT(hostile_texts_cost_linear_time),
};

UNIT_MAIN(tests)
