/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/field_list.c. */
#include "t/unit/unit.h"

#include "base/field_list.h"

/* A list of these names. */
static es_field_list_t list_of(const char *const *names)
{
    es_field_list_t list = {0};

    for (; *names; names++) {
        es_field_list_add(&list, es_slice_of(*names), pool);
    }
    return list;
}

static const char *describe(const char *const *names)
{
    es_field_list_t list = list_of(names);

    return es_field_list_describe(&list, "form", "'x'", pool);
}

FACTS(names_are_listed_in_order)
{
    static const char *const one[] = {"a", NULL};
    static const char *const two[] = {"b", "a", NULL};

    assert_string_equal(describe(one),
                        "the form has the fields 'a', and not 'x'");
    assert_string_equal(describe(two),
                        "the form has the fields 'b', 'a', and not 'x'");
}

FACTS(no_names_are_no_fields)
{
    static const char *const none[] = {NULL};

    assert_string_equal(describe(none), "the form has no fields");
}

FACTS(names_are_made_printable)
{
    static const char *const names[] = {"", "a\nb", "\xff", NULL};

    assert_string_equal(describe(names),
                        "the form has the fields '', 'a?b', '?', and not 'x'");
}

FACTS(a_long_list_is_cut)
{
    static const char *const eight[] = {"1", "2", "3", "4", "5",
                                        "6", "7", "8", NULL};
    static const char *const nine[] = {"1", "2", "3", "4", "5",
                                       "6", "7", "8", "9", NULL};
    es_field_list_t list = list_of(eight);

    assert_false(es_field_list_is_cut(&list));
    assert_non_null(strstr(describe(eight), "'8', and not"));
    list = list_of(nine);
    assert_true(es_field_list_is_cut(&list));
    assert_non_null(strstr(describe(nine), "'8', ..., and not"));
}

static const struct CMUnitTest tests[] = {
    UNIT(names_are_listed_in_order),
    UNIT(no_names_are_no_fields),
    UNIT(names_are_made_printable),
    UNIT(a_long_list_is_cut),
};

UNIT_MAIN(tests)
