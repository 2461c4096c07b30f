/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of src/deliver/handover_msg.c: messages, also malformed ones; and two
 * deliveries in one process that hand over their clients.
 */
#include "t/unit/deliver_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "deliver/delivery.h"
#include "deliver/handover_msg.h"
#include "deliver/sink_socket.h"

#define SECOND APR_USEC_PER_SEC
#define LONG (60 * SECOND) /* until a test that waits for a fact gives up */
#define HEAD 8             /* bytes before the first client */
#define CLIENT 160         /* bytes of a client without its names */

static void open_pair(int *fds)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds),
                     0);
}

static void close_pair(const int *fds)
{
    close(fds[0]);
    close(fds[1]);
}

/* @return the number of descriptors of this process */
static int count_fds(void)
{
    int fd, count = 0;

    for (fd = 0; fd < 1000; fd++) {
        count += lseek(fd, 0, SEEK_CUR) >= 0 || errno != EBADF;
    }
    return count;
}

/* ---- the message ------------------------------------------------------- */

static es_handed_t handed_of(int fd, const es_slice_t *names, int count)
{
    es_handed_t handed;

    memset(&handed, 0, sizeof(handed));
    handed.fd = fd;
    handed.epoch.ms = 77;
    handed.epoch.n = 1;
    handed.segment_id = ~APR_UINT64_C(1);
    handed.seen_id.ms = 78;
    handed.seen_id.n = 2;
    handed.chunked = 1;
    handed.saved.cursor = APR_UINT64_C(1) << 40;
    handed.saved.skip = 12;
    handed.saved.control = 1;
    handed.saved.control_offset = 5;
    handed.saved.reset_id.ms = 9;
    handed.opts.keepalive = 20 * SECOND;
    handed.opts.keepalive_as_comment = 1;
    handed.opts.send_timeout = 60 * SECOND;
    handed.opts.lifetime = 5;
    handed.opts.retry_ms = 3000;
    handed.address = ~APR_UINT64_C(0);
    handed.user = APR_UINT64_C(0xfedcba9876543210);
    handed.token = ~APR_UINT64_C(2);
    handed.checked = 0x80000001u;
    handed.is_counted = 1;
    handed.names = names;
    handed.nnames = count;
    return handed;
}

static void test_lines_go_with_their_clients(void **state)
{
    es_slice_t name = es_slice_of("a");
    es_handover_msg_t *msg = es_handover_msg_create();
    es_stream_line_t *line =
        es_stream_line_create(es_slice_of("text\1"), 5 * SECOND);
    es_handed_t with, without, got;
    int fds[2], i;

    (void)state;
    open_pair(fds);
    line->bytes = APR_UINT64_C(1) << 50;
    line->events = 7;
    without = handed_of(0, &name, 1);
    with = without;
    with.line = line;
    for (i = 0; i < 2; i++) {
        assert_int_equal(es_handover_msg_add(msg, &with), APR_SUCCESS);
        assert_int_equal(es_handover_msg_add(msg, &without), APR_SUCCESS);
    }
    assert_int_equal(es_handover_msg_send(msg, fds[0]), APR_SUCCESS);
    assert_int_equal(es_handover_msg_receive(msg, fds[1]), APR_SUCCESS);
    for (i = 0; i < 2; i++) {
        assert_int_equal(es_handover_msg_take(msg, &got), APR_SUCCESS);
        close(got.fd);
        assert_int_equal(got.line->bytes, line->bytes);
        assert_int_equal(got.line->events, 7);
        assert_int_equal(got.line->began, 5 * SECOND);
        assert_int_equal(got.line->len, 5);
        assert_memory_equal(got.line->text, "text\1", 5);
        assert_int_equal(es_handover_msg_take(msg, &got), APR_SUCCESS);
        close(got.fd);
        assert_null(got.line);
    }
    assert_int_equal(es_handover_msg_take(msg, &got), APR_EOF);

    free(line);
    es_handover_msg_destroy(msg);
    close_pair(fds);
}

