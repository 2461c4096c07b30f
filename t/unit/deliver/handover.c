/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of src/deliver/handover.c: where a client continues that another child
 * has sent, in the same segment and in another one; what is sent of a client;
 * how a child at its limit leaves messages to others.
 */
#include "t/unit/deliver_fixture.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_general.h>

#include "journal/store_priv.h"
#include "deliver/handover.h"
#include "deliver/handover_msg.h"

#define CHILD 1
#define OTHER 2
#define PID 4711
#define RING 65536
#define SECOND APR_USEC_PER_SEC

typedef struct world_t {
    hub_t hub;    /* the store */
    es_hub_t own; /* as the delivery sees it */
    es_conns_t *conns;
    es_handover_t *handover;
    es_handed_t handed; /* of channel "a" */
    es_slice_t name;
    int epoll_fd;
    es_handover_sockets_t sockets;
    int peer;
    char got[8192];
} world_t;

static void world_open_with(world_t *w, apr_uint64_t bytes,
                            es_deadline_clock_fn_t *clock)
{
    es_handover_params_t params = {0};
    int pair[2];

    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, bytes);
    hub_begin(&w->hub, &w->own);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->conns = es_conns_create(w->epoll_fd, 0);
    assert_non_null(w->conns);
    assert_int_equal(es_handover_sockets_create(&w->sockets, 1, 1), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w->peer = pair[0];
    params.conns = w->conns;
    params.hubs = &w->own;
    params.nhubs = 1;
    params.child = CHILD;
    params.sockets = &w->sockets;
    params.clock = clock;
    w->handover = es_handover_create(&params);
    assert_non_null(w->handover);
    w->name = es_slice_of("a");
    w->handed.fd = pair[1];
    w->handed.epoch = es_store_epoch(w->hub.store);
    w->handed.segment_id = es_store_segment_id(w->hub.store);
    w->handed.opts.retry_ms = 1000;
    w->handed.names = &w->name;
    w->handed.nnames = 1;
}

static void world_open(world_t *w)
{
    world_open_with(w, RING, NULL);
}

static void world_close(world_t *w)
{
    es_handover_destroy(w->handover);
    es_conns_close_all(w->conns, &w->own, 1);
    es_conns_destroy(w->conns);
    es_hub_clear(&w->own);
    close(w->epoll_fd);
    es_handover_sockets_close(&w->sockets);
    close(w->peer);
    hub_close(&w->hub);
}

