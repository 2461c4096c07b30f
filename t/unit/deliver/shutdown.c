/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of src/deliver/shutdown.c: what becomes of the clients for each reason
 * to stop and each state of the other children, and how long a stop waits for
 * them.
 */
#include "t/unit/deliver_fixture.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_general.h>

#include "journal/store_priv.h"
#include "deliver/conn_timers.h"
#include "deliver/handover_msg.h"
#include "deliver/shutdown.h"
#include "deliver/sink_socket.h"

#define CHILD 1
#define MS 1000
#define SECOND APR_USEC_PER_SEC

/* ---- who takes the clients over ---------------------------------------- */

#define CHILDREN 3

static apr_pool_t *pool;
static void *mem;
static es_children_t *children;
static int wake[CHILDREN] = {-1, -1, -1};
static int running;

/* This is child 1, of generation 5. */
static es_shutdown_server_t server_open(void)
{
    es_shutdown_server_t server = {0};

    running = 5;
    apr_pool_create(&pool, NULL);
    assert_int_equal(posix_memalign(&mem, 64, es_children_size(CHILDREN)), 0);
    memset(mem, 0, es_children_size(CHILDREN));
    es_children_format(mem, CHILDREN);
    assert_int_equal(es_children_attach(&children, mem,
                                        es_children_size(CHILDREN), CHILDREN,
                                        wake, pool),
                     APR_SUCCESS);
    es_children_open(children, 5, 1);
    assert_int_equal(es_children_claim(children, 5, 100), 1);
    server.children = children;
    server.child = 1;
    server.running = &running;
    server.generation = 5;
    return server;
}

static void server_close(void)
{
    apr_pool_destroy(pool);
    free(mem);
}

static void test_no_other_child(void **state)
{
    es_shutdown_server_t server = server_open();

    (void)state;
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_GRACEFUL, 0),
                     ES_SHUTDOWN_END_STREAMS);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_NOW, 0),
                     ES_SHUTDOWN_END_STREAMS);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_FINAL, 0),
                     ES_SHUTDOWN_END_STREAMS);
    /* the parent will make another child, perhaps when this one has exited */
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_OWN, 0),
                     ES_SHUTDOWN_HAND_OVER);
    assert_int_equal(es_shutdown_is_last(&server, ES_STOP_GRACEFUL), 1);
    assert_int_equal(es_shutdown_is_last(&server, ES_STOP_OWN), 0);
    server_close();
}

static void test_another_child(void **state)
{
    es_shutdown_server_t server = server_open();

    (void)state;
    assert_int_equal(es_children_claim(children, 5, 101), 2);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_OWN, 0),
                     ES_SHUTDOWN_HAND_OVER);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_FINAL, 0),
                     ES_SHUTDOWN_END_STREAMS);
    /* the other child may stop, too */
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_GRACEFUL, 0),
                     ES_SHUTDOWN_WAIT);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_NOW, SECOND),
                     ES_SHUTDOWN_HAND_OVER);
    assert_int_equal(es_shutdown_is_last(&server, ES_STOP_GRACEFUL), 0);
    es_children_set_stopping(children, 2);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_GRACEFUL, SECOND),
                     ES_SHUTDOWN_END_STREAMS);
    assert_int_equal(es_shutdown_is_last(&server, ES_STOP_GRACEFUL), 1);
    /* a new child of the same number does not stop */
    es_children_free(children, 2);
    assert_int_equal(es_children_has_successor(children, 1, 0), 0);
    assert_int_equal(es_children_claim(children, 5, 102), 2);
    assert_int_equal(es_children_has_successor(children, 1, 0), 1);
    assert_int_equal(es_children_has_successor(children, 2, 6), 0);
    server_close();
}

