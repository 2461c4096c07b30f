/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deliver/fanout.c: who gets which event, and how long a part of a
 * round takes. */
#include "t/unit/conn_kit.h"

#include <apr_general.h>

#include "deliver/conn_timers.h"
#include "deliver/fanout.h"

typedef struct world_t {
    hub_t hub;    /* the store */
    es_hub_t own; /* as the delivery sees it */
    es_conns_t *conns;
    es_fanout_t *fanout;
    int epoll_fd;
} world_t;

static void world_open(world_t *w)
{
    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, 32 * 1024 * 1024);
    hub_begin(&w->hub, &w->own);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->conns = es_conns_create(w->epoll_fd, 0);
    assert_non_null(w->conns);
    w->fanout = es_fanout_create(w->conns);
    assert_non_null(w->fanout);
}

static void world_close(world_t *w)
{
    es_conns_close_all(w->conns, &w->own, 1);
    es_fanout_destroy(w->fanout);
    es_conns_destroy(w->conns);
    es_hub_clear(&w->own);
    close(w->epoll_fd);
    kit_clear();
    hub_close(&w->hub);
}

static kit_conn_t *join(world_t *w, const char *channels)
{
    kit_conn_t *kit = kit_make(&w->hub, channels, 0, NULL);

    es_conns_add(w->conns, kit->conn, &w->own, 0);
    assert_int_equal(kit->conn->state, ES_CONN_CURRENT);
    return kit;
}

static int count_of(const char *text, const char *part)
{
    int count = 0;

    for (text = strstr(text, part); text != NULL; text = strstr(text, part)) {
        text += strlen(part);
        count++;
    }
    return count;
}

/* A conn of several channels is in several lists. */
static void test_each_event_once(void **state)
{
    world_t w;
    kit_conn_t *several, *one;
    int i;

    (void)state;
    world_open(&w);
    several = join(&w, "a,b,c");
    one = join(&w, "b");
    for (i = 0; i < 3; i++) {
        hub_say(&w.hub, "a", "of-a");
        hub_say(&w.hub, "a,b", "of-both");
        hub_say(&w.hub, "b", "of-b");
        (void)es_fanout_run(w.fanout, &w.own, 1, NULL, 0);
        assert_int_equal(count_of(several->got, "of-a"), i + 1);
        assert_int_equal(count_of(several->got, "of-both"), i + 1);
        assert_int_equal(count_of(several->got, "of-b\n"), i + 1);
        assert_int_equal(several->writes, i + 1);
        assert_int_equal(count_of(one->got, "data: "), 2 * (i + 1));
    }
    /* a round that does not concern it, and one that does */
    hub_say(&w.hub, "b", "last");
    (void)es_fanout_run(w.fanout, &w.own, 1, NULL, 0);
    hub_say(&w.hub, "c", "very-last");
    (void)es_fanout_run(w.fanout, &w.own, 1, NULL, 0);
    assert_int_equal(count_of(several->got, "very-last"), 1);
    assert_int_equal(count_of(one->got, "very-last"), 0);
    world_close(&w);
}

/* ---- rounds in parts ----------------------------------------------------- */

static apr_time_t fake_time; /* of the clock: each write takes 1 */

static apr_time_t fake_clock(void)
{
    return fake_time;
}

static void on_write(void)
{
    fake_time++;
}

/* Run the fan-out for this many writes. */
static void run_for(world_t *w, int writes, int is_late, apr_time_t now)
{
    apr_time_t begun = fake_time;
    es_deadline_t deadline = es_deadline_in(fake_clock, writes, 1);

    if (is_late) {
        (void)es_fanout_run_late(w->fanout, &deadline, now);
    }
    else {
        (void)es_fanout_run(w->fanout, &w->own, 1, &deadline, now);
    }
    assert_true(fake_time - begun <= writes);
}

static char *big_text(apr_size_t len)
{
    static char text[64 * 1024 + 1];

    memset(text, 'x', len);
    text[len] = '\0';
    return text;
}

/* 64 KB to many conns: an event of another channel, published in the middle of
 * it, does not wait for them, nor does one of the same round. */
