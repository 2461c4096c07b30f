/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deliver/delivery.c: the whole delivery with its thread, small
 * stores and sockets. */
#include "t/unit/deliver_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "deliver/client_priv.h"
#include "deliver/delivery.h"
#include "deliver/sink_socket.h"

#define MANY 300
#define SECOND APR_USEC_PER_SEC
#define LONG (60 * SECOND) /* until a test that waits for a fact gives up */

typedef struct world_t {
    hub_t hub;
    void *children_mem;
    int wake;
    es_children_t *children;
    es_delivery_t *delivery;
    apr_pool_t *pool;
} world_t;

/* The browser's end of a connection. */
typedef struct peer_t {
    int fd;
    char *got;
    apr_size_t len;
    apr_size_t room;
    int eof; /* 1 = end of stream, -1 = reset */
} peer_t;

static void world_open(world_t *w, apr_uint64_t ring_bytes)
{
    es_delivery_params_t params = {0};

    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, ring_bytes);
    apr_pool_create(&w->pool, NULL);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_int_equal(posix_memalign(&w->children_mem, 64, es_children_size(1)),
                     0);
    es_children_format(w->children_mem, 1);
    assert_int_equal(es_children_attach(&w->children, w->children_mem,
                                        es_children_size(1), 1, &w->wake,
                                        w->pool),
                     APR_SUCCESS);
    assert_int_equal(es_children_claim(w->children, 1, (apr_uint64_t)getpid()),
                     1);
    params.children = w->children;
    params.child = 1;
    params.hubs = &w->hub.store;
    params.nhubs = 1;
    params.drain_ms = 100;
    assert_int_equal(es_delivery_start(&w->delivery, &params, w->pool),
                     APR_SUCCESS);
}

static void world_close(world_t *w)
{
    es_delivery_stop(w->delivery);
    assert_int_equal(es_delivery_join(w->delivery, LONG), APR_SUCCESS);
    assert_int_equal(es_store_child_subscriptions(w->hub.store, 1), 0);
    apr_pool_destroy(w->pool);
    close(w->wake);
    free(w->children_mem);
    hub_close(&w->hub);
}

static void say(world_t *w, const char *channels, const char *text)
{
    hub_say(&w->hub, channels, text);
    es_children_wake(w->children, 1);
}

static es_client_t *make_client(world_t *w, int fd, const char *channels,
                                int chunked, apr_interval_time_t keepalive,
                                apr_interval_time_t send_timeout)
{
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    es_client_t *client;
    es_sink_t *sink;

    params.store = w->hub.store;
    params.child = 1;
    params.nslots = hub_subscribe(&w->hub, channels, slots, &params.pos);
    params.slots = slots;
    params.opts.keepalive = keepalive;
    params.opts.send_timeout = send_timeout;
    params.opts.retry_ms = 3000;
    sink = es_sink_socket_create(fd, chunked, 0);
    assert_non_null(sink);
    client = es_client_create(&params, sink, es_clock_now());
    assert_non_null(client);
    return client;
}

static void use_pair(peer_t *peer, int *server_fd)
{
    int fds[2];

    memset(peer, 0, sizeof(*peer));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                     0);
    peer->fd = fds[0];
    *server_fd = fds[1];
}

/* A TCP connection on loopback with small buffers. */
static void use_tcp(peer_t *peer, int *server_fd)
{
    struct sockaddr_in addr = {0};
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int small = 4096;

    memset(peer, 0, sizeof(*peer));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&addr, len), 0);
    *server_fd = accept(listener, NULL, NULL);
    assert_true(*server_fd >= 0);
    setsockopt(*server_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    close(listener);
}

static void join(world_t *w, peer_t *peer, const char *channels)
{
    int fd;

    use_pair(peer, &fd);
    assert_int_equal(
        es_delivery_submit(w->delivery, make_client(w, fd, channels, 1, 0, 0)),
        APR_SUCCESS);
}

static void peer_close(peer_t *peer)
{
    if (peer->fd >= 0) {
        close(peer->fd);
    }
    free(peer->got);
    memset(peer, 0, sizeof(*peer));
    peer->fd = -1;
}

