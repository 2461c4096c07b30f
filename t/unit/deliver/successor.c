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
static es_children_t *children;
static int wake[PLACES] = {-1, -1, -1};
static int running;

/* This child is at place 1, of generation 5. */
static es_successor_t refuge_open(void)
{
    es_successor_t successor = {0};

    running = 5;
    apr_pool_create(&pool, NULL);
    assert_int_equal(posix_memalign(&mem, 64, es_children_size(PLACES)), 0);
    memset(mem, 0, es_children_size(PLACES));
    es_children_format(mem, PLACES);
    assert_int_equal(es_children_attach(&children, mem,
                                        es_children_size(PLACES), PLACES, wake,
                                        pool),
                     APR_SUCCESS);
    es_children_open(children, 5, 1);
    assert_int_equal(es_children_claim(children, 5, 100), 1);
    successor.children = children;
    successor.child = 1;
    successor.running = &running;
    successor.generation = 5;
    return successor;
}

static void refuge_close(void)
{
    apr_pool_destroy(pool);
    free(mem);
}

static void test_nobody_else(void **state)
{
    es_successor_t successor = refuge_open();

    (void)state;
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 0),
                     ES_WHERE_END);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_NOW, 0),
                     ES_WHERE_END);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_FINAL, 0),
                     ES_WHERE_END);
    /* another child will be made in its place */
    assert_int_equal(es_successor_ask(&successor, ES_STOP_OWN, 0),
                     ES_WHERE_WAIT);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_OWN, 3 * SECOND),
                     ES_WHERE_HANDOVER);
    assert_int_equal(es_successor_is_last(&successor, ES_STOP_GRACEFUL), 1);
    assert_int_equal(es_successor_is_last(&successor, ES_STOP_OWN), 0);
    refuge_close();
}

static void test_another_child(void **state)
{
    es_successor_t successor = refuge_open();

    (void)state;
    assert_int_equal(es_children_claim(children, 5, 101), 2);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_OWN, 0),
                     ES_WHERE_HANDOVER);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_FINAL, 0),
                     ES_WHERE_END);
    /* will it stop, too? */
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 0),
                     ES_WHERE_WAIT);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_NOW, SECOND),
                     ES_WHERE_HANDOVER);
    assert_int_equal(es_successor_is_last(&successor, ES_STOP_GRACEFUL), 0);
    es_children_stops(children, 2);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, SECOND),
                     ES_WHERE_END);
    assert_int_equal(es_successor_is_last(&successor, ES_STOP_GRACEFUL), 1);
    /* who takes the place anew does not stop */
    es_children_free(children, 2);
    assert_int_equal(es_children_has_successor(children, 1, 0), 0);
    assert_int_equal(es_children_claim(children, 5, 102), 2);
    assert_int_equal(es_children_has_successor(children, 1, 0), 1);
    assert_int_equal(es_children_has_successor(children, 2, 6), 0);
    refuge_close();
}

static void test_restart(void **state)
{
    es_successor_t successor = refuge_open();

    (void)state;
    running = 6;
    assert_int_equal(es_children_claim(children, 5, 101), 2);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_NOW, 0),
                     ES_WHERE_HANDOVER);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 2 * SECOND),
                     ES_WHERE_WAIT);
    /* the module is not part of the new configuration, or is */
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 3 * SECOND),
                     ES_WHERE_END);
    es_children_open(children, 6, 1);
    /* another restart came before its children did */
    running = 7;
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 2 * SECOND),
                     ES_WHERE_WAIT);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 3 * SECOND),
                     ES_WHERE_HANDOVER);
    running = 6;
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 3 * SECOND),
                     ES_WHERE_HANDOVER);
    assert_int_equal(es_children_claim(children, 6, 102), 3);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 0),
                     ES_WHERE_HANDOVER);
    /* the boat is for those who come */
    es_children_stops(children, 3);
    assert_int_equal(es_successor_is_last(&successor, ES_STOP_NOW), 0);
    refuge_close();
}

/* A configuration without the module was in between. */
static void test_another_boat(void **state)
{
    es_successor_t successor = refuge_open();

    (void)state;
    running = 7;
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 0),
                     ES_WHERE_WAIT);
    es_children_open(children, 7, 7);
    assert_int_equal(es_children_handover_since(children), 7);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 0),
                     ES_WHERE_WAIT);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 3 * SECOND),
                     ES_WHERE_END);
    assert_int_equal(es_children_claim(children, 7, 101), 2);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_GRACEFUL, 0),
                     ES_WHERE_END);
    assert_int_equal(es_successor_ask(&successor, ES_STOP_OWN, 0),
                     ES_WHERE_END);
    /* those who come have the new one */
    successor.generation = 7;
    assert_int_equal(es_successor_ask(&successor, ES_STOP_OWN, 0),
                     ES_WHERE_HANDOVER);
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