static void test_clients_are_received_as_sent(void **state)
{
    es_slice_t names[2];
    es_handover_msg_t *msg = es_handover_msg_create();
    es_handed_t sent, got;
    int fds[2], before, i;

    (void)state;
    open_pair(fds);
    before = count_fds();
    names[0] = es_slice_of("a");
    names[1] = es_slice_of("b\xc3\xa4");
    sent = handed_of(0, names, 2);
    sent.who = es_slice_of("ad\xc3\xa4");
    sent.grace_ms = 4567;
    assert_int_equal(es_handover_msg_receive(msg, fds[1]), APR_EAGAIN);
    for (i = 0; i < 3; i++) {
        assert_int_equal(es_handover_msg_add(msg, &sent), APR_SUCCESS);
    }
    assert_int_equal(es_handover_msg_send(msg, fds[0]), APR_SUCCESS);
    assert_int_equal(count_fds(), before);

    assert_int_equal(es_handover_msg_receive(msg, fds[1]), APR_SUCCESS);
    assert_int_equal(es_handover_msg_count(msg), 3);
    for (i = 0; i < 3; i++) {
        assert_int_equal(es_handover_msg_take(msg, &got), APR_SUCCESS);
        assert_true(got.fd > 2);
        assert_true(fcntl(got.fd, F_GETFD) &
                    FD_CLOEXEC); /* closed in CGI scripts */
        close(got.fd);
        assert_int_equal(got.nnames, 2);
        assert_true(es_slice_is(got.names[1], "b\xc3\xa4"));
        assert_true(es_slice_is(got.who, "ad\xc3\xa4"));
        assert_int_equal(got.grace_ms, 4567);
        assert_memory_equal(&got.epoch, &sent.epoch, sizeof(sent.epoch));
        assert_true(got.segment_id == sent.segment_id);
        assert_memory_equal(&got.seen_id, &sent.seen_id, sizeof(sent.seen_id));
        assert_int_equal(got.chunked, 1);
        assert_int_equal(got.saved.cursor, sent.saved.cursor);
        assert_int_equal(got.saved.skip, 12);
        assert_int_equal(got.saved.control, 1);
        assert_int_equal(got.saved.control_offset, 5);
        assert_int_equal(got.saved.reset_id.ms, 9);
        assert_int_equal(got.opts.keepalive, sent.opts.keepalive);
        assert_int_equal(got.opts.keepalive_as_comment, 1);
        assert_int_equal(got.opts.send_timeout, sent.opts.send_timeout);
        assert_int_equal(got.opts.lifetime, 5);
        assert_int_equal(got.opts.retry_ms, 3000);
        assert_int_equal(got.address, sent.address);
        assert_true(got.user == sent.user);
        assert_true(got.token == sent.token);
        assert_int_equal(got.checked, sent.checked);
        assert_int_equal(got.is_counted, 1);
    }
    assert_int_equal(es_handover_msg_take(msg, &got), APR_EOF);
    assert_int_equal(count_fds(), before);
    close_pair(fds);
    es_handover_msg_destroy(msg);
}

static void test_limits(void **state)
{
    static char text[255];
    static es_slice_t names[ES_HANDOVER_MSG_NAMES + 1];
    es_handover_msg_t *msg = es_handover_msg_create();
    es_handed_t handed;
    int i, most = (ES_HANDOVER_MSG_BYTES - HEAD - CLIENT) / 256;

    (void)state;
    memset(text, 'x', sizeof(text));
    for (i = 0; i <= ES_HANDOVER_MSG_NAMES; i++) {
        names[i] = es_slice(text, 1);
    }
    handed = handed_of(0, names, 1);
    for (i = 0; i < ES_HANDOVER_MSG_CLIENTS; i++) {
        assert_int_equal(es_handover_msg_add(msg, &handed), APR_SUCCESS);
    }
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_ENOSPC);
    es_handover_msg_destroy(msg);

    msg = es_handover_msg_create();
    handed.nnames = 0;
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_EINVAL);
    handed.nnames = ES_HANDOVER_MSG_NAMES + 1;
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_EINVAL);
    for (i = 0; i <= most; i++) {
        names[i] = es_slice(text, 255);
    }
    handed.nnames = most + 1;
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_EINVAL);
    handed.nnames = most;
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_SUCCESS);
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_ENOSPC);
    es_handover_msg_destroy(msg);
}

