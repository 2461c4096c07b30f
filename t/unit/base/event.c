/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/event.c. */
#include "t/unit/unit.h"

#include "base/event.h"

#define MAX_DATA 65536

static es_event_t event;
static es_problem_t why;

static int fresh_event(void **state __attribute__((unused)))
{
    memset(&event, 0, sizeof(event));
    memset(&why, 0, sizeof(why));
    event.retry_ms = -1;
    return 0;
}

#define EVENT_UNIT(name) \
    cmocka_unit_test_setup_teardown(name, fresh_event, unit_after_each)

static int passes(void)
{
    return es_event_check(&event, MAX_DATA, pool, &why);
}

/* 1 if the event is refused with status and a sentence with these words. */
static int refused(int status, const char *words)
{
    return passes() == 0 && why.status == status &&
           strstr(why.sentence, words) != NULL;
}

FACTS(an_empty_event_passes)
{
    assert_true(passes());
    assert_int_equal(why.status, 0);
}

FACTS(a_full_event_passes)
{
    event.type = S("order");
    event.id = S("order-7");
    event.data = S("{\"table\":4}\r\n\xe2\x82\xac");
    event.retry_ms = 3000;
    assert_true(passes());
}

FACTS(line_ends_and_nul_in_the_type_are_refused)
{
    event.type = S("a\nb");
    assert_true(refused(400, "'event'"));
    event.type = S("a\rb");
    assert_true(refused(400, "'event'"));
    event.type = S("a\0b");
    assert_true(refused(400, "'event'"));
}

FACTS(line_ends_and_nul_in_the_id_are_refused)
{
    event.id = S("a\n");
    assert_true(refused(400, "'id'"));
    event.id = S("\r");
    assert_true(refused(400, "'id'"));
    event.id = S("\0");
    assert_true(refused(400, "'id'"));
}

FACTS(type_and_id_have_a_maximum_length)
{
    event.type = repeat('t', ES_EVENT_FIELD_MAX);
    event.id = repeat('i', ES_EVENT_FIELD_MAX);
    assert_true(passes());
    event.type = repeat('t', ES_EVENT_FIELD_MAX + 1);
    assert_true(refused(400, "'event' has more than 255 bytes"));
    event.type = S("");
    event.id = repeat('i', ES_EVENT_FIELD_MAX + 1);
    assert_true(refused(400, "'id' has more than 255 bytes"));
}

FACTS(invalid_utf8_is_refused_with_its_position)
{
    event.type = S("ab\xff");
    assert_true(refused(400, "'event' is not valid UTF-8 at byte 3"));
    event.type = S("");
    event.id = S("\xc0\x80");
    assert_true(refused(400, "'id' is not valid UTF-8 at byte 1"));
    event.id = S("");
    event.data = S("a\xed\xa0\x80");
    assert_true(refused(400, "'data' is not valid UTF-8 at byte 2"));
}

FACTS(an_id_in_the_form_of_ours_is_refused)
{
    event.id = S("1700000000000-0");
    assert_true(refused(400, "'id'"));
    event.id = S("007-0");
    assert_true(refused(400, "'id'"));
    event.id = S("7");
    assert_true(passes());
}

FACTS(an_id_that_no_client_could_resume_with_is_refused)
{
    event.id = S("error");
    assert_true(refused(400, "'id'"));
    event.id = S("a\001b");
    assert_true(refused(400, "'id' contains a control character"));
    event.id = S("a\tb");
    assert_true(refused(400, "'id' contains a control character"));
    event.id = S("a\177");
    assert_true(refused(400, "'id' contains a control character"));
    event.id = S(" a");
    assert_true(refused(400, "a blank at an end"));
    event.id = S("a ");
    assert_true(refused(400, "a blank at an end"));
    event.id = S("a b");
    assert_true(passes());
    event.id = S("errors");
    assert_true(passes());
}

FACTS(data_has_a_maximum_size)
{
    event.data = repeat('a', MAX_DATA);
    assert_true(passes());
    event.data = repeat('a', MAX_DATA + 1);
    assert_true(refused(413, "'data' has 65537 bytes"));
}

FACTS(data_may_contain_nul_and_line_ends)
{
    event.data = S("a\0b\r\nc\rd\n");
    assert_true(passes());
}

FACTS(retry_has_its_range)
{
    event.retry_ms = 0;
    assert_true(passes());
    event.retry_ms = 0x7fffffff;
    assert_true(passes());
    event.retry_ms = (apr_int64_t)0x7fffffff + 1;
    assert_true(refused(400, "'retry'"));
    event.retry_ms = -2;
    assert_true(refused(400, "'retry'"));
    event.retry_ms = INT64_MIN;
    assert_true(refused(400, "'retry'"));
    event.retry_ms = INT64_MAX;
    assert_true(refused(400, "'retry'"));
}