/* Read what comes within timeout_ms. @return bytes, 0 = nothing or the end */
static ssize_t peer_read(peer_t *peer, int timeout_ms)
{
    struct pollfd poll_fd = {0};
    ssize_t n;

    poll_fd.fd = peer->fd;
    poll_fd.events = POLLIN;
    if (peer->eof || poll(&poll_fd, 1, timeout_ms) <= 0) {
        return 0;
    }
    if (peer->room < peer->len + 65536 + 1) {
        peer->room = (peer->len + 65536 + 1) * 2;
        peer->got = realloc(peer->got, peer->room);
    }
    n = recv(peer->fd, peer->got + peer->len, 65536, MSG_DONTWAIT);
    if (n <= 0) {
        peer->eof = n == 0 ? 1 : -1;
        return 0;
    }
    peer->len += (apr_size_t)n;
    peer->got[peer->len] = '\0';
    return n;
}

/* Read until text is seen, with a deadline. */
static int peer_sees(peer_t *peer, const char *text)
{
    apr_time_t end = es_clock_now() + LONG;

    while (peer->got == NULL || strstr(peer->got, text) == NULL) {
        if (peer->eof || es_clock_now() > end) {
            return 0;
        }
        peer_read(peer, 100);
    }
    return 1;
}

/* Publish text until it is seen. The reset that a peer reads may be followed by
 * another, made while the peer reads, whose position is after what was
 * published in between: the peer does not get that. */
static int peer_sees_published(world_t *w, peer_t *peer, const char *channels,
                               const char *text)
{
    apr_time_t end = es_clock_now() + LONG;

    do {
        say(w, channels, text);
        peer_read(peer, 100);
        if (peer->got != NULL && strstr(peer->got, text) != NULL) {
            return 1;
        }
    } while (!peer->eof && es_clock_now() <= end);
    return 0;
}

static int peer_ends(peer_t *peer)
{
    apr_time_t end = es_clock_now() + LONG;

    while (!peer->eof && es_clock_now() < end) {
        peer_read(peer, 100);
    }
    return peer->eof;
}

static int clients_become(world_t *w, apr_uint32_t count)
{
    apr_time_t end = es_clock_now() + LONG;

    while (es_delivery_clients(w->delivery) != count) {
        if (es_clock_now() > end) {
            return 0;
        }
        apr_sleep(2000);
    }
    return 1;
}

/* ---- a delivery that is held up ---------------------------------------- */

/* The delivery stays in the write to one client for as long as the test wants,
 * so that what happens meanwhile does not depend on speed. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const es_sink_ops_t *ops; /* of the socket that it writes to */
    int holds;                /* guarded by lock: a write has to wait */
    int is_held;              /* guarded by lock: one does */
} hold = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .changed = PTHREAD_COND_INITIALIZER};

static apr_status_t held_write(es_sink_t *sink, const struct iovec *iov,
                               int count, apr_size_t *taken)
{
    pthread_mutex_lock(&hold.lock);
    hold.is_held = hold.holds;
    pthread_cond_broadcast(&hold.changed);
    while (hold.holds) {
        pthread_cond_wait(&hold.changed, &hold.lock);
    }
    pthread_mutex_unlock(&hold.lock);
    sink->ops = hold.ops;
    return sink->ops->write(sink, iov, count, taken);
}

/* One more client, of the channel "held". Returns when the delivery writes to
 * it, and so does nothing else until release_delivery. */
static void hold_delivery(world_t *w, peer_t *peer)
{
    static es_sink_ops_t held_ops;
    es_client_t *client;
    int fd;

    use_pair(peer, &fd);
    client = make_client(w, fd, "held", 1, 0, 0);
    hold.ops = es_client_sink(client)->ops;
    hold.holds = 1;
    hold.is_held = 0;
    held_ops = *hold.ops;
    held_ops.write = held_write;
    es_client_sink(client)->ops = &held_ops;
    assert_int_equal(es_delivery_submit(w->delivery, client), APR_SUCCESS);
    say(w, "held", "the delivery is held up");
    pthread_mutex_lock(&hold.lock);
    while (!hold.is_held) {
        pthread_cond_wait(&hold.changed, &hold.lock);
    }
    pthread_mutex_unlock(&hold.lock);
}

static void release_delivery(void)
{
    pthread_mutex_lock(&hold.lock);
    hold.holds = 0;
    pthread_cond_broadcast(&hold.changed);
    pthread_mutex_unlock(&hold.lock);
}

/* ---- tests ------------------------------------------------------------- */

