/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of clients of TLS on their way between children: the message, also a
 * malformed one, and that it is wiped; and two children that send clients to
 * each other in the middle of anything, while clients of OpenSSL read what a
 * plain client reads.
 */
#include "t/unit/deliver_fixture.h"

#include <malloc.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "t/unit/tls_socket.h"

#include "deliver/conn_timers.h"
#include "deliver/fanout.h"
#include "deliver/handover.h"
#include "deliver/handover_msg.h"
#include "deliver/sink_tls.h"

#define SECRET "this secret must not be found again"

/* ---- the message --------------------------------------------------------- */

typedef struct pipe_t {
    es_handover_sockets_t sockets;
    es_handover_msg_t *msg;
    es_tls_session_t session;
    es_sink_tls_saved_t tls;
    es_slice_t name;
} pipe_t;

static void pipe_open(pipe_t *p)
{
    memset(p, 0, sizeof(*p));
    assert_int_equal(es_handover_sockets_create(&p->sockets, 1, 1), 0);
    p->msg = es_handover_msg_create();
    assert_non_null(p->msg);
    tls_server(&p->session, &tls_suites[1]);
    memcpy(p->session.write.key, SECRET, ES_TLS_KEY_MAX);
    p->session.write.number = 4711;
    p->tls.session = &p->session;
    p->tls.rest = es_slice_of("the rest of a record");
    p->tls.part = es_slice("\x17\x03\x03\x00", 4);
    p->tls.is_update_asked = 1;
    p->name = es_slice_of("abc");
}

static void pipe_close(pipe_t *p)
{
    es_handover_msg_begin(p->msg);
    es_handover_msg_destroy(p->msg);
    es_handover_sockets_close(&p->sockets);
}

static es_handed_t handed_of(pipe_t *p)
{
    es_handed_t handed;

    memset(&handed, 0, sizeof(handed));
    handed.names = &p->name;
    handed.nnames = 1;
    handed.chunked = 1;
    handed.tls = &p->tls;
    return handed;
}

static void send_it(pipe_t *p, int count)
{
    es_handed_t handed = handed_of(p);
    int i;

    for (i = 0; i < count; i++) {
        assert_int_equal(es_handover_msg_add(p->msg, &handed), APR_SUCCESS);
    }
    assert_int_equal(es_handover_sockets_send(&p->sockets, p->msg),
                     APR_SUCCESS);
}

/* The kernel copies it, so that valgrind does not ask who has set each byte. */
static int has_secret(const pipe_t *p)
{
    size_t size = malloc_usable_size(p->msg);
    struct iovec from = {p->msg, size}, to = {malloc(size), size};
    int found;

    assert_non_null(to.iov_base);
    assert_int_equal(process_vm_readv(getpid(), &to, 1, &from, 1, 0), size);
    found = memmem(to.iov_base, size, SECRET, 16) != NULL;
    explicit_bzero(to.iov_base, size);
    free(to.iov_base);
    return found;
}

static void test_a_message_has_all_of_it(void **state)
{
    es_handed_t got, plain;
    pipe_t p;
    int i;

    (void)state;
    pipe_open(&p);
    send_it(&p, 2);
    plain = handed_of(&p);
    plain.tls = NULL;
    es_handover_msg_begin(p.msg);
    assert_int_equal(es_handover_sockets_receive(&p.sockets, p.msg), 0);
    for (i = 0; i < 2; i++) {
        assert_int_equal(es_handover_msg_take(p.msg, &got), APR_SUCCESS);
        close(got.fd);
        assert_true(es_slice_is(got.names[0], "abc"));
        assert_int_equal(got.chunked, 1);
        assert_non_null(got.tls);
        assert_memory_equal(got.tls->session, &p.session, sizeof(p.session));
        assert_true(es_slice_equal(got.tls->rest, p.tls.rest));
        assert_true(es_slice_equal(got.tls->part, p.tls.part));
        assert_int_equal(got.tls->is_update_asked, 1);
    }
    assert_int_equal(es_handover_msg_take(p.msg, &got), APR_EOF);
    /* one without TLS has nothing of the one before */
    assert_int_equal(es_handover_msg_add(p.msg, &plain), APR_SUCCESS);
    assert_int_equal(es_handover_sockets_send(&p.sockets, p.msg), 0);
    es_handover_msg_begin(p.msg);
    assert_int_equal(es_handover_sockets_receive(&p.sockets, p.msg), 0);
    assert_int_equal(es_handover_msg_take(p.msg, &got), APR_SUCCESS);
    assert_null(got.tls);
    close(got.fd);
    pipe_close(&p);
}

