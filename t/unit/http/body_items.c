/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of http/body_items.c, which knows no httpd but is not in the
 * library that unit tests are linked with: jansson stays out of it.
 */
#include "t/unit/unit.h"

#include "http/body_items.c"

static const es_item_t *items;
static int count;
static es_problem_t why;

static int reads(const char *body)
{
    const es_body_items_t *json = es_body_items_find(es_slice_of(body), pool);
    const apr_array_header_t *array;

    assert_non_null(json);
    if (!es_body_items_read(&array, json, pool, &why)) {
        return 0;
    }
    items = (const es_item_t *)array->elts;
    count = array->nelts;
    return 1;
}

/* One item with these fields in addition to the channel. */
static int reads_item(const char *fields)
{
    return reads(apr_psprintf(pool, "{\"items\": [{\"channel\": \"c\"%s%s}]}",
                              *fields ? ", " : "", fields));
}

/* The same for one of the stream's format. */
static int reads_format(const char *fields)
{
    return reads_item(
        apr_psprintf(pool, "\"formats\": {\"http-stream\": {%s}}", fields));
}

#define assert_refused(call, reason)                                  \
    do {                                                              \
        assert_false(call);                                           \
        assert_int_equal(why.status, 400);                            \
        assert_string_equal(why.sentence, "Invalid format: " reason); \
    } while (0)

FACTS(items_are_found)
{
    assert_non_null(es_body_items_find(S("{\"items\":[]}"), pool));
    assert_non_null(es_body_items_find(S(" {\"a\": 1, \"items\": 5}"), pool));
    assert_null(es_body_items_find(S(""), pool));
    assert_null(es_body_items_find(S("\"items\""), pool));
    assert_null(es_body_items_find(S("[{\"items\":[]}]"), pool));
    assert_null(es_body_items_find(S("{\"items\":["), pool));
    assert_null(es_body_items_find(S("{\"data\":{\"items\":[]}}"), pool));
    assert_null(es_body_items_find(
        S("{\"channel\":\"c\",\"data\":1,\"items\":[]}"), pool));
}

FACTS(both_forms_are_read)
{
    assert_true(reads("{\"items\": []}"));
    assert_int_equal(count, 0);
    assert_true(reads_format("\"content\": \"data: 1\\n\\n\""));
    assert_int_equal(count, 1);
    assert_slice(items[0].channel, "c");
    assert_int_equal(items[0].action, ES_ITEM_SEND);
    assert_slice(items[0].content, "data: 1\n\n");
    assert_true(reads_item("\"http-stream\": {\"content\": \"x\"}, "
                           "\"id\": \"1\", \"prev-id\": \"0\""));
    assert_slice(items[0].content, "x");
}

FACTS(binary_content_wins)
{
    assert_true(reads_format("\"content\": \"no\", \"content-bin\": "
                             "\"ZGF0YTogMQoK\""));
    assert_slice(items[0].content, "data: 1\n\n");
    assert_refused(reads_format("\"content-bin\": \"Z!\""),
                   "'http-stream' contains 'content-bin' that is not base64");
}

FACTS(actions)
{
    assert_true(reads_format("\"action\": \"send\", \"content\": \"\""));
    assert_int_equal(items[0].action, ES_ITEM_SEND);
    assert_true(reads_format("\"action\": \"close\""));
    assert_int_equal(items[0].action, ES_ITEM_CLOSE);
    assert_true(reads_format("\"action\": \"close\", \"content\": \"\""));
    assert_int_equal(items[0].action, ES_ITEM_CLOSE);
    assert_true(reads_format("\"action\": \"hint\""));
    assert_int_equal(items[0].action, ES_ITEM_NOTHING);
    assert_refused(reads_format("\"action\": \"jump\""), "");
    assert_refused(reads_format("\"action\": 1"),
                   "'http-stream' contains 'action' with wrong type");
}

FACTS(other_formats_are_ignored)
{
    assert_true(reads_item("\"formats\": {\"foo\": 1}"));
    assert_int_equal(items[0].action, ES_ITEM_NOTHING);
    assert_true(reads_item("\"http-response\": {\"body\": \"x\"}"));
    assert_int_equal(items[0].action, ES_ITEM_NOTHING);
    assert_true(reads_item("\"formats\": {\"ws-message\": {}, "
                           "\"http-stream\": {\"content\": \"x\"}}"));
    assert_int_equal(items[0].action, ES_ITEM_SEND);
}

FACTS(refusals_have_the_words_of_pushpin)
{
    assert_refused(reads("{\"items\": {}}"),
                   "object contains 'items' with wrong type");
    assert_refused(reads("{\"items\": [1]}"), "publish item is not an object");
    assert_refused(reads("{\"items\": [{}]}"),
                   "publish item object does not contain 'channel'");
    assert_refused(reads("{\"items\": [{\"channel\": 1}]}"),
                   "publish item object contains 'channel' with wrong type");
    assert_refused(reads_item(""), "no formats specified");
    assert_refused(reads_item("\"formats\": {}"), "no formats specified");
    assert_refused(reads_item("\"id\": 1, \"http-stream\": {}"),
                   "publish item object contains 'id' with wrong type");
    assert_refused(reads_item("\"prev-id\": 1, \"http-stream\": {}"),
                   "publish item object contains 'prev-id' with wrong type");
    assert_refused(reads_item("\"no-seq\": 1"),
                   "publish item object contains 'no-seq' with wrong type");
    assert_refused(reads_item("\"meta\": \"\""),
                   "publish item object contains 'meta' with wrong type");
    assert_refused(reads_item("\"formats\": []"),
                   "publish item object contains 'formats' with wrong type");
    assert_refused(reads_item("\"http-stream\": \"\""),
                   "publish item object contains 'http-stream' with wrong "
                   "type");
    assert_refused(reads_format(""), "'http-stream' does not contain "
                                     "'content' or 'content-bin'");
    assert_refused(reads_format("\"content\": 5"),
                   "'http-stream' contains 'content' with wrong type");
}

FACTS(build_id_is_the_only_filter)
{
    assert_true(reads_format("\"content\": \"x\""));
    assert_false(items[0].builds_id);
    assert_true(reads_format("\"content\": \"x\", \"content-filters\": []"));
    assert_false(items[0].builds_id);
    assert_true(reads_format("\"content\": \"x\", \"content-filters\": "
                             "[\"build-id\"]"));
    assert_true(items[0].builds_id);
    assert_refused(reads_format("\"content\": \"x\", \"content-filters\": "
                                "[\"build-id\", \"var-subst\"]"),
                   "of 'content-filters' only one 'build-id' is applied here");
    assert_refused(reads_format("\"content\": \"x\", \"content-filters\": "
                                "[\"build-id\", \"build-id\"]"),
                   "of 'content-filters' only one 'build-id' is applied here");
    assert_refused(reads_format("\"content\": \"x\", \"content-filters\": [1]"),
                   "'http-stream' contains 'content-filters' with wrong type");
}

static const struct CMUnitTest tests[] = {
    UNIT(items_are_found),
    UNIT(both_forms_are_read),
    UNIT(binary_content_wins),
    UNIT(actions),
    UNIT(refusals_have_the_words_of_pushpin),
    UNIT(build_id_is_the_only_filter),
    UNIT(other_formats_are_ignored),
};

UNIT_MAIN(tests)
