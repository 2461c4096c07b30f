/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/abi.c. */
#include "t/unit/unit.h"

#include "base/abi.h"

/* the same struct in three versions */
typedef struct first_t {
    apr_size_t size;
    apr_uint64_t a;
} first_t;

typedef struct second_t {
    apr_size_t size;
    apr_uint64_t a;
    apr_uint64_t b;
} second_t;

typedef struct third_t {
    apr_size_t size;
    apr_uint64_t a;
    apr_uint64_t b;
    apr_uint64_t c;
} third_t;

/* our version is the second */
static es_abi_result_t read_second(second_t *ours, const void *theirs)
{
    memset(ours, 0xee, sizeof(*ours));
    return es_abi_read(ours, sizeof(*ours), theirs, sizeof(first_t));
}

FACTS(the_same_version_is_copied)
{
    second_t theirs = {sizeof(theirs), 1, 2}, ours;

    assert_int_equal(read_second(&ours, &theirs), ES_ABI_OK);
    assert_int_equal(ours.a, 1);
    assert_int_equal(ours.b, 2);
}

FACTS(fields_that_an_older_version_lacks_are_zero)
{
    first_t theirs = {sizeof(theirs), 1};
    second_t ours;

    assert_int_equal(read_second(&ours, &theirs), ES_ABI_OK);
    assert_int_equal(ours.a, 1);
    assert_int_equal(ours.b, 0);
}

FACTS(a_newer_version_whose_new_field_is_zero_is_read)
{
    third_t theirs = {sizeof(theirs), 1, 2, 0};
    second_t ours;

    assert_int_equal(read_second(&ours, &theirs), ES_ABI_OK);
    assert_int_equal(ours.b, 2);
}

FACTS(a_newer_version_whose_new_field_is_set_is_newer)
{
    third_t theirs = {sizeof(theirs), 1, 2, (apr_uint64_t)1 << 63};
    second_t ours;

    assert_int_equal(read_second(&ours, &theirs), ES_ABI_NEWER);
    assert_int_equal(ours.b, 2);
}

FACTS(a_struct_without_valid_size_is_not_read)
{
    second_t theirs = {0, 1, 2}, ours;

    assert_int_equal(read_second(&ours, NULL), ES_ABI_BAD);
    assert_int_equal(read_second(&ours, &theirs), ES_ABI_BAD);
    theirs.size = sizeof(first_t) - 1;
    assert_int_equal(read_second(&ours, &theirs), ES_ABI_BAD);
    theirs.size = ES_ABI_SIZE_MAX + 1;
    assert_int_equal(read_second(&ours, &theirs), ES_ABI_BAD);
    theirs.size = (apr_size_t)-1;
    assert_int_equal(read_second(&ours, &theirs), ES_ABI_BAD);
}

FACTS(no_byte_is_read_beyond_the_size)
{
    first_t *theirs = malloc(sizeof(*theirs)); /* a sanitizer sees an overrun */
    second_t ours;

    theirs->size = sizeof(*theirs);
    theirs->a = 7;
    assert_int_equal(read_second(&ours, theirs), ES_ABI_OK);
    assert_int_equal(ours.a, 7);
    free(theirs);
}

FACTS(writing_keeps_the_size)
{
    second_t ours = {sizeof(ours), 1, 2};
    third_t newer = {sizeof(newer), 7, 7, 7};
    struct {
        first_t first;
        apr_uint64_t after;
    } older = {{sizeof(first_t), 7}, 9};

    assert_int_equal(es_abi_write(&newer, &ours, sizeof(ours), sizeof(first_t)),
                     ES_ABI_OK);
    assert_int_equal(newer.size, sizeof(newer));
    assert_int_equal(newer.b, 2);
    assert_int_equal(newer.c, 0);
    assert_int_equal(es_abi_write(&older, &ours, sizeof(ours), sizeof(first_t)),
                     ES_ABI_OK);
    assert_int_equal(older.first.size, sizeof(first_t));
    assert_int_equal(older.first.a, 1);
    assert_int_equal(older.after, 9);
}

FACTS(a_struct_without_valid_size_is_not_written)
{
    second_t ours = {sizeof(ours), 1, 2};
    second_t theirs = {0, 7, 7};

    assert_int_equal(
        es_abi_write(&theirs, &ours, sizeof(ours), sizeof(first_t)),
        ES_ABI_BAD);
    assert_int_equal(theirs.a, 7);
    assert_int_equal(es_abi_write(NULL, &ours, sizeof(ours), sizeof(first_t)),
                     ES_ABI_BAD);
}

static const struct CMUnitTest tests[] = {
    UNIT(the_same_version_is_copied),
    UNIT(fields_that_an_older_version_lacks_are_zero),
    UNIT(a_newer_version_whose_new_field_is_zero_is_read),
    UNIT(a_newer_version_whose_new_field_is_set_is_newer),
    UNIT(a_struct_without_valid_size_is_not_read),
    UNIT(no_byte_is_read_beyond_the_size),
    UNIT(writing_keeps_the_size),
    UNIT(a_struct_without_valid_size_is_not_written),
};

UNIT_MAIN(tests)