static void test_full_socket(void **state)
{
    es_slice_t name = es_slice_of("a");
    es_handover_msg_t *msg = es_handover_msg_create();
    es_handed_t handed = handed_of(0, &name, 1);
    apr_status_t rv = APR_SUCCESS;
    int fds[2], before, sent = 0, got = 0, i;

    (void)state;
    open_pair(fds);
    before = count_fds();
    while (rv == APR_SUCCESS) {
        es_handover_msg_begin(msg);
        for (i = 0; i < 10; i++) {
            assert_int_equal(es_handover_msg_add(msg, &handed), APR_SUCCESS);
        }
        rv = es_handover_msg_send(msg, fds[0]);
        sent += rv == APR_SUCCESS;
        assert_true(sent < 100000);
    }
    assert_true(APR_STATUS_IS_EAGAIN(rv));
    assert_true(sent > 10);
    while (es_handover_msg_receive(msg, fds[1]) == APR_SUCCESS) {
        got++; /* the next receive closes what was not taken */
    }
    assert_int_equal(got, sent);
    es_handover_msg_begin(msg);
    assert_int_equal(count_fds(), before);
    close_pair(fds);
    es_handover_msg_destroy(msg);
}

/* ---- malformed messages ------------------------------------------------ */

/* Send bytes and copies of descriptor 0. */
static void send_raw(int fd, const char *bytes, apr_size_t len, int nfds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * 250)];
    } control;
    struct msghdr msg = {0};
    struct cmsghdr *header;
    struct iovec iov;
    int i, zero = 0;

    memset(&control, 0, sizeof(control));
    iov.iov_base = (char *)bytes;
    iov.iov_len = len;
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    if (nfds > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        header = CMSG_FIRSTHDR(&msg);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        for (i = 0; i < nfds; i++) {
            memcpy(CMSG_DATA(header) + sizeof(int) * i, &zero, sizeof(zero));
        }
    }
    assert_int_equal(sendmsg(fd, &msg, 0), (ssize_t)len);
}

/* Make the bytes of a valid message with two clients. @return how many */
static apr_size_t good_bytes(int *fds, char *bytes)
{
    es_slice_t name = es_slice_of("abc");
    es_handed_t handed = handed_of(0, &name, 1);
    es_handover_msg_t *msg = es_handover_msg_create();
    ssize_t n;

    assert_int_equal(es_handover_msg_add(msg, &handed), APR_SUCCESS);
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_SUCCESS);
    assert_int_equal(es_handover_msg_send(msg, fds[0]), APR_SUCCESS);
    n = recv(fds[1], bytes, ES_HANDOVER_MSG_BYTES, 0);
    assert_int_equal(n, HEAD + 2 * (CLIENT + 4));
    es_handover_msg_destroy(msg);
    return (apr_size_t)n;
}

/* @return how many clients the message has; all are closed */
static int take_all(es_handover_msg_t *msg, int fd)
{
    es_handed_t handed;
    int count = 0, i;

    if (es_handover_msg_receive(msg, fd) != APR_SUCCESS) {
        return -1;
    }
    while (es_handover_msg_take(msg, &handed) == APR_SUCCESS) {
        assert_true(handed.nnames >= 1);
        for (i = 0; i < handed.nnames; i++) {
            assert_true(handed.names[i].len >= 1);
            assert_int_not_equal(handed.names[i].data[0], 0x7e);
        }
        assert_true(handed.fd >= 0);
        close(handed.fd);
        count++;
    }
    return count;
}