static void test_event_reaches_its_clients(void **state)
{
    peer_t a, b, both;
    world_t w;

    (void)state;
    world_open(&w, 256 * 1024);
    join(&w, &a, "a");
    join(&w, &b, "b");
    join(&w, &both, "b,a");
    assert_true(clients_become(&w, 3));
    say(&w, "a", "one");
    say(&w, "b", "two");
    say(&w, "a,b", "three");
    assert_true(peer_sees(&a, "data: three\n"));
    assert_true(peer_sees(&b, "data: three\n"));
    assert_true(peer_sees(&both, "data: three\n"));
    assert_int_equal(unchunk(a.got, &a.len), 0);
    assert_null(strstr(a.got, "two"));
    assert_null(strstr(b.got, "one"));
    assert_int_equal(unchunk(both.got, &both.len), 0);
    assert_true(strstr(both.got, "one") < strstr(both.got, "two"));
    assert_true(strstr(both.got, "two") < strstr(both.got, "three"));
    assert_null(strstr(strstr(both.got, "three") + 1, "three"));
    peer_close(&a);
    assert_true(clients_become(&w, 2));
    assert_int_equal(es_store_child_subscriptions(w.hub.store, 1), 3);
    peer_close(&b);
    peer_close(&both);
    assert_true(clients_become(&w, 0));
    world_close(&w);
}

static void test_keepalive_and_hangup(void **state)
{
    peer_t peer;
    world_t w;
    int fd;

    (void)state;
    world_open(&w, 256 * 1024);
    use_tcp(&peer, &fd);
    assert_int_equal(es_delivery_submit(w.delivery, make_client(&w, fd, "a", 0,
                                                                SECOND / 2, 0)),
                     APR_SUCCESS);
    assert_true(peer_sees(&peer, "event: keep-alive\ndata: \n\n"));
    assert_int_equal(send(peer.fd, "rubbish", 7, 0), 7);
    say(&w, "a", "still here");
    assert_true(peer_sees(&peer, "still here"));
    peer_close(&peer);
    assert_true(clients_become(&w, 0));
    assert_int_equal(es_store_child_subscriptions(w.hub.store, 1), 0);
    world_close(&w);
}

/* A peer that does not read holds up no other, and gets all events later. */
static void test_slow_reader(void **state)
{
    peer_t *peers = calloc(MANY, sizeof(*peers));
    char text[1024];
    peer_t slow;
    world_t w;
    int fd, i;

    (void)state;
    world_open(&w, 8 * 1024 * 1024);
    use_tcp(&slow, &fd);
    assert_int_equal(
        es_delivery_submit(w.delivery, make_client(&w, fd, "c", 1, 0, 0)),
        APR_SUCCESS);
    for (i = 0; i < MANY; i++) {
        join(&w, &peers[i], i % 2 ? "c" : "c,d");
    }
    assert_true(clients_become(&w, MANY + 1));
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (i = 0; i < 20; i++) {
        hub_say(&w.hub, "c", text); /* rounds of several */
        hub_say(&w.hub, i % 2 ? "c,d" : "e", text);
        es_children_wake(w.children, 1);
    }
    say(&w, "c", "THE END");
    for (i = 0; i < MANY; i++) { /* the slow one reads nothing meanwhile */
        assert_true(peer_sees(&peers[i], "THE END"));
        assert_int_equal(unchunk(peers[i].got, &peers[i].len), 0);
    }
    /* more than both buffers hold, and then it reads */
    for (i = 0; i < 2000; i++) {
        snprintf(text, 32, "%08d", i);
        text[8] = 'x';
        say(&w, "c", text);
        if (i % 50 == 0) {
            apr_sleep(
                1000); /* the others do not read either and become blocked */
        }
    }
    say(&w, "c", "VERY LAST");
    assert_true(peer_sees(&slow, "VERY LAST"));
    assert_int_equal(unchunk(slow.got, &slow.len), 0);
    {
        const char *at = slow.got;

        for (i = 0; i < 2000; i++) {
            snprintf(text, sizeof(text), "data: %08dx", i);
            at = strstr(at, text);
            assert_non_null(at);
        }
    }
    assert_true(peer_sees(&peers[7], "VERY LAST"));
    for (i = 0; i < MANY; i++) {
        peer_close(&peers[i]);
    }
    peer_close(&slow);
    assert_true(clients_become(&w, 0));
    world_close(&w);
    free(peers);
}

