/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of cluster/sending.c with brokers that follow a script: when a node
 * sends to GRIP proxies, and from where on. With a real one, and several
 * nodes: t/96-cluster-grip.t. */
#include "t/unit/broker_kit.h"
#include "t/unit/stream_kit.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster/sending.h"
#include "journal/place.h"

#define SECOND APR_USEC_PER_SEC
#define SEAL "0123456789abcdef0011223344556677"

static kit_t *kit;
static broker_t broker;
static es_cluster_link_t *conn;
static es_cluster_hub_t hub;
static es_cluster_script_t script;
static es_cluster_sending_t *sending;

/* ---- the clock ----------------------------------------------------------- */

/* A node that is starved must not lose its time to send: each look at the clock
 * takes a microsecond, and nothing else takes any. */
int clock_gettime(clockid_t clock, struct timespec *at)
{
    static struct timespec now;

    if (clock != CLOCK_MONOTONIC) {
        return (int)syscall(SYS_clock_gettime, clock, at);
    }
    if (now.tv_sec == 0) {
        (void)syscall(SYS_clock_gettime, clock, &now);
    }
    now.tv_nsec += 1000;
    if (now.tv_nsec >= 1000000000) {
        now.tv_nsec -= 1000000000;
        now.tv_sec++;
    }
    *at = now;
    return 0;
}

/* ---- the outboxes of this node ------------------------------------------ */

static struct {
    es_pos_t sent[2];
    int is_busy;
    int is_stalled;
    int is_last;
    int wakes;
} fake;

static es_pos_t sent(void *arg, int outbox)
{
    (void)arg;
    return fake.sent[outbox];
}

static apr_status_t skip_to(void *arg, int outbox, es_pos_t pos)
{
    (void)arg;
    /* never while the senders may send */
    assert_false(es_cluster_state_may_send(hub.state, es_clock_now()));
    if (fake.is_busy) {
        return APR_EBUSY;
    }
    fake.sent[outbox] = pos;
    return APR_SUCCESS;
}

static void wake(void *arg)
{
    (void)arg;
    fake.wakes++;
}

static int is_stalled(void *arg)
{
    (void)arg;
    return fake.is_stalled;
}

static int is_last(void *arg)
{
    (void)arg;
    return fake.is_last;
}

static es_cluster_outboxes_t outboxes = {
    2, {"p", "q"}, sent, skip_to, is_stalled, wake, is_last, NULL};

/* ---- a node and its broker ---------------------------------------------- */

static int is_present(void *arg, apr_uint32_t child)
{
    (void)arg, (void)child;
    return 1;
}

static int keep(void *arg)
{
    (void)arg;
    return 1;
}

/* A journal with records of the ids 2, 5 and 6 of epoch 1; nothing is missing
 * after 1. */
static void fill_journal(void)
{
    stream_t stream;

    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: 1\n\n", stream_id(1, 2));
    stream_event(&stream, "b", NULL, "data: 2\n\n", stream_id(1, 5));
    stream_event(&stream, "a", NULL, "data: 3\n\n", stream_id(1, 6));
    assert_int_equal(
        stream_fill(kit, &stream, stream_id(1, 1), stream_id(1, 8)), 0);
}

static int open_node(void **state)
{
    (void)state;
    kit = kit_open(16 * 1024, 8, 1);
    memset(&hub, 0, sizeof(hub));
    memset(&fake, 0, sizeof(fake));
    conn = NULL;
    broker.pid = 0;
    hub.name = "h";
    hub.key = "es";
    hub.store = kit->store;
    hub.state = es_cluster_state_format(
        apr_palloc(pool, es_cluster_state_size()), 0xabc);
    hub.child = 1;
    hub.outboxes = &outboxes;
    assert_true(
        es_cluster_state_lead(hub.state, 1, es_clock_now(), is_present, NULL));
    es_cluster_script_init(&script, hub.key, hub.name, pool);
    sending = es_cluster_sending_create(&hub, &script, pool);
    fill_journal();
    return 0;
}

static int close_node(void **state)
{
    broker_leave(&broker, &conn);
    kit_close(kit, 1);
    return unit_after_each(state);
}

/* A broker that always answers this. */
static void serve(const char *reply)
{
    broker_answer_calls(&broker, &hub.link, &conn, reply);
}

static const char *bulk(const char *text)
{
    return apr_psprintf(pool, "$%d\r\n%s\r\n", (int)strlen(text), text);
}

static const char *text_of(es_id_t id)
{
    char *text = apr_palloc(pool, ES_ID_TEXT_SIZE);

    es_id_format(text, &id);
    return id.ms != 0 ? text : "";
}

static const es_id_t no_id;

/* @param p, q  up to which id these proxies were sent */
static void serve_answer(int is_sending, es_id_t p, es_id_t q)
{
    serve(apr_pstrcat(pool, "*4\r\n:", is_sending ? "1" : "0", "\r\n",
                      bulk(SEAL), bulk(text_of(p)), bulk(text_of(q)), NULL));
}

