/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/body_form.c, which knows no httpd. */
#include "t/unit/unit.h"

#include "http/body_form.c"

static es_event_t preset;
static es_batch_t batch;
static es_problem_t why;

static int reads(es_slice_t body)
{
    memset(&why, 0, sizeof(why));
    return es_body_form(&batch, body, &preset, pool, &why);
}

static int refused(es_slice_t body, const char *words)
{
    return !reads(body) && why.status == 400 &&
           strstr(why.sentence, words) != NULL;
}

static int begin(void **state __attribute__((unused)))
{
    memset(&preset, 0, sizeof(preset));
    preset.retry_ms = -1;
    return 0;
}

FACTS(all_fields_are_taken)
{
    begin(NULL);
    assert_true(reads(S("channel=c&event=order&id=mine&retry=3000&"
                        "data=a+%22b%22%0Ac")));
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.unnamed, -1);
    assert_int_equal(batch.events[0].nchannels, 1);
    assert_slice(batch.events[0].channels[0], "c");
    assert_slice(batch.events[0].type, "order");
    assert_slice(batch.events[0].id, "mine");
    assert_slice(batch.events[0].data, "a \"b\"\nc");
    assert_int_equal(batch.events[0].retry_ms, 3000);
}

FACTS(topic_and_type_are_taken_too)
{
    begin(NULL);
    assert_true(reads(S("topic=d&channel=c&topic=e&type=t&data=x")));
    assert_int_equal(batch.events[0].nchannels, 3);
    assert_slice(batch.events[0].channels[0], "c");
    assert_slice(batch.events[0].channels[2], "e");
    assert_slice(batch.events[0].type, "t");
    assert_true(reads(S("channel=c&type=t&event=e")));
    assert_slice(batch.events[0].type, "e");
}

FACTS(channels_may_be_the_elements_of_a_list)
{
    begin(NULL);
    assert_true(reads(S("channel[]=c&channel%5b%5D=d&topic[1]=e&data=x")));
    assert_int_equal(batch.events[0].nchannels, 3);
    assert_slice(batch.events[0].channels[1], "d");
    assert_true(reads(S("channel%5B0%5D=c&channel%5B12%5D=d&data=x")));
    assert_int_equal(batch.events[0].nchannels, 2);
    assert_true(reads(S("channel[x]=c&channel[=d&channel[]x=e&data=x")));
    assert_int_equal(batch.events[0].nchannels, 0);
}

/* With a channel of the query or of the Location the event would go there. */
FACTS(a_field_that_looks_like_a_channel_is_refused)
{
    begin(NULL);
    assert_true(refused(S("channels=c&data=x"), "'channels'"));
    assert_true(refused(S("Channel=c&data=x"), "'Channel'"));
    assert_true(refused(S("topics=c&data=x"), "'topics'"));
    assert_true(reads(S("channel=c&topics=d&data=x")));
}

FACTS(a_field_that_occurs_twice_is_refused)
{
    begin(NULL);
    assert_true(refused(S("channel=c&data=x&data=y"), "'data' occurs twice"));
    assert_true(refused(S("data=x&event=a&event=b"), "'event' occurs twice"));
    assert_true(refused(S("data=x&%69d=a&id=a"), "'id' occurs twice"));
    assert_true(reads(S("channel=c&channel=d&data=x&other=1&other=2")));
}

FACTS(the_query_is_a_preset)
{
    static const es_slice_t names[] = {{"q", 1}};

    begin(NULL);
    preset.channels = names;
    preset.nchannels = 1;
    preset.type = S("preset");
    assert_true(reads(S("data=x")));
    assert_slice(batch.events[0].channels[0], "q");
    assert_slice(batch.events[0].type, "preset");
    assert_true(reads(S("channel=c&event=e")));
    assert_int_equal(batch.events[0].nchannels, 1);
    assert_slice(batch.events[0].channels[0], "c");
    assert_slice(batch.events[0].type, "e");
}