static void test_send_timeout(void **state)
{
    char text[4000];
    apr_time_t start;
    peer_t peer;
    world_t w;
    int fd, i;

    (void)state;
    world_open(&w, 4 * 1024 * 1024);
    use_tcp(&peer, &fd);
    start = es_clock_now();
    assert_int_equal(
        es_delivery_submit(w.delivery, make_client(&w, fd, "c", 1, 0, SECOND)),
        APR_SUCCESS);
    assert_true(clients_become(&w, 1));
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (i = 0; i < 200; i++) {
        say(&w, "c", text);
    }
    assert_true(clients_become(&w, 0));
    assert_true(es_clock_now() - start >= SECOND);
    peer_close(&peer);
    world_close(&w);
}

static void test_overtaken_reader(void **state)
{
    peer_t peer;
    world_t w;
    char text[2000];
    int fd, i;

    (void)state;
    world_open(&w, 64 * 1024);
    use_tcp(&peer, &fd);
    assert_int_equal(
        es_delivery_submit(w.delivery, make_client(&w, fd, "c", 1, 0, 0)),
        APR_SUCCESS);
    assert_true(clients_become(&w, 1));
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (i = 0; i < 1000; i++) {
        say(&w, "c", text);
        if (i % 10 == 0) {
            apr_sleep(500);
        }
    }
    /* It was cut within a frame, or gets a reset; no frame is damaged. */
    if (peer_sees(&peer, "event: stream-reset\n") &&
        peer_sees_published(&w, &peer, "c", "THE END")) {
        assert_int_equal(unchunk(peer.got, &peer.len), 0);
    }
    else { /* cut, maybe later on */
        assert_int_equal(peer_ends(&peer), 1);
        assert_int_equal(unchunk(peer.got, &peer.len), -1);
    }
    peer_close(&peer);
    world_close(&w);
}

/* The ring overtakes the delivery itself, which is held up meanwhile: one that
 * runs may follow, or make a reset before the last event and another after. */
static void test_overtaken_delivery(void **state)
{
    peer_t busy, quiet, both, last;
    char text[2000];
    world_t w;
    int i;

    (void)state;
    world_open(&w, 64 * 1024);
    join(&w, &busy, "c");
    join(&w, &quiet, "q");
    join(&w, &both, "c,q");
    assert_true(clients_become(&w, 3));
    say(&w, "q", "first");
    assert_true(peer_sees(&quiet, "data: first\n"));
    hold_delivery(&w, &last);
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (i = 0; i < 100; i++) {
        hub_say(&w.hub, "c", text);
    }
    release_delivery();
    assert_true(peer_sees(&busy, "event: stream-reset\n"));
    assert_true(peer_sees(&both, "event: stream-reset\n"));
    say(&w, "c,q", "GOES ON");
    assert_true(peer_sees(&busy, "GOES ON"));
    assert_true(peer_sees(&both, "GOES ON"));
    assert_true(peer_sees(&quiet, "GOES ON"));
    assert_null(strstr(quiet.got, "stream-reset")); /* it has missed no event */
    assert_null(strstr(strstr(quiet.got, "GOES ON") + 1, "GOES ON"));
    peer_close(&busy);
    peer_close(&quiet);
    peer_close(&both);
    peer_close(&last);
    world_close(&w);
}

static int warnings; /* atomic; ES0302 */

static void on_log(int level, apr_status_t rv, const char *tag,
                   const char *text)
{
    (void)level;
    (void)rv;
    (void)text;
    if (strcmp(tag, "ES0302") == 0) {
        __atomic_fetch_add(&warnings, 1, __ATOMIC_RELAXED);
    }
}

/* The journal is filled anew: all clients are told, also those of channels that
 * have nothing, and workers that hold clients are woken. No child is to blame.
 */