static void test_restart(void **state)
{
    es_shutdown_server_t server = server_open();

    (void)state;
    running = 6;
    assert_int_equal(es_children_claim(children, 5, 101), 2);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_NOW, 0),
                     ES_SHUTDOWN_HAND_OVER);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_GRACEFUL, 2 * SECOND),
                     ES_SHUTDOWN_WAIT);
    /* the new configuration does not load the module, or does */
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_GRACEFUL, 3 * SECOND),
                     ES_SHUTDOWN_END_STREAMS);
    /* its children may have no place until this one exits */
    es_children_open(children, 6, 1);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_GRACEFUL, 0),
                     ES_SHUTDOWN_HAND_OVER);
    /* another restart came before its children started */
    running = 7;
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_GRACEFUL, 0),
                     ES_SHUTDOWN_HAND_OVER);
    running = 6;
    assert_int_equal(es_children_claim(children, 6, 102), 3);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_GRACEFUL, 0),
                     ES_SHUTDOWN_HAND_OVER);
    /* new children receive what is in the handover socket */
    es_children_set_stopping(children, 3);
    assert_int_equal(es_shutdown_is_last(&server, ES_STOP_NOW), 0);
    server_close();
}

/* A configuration without the module was in force in between. */
static void test_another_socket_pair(void **state)
{
    es_shutdown_server_t server = server_open();

    (void)state;
    running = 7;
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_GRACEFUL, 0),
                     ES_SHUTDOWN_WAIT);
    es_children_open(children, 7, 7);
    assert_int_equal(es_children_handover_since(children), 7);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_GRACEFUL, 0),
                     ES_SHUTDOWN_END_STREAMS);
    assert_int_equal(es_children_claim(children, 7, 101), 2);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_GRACEFUL, 0),
                     ES_SHUTDOWN_END_STREAMS);
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_OWN, 0),
                     ES_SHUTDOWN_END_STREAMS);
    /* new children have the new socket pair */
    server.generation = 7;
    assert_int_equal(es_shutdown_choose(&server, ES_STOP_OWN, 0),
                     ES_SHUTDOWN_HAND_OVER);
    server_close();
}

/* ---- how long it waits ------------------------------------------------- */

typedef struct world_t {
    hub_t hub;
    es_hub_t own;
    es_conns_t *conns;
    es_handover_t *handover;
    es_shutdown_orders_t orders;
    es_shutdown_t shutdown;
    void *mem; /* of children */
    int wake[2];
    int running; /* the server's generation; ours is 1 */
    int epoll_fd;
    int peer; /* reads nothing and does not close */
    int hands_over;
    es_handover_sockets_t sockets; /* if hands_over */
} world_t;

static void add_client(world_t *w, int fd)
{
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    es_client_t *client;

    params.store = w->hub.store;
    params.child = CHILD;
    params.nslots = hub_subscribe(&w->hub, "a", slots, &params.pos);
    params.slots = slots;
    client = es_client_create(&params, es_sink_socket_create(fd, 1, 0), 0);
    assert_non_null(client);
    es_conns_add(w->conns, es_conns_prepare(client), &w->own, 0);
}

static void make_shutdown(world_t *w, apr_int64_t drain_ms)
{
    es_children_t *children;

    w->mem = calloc(1, es_children_size(2));
    es_children_format(w->mem, 2);
    assert_int_equal(es_children_attach(&children, w->mem, es_children_size(2),
                                        2, w->wake, w->hub.pool),
                     APR_SUCCESS);
    w->shutdown.server.children = children;
    w->shutdown.server.child = CHILD;
    w->shutdown.server.running = &w->running;
    w->shutdown.server.generation = 1;
    w->running = 1;
    w->shutdown.conns = w->conns;
    w->shutdown.hubs = &w->own;
    w->shutdown.nhubs = 1;
    w->shutdown.drain_ms = drain_ms;
    w->shutdown.handover = w->handover;
    w->shutdown.orders = &w->orders;
}

static void make_handover(world_t *w)
{
    es_handover_params_t params = {0};

    params.conns = w->conns;
    params.hubs = &w->own;
    params.nhubs = 1;
    params.child = CHILD;
    params.epoll_fd = w->epoll_fd;
    params.sockets = w->hands_over ? &w->sockets : NULL;
    w->handover = es_handover_create(&params);
    assert_int_equal(es_handover_listen(w->handover), APR_SUCCESS);
}

