/* SPDX-License-Identifier: Apache-2.0 */
/* Duplicates and clashes within one batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <apr_general.h>

#include "journal/batch_dups.h"

#define MANY 5000

static const apr_uint64_t key[2] = {1, 2};
static es_slice_t ab[2];
static es_slice_t ba[2];
static es_slice_t c;

static es_frame_t frame_of(const char *id, const char *tail)
{
    es_frame_t frame = {{NULL, 0}, es_slice_of(id), es_slice_of(tail)};

    return frame;
}

static int setup(void **state)
{
    (void)state;
    ab[0] = ba[1] = es_slice_of("a");
    ab[1] = ba[0] = es_slice_of("b");
    c = es_slice_of("c");
    return 0;
}

static void a_duplicate_repeats_or_clashes(void **state)
{
    es_frame_t x = frame_of("x", "data: 1\n\n");
    es_frame_t other = frame_of("x", "data: 2\n\n");
    es_frame_t none = frame_of("", "data: 1\n\n");
    es_entry_t same[] = {{ab, 2, &x}, {&c, 1, &other}, {ab, 2, &none},
                         {ba, 2, &x}, {ab, 2, &none},  {ab, 2, &x}};
    es_entry_t clash[] = {{ab, 2, &x}, {&c, 1, &x}, {ba, 1, &x}};
    es_entry_t content[] = {{ab, 2, &x}, {ab, 2, &other}};
    es_clash_t clash_at = {-1, -1};
    int dups[6];

    (void)state;
    assert_int_equal(es_batch_dups_find(same, 6, key, dups, &clash_at), 0);
    assert_int_equal(dups[0], -1);
    assert_int_equal(dups[1], -1);
    assert_int_equal(dups[2], -1);
    assert_int_equal(dups[3], 0);
    assert_int_equal(dups[4], -1);
    assert_int_equal(dups[5], 0);
    assert_int_equal(clash_at.event, -1);
    assert_int_equal(es_batch_dups_find(clash, 3, key, dups, &clash_at),
                     APR_EEXIST);
    assert_int_equal(clash_at.event, 2);
    assert_int_equal(clash_at.channel, 0);
    assert_int_equal(es_batch_dups_find(content, 2, key, dups, &clash_at),
                     APR_EEXIST);
    assert_int_equal(clash_at.event, 1);
}

static void a_batch_of_one_has_no_duplicates(void **state)
{
    es_frame_t x = frame_of("x", "data: 1\n\n");
    es_entry_t entry = {ab, 2, &x};
    es_clash_t clash_at;
    int dup = 7;

    (void)state;
    assert_int_equal(es_batch_dups_find(&entry, 1, key, &dup, &clash_at), 0);
    assert_int_equal(dup, -1);
}

/** One id in many channels, and many ids in one channel: neither takes long. */
static void large_batches_do_not_take_long(void **state)
{
    static char names[MANY][8];
    static char ids[MANY][8];
    static es_slice_t slices[MANY];
    static es_frame_t frames[MANY];
    static es_entry_t entries[MANY * 2];
    static int dups[MANY * 2];
    es_frame_t five = frame_of("5", "data: 1\n\n");
    es_clash_t clash_at;
    int i;

    (void)state;
    for (i = 0; i < MANY; i++) {
        sprintf(names[i], "n%d", i);
        sprintf(ids[i], "i%d", i);
        slices[i] = es_slice_of(names[i]);
        frames[i] = frame_of(ids[i], "data: 1\n\n");
        entries[i].channels = &slices[i];
        entries[i].nchannels = 1;
        entries[i].frame = &five;
        entries[MANY + i].channels = &c;
        entries[MANY + i].nchannels = 1;
        entries[MANY + i].frame = &frames[i];
    }
    assert_int_equal(
        es_batch_dups_find(entries, MANY * 2, key, dups, &clash_at), 0);
    for (i = 0; i < MANY * 2; i++) {
        assert_int_equal(dups[i], -1);
    }
    entries[MANY * 2 - 1].frame = &frames[0];
    assert_int_equal(
        es_batch_dups_find(entries, MANY * 2, key, dups, &clash_at), 0);
    assert_int_equal(dups[MANY * 2 - 1], MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duplicate_repeats_or_clashes),
        cmocka_unit_test(a_batch_of_one_has_no_duplicates),
        cmocka_unit_test(large_batches_do_not_take_long),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, setup, NULL);
}