static void test_filled_journal(void **state)
{
    static const char *const channels[] = {"c", "q", "c,q", "new"};
    peer_t peers[4];
    es_watch_t *watch;
    es_slot_t slot;
    es_pos_t pos;
    world_t w;
    int i;

    (void)state;
    es_log_set_handler(on_log);
    world_open(&w, 64 * 1024);
    for (i = 0; i < 4; i++) {
        join(&w, &peers[i], channels[i]);
    }
    assert_true(clients_become(&w, 4));
    say(&w, "c,q", "first");
    for (i = 0; i < 3; i++) {
        assert_true(peer_sees(&peers[i], "data: first\n"));
    }
    hub_subscribe(&w.hub, "held", &slot, &pos);
    assert_int_equal(es_delivery_watch(w.delivery, 0, &slot, 1, &watch),
                     APR_SUCCESS);
    assert_int_equal(es_watch_wait(watch, LONG), 1); /* it was added */
    while (es_watch_wait(watch, SECOND / 5) == 1) {
        continue;
    }
    hub_fill(&w.hub, "c");
    es_children_wake(w.children, 1);
    assert_int_equal(es_watch_wait(watch, LONG), 1);
    for (i = 0; i < 4; i++) {
        assert_true(peer_sees(&peers[i], "event: stream-reset\n"));
    }
    say(&w, "c,q,new", "GOES ON");
    for (i = 0; i < 4; i++) {
        assert_true(peer_sees(&peers[i], "GOES ON"));
        assert_null(strstr(peers[i].got, "HISTORY"));
        assert_null(strstr(strstr(peers[i].got, "GOES ON") + 1, "GOES ON"));
        peer_close(&peers[i]);
    }
    es_delivery_unwatch(w.delivery, watch);
    es_store_unsubscribe(w.hub.store, 1, &slot, 1);
    world_close(&w);
    assert_int_equal(__atomic_load_n(&warnings, __ATOMIC_RELAXED), 0);
    es_log_set_handler(NULL);
}

static void test_stop_ends_streams(void **state)
{
    es_client_t *late;
    es_watch_t *watch;
    es_slot_t slot;
    es_pos_t pos;
    peer_t peers[3], late_peer;
    world_t w;
    int fd, i;

    (void)state;
    world_open(&w, 256 * 1024);
    for (i = 0; i < 3; i++) {
        join(&w, &peers[i], "a");
    }
    use_pair(&late_peer, &fd);
    late = make_client(&w, fd, "a", 1, 0, 0);
    hub_subscribe(&w.hub, "a", &slot, &pos);
    assert_int_equal(es_delivery_watch(w.delivery, 0, &slot, 1, &watch),
                     APR_SUCCESS);
    say(&w, "a", "last words");
    es_delivery_stop(w.delivery);
    es_delivery_stop(w.delivery);
    assert_true(es_delivery_is_stopping(w.delivery));
    assert_int_equal(es_delivery_submit(w.delivery, late), APR_EOF);
    while (es_watch_wait(watch, LONG) == 1) {
        continue;
    }
    assert_int_equal(es_watch_wait(watch, LONG), -1);
    for (i = 0; i < 3; i++) {
        assert_int_equal(peer_ends(&peers[i]), 1);
        assert_int_equal(unchunk(peers[i].got, &peers[i].len), 1);
        assert_non_null(strstr(peers[i].got, "data: last words\n"));
        assert_non_null(strstr(peers[i].got, "retry: 3"));
        peer_close(&peers[i]);
    }
    assert_int_equal(es_delivery_join(w.delivery, 5 * SECOND), APR_SUCCESS);
    es_delivery_unwatch(w.delivery, watch);
    es_store_unsubscribe(w.hub.store, 1, &slot, 1);
    es_client_close(late);
    peer_close(&late_peer);
    world_close(&w);
}

/* A peer that never closes does not hold up the stop. */
static void test_stop_is_bounded(void **state)
{
    peer_t peer;
    world_t w;

    (void)state;
    world_open(&w, 256 * 1024);
    join(&w, &peer, "a");
    assert_true(clients_become(&w, 1));
    es_delivery_stop(w.delivery);
    assert_int_equal(es_delivery_join(w.delivery, LONG), APR_SUCCESS);
    assert_int_equal(es_store_child_subscriptions(w.hub.store, 1), 0);
    peer_close(&peer);
    world_close(&w);
}

static void test_join_gives_up_after_its_time(void **state)
{
    peer_t peer;
    world_t w;

    (void)state;
    world_open(&w, 256 * 1024);
    hold_delivery(&w, &peer);
    es_delivery_stop(w.delivery);
    assert_int_equal(es_delivery_join(w.delivery, SECOND / 10), APR_TIMEUP);
    release_delivery();
    assert_int_equal(es_delivery_join(w.delivery, LONG), APR_SUCCESS);
    peer_close(&peer);
    world_close(&w);
}

