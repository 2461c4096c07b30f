/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <apr_general.h>

#include "base/json_string.h"

static void test_strings(void **state)
{
    apr_pool_t *p;

    (void)state;
    apr_pool_create(&p, NULL);
    assert_string_equal(es_json_string(es_slice(NULL, 0), p), "\"\"");
    assert_string_equal(es_json_string(es_slice_of("a\"b\\c"), p),
                        "\"a\\\"b\\\\c\"");
    assert_string_equal(es_json_string(es_slice("\0\x1f\x7f", 3), p),
                        "\"\\u0000\\u001f\x7f\"");
    assert_string_equal(es_json_string(es_slice_of("\r\n\t"), p),
                        "\"\\r\\n\\t\"");
    assert_string_equal(es_json_string(es_slice_of("\xc3\xa4"), p),
                        "\"\xc3\xa4\"");
    apr_pool_destroy(p);
}

static void test_room(void **state)
{
    char text[32], dst[200];
    es_slice_t worst;

    (void)state;
    memset(text, 1, sizeof(text));
    worst = es_slice(text, sizeof(text));
    assert_int_equal(es_json_string_put(dst, worst) - dst,
                     es_json_string_room(sizeof(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_room),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