static void step(void)
{
    assert_int_equal(es_cluster_sending_step(sending, conn, keep, NULL), 0);
}

static int may_send(void)
{
    return es_cluster_state_may_send(hub.state, es_clock_now());
}

static es_pos_t pos_of(int n)
{
    es_pos_t pos = es_store_tail(kit->store);
    es_record_t record;

    while (n-- > 0) {
        assert_int_equal(es_store_look(kit->store, pos, &record), 0);
        pos = record.next;
    }
    return pos;
}

/* The words of the last call after its node. */
static const char *last_call(void)
{
    char *at = broker.log, *call = NULL;

    while ((at = strstr(at, " grip 0000000000000abc ")) != NULL) {
        at += strlen(" grip 0000000000000abc ");
        call = at;
    }
    assert_non_null(call);
    return apr_pstrmemdup(pool, call, strcspn(call, "\n"));
}

/* ---- what follows from an answer ---------------------------------------- */

FACTS(a_node_that_may_send_begins_where_the_last_one_has_stopped)
{
    apr_time_t before;
    es_cluster_seal_t seal;

    NEEDS_HIREDIS;
    serve_answer(1, stream_id(1, 5), stream_id(1, 8));
    assert_true(es_cluster_sending_due(sending) <= es_clock_now());
    before = es_clock_now();
    step();
    assert_int_equal(fake.sent[0], pos_of(2));
    assert_int_equal(fake.sent[1], es_store_head(kit->store));
    assert_int_equal(fake.wakes, 1);
    assert_true(may_send());
    /* its time is counted from before the call */
    assert_false(es_cluster_state_may_send(
        hub.state, es_clock_now() + ES_CLUSTER_SENDING_LEASE));
    assert_true(es_cluster_state_may_send(
        hub.state, before + ES_CLUSTER_SENDING_LEASE - 1));
    assert_true(es_cluster_state_seal(hub.state, &seal));
    assert_true(seal.words[0] == APR_UINT64_C(0x0123456789abcdef));
    assert_true(seal.words[1] == APR_UINT64_C(0x0011223344556677));
}

FACTS(a_node_that_may_not_follows_the_one_that_sends)
{
    NEEDS_HIREDIS;
    serve_answer(0, stream_id(1, 5), no_id);
    step();
    assert_false(may_send());
    assert_int_equal(fake.sent[0], pos_of(2));
    assert_int_equal(fake.sent[1], 0); /* not known */
    assert_int_equal(fake.wakes, 0);
    assert_true(es_cluster_sending_due(sending) > es_clock_now());
}

FACTS(it_does_not_begin_before_all_outboxes_are_in_their_places)
{
    NEEDS_HIREDIS;
    serve_answer(1, stream_id(1, 5), stream_id(1, 5));
    fake.is_busy = 1; /* a sender has not noticed yet that it may not send */
    step();
    assert_false(may_send());
    assert_true(es_cluster_sending_due(sending) < es_clock_now() + SECOND / 4);
    fake.is_busy = 0;
    step();
    assert_true(may_send());
    assert_int_equal(fake.sent[1], pos_of(2));
}

FACTS(it_does_not_begin_without_an_id_of_each_proxy)
{
    NEEDS_HIREDIS;
    serve_answer(1, stream_id(1, 5), no_id);
    step();
    assert_false(may_send());
}

FACTS(what_the_journal_has_lost_is_left_to_the_sender_to_tell)
{
    NEEDS_HIREDIS;
    serve_answer(1, stream_id(1, 0), stream_id(1, 1));
    step();
    assert_true(may_send());
    assert_int_equal(fake.sent[0], ES_POS_BEFORE_ALL);
    assert_int_equal(fake.sent[1], es_store_tail(kit->store));
}

FACTS(another_node_that_sends_ends_it)
{
    NEEDS_HIREDIS;
    serve_answer(1, stream_id(1, 8), stream_id(1, 8));
    step();
    assert_true(may_send());
    serve_answer(0, stream_id(1, 8), stream_id(1, 8));
    step();
    assert_false(may_send());
}

FACTS(an_answer_that_is_none_gives_no_more_time)
{
    static const char *const replies[] = {
        "-OOM no memory\r\n", "*4\r\n:1\r\n$-1\r\n$-1\r\n$-1\r\n",
        "*3\r\n:1\r\n$32\r\n" SEAL "\r\n$3\r\n1-1\r\n", ":1\r\n"};
    size_t i;

    NEEDS_HIREDIS;
    for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        serve(replies[i]);
        step();
        assert_false(may_send());
    }
}

/* ---- what a fill has to keep --------------------------------------------- */

static void assert_lowest(es_id_t expected)
{
    es_id_t id;

    assert_int_equal(es_cluster_sending_lowest(sending, conn, keep, NULL, &id),
                     0);
    stream_assert_id(id, expected);
    assert_false(may_send());
    assert_int_equal(fake.wakes, 0);
}