FACTS(a_form_without_channel_lists_the_field_names)
{
    begin(NULL);
    assert_true(reads(S("chanel=c&data=x")));
    assert_int_equal(batch.unnamed, 0);
    assert_non_null(strstr(batch.unnamed_has, "'topic'"));
    preset.type = S("refresh");
    assert_true(reads(S("")));
    assert_int_equal(batch.unnamed, 0);
}

FACTS(empty_data_may_be_written)
{
    begin(NULL);
    assert_true(reads(S("channel=c&data=")));
    assert_int_equal(batch.events[0].data.len, 0);
    assert_true(reads(S("channel=c&data&x=1")));
    assert_int_equal(batch.events[0].data.len, 0);
}

FACTS(a_form_that_says_something_else_needs_no_data)
{
    begin(NULL);
    assert_true(reads(S("channel=c&event=refresh")));
    assert_int_equal(batch.events[0].data.len, 0);
    assert_true(reads(S("channel=c&type=refresh")));
    assert_true(reads(S("channel=c&id=i")));
    assert_true(reads(S("&channel=c&&retry=0&")));
    assert_true(reads(S("channel=1&channel=2&channel=3&channel=4&channel=5&"
                        "channel=6&channel=7&channel=8&channel=9&type=t")));
    preset.id = S("i");
    assert_true(reads(S("channel=c")));
    assert_true(reads(S("")));
}

FACTS(a_form_that_says_nothing_is_refused)
{
    begin(NULL);
    assert_true(refused(S("hello"), "No data: the form has the fields 'hello', "
                                    "and not 'data' (text that is not a form "
                                    "needs Content-Type: text/plain)."));
    assert_true(refused(S("channel=c&message=h+i"), "'channel', 'message',"));
    assert_true(refused(S("channel=c"), "No data"));
    assert_true(refused(S("channel=c&event="), "No data"));
    assert_true(refused(S(""), "No data: the form has no fields ("));
    assert_true(refused(S("=x"), "the fields '',"));
    assert_true(refused(S("a&b&c&d&e&f&g&h&i"), "'h', ..., and not"));
    assert_true(refused(repeat('x', 100000), "xxx...'"));
}

FACTS(a_misspelled_field_does_not_lose_the_data)
{
    begin(NULL);
    assert_true(refused(S("event=e&text=hi"), "'event', 'text'"));
    preset.type = S("preset");
    assert_true(refused(S("hello"), "'hello'"));
    assert_true(refused(S("channel=1&channel=2&channel=3&channel=4&channel=5&"
                          "channel=6&channel=7&channel=8&channel=9&x"),
                        "No data"));
}

FACTS(bad_values_are_refused)
{
    begin(NULL);
    assert_true(refused(S("channel=c&retry=soon"), "'retry'"));
    assert_true(refused(S("channel=c&retry=-1"), "'retry'"));
    assert_true(refused(S("channel=c&retry="), "'retry'"));
    assert_true(refused(S("channel=c&retry=99999999999"), "'retry'"));
    assert_true(refused(S("channel="), "hannel"));
    assert_true(refused(S("channel=a%00b"), "hannel"));
}

static const struct CMUnitTest tests[] = {
    UNIT(all_fields_are_taken),
    UNIT(topic_and_type_are_taken_too),
    UNIT(channels_may_be_the_elements_of_a_list),
    UNIT(a_field_that_looks_like_a_channel_is_refused),
    UNIT(a_field_that_occurs_twice_is_refused),
    UNIT(the_query_is_a_preset),
    UNIT(a_form_without_channel_lists_the_field_names),
    UNIT(empty_data_may_be_written),
    UNIT(a_form_that_says_something_else_needs_no_data),
    UNIT(a_form_that_says_nothing_is_refused),
    UNIT(a_misspelled_field_does_not_lose_the_data),
    UNIT(bad_values_are_refused),
};

UNIT_MAIN(tests)