/* ---- filling in ------------------------------------------------------ */

static es_event_t preset;

static int reads(es_slice_t query)
{
    return es_event_preset(&preset, query, pool, &why);
}

FACTS(an_empty_query_presets_nothing)
{
    assert_true(reads(S("")));
    assert_int_equal(preset.nchannels, 0);
    assert_int_equal(preset.type.len, 0);
    assert_int_equal(preset.id.len, 0);
    assert_int_equal(preset.data.len, 0);
    assert_int_equal(preset.retry_ms, -1);
}

FACTS(channels_event_and_id_are_preset)
{
    assert_true(reads(S("channel=a%20b&event=e+f&channel=c&id=%31&x=y")));
    assert_int_equal(preset.nchannels, 2);
    assert_slice(preset.channels[0], "a b");
    assert_slice(preset.channels[1], "c");
    assert_slice(preset.type, "e f");
    assert_slice(preset.id, "1");
}

FACTS(the_channels_may_be_elements_of_a_list)
{
    assert_true(reads(S("channel[]=a&channel%5B1%5D=c&channel[x]=d")));
    assert_int_equal(preset.nchannels, 2);
    assert_slice(preset.channels[1], "c");
    /* EventStreamChannel "{?topic}" may use it */
    assert_true(reads(S("topic=a")));
    assert_int_equal(preset.nchannels, 0);
}

FACTS(a_channel_twice_is_once)
{
    assert_true(reads(S("channel=a&channel=%61")));
    assert_int_equal(preset.nchannels, 1);
}

FACTS(a_bad_channel_is_refused)
{
    assert_false(reads(S("channel=")));
    assert_int_equal(why.status, 400);
    assert_false(reads(S("channel=a&channel=%00")));
    assert_int_equal(why.status, 400);
    assert_false(reads(S("channel=a&channel=a+")));
    assert_int_equal(why.status, 400);
    assert_non_null(strstr(why.sentence, "'a '"));
}

FACTS(an_event_has_a_maximum_of_channels)
{
    es_channel_set_t *set = es_event_channel_set(pool);
    int i;

    for (i = 0; i < ES_EVENT_CHANNELS_MAX; i++) {
        assert_true(es_event_add_channel(
            set, es_slice_of(apr_psprintf(pool, "c%d", i)), pool, &why));
    }
    assert_true(es_event_add_channel(set, S("c0"), pool, &why));
    assert_false(es_event_add_channel(set, S("more"), pool, &why));
    assert_int_equal(why.status, 400);
    assert_non_null(strstr(why.sentence, "at most 64"));
}

FACTS(the_index_is_named_in_lists_only)
{
    es_batch_t batch = {NULL, 3, 0, -1, NULL};

    es_problem_set(&why, pool, 400, "No.");
    assert_false(es_event_refuse(&batch, 2, pool, &why));
    assert_string_equal(why.sentence, "No.");
    batch.is_list = 1;
    assert_false(es_event_refuse(&batch, 2, pool, &why));
    assert_string_equal(why.sentence, "[2]: No.");
}

static const struct CMUnitTest tests[] = {
    EVENT_UNIT(an_empty_event_passes),
    EVENT_UNIT(a_full_event_passes),
    EVENT_UNIT(line_ends_and_nul_in_the_type_are_refused),
    EVENT_UNIT(line_ends_and_nul_in_the_id_are_refused),
    EVENT_UNIT(type_and_id_have_a_maximum_length),
    EVENT_UNIT(invalid_utf8_is_refused_with_its_position),
    EVENT_UNIT(an_id_in_the_form_of_ours_is_refused),
    EVENT_UNIT(an_id_that_no_client_could_resume_with_is_refused),
    EVENT_UNIT(data_has_a_maximum_size),
    EVENT_UNIT(data_may_contain_nul_and_line_ends),
    EVENT_UNIT(retry_has_its_range),
    EVENT_UNIT(an_empty_query_presets_nothing),
    EVENT_UNIT(channels_event_and_id_are_preset),
    EVENT_UNIT(a_channel_twice_is_once),
    EVENT_UNIT(the_channels_may_be_elements_of_a_list),
    EVENT_UNIT(a_bad_channel_is_refused),
    EVENT_UNIT(an_event_has_a_maximum_of_channels),
    EVENT_UNIT(the_index_is_named_in_lists_only),
};

UNIT_MAIN(tests)