/* The client is received and served. @return what its peer reads */
static const char *receive(world_t *w)
{
    es_handover_msg_t *msg = es_handover_msg_create();
    ssize_t n;

    assert_non_null(msg);
    assert_int_equal(es_handover_msg_add(msg, &w->handed), APR_SUCCESS);
    assert_int_equal(es_handover_sockets_send(&w->sockets, msg), APR_SUCCESS);
    close(w->handed.fd);
    es_handover_msg_begin(msg); /* msg does not own the descriptor */
    es_handover_msg_destroy(msg);
    w->own.pos = es_store_head(w->hub.store); /* as after its rounds */
    assert_int_equal(es_handover_receive(w->handover, 1, 0), 1);
    while (es_conns_run(w->conns, NULL, 0)) {
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

/* Publish to another channel until all present records are evicted. */
static void evict_all(world_t *w)
{
    static char text[4096];
    es_pos_t head = es_store_head(w->hub.store);

    memset(text, 'x', sizeof(text));
    while (es_store_tail(w->hub.store) < head) {
        hub_publish(&w->hub, "b", text, sizeof(text));
    }
}

/* It comes from another segment, whose positions mean nothing here. */
static void from_elsewhere(world_t *w, es_pos_t cursor)
{
    w->handed.segment_id ^= 1;
    w->handed.saved.cursor = cursor;
}

/* Use up all slots. */
/** Clients leave the rest to publishers. */
static void fill_table(world_t *w)
{
    es_slot_t slot;
    es_pos_t pos;
    char name[8];
    int i;

    for (i = 0; i < 256 - 256 / 16; i++) {
        snprintf(name, sizeof(name), "%d", i);
        hub_subscribe(&w->hub, name, &slot, &pos);
    }
}

static void test_same_segment(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    w.handed.saved.cursor = hub_say(&w.hub, "a", "seen");
    hub_say(&w.hub, "a", "new");
    assert_null(strstr(receive(&w), "seen"));
    assert_non_null(strstr(w.got, "data: new"));
    assert_null(strstr(w.got, "stream-reset"));
    world_close(&w);
}

/* The journal was filled anew: the client is reset, though its channel has lost
 * no record, and does not get the history. */
static void test_filled_on_the_way(void **state)
{
    const char *channels[] = {"a", "other"};
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        world_t w;

        world_open(&w);
        hub_say(&w.hub, "a", "seen");
        w.handed.saved.cursor = es_store_head(w.hub.store);
        hub_fill(&w.hub, channels[i]);
        assert_non_null(strstr(receive(&w), "event: stream-reset"));
        assert_null(strstr(w.got, "HISTORY"));
        world_close(&w);
    }
}

static void test_overtaken_on_the_way(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    w.handed.saved.cursor = es_store_head(w.hub.store);
    hub_say(&w.hub, "a", "missed");
    evict_all(&w);
    assert_non_null(strstr(receive(&w), "event: stream-reset"));
    assert_false(is_ended(&w));
    world_close(&w);
}

static void test_another_segment(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    hub_say(&w.hub, "a", "seen");
    w.handed.seen_id = w.hub.appended.last_id;
    hub_say(&w.hub, "a", "new");
    from_elsewhere(&w, (es_pos_t)1 << 40);
    assert_null(strstr(receive(&w), "seen"));
    assert_non_null(strstr(w.got, "data: new"));
    assert_null(strstr(w.got, "stream-reset"));
    world_close(&w);
}

/* What it has missed is limited in another segment. */
static void test_missed_too_much(void **state)
{
    world_t w;
    int more, i;

    (void)state;
    for (more = 0; more < 2; more++) {
        world_open_with(&w, 16 * 1024 * 1024, NULL);
        hub_say(&w.hub, "a", "seen");
        w.handed.seen_id = w.hub.appended.last_id;
        for (i = 0; i < 32768 + more; i++) {
            hub_say(&w.hub, "a", "new");
        }
        from_elsewhere(&w, 1);
        assert_int_equal(strstr(receive(&w), "stream-reset") != NULL, more);
        world_close(&w);
    }
}

/* The last record that it has seen is evicted. A close that is evicted, too, is
 * no reason to end it, however low its old cursor is ... */
static void test_old_close(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    hub_say(&w.hub, "a", "seen");
    w.handed.seen_id = w.hub.appended.last_id;
    hub_say(&w.hub, "a", "missed");
    hub_shut(&w.hub, "a");
    hub_say(&w.hub, "a", "again");
    evict_all(&w);
    from_elsewhere(&w, 1);
    assert_non_null(strstr(receive(&w), "event: stream-reset"));
    assert_false(is_ended(&w));
    world_close(&w);
}

/* ... a close that is retained is one, however high its old cursor is. */
static void test_new_close(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    hub_say(&w.hub, "a", "seen");
    w.handed.seen_id = w.hub.appended.last_id;
    hub_say(&w.hub, "a", "missed");
    evict_all(&w);
    hub_shut(&w.hub, "a");
    from_elsewhere(&w, (es_pos_t)1 << 40);
    assert_null(strstr(receive(&w), "stream-reset"));
    assert_non_null(strstr(w.got, "retry: "));
    assert_true(is_ended(&w));
    world_close(&w);
}

/* Another channel may have had its slot meanwhile. So what the slot knows of
 * evictions does not count, though no record of the channel was evicted. */
static void test_unknown_channel_on_the_way(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    w.handed.saved.cursor = es_store_head(w.hub.store);
    hub_say(&w.hub, "b", "first");
    evict_all(&w);
    assert_non_null(strstr(receive(&w), "event: stream-reset"));
    world_close(&w);
}

/* A position beyond the head of this segment. */
static void test_from_the_future(void **state)
{
    world_t w;

    (void)state;
    world_open(&w);
    w.handed.saved.cursor = es_store_head(w.hub.store) + 4096;
    assert_non_null(strstr(receive(&w), "event: stream-reset"));
    world_close(&w);
}

/* Its hub is not configured, or has no free slot: the client is closed. */
static void test_cannot_be_taken_over(void **state)
{
    es_handover_msg_t *msg;
    es_slice_t none;
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        world_t w;

        world_open(&w);
        if (i == 0) {
            w.handed.epoch.ms++;
        }
        else { /* its hub is full */
            none = es_slice_of("x");
            w.handed.names = &none;
            fill_table(&w);
        }
        msg = es_handover_msg_create();
        assert_int_equal(es_handover_msg_add(msg, &w.handed), APR_SUCCESS);
        assert_int_equal(es_handover_sockets_send(&w.sockets, msg),
                         APR_SUCCESS);
        close(w.handed.fd);
        es_handover_msg_destroy(msg);
        assert_int_equal(es_handover_receive(w.handover, 1, 0), 0);
        assert_int_equal(es_conns_count(w.conns), 0);
        assert_true(is_ended(&w));
        world_close(&w);
    }
}