static void test_malformed_lines(void **state)
{
    static const apr_uint32_t wrong[] = {6, ES_STREAM_LINE_MAX + 1, ~0u};
    static char bytes[ES_HANDOVER_MSG_BYTES];
    es_slice_t name = es_slice_of("abc");
    es_handover_msg_t *msg = es_handover_msg_create();
    es_stream_line_t *line = es_stream_line_create(es_slice_of("12345"), 1);
    es_handed_t handed = handed_of(0, &name, 1);
    int fds[2];
    apr_size_t len, cut, i;

    (void)state;
    open_pair(fds);
    handed.line = line;
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_SUCCESS);
    assert_int_equal(es_handover_msg_send(msg, fds[0]), APR_SUCCESS);
    len = (apr_size_t)recv(fds[1], bytes, sizeof(bytes), 0);
    assert_int_equal(len, HEAD + CLIENT + 4 + 32 + 5);
    es_handover_msg_destroy(msg);
    msg = es_handover_msg_create();
    send_raw(fds[0], bytes, len, 1);
    assert_int_equal(take_all(msg, fds[1]), 1);
    for (cut = HEAD + CLIENT + 4; cut < len; cut++) {
        send_raw(fds[0], bytes, cut, 1);
        assert_int_equal(take_all(msg, fds[1]), 0);
    }
    for (i = 0; i < 3; i++) { /* of its text */
        memcpy(bytes + HEAD + CLIENT + 4 + 24, &wrong[i], 4);
        send_raw(fds[0], bytes, len, 1);
        assert_int_equal(take_all(msg, fds[1]), 0);
    }
    free(line);
    es_handover_msg_destroy(msg);
    close_pair(fds);
}

static void test_malformed_names_of_presence(void **state)
{
    static char bytes[ES_HANDOVER_MSG_BYTES], text[256];
    es_slice_t name = es_slice_of("abc");
    es_handover_msg_t *msg = es_handover_msg_create();
    es_handed_t handed = handed_of(0, &name, 1);
    int fds[2];
    apr_size_t len, cut;

    (void)state;
    open_pair(fds);
    memset(text, 'n', sizeof(text));
    handed.who = es_slice(text, 256);
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_EINVAL);
    handed.who = es_slice(text, 255);
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_SUCCESS);
    assert_int_equal(es_handover_msg_send(msg, fds[0]), APR_SUCCESS);
    len = (apr_size_t)recv(fds[1], bytes, sizeof(bytes), 0);
    assert_int_equal(len, HEAD + CLIENT + 4 + 255);
    es_handover_msg_destroy(msg);
    msg = es_handover_msg_create();
    send_raw(fds[0], bytes, len, 1);
    assert_int_equal(take_all(msg, fds[1]), 1);
    for (cut = HEAD + CLIENT + 4; cut < len; cut++) {
        send_raw(fds[0], bytes, cut, 1);
        assert_int_equal(take_all(msg, fds[1]), 0);
    }
    bytes[len - 1] = (char)0xc3; /* a character that is cut off */
    send_raw(fds[0], bytes, len, 1);
    assert_int_equal(take_all(msg, fds[1]), 0);
    es_handover_msg_destroy(msg);
    close_pair(fds);
}

