/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/link.c. */
#include "t/unit/unit.h"

#include "grip/instruct.h"
#include "grip/link.h"

static es_slice_t names[ES_INSTRUCT_CHANNELS_MAX + 1];

static es_grip_link_t sample(int count)
{
    es_grip_link_t link = {S("default"), 20000000, 1,    3000,
                           S("17-4"),    names,    count};
    int i;

    for (i = 0; i < count; i++) {
        names[i] = es_slice_of(apr_psprintf(pool, "room %d", i));
    }
    return link;
}

static int unpack(es_grip_link_t *link, es_slice_t packed)
{
    es_slice_t bytes = exact(packed);
    int rc = es_grip_link_unpack(link, bytes, pool);

    exact_free(bytes);
    return rc;
}

FACTS(a_packed_state_is_unpacked_unchanged)
{
    int count;

    for (count = 1; count <= ES_INSTRUCT_CHANNELS_MAX; count++) {
        es_grip_link_t link = sample(count), back;
        es_slice_t packed = es_grip_link_pack(&link, pool);
        int i;

        assert_true(es_grip_link_unpack(&back, packed, pool));
        assert_slice(back.hub, "default");
        assert_slice(back.from, "17-4");
        assert_int_equal(back.keepalive_us, 20000000);
        assert_int_equal(back.keepalive_as_comment, 1);
        assert_int_equal(back.retry_ms, 3000);
        assert_int_equal(back.count, count);
        for (i = 0; i < count; i++) {
            assert_true(es_slice_equal(back.channels[i], names[i]));
        }
    }
}

FACTS(from_may_be_empty)
{
    es_grip_link_t link = sample(1), back;

    link.from = es_slice(NULL, 0);
    assert_true(
        es_grip_link_unpack(&back, es_grip_link_pack(&link, pool), pool));
    assert_int_equal(back.from.len, 0);
}

FACTS(any_other_state_is_refused)
{
    es_grip_link_t link = sample(ES_INSTRUCT_CHANNELS_MAX + 1), back;

    assert_false(unpack(&back, es_grip_link_pack(&link, pool)));
    assert_true(unpack(&back, S("1\nh\n0\n0\n0\n\na")));
    assert_false(unpack(&back, S("")));
    assert_false(unpack(&back, S("1")));
    assert_false(unpack(&back, S("2\nh\n0\n0\n0\n\na")));
    assert_false(unpack(&back, S("1\nh\n0\n0\n0\n")));
    assert_false(unpack(&back, S("1\nh\n0\n0\n0\n\n")));
    assert_false(unpack(&back, S("1\nh\n0\n0\n0\n\na\n")));
    assert_false(unpack(&back, S("1\nh\n0\n0\n0\n\na\n\nb")));
    assert_false(unpack(&back, S("1\nh\n-1\n0\n0\n\na")));
    assert_false(unpack(&back, S("1\nh\n0\n2\n0\n\na")));
    assert_false(unpack(&back, S("1\nh\n\n0\n0\n\na")));
    assert_false(unpack(&back, S("1\nh\n9999999999999999999\n0\n0\n\na")));
}

FACTS(state_and_seal_are_one_segment_of_a_path)
{
    const char *text =
        es_grip_link_write(S("1\n\xff\xfe?/"), 0x8123456789abcdefULL, pool);
    apr_uint64_t seal;
    es_slice_t back;

    assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789-_"),
                     strlen(text));
    assert_true(es_grip_link_read(&back, &seal, text, pool));
    assert_slice(back, "1\n\xff\xfe?/");
    assert_true(seal == 0x8123456789abcdefULL);
}

FACTS(any_other_text_is_refused)
{
    apr_uint64_t seal;
    es_slice_t back;

    assert_false(es_grip_link_read(&back, &seal, "", pool));
    assert_false(es_grip_link_read(&back, &seal, "AAAAAAAAAAA", pool));
    assert_true(es_grip_link_read(&back, &seal, "AAAAAAAAAAAA", pool));
    assert_false(es_grip_link_read(&back, &seal, "AAAAAAAAAAAA/x", pool));
}

static const struct CMUnitTest tests[] = {
    UNIT(a_packed_state_is_unpacked_unchanged),
    UNIT(from_may_be_empty),
    UNIT(any_other_state_is_refused),
    UNIT(state_and_seal_are_one_segment_of_a_path),
    UNIT(any_other_text_is_refused),
};

UNIT_MAIN(tests)