static void test_another_channel_does_not_wait(void **state)
{
    kit_conn_t *probe;
    world_t w;
    int i;

    (void)state;
    world_open(&w);
    kit_on_write = on_write;
    for (i = 0; i < 200; i++) {
        (void)join(&w, "broad");
    }
    probe = join(&w, "probe");
    hub_say(&w.hub, "broad", big_text(64 * 1024));
    hub_say(&w.hub, "probe", "first");
    run_for(&w, 10, 0, 0);
    assert_int_equal(count_of(probe->got, "first"), 1);
    assert_true(es_fanout_is_busy(w.fanout));
    hub_say(&w.hub, "broad", "later");
    hub_say(&w.hub, "probe", "second");
    run_for(&w, 1, 0, 0);
    assert_int_equal(count_of(probe->got, "second"), 1);
    for (i = 0; es_fanout_is_busy(w.fanout); i++) {
        run_for(&w, 10, 0, 0);
        run_for(&w, 10, 1, 0);
        assert_true(i < 50);
    }
    assert_in_range(i, 38, 41); /* 391 writes are left: both events to each */
    for (i = 0; i < 200; i++) {
        assert_int_equal(count_of(kit_conns[i].got, "later"), 1);
        assert_int_equal(kit_conns[i].writes, 2);
    }
    world_close(&w);
}

/* A publisher gives a delivery up whose report does not change for a second. A
 * walk may take longer, in parts: each changes the report. */
static void test_a_long_walk_makes_progress(void **state)
{
    es_pos_t before, reported;
    world_t w;
    int i;

    (void)state;
    world_open(&w);
    kit_on_write = on_write;
    for (i = 0; i < 200; i++) {
        (void)join(&w, "broad");
    }
    hub_say(&w.hub, "broad", big_text(64 * 1024));
    run_for(&w, 10, 0, 0);
    (void)es_progress_report(&w.own, CONN_CHILD, 0);
    before = es_flow_control_reported(w.hub.store, CONN_CHILD);
    for (i = 0; i < 18; i++) {
        run_for(&w, 10, 1, 0);
        (void)es_progress_report(&w.own, CONN_CHILD, 0);
        reported = es_flow_control_reported(w.hub.store, CONN_CHILD);
        assert_in_range(reported, before + 1, w.own.pos - 1);
        before = reported;
    }
    run_for(&w, 20, 1, 0);
    (void)es_progress_report(&w.own, CONN_CHILD, 0);
    assert_int_equal(es_flow_control_reported(w.hub.store, CONN_CHILD),
                     w.own.pos);
    world_close(&w);
}

static apr_time_t clock_of_looks(void)
{
    return ++fake_time;
}

/* Rounds that are long and have few conns: to take each of them takes long, and
 * the clock is looked at after each, not after so many conns. */
static void test_the_clock_is_looked_at_after_a_long_round(void **state)
{
    es_deadline_t deadline;
    es_pos_t start;
    world_t w;
    int i;

    (void)state;
    world_open(&w);
    (void)join(&w, "one");
    start = w.own.pos;
    for (i = 0; i < 90; i++) {
        hub_say(&w.hub, "one", big_text(64 * 1024)); /* 7 in a round */
    }
    deadline = es_deadline_in(clock_of_looks, 3, 100);
    (void)es_fanout_run(w.fanout, &w.own, 1, &deadline, 0);
    assert_true(deadline.is_over);
    assert_in_range(w.own.pos - start, 1, 4 * 512 * 1024);
    world_close(&w);
}

/* ---- the same bytes, however a round is cut ------------------------------ */

/* A client that reads the journal alone: what the conn of the same number is to
 * get. */
typedef struct reference_t {
    es_client_t *client;
    fake_sink_t sink;
} reference_t;

static reference_t references[CONN_MAX];
static unsigned int seed;

static int draw(int below)
{
    seed = seed * 1103515245u + 12345u;
    return (int)(seed >> 8) % below;
}

static const char *const channel_sets[] = {
    "a", "a",   "a",   "a",     "b",   "b",         "c",
    "d", "a,b", "a,d", "b,c,d", "c,d", "a,b,c,d,e", "e",
};

static void join_any(world_t *w, apr_time_t now)
{
    const char *channels = channel_sets[draw(14)];
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    int chunked = draw(2);
    reference_t *reference = &references[kit_count];
    kit_conn_t *kit;

    fake_init(&reference->sink, chunked);
    params.store = w->hub.store;
    params.child = CONN_CHILD;
    params.nslots = hub_subscribe(&w->hub, channels, slots, &params.pos);
    params.slots = slots;
    reference->client = es_client_create(&params, &reference->sink.sink, 0);
    kit = kit_make(&w->hub, channels, chunked, NULL);
    es_conns_add(w->conns, kit->conn, &w->own, now);
}

static kit_conn_t *any_conn(void)
{
    kit_conn_t *kit = &kit_conns[draw(kit_count)];

    return kit->conn != NULL && kit->conn->state != ES_CONN_DEAD ? kit : NULL;
}

static void publish_any(world_t *w)
{
    static const char *const targets[] = {"a", "a", "b",   "c",
                                          "d", "e", "a,c", "b,e"};
    static int number;
    int len = draw(8) == 0 ? 20000 + draw(40000) : draw(300);
    char *text = big_text((apr_size_t)len);

    snprintf(text, 64 * 1024, "%d", ++number);
    text[strlen(text)] = len > 20 ? 'x' : '\0';
    hub_say(&w->hub, targets[draw(8)], text);
}

