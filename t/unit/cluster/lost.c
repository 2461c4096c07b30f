/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of cluster/lost.c with brokers that follow a script: what a node tells
 * before another history replaces that of its journal. With a real one:
 * t/94-cluster-lost.t and t/95-cluster-lost.t. */
#include "t/unit/broker_kit.h"
#include "t/unit/stream_kit.h"

#include "base/clock.h"
#include "cluster/lost.h"

#define MANY 3000
static kit_t *kit;
static broker_t broker;
static es_cluster_link_t *conn;
static es_cluster_hub_t hub;
static es_cluster_script_t script;
static es_cluster_fill_params_t params;
static es_id_t before;
static int keeps; /* what keep returns */
static char why_not[ES_CLUSTER_LINK_WHY_SIZE];

static int keep(void *arg)
{
    (void)arg;
    return keeps;
}

/* A journal of two epochs: 1 from 1 to 9, then 2. */
static void fill_journal(void)
{
    es_span_t spans[] = {{stream_id(1, 1), stream_id(1, 9)},
                         {stream_id(2, 0), stream_id(2, 5)}};
    stream_t stream;

    stream_begin(&stream);
    stream_event(&stream, "ab", "x", "data: 1\n\n", stream_id(1, 2));
    stream_event(&stream, "a", NULL, "data: 2\n\n", stream_id(1, 3));
    stream_event(&stream, "a", "y", "data: 3\n\n", stream_id(1, 5));
    stream_close(&stream, "c", KIT_NOW + 60000, stream_id(2, 1));
    stream_event(&stream, "a", "z", "data: 4\n\n", stream_id(2, 3));
    assert_int_equal(stream_fill_spans(kit->store, stream.entries, stream.count,
                                       spans, 2, kit->touched),
                     0);
}

