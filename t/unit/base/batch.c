/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/batch.c. */
#include "t/unit/unit.h"

#include "base/batch.h"

static es_event_t preset;
static es_problem_t why;

static int fresh(void **state __attribute__((unused)))
{
    memset(&why, 0, sizeof(why));
    return 0;
}

static int reads(es_slice_t query)
{
    return es_batch_preset(&preset, query, pool, &why);
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

FACTS(a_channel_twice_is_once)
{
    assert_true(reads(S("channel=a&channel=+a+")));
    assert_int_equal(preset.nchannels, 1);
}

FACTS(a_bad_channel_is_refused)
{
    assert_false(reads(S("channel=")));
    assert_int_equal(why.status, 400);
    assert_false(reads(S("channel=a&channel=%00")));
    assert_int_equal(why.status, 400);
}

FACTS(an_event_has_so_many_channels)
{
    es_channel_set_t *set = es_batch_channels(pool);
    int i;

    for (i = 0; i < ES_EVENT_CHANNELS_MAX; i++) {
        assert_true(es_batch_channel(
            set, es_slice_of(apr_psprintf(pool, "c%d", i)), pool, &why));
    }
    assert_true(es_batch_channel(set, S("c0"), pool, &why));
    assert_false(es_batch_channel(set, S("more"), pool, &why));
    assert_int_equal(why.status, 400);
    assert_non_null(strstr(why.sentence, "at most 64"));
}

FACTS(the_place_is_told_in_lists_only)
{
    es_batch_t batch = {NULL, 3, 0, -1, NULL};

    es_problem_set(&why, pool, 400, "No.");
    assert_false(es_batch_place(&batch, 2, pool, &why));
    assert_string_equal(why.sentence, "No.");
    batch.is_list = 1;
    assert_false(es_batch_place(&batch, 2, pool, &why));
    assert_string_equal(why.sentence, "[2]: No.");
}

#define BATCH_UNIT(name) \
    cmocka_unit_test_setup_teardown(name, fresh, unit_after_each)

static const struct CMUnitTest tests[] = {
    BATCH_UNIT(an_empty_query_presets_nothing),
    BATCH_UNIT(channels_event_and_id_are_preset),
    BATCH_UNIT(a_channel_twice_is_once),
    BATCH_UNIT(a_bad_channel_is_refused),
    BATCH_UNIT(an_event_has_so_many_channels),
    BATCH_UNIT(the_place_is_told_in_lists_only),
};

UNIT_MAIN(tests)