static void on_sockets(world_t *w, apr_time_t now)
{
    struct epoll_event events[64];
    int count = epoll_wait(w->epoll_fd, events, 64, 0);
    int i;

    for (i = 0; i < count; i++) {
        es_conns_on_event(w->conns, events[i].data.ptr, events[i].events, now);
    }
}

static void do_any(world_t *w, apr_time_t now)
{
    static const char *const closable[] = {"c", "e"};
    es_deadline_t deadline = es_deadline_in(fake_clock, 1 + draw(5), 1);
    kit_conn_t *kit = any_conn();
    int what = draw(100);

    if (what < 20) {
        publish_any(w);
    }
    else if (what < 30 && kit_count < 150) {
        join_any(w, now);
    }
    else if (what < 34 && kit != NULL) {
        es_conns_drop(w->conns, kit->conn);
    }
    else if (what < 38) {
        (void)es_conns_reap(w->conns, &deadline);
    }
    else if (what < 46 && kit != NULL) {
        kit->budget = (apr_size_t)draw(2000); /* it reads slowly */
    }
    else if (what < 52 && kit != NULL) {
        kit->budget = (apr_size_t)-1;
    }
    else if (what == 52 && draw(4) == 0) {
        hub_shut(&w->hub, closable[draw(2)]);
    }
    else if (what < 56) {
        on_sockets(w, now);
    }
    else if (what < 62) {
        (void)es_conns_run(w->conns, &deadline, now);
    }
    else if (what < 64) {
        es_conn_timers_expire(w->conns, &deadline, now);
    }
    else {
        run_for(w, 1 + draw(20), draw(2), now);
    }
}

/* Let all that is left happen. */
static void finish(world_t *w, apr_time_t now)
{
    apr_time_t until = now + 10 * APR_USEC_PER_SEC;
    int i;

    for (i = 0; i < kit_count; i++) {
        kit_conns[i].budget = (apr_size_t)-1;
    }
    for (; now < until; now += APR_USEC_PER_SEC / 10) {
        (void)es_fanout_run(w->fanout, &w->own, 1, NULL, now);
        (void)es_fanout_run_late(w->fanout, NULL, now);
        on_sockets(w, now);
        (void)es_conns_run(w->conns, NULL, now);
        es_conn_timers_expire(w->conns, NULL, now);
    }
    assert_false(es_fanout_is_busy(w->fanout));
    assert_int_equal(es_hub_done(&w->own), es_store_head(w->hub.store));
}

/* Compare conn i, which may have left before the end. */
static void check(int i, int has_left)
{
    reference_t *reference = &references[i];
    char scratch[ES_CLIENT_SCRATCH_MIN];
    es_step_t step = ES_STEP_MORE;

    while (step == ES_STEP_MORE) {
        step = es_client_step(reference->client, 1, scratch, sizeof(scratch));
    }
    if (has_left) {
        assert_true(kit_conns[i].len <= reference->sink.len);
    }
    else {
        assert_int_equal(kit_conns[i].len, reference->sink.len);
    }
    assert_memory_equal(kit_conns[i].got, reference->sink.got,
                        kit_conns[i].len);
    es_client_close(reference->client);
    fake_clear(&reference->sink);
}

static void run_seed(unsigned int number)
{
    apr_time_t now = 0;
    int left[CONN_MAX];
    world_t w;
    int i;

    world_open(&w);
    kit_on_write = on_write;
    seed = number;
    for (i = 0; i < 60; i++) {
        join_any(&w, now);
    }
    for (i = 0; i < 600; i++) {
        do_any(&w, now);
        now += 5000;
    }
    for (i = 0; i < kit_count; i++) {
        left[i] = kit_conns[i].conn == NULL ||
                  kit_conns[i].conn->state == ES_CONN_DEAD;
    }
    finish(&w, now);
    for (i = 0; i < kit_count; i++) {
        check(i, left[i]);
    }
    world_close(&w);
}

static void test_parts_give_the_same_bytes(void **state)
{
    const char *only = getenv("ES_SEED");
    unsigned int number;

    (void)state;
    for (number = 1; number <= 60; number++) {
        run_seed(only != NULL ? (unsigned int)atoi(only) : number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_event_once),
        cmocka_unit_test(test_another_channel_does_not_wait),
        cmocka_unit_test(test_a_long_walk_makes_progress),
        cmocka_unit_test(test_the_clock_is_looked_at_after_a_long_round),
        cmocka_unit_test(test_parts_give_the_same_bytes),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
