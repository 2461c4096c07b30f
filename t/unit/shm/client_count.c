/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/client_count.c. */
#include "t/unit/unit.h"

#include "shm/client_count.h"

#define CHILDREN 3

static es_client_count_t *make(void)
{
    return es_client_count_attach(
        apr_pcalloc(pool, es_client_count_size(CHILDREN)), CHILDREN, pool);
}

static es_client_count_result_t enter(es_client_count_t *client_count,
                                      apr_uint32_t child, apr_uint64_t address,
                                      es_client_limits_t limits,
                                      es_counted_t *counted)
{
    return es_client_count_add(client_count, child, address, &limits, counted);
}

FACTS(clients_are_counted_until_they_leave)
{
    es_client_count_t *client_count = make();
    es_client_limits_t none = {0};
    es_counted_t first, second;

    assert_int_equal(enter(client_count, 1, 7, none, &first),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(enter(client_count, 2, 7, none, &second),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(es_client_count_total(client_count, 1), 1);
    assert_int_equal(es_client_count_total(client_count, 0), 2);
    es_client_count_remove(&first);
    assert_int_equal(es_client_count_total(client_count, 1), 0);
    assert_int_equal(es_client_count_total(client_count, 0), 1);
}

FACTS(kinds_are_counted_until_the_clients_leave)
{
    es_client_count_t *client_count = make();
    es_client_limits_t none = {0}, two = {2, 0, 0, 0, 0, 0};
    es_counted_t first, second, third;

    enter(client_count, 1, 7, none, &first);
    enter(client_count, 2, 7, none, &second);
    es_client_count_add_kind(&first, ES_CLIENT_COUNT_DETACHED_TLS);
    es_client_count_add_kind(&second, ES_CLIENT_COUNT_DETACHED_TLS);
    es_client_count_add_kind(&second, ES_CLIENT_COUNT_HELD); /* once */
    enter(client_count, 3, 7, two, &third);
    es_client_count_add_kind(&third, ES_CLIENT_COUNT_HELD); /* not counted */
#define OF(kind) \
    es_client_count_of_kind(client_count, 0, ES_CLIENT_COUNT_##kind)
    assert_int_equal(OF(DETACHED_TLS), 2);
    assert_int_equal(OF(DETACHED), 0);
    assert_int_equal(OF(HELD), 0);
    es_client_count_remove(&first);
    assert_int_equal(OF(DETACHED_TLS), 1);
    es_client_count_clear(client_count, 2); /* its child was killed */
    assert_int_equal(OF(DETACHED_TLS), 0);
#undef OF
}

FACTS(a_limit_holds_over_all_children)
{
    es_client_count_t *client_count = make();
    es_client_limits_t two = {2, 0, 0, 0, 0, 0};
    es_counted_t a, b, c;

    assert_int_equal(enter(client_count, 1, 1, two, &a), ES_CLIENT_COUNT_OK);
    assert_int_equal(enter(client_count, 2, 2, two, &b), ES_CLIENT_COUNT_OK);
    assert_int_equal(enter(client_count, 3, 3, two, &c), ES_CLIENT_COUNT_FULL);
    assert_null(c.client_count);
    assert_int_equal(es_client_count_total(client_count, 0), 2);
    es_client_count_remove(&a);
    assert_int_equal(enter(client_count, 3, 3, two, &c), ES_CLIENT_COUNT_OK);
}

FACTS(a_limit_of_an_address_holds_over_all_children)
{
    es_client_count_t *client_count = make();
    es_client_limits_t two = {0, 2, 0, 0, 0, 0};
    es_counted_t a, b, c, other;

    assert_int_equal(enter(client_count, 1, 9, two, &a), ES_CLIENT_COUNT_OK);
    assert_int_equal(enter(client_count, 2, 9, two, &b), ES_CLIENT_COUNT_OK);
    assert_int_equal(enter(client_count, 1, 9, two, &c),
                     ES_CLIENT_COUNT_ADDRESS_FULL);
    assert_int_equal(enter(client_count, 1, 10, two, &other),
                     ES_CLIENT_COUNT_OK);
    es_client_count_remove(&b);
    assert_int_equal(enter(client_count, 1, 9, two, &c), ES_CLIENT_COUNT_OK);
}

FACTS(the_clients_of_one_address_may_be_many)
{
    es_client_count_t *client_count = make();
    es_client_limits_t many = {0, 70000, 0, 0, 0, 0};
    es_counted_t counted;
    int i;

    for (i = 0; i < 70000; i++) {
        assert_int_equal(enter(client_count, 1, 9, many, &counted),
                         ES_CLIENT_COUNT_OK);
    }
    assert_int_equal(enter(client_count, 1, 9, many, &counted),
                     ES_CLIENT_COUNT_ADDRESS_FULL);
    assert_int_equal(enter(client_count, 2, 9, many, &counted),
                     ES_CLIENT_COUNT_ADDRESS_FULL);
}

FACTS(a_limit_of_a_child_holds_for_that_child)
{
    es_client_count_t *client_count = make();
    es_client_limits_t one = {0, 0, 1, 0, 0, 0};
    es_counted_t a, b;

    assert_int_equal(enter(client_count, 1, 1, one, &a), ES_CLIENT_COUNT_OK);
    assert_int_equal(enter(client_count, 1, 2, one, &b),
                     ES_CLIENT_COUNT_CHILD_FULL);
    assert_int_equal(enter(client_count, 2, 2, one, &b), ES_CLIENT_COUNT_OK);
}

FACTS(the_clients_of_a_dead_child_are_forgotten)
{
    es_client_count_t *client_count = make();
    es_client_limits_t one = {0, 1, 0, 0, 0, 0};
    es_counted_t a, b;

    assert_int_equal(enter(client_count, 1, 5, one, &a), ES_CLIENT_COUNT_OK);
    assert_int_equal(enter(client_count, 2, 5, one, &b),
                     ES_CLIENT_COUNT_ADDRESS_FULL);
    es_client_count_clear(client_count, 1);
    assert_int_equal(es_client_count_total(client_count, 0), 0);
    assert_int_equal(enter(client_count, 2, 5, one, &b), ES_CLIENT_COUNT_OK);
}

FACTS(an_address_never_counts_too_few)
{
    es_client_count_t *client_count = make();
    es_client_limits_t none = {0}, one = {0, 1, 0, 0, 0, 0};
    es_counted_t counted;
    apr_uint64_t i, refused = 0;

    for (i = 0; i < 5000; i++) {
        enter(client_count, 1, es_client_count_key(&i, sizeof(i)), none,
              &counted);
    }
    for (i = 0; i < 5000; i++) {
        refused += enter(client_count, 2, es_client_count_key(&i, sizeof(i)),
                         one, &counted) == ES_CLIENT_COUNT_ADDRESS_FULL;
    }
    assert_int_equal(refused, 5000);
}

FACTS(channels_of_an_address_are_counted_over_its_clients)
{
    es_client_count_t *client_count = make();
    es_client_limits_t most = {0, 0, 0, 70000, 0, 0};
    es_counted_t a, b, other;

    enter(client_count, 1, 5, most, &a);
    enter(client_count, 2, 5, most, &b);
    enter(client_count, 2, 6, most, &other);
    assert_int_equal(es_client_count_add_channels(&a, 69999, &most),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(es_client_count_add_channels(&b, 1, &most),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(es_client_count_add_channels(&other, 70000, &most),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(es_client_count_add_channels(&b, 1, &most),
                     ES_CLIENT_COUNT_CHANNELS_FULL);
    es_client_count_remove(&b); /* both of its counts */
    enter(client_count, 2, 5, most, &b);
    assert_int_equal(es_client_count_add_channels(&b, 1, &most),
                     ES_CLIENT_COUNT_OK);
    es_client_count_clear(client_count, 1);
    assert_int_equal(es_client_count_add_channels(&b, 69999, &most),
                     ES_CLIENT_COUNT_OK);
}

/* Counters of 16 bits began at 0 again. */
FACTS(an_address_may_have_more_than_65535_clients)
{
    es_client_count_t *client_count = make();
    es_client_limits_t none = {0}, one = {0, 1, 0, 0, 0, 0};
    es_counted_t counted;
    int i;

    for (i = 0; i < 65536; i++) {
        enter(client_count, 1, 7, none, &counted);
    }
    assert_int_equal(enter(client_count, 1, 7, one, &counted),
                     ES_CLIENT_COUNT_ADDRESS_FULL);
}

FACTS(an_invalid_child_number_counts_nothing)
{
    es_client_count_t *client_count = make();
    es_client_limits_t none = {0};
    es_counted_t counted;

    assert_int_equal(enter(client_count, 0, 1, none, &counted),
                     ES_CLIENT_COUNT_CHILD_FULL);
    assert_int_equal(enter(client_count, CHILDREN + 1, 1, none, &counted),
                     ES_CLIENT_COUNT_CHILD_FULL);
    assert_null(counted.client_count);
}

FACTS(different_addresses_have_different_keys)
{
    assert_true(es_client_count_key("\177\0\0\1", 4) !=
                es_client_count_key("\177\0\0\2", 4));
    assert_true(es_client_count_key("\0", 1) != es_client_count_key("\0\0", 2));
}

FACTS(the_clients_of_a_browser_are_limited_over_all_children)
{
    es_client_count_t *client_count = make();
    es_client_limits_t two = {0, 0, 0, 0, 2, 0}, one = {0, 0, 0, 0, 1, 0};
    apr_uint64_t address = es_client_count_key("\177\0\0\1", 4);
    apr_uint64_t browser = es_client_count_with_browser(address, 7);
    apr_uint64_t other = es_client_count_with_browser(address, 8);
    es_counted_t a, b, c;

    assert_int_equal(enter(client_count, 1, browser, two, &a),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(enter(client_count, 2, browser, two, &b),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(enter(client_count, 3, browser, two, &c),
                     ES_CLIENT_COUNT_BROWSER_FULL);
    assert_null(c.client_count);
    assert_int_equal(es_client_count_of_browser(client_count, 7), 2);
    assert_int_equal(es_client_count_of_browser(client_count, 8), 0);
    assert_int_equal(enter(client_count, 3, other, one, &c),
                     ES_CLIENT_COUNT_OK);
    es_client_count_remove(&c);
    assert_int_equal(enter(client_count, 3, address, one, &c),
                     ES_CLIENT_COUNT_OK);
    es_client_count_remove(&a);
    es_client_count_remove(&b);
    assert_int_equal(es_client_count_of_browser(client_count, 7), 0);
    assert_int_equal(enter(client_count, 1, browser, one, &a),
                     ES_CLIENT_COUNT_OK);
}

FACTS(a_client_of_a_browser_counts_for_its_address)
{
    es_client_count_t *client_count = make();
    es_client_limits_t one = {0, 1, 0, 3, 0, 0};
    apr_uint64_t address = es_client_count_key("\177\0\0\1", 4);
    es_counted_t a, b;

    assert_int_equal(enter(client_count, 1,
                           es_client_count_with_browser(address, 7), one, &a),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(es_client_count_add_channels(&a, 3, &one),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(enter(client_count, 1, address, one, &b),
                     ES_CLIENT_COUNT_ADDRESS_FULL);
    assert_int_equal(es_client_count_add_channels(&a, 1, &one),
                     ES_CLIENT_COUNT_CHANNELS_FULL);
    es_client_count_remove(&a);
    assert_int_equal(enter(client_count, 1, address, one, &b),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(es_client_count_add_channels(&b, 3, &one),
                     ES_CLIENT_COUNT_OK);
}

/* ---- users -------------------------------------------------------------- */

static es_client_count_t *make_with_users(void)
{
    es_client_count_t *client_count = make();

    es_client_count_attach_users(
        client_count, apr_pcalloc(pool, es_client_count_users_size(CHILDREN)));
    return client_count;
}

static es_client_count_result_t enter_user(es_client_count_t *client_count,
                                           apr_uint32_t child,
                                           apr_uint64_t user, apr_uint32_t most,
                                           es_counted_t *counted)
{
    es_client_limits_t limits = {0};

    limits.user_clients = most;
    (void)es_client_count_add(client_count, child, 7, &limits, counted);
    return es_client_count_add_user(counted, user, &limits);
}

#define ANN APR_UINT64_C(0x0123456789abcdef)
#define BOB APR_UINT64_C(0x0123456789abcdee)

FACTS(the_clients_of_a_user_are_limited_over_all_children)
{
    es_client_count_t *client_count = make_with_users();
    es_counted_t a, b, c, other;

    assert_int_equal(enter_user(client_count, 1, ANN, 2, &a),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(enter_user(client_count, 2, ANN, 2, &b),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(enter_user(client_count, 3, ANN, 2, &c),
                     ES_CLIENT_COUNT_USER_FULL);
    assert_int_equal(enter_user(client_count, 3, BOB, 2, &other),
                     ES_CLIENT_COUNT_OK);
    assert_int_equal(es_client_count_of_user(client_count, ANN), 3);
    es_client_count_remove(&c);
    es_client_count_remove(&a);
    assert_int_equal(es_client_count_of_user(client_count, ANN), 1);
    assert_int_equal(enter_user(client_count, 1, ANN, 2, &a),
                     ES_CLIENT_COUNT_OK);
}

FACTS(a_client_without_user_counts_for_none)
{
    es_client_count_t *client_count = make_with_users();
    es_counted_t counted;
    int i;

    for (i = 0; i < 10; i++) {
        assert_int_equal(enter_user(client_count, 1, 0, 1, &counted),
                         ES_CLIENT_COUNT_OK);
    }
    assert_int_equal(es_client_count_of_user(client_count, 0), 0);
}

FACTS(the_user_of_a_client_that_is_not_counted_is_known)
{
    es_client_count_t *client_count = make_with_users();
    es_client_limits_t limits = {1, 0, 0, 0, 0, 1};
    es_counted_t first, second;

    (void)es_client_count_add(client_count, 1, 7, &limits, &first);
    assert_int_equal(es_client_count_add(client_count, 1, 7, &limits, &second),
                     ES_CLIENT_COUNT_FULL);
    assert_int_equal(es_client_count_add_user(&second, ANN, &limits),
                     ES_CLIENT_COUNT_OK);
    assert_true(second.user == ANN);
    assert_int_equal(es_client_count_of_user(client_count, ANN), 0);
    es_client_count_remove(&second);
    assert_int_equal(es_client_count_of_user(client_count, ANN), 0);
}

FACTS(the_users_of_a_dead_child_are_forgotten)
{
    es_client_count_t *client_count = make_with_users();
    es_counted_t counted;

    enter_user(client_count, 2, ANN, 0, &counted);
    enter_user(client_count, 2, ANN, 0, &counted);
    enter_user(client_count, 3, ANN, 0, &counted);
    es_client_count_clear(client_count, 2);
    assert_int_equal(es_client_count_of_user(client_count, ANN), 1);
}

FACTS(without_memory_for_users_nobody_is_limited)
{
    es_client_count_t *client_count = make();
    es_counted_t counted;
    int i;

    for (i = 0; i < 3; i++) {
        assert_int_equal(enter_user(client_count, 1, ANN, 1, &counted),
                         ES_CLIENT_COUNT_OK);
        es_client_count_remove(&counted);
    }
}

/* Ten thousand other users with a client each: a limit of 3 is that of each. */
FACTS(many_users_do_not_lock_each_other_out)
{
    es_client_count_t *client_count = make_with_users();
    es_counted_t counted;
    apr_uint64_t user;
    int full = 0;

    for (user = 1; user <= 10000; user++) {
        full += enter_user(client_count, 1 + user % 3,
                           user * APR_UINT64_C(0x9e3779b97f4a7c15), 3,
                           &counted) != ES_CLIENT_COUNT_OK;
    }
    assert_int_equal(full, 0);
}

static const struct CMUnitTest tests[] = {
    UNIT(clients_are_counted_until_they_leave),
    UNIT(kinds_are_counted_until_the_clients_leave),
    UNIT(a_limit_holds_over_all_children),
    UNIT(a_limit_of_an_address_holds_over_all_children),
    UNIT(the_clients_of_one_address_may_be_many),
    UNIT(a_limit_of_a_child_holds_for_that_child),
    UNIT(the_clients_of_a_dead_child_are_forgotten),
    UNIT(an_address_never_counts_too_few),
    UNIT(channels_of_an_address_are_counted_over_its_clients),
    UNIT(an_address_may_have_more_than_65535_clients),
    UNIT(an_invalid_child_number_counts_nothing),
    UNIT(different_addresses_have_different_keys),
    UNIT(the_clients_of_a_browser_are_limited_over_all_children),
    UNIT(a_client_of_a_browser_counts_for_its_address),
    UNIT(the_clients_of_a_user_are_limited_over_all_children),
    UNIT(a_client_without_user_counts_for_none),
    UNIT(the_user_of_a_client_that_is_not_counted_is_known),
    UNIT(the_users_of_a_dead_child_are_forgotten),
    UNIT(without_memory_for_users_nobody_is_limited),
    UNIT(many_users_do_not_lock_each_other_out),
};

UNIT_MAIN(tests)