static void test_malformed_messages(void **state)
{
    static char bytes[ES_HANDOVER_MSG_BYTES * 2],
        bad[ES_HANDOVER_MSG_BYTES * 2];
    es_handover_msg_t *msg = es_handover_msg_create();
    apr_uint32_t many = 0x7fffffff;
    apr_size_t len, cut, at;
    int fds[2], before;

    (void)state;
    open_pair(fds);
    before = count_fds();
    len = good_bytes(fds, bytes);
    send_raw(fds[0], bytes, len, 2);
    assert_int_equal(take_all(msg, fds[1]), 2);

    /* too few descriptors, too many, none */
    send_raw(fds[0], bytes, len, 1);
    assert_int_equal(take_all(msg, fds[1]), 1);
    send_raw(fds[0], bytes, len, 200);
    assert_int_equal(take_all(msg, fds[1]), 2);
    send_raw(fds[0], bytes, len, 0);
    assert_int_equal(take_all(msg, fds[1]), 0);

    /* cut anywhere */
    for (cut = 1; cut < len; cut++) {
        send_raw(fds[0], bytes, cut, 2);
        assert_int_equal(take_all(msg, fds[1]), cut < HEAD                ? -1
                                                : cut < HEAD + CLIENT + 4 ? 0
                                                                          : 1);
    }
    /* each byte changed: whatever is taken, it stays in bounds */
    for (at = 0; at < len; at++) {
        memcpy(bad, bytes, len);
        bad[at] = (char)0xff;
        send_raw(fds[0], bad, len, 2);
        (void)take_all(msg, fds[1]);
        bad[at] = 0;
        send_raw(fds[0], bad, len, 2);
        (void)take_all(msg, fds[1]);
    }
    /* more clients than there are, a longer name than there is */
    memcpy(bad, bytes, len);
    memcpy(bad + 4, &many, 4);
    send_raw(fds[0], bad, len, 2);
    assert_int_equal(take_all(msg, fds[1]), -1);
    memcpy(bad, bytes, len);
    bad[HEAD + CLIENT] = (char)255;
    send_raw(fds[0], bad, len, 2);
    assert_int_equal(take_all(msg, fds[1]), 0);
    /* the version of another build */
    memcpy(bad, bytes, len);
    bad[0] ^= 1;
    send_raw(fds[0], bad, len, 2);
    assert_int_equal(take_all(msg, fds[1]), -1);
    /* longer than any message */
    memcpy(bad, bytes, len);
    send_raw(fds[0], bad, ES_HANDOVER_MSG_BYTES + 1, 2);
    assert_int_equal(take_all(msg, fds[1]), -1);
    es_handover_msg_begin(msg);
    assert_int_equal(count_fds(), before);
    /* no process can send any more */
    close(fds[0]);
    assert_int_equal(es_handover_msg_receive(msg, fds[1]), APR_EOF);
    close(fds[1]);
    es_handover_msg_destroy(msg);
}

/* ---- two deliveries ---------------------------------------------------- */

typedef struct world_t {
    hub_t hub;
    void *children_mem;
    int wakes[2];
    es_handover_sockets_t sockets;
    int running; /* generation of the server */
    es_children_t *children;
    es_delivery_t *child[2]; /* children 1 and 2 */
    unsigned char closed;
    apr_pool_t *pool;
} world_t;

typedef struct peer_t {
    int fd;
    char *got;
    apr_size_t len;
} peer_t;

static void start_child(world_t *w, int i)
{
    es_delivery_params_t params = {0};

    assert_int_equal(es_children_claim(w->children, (apr_uint64_t)w->running,
                                       (apr_uint64_t)i + 100),
                     i + 1);
    params.children = w->children;
    params.child = (apr_uint32_t)i + 1;
    params.hubs = &w->hub.store;
    params.nhubs = 1;
    params.drain_ms = 100;
    params.closed = &w->closed;
    params.handover = &w->sockets;
    params.running = &w->running;
    params.generation = (apr_uint64_t)w->running;
    assert_int_equal(es_delivery_start(&w->child[i], &params, w->pool),
                     APR_SUCCESS);
}

/* End a child as httpd does. */
static void end_child(world_t *w, int i)
{
    if (w->child[i] != NULL) {
        assert_int_equal(es_delivery_join(w->child[i], LONG), APR_SUCCESS);
        assert_int_equal(
            es_store_child_subscriptions(w->hub.store, (apr_uint32_t)i + 1), 0);
        es_children_free(w->children, (apr_uint32_t)i + 1);
        w->child[i] = NULL;
    }
}

