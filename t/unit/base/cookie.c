/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/cookie.c. */
#include "t/unit/unit.h"

#include "base/cookie.h"

static int count;

static const char *find(const char *header)
{
    es_slice_t value = es_cookie_find(header, "token", &count);

    return value.data ? apr_pstrmemdup(pool, value.data, value.len) : NULL;
}

FACTS(a_cookie_is_found_wherever_it_stands)
{
    assert_string_equal(find("token=a"), "a");
    assert_string_equal(find("a=b; token=c; d=e"), "c");
    assert_string_equal(find("a=b;token=c"), "c");
    assert_string_equal(find("; ,\ttoken=c=d ;"), "c=d");
    assert_string_equal(find("a=b, token=c"), "c");
    assert_int_equal(count, 1);
}

FACTS(another_name_is_another_cookie)
{
    assert_null(find(NULL));
    assert_null(find(""));
    assert_null(find("a=b"));
    assert_null(find("xtoken=a"));
    assert_null(find("Token=a"));
    assert_null(find("tokens=a"));
    assert_null(find("token"));
    assert_null(find("a=token=b"));
    assert_int_equal(count, 0);
}

FACTS(a_cookie_without_a_value_is_none)
{
    assert_null(find("token="));
    assert_null(find("token= \t;"));
    assert_int_equal(count, 0);
    assert_string_equal(find("token=a; token="), "a");
    assert_int_equal(count, 1);
}

FACTS(all_with_a_value_are_counted)
{
    assert_string_equal(find("token=a; token=b"), "b");
    assert_int_equal(count, 2);
}

static const struct CMUnitTest tests[] = {
    UNIT(a_cookie_is_found_wherever_it_stands),
    UNIT(another_name_is_another_cookie),
    UNIT(a_cookie_without_a_value_is_none),
    UNIT(all_with_a_value_are_counted),
};

UNIT_MAIN(tests)