static apr_time_t fly(void)
{
    static apr_time_t now;

    return now += APR_USEC_PER_SEC;
}

/* The time of the turn is over after each client. */
static void test_takes_over_in_parts(void **state)
{
    es_handover_msg_t *msg = es_handover_msg_create();
    int ends[2];
    world_t w;

    (void)state;
    world_open_with(&w, RING, fly);
    w.handed.saved.cursor = es_store_head(w.hub.store);
    assert_int_equal(es_handover_msg_add(msg, &w.handed), APR_SUCCESS);
    close(w.handed.fd);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    w.handed.fd = ends[0];
    assert_int_equal(es_handover_msg_add(msg, &w.handed), APR_SUCCESS);
    assert_int_equal(es_handover_sockets_send(&w.sockets, msg), APR_SUCCESS);
    close(w.handed.fd);
    es_handover_msg_begin(msg); /* msg does not own the descriptors */
    es_handover_msg_destroy(msg);
    w.own.pos = es_store_head(w.hub.store);
    assert_int_equal(es_handover_receive(w.handover, 1, 1), 1);
    assert_int_equal(es_conns_count(w.conns), 1);
    assert_true(es_handover_is_waiting(w.handover));
    assert_int_equal(es_handover_wait(w.handover), 0);
    es_handover_continue(w.handover, 2);
    assert_int_equal(es_conns_count(w.conns), 2);
    assert_false(es_handover_is_waiting(w.handover));
    close(ends[1]);
    world_close(&w);
}

/* ---- sending ------------------------------------------------------------- */

/* Send the one client. @return it as another child receives it */
static es_handed_t send_one(world_t *w, es_handover_msg_t *msg)
{
    es_handover_params_t params = {0};
    es_handed_t handed;
    es_handover_t *handover;

    params.conns = w->conns;
    params.hubs = &w->own;
    params.nhubs = 1;
    params.child = CHILD;
    params.sockets = &w->sockets;
    handover = es_handover_create(&params);
    assert_non_null(handover);
    assert_int_equal(es_handover_send(handover, NULL, 0), APR_SUCCESS);
    assert_int_equal(es_handover_sent(handover), 1);
    es_handover_destroy(handover);
    assert_int_equal(es_handover_sockets_receive(&w->sockets, msg),
                     APR_SUCCESS);
    assert_int_equal(es_handover_msg_take(msg, &handed), APR_SUCCESS);
    close(handed.fd);
    return handed;
}

