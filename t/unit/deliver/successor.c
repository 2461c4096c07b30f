/* SPDX-License-Identifier: Apache-2.0 */
/* Where clients go, for each reason to stop and each state of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>

#include "deliver/successor.h"

#define SECOND APR_USEC_PER_SEC
#define PLACES 3

static apr_pool_t *pool;
static void *mem;
static es_board_t *board;
static int wake[PLACES] = {-1, -1, -1};
static int running;

/* This child is at place 1, of generation 5. */
static es_refuge_t refuge_open(void)
{
    es_refuge_t refuge = {0};

    running = 5;
    apr_pool_create(&pool, NULL);
    assert_int_equal(posix_memalign(&mem, 64, es_board_size(PLACES)), 0);
    memset(mem, 0, es_board_size(PLACES));
    es_board_format(mem, PLACES);
    assert_int_equal(
        es_board_attach(&board, mem, es_board_size(PLACES), PLACES, wake, pool),
        APR_SUCCESS);
    es_board_open(board, 5, 1);
    assert_int_equal(es_board_claim(board, 5, 100), 1);
    refuge.board = board;
    refuge.place = 1;
    refuge.running = &running;
    refuge.generation = 5;
    return refuge;
}

static void refuge_close(void)
{
    apr_pool_destroy(pool);
    free(mem);
}

static void test_nobody_else(void **state)
{
    es_refuge_t refuge = refuge_open();

    (void)state;
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 0), ES_WHERE_END);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_NOW, 0), ES_WHERE_END);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_FINAL, 0), ES_WHERE_END);
    /* another child will be made in its place */
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_OWN, 0), ES_WHERE_WAIT);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_OWN, 3 * SECOND),
                     ES_WHERE_BOAT);
    assert_int_equal(es_refuge_is_last(&refuge, ES_STOP_GRACEFUL), 1);
    assert_int_equal(es_refuge_is_last(&refuge, ES_STOP_OWN), 0);
    refuge_close();
}

static void test_another_child(void **state)
{
    es_refuge_t refuge = refuge_open();

    (void)state;
    assert_int_equal(es_board_claim(board, 5, 101), 2);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_OWN, 0), ES_WHERE_BOAT);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_FINAL, 0), ES_WHERE_END);
    /* will it stop, too? */
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 0),
                     ES_WHERE_WAIT);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_NOW, SECOND),
                     ES_WHERE_BOAT);
    assert_int_equal(es_refuge_is_last(&refuge, ES_STOP_GRACEFUL), 0);
    es_board_stops(board, 2);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, SECOND),
                     ES_WHERE_END);
    assert_int_equal(es_refuge_is_last(&refuge, ES_STOP_GRACEFUL), 1);
    /* who takes the place anew does not stop */
    es_board_free(board, 2);
    assert_int_equal(es_board_has_refuge(board, 1, 0), 0);
    assert_int_equal(es_board_claim(board, 5, 102), 2);
    assert_int_equal(es_board_has_refuge(board, 1, 0), 1);
    assert_int_equal(es_board_has_refuge(board, 2, 6), 0);
    refuge_close();
}

static void test_restart(void **state)
{
    es_refuge_t refuge = refuge_open();

    (void)state;
    running = 6;
    assert_int_equal(es_board_claim(board, 5, 101), 2);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_NOW, 0), ES_WHERE_BOAT);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 2 * SECOND),
                     ES_WHERE_WAIT);
    /* the module is not part of the new configuration, or is */
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 3 * SECOND),
                     ES_WHERE_END);
    es_board_open(board, 6, 1);
    /* another restart came before its children did */
    running = 7;
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 2 * SECOND),
                     ES_WHERE_WAIT);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 3 * SECOND),
                     ES_WHERE_BOAT);
    running = 6;
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 3 * SECOND),
                     ES_WHERE_BOAT);
    assert_int_equal(es_board_claim(board, 6, 102), 3);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 0),
                     ES_WHERE_BOAT);
    /* the boat is for those who come */
    es_board_stops(board, 3);
    assert_int_equal(es_refuge_is_last(&refuge, ES_STOP_NOW), 0);
    refuge_close();
}

/* A configuration without the module was in between. */
static void test_another_boat(void **state)
{
    es_refuge_t refuge = refuge_open();

    (void)state;
    running = 7;
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 0),
                     ES_WHERE_WAIT);
    es_board_open(board, 7, 7);
    assert_int_equal(es_board_afloat(board), 7);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 0),
                     ES_WHERE_WAIT);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 3 * SECOND),
                     ES_WHERE_END);
    assert_int_equal(es_board_claim(board, 7, 101), 2);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_GRACEFUL, 0), ES_WHERE_END);
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_OWN, 0), ES_WHERE_END);
    /* those who come have the new one */
    refuge.generation = 7;
    assert_int_equal(es_refuge_ask(&refuge, ES_STOP_OWN, 0), ES_WHERE_BOAT);
    refuge_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_else),
        cmocka_unit_test(test_another_child),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_another_boat),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
