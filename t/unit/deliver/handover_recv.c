/* SPDX-License-Identifier: Apache-2.0 */
/* A child at its limit leaves the boat to others, for a while. */
#include "t/unit/deliver_fixture.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_general.h>

#include "deliver/handover_msg.h"
#include "deliver/handover_recv.h"

#define PLACE 1
#define SECOND APR_USEC_PER_SEC

typedef struct world_t {
    hub_t hub;
    es_hub_t own;
    es_conns_t *conns;
    es_handover_t *handover;
    es_handover_recv_t recv;
    void *mem; /* of census */
    es_client_count_t *client_count;
    int epoll_fd; /* of the boat alone */
    int crew_fd;
    int msg[2];
    int peer;
} world_t;

static es_counted_t enter(world_t *w)
{
    static const es_client_limits_t none = {0, 0, 0};
    es_counted_t counted;

    assert_int_equal(
        es_client_count_enter(w->client_count, PLACE, 1, &none, &counted),
        ES_CLIENT_COUNT_OK);
    return counted;
}

/* A child that takes clients_max, and one passenger in the boat. */
static void world_open(world_t *w, apr_uint32_t clients_max)
{
    es_handover_msg_t *msg = es_handover_msg_create();
    es_slice_t name = es_slice_of("a");
    es_handed_t handed = {0};
    es_handover_params_t params = {0};
    int pair[2];

    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, 65536);
    hub_begin(&w->hub, &w->own);
    w->mem = calloc(1, es_client_count_size(2));
    w->client_count = es_client_count_attach(w->mem, 2, w->hub.pool);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->crew_fd = epoll_create1(EPOLL_CLOEXEC);
    w->conns = es_conns_create(w->crew_fd, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, w->msg), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w->peer = pair[0];
    params.conns = w->conns;
    params.hubs = &w->own;
    params.nhubs = 1;
    params.child = PLACE;
    params.send_fd = -1;
    params.receive_fd = w->msg[1];
    params.client_count = w->client_count;
    params.clients_max = clients_max;
    w->handover = es_handover_create(&params);
    assert_int_equal(
        es_handover_recv_open(&w->recv, w->handover, w->epoll_fd, w->msg[1]),
        APR_SUCCESS);

    handed.fd = pair[1];
    handed.epoch = es_store_epoch(w->hub.store);
    handed.segment_id = es_store_segment_id(w->hub.store);
    handed.state.cursor = w->own.pos;
    handed.names = &name;
    handed.nnames = 1;
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_SUCCESS);
    assert_int_equal(es_handover_msg_send(msg, w->msg[0]), APR_SUCCESS);
    es_handover_msg_destroy(msg);
    close(pair[1]);
}

static void world_close(world_t *w)
{
    es_handover_destroy(w->handover);
    es_conns_close_all(w->conns, &w->own, 1);
    es_conns_destroy(w->conns);
    es_hub_clear(&w->own);
    close(w->epoll_fd);
    close(w->crew_fd);
    close(w->msg[0]);
    close(w->msg[1]);
    close(w->peer);
    free(w->mem);
    hub_close(&w->hub);
}

/* Does epoll tell of the boat? */
static int is_answered(const world_t *w)
{
    struct epoll_event event;

    return epoll_wait(w->epoll_fd, &event, 1, 0) == 1;
}

static void test_room(void **state)
{
    world_t w;

    (void)state;
    world_open(&w, ES_HANDOVER_MSG_CLIENTS);
    assert_true(is_answered(&w));
    assert_int_equal(es_handover_recv_wait(&w.recv), -1);
    es_handover_recv_on_event(&w.recv, SECOND);
    assert_int_equal(es_conns_count(w.conns), 1);
    assert_false(is_answered(&w));
    world_close(&w);
}

/* No room for a boatload: others have three seconds, then it takes one. */
static void test_little_room(void **state)
{
    es_counted_t counted;
    world_t w;

    (void)state;
    world_open(&w, ES_HANDOVER_MSG_CLIENTS);
    counted = enter(&w);
    es_handover_recv_on_event(&w.recv, SECOND);
    assert_false(is_answered(&w));
    assert_true(es_handover_recv_wait(&w.recv) > 0);
    es_handover_recv_run(&w.recv, 4 * SECOND - 1);
    assert_int_equal(es_conns_count(w.conns), 0);
    es_handover_recv_run(&w.recv, 4 * SECOND);
    assert_int_equal(es_conns_count(w.conns), 1);
    /* nobody is left: what comes next may wait again */
    es_handover_recv_run(&w.recv, 4 * SECOND);
    assert_int_equal(es_handover_recv_wait(&w.recv), -1);
    es_client_count_leave(&counted);
    world_close(&w);
}

/* No room at all: it is for others, until somebody has gone. */
static void test_no_room(void **state)
{
    es_counted_t tickets[ES_HANDOVER_MSG_CLIENTS + 1];
    world_t w;
    int i;

    (void)state;
    world_open(&w, ES_HANDOVER_MSG_CLIENTS);
    for (i = 0; i <= ES_HANDOVER_MSG_CLIENTS; i++) {
        tickets[i] = enter(&w);
    }
    es_handover_recv_on_event(&w.recv, SECOND);
    es_handover_recv_run(&w.recv, 60 * SECOND);
    assert_int_equal(es_conns_count(w.conns), 0);
    assert_false(is_answered(&w));
    for (i = 0; i <= ES_HANDOVER_MSG_CLIENTS; i++) {
        es_client_count_leave(&tickets[i]);
    }
    es_handover_recv_run(&w.recv, 61 * SECOND);
    assert_true(is_answered(&w));
    assert_int_equal(es_handover_recv_wait(&w.recv), -1);
    world_close(&w);
}

/* epoll does not take the boat back: it is tried again. */
static void test_refused_by_epoll(void **state)
{
    es_counted_t counted;
    world_t w;

    (void)state;
    world_open(&w, ES_HANDOVER_MSG_CLIENTS);
    counted = enter(&w);
    es_handover_recv_on_event(&w.recv, SECOND);
    es_client_count_leave(&counted);
    w.recv.epoll_fd = -1;
    es_handover_recv_run(&w.recv, 2 * SECOND);
    assert_true(es_handover_recv_wait(&w.recv) > 0);
    w.recv.epoll_fd = w.epoll_fd;
    es_handover_recv_run(&w.recv, 3 * SECOND);
    assert_true(is_answered(&w));
    assert_int_equal(es_handover_recv_wait(&w.recv), -1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_refused_by_epoll),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