/* In another segment it continues after this id. A record that it has not been
 * sent is not before it. */
static void test_sends_the_id_it_has_seen(void **state)
{
    es_handover_msg_t *msg = es_handover_msg_create();
    es_handed_t handed;
    es_record_t record;
    es_start_t present;
    es_pos_t pos;
    es_id_t known;
    world_t w;

    (void)state;
    world_open(&w);
    hub_say(&w.hub, "a", "seen");
    w.handed.saved.cursor = es_store_head(w.hub.store);
    receive(&w);
    assert_int_equal(es_store_current(w.hub.store, &present), 0);
    hub_say(&w.hub, "b", "others'");
    pos = w.own.pos = es_store_head(w.hub.store); /* a round has read it */
    hub_say(&w.hub, "a", "one");
    hub_say(&w.hub, "a", "two");
    handed = send_one(&w, msg);
    assert_int_equal(handed.saved.cursor, pos);
    assert_false(handed.is_counted);
    assert_int_equal(es_store_look(w.hub.store, pos, &record), APR_SUCCESS);
    known = es_id_before(&record.id);
    assert_int_equal(es_id_compare(&handed.seen_id, &known), 0);
    assert_true(es_id_compare(&handed.seen_id, &present.id) >= 0);
    es_handover_msg_destroy(msg);
    world_close(&w);
}

static void test_sends_the_present_id(void **state)
{
    es_handover_msg_t *msg = es_handover_msg_create();
    es_handed_t handed;
    es_start_t present;
    world_t w;

    (void)state;
    world_open(&w);
    hub_say(&w.hub, "a", "seen");
    w.handed.saved.cursor = es_store_head(w.hub.store);
    receive(&w);
    assert_int_equal(es_store_current(w.hub.store, &present), 0);
    handed = send_one(&w, msg);
    assert_int_equal(handed.saved.cursor, present.pos);
    assert_int_equal(es_id_compare(&handed.seen_id, &present.id), 0);
    es_handover_msg_destroy(msg);
    world_close(&w);
}

/* The socket cannot be written to: the client stays and can be sent later. */
static void test_stays_when_it_cannot_be_sent(void **state)
{
    es_handover_msg_t *msg = es_handover_msg_create();
    es_handover_params_t params = {0};
    es_handover_sockets_t none = {0};
    es_handover_t *handover;
    world_t w;

    (void)state;
    world_open(&w);
    w.handed.saved.cursor = es_store_head(w.hub.store);
    receive(&w);
    none.pairs = 1;
    none.send[0] = none.receive[0] = w.epoll_fd; /* no socket */
    params.conns = w.conns;
    params.hubs = &w.own;
    params.nhubs = 1;
    params.sockets = &none;
    handover = es_handover_create(&params);
    assert_int_not_equal(es_handover_send(handover, NULL, 0), APR_SUCCESS);
    assert_int_equal(es_handover_sent(handover), 0);
    es_handover_destroy(handover);
    assert_int_equal(es_conns_count(w.conns), 1);
    send_one(&w, msg);
    es_handover_msg_destroy(msg);
    world_close(&w);
}

static apr_time_t time_is_over(void)
{
    return 1;
}