static void test_secrets_are_wiped(void **state)
{
    es_handed_t got;
    pipe_t p;

    (void)state;
    pipe_open(&p);
    send_it(&p, 1);
    assert_true(has_secret(&p));
    es_handover_msg_begin(p.msg); /* as after each send */
    assert_false(has_secret(&p));
    assert_int_equal(es_handover_sockets_receive(&p.sockets, p.msg), 0);
    assert_int_equal(es_handover_msg_take(p.msg, &got), APR_SUCCESS);
    close(got.fd);
    assert_true(has_secret(&p));
    assert_int_equal(es_handover_msg_take(p.msg, &got), APR_EOF);
    assert_false(has_secret(&p));
    /* and if no client is taken */
    send_it(&p, 1);
    es_handover_msg_begin(p.msg);
    assert_int_equal(es_handover_sockets_receive(&p.sockets, p.msg), 0);
    es_handover_msg_begin(p.msg);
    assert_false(has_secret(&p));
    pipe_close(&p);
}

/* A client with the largest rest and part fits; more of them do not. */
static void test_limits(void **state)
{
    static char bytes[ES_TLS_READ_MAX];
    es_handed_t handed, got;
    pipe_t p;

    (void)state;
    pipe_open(&p);
    p.tls.rest = es_slice(bytes, ES_TLS_RECORD_MAX);
    p.tls.part = es_slice(bytes, ES_TLS_READ_MAX - 1);
    handed = handed_of(&p);
    assert_int_equal(es_handover_msg_add(p.msg, &handed), APR_SUCCESS);
    assert_int_equal(es_handover_msg_add(p.msg, &handed), APR_ENOSPC);
    assert_int_equal(es_handover_sockets_send(&p.sockets, p.msg), 0);
    es_handover_msg_begin(p.msg);
    assert_int_equal(es_handover_sockets_receive(&p.sockets, p.msg), 0);
    assert_int_equal(es_handover_msg_take(p.msg, &got), APR_SUCCESS);
    assert_int_equal(got.tls->rest.len, ES_TLS_RECORD_MAX);
    close(got.fd);
    pipe_close(&p);
}

/* Send len bytes with descriptor 0, and take what is valid of them. */
static void resend(pipe_t *p, const char *bytes, apr_size_t len)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {{0}};
    struct iovec iov = {(char *)bytes, len};
    struct msghdr msg = {0};
    es_handed_t got;
    int zero = 0;

    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.bytes;
    msg.msg_controllen = sizeof(control.bytes);
    CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
    CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
    CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &zero, sizeof(zero));
    assert_int_equal(sendmsg(p->sockets.send[0], &msg, 0), (ssize_t)len);
    if (es_handover_sockets_receive(&p->sockets, p->msg) == APR_SUCCESS &&
        es_handover_msg_take(p->msg, &got) == APR_SUCCESS) {
        close(got.fd);
        if (got.tls != NULL) {
            assert_true(es_tls_session_is_valid(got.tls->session));
            assert_true(got.tls->rest.len <= len);
            assert_true(got.tls->part.len <= len);
        }
    }
    es_handover_msg_begin(p->msg);
}

static void test_malformed_messages(void **state)
{
    static char bytes[ES_HANDOVER_MSG_BYTES], bad[ES_HANDOVER_MSG_BYTES];
    apr_size_t len, at;
    pipe_t p;

    (void)state;
    pipe_open(&p);
    send_it(&p, 1);
    len = (apr_size_t)recv(p.sockets.receive[0], bytes, sizeof(bytes), 0);
    for (at = 1; at < len; at++) { /* cut anywhere */
        char *exact = malloc(at);

        memcpy(exact, bytes, at);
        resend(&p, exact, at);
        free(exact);
    }
    for (at = 0; at < len; at++) { /* each byte changed */
        memcpy(bad, bytes, len);
        bad[at] = (char)0xff;
        resend(&p, bad, len);
        bad[at] = 0;
        resend(&p, bad, len);
    }
    pipe_close(&p);
}

