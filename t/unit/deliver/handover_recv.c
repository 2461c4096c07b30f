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
    es_crew_t *crew;
    es_ferry_t *ferry;
    es_pier_t pier;
    void *mem; /* of census */
    es_census_t *census;
    int epoll_fd; /* of the boat alone */
    int crew_fd;
    int boat[2];
    int peer;
} world_t;

static es_ticket_t enter(world_t *w)
{
    static const es_census_limits_t none = {0, 0, 0};
    es_ticket_t ticket;

    assert_int_equal(es_census_enter(w->census, PLACE, 1, &none, &ticket),
                     ES_CENSUS_OK);
    return ticket;
}

/* A child that takes clients_max, and one passenger in the boat. */
static void world_open(world_t *w, apr_uint32_t clients_max)
{
    es_lifeboat_t *boat = es_lifeboat_create();
    es_slice_t name = es_slice_of("a");
    es_passenger_t passenger = {0};
    es_ferry_params_t params = {0};
    int pair[2];

    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, 65536);
    hub_begin(&w->hub, &w->own);
    w->mem = calloc(1, es_census_size(2));
    w->census = es_census_attach(w->mem, 2, w->hub.pool);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->crew_fd = epoll_create1(EPOLL_CLOEXEC);
    w->crew = es_crew_create(w->crew_fd, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, w->boat), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w->peer = pair[0];
    params.crew = w->crew;
    params.hubs = &w->own;
    params.nhubs = 1;
    params.place = PLACE;
    params.send_fd = -1;
    params.receive_fd = w->boat[1];
    params.census = w->census;
    params.clients_max = clients_max;
    w->ferry = es_ferry_create(&params);
    assert_int_equal(es_pier_open(&w->pier, w->ferry, w->epoll_fd, w->boat[1]),
                     APR_SUCCESS);

    passenger.fd = pair[1];
    passenger.birth = es_store_birth(w->hub.store);
    passenger.life = es_store_life(w->hub.store);
    passenger.state.cursor = w->own.pos;
    passenger.names = &name;
    passenger.nnames = 1;
    assert_int_equal(es_lifeboat_add(boat, &passenger), APR_SUCCESS);
    assert_int_equal(es_lifeboat_send(boat, w->boat[0]), APR_SUCCESS);
    es_lifeboat_destroy(boat);
    close(pair[1]);
}

static void world_close(world_t *w)
{
    es_ferry_destroy(w->ferry);
    es_crew_cut_all(w->crew, &w->own, 1);
    es_crew_destroy(w->crew);
    es_index_destroy(w->own.clients);
    close(w->epoll_fd);
    close(w->crew_fd);
    close(w->boat[0]);
    close(w->boat[1]);
    close(w->peer);
    free(w->mem);
    hub_close(&w->hub);
}

/* Does epoll tell of the boat? */
static int is_told(const world_t *w)
{
    struct epoll_event event;

    return epoll_wait(w->epoll_fd, &event, 1, 0) == 1;
}

static void test_room(void **state)
{
    world_t w;

    (void)state;
    world_open(&w, ES_LIFEBOAT_SEATS);
    assert_true(is_told(&w));
    assert_int_equal(es_pier_wait(&w.pier), -1);
    es_pier_on_boat(&w.pier, SECOND);
    assert_int_equal(es_crew_count(w.crew), 1);
    assert_false(is_told(&w));
    world_close(&w);
}

/* No room for a boatload: others have three seconds, then it takes one. */
static void test_little_room(void **state)
{
    es_ticket_t ticket;
    world_t w;

    (void)state;
    world_open(&w, ES_LIFEBOAT_SEATS);
    ticket = enter(&w);
    es_pier_on_boat(&w.pier, SECOND);
    assert_false(is_told(&w));
    assert_true(es_pier_wait(&w.pier) > 0);
    es_pier_run(&w.pier, 4 * SECOND - 1);
    assert_int_equal(es_crew_count(w.crew), 0);
    es_pier_run(&w.pier, 4 * SECOND);
    assert_int_equal(es_crew_count(w.crew), 1);
    /* nobody is left: what comes next may wait again */
    es_pier_run(&w.pier, 4 * SECOND);
    assert_int_equal(es_pier_wait(&w.pier), -1);
    es_census_leave(&ticket);
    world_close(&w);
}

/* No room at all: it is for others, until somebody has gone. */
static void test_no_room(void **state)
{
    es_ticket_t tickets[ES_LIFEBOAT_SEATS + 1];
    world_t w;
    int i;

    (void)state;
    world_open(&w, ES_LIFEBOAT_SEATS);
    for (i = 0; i <= ES_LIFEBOAT_SEATS; i++) {
        tickets[i] = enter(&w);
    }
    es_pier_on_boat(&w.pier, SECOND);
    es_pier_run(&w.pier, 60 * SECOND);
    assert_int_equal(es_crew_count(w.crew), 0);
    assert_false(is_told(&w));
    for (i = 0; i <= ES_LIFEBOAT_SEATS; i++) {
        es_census_leave(&tickets[i]);
    }
    es_pier_run(&w.pier, 61 * SECOND);
    assert_true(is_told(&w));
    assert_int_equal(es_pier_wait(&w.pier), -1);
    world_close(&w);
}

/* epoll does not take the boat back: it is tried again. */
static void test_refused_by_epoll(void **state)
{
    es_ticket_t ticket;
    world_t w;

    (void)state;
    world_open(&w, ES_LIFEBOAT_SEATS);
    ticket = enter(&w);
    es_pier_on_boat(&w.pier, SECOND);
    es_census_leave(&ticket);
    w.pier.epoll_fd = -1;
    es_pier_run(&w.pier, 2 * SECOND);
    assert_true(es_pier_wait(&w.pier) > 0);
    w.pier.epoll_fd = w.epoll_fd;
    es_pier_run(&w.pier, 3 * SECOND);
    assert_true(is_told(&w));
    assert_int_equal(es_pier_wait(&w.pier), -1);
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