/* With many clients the time of the turn is over before all are sent. */
static void test_sends_in_parts(void **state)
{
    es_deadline_t none = {time_is_over, 0, 1, 1, 0};
    es_deadline_t again = none;
    es_handover_params_t params = {0};
    es_handover_t *handover;
    world_t w;
    int ends[2];

    (void)state;
    world_open(&w);
    w.handed.saved.cursor = es_store_head(w.hub.store);
    receive(&w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    w.handed.fd = ends[0];
    receive(&w);
    params.conns = w.conns;
    params.hubs = &w.own;
    params.nhubs = 1;
    params.child = CHILD;
    params.sockets = &w.sockets;
    handover = es_handover_create(&params);
    assert_int_equal(es_handover_send(handover, &none, 0), APR_INCOMPLETE);
    assert_int_equal(es_handover_sent(handover), 1);
    es_conns_reap(w.conns, NULL);
    assert_int_equal(es_conns_count(w.conns), 1);
    (void)es_handover_send(handover, &again, 0);
    assert_int_equal(es_handover_sent(handover), 2);
    assert_int_equal(es_handover_send(handover, NULL, 0), APR_SUCCESS);
    es_handover_destroy(handover);
    close(ends[1]);
    world_close(&w);
}

/** Does the limit of the address hold another one back? */
static int has_channels(es_client_count_t *client_count, apr_uint64_t address)
{
    static const es_client_limits_t one = {0, 0, 0, 1, 0, 0};
    es_client_count_result_t result;
    es_counted_t counted;

    (void)es_client_count_add(client_count, CHILD, address, &one, &counted);
    result = es_client_count_add_channels(&counted, 1, &one);
    es_client_count_remove(&counted);
    return result == ES_CLIENT_COUNT_CHANNELS_FULL;
}

/* A client that no limit counts is not counted by the next child either. */
static void test_client_count(void **state)
{
    int counted;

    (void)state;
    for (counted = 0; counted < 2; counted++) {
        void *mem = calloc(1, es_client_count_size(2));
        es_handover_params_t params = {0};
        es_client_count_t *client_count;
        world_t w;

        world_open(&w);
        client_count = es_client_count_attach(mem, 2, w.hub.pool);
        params.conns = w.conns;
        params.hubs = &w.own;
        params.nhubs = 1;
        params.child = CHILD;
        params.sockets = &w.sockets;
        params.client_count = client_count;
        params.clients_max = 1; /* there is room for this one */
        es_handover_destroy(w.handover);
        w.handover = es_handover_create(&params);
        w.handed.is_counted = counted;
        w.handed.saved.cursor = es_store_head(w.hub.store);
        receive(&w);
        assert_false(is_ended(&w));
        assert_int_equal(es_client_count_total(client_count, CHILD), counted);
        assert_int_equal(has_channels(client_count, w.handed.address), counted);
        world_close(&w);
        assert_int_equal(es_client_count_total(client_count, CHILD), 0);
        assert_false(has_channels(client_count, w.handed.address));
        free(mem);
    }
}

/* Its stream ends, and its time to reconnect is spread. */
static void test_above_the_limit(void **state)
{
    static const es_client_limits_t none = {0};
    void *mem = calloc(1, es_client_count_size(2));
    es_handover_params_t params = {0};
    es_counted_t counted;
    const char *retry;
    world_t w;

    (void)state;
    world_open(&w);
    params.conns = w.conns;
    params.hubs = &w.own;
    params.nhubs = 1;
    params.child = CHILD;
    params.sockets = &w.sockets;
    params.client_count = es_client_count_attach(mem, 2, w.hub.pool);
    params.clients_max = 1;
    params.drain_ms = 1000000000;
    es_handover_destroy(w.handover);
    w.handover = es_handover_create(&params);
    es_client_count_add(params.client_count, CHILD, 1, &none, &counted);
    w.handed.is_counted = 1;
    w.handed.saved.cursor = es_store_head(w.hub.store);
    retry = strstr(receive(&w), "retry: ");
    assert_non_null(retry);
    assert_true(strtol(retry + 7, NULL, 10) > w.handed.opts.retry_ms);
    assert_true(is_ended(&w));
    world_close(&w);
    free(mem);
}

/* ---- listening --------------------------------------------------------- */

typedef struct listener_t {
    hub_t hub;
    es_hub_t own;
    es_conns_t *conns;
    es_handover_t *handover;
    void *mem; /* of client_count */
    es_client_count_t *client_count;
    void *children_mem;
    es_children_t *children; /* CHILD alone, until a test adds others */
    int epoll_fd;            /* of the handover socket alone */
    int conns_fd;
    es_handover_sockets_t sockets;
    int peer;
} listener_t;

static es_counted_t enter_child(listener_t *w, apr_uint32_t child)
{
    static const es_client_limits_t none = {0};
    es_counted_t counted;

    assert_int_equal(
        es_client_count_add(w->client_count, child, 1, &none, &counted),
        ES_CLIENT_COUNT_OK);
    return counted;
}

static es_counted_t enter(listener_t *w)
{
    return enter_child(w, CHILD);
}

/* A child with room for clients_max, and one client in the handover socket. */
static void listener_open(listener_t *w, apr_uint32_t clients_max)
{
    static const int no_fds[2] = {-1, -1};
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
    w->children_mem = calloc(1, es_children_size(2));
    es_children_format(w->children_mem, 2);
    assert_int_equal(es_children_attach(&w->children, w->children_mem,
                                        es_children_size(2), 2, no_fds,
                                        w->hub.pool),
                     APR_SUCCESS);
    assert_int_equal(es_children_claim(w->children, 1, PID), CHILD);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->conns_fd = epoll_create1(EPOLL_CLOEXEC);
    w->conns = es_conns_create(w->conns_fd, 0);
    assert_int_equal(es_handover_sockets_create(&w->sockets, 1, 1), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w->peer = pair[0];
    params.conns = w->conns;
    params.hubs = &w->own;
    params.nhubs = 1;
    params.child = CHILD;
    params.epoll_fd = w->epoll_fd;
    params.sockets = &w->sockets;
    params.client_count = w->client_count;
    params.children = w->children;
    params.clients_max = clients_max;
    w->handover = es_handover_create(&params);
    assert_int_equal(es_handover_listen(w->handover), APR_SUCCESS);

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
}

static void listener_close(listener_t *w)
{
    es_handover_destroy(w->handover);
    es_conns_close_all(w->conns, &w->own, 1);
    es_conns_destroy(w->conns);
    es_hub_clear(&w->own);
    close(w->epoll_fd);
    close(w->conns_fd);
    es_handover_sockets_close(&w->sockets);
    close(w->peer);
    free(w->mem);
    free(w->children_mem);
    hub_close(&w->hub);
}

/* Does epoll report the message? */
static int is_reported(const listener_t *w)
{
    struct epoll_event event;

    return epoll_wait(w->epoll_fd, &event, 1, 0) == 1;
}

/* Is the socket in the epoll set? */
static int is_listening(const listener_t *w)
{
    assert_false(is_reported(w));
    assert_int_equal(send(w->sockets.send[0], "x", 1, 0), 1);
    return is_reported(w);
}

/* A message of one client arrives while another process has the store lock. */
static void arrive_while_locked(listener_t *w, es_repair_report_t *report)
{
    es_store_set_lock_wait(w->hub.store, 0);
    assert_int_equal(es_store_lock(w->hub.store, report), APR_SUCCESS);
    assert_true(is_reported(w));
    es_handover_on_event(w->handover, SECOND);
    assert_int_equal(es_conns_count(w->conns), 0);
    assert_int_equal(es_handover_wait(w->handover), APR_USEC_PER_SEC / 100);
    assert_false(is_reported(w)); /* or the loop would spin */
    es_handover_run(w->handover, SECOND + 1);
    assert_int_equal(es_conns_count(w->conns), 0);
}

static void test_waits_for_the_lock(void **state)
{
    es_repair_report_t report;
    listener_t w;

    (void)state;
    listener_open(&w, 0);
    arrive_while_locked(&w, &report);
    es_store_unlock(w.hub.store, &report);
    es_handover_run(w.handover, SECOND + 2);
    assert_int_equal(es_conns_count(w.conns), 1);
    assert_int_equal(es_handover_wait(w.handover), -1);
    assert_true(is_listening(&w));
    listener_close(&w);
}

static void test_does_not_wait_for_long(void **state)
{
    es_repair_report_t report;
    listener_t w;
    char byte;

    (void)state;
    listener_open(&w, 0);
    arrive_while_locked(&w, &report);
    es_handover_run(w.handover, SECOND * 4);
    assert_int_equal(es_conns_count(w.conns), 0);
    assert_int_equal(es_handover_wait(w.handover), -1);
    es_store_unlock(w.hub.store, &report);
    assert_int_equal(recv(w.peer, &byte, 1, MSG_DONTWAIT), 0); /* closed */
    assert_true(is_listening(&w));
    listener_close(&w);
}

static void test_room(void **state)
{
    listener_t w;

    (void)state;
    listener_open(&w, ES_HANDOVER_MSG_CLIENTS);
    assert_true(is_reported(&w));
    assert_int_equal(es_handover_wait(w.handover), -1);
    es_handover_on_event(w.handover, SECOND);
    assert_int_equal(es_conns_count(w.conns), 1);
    assert_false(is_reported(&w));
    listener_close(&w);
}

/* No room for a full message: it is left to others for 3 s, then received. */
static void test_little_room(void **state)
{
    es_counted_t counted;
    listener_t w;

    (void)state;
    listener_open(&w, ES_HANDOVER_MSG_CLIENTS);
    counted = enter(&w);
    es_handover_on_event(w.handover, SECOND);
    assert_false(is_reported(&w));
    assert_true(es_handover_wait(w.handover) > 0);
    es_handover_run(w.handover, 4 * SECOND - 1);
    assert_int_equal(es_conns_count(w.conns), 0);
    es_handover_run(w.handover, 4 * SECOND);
    assert_int_equal(es_conns_count(w.conns), 1);
    /* no message is left: the next one may wait again */
    es_handover_run(w.handover, 4 * SECOND);
    assert_int_equal(es_handover_wait(w.handover), -1);
    es_client_count_remove(&counted);
    listener_close(&w);
}

/* Above its limit: the message is left to others until clients are gone. */
static void test_no_room(void **state)
{
    es_counted_t counted[ES_HANDOVER_MSG_CLIENTS + 1];
    listener_t w;
    int i;

    (void)state;
    listener_open(&w, ES_HANDOVER_MSG_CLIENTS);
    for (i = 0; i <= ES_HANDOVER_MSG_CLIENTS; i++) {
        counted[i] = enter(&w);
    }
    es_handover_on_event(w.handover, SECOND);
    es_handover_run(w.handover, 60 * SECOND);
    assert_int_equal(es_conns_count(w.conns), 0);
    assert_false(is_reported(&w));
    for (i = 0; i <= ES_HANDOVER_MSG_CLIENTS; i++) {
        es_client_count_remove(&counted[i]);
    }
    es_handover_run(w.handover, 61 * SECOND);
    assert_true(is_reported(&w));
    assert_int_equal(es_handover_wait(w.handover), -1);
    listener_close(&w);
}

/* A delivery that has more clients than OTHER by more than a message. */
static void get_ahead(listener_t *w, apr_uint64_t pid_of_other)
{
    int i;

    listener_open(w, 0);
    assert_int_equal(es_children_claim(w->children, 1, pid_of_other), OTHER);
    for (i = 0; i <= ES_HANDOVER_MSG_CLIENTS; i++) {
        (void)enter(w);
    }
}

/* Another delivery of the process has fewer clients: the message is its. */
static void test_leaves_to_one_with_fewer(void **state)
{
    listener_t w;

    (void)state;
    get_ahead(&w, PID);
    es_handover_on_event(w.handover, SECOND);
    assert_false(is_reported(&w)); /* or the loop would spin */
    assert_in_range(es_handover_wait(w.handover), 1, SECOND / 100);
    es_handover_run(w.handover, SECOND + SECOND / 100);
    assert_int_equal(es_conns_count(w.conns), 0);
    (void)enter_child(&w, OTHER);
    es_handover_run(w.handover, SECOND + SECOND / 50);
    assert_int_equal(es_handover_wait(w.handover), -1);
    assert_true(is_reported(&w));
    es_handover_on_event(w.handover, SECOND + SECOND / 50);
    assert_int_equal(es_conns_count(w.conns), 1);
    listener_close(&w);
}

/* That one may be busy with something else. */
static void test_leaves_it_for_a_moment(void **state)
{
    listener_t w;

    (void)state;
    get_ahead(&w, PID);
    es_handover_on_event(w.handover, SECOND);
    es_handover_run(w.handover, SECOND + SECOND / 20 - 1);
    assert_int_equal(es_conns_count(w.conns), 0);
    es_handover_run(w.handover, SECOND + SECOND / 20);
    assert_int_equal(es_conns_count(w.conns), 1);
    es_handover_run(w.handover, SECOND + SECOND / 20);
    assert_int_equal(es_handover_wait(w.handover), -1);
    listener_close(&w);
}

/* Other processes, and one that stops, are not waited for. */
static void test_leaves_it_to_no_other(void **state)
{
    listener_t w;

    (void)state;
    get_ahead(&w, PID + 1);
    es_handover_on_event(w.handover, SECOND);
    assert_int_equal(es_conns_count(w.conns), 1);
    listener_close(&w);
    get_ahead(&w, PID);
    es_children_set_stopping(w.children, OTHER);
    es_handover_on_event(w.handover, SECOND);
    assert_int_equal(es_conns_count(w.conns), 1);
    listener_close(&w);
}

/* epoll refuses the socket: it is added later. */
static void test_refused_by_epoll(void **state)
{
    es_counted_t counted;
    listener_t w;
    int copy;

    (void)state;
    listener_open(&w, ES_HANDOVER_MSG_CLIENTS);
    counted = enter(&w);
    es_handover_on_event(w.handover, SECOND);
    es_client_count_remove(&counted);
    copy = dup(w.epoll_fd);
    close(w.epoll_fd);
    es_handover_run(w.handover, 2 * SECOND);
    assert_true(es_handover_wait(w.handover) > 0);
    assert_int_equal(dup2(copy, w.epoll_fd), w.epoll_fd);
    close(copy);
    es_handover_run(w.handover, 3 * SECOND);
    assert_true(is_reported(&w));
    assert_int_equal(es_handover_wait(w.handover), -1);
    listener_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_channel_on_the_way),
        cmocka_unit_test(test_from_the_future),
        cmocka_unit_test(test_cannot_be_taken_over),
        cmocka_unit_test(test_stays_when_it_cannot_be_sent),
        cmocka_unit_test(test_sends_in_parts),
        cmocka_unit_test(test_sends_the_id_it_has_seen),
        cmocka_unit_test(test_sends_the_present_id),
        cmocka_unit_test(test_client_count),
        cmocka_unit_test(test_above_the_limit),
        cmocka_unit_test(test_same_segment),
        cmocka_unit_test(test_filled_on_the_way),
        cmocka_unit_test(test_overtaken_on_the_way),
        cmocka_unit_test(test_another_segment),
        cmocka_unit_test(test_missed_too_much),
        cmocka_unit_test(test_takes_over_in_parts),
        cmocka_unit_test(test_old_close),
        cmocka_unit_test(test_new_close),
        cmocka_unit_test(test_waits_for_the_lock),
        cmocka_unit_test(test_does_not_wait_for_long),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_leaves_to_one_with_fewer),
        cmocka_unit_test(test_leaves_it_for_a_moment),
        cmocka_unit_test(test_leaves_it_to_no_other),
        cmocka_unit_test(test_refused_by_epoll),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