static void test_watch(void **state)
{
    es_watch_t *watch;
    es_slot_t slots[2];
    es_pos_t pos;
    world_t w;

    (void)state;
    world_open(&w, 256 * 1024);
    hub_subscribe(&w.hub, "a,b", slots, &pos);
    assert_int_equal(es_delivery_watch(w.delivery, 0, slots, 2, &watch),
                     APR_SUCCESS);
    assert_int_equal(es_watch_wait(watch, LONG), 1); /* it was added */
    while (es_watch_wait(watch, SECOND / 5) == 1) {
        continue;
    }
    say(&w, "a", "one");
    assert_int_equal(es_watch_wait(watch, LONG), 1);
    say(&w, "b", "one");
    assert_int_equal(es_watch_wait(watch, LONG), 1);
    es_delivery_unwatch(w.delivery, watch);
    say(&w, "a", "unwatched");
    es_store_unsubscribe(w.hub.store, 1, slots, 2);
    world_close(&w);
}

/* ---- many threads ------------------------------------------------------ */

typedef struct publisher_t {
    world_t *w;
    int number;
} publisher_t;

static void *on_publisher(void *arg)
{
    publisher_t *self = arg;
    hub_t hub = self->w->hub; /* with a clock and results of its own */
    char text[400];
    char channels[8];
    int i;

    for (i = 0; i < 500; i++) {
        memset(text, 'x', sizeof(text));
        text[i % 300 + 20] = '\0';
        snprintf(text, 20, "p%d-%04d", self->number, i);
        text[7] = ' ';
        snprintf(channels, sizeof(channels), i % 3 ? "c%d" : "c0,c1", i % 2);
        hub_say(&hub, channels, text);
        es_children_wake(self->w->children, 1);
        if (i % 7 == 0) {
            apr_sleep(300);
        }
    }
    return NULL;
}

/* Each event of a publisher once and in order, from the first that the peer got
 * on. */
static void check_order(const char *got, int number, int channel)
{
    char text[32];
    const char *at, *before = NULL;
    int i, first = -1;

    for (i = 0; i < 500; i++) {
        snprintf(text, sizeof(text), "data: p%d-%04d ", number, i);
        at = strstr(got, text);
        if (channel >= 0 && i % 3 != 0 && i % 2 != channel) {
            assert_null(at);
            continue;
        }
        if (at == NULL) {
            assert_int_equal(first, -1); /* no gap */
            continue;
        }
        first = first < 0 ? i : first;
        assert_null(strstr(at + 1, text));
        assert_true(at > before);
        before = at;
    }
}

static void test_many_threads(void **state)
{
    static const char *const channels[] = {"c0", "c1", "c0,c1"};
    publisher_t publishers[2];
    pthread_t threads[2];
    peer_t peers[24];
    world_t w;
    int i, end;

    (void)state;
    world_open(&w, 4 * 1024 * 1024);
    for (i = 0; i < 2; i++) {
        publishers[i].w = &w;
        publishers[i].number = i;
        assert_int_equal(
            pthread_create(&threads[i], NULL, on_publisher, &publishers[i]), 0);
    }
    for (i = 0; i < 24; i++) {
        join(&w, &peers[i], channels[i % 3]);
        for (end = 0; end <= i; end++) {
            peer_read(&peers[end], 0);
        }
    }
    for (i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    say(&w, "c0,c1", "THE END");
    for (i = 0; i < 24; i++) {
        assert_true(peer_sees(&peers[i], "THE END"));
        assert_int_equal(unchunk(peers[i].got, &peers[i].len), 0);
        check_order(peers[i].got, 0, i % 3 == 2 ? -1 : i % 3);
        check_order(peers[i].got, 1, i % 3 == 2 ? -1 : i % 3);
        peer_close(&peers[i]);
    }
    assert_true(clients_become(&w, 0));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_reaches_its_clients),
        cmocka_unit_test(test_keepalive_and_hangup),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_send_timeout),
        cmocka_unit_test(test_overtaken_reader),
        cmocka_unit_test(test_overtaken_delivery),
        cmocka_unit_test(test_filled_journal),
        cmocka_unit_test(test_stop_ends_streams),
        cmocka_unit_test(test_stop_is_bounded),
        cmocka_unit_test(test_join_gives_up_after_its_time),
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_many_threads),
    };

    /* No apr_terminate: a test that fails leaves its delivery running. */
    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
