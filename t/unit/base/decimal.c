/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/decimal.h. */
#include "t/unit/unit.h"

#include "base/decimal.h"

static es_slice_t written(apr_uint64_t value)
{
    char *room = apr_palloc(pool, ES_DECIMAL_MAX);
    apr_size_t len = es_decimal_write(room, value);

    assert_int_equal(len, es_decimal_size(value));
    return es_slice(room, len);
}

FACTS(zero_is_one_digit)
{
    assert_slice(written(0), "0");
}

FACTS(digits_change_at_powers_of_ten)
{
    assert_slice(written(9), "9");
    assert_slice(written(10), "10");
    assert_slice(written(99), "99");
    assert_slice(written(100), "100");
}

FACTS(the_greatest_number_has_twenty_digits)
{
    assert_slice(written(UINT64_MAX), "18446744073709551615");
    assert_int_equal(es_decimal_size(UINT64_MAX), ES_DECIMAL_MAX);
}

FACTS(all_powers_are_written_as_by_printf)
{
    apr_uint64_t value = 1;
    int bit;

    for (bit = 0; bit < 64; bit++) {
        assert_true(es_slice_is(
            written(value), apr_psprintf(pool, "%" APR_UINT64_T_FMT, value)));
        value <<= 1;
    }
}

static const struct CMUnitTest tests[] = {
    UNIT(zero_is_one_digit),
    UNIT(digits_change_at_powers_of_ten),
    UNIT(the_greatest_number_has_twenty_digits),
    UNIT(all_powers_are_written_as_by_printf),
};

UNIT_MAIN(tests)
