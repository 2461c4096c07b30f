/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/abi.c. */
#include "t/unit/unit.h"

#include "base/abi.h"

/* the same struct as three versions have it */
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

/* we are the second */
static es_abi_t read_second(second_t *ours, const void *theirs)
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

FACTS(what_an_older_one_lacks_is_zero)
{
    first_t theirs = {sizeof(theirs), 1};
    second_t ours;

    assert_int_equal(read_second(&ours, &theirs), ES_ABI_OK);
    assert_int_equal(ours.a, 1);
    assert_int_equal(ours.b, 0);
}

FACTS(a_newer_one_that_asks_for_nothing_new_is_taken)
{
    third_t theirs = {sizeof(theirs), 1, 2, 0};
    second_t ours;

    assert_int_equal(read_second(&ours, &theirs), ES_ABI_OK);
    assert_int_equal(ours.b, 2);
}

FACTS(a_newer_one_that_asks_for_something_is_told)
{
    third_t theirs = {sizeof(theirs), 1, 2, (apr_uint64_t)1 << 63};
    second_t ours;

    assert_int_equal(read_second(&ours, &theirs), ES_ABI_NEWER);
    assert_int_equal(ours.b, 2);
}

FACTS(what_has_no_size_is_refused)
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

FACTS(no_byte_of_theirs_is_read_beyond_its_size)
{
    first_t *theirs = malloc(sizeof(*theirs)); /* a sanitizer looks on */
    second_t ours;

    theirs->size = sizeof(*theirs);
    theirs->a = 7;
    assert_int_equal(read_second(&ours, theirs), ES_ABI_OK);
    assert_int_equal(ours.a, 7);
    free(theirs);
}

FACTS(writing_keeps_their_size)
{
    second_t ours = {sizeof(ours), 1, 2};
    third_t newer = {sizeof(newer), 7, 7, 7};
    struct {
        first_t first;
        apr_uint64_t behind;
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
    assert_int_equal(older.behind, 9);
}

FACTS(what_has_no_size_is_not_written)
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
    UNIT(what_an_older_one_lacks_is_zero),
    UNIT(a_newer_one_that_asks_for_nothing_new_is_taken),
    UNIT(a_newer_one_that_asks_for_something_is_told),
    UNIT(what_has_no_size_is_refused),
    UNIT(no_byte_of_theirs_is_read_beyond_its_size),
    UNIT(writing_keeps_their_size),
    UNIT(what_has_no_size_is_not_written),
};

UNIT_MAIN(tests)
