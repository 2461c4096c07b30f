/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/store/es_census.c: limits hold over all children. */
#include "t/unit/unit.h"

#include "shm/client_count.h"

#define PLACES 3

static es_census_t *make(void)
{
    return es_census_attach(apr_pcalloc(pool, es_census_size(PLACES)), PLACES,
                            pool);
}

static es_census_result_t enter(es_census_t *census, apr_uint32_t place,
                                apr_uint64_t address, es_census_limits_t limits,
                                es_ticket_t *ticket)
{
    return es_census_enter(census, place, address, &limits, ticket);
}

FACTS(counts_in_and_out)
{
    es_census_t *census = make();
    es_census_limits_t none = {0, 0, 0};
    es_ticket_t first, second;

    assert_int_equal(enter(census, 1, 7, none, &first), ES_CENSUS_OK);
    assert_int_equal(enter(census, 2, 7, none, &second), ES_CENSUS_OK);
    assert_int_equal(es_census_clients(census, 1), 1);
    assert_int_equal(es_census_clients(census, 0), 2);
    es_census_leave(&first);
    assert_int_equal(es_census_clients(census, 1), 0);
    assert_int_equal(es_census_clients(census, 0), 1);
}

FACTS(limit_of_all_children)
{
    es_census_t *census = make();
    es_census_limits_t two = {2, 0, 0};
    es_ticket_t a, b, c;

    assert_int_equal(enter(census, 1, 1, two, &a), ES_CENSUS_OK);
    assert_int_equal(enter(census, 2, 2, two, &b), ES_CENSUS_OK);
    assert_int_equal(enter(census, 3, 3, two, &c), ES_CENSUS_FULL);
    assert_null(c.census);
    assert_int_equal(es_census_clients(census, 0), 2);
    es_census_leave(&a);
    assert_int_equal(enter(census, 3, 3, two, &c), ES_CENSUS_OK);
}

FACTS(limit_of_an_address)
{
    es_census_t *census = make();
    es_census_limits_t two = {0, 2, 0};
    es_ticket_t a, b, c, other;

    assert_int_equal(enter(census, 1, 9, two, &a), ES_CENSUS_OK);
    assert_int_equal(enter(census, 2, 9, two, &b), ES_CENSUS_OK);
    assert_int_equal(enter(census, 1, 9, two, &c), ES_CENSUS_ADDRESS_FULL);
    assert_int_equal(enter(census, 1, 10, two, &other), ES_CENSUS_OK);
    es_census_leave(&b);
    assert_int_equal(enter(census, 1, 9, two, &c), ES_CENSUS_OK);
}

FACTS(limit_of_a_child)
{
    es_census_t *census = make();
    es_census_limits_t one = {0, 0, 1};
    es_ticket_t a, b;

    assert_int_equal(enter(census, 1, 1, one, &a), ES_CENSUS_OK);
    assert_int_equal(enter(census, 1, 2, one, &b), ES_CENSUS_PROCESS_FULL);
    assert_int_equal(enter(census, 2, 2, one, &b), ES_CENSUS_OK);
}

FACTS(a_dead_child_takes_its_clients_with_it)
{
    es_census_t *census = make();
    es_census_limits_t one = {0, 1, 0};
    es_ticket_t a, b;

    assert_int_equal(enter(census, 1, 5, one, &a), ES_CENSUS_OK);
    assert_int_equal(enter(census, 2, 5, one, &b), ES_CENSUS_ADDRESS_FULL);
    es_census_forget(census, 1);
    assert_int_equal(es_census_clients(census, 0), 0);
    assert_int_equal(enter(census, 2, 5, one, &b), ES_CENSUS_OK);
}

FACTS(never_counts_an_address_too_low)
{
    es_census_t *census = make();
    es_census_limits_t none = {0, 0, 0}, one = {0, 1, 0};
    es_ticket_t ticket;
    apr_uint64_t i, refused = 0;

    for (i = 0; i < 5000; i++) {
        enter(census, 1, es_census_key(&i, sizeof(i)), none, &ticket);
    }
    for (i = 0; i < 5000; i++) {
        refused += enter(census, 2, es_census_key(&i, sizeof(i)), one,
                         &ticket) == ES_CENSUS_ADDRESS_FULL;
    }
    assert_int_equal(refused, 5000);
}

FACTS(refuses_places_that_there_are_not)
{
    es_census_t *census = make();
    es_census_limits_t none = {0, 0, 0};
    es_ticket_t ticket;

    assert_int_equal(enter(census, 0, 1, none, &ticket),
                     ES_CENSUS_PROCESS_FULL);
    assert_int_equal(enter(census, PLACES + 1, 1, none, &ticket),
                     ES_CENSUS_PROCESS_FULL);
    assert_null(ticket.census);
}

FACTS(keys_tell_addresses_apart)
{
    assert_true(es_census_key("\177\0\0\1", 4) !=
                es_census_key("\177\0\0\2", 4));
    assert_true(es_census_key("\0", 1) != es_census_key("\0\0", 2));
}

static const struct CMUnitTest tests[] = {
    UNIT(counts_in_and_out),
    UNIT(limit_of_all_children),
    UNIT(limit_of_an_address),
    UNIT(limit_of_a_child),
    UNIT(a_dead_child_takes_its_clients_with_it),
    UNIT(never_counts_an_address_too_low),
    UNIT(refuses_places_that_there_are_not),
    UNIT(keys_tell_addresses_apart),
};

UNIT_MAIN(tests)
