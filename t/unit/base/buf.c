/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/buf.c. */
#include "t/unit/unit.h"

#include "base/buf.h"

FACTS(begins_empty)
{
    es_buf_t buf;

    es_buf_init(&buf, pool, 10);
    assert_int_equal(es_buf_slice(&buf).len, 0);
    assert_int_equal(es_buf_add(&buf, S("")), APR_SUCCESS);
    assert_null(buf.data);
}

FACTS(keeps_what_was_added_in_order)
{
    es_buf_t buf;

    es_buf_init(&buf, pool, 10);
    assert_int_equal(es_buf_add(&buf, S("ab")), APR_SUCCESS);
    assert_int_equal(es_buf_add(&buf, S("c\0d")), APR_SUCCESS);
    assert_slice(es_buf_slice(&buf), "abc\0d");
}

FACTS(takes_its_maximum_and_not_a_byte_more)
{
    es_buf_t buf;

    es_buf_init(&buf, pool, 4);
    assert_int_equal(es_buf_add(&buf, S("abcd")), APR_SUCCESS);
    assert_int_equal(es_buf_add(&buf, S("e")), APR_ENOSPC);
    assert_slice(es_buf_slice(&buf), "abcd");
    assert_int_equal(es_buf_add(&buf, S("")), APR_SUCCESS);
}

FACTS(grows_over_many_small_pieces)
{
    es_buf_t buf;
    int i;

    es_buf_init(&buf, pool, 100000);
    for (i = 0; i < 100000; i++) {
        assert_int_equal(es_buf_add(&buf, S("x")), APR_SUCCESS);
    }
    assert_int_equal(buf.room, 100000);
    assert_true(es_slice_equal(es_buf_slice(&buf), repeat('x', 100000)));
}

FACTS(reserve_makes_room_that_the_caller_fills)
{
    es_buf_t buf;

    es_buf_init(&buf, pool, 2000);
    es_buf_add(&buf, S("ab"));
    assert_int_equal(es_buf_reserve(&buf, 1998), APR_SUCCESS);
    memset(buf.data + buf.len, 'x', 1998);
    buf.len += 1998;
    assert_int_equal(es_buf_reserve(&buf, 0), APR_SUCCESS);
    assert_int_equal(es_buf_reserve(&buf, 1), APR_ENOSPC);
    assert_memory_equal(buf.data, "abxx", 4);
}

static const struct CMUnitTest tests[] = {
    UNIT(begins_empty),
    UNIT(keeps_what_was_added_in_order),
    UNIT(takes_its_maximum_and_not_a_byte_more),
    UNIT(grows_over_many_small_pieces),
    UNIT(reserve_makes_room_that_the_caller_fills),
};

UNIT_MAIN(tests)
