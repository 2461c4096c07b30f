/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of src/deliver/es_ferry.c: where a passenger goes on, that another
 * child has sent, in the same segment and in another one.
 */
#include "t/unit/deliver_fixture.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_general.h>

#include "deliver/handover.h"
#include "deliver/handover_msg.h"

#define PLACE 1
#define RING 65536

typedef struct world_t {
    hub_t hub;    /* the store */
    es_hub_t own; /* what delivery knows of it */
    es_crew_t *crew;
    es_ferry_t *ferry;
    es_passenger_t passenger; /* of channel "a" */
    es_slice_t name;
    int epoll_fd;
    int boat[2];
    int peer;
    char got[8192];
} world_t;

static void world_open(world_t *w)
{
    es_ferry_params_t params = {0};
    int pair[2];

    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, RING);
    hub_begin(&w->hub, &w->own);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->crew = es_crew_create(w->epoll_fd, 0);
    assert_non_null(w->crew);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, w->boat), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w->peer = pair[0];
    params.crew = w->crew;
    params.hubs = &w->own;
    params.nhubs = 1;
    params.place = PLACE;
    params.send_fd = -1;
    params.receive_fd = w->boat[1];
    w->ferry = es_ferry_create(&params);
    assert_non_null(w->ferry);
    w->name = es_slice_of("a");
    w->passenger.fd = pair[1];
    w->passenger.birth = es_store_birth(w->hub.store);
    w->passenger.life = es_store_life(w->hub.store);
    w->passenger.retry_ms = 1000;
    w->passenger.names = &w->name;
    w->passenger.nnames = 1;
}

static void world_close(world_t *w)
{
    es_ferry_destroy(w->ferry);
    es_crew_cut_all(w->crew, &w->own, 1);
    es_crew_destroy(w->crew);
    es_index_destroy(w->own.clients);
    close(w->epoll_fd);
    close(w->boat[0]);
    close(w->boat[1]);
    close(w->peer);
    hub_close(&w->hub);
}

/* The passenger arrives and is served. @return what it gets */
static const char *cross(world_t *w)
{
    es_lifeboat_t *boat = es_lifeboat_create();
    ssize_t n;

    assert_non_null(boat);
    assert_int_equal(es_lifeboat_add(boat, &w->passenger), APR_SUCCESS);
    assert_int_equal(es_lifeboat_send(boat, w->boat[0]), APR_SUCCESS);
    close(w->passenger.fd);
    es_lifeboat_begin(boat); /* what it held is closed */
    es_lifeboat_destroy(boat);
    w->own.pos = es_store_head(w->hub.store); /* as its delivery has read */
    assert_int_equal(es_ferry_arrive(w->ferry, 1, 0), 1);
    while (es_crew_run(w->crew, 10, 0)) {
    }
    n = recv(w->peer, w->got, sizeof(w->got) - 1, MSG_DONTWAIT);
    w->got[n > 0 ? n : 0] = '\0';
    return w->got;
}

