/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deliver/loop.c: it starts as a whole or leaves nothing open, and
 * it serves all that came before it ends. */
#include "t/unit/deliver_fixture.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_errno.h>
#include <apr_general.h>

#include "deliver/loop.h"
#include "deliver/sink_socket.h"

#define CLIENTS 900 /* whose peers are gone */
#define LOOK_AT 64  /* all descriptors of this test are below it */

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

/* Post a client. @return the other end of its socket */
static int post_client(world_t *w, es_inbox_t *inbox)
{
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    es_conn_t *conn;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    params.store = w->hub.store;
    params.child = 1;
    params.nslots = hub_subscribe(&w->hub, "a", slots, &params.pos);
    params.slots = slots;
    conn = es_conns_prepare(
        es_client_create(&params, es_sink_socket_create(pair[0], 1, 0), 0));
    assert_non_null(conn);
    conn->note.kind = ES_NOTE_CLIENT;
    assert_int_equal(es_inbox_post(inbox, &conn->note), APR_SUCCESS);
    return pair[1];
}

/* More clients than a turn takes, at a stop: those of the first turn are gone
 * at once, and the last one still gets the end of its stream. */
static void test_clients_left_of_a_turn_get_their_end(void **state)
{
    es_shutdown_orders_t orders = {0};
    char got[100] = "";
    es_inbox_t *inbox;
    es_loop_t *loop;
    world_t w;
    int peer, i;

    (void)state;
    world_open(&w);
    assert_int_equal(es_inbox_open(&inbox), APR_SUCCESS);
    assert_int_equal(es_loop_create(&loop, &w.params, inbox, &orders),
                     APR_SUCCESS);
    for (i = 0; i < CLIENTS; i++) {
        close(post_client(&w, inbox));
    }
    peer = post_client(&w, inbox);
    orders.stop = ES_STOP_FINAL;
    orders.finish = 1;
    es_loop_run(loop);
    assert_true(recv(peer, got, sizeof(got) - 1, 0) > 0);
    assert_non_null(strstr(got, "0\r\n\r\n"));
    close(peer);
    es_loop_destroy(loop);
    es_inbox_close(inbox);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors_exhausted),
        cmocka_unit_test(test_clients_left_of_a_turn_get_their_end),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
