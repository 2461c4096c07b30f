/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/slice.h. */
#include "t/unit/unit.h"

FACTS(a_string_gives_its_bytes_without_nul)
{
    assert_int_equal(es_slice_of("abc").len, 3);
    assert_int_equal(es_slice_of("").len, 0);
}

FACTS(null_gives_the_empty_slice)
{
    assert_int_equal(es_slice_of(NULL).len, 0);
    assert_null(es_slice_of(NULL).data);
}

FACTS(equal_means_the_same_bytes)
{
    assert_true(es_slice_equal(S("ab"), S("ab")));
    assert_true(es_slice_equal(S("a\0b"), S("a\0b")));
    assert_false(es_slice_equal(S("a\0b"), S("a\0c")));
    assert_false(es_slice_equal(S("ab"), S("abc")));
    assert_false(es_slice_equal(S("ab"), S("aB")));
}

FACTS(empty_slices_are_equal_also_with_null)
{
    assert_true(es_slice_equal(es_slice(NULL, 0), S("")));
    assert_true(es_slice_equal(es_slice(NULL, 0), es_slice(NULL, 0)));
    assert_false(es_slice_equal(es_slice(NULL, 0), S("a")));
}

FACTS(is_compares_with_a_string)
{
    assert_true(es_slice_is(S("ab"), "ab"));
    assert_true(es_slice_is(es_slice(NULL, 0), ""));
    assert_false(es_slice_is(S("ab\0"), "ab"));
}

FACTS(has_finds_any_byte)
{
    assert_true(es_slice_has(S("abc"), 'c'));
    assert_true(es_slice_has(S("a\0c"), '\0'));
    assert_false(es_slice_has(S("abc"), '\0'));
    assert_false(es_slice_has(es_slice(NULL, 0), 'a'));
}

static const struct CMUnitTest tests[] = {
    UNIT(a_string_gives_its_bytes_without_nul),
    UNIT(null_gives_the_empty_slice),
    UNIT(equal_means_the_same_bytes),
    UNIT(empty_slices_are_equal_also_with_null),
    UNIT(is_compares_with_a_string),
    UNIT(has_finds_any_byte),
};

UNIT_MAIN(tests)