static void world_open(world_t *w, apr_uint64_t ring_bytes)
{
    int i;

    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, ring_bytes);
    apr_pool_create(&w->pool, NULL);
    for (i = 0; i < 2; i++) {
        w->wakes[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    assert_int_equal(es_handover_sockets_create(&w->sockets, 1, 1), 0);
    assert_int_equal(posix_memalign(&w->children_mem, 64, es_children_size(2)),
                     0);
    memset(w->children_mem, 0, es_children_size(2));
    es_children_format(w->children_mem, 2);
    assert_int_equal(es_children_attach(&w->children, w->children_mem,
                                        es_children_size(2), 2, w->wakes,
                                        w->pool),
                     APR_SUCCESS);
    start_child(w, 0);
}

static void world_close(world_t *w)
{
    int i;

    for (i = 0; i < 2; i++) {
        if (w->child[i] != NULL) {
            es_delivery_stop(w->child[i]);
            end_child(w, i);
        }
    }
    apr_pool_destroy(w->pool);
    for (i = 0; i < 2; i++) {
        close(w->wakes[i]);
    }
    es_handover_sockets_close(&w->sockets);
    free(w->children_mem);
    hub_close(&w->hub);
}

static void say(world_t *w, const char *channels, const char *text)
{
    hub_say(&w->hub, channels, text);
    es_children_wake(w->children, 1);
    es_children_wake(w->children, 2);
}

/* Submit a client to the first child. */
static void join(world_t *w, peer_t *peer, const char *channels, int buffer,
                 apr_interval_time_t lifetime)
{
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    es_client_t *client;
    int fds[2];

    memset(peer, 0, sizeof(*peer));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                     0);
    if (buffer != 0) {
        setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    }
    peer->fd = fds[0];
    params.store = w->hub.store;
    params.child = 1;
    params.nslots = hub_subscribe(&w->hub, channels, slots, &params.pos);
    params.slots = slots;
    params.opts.lifetime = lifetime;
    params.opts.retry_ms = 3000;
    client = es_client_create(&params, es_sink_socket_create(fds[1], 1, 0),
                              es_clock_now());
    assert_non_null(client);
    assert_int_equal(es_delivery_submit(w->child[0], client), APR_SUCCESS);
}

/* Read until text is seen, or the end if it is NULL. @return 0 at a timeout */
static int sees(peer_t *peer, const char *text)
{
    apr_time_t until = es_clock_now() + LONG;
    struct pollfd at = {0};
    ssize_t n;

    at.fd = peer->fd;
    at.events = POLLIN;
    while (text == NULL || peer->got == NULL ||
           strstr(peer->got, text) == NULL) {
        if (es_clock_now() > until || poll(&at, 1, 100) < 0) {
            return 0;
        }
        peer->got = realloc(peer->got, peer->len + 65537);
        n = recv(peer->fd, peer->got + peer->len, 65536, MSG_DONTWAIT);
        if (n == 0) {
            return text == NULL;
        }
        peer->len += n > 0 ? (apr_size_t)n : 0;
        peer->got[peer->len] = '\0';
    }
    return 1;
}

/* A part of a frame was written that has no room in the socket's buffers. */
static int gets_a_part(const peer_t *peer)
{
    apr_time_t until = es_clock_now() + LONG;
    int bytes = 0;

    while (bytes < 1000 && es_clock_now() < until) {
        apr_sleep(2000);
        assert_int_equal(ioctl(peer->fd, FIONREAD, &bytes), 0);
    }
    return bytes >= 1000;
}

static int count_of(const char *text, const char *what)
{
    int count = 0;

    for (text = strstr(text, what); text; text = strstr(text + 1, what)) {
        count++;
    }
    return count;
}

static void peer_close(peer_t *peer)
{
    close(peer->fd);
    free(peer->got);
}

static int clients_become(es_delivery_t *d, apr_uint32_t count)
{
    apr_time_t until = es_clock_now() + LONG;

    while (es_delivery_clients(d) != count && es_clock_now() < until) {
        apr_sleep(2000);
    }
    return es_delivery_clients(d) == count;
}