FACTS(what_a_proxy_was_not_sent_is_known_before_a_fill)
{
    NEEDS_HIREDIS;
    serve_answer(0, stream_id(1, 5), stream_id(1, 2));
    assert_lowest(stream_id(1, 2));
    assert_true(!strncmp(last_call(), " ", 1)); /* it does not ask to send */
    serve_answer(0, stream_id(1, 5), no_id);    /* a proxy that is new */
    assert_lowest(stream_id(1, 5));
    serve_answer(0, no_id, no_id);
    assert_lowest(no_id);
    serve("-OOM no memory\r\n");
    assert_lowest(no_id);
}

FACTS(what_this_node_has_sent_since_then_is_not_needed)
{
    NEEDS_HIREDIS;
    fake.sent[0] = pos_of(2);
    fake.sent[1] = es_store_head(kit->store);
    es_cluster_sending_pause(sending);
    serve_answer(0, stream_id(1, 2), stream_id(1, 7));
    assert_lowest(stream_id(1, 5));
    serve("-OOM no memory\r\n"); /* then this node's own count */
    assert_lowest(stream_id(1, 5));
}

/* ---- what the broker is told --------------------------------------------- */

FACTS(the_broker_is_told_how_far_this_node_has_sent)
{
    NEEDS_HIREDIS;
    serve_answer(1, stream_id(1, 1), stream_id(1, 1));
    step();
    assert_string_equal(strchr(last_call(), 'p'), "p  q ");
    assert_true(!strncmp(last_call(), "3000 ", 5));
    fake.sent[0] = pos_of(2);
    fake.sent[1] = es_store_head(kit->store);
    assert_true(es_cluster_sending_due(sending) <= es_clock_now() + SECOND / 4);
    step();
    assert_string_equal(strstr(last_call(), " p ") + 1,
                        apr_psprintf(pool, "p %s q %s",
                                     text_of(stream_id(1, 5)),
                                     text_of(stream_id(1, 8))));
    assert_true(strstr(last_call(), SEAL) != NULL);
}

FACTS(a_fill_does_not_forget_it)
{
    NEEDS_HIREDIS;
    serve_answer(1, stream_id(1, 1), stream_id(1, 1));
    step();
    fake.sent[0] = pos_of(2);
    es_cluster_sending_pause(sending);
    assert_false(may_send());
    assert_true(es_cluster_sending_due(sending) <= es_clock_now());
    fill_journal(); /* once more: its positions are others */
    serve_answer(1, stream_id(1, 5), stream_id(1, 1));
    step();
    assert_non_null(strstr(last_call(), text_of(stream_id(1, 5))));
    assert_true(may_send());
    assert_int_equal(fake.sent[0], pos_of(2));
    assert_int_equal(fake.sent[1], pos_of(0));
}

FACTS(a_node_whose_sender_does_not_move_asks_for_no_time)
{
    NEEDS_HIREDIS;
    serve_answer(0, stream_id(1, 8), stream_id(1, 8));
    fake.is_stalled = 1;
    step();
    assert_true(!strncmp(last_call(), "0 ", 2));
}

/* ---- the end ----------------------------------------------------------- */

FACTS(the_last_child_of_a_node_gives_it_up)
{
    NEEDS_HIREDIS;
    serve_answer(1, stream_id(1, 8), stream_id(1, 8));
    step();
    es_cluster_sending_leave(sending); /* others will lead */
    assert_true(may_send());
    assert_true(!strncmp(last_call(), "3000 ", 5));
    fake.is_last = 1;
    es_cluster_sending_leave(sending);
    assert_false(may_send());
    assert_true(!strncmp(last_call(), "0 ", 2));
}

FACTS(a_hub_without_proxies_has_nothing_of_it)
{
    hub.outboxes = NULL;
    assert_null(es_cluster_sending_create(&hub, &script, pool));
    assert_true(es_cluster_sending_due(NULL) > es_clock_now() + 3600 * SECOND);
    es_cluster_sending_pause(NULL);
    es_cluster_sending_leave(NULL);
}

static const struct CMUnitTest tests[] = {
#define NODE(name) cmocka_unit_test_setup_teardown(name, open_node, close_node)
    NODE(a_node_that_may_send_begins_where_the_last_one_has_stopped),
    NODE(a_node_that_may_not_follows_the_one_that_sends),
    NODE(it_does_not_begin_before_all_outboxes_are_in_their_places),
    NODE(it_does_not_begin_without_an_id_of_each_proxy),
    NODE(what_the_journal_has_lost_is_left_to_the_sender_to_tell),
    NODE(another_node_that_sends_ends_it),
    NODE(an_answer_that_is_none_gives_no_more_time),
    NODE(what_a_proxy_was_not_sent_is_known_before_a_fill),
    NODE(what_this_node_has_sent_since_then_is_not_needed),
    NODE(the_broker_is_told_how_far_this_node_has_sent),
    NODE(a_fill_does_not_forget_it),
    NODE(a_node_whose_sender_does_not_move_asks_for_no_time),
    NODE(the_last_child_of_a_node_gives_it_up),
    NODE(a_hub_without_proxies_has_nothing_of_it),
};

UNIT_MAIN(tests)
