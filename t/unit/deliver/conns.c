/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deliver/conns.c and conn_timers.c: sockets that epoll refuses,
 * that it must no longer report, and that it reports in vain. */
#include "t/unit/conn_kit.h"

#include <fcntl.h>

#include <apr_general.h>

#include "base/log.h"
#include "deliver/conn_timers.h"

#define CHILD CONN_CHILD
#define MS APR_TIME_C(1000)

typedef struct world_t {
    hub_t hub;    /* the store */
    es_hub_t own; /* as the delivery sees it */
    es_conns_t *conns;
    int epoll_fd;
} world_t;

static void world_open(world_t *w)
{
    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, 65536);
    hub_begin(&w->hub, &w->own);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->conns = es_conns_create(w->epoll_fd, 0);
    assert_non_null(w->conns);
}

static void world_close(world_t *w)
{
    es_conns_close_all(w->conns, &w->own, 1);
    es_conns_destroy(w->conns);
    es_hub_clear(&w->own);
    close(w->epoll_fd);
    hub_close(&w->hub);
}

static es_conn_t *make_conn(world_t *w, int fd)
{
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    es_client_t *client;
    es_conn_t *conn;
    es_sink_t *sink;

    params.store = w->hub.store;
    params.child = CHILD;
    params.nslots = hub_subscribe(&w->hub, "a,b", slots, &params.pos);
    params.slots = slots;
    sink = es_sink_socket_create(fd, 1, 0);
    assert_non_null(sink);
    client = es_client_create(&params, sink, 0);
    assert_non_null(client);
    conn = es_conns_prepare(client);
    assert_non_null(conn);
    return conn;
}

/* epoll refuses a regular file as it does a socket above max_user_watches. */
static int open_refused(void)
{
    char name[] = "/tmp/es-conns-XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    unlink(name);
    return fd;
}

