/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/instruct.c. */
#include "t/unit/unit.h"

#include "base/frame.h"
#include "grip/instruct.h"

FACTS(channels_are_a_list)
{
    es_slice_t names[] = {S("a"), S("b c"), S("d,e;f\"")};
    es_id_t last_ids[] = {{17, 3}, {0, 0}, {18, 0}};

    assert_string_equal(es_instruct_channels("events-", names, NULL, 1, pool),
                        "events-a");
    assert_string_equal(es_instruct_channels("", names, NULL, 3, pool),
                        "a, b%20c, d%2Ce%3Bf%22");
    assert_string_equal(
        es_instruct_channels("events-", names, last_ids, 3, pool),
        "events-a; prev-id=17-3, events-b%20c; prev-id=0-0, "
        "events-d%2Ce%3Bf%22; prev-id=18-0");
}

static const char *keepalive(es_slice_t frame, apr_interval_time_t after)
{
    es_slice_t bytes = exact(frame);
    const char *value = es_instruct_keepalive(bytes, after, pool);

    exact_free(bytes);
    return value;
}

FACTS(keepalive_is_a_cstring)
{
    assert_string_equal(
        keepalive(es_frame_keepalive(0), apr_time_from_sec(20)),
        "event: keep-alive\\ndata: \\n\\n; format=cstring; timeout=20");
    assert_string_equal(keepalive(es_frame_keepalive(1), apr_time_from_sec(1)),
                        ": keep-alive\\n; format=cstring; timeout=1");
    assert_string_equal(
        keepalive(S(" a;b\\\r\t\x7f\xc3 "), apr_time_from_sec(5)),
        "\\x20a\\x3bb\\\\\\r\\x09\\x7f\\xc3\\x20; format=cstring; timeout=5");
    assert_string_equal(keepalive(S(""), apr_time_from_sec(5)),
                        "; format=cstring; timeout=5");
}

FACTS(keepalive_is_in_whole_seconds)
{
    assert_non_null(strstr(keepalive(S("x"), 1), "timeout=1"));
    assert_non_null(strstr(keepalive(S("x"), 999999), "timeout=1"));
    assert_non_null(strstr(keepalive(S("x"), 2999999), "timeout=2"));
}

FACTS(a_link_is_a_uri)
{
    assert_string_equal(es_instruct_link("/events/a%20b/x-_.~", pool),
                        "</events/a%20b/x-_.~>; rel=next; timeout=120");
    assert_string_equal(es_instruct_link("/a,b;c\"d<e>f g\xc3", pool),
                        "</a%2Cb%3Bc%22d%3Ce%3Ef%20g%C3>; rel=next; "
                        "timeout=120");
}

#define LAST "events-a; last-id=17-0, events-b ;x=y; LAST-ID = 4-2 , c;last-id"

static es_slice_t last_id(es_slice_t header, es_slice_t channel)
{
    es_slice_t bytes = exact(header);
    es_slice_t id = es_instruct_last_id(bytes, channel);

    id = es_slice(apr_pstrmemdup(pool, id.len ? id.data : "", id.len), id.len);
    exact_free(bytes);
    return id;
}

FACTS(last_ids_are_found_by_channel)
{
    assert_slice(last_id(S(LAST), S("events-a")), "17-0");
    assert_slice(last_id(S(LAST), S("events-b")), "4-2");
    assert_slice(last_id(S(LAST), S("c")), "");
    assert_slice(last_id(S(LAST), S("events")), "");
    assert_slice(last_id(S(LAST), S("last-id=17-0")), "");
    assert_slice(last_id(S("a;last-id=1, a;last-id=2"), S("a")), "1");
}

FACTS(any_header_can_be_read)
{
    static const char *const odd[] = {"",           ",",  ";",     "=",
                                      ",,;;==",     "a;", "a;=",   "a; ,",
                                      "a;last-id=", " ",  "a;;;=", "\t",
                                      "a=b;c=d"};
    size_t i;

    for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        assert_slice(last_id(es_slice_of(odd[i]), S("a")), "");
    }
}

static const struct CMUnitTest tests[] = {
    UNIT(channels_are_a_list),           UNIT(keepalive_is_a_cstring),
    UNIT(keepalive_is_in_whole_seconds), UNIT(a_link_is_a_uri),
    UNIT(last_ids_are_found_by_channel), UNIT(any_header_can_be_read),
};

UNIT_MAIN(tests)
