/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/channel.c. */
#include "t/unit/unit.h"

#include "grip/channel.h"

FACTS(a_plain_name_stays)
{
    assert_slice(es_grip_channel("events-", S("room_1.~!*'()-Z"), pool),
                 "events-room_1.~!*'()-Z");
}

FACTS(what_means_something_is_encoded)
{
    assert_slice(es_grip_channel("", S("a,b;c\"d e/f%"), pool),
                 "a%2Cb%3Bc%22d%20e%2Ff%25");
    assert_slice(es_grip_channel("p:", S("\xc3\xa9"), pool), "p:%C3%A9");
    assert_slice(es_grip_channel("", S("\0"), pool), "%00");
}

FACTS(a_nul_stands_behind_it)
{
    es_slice_t channel = es_grip_channel("x", S("yz"), pool);

    assert_string_equal(channel.data, "xyz");
}

static const struct CMUnitTest tests[] = {
    UNIT(a_plain_name_stays),
    UNIT(what_means_something_is_encoded),
    UNIT(a_nul_stands_behind_it),
};

UNIT_MAIN(tests)