static void test_hand_over(void **state)
{
    peer_t peers[300], both;
    world_t w;
    char text[32];
    int i, n;

    (void)state;
    world_open(&w, 1024 * 1024);
    for (i = 0; i < 300; i++) {
        join(&w, &peers[i], i % 2 ? "a" : "b", 0, 0);
    }
    join(&w, &both, "b,a", 0, 0);
    assert_true(clients_become(w.child[0], 301));
    start_child(&w, 1);
    for (n = 0; n < 100; n++) {
        snprintf(text, sizeof(text), "number %d.", n);
        say(&w, n % 3 == 0 ? "a" : n % 3 == 1 ? "b" : "a,b", text);
        if (n == 20) {
            es_delivery_leave(w.child[0], ES_STOP_OWN);
        }
        apr_sleep(n > 15 && n < 30 ? 1000 : 0);
    }
    say(&w, "a,b", "the end");
    for (i = 0; i < 300; i++) {
        assert_true(sees(&peers[i], "the end"));
        assert_int_equal(count_of(peers[i].got, "number "), 67 - (i % 2 == 0));
        assert_int_equal(unchunk(peers[i].got, &peers[i].len), 0);
    }
    assert_true(sees(&both, "the end"));
    assert_int_equal(count_of(both.got, "number "), 100);
    assert_null(strstr(both.got, "stream-reset"));
    assert_true(clients_become(w.child[0], 0));
    assert_true(clients_become(w.child[1], 301));
    assert_int_equal(es_store_child_subscriptions(w.hub.store, 1), 0);
    assert_int_equal(es_store_child_subscriptions(w.hub.store, 2), 302);

    /* a client that is submitted now is handed over, too */
    peer_close(&both);
    join(&w, &both, "a", 0, 0);
    assert_true(clients_become(w.child[1], 301));
    say(&w, "a", "late");
    assert_true(sees(&both, "late"));
    end_child(&w, 0);
    for (i = 0; i < 300; i++) {
        peer_close(&peers[i]);
    }
    assert_true(clients_become(w.child[1], 1));
    peer_close(&both);
    world_close(&w);
}

/* A frame was written in part: the other child writes the rest. */
static void test_partially_written(void **state)
{
    static char text[60000];
    peer_t peer;
    world_t w;
    int i;

    (void)state;
    world_open(&w, 1024 * 1024);
    memset(text, 'x', sizeof(text) - 1);
    join(&w, &peer, "a", 4096, 0);
    assert_true(clients_become(w.child[0], 1));
    for (i = 0; i < 5; i++) {
        say(&w, "a", text);
    }
    assert_true(gets_a_part(&peer));
    start_child(&w, 1);
    es_delivery_leave(w.child[0], ES_STOP_GRACEFUL);
    end_child(&w, 0);
    say(&w, "a", "the end");
    assert_true(sees(&peer, "the end"));
    assert_int_equal(unchunk(peer.got, &peer.len), 0);
    assert_int_equal(count_of(peer.got, text), 5);
    assert_null(strstr(peer.got, "stream-reset"));
    peer_close(&peer);
    world_close(&w);
}

/* While it is in the handover socket, no child is subscribed for it, and the
 * ring advances. */
static void overtake(int in_frame)
{
    static char text[60000];
    peer_t peer;
    world_t w;
    int i;

    world_open(&w, 256 * 1024);
    memset(text, 'x', sizeof(text) - 1);
    join(&w, &peer, "a", 4096, 0);
    assert_true(clients_become(w.child[0], 1));
    if (in_frame) {
        say(&w, "a", text);
        assert_true(gets_a_part(&peer));
    }
    w.running++;
    es_delivery_leave(w.child[0], ES_STOP_NOW); /* a restart */
    end_child(&w, 0);
    say(&w, "a", "missed");
    for (i = 0; i < 10; i++) {
        say(&w, "b", text);
    }
    start_child(&w, 0);
    if (in_frame) {
        assert_true(sees(&peer, NULL));
        assert_int_equal(unchunk(peer.got, &peer.len), -1);
    }
    else {
        assert_true(sees(&peer, "event: stream-reset\n"));
        say(&w, "a", "goes on");
        assert_true(sees(&peer, "goes on"));
        assert_null(strstr(peer.got, "missed"));
    }
    peer_close(&peer);
    world_close(&w);
}

static void test_overtaken_on_the_way(void **state)
{
    (void)state;
    overtake(0);
    overtake(1);
}

