/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of server/deliveries.c: the numbers of a child's deliveries, and which
 * of them gets a client. */
#include "t/unit/unit.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "server/deliveries.c"

#define NUMBERS 4
#define PID 4711
#define SECOND APR_USEC_PER_SEC

static es_children_t *children;
static es_client_count_t *client_count;
static es_deliveries_t deliveries;
static int wake[NUMBERS];

static void *zeros(apr_size_t size)
{
    void *mem = NULL;

    assert_int_equal(posix_memalign(&mem, 64, size), 0);
    memset(mem, 0, size);
    return mem;
}

static void *children_mem, *count_mem;

static void begin(void)
{
    apr_size_t size = es_children_size(NUMBERS);
    int i;

    for (i = 0; i < NUMBERS; i++) {
        wake[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    children_mem = zeros(size);
    es_children_format(children_mem, NUMBERS);
    assert_int_equal(
        es_children_attach(&children, children_mem, size, NUMBERS, wake, pool),
        APR_SUCCESS);
    count_mem = zeros(es_client_count_size(NUMBERS));
    client_count = es_client_count_attach(count_mem, NUMBERS, pool);
    memset(&deliveries, 0, sizeof(deliveries));
}

/* Starts as many deliveries, which have no hubs. */
static void start(apr_uint32_t count)
{
    es_delivery_params_t params = {0};

    begin();
    params.children = children;
    assert_int_equal(es_deliveries_claim(&deliveries, children, count, 1, PID),
                     count);
    assert_int_equal(es_deliveries_start(&deliveries, &params, pool),
                     APR_SUCCESS);
    assert_int_equal(deliveries.count, count);
}

static void end(void)
{
    int i;

    es_deliveries_leave(&deliveries, ES_STOP_FINAL);
    assert_int_equal(
        es_deliveries_join(&deliveries, es_clock_now() + 60 * SECOND),
        APR_SUCCESS);
    apr_pool_clear(pool);
    for (i = 0; i < NUMBERS; i++) {
        close(wake[i]);
    }
    free(children_mem);
    free(count_mem);
}

static apr_uint32_t choose(void)
{
    return es_deliveries_choose(&deliveries, client_count);
}

/* A client comes. @return its number */
static apr_uint32_t add_client(es_counted_t *counted)
{
    static const es_client_limits_t none = {0};
    apr_uint32_t child = choose();

    assert_int_equal(
        es_client_count_add(client_count, child, 1, &none, counted),
        ES_CLIENT_COUNT_OK);
    return child;
}

FACTS(it_claims_as_many_numbers_as_are_wanted)
{
    begin();
    assert_int_equal(es_deliveries_claim(&deliveries, children, 3, 1, PID), 3);
    assert_int_equal(es_children_pid(children, 1), PID);
    assert_int_equal(es_children_pid(children, 3), PID);
    assert_false(es_children_is_present(children, 4));
    memset(&deliveries, 0, sizeof(deliveries));
    assert_int_equal(es_deliveries_claim(&deliveries, children, 3, 1, PID + 1),
                     1);
    memset(&deliveries, 0, sizeof(deliveries));
    assert_int_equal(es_deliveries_claim(&deliveries, children, 3, 1, PID + 2),
                     0);
    assert_int_equal(choose(), 0);
    assert_false(es_deliveries_is_stopping(&deliveries));
    end();
}

FACTS(a_number_leads_to_its_delivery)
{
    start(3);
    assert_ptr_equal(es_deliveries_of(&deliveries, 2),
                     deliveries.deliveries[1]);
    assert_ptr_not_equal(deliveries.deliveries[1], deliveries.deliveries[2]);
    assert_null(es_deliveries_of(&deliveries, 0));
    assert_null(es_deliveries_of(&deliveries, 4));
    end();
}

FACTS(the_delivery_with_the_fewest_clients_gets_the_next)
{
    es_counted_t counted[9];
    apr_uint32_t i;

    start(3);
    for (i = 0; i < 9; i++) {
        (void)add_client(&counted[i]);
    }
    for (i = 1; i <= 3; i++) {
        assert_int_equal(es_client_count_total(client_count, i), 3);
    }
    es_client_count_remove(&counted[4]);
    assert_int_equal(choose(), counted[4].child);
    end();
}

/* A page opens two streams, one after the other. If its first one always went
 * to the same delivery, that one would write all events of this channel. */
FACTS(clients_that_come_in_turns_are_spread)
{
    es_counted_t counted;
    apr_uint32_t first = 0;
    int i;

    start(2);
    for (i = 0; i < 400; i++) {
        first += add_client(&counted) == 1;
        (void)add_client(&counted);
    }
    assert_in_range(first, 100, 300); /* ten standard deviations */
    assert_int_equal(es_client_count_total(client_count, 1), 400);
    assert_int_equal(es_client_count_total(client_count, 2), 400);
    end();
}

FACTS(a_delivery_that_has_failed_gets_none)
{
    es_counted_t counted;

    start(2);
    es_delivery_stop(deliveries.deliveries[0]);
    assert_false(es_deliveries_is_stopping(&deliveries));
    assert_int_equal(add_client(&counted), 2);
    assert_int_equal(add_client(&counted), 2);
    end();
}

FACTS(while_all_stop_clients_are_still_taken)
{
    es_counted_t counted;

    start(2);
    es_deliveries_leave(&deliveries, ES_STOP_GRACEFUL);
    assert_true(es_deliveries_is_stopping(&deliveries));
    (void)add_client(&counted);
    (void)add_client(&counted);
    assert_int_equal(es_client_count_total(client_count, 1), 1);
    assert_int_equal(es_client_count_total(client_count, 2), 1);
    end();
}

/* None has a successor, since the others are of the same process. */
FACTS(deliveries_of_a_process_do_not_wait_for_each_other)
{
    apr_time_t since;

    start(3);
    since = es_clock_now();
    es_deliveries_leave(&deliveries, ES_STOP_GRACEFUL);
    assert_false(es_children_has_successor(children, 1, 0));
    assert_false(es_children_has_successor(children, 3, 0));
    assert_int_equal(es_deliveries_join(&deliveries, since + 60 * SECOND),
                     APR_SUCCESS);
    end();
}

FACTS(all_are_joined_by_one_deadline)
{
    apr_time_t since;

    start(3); /* none has an order to stop */
    since = es_clock_now();
    assert_int_equal(es_deliveries_join(&deliveries, since + SECOND / 10),
                     APR_TIMEUP);
    assert_true(es_clock_now() - since >= SECOND / 10);
    end();
}

static const struct CMUnitTest tests[] = {
    UNIT(it_claims_as_many_numbers_as_are_wanted),
    UNIT(a_number_leads_to_its_delivery),
    UNIT(the_delivery_with_the_fewest_clients_gets_the_next),
    UNIT(clients_that_come_in_turns_are_spread),
    UNIT(a_delivery_that_has_failed_gets_none),
    UNIT(while_all_stop_clients_are_still_taken),
    UNIT(deliveries_of_a_process_do_not_wait_for_each_other),
    UNIT(all_are_joined_by_one_deadline),
};

UNIT_MAIN(tests)