static int is_ended(world_t *w)
{
    char byte;

    return recv(w->peer, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Publish to another channel until what was there before is gone. */
static void roll(world_t *w)
{
    static char text[4096];
    es_pos_t head = es_store_head(w->hub.store);

    memset(text, 'x', sizeof(text));
    while (es_store_tail(w->hub.store) < head) {
        hub_publish(&w->hub, "b", text, sizeof(text));
    }
}

/* It comes from a segment whose positions say nothing here. */
static void from_elsewhere(world_t *w, es_pos_t cursor)
{
    w->passenger.life ^= 1;
    w->passenger.state.cursor = cursor;
}

/* All slots are in use. */
static void fill_table(world_t *w)
{
    es_slot_t slot;
    es_pos_t pos;
    char name[8];
    int i;

    for (i = 0; i < 256; i++) {
        snprintf(name, sizeof(name), "%d", i);
        hub_subscribe(&w->hub, name, &slot, &pos);
    }
}

static void test_same_segment(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    w.passenger.state.cursor = hub_say(&w.hub, "a", "seen");
    hub_say(&w.hub, "a", "new");
    assert_null(strstr(cross(&w), "seen"));
    assert_non_null(strstr(w.got, "data: new"));
    assert_null(strstr(w.got, "stream-reset"));
    world_close(&w);
}

static void test_overtaken_in_the_boat(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    w.passenger.state.cursor = es_store_head(w.hub.store);
    hub_say(&w.hub, "a", "missed");
    roll(&w);
    assert_non_null(strstr(cross(&w), "event: stream-reset"));
    assert_false(is_ended(&w));
    world_close(&w);
}

static void test_another_segment(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    hub_say(&w.hub, "a", "seen");
    w.passenger.known = w.hub.appended.last_id;
    hub_say(&w.hub, "a", "new");
    from_elsewhere(&w, (es_pos_t)1 << 40);
    assert_null(strstr(cross(&w), "seen"));
    assert_non_null(strstr(w.got, "data: new"));
    assert_null(strstr(w.got, "stream-reset"));
    world_close(&w);
}

/* What it has seen is gone. A close that is gone, too, is no reason to end it,
 * however low its old cursor was ... */
static void test_old_close(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    hub_say(&w.hub, "a", "seen");
    w.passenger.known = w.hub.appended.last_id;
    hub_say(&w.hub, "a", "missed");
    hub_shut(&w.hub, "a");
    hub_say(&w.hub, "a", "again");
    roll(&w);
    from_elsewhere(&w, 1);
    assert_non_null(strstr(cross(&w), "event: stream-reset"));
    assert_false(is_ended(&w));
    world_close(&w);
}

/* ... one that is there is, however high. */
static void test_new_close(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    hub_say(&w.hub, "a", "seen");
    w.passenger.known = w.hub.appended.last_id;
    hub_say(&w.hub, "a", "missed");
    roll(&w);
    hub_shut(&w.hub, "a");
    from_elsewhere(&w, (es_pos_t)1 << 40);
    assert_null(strstr(cross(&w), "stream-reset"));
    assert_non_null(strstr(w.got, "retry: "));
    assert_true(is_ended(&w));
    world_close(&w);
}

/* Its slot may have been another channel's meanwhile: what the slot says of
 * evictions is of no use, though nothing of the channel was evicted. */
static void test_unknown_channel_in_the_boat(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    w.passenger.state.cursor = es_store_head(w.hub.store);
    hub_say(&w.hub, "b", "first");
    roll(&w);
    assert_non_null(strstr(cross(&w), "event: stream-reset"));
    world_close(&w);
}

/* A position that this segment has never had. */
static void test_from_the_future(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    w.passenger.state.cursor = es_store_head(w.hub.store) + 4096;
    assert_non_null(strstr(cross(&w), "event: stream-reset"));
    world_close(&w);
}

/* Of a hub that is no more, or one that has no slot for it: closed. */
static void test_cannot_land(void **state)
{
    es_lifeboat_t *boat;
    es_slice_t none;
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        world_t w;

        world_open(&w);
        if (i == 0) {
            w.passenger.birth.ms++;
        }
        else { /* its hub is full */
            none = es_slice_of("x");
            w.passenger.names = &none;
            fill_table(&w);
        }
        boat = es_lifeboat_create();
        assert_int_equal(es_lifeboat_add(boat, &w.passenger), APR_SUCCESS);
        assert_int_equal(es_lifeboat_send(boat, w.boat[0]), APR_SUCCESS);
        close(w.passenger.fd);
        es_lifeboat_destroy(boat);
        assert_int_equal(es_ferry_arrive(w.ferry, 1, 0), 0);
        assert_int_equal(es_crew_count(w.crew), 0);
        assert_true(is_ended(&w));
        world_close(&w);
    }
}

/* ---- leaving ------------------------------------------------------------- */

/* The one client of the crew, as another child gets it. */
static es_passenger_t leave(world_t *w, es_lifeboat_t *boat)
{
    es_ferry_params_t params = {0};
    es_passenger_t passenger;
    es_ferry_t *ferry;

    params.crew = w->crew;
    params.hubs = &w->own;
    params.nhubs = 1;
    params.place = PLACE;
    params.send_fd = w->boat[0];
    params.receive_fd = -1;
    ferry = es_ferry_create(&params);
    assert_non_null(ferry);
    assert_int_equal(es_ferry_leave(ferry, 0), APR_SUCCESS);
    assert_int_equal(es_ferry_gone(ferry), 1);
    es_ferry_destroy(ferry);
    assert_int_equal(es_lifeboat_receive(boat, w->boat[1]), APR_SUCCESS);
    assert_int_equal(es_lifeboat_take(boat, &passenger), APR_SUCCESS);
    close(passenger.fd);
    return passenger;
}

/* By its id it is found again in another segment: what it has not been sent
 * is not of what it knows. */
static void test_leaves_with_what_it_knows(void **state)
{
    es_lifeboat_t *boat = es_lifeboat_create();
    es_passenger_t passenger;
    es_record_t record;
    es_start_t present;
    es_pos_t pos;
    es_id_t known;
    world_t w;

    (void)state;
    world_open(&w);
    hub_say(&w.hub, "a", "seen");
    w.passenger.state.cursor = es_store_head(w.hub.store);
    cross(&w);
    assert_int_equal(es_store_present(w.hub.store, &present), 0);
    hub_say(&w.hub, "b", "others'");
    pos = w.own.pos = es_store_head(w.hub.store); /* its round has gone by */
    hub_say(&w.hub, "a", "one");
    hub_say(&w.hub, "a", "two");
    passenger = leave(&w, boat);
    assert_int_equal(passenger.state.cursor, pos);
    assert_false(passenger.is_counted);
    assert_int_equal(es_store_look(w.hub.store, pos, &record), APR_SUCCESS);
    known = es_id_before(&record.id);
    assert_int_equal(es_id_compare(&passenger.known, &known), 0);
    assert_true(es_id_compare(&passenger.known, &present.id) >= 0);
    es_lifeboat_destroy(boat);
    world_close(&w);
}

static void test_leaves_at_the_present(void **state)
{
    es_lifeboat_t *boat = es_lifeboat_create();
    es_passenger_t passenger;
    es_start_t present;
    world_t w;

    (void)state;
    world_open(&w);
    hub_say(&w.hub, "a", "seen");
    w.passenger.state.cursor = es_store_head(w.hub.store);
    cross(&w);
    assert_int_equal(es_store_present(w.hub.store, &present), 0);
    passenger = leave(&w, boat);
    assert_int_equal(passenger.state.cursor, present.pos);
    assert_int_equal(es_id_compare(&passenger.known, &present.id), 0);
    es_lifeboat_destroy(boat);
    world_close(&w);
}

/* The boat is not to be had: it stays a client, and may leave later. */
static void test_stays_when_it_cannot_leave(void **state)
{
    es_lifeboat_t *boat = es_lifeboat_create();
    es_ferry_params_t params = {0};
    es_ferry_t *ferry;
    world_t w;

    (void)state;
    world_open(&w);
    w.passenger.state.cursor = es_store_head(w.hub.store);
    cross(&w);
    params.crew = w.crew;
    params.hubs = &w.own;
    params.nhubs = 1;
    params.send_fd = w.epoll_fd; /* no socket */
    ferry = es_ferry_create(&params);
    assert_int_not_equal(es_ferry_leave(ferry, 0), APR_SUCCESS);
    assert_int_equal(es_ferry_gone(ferry), 0);
    es_ferry_destroy(ferry);
    assert_int_equal(es_crew_count(w.crew), 1);
    leave(&w, boat);
    es_lifeboat_destroy(boat);
    world_close(&w);
}

/* One that no limit counts is not counted by the next child either. */
static void test_census(void **state)
{
    int counted;

    (void)state;
    for (counted = 0; counted < 2; counted++) {
        void *mem = calloc(1, es_census_size(2));
        es_ferry_params_t params = {0};
        es_census_t *census;
        world_t w;

        world_open(&w);
        census = es_census_attach(mem, 2, w.hub.pool);
        params.crew = w.crew;
        params.hubs = &w.own;
        params.nhubs = 1;
        params.place = PLACE;
        params.send_fd = -1;
        params.receive_fd = w.boat[1];
        params.census = census;
        params.clients_max = 1; /* it is the last one to have room */
        es_ferry_destroy(w.ferry);
        w.ferry = es_ferry_create(&params);
        w.passenger.is_counted = counted;
        w.passenger.state.cursor = es_store_head(w.hub.store);
        cross(&w);
        assert_false(is_ended(&w));
        assert_int_equal(es_census_clients(census, PLACE), counted);
        world_close(&w);
        assert_int_equal(es_census_clients(census, PLACE), 0);
        free(mem);
    }
}

/* It has its end, and its time to come back is spread. */
static void test_above_the_limit(void **state)
{
    static const es_census_limits_t none = {0, 0, 0};
    void *mem = calloc(1, es_census_size(2));
    es_ferry_params_t params = {0};
    es_ticket_t ticket;
    const char *retry;
    world_t w;

    (void)state;
    world_open(&w);
    params.crew = w.crew;
    params.hubs = &w.own;
    params.nhubs = 1;
    params.place = PLACE;
    params.send_fd = -1;
    params.receive_fd = w.boat[1];
    params.census = es_census_attach(mem, 2, w.hub.pool);
    params.clients_max = 1;
    params.drain_ms = 1000000000;
    es_ferry_destroy(w.ferry);
    w.ferry = es_ferry_create(&params);
    es_census_enter(params.census, PLACE, 1, &none, &ticket);
    w.passenger.is_counted = 1;
    w.passenger.state.cursor = es_store_head(w.hub.store);
    retry = strstr(cross(&w), "retry: ");
    assert_non_null(retry);
    assert_true(strtol(retry + 7, NULL, 10) > w.passenger.retry_ms);
    assert_true(is_ended(&w));
    world_close(&w);
    free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_channel_in_the_boat),
        cmocka_unit_test(test_from_the_future),
        cmocka_unit_test(test_cannot_land),
        cmocka_unit_test(test_stays_when_it_cannot_leave),
        cmocka_unit_test(test_leaves_with_what_it_knows),
        cmocka_unit_test(test_leaves_at_the_present),
        cmocka_unit_test(test_census),
        cmocka_unit_test(test_above_the_limit),
        cmocka_unit_test(test_same_segment),
        cmocka_unit_test(test_overtaken_in_the_boat),
        cmocka_unit_test(test_another_segment),
        cmocka_unit_test(test_old_close),
        cmocka_unit_test(test_new_close),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