/* @param hands_over  0 = the child has no handover socket */
static void world_open(world_t *w, apr_int64_t drain_ms, int hands_over)
{
    int pair[2];

    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, 65536);
    hub_begin(&w->hub, &w->own);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->conns = es_conns_create(w->epoll_fd, 0);
    if (hands_over) {
        assert_int_equal(es_handover_sockets_create(&w->sockets, 1, 1), 0);
        w->hands_over = 1;
    }
    make_handover(w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w->peer = pair[0];
    add_client(w, pair[1]);
    make_shutdown(w, drain_ms);
}

static void world_close(world_t *w)
{
    es_handover_destroy(w->handover);
    es_conns_destroy(w->conns);
    es_hub_clear(&w->own);
    free(w->mem);
    close(w->peer);
    close(w->epoll_fd);
    if (w->hands_over) {
        es_handover_sockets_close(&w->sockets);
    }
    hub_close(&w->hub);
}

/* Do a turn of the loop. @return the number of clients that are left */
static apr_uint32_t turn(world_t *w, apr_time_t now)
{
    es_shutdown_step(&w->shutdown, now);
    while (es_conns_run(w->conns, NULL, now)) {
    }
    es_conn_timers_expire(w->conns, NULL, now);
    es_conns_reap(w->conns, NULL);
    return es_conns_count(w->conns);
}

/* A client that does not close is kept until the time is over. */
static void waits(es_stop_t stop, int running, apr_int64_t drain_ms,
                  apr_time_t timeout)
{
    apr_time_t begun = 60 * APR_USEC_PER_SEC;
    char end[64] = "";
    world_t w;

    world_open(&w, drain_ms, 0);
    assert_int_equal(turn(&w, begun - MS), 1);
    w.running = running;
    w.orders.stop = (int)stop;
    w.orders.finish = 1;
    assert_int_equal(turn(&w, begun), 1);
    assert_true(recv(w.peer, end, sizeof(end) - 1, MSG_DONTWAIT) > 0);
    assert_non_null(strstr(end, "retry: "));
    assert_int_equal(turn(&w, begun + timeout - MS), 1);
    assert_false(es_shutdown_is_over(&w.shutdown));
    assert_int_equal(turn(&w, begun + timeout + MS), 0);
    assert_true(es_shutdown_is_over(&w.shutdown));
    assert_int_equal(recv(w.peer, end, sizeof(end), MSG_DONTWAIT), 0);
    world_close(&w);
}

/* stop, and graceful-stop, which a child cannot tell from a graceful restart */
static void test_stop_within_drain(void **state)
{
    static const es_stop_t stops[] = {ES_STOP_FINAL, ES_STOP_GRACEFUL};
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        waits(stops[i], 1, 0, 250 * MS);
        waits(stops[i], 1, 400, 250 * MS);
        waits(stops[i], 1, 1000, 500 * MS);
        waits(stops[i], 1, 3000, 1500 * MS);
        waits(stops[i], 1, 5000, 2000 * MS);
        waits(stops[i], 1, 600000, 2000 * MS);
    }
}

/* New children start, but do not take these clients: EventStreamDrain does not
 * limit the time. */
static void test_graceful(void **state)
{
    (void)state;
    waits(ES_STOP_GRACEFUL, 2, 0, 2000 * MS);
    waits(ES_STOP_GRACEFUL, 2, 5000, 2000 * MS);
}

/* The child has no clients: neither the next configuration nor other children
 * matter, and it is over at the moment in which it may. */
static void test_nothing_to_hand_over(void **state)
{
    static const es_stop_t stops[] = {ES_STOP_GRACEFUL, ES_STOP_NOW,
                                      ES_STOP_OWN, ES_STOP_FINAL};
    apr_time_t begun = 60 * APR_USEC_PER_SEC;
    int i;

    (void)state;
    for (i = 0; i < 8; i++) {
        world_t w;

        world_open(&w, 5000, 1);
        assert_int_equal(turn(&w, begun - MS), 1);
        es_conns_close_all(w.conns, &w.own, 1);
        es_conns_reap(w.conns, NULL);
        w.running = 1 + i / 4;
        if (i == 0) { /* another child, which may stop, too */
            assert_int_equal(
                es_children_claim(w.shutdown.server.children, 1, 100), CHILD);
            assert_int_equal(
                es_children_claim(w.shutdown.server.children, 1, 101), 2);
        }
        w.orders.stop = (int)stops[i % 4];
        assert_int_equal(turn(&w, begun), 0);
        assert_false(es_shutdown_is_over(&w.shutdown));
        w.orders.finish = 1;
        assert_int_equal(turn(&w, begun), 0);
        assert_true(es_shutdown_is_over(&w.shutdown));
        world_close(&w);
    }
}

