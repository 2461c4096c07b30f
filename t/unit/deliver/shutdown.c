/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deliver/es_retreat.c: how long a stop waits for clients. */
#include "t/unit/deliver_fixture.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_general.h>

#include "deliver/shutdown.h"
#include "deliver/sink_socket.h"

#define PLACE 1
#define MS 1000

typedef struct world_t {
    hub_t hub;
    es_hub_t own;
    es_crew_t *crew;
    es_ferry_t *ferry;
    es_orders_t orders;
    es_retreat_t retreat;
    void *mem; /* of the board */
    int wake[2];
    int running; /* the server's generation; ours is 1 */
    int epoll_fd;
    int peer; /* reads nothing and does not close */
} world_t;

static void add_client(world_t *w, int fd)
{
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    es_client_t *client;

    params.store = w->hub.store;
    params.place = PLACE;
    params.nslots = hub_subscribe(&w->hub, "a", slots, &params.pos);
    params.slots = slots;
    client = es_client_create(&params, es_sink_socket_create(fd, 1, 0), 0);
    assert_non_null(client);
    es_crew_adopt(w->crew, es_member_create(client), &w->own, 0);
}

static void make_retreat(world_t *w, apr_int64_t drain_ms)
{
    es_board_t *board;

    w->mem = calloc(1, es_board_size(2));
    es_board_format(w->mem, 2);
    assert_int_equal(es_board_attach(&board, w->mem, es_board_size(2), 2,
                                     w->wake, w->hub.pool),
                     APR_SUCCESS);
    w->retreat.board = board;
    w->retreat.refuge.board = board;
    w->retreat.refuge.place = PLACE;
    w->retreat.refuge.running = &w->running;
    w->retreat.refuge.generation = 1;
    w->running = 1;
    w->retreat.crew = w->crew;
    w->retreat.hubs = &w->own;
    w->retreat.nhubs = 1;
    w->retreat.drain_ms = drain_ms;
    w->retreat.ferry = w->ferry;
    w->retreat.epoll_fd = w->epoll_fd;
    w->retreat.boat_fd = -1;
    w->retreat.orders = &w->orders;
}

static void world_open(world_t *w, apr_int64_t drain_ms)
{
    es_ferry_params_t params = {0};
    int pair[2];

    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, 65536);
    hub_begin(&w->hub, &w->own);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->crew = es_crew_create(w->epoll_fd, 0);
    params.crew = w->crew;
    params.hubs = &w->own;
    params.nhubs = 1;
    params.place = PLACE;
    params.send_fd = -1;
    params.receive_fd = -1;
    w->ferry = es_ferry_create(&params);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w->peer = pair[0];
    add_client(w, pair[1]);
    make_retreat(w, drain_ms);
}

static void world_close(world_t *w)
{
    es_ferry_destroy(w->ferry);
    es_crew_destroy(w->crew);
    es_index_destroy(w->own.clients);
    free(w->mem);
    close(w->peer);
    close(w->epoll_fd);
    hub_close(&w->hub);
}

/* What a loop does at that time. @return the clients that are left */
static apr_uint32_t turn(world_t *w, apr_time_t now)
{
    es_retreat_step(&w->retreat, now);
    while (es_crew_run(w->crew, 10, now)) {
    }
    es_crew_expire(w->crew, now);
    es_crew_bury(w->crew);
    return es_crew_count(w->crew);
}

/* A client that does not close is there until patience is over. */
static void waits(es_stop_t stop, int running, apr_int64_t drain_ms,
                  apr_time_t patience)
{
    apr_time_t begun = 60 * APR_USEC_PER_SEC;
    char end[64] = "";
    world_t w;

    world_open(&w, drain_ms);
    assert_int_equal(turn(&w, begun - MS), 1);
    w.running = running;
    w.orders.stop = (int)stop;
    w.orders.part = 1;
    assert_int_equal(turn(&w, begun), 1);
    assert_true(recv(w.peer, end, sizeof(end) - 1, MSG_DONTWAIT) > 0);
    assert_non_null(strstr(end, "retry: "));
    assert_int_equal(turn(&w, begun + patience - MS), 1);
    assert_false(es_retreat_is_over(&w.retreat));
    assert_int_equal(turn(&w, begun + patience + MS), 0);
    assert_true(es_retreat_is_over(&w.retreat));
    assert_int_equal(recv(w.peer, end, sizeof(end), MSG_DONTWAIT), 0);
    world_close(&w);
}

/* stop; and graceful-stop, of which a child is not told */
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

/* Others come, though not for these clients: there is no hurry. */
static void test_graceful(void **state)
{
    (void)state;
    waits(ES_STOP_GRACEFUL, 2, 0, 2000 * MS);
    waits(ES_STOP_GRACEFUL, 2, 5000, 2000 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_within_drain),
        cmocka_unit_test(test_graceful),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