/* ---- two children -------------------------------------------------------- */

#define CLIENTS 5 /* the first one is plain, the others have a suite each */
#define ROUNDS 60

typedef struct child_t {
    es_hub_t own;
    es_conns_t *conns;
    es_fanout_t *fanout;
    es_handover_t *handover;
    int epoll_fd;
} child_t;

typedef struct site_t {
    hub_t hub;
    es_handover_sockets_t sockets;
    child_t children[2];
    int at; /* which of them has the clients */
    apr_time_t now;
    tls_socket_t clients[CLIENTS];
    int plain_fd;
    char *plain; /* what the plain client has read */
    apr_size_t plain_len;
} site_t;

/* The time may be over after any client of a message. */
static apr_time_t on_look(void)
{
    static apr_time_t now;

    now += rand() % 3 == 0 ? APR_USEC_PER_SEC : 0;
    return now;
}

static void child_open(site_t *site, int number)
{
    child_t *child = &site->children[number];
    es_handover_params_t params = {0};

    hub_begin(&site->hub, &child->own);
    child->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    child->conns = es_conns_create(child->epoll_fd, 0);
    child->fanout = es_fanout_create(child->conns);
    assert_non_null(child->fanout);
    params.conns = child->conns;
    params.hubs = &child->own;
    params.nhubs = 1;
    params.child = (apr_uint32_t)number + 1;
    params.epoll_fd = child->epoll_fd;
    params.sockets = &site->sockets;
    params.clock = on_look;
    child->handover = es_handover_create(&params);
    assert_non_null(child->handover);
}

static void child_close(child_t *child)
{
    es_handover_destroy(child->handover);
    es_fanout_destroy(child->fanout);
    es_conns_close_all(child->conns, &child->own, 1);
    es_conns_destroy(child->conns);
    es_hub_clear(&child->own);
    close(child->epoll_fd);
}

static apr_interval_time_t send_timeout; /* of clients that are made */

static void join_sink(site_t *site, es_sink_t *sink)
{
    es_client_params_t params = {0};
    es_slot_t slots[2];
    es_conn_t *conn;

    assert_non_null(sink);
    params.store = site->hub.store;
    params.child = 1;
    params.nslots = hub_subscribe(&site->hub, "a,b", slots, &params.pos);
    params.slots = slots;
    params.opts.retry_ms = 3000;
    params.opts.send_timeout = send_timeout;
    conn = es_conns_prepare(es_client_create(&params, sink, 0));
    assert_non_null(conn);
    es_conns_add(site->children[0].conns, conn, &site->children[0].own, 0);
}