/* It waits until the parent has read the next configuration, no longer. */
static void test_hands_over_when_the_parent_has_opened(void **state)
{
    apr_time_t begun = 60 * APR_USEC_PER_SEC;
    char byte;
    world_t w;

    (void)state;
    world_open(&w, 5000, 1);
    w.running = 2;
    w.orders.stop = ES_STOP_GRACEFUL;
    w.orders.finish = 1;
    assert_int_equal(turn(&w, begun), 1);
    assert_int_equal(turn(&w, begun + 2 * SECOND), 1);
    es_children_open(w.shutdown.server.children, 2, 1);
    assert_int_equal(turn(&w, begun + 2 * SECOND), 0);
    assert_true(es_shutdown_is_over(&w.shutdown));
    assert_int_equal(es_handover_sent(w.handover), 1);
    /* neither ended nor closed */
    assert_int_equal(recv(w.peer, &byte, 1, MSG_DONTWAIT), -1);
    world_close(&w);
}

/* A message of another child, with one client. @return the client's peer */
static int send_message(world_t *w)
{
    es_handover_msg_t *msg = es_handover_msg_create();
    es_slice_t name = es_slice_of("a");
    es_handed_t handed = {0};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    handed.fd = pair[1];
    handed.epoch = es_store_epoch(w->hub.store);
    handed.segment_id = es_store_segment_id(w->hub.store);
    handed.saved.cursor = w->own.pos;
    handed.names = &name;
    handed.nnames = 1;
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_SUCCESS);
    assert_int_equal(es_handover_sockets_send(&w->sockets, msg), APR_SUCCESS);
    es_handover_msg_destroy(msg);
    close(pair[1]);
    return pair[0];
}

/* How many clients the next message has. */
static int clients_in_message(world_t *w)
{
    es_handover_msg_t *msg = es_handover_msg_create();
    int count;

    assert_int_equal(es_handover_sockets_receive(&w->sockets, msg),
                     APR_SUCCESS);
    count = es_handover_msg_count(msg);
    es_handover_msg_destroy(msg);
    return count;
}

/* Clients of another child, for which the store lock was taken when the order
 * came, are handed over with the others. */
static void test_received_ones_are_handed_over(void **state)
{
    es_repair_report_t report;
    world_t w;
    int peer;

    (void)state;
    world_open(&w, 0, 1);
    peer = send_message(&w);
    es_store_set_lock_wait(w.hub.store, 0);
    assert_int_equal(es_store_lock(w.hub.store, &report), APR_SUCCESS);
    es_handover_on_event(w.handover, SECOND);
    assert_true(es_handover_is_waiting(w.handover));
    w.orders.stop = ES_STOP_OWN;
    w.orders.finish = 1;
    assert_int_equal(turn(&w, SECOND + MS), 1);
    assert_false(es_shutdown_is_over(&w.shutdown));
    assert_true(es_shutdown_wait(&w.shutdown) > 0);
    es_store_unlock(w.hub.store, &report);
    assert_int_equal(turn(&w, SECOND + 2 * MS), 0);
    assert_true(es_shutdown_is_over(&w.shutdown));
    assert_int_equal(clients_in_message(&w), 2);
    close(peer);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_other_child),
        cmocka_unit_test(test_another_child),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_another_socket_pair),
        cmocka_unit_test(test_stop_within_drain),
        cmocka_unit_test(test_graceful),
        cmocka_unit_test(test_nothing_to_hand_over),
        cmocka_unit_test(test_hands_over_when_the_parent_has_opened),
        cmocka_unit_test(test_received_ones_are_handed_over),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