static void test_restart_and_quiet(void **state)
{
    static char text[60000];
    peer_t busy, quiet;
    world_t w;
    int i;

    (void)state;
    world_open(&w, 256 * 1024);
    memset(text, 'x', sizeof(text) - 1);
    join(&w, &busy, "a", 0, 0);
    join(&w, &quiet, "q", 0, 0);
    for (i = 0; i < 10; i++) {
        say(&w, "b", text); /* quiet's own cursor is far behind */
    }
    say(&w, "a", "before");
    assert_true(sees(&busy, "before"));
    w.running++;
    es_delivery_leave(w.child[0], ES_STOP_NOW);
    end_child(&w, 0);
    say(&w, "a", "meanwhile");
    start_child(&w, 0);
    assert_true(clients_become(w.child[0], 2));
    say(&w, "a,q", "after");
    assert_true(sees(&busy, "after"));
    assert_true(sees(&quiet, "after"));
    assert_int_equal(count_of(busy.got, "meanwhile"), 1);
    assert_int_equal(count_of(busy.got, "before"), 1);
    assert_null(strstr(busy.got, "reset"));
    assert_null(strstr(quiet.got, "reset"));
    peer_close(&busy);
    peer_close(&quiet);
    world_close(&w);
}

/* The server stops, and another child does not know it yet: the last child to
 * stop ends the streams. */
static void test_last_one(void **state)
{
    peer_t peer;
    world_t w;

    (void)state;
    world_open(&w, 256 * 1024);
    join(&w, &peer, "a", 0, 0);
    assert_true(clients_become(w.child[0], 1));
    /* a child that receives no clients: it is only listed */
    assert_int_equal(es_children_claim(w.children, 0, 999), 2);
    es_delivery_leave(w.child[0], ES_STOP_GRACEFUL);
    assert_true(clients_become(w.child[0], 0));
    assert_int_equal(es_store_child_subscriptions(w.hub.store, 1), 0);
    es_children_set_stopping(w.children, 2);
    assert_true(sees(&peer, NULL));
    assert_int_equal(unchunk(peer.got, &peer.len), 1);
    end_child(&w, 0);
    peer_close(&peer);
    world_close(&w);
}

static void test_ends(void **state)
{
    peer_t peer;
    world_t w;

    (void)state;
    /* there is no other child, and the server does not restart */
    world_open(&w, 256 * 1024);
    join(&w, &peer, "a", 0, 0);
    es_delivery_leave(w.child[0], ES_STOP_GRACEFUL);
    assert_true(sees(&peer, NULL));
    assert_int_equal(unchunk(peer.got, &peer.len), 1);
    assert_non_null(strstr(peer.got, "retry: 3"));
    peer_close(&peer);
    world_close(&w);

    /* its hub is no longer configured */
    world_open(&w, 256 * 1024);
    join(&w, &peer, "a", 0, 0);
    assert_true(clients_become(w.child[0], 1));
    w.closed = 1;
    start_child(&w, 1);
    es_delivery_leave(w.child[0], ES_STOP_OWN);
    assert_true(sees(&peer, NULL));
    assert_int_equal(unchunk(peer.got, &peer.len), 1);
    peer_close(&peer);
    world_close(&w);
}

/* The rest of its lifetime is handed over: client_state.c has how much. */
static void test_lifetime(void **state)
{
    apr_time_t from = es_clock_now();
    peer_t peer;
    world_t w;

    (void)state;
    world_open(&w, 256 * 1024);
    join(&w, &peer, "a", 0, 2 * SECOND);
    start_child(&w, 1);
    apr_sleep(SECOND);
    es_delivery_leave(w.child[0], ES_STOP_OWN);
    assert_true(sees(&peer, NULL));
    assert_int_equal(unchunk(peer.got, &peer.len), 1);
    assert_true(es_clock_now() - from > 19 * SECOND / 10);
    peer_close(&peer);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_are_received_as_sent),
        cmocka_unit_test(test_lines_go_with_their_clients),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_full_socket),
        cmocka_unit_test(test_malformed_lines),
        cmocka_unit_test(test_malformed_names_of_presence),
        cmocka_unit_test(test_malformed_messages),
        cmocka_unit_test(test_hand_over),
        cmocka_unit_test(test_partially_written),
        cmocka_unit_test(test_overtaken_on_the_way),
        cmocka_unit_test(test_restart_and_quiet),
        cmocka_unit_test(test_last_one),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_lifetime),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