static void site_open(site_t *site)
{
    es_sink_tls_saved_t saved = {0};
    tls_socket_t *client;
    int pair[2], i;

    memset(site, 0, sizeof(*site));
    hub_open(&site->hub, 4 * 1024 * 1024);
    assert_int_equal(es_handover_sockets_create(&site->sockets, 1, 1), 0);
    child_open(site, 0);
    child_open(site, 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    site->plain_fd = pair[0];
    site->plain = calloc(1, 1);
    join_sink(site, es_sink_socket_create(pair[1], 1, 0));
    for (i = 1; i < CLIENTS; i++) {
        client = &site->clients[i];
        tls_socket_open(client, &tls_suites[i - 1], 2048 + rand() % 30000);
        saved.session = &client->peer.session;
        join_sink(site, es_sink_tls_create(client->server_fd, 1, 0, &saved));
    }
}

static void site_close(site_t *site)
{
    int i;

    child_close(&site->children[0]);
    child_close(&site->children[1]);
    for (i = 1; i < CLIENTS; i++) {
        tls_socket_close(&site->clients[i]);
    }
    close(site->plain_fd);
    free(site->plain);
    es_handover_sockets_close(&site->sockets);
    hub_close(&site->hub);
}

static void read_plain(site_t *site)
{
    ssize_t n;

    do {
        site->plain = realloc(site->plain, site->plain_len + 65537);
        n = recv(site->plain_fd, site->plain + site->plain_len, 65536,
                 MSG_DONTWAIT);
        site->plain_len += n > 0 ? (apr_size_t)n : 0;
        site->plain[site->plain_len] = '\0';
    } while (n > 0);
}

/* A turn of the child that has the clients. */
static void turn(site_t *site)
{
    child_t *child = &site->children[site->at];
    struct epoll_event events[CLIENTS];
    int n, i;

    site->now += APR_USEC_PER_SEC / 100;
    n = epoll_wait(child->epoll_fd, events, CLIENTS, 0);
    for (i = 0; i < n; i++) {
        es_conns_on_event(child->conns, events[i].data.ptr, events[i].events,
                          site->now);
    }
    (void)es_fanout_run(child->fanout, &child->own, 1, NULL, site->now);
    (void)es_conns_run(child->conns, NULL, site->now);
    es_conn_timers_expire(child->conns, NULL, site->now);
    (void)es_conns_reap(child->conns, NULL);
}

static void say_something(site_t *site)
{
    static char data[20000];
    int len = rand() % 5 == 0 ? rand() % 20000 : rand() % 300;

    memset(data, 'a' + rand() % 26, sizeof(data));
    hub_publish(&site->hub, rand() % 4 == 0 ? "b" : "a", data, (apr_size_t)len);
}

/* All clients go to the other child; the fan-out of neither is in a round. */
static void hand_over(site_t *site)
{
    child_t *from = &site->children[site->at];
    child_t *to = &site->children[1 - site->at];

    assert_int_equal(es_handover_send(from->handover, NULL, site->now),
                     APR_SUCCESS);
    assert_int_equal(es_handover_sent(from->handover) % CLIENTS, 0);
    if (rand() % 2) { /* some of the events come while they are in between */
        say_something(site);
    }
    (void)es_conns_reap(from->conns, NULL);
    assert_int_equal(es_conns_count(from->conns), 0);
    (void)es_fanout_run(to->fanout, &to->own, 1, NULL, site->now);
    (void)es_handover_receive(to->handover, 100, site->now);
    while (es_handover_is_waiting(to->handover)) {
        es_handover_continue(to->handover, site->now);
    }
    assert_int_equal(es_conns_count(to->conns), CLIENTS);
    site->at = 1 - site->at;
}

static void happen(site_t *site)
{
    tls_socket_t *client = &site->clients[1 + rand() % (CLIENTS - 1)];

    switch (rand() % 9) {
    case 0:
    case 1: say_something(site); break;
    case 2: hand_over(site); break;
    case 3:
        if (SSL_version(client->peer.client) == TLS1_3_VERSION) {
            tls_socket_ask_update(client);
        }
        break;
    case 4: assert_int_equal(SSL_write(client->peer.client, "x", 1), 1); break;
    case 5:
    case 6: tls_socket_read(client, (apr_size_t)rand() % 9000); break;
    default: turn(site);
    }
    read_plain(site); /* it is never slow */
}

static int are_all_at_end(site_t *site)
{
    int i;

    for (i = 1; i < CLIENTS; i++) {
        if (!site->clients[i].has_ended) {
            return 0;
        }
    }
    return 1;
}

/* All streams end, with what is due before it or in the middle of it. */
static void end_all(site_t *site)
{
    child_t *child = &site->children[site->at];
    int turns = 0, i;

    es_conns_end_all(child->conns, &child->own, 1, 0);
    while (!are_all_at_end(site)) {
        assert_true(turns++ < 5000);
        turn(site);
        read_plain(site);
        for (i = 1; i < CLIENTS; i++) {
            tls_socket_read_all(&site->clients[i]);
            assert_int_equal(site->clients[i].has_failed, 0);
        }
    }
    read_plain(site);
}

static void catch_up(site_t *site)
{
    int i, j;

    for (i = 0; i < 300; i++) {
        turn(site);
        read_plain(site);
        for (j = 1; j < CLIENTS; j++) {
            tls_socket_read_all(&site->clients[j]);
        }
    }
}

/* Without "retry:" and the last chunk, which stand at the end. */
static apr_size_t without_end(const char *got, apr_size_t len)
{
    static const char end[] = "c\r\nretry: 3000\n\r\n0\r\n\r\n";
    apr_size_t size = sizeof(end) - 1;

    assert_true(len >= size);
    assert_memory_equal(got + len - size, end, size);
    return len - size;
}

static void test_clients_read_the_same_whatever_happens(void **state)
{
    static site_t site;
    apr_size_t len, plain_len;
    int round, i;

    (void)state;
    for (round = 0; round < ROUNDS; round++) {
        srand((unsigned)round);
        es_tls_session_set_limit(round % 3 ? ES_TLS_KEY_RECORDS : 1000);
        site_open(&site);
        for (i = 0; i < 150; i++) {
            happen(&site);
        }
        if (round % 2) {
            catch_up(&site);
        }
        end_all(&site);
        plain_len = without_end(site.plain, site.plain_len);
        for (i = 1; i < CLIENTS; i++) {
            tls_socket_t *client = &site.clients[i];

            len = without_end(client->got, client->len);
            assert_true(tls_socket_is_at_end(client));
            assert_true(round % 2 ? len == plain_len : len <= plain_len);
            assert_memory_equal(client->got, site.plain, len);
        }
        site_close(&site);
    }
    es_tls_session_set_limit(ES_TLS_KEY_RECORDS);
}

/* ---- how a conn ends ----------------------------------------------------- */

/* It gets its end; its conn stays until it has had the time to read it. */
static void test_a_client_that_closes_gets_its_end(void **state)
{
    static site_t site;
    tls_socket_t *client = &site.clients[2];
    int i;

    (void)state;
    site_open(&site);
    hub_say(&site.hub, "a", "one");
    turn(&site);
    assert_int_equal(SSL_shutdown(client->peer.client), 0);
    turn(&site);
    tls_socket_read_all(client);
    (void)without_end(client->got, client->len);
    assert_non_null(strstr(client->got, "data: one"));
    assert_true(tls_socket_is_at_end(client));
    assert_int_equal(es_conns_count(site.children[0].conns), CLIENTS);
    for (i = 0; i < 300; i++) {
        turn(&site);
    }
    assert_int_equal(es_conns_count(site.children[0].conns), CLIENTS - 1);
    site_close(&site);
}

/* The others are not concerned. */
static void test_a_client_that_sends_junk_gets_an_alert(void **state)
{
    static site_t site;
    tls_socket_t *client = &site.clients[2];

    (void)state;
    site_open(&site);
    turn(&site);
    assert_int_equal(send(client->fd, "GET / HTTP/1.1\r\n", 16, 0), 16);
    turn(&site);
    tls_socket_read_all(client);
    (void)without_end(client->got, client->len);
    assert_true(client->has_failed);
    hub_say(&site.hub, "a", "one");
    turn(&site);
    tls_socket_read_all(&site.clients[1]);
    assert_non_null(strstr(site.clients[1].got, "data: one"));
    site_close(&site);
}

/* A client that reads nothing is at its end after its send timeout, also if all
 * that it lacks is the rest of a record. */
static void test_a_client_that_reads_nothing_times_out(void **state)
{
    static char data[100000];
    static site_t site;
    int i;

    (void)state;
    send_timeout = 5 * APR_USEC_PER_SEC;
    site_open(&site);
    memset(data, 'x', sizeof(data));
    hub_publish(&site.hub, "a", data, sizeof(data));
    for (i = 0; i < 100; i++) {
        turn(&site);
        read_plain(&site);
        tls_socket_read_all(&site.clients[1]);
    }
    assert_int_equal(es_conns_count(site.children[0].conns), CLIENTS);
    for (i = 0; i < 1000; i++) {
        turn(&site);
        read_plain(&site);
        tls_socket_read_all(&site.clients[1]);
    }
    assert_int_equal(es_conns_count(site.children[0].conns), 2);
    send_timeout = 0;
    site_close(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_has_all_of_it),
        cmocka_unit_test(test_secrets_are_wiped),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_malformed_messages),
        cmocka_unit_test(test_clients_read_the_same_whatever_happens),
        cmocka_unit_test(test_a_client_that_closes_gets_its_end),
        cmocka_unit_test(test_a_client_that_sends_junk_gets_an_alert),
        cmocka_unit_test(test_a_client_that_reads_nothing_times_out),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    es_tls_thread_end();
    apr_terminate();
    return failed;
}