static int open_node(void **state)
{
    (void)state;
    kit = kit_open(4 << 20, 8, 1);
    memset(&hub, 0, sizeof(hub));
    memset(&params, 0, sizeof(params));
    conn = NULL;
    broker.pid = 0;
    keeps = 1;
    before.ms = before.n = 0;
    params.after = stream_id(2, 5);
    hub.name = "h";
    hub.key = "es";
    hub.store = kit->store;
    es_cluster_script_init(&script, hub.key, hub.name, pool);
    params.hub = &hub;
    params.script = &script;
    params.keep = keep;
    params.why = why_not;
    params.why_size = sizeof(why_not);
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

/** The words of all calls after the first one's head, and how many these are.
 */
static const char *told(int *calls)
{
    const char *first = strstr(broker.log, " lost ");
    const char *at = first;

    for (*calls = 0; at != NULL; at = strstr(at + 1, " lost ")) {
        (*calls)++;
    }
    return first != NULL ? first + 6 : "";
}

static void assert_told(const es_span_t *spans, int nspans, const char *words)
{
    int calls;

    serve(":1\r\n");
    assert_int_equal(
        es_cluster_lost_tell(&params, conn, &before, spans, nspans), 0);
    assert_string_equal(told(&calls), words);
    assert_int_equal(calls, words[0] != '\0');
}

FACTS(after_a_flush_all_is_lost)
{
    es_span_t spans[] = {{stream_id(3, 0), stream_id(3, 4)}};

    NEEDS_HIREDIS;
    assert_told(spans, 1, "a\nx b\nx a\ny a\nz\n");
}

FACTS(what_both_have_and_what_is_older_is_not)
{
    es_span_t spans[] = {{stream_id(1, 4), stream_id(1, 9)},
                         {stream_id(2, 0), stream_id(2, 2)},
                         {stream_id(3, 0), stream_id(3, 4)}};

    NEEDS_HIREDIS;
    assert_told(spans, 3, "a\nz\n");
}

FACTS(a_history_may_reach_further_back_than_the_journal)
{
    es_span_t spans[] = {{stream_id(1, 0), stream_id(1, 2)},
                         {stream_id(3, 0), stream_id(3, 0)}};

    NEEDS_HIREDIS;
    assert_told(spans, 2, "a\ny a\nz\n");
}

FACTS(if_nothing_is_lost_the_broker_is_not_asked)
{
    es_span_t spans[] = {{stream_id(1, 4), stream_id(1, 9)},
                         {stream_id(2, 0), stream_id(2, 9)}};

    NEEDS_HIREDIS;
    assert_told(spans, 2, "");
}

/* The stream has all that the journal has, before a marker that does not vouch
 * for it: a broker that was restarted with its file. */
FACTS(what_the_stream_has_before_a_gap_is_not_lost)
{
    es_span_t spans[] = {{stream_id(3, 0), stream_id(3, 4)}};

    NEEDS_HIREDIS;
    before = params.after;
    assert_told(spans, 1, "");
}

FACTS(nor_is_it_if_the_stream_had_more)
{
    es_span_t spans[] = {{stream_id(3, 0), stream_id(3, 4)}};

    NEEDS_HIREDIS;
    before = stream_id(2, 8);
    assert_told(spans, 1, "");
}

FACTS(what_came_after_it_is)
{
    es_span_t spans[] = {{stream_id(3, 0), stream_id(3, 4)}};

    NEEDS_HIREDIS;
    before = stream_id(1, 3); /* of an epoch that the journal has, too */
    assert_told(spans, 1, "a\ny a\nz\n");
}

FACTS(the_end_of_another_stream_says_nothing)
{
    es_span_t spans[] = {{stream_id(8, 0), stream_id(8, 4)}};

    NEEDS_HIREDIS;
    before = stream_id(7, 9);
    assert_told(spans, 1, "a\nx b\nx a\ny a\nz\n");
}

FACTS(many_are_told_in_calls_of_bounded_size)
{
    es_span_t spans[] = {{stream_id(3, 0), stream_id(3, 4)}};
    es_id_t last = stream_id(2, 5);
    int calls, i;

    NEEDS_HIREDIS;
    for (i = 0; i < MANY; i++) {
        stream_t stream = {.count = 0};
        es_id_t id = es_id_next(&last, 0);

        stream_event(&stream, "a", apr_psprintf(pool, "id%d", i), "data: x\n\n",
                     id);
        assert_int_equal(stream_append(kit, &stream, last), 0);
        last = id;
    }
    serve(":1\r\n");
    assert_int_equal(es_cluster_lost_tell(&params, conn, &before, spans, 1), 0);
    told(&calls);
    assert_in_range(calls, MANY / 1024 + 1, MANY / 900 + 1);
}

FACTS(a_broker_that_refuses_says_why)
{
    es_span_t spans[] = {{stream_id(3, 0), stream_id(3, 4)}};

    NEEDS_HIREDIS;
    serve("-OOM command not allowed\r\n");
    assert_int_equal(es_cluster_lost_tell(&params, conn, &before, spans, 1),
                     APR_ECONNREFUSED);
    assert_string_equal(why_not, "OOM command not allowed");
}

FACTS(as_one_that_closes_the_link)
{
    es_span_t spans[] = {{stream_id(3, 0), stream_id(3, 4)}};

    NEEDS_HIREDIS;
    serve(BROKER_CLOSE);
    assert_int_equal(es_cluster_lost_tell(&params, conn, &before, spans, 1),
                     APR_ECONNRESET);
}

FACTS(a_node_that_leads_no_longer_stops)
{
    es_span_t spans[] = {{stream_id(3, 0), stream_id(3, 4)}};

    NEEDS_HIREDIS;
    serve(BROKER_HANG);
    keeps = 0;
    assert_int_equal(es_cluster_lost_tell(&params, conn, &before, spans, 1),
                     APR_EINTR);
}

static const struct CMUnitTest tests[] = {
#define NODE(name) cmocka_unit_test_setup_teardown(name, open_node, close_node)
    NODE(after_a_flush_all_is_lost),
    NODE(what_both_have_and_what_is_older_is_not),
    NODE(a_history_may_reach_further_back_than_the_journal),
    NODE(if_nothing_is_lost_the_broker_is_not_asked),
    NODE(what_the_stream_has_before_a_gap_is_not_lost),
    NODE(nor_is_it_if_the_stream_had_more),
    NODE(what_came_after_it_is),
    NODE(the_end_of_another_stream_says_nothing),
    NODE(many_are_told_in_calls_of_bounded_size),
    NODE(a_broker_that_refuses_says_why),
    NODE(as_one_that_closes_the_link),
    NODE(a_node_that_leads_no_longer_stops),
};

UNIT_MAIN(tests)