static void test_refused_by_epoll(void **state)
{
    world_t w;
    int refused = open_refused();
    int pair[2];

    (void)state;
    world_open(&w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    es_conns_add(w.conns, make_conn(&w, pair[0]), &w.own, 0);
    es_conns_add(w.conns, make_conn(&w, refused), &w.own, 0);
    assert_int_equal(es_conns_count(w.conns), 2);
    es_conns_reap(w.conns, NULL);
    /* it is closed and no longer counted, and the other one stays */
    assert_int_equal(fcntl(refused, F_GETFD), -1);
    assert_int_equal(es_conns_count(w.conns), 1);
    assert_int_equal(es_store_child_subscriptions(w.hub.store, CHILD), 2);
    /* nothing is left to be done: the loop may sleep */
    assert_int_equal(es_conns_run(w.conns, NULL, 0), 0);
    world_close(&w);
    close(pair[1]);
}

static int levels[8];
static int nlogged;

static void on_log(int level, apr_status_t rv UNUSED, const char *tag,
                   const char *text UNUSED)
{
    assert_string_equal(tag, "ES0301");
    assert_true(nlogged < 8);
    levels[nlogged++] = level;
}

static void refuse_at(world_t *w, apr_time_t now)
{
    es_conns_add(w->conns, make_conn(w, open_refused()), &w->own, now);
    es_conns_reap(w->conns, NULL);
}

/* Thousands of clients may connect at once. */
static void test_refusals_are_logged_once_in_a_while(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    es_log_set_handler(on_log);
    refuse_at(&w, 1);
    refuse_at(&w, 2);
    refuse_at(&w, ES_LOG_LIMIT_PAUSE + 1);
    es_log_set_handler(NULL);
    assert_int_equal(nlogged, 3);
    assert_int_equal(levels[0], ES_LOG_ERR);
    assert_int_equal(levels[1], ES_LOG_DEBUG);
    assert_int_equal(levels[2], ES_LOG_ERR);
    world_close(&w);
}

/* Make the socket readable. @return the number of events that epoll reports */
static int is_reported(world_t *w, int peer)
{
    struct epoll_event event;

    assert_int_equal(send(peer, "x", 1, MSG_NOSIGNAL), 1);
    return epoll_wait(w->epoll_fd, &event, 1, 0);
}

/* The connection stays open: here by a copy, else in another child. */
static void test_dropped_is_not_reported(void **state)
{
    es_conn_t *conn;
    int pair[2], copy, i;

    (void)state;
    for (i = 0; i < 2; i++) {
        world_t w;

        world_open(&w);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        copy = dup(pair[0]);
        conn = make_conn(&w, pair[0]);
        es_conns_add(w.conns, conn, &w.own, 0);
        assert_int_equal(is_reported(&w, pair[1]), 1);
        if (i == 1) {
            assert_true(es_conns_suspend(w.conns, conn));
        }
        es_conns_drop(w.conns, conn);
        es_conns_reap(w.conns, NULL);
        assert_int_equal(es_conns_count(w.conns), 0);
        assert_int_equal(is_reported(&w, pair[1]), 0);
        close(copy);
        close(pair[1]);
        world_close(&w);
    }
}

/* Its stream has ended: no other child has anything to write to it. */
/* With many of them epoll would report no others. */
static void test_dead_is_not_reported_until_it_is_reaped(void **state)
{
    struct epoll_event event;
    world_t w;
    int pair[2];

    (void)state;
    world_open(&w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    es_conns_add(w.conns, make_conn(&w, pair[0]), &w.own, 0);
    close(pair[1]);
    assert_int_equal(epoll_wait(w.epoll_fd, &event, 1, 0), 1);
    es_conns_on_event(w.conns, event.data.ptr, event.events, 0);
    assert_int_equal(es_conns_count(w.conns), 1);
    assert_int_equal(epoll_wait(w.epoll_fd, &event, 1, 0), 0);
    es_conns_reap(w.conns, NULL);
    assert_int_equal(es_conns_count(w.conns), 0);
    world_close(&w);
}

static void test_ended_is_not_handed_over(void **state)
{
    es_conn_t *conn;
    int pair[2];
    world_t w;

    (void)state;
    world_open(&w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    conn = make_conn(&w, pair[0]);
    es_conns_add(w.conns, conn, &w.own, 0);
    es_conns_end(w.conns, conn, 0);
    while (es_conns_run(w.conns, NULL, 0)) {
    }
    assert_false(es_conns_suspend(w.conns, conn));
    assert_int_equal(es_conns_count(w.conns), 1);
    world_close(&w);
    close(pair[1]);
}

/* Handle what epoll reports, and the timers, as the loop does. */
static void turn_at(world_t *w, apr_time_t now)
{
    struct epoll_event event;

    if (epoll_wait(w->epoll_fd, &event, 1, 0) > 0) {
        es_conns_on_event(w->conns, event.data.ptr, event.events, now);
    }
    es_conn_timers_expire(w->conns, NULL, now);
}

/* The kernel is short of memory: each write takes nothing, and epoll reports
 * the socket as writable. */
static void test_writable_takes_nothing(void **state)
{
    static const int tries_ms[] = {0, 20, 60, 140, 300, 620, 1260, 2260, 3260};
    es_client_opts_t opts = {0};
    apr_time_t now;
    kit_conn_t *kit;
    world_t w;
    int i;

    (void)state;
    world_open(&w);
    opts.send_timeout = 10 * APR_USEC_PER_SEC;
    kit = kit_make(&w.hub, "a", 0, &opts);
    kit->budget = 3;
    hub_say(&w.hub, "a", "hello");
    w.own.pos = es_store_head(w.hub.store);
    es_conns_add(w.conns, kit->conn, &w.own, 0);
    assert_int_equal(kit->conn->state, ES_CONN_BLOCKED);
    assert_int_equal(kit->writes, 1);
    i = 0;
    for (now = 1 * MS; now < 4000 * MS; now += MS) {
        turn_at(&w, now);
        if (kit->writes > i + 1) {
            assert_int_equal(now, (tries_ms[i] + 1) * MS);
            assert_int_equal(kit->conn->state, ES_CONN_STALLED);
            i++;
        }
        assert_true(es_conn_timers_wait(w.conns, now) >
                    0); /* it does not spin */
        assert_true(es_conn_timers_wait(w.conns, now) <= APR_USEC_PER_SEC);
    }
    assert_int_equal(i, 9);
    /* It takes some: epoll is asked again, and the time is short again. */
    kit->budget = 4;
    for (; kit->len == 3; now += MS) {
        turn_at(&w, now);
    }
    assert_int_equal(kit->conn->state, ES_CONN_BLOCKED);
    turn_at(&w, now);
    assert_int_equal(kit->conn->state, ES_CONN_STALLED);
    assert_true(es_conn_timers_wait(w.conns, now) == 20 * MS);
    kit->budget = 1000;
    turn_at(&w, now + 20 * MS);
    assert_int_equal(kit->conn->state, ES_CONN_CURRENT);
    assert_non_null(strstr(kit->got, "data: hello\n\n"));
    world_close(&w);
    kit_clear();
}

/* It ends when the time to send is over, and may be told to end before. */
static void test_stalled_ends(void **state)
{
    es_client_opts_t opts = {0};
    kit_conn_t *timed, *ended;
    world_t w;
    apr_time_t now;

    (void)state;
    world_open(&w);
    opts.send_timeout = 2 * APR_USEC_PER_SEC;
    timed = kit_make(&w.hub, "a", 0, &opts);
    ended = kit_make(&w.hub, "a", 0, NULL);
    timed->budget = ended->budget = 0;
    hub_say(&w.hub, "a", "hello");
    w.own.pos = es_store_head(w.hub.store);
    es_conns_add(w.conns, timed->conn, &w.own, 0);
    es_conns_add(w.conns, ended->conn, &w.own, 0);
    for (now = 0; now < 3000 * MS; now += 10 * MS) {
        turn_at(&w, now);
    }
    assert_int_equal(timed->conn->state, ES_CONN_DEAD);
    assert_int_equal(ended->conn->state, ES_CONN_STALLED);
    es_conns_end_all(w.conns, &w.own, 1, 0);
    ended->budget = 1000;
    while (es_conns_run(w.conns, NULL, now)) {
    }
    assert_int_equal(ended->conn->state, ES_CONN_LINGER);
    world_close(&w);
    kit_clear();
}

/* What the peer has got, up to its end. */
static const char *all_of(int peer)
{
    static char got[1024 * 1024];
    size_t len = 0;
    ssize_t n;

    do {
        n = recv(peer, got + len, sizeof(got) - 1 - len, MSG_DONTWAIT);
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    assert_int_equal(n, 0); /* it ends here */
    got[len] = '\0';
    return got;
}

static unsigned int events_of(world_t *w)
{
    struct epoll_event event = {0};

    return epoll_wait(w->epoll_fd, &event, 1, 0) == 1 ? event.events : 0;
}

static int ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);

    return len >= strlen(end) && !strcmp(text + len - strlen(end), end);
}

/* It may still read, as `nc -N` does: its stream has an end. */
static void test_half_closed_gets_an_end(void **state)
{
    unsigned int events;
    es_conn_t *conn;
    int pair[2];
    world_t w;

    (void)state;
    world_open(&w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    conn = make_conn(&w, pair[0]);
    es_conns_add(w.conns, conn, &w.own, 0);
    shutdown(pair[1], SHUT_WR);
    events = events_of(&w);
    assert_true(events & EPOLLRDHUP);
    es_conns_on_event(w.conns, conn, events, 0);
    assert_true(ends_with(all_of(pair[1]), "\n\r\n0\r\n\r\n"));
    events = events_of(&w);
    assert_true(events & EPOLLHUP);
    es_conns_on_event(w.conns, conn, events, 0);
    es_conns_reap(w.conns, NULL);
    assert_int_equal(es_conns_count(w.conns), 0);
    world_close(&w);
    close(pair[1]);
}

/* One that reads slowly gets its end when it reads; until then epoll must not
 * report it again and again. */
static void test_half_closed_and_blocked(void **state)
{
    char data[1000];
    unsigned int events;
    es_conn_t *conn;
    int pair[2], i;
    int bytes = 4096;
    world_t w;

    (void)state;
    memset(data, 'x', sizeof(data));
    world_open(&w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    conn = make_conn(&w, pair[0]);
    es_conns_add(w.conns, conn, &w.own, 0);
    for (i = 0; i < 30; i++) {
        hub_publish(&w.hub, "a", data, sizeof(data));
    }
    es_conns_catch_up(w.conns, &w.own);
    w.own.pos = es_store_head(w.hub.store);
    while (es_conns_run(w.conns, NULL, 0)) {
    }
    assert_int_equal(conn->state, ES_CONN_BLOCKED);
    shutdown(pair[1], SHUT_WR);
    events = events_of(&w);
    assert_true(events & EPOLLRDHUP);
    es_conns_on_event(w.conns, conn, events, 0);
    assert_int_equal(conn->state, ES_CONN_BLOCKED);
    assert_int_equal(events_of(&w), 0);
    while (conn->state == ES_CONN_BLOCKED &&
           recv(pair[1], data, sizeof(data), MSG_DONTWAIT) > 0) {
        events = events_of(&w);
        if (events & EPOLLOUT) {
            es_conns_on_event(w.conns, conn, events, 0);
        }
    }
    assert_int_equal(conn->state, ES_CONN_LINGER);
    assert_true(ends_with(all_of(pair[1]), "\n\r\n0\r\n\r\n"));
    world_close(&w);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_by_epoll),
        cmocka_unit_test(test_dropped_is_not_reported),
        cmocka_unit_test(test_dead_is_not_reported_until_it_is_reaped),
        cmocka_unit_test(test_ended_is_not_handed_over),
        cmocka_unit_test(test_half_closed_gets_an_end),
        cmocka_unit_test(test_half_closed_and_blocked),
        cmocka_unit_test(test_writable_takes_nothing),
        cmocka_unit_test(test_stalled_ends),
        cmocka_unit_test(test_refusals_are_logged_once_in_a_while),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
