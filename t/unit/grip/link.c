/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/link.c. */
#include "t/unit/unit.h"

#include "grip/instruct.h"
#include "grip/link.h"

static es_slice_t names[ES_INSTRUCT_CHANNELS_MAX + 1];

static es_grip_link_t sample(int count)
{
    es_grip_link_t link = {.expires_s = 1790000000,
                           .hub = S("default"),
                           .keepalive_us = 20000000,
                           .keepalive_as_comment = 1,
                           .retry_ms = 3000,
                           .from = S("17-4"),
                           .channels = names,
                           .count = count};
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
        assert_int_equal(back.expires_s, 1790000000);
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
    assert_true(unpack(&back, S("2\n9\nh\n0\n0\n0\n\na")));
    assert_false(unpack(&back, S("2\nh\n0\n0\n0\n\na")));
    assert_false(unpack(&back, S("2\n0\nh\n0\n0\n0\n\na")));
    assert_false(unpack(&back, S("2\n\nh\n0\n0\n0\n\na")));
    assert_false(unpack(&back, S("2\n-9\nh\n0\n0\n0\n\na")));
    assert_false(unpack(&back, S("3\n9\nh\n0\n0\n0\n\na")));
    assert_false(unpack(&back, S("2")));
    assert_false(unpack(&back, S("2\n9")));
    assert_false(unpack(&back, S("1\nh\n0\n0\n0\n")));
    assert_false(unpack(&back, S("1\nh\n0\n0\n0\n\n")));
    assert_false(unpack(&back, S("1\nh\n0\n0\n0\n\na\n")));
    assert_false(unpack(&back, S("1\nh\n0\n0\n0\n\na\n\nb")));
    assert_false(unpack(&back, S("1\nh\n-1\n0\n0\n\na")));
    assert_false(unpack(&back, S("1\nh\n0\n2\n0\n\na")));
    assert_false(unpack(&back, S("1\nh\n\n0\n0\n\na")));
    assert_false(unpack(&back, S("1\nh\n9999999999999999999\n0\n0\n\na")));
}

FACTS(a_link_of_an_earlier_version_has_no_expiry)
{
    es_grip_link_t back = {.expires_s = 9};

    assert_true(unpack(&back, S("1\nh\n1\n1\n2\n3-4\na\nb")));
    assert_int_equal(back.expires_s, 0);
    assert_int_equal(back.count, 2);
    assert_int_equal(back.retry_ms, 2);
}

/* ---- expiry ------------------------------------------------------------ */

#define HOUR APR_INT64_C(3600)
#define NOON (497222 * HOUR)

FACTS(links_of_an_hour_expire_together_in_one_to_two_hours)
{
    assert_int_equal(es_grip_link_expiry(NOON), NOON + 2 * HOUR);
    assert_int_equal(es_grip_link_expiry(NOON + 1), NOON + 2 * HOUR);
    assert_int_equal(es_grip_link_expiry(NOON + HOUR - 1), NOON + 2 * HOUR);
    assert_int_equal(es_grip_link_expiry(NOON + HOUR), NOON + 3 * HOUR);
}

FACTS(a_link_is_current_for_two_to_three_hours)
{
    apr_int64_t late = NOON + HOUR - 1;

    assert_true(es_grip_link_is_current(es_grip_link_expiry(NOON), NOON));
    assert_true(
        es_grip_link_is_current(es_grip_link_expiry(NOON), NOON + 3 * HOUR));
    assert_false(es_grip_link_is_current(es_grip_link_expiry(NOON),
                                         NOON + 3 * HOUR + 1));
    assert_true(
        es_grip_link_is_current(es_grip_link_expiry(late), late + 2 * HOUR));
    assert_false(es_grip_link_is_current(es_grip_link_expiry(late),
                                         late + 2 * HOUR + 2));
}

/* 5 minutes pass between a link and the next one. */
FACTS(the_clock_may_be_set_by_an_hour_ahead_or_back)
{
    apr_int64_t made, passed = 300;

    for (made = NOON; made < NOON + HOUR; made += 59) {
        apr_int64_t expires = es_grip_link_expiry(made);

        assert_true(es_grip_link_is_current(expires, made + passed + HOUR));
        assert_true(es_grip_link_is_current(expires, made + passed - HOUR));
        assert_true(es_grip_link_is_current(expires, made - HOUR));
        assert_false(es_grip_link_is_current(expires, made + 4 * HOUR));
        assert_false(es_grip_link_is_current(expires, made - 2 * HOUR));
    }
}

FACTS(any_expiry_that_can_be_read_is_computed_with)
{
    assert_false(es_grip_link_is_current(APR_INT64_C(999999999999999999), 1));
    assert_false(es_grip_link_is_current(1, APR_INT64_C(999999999999999999)));
}

/* ---- text -------------------------------------------------------------- */

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
    UNIT(a_link_of_an_earlier_version_has_no_expiry),
    UNIT(links_of_an_hour_expire_together_in_one_to_two_hours),
    UNIT(a_link_is_current_for_two_to_three_hours),
    UNIT(the_clock_may_be_set_by_an_hour_ahead_or_back),
    UNIT(any_expiry_that_can_be_read_is_computed_with),
    UNIT(state_and_seal_are_one_segment_of_a_path),
    UNIT(any_other_text_is_refused),
};

UNIT_MAIN(tests)
