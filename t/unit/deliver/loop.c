/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deliver/loop.c: it starts as a whole or leaves nothing open. */
#include "t/unit/deliver_fixture.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <apr_errno.h>
#include <apr_general.h>

#include "deliver/loop.h"

#define LOOK_AT 64 /* all descriptors of this test are below it */

typedef struct world_t {
    hub_t hub;
    void *children_mem;
    int wake;
    es_delivery_params_t params;
    apr_pool_t *pool;
} world_t;

static void world_open(world_t *w)
{
    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, 65536);
    apr_pool_create(&w->pool, NULL);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_int_equal(posix_memalign(&w->children_mem, 64, es_children_size(1)),
                     0);
    es_children_format(w->children_mem, 1);
    assert_int_equal(es_children_attach(&w->params.children, w->children_mem,
                                        es_children_size(1), 1, &w->wake,
                                        w->pool),
                     APR_SUCCESS);
    w->params.child = 1;
    w->params.hubs = &w->hub.store;
    w->params.nhubs = 1;
}

static void world_close(world_t *w)
{
    apr_pool_destroy(w->pool);
    close(w->wake);
    free(w->children_mem);
    hub_close(&w->hub);
}

static int count_descriptors(void)
{
    int count = 0;
    int fd;

    for (fd = 0; fd < LOOK_AT; fd++) {
        count += fcntl(fd, F_GETFD) != -1;
    }
    return count;
}

/* Use up all descriptors below the limit, except spare ones. */
static int use_up(int *taken, int spare)
{
    int count = 0;
    int fd = dup(0);

    while (fd >= 0) {
        assert_true(count < LOOK_AT);
        taken[count++] = fd;
        fd = dup(0);
    }
    while (spare-- > 0) {
        close(taken[--count]);
    }
    return count;
}

/* Start and destroy while spare descriptors are left. */
static apr_status_t start_with(world_t *w, int spare)
{
    int taken[LOOK_AT];
    es_shutdown_orders_t orders = {0};
    es_inbox_t *inbox;
    es_loop_t *loop;
    apr_status_t rv;
    int count = use_up(taken, spare);

    rv = es_inbox_open(&inbox);
    if (rv == APR_SUCCESS) {
        rv = es_loop_create(&loop, &w->params, inbox, &orders);
        if (rv == APR_SUCCESS) {
            es_loop_destroy(loop);
        }
        es_inbox_close(inbox);
    }
    while (count-- > 0) {
        close(taken[count]);
    }
    return rv;
}

static void test_descriptors_exhausted(void **state)
{
    struct rlimit before, small;
    world_t w;
    int count;

    (void)state;
    world_open(&w);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    small = before;
    small.rlim_cur = LOOK_AT;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    count = count_descriptors();
    assert_true(APR_STATUS_IS_EMFILE(start_with(&w, 0)));
    assert_true(APR_STATUS_IS_EMFILE(start_with(&w, 1)));
    assert_int_equal(start_with(&w, 2), APR_SUCCESS);
    assert_int_equal(count_descriptors(), count);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors_exhausted),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
