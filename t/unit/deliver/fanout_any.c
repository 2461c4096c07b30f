/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of src/deliver/fanout.c: any order of what may happen to two hubs and
 * their conns. Each client gets each event of its channels once, whole and in
 * order, whoever owns it; after a stream-reset, and only then, some are
 * missing. A stream may stop early if there was a reason to stop it.
 */
#include "t/unit/conn_kit.h"

#include <apr_general.h>

#include "deliver/conn_timers.h"
#include "deliver/fanout.h"

#define HUBS 2
#define EVENTS_MAX 2000
#define STEPS 900
#define STEP_TIME 5000

/* Of each kind; ES_SEEDS has another number. AddressSanitizer needs six
 * times as long for each. */
#ifdef __SANITIZE_ADDRESS__
#define SEEDS 1
#else
#define SEEDS 5
#endif

/* What a seed is like. */
typedef struct kind_t {
    const char *name;
    apr_uint64_t ring_bytes;
    int large;     /* one event in this many is large */
    int overtakes; /* 1 = the ring overtakes rounds and clients */
    int runs;      /* per cent of actions that run the fan-out */
    int mains;     /* per cent of these that are not for late groups */
} kind_t;

static const kind_t kinds[] = {
    {"some large events", 12 * 1024 * 1024, 10, 0, 40, 50},
    {"many large events", 24 * 1024 * 1024, 2, 0, 40, 50},
    {"slow late groups", 24 * 1024 * 1024, 2, 0, 25, 90},
    {"slow rounds", 24 * 1024 * 1024, 3, 0, 15, 60},
    {"a small journal", 256 * 1024, 6, 1, 30, 60},
    {"a small journal, slow late groups", 512 * 1024, 3, 1, 30, 85},
};

/* An event that was published; its text is its number, then 'x'. */
typedef struct published_t {
    int hub;
    const char *channels;
    apr_size_t len;
} published_t;

/* What becomes of the client of the conn with the same number in the kit. */
typedef struct story_t {
    int hub;
    const char *channels;
    int joined;   /* events that had been published before */
    int may_stop; /* 1 = its stream may stop anywhere from now on */
    int closed;   /* events up to the close of a channel; 0 = none */
    int is_added; /* to conns */
    int is_moved; /* another conn has gone on with its stream */
} story_t;

typedef struct world_t {
    const kind_t *kind;
    hub_t stores[HUBS];
    es_hub_t hubs[HUBS]; /* as the delivery sees them */
    es_conns_t *conns;
    es_fanout_t *fanout;
    int epoll_fd;
    apr_time_t now;
    int nevents;
    int most_late; /* groups of all hubs that were late at once */
} world_t;

static published_t published[EVENTS_MAX + 1]; /* by number, from 1 */
static story_t stories[CONN_MAX];
static unsigned int seed;
static apr_time_t fake_time; /* of the clock: each write takes 1 */

static int draw(int below)
{
    seed = seed * 1103515245u + 12345u;
    return (int)(seed >> 8) % below;
}

static apr_time_t fake_clock(void)
{
    return fake_time;
}

static void on_write(void)
{
    fake_time++;
}

static void world_open(world_t *w, const kind_t *kind)
{
    int i;

    memset(w, 0, sizeof(*w));
    w->kind = kind;
    for (i = 0; i < HUBS; i++) {
        hub_open(&w->stores[i], kind->ring_bytes);
        hub_begin(&w->stores[i], &w->hubs[i]);
    }
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->conns = es_conns_create(w->epoll_fd, 0);
    assert_non_null(w->conns);
    w->fanout = es_fanout_create(w->conns);
    assert_non_null(w->fanout);
    kit_on_write = on_write;
}

static void world_close(world_t *w)
{
    int i;

    es_conns_close_all(w->conns, w->hubs, HUBS);
    es_fanout_destroy(w->fanout);
    es_conns_destroy(w->conns);
    close(w->epoll_fd);
    kit_clear();
    for (i = 0; i < HUBS; i++) {
        es_hub_clear(&w->hubs[i]);
        hub_close(&w->stores[i]);
    }
}

/* ---- what each client is to get ------------------------------------------ */

/* Do two lists of channels with names of one letter have one in common? */
static int share(const char *a, const char *b)
{
    for (; *a != '\0'; a++) {
        if (*a != ',' && strchr(b, *a) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* The number of the client's next event after this one; 0 = none. */
static int next_of(const world_t *w, const story_t *story, int after)
{
    int i;

    for (i = after + 1; i <= w->nevents; i++) {
        if (story->closed != 0 && i > story->closed) {
            return 0;
        }
        if (published[i].hub == story->hub &&
            share(published[i].channels, story->channels)) {
            return i;
        }
    }
    return 0;
}

static void check_text(const char *text, apr_size_t len, int number)
{
    char digits[16];
    apr_size_t at = (apr_size_t)snprintf(digits, sizeof(digits), "%d", number);

    assert_int_equal(len, published[number].len);
    for (; at < len; at++) {
        if (text[at] != 'x') {
            fail_msg("event %d is not whole", number);
        }
    }
}

/* Compare a stream without chunk framing with what the client is to get. */
static void check_stream(const world_t *w, const story_t *story,
                         const char *body, int is_whole)
{
    int is_reset = 0; /* the frame is a stream-reset */
    int has_gap = 0;  /* events may be missing here */
    int last = story->joined;
    int number;
    const char *end;

    for (; (end = strchr(body, '\n')) != NULL; body = end + 1) {
        if (strncmp(body, "event: stream-reset\n", 20) == 0) {
            assert_true(w->kind->overtakes);
            is_reset = 1;
        }
        if (strncmp(body, "data: ", 6) != 0 || body + 6 == end) {
            continue;
        }
        if (is_reset) {
            is_reset = 0;
            has_gap = 1;
            continue;
        }
        number = atoi(body + 6);
        assert_in_range(number, 1, w->nevents);
        if (has_gap) {
            assert_true(number > last);
            last = number - 1;
        }
        assert_int_equal(next_of(w, story, last), number);
        check_text(body + 6, (apr_size_t)(end - body - 6), number);
        last = number;
        has_gap = 0;
    }
    if (is_whole && !has_gap) {
        assert_int_equal(next_of(w, story, last), 0);
    }
}

static void check(const world_t *w, int i)
{
    const story_t *story = &stories[i];
    kit_conn_t *kit = &kit_conns[i];
    int is_open = kit->conn != NULL && kit->conn->state != ES_CONN_DEAD &&
                  kit->conn->state != ES_CONN_LINGER;
    int framing;

    if (story->is_moved) {
        return;
    }
    if (stories[i].closed == 0 && !stories[i].may_stop) {
        assert_true(is_open);
    }
    if (kit->is_chunked) {
        framing = unchunk(kit->got, &kit->len);
        assert_true(framing != -2);
        assert_true(framing != 0 || is_open || story->may_stop);
        assert_true(framing != -1 || story->may_stop);
    }
    check_stream(w, story, kit->got, !story->may_stop);
}

/* ---- what may happen ----------------------------------------------------- */

static void add(world_t *w, int i)
{
    stories[i].is_added = 1;
    es_conns_add(w->conns, kit_conns[i].conn, &w->hubs[stories[i].hub], w->now);
}

static void join_any(world_t *w)
{
    static const char *const sets[] = {
        "a",
        "a",
        "b",
        "b",
        "c",
        "c",
        "d",
        "d",
        "e",
        "e",
        "f",
        "f",
        "g",
        "h",
        "i",
        "j",
        "k",
        "a,b",
        "a,j",
        "b,c",
        "k,c",
        "d,e,f",
        "a,b,c,d,e,f,g,h,k",
    };
    es_client_opts_t opts = {0};
    story_t *story = &stories[kit_count];
    const char *channels = sets[draw(23)];

    memset(story, 0, sizeof(*story));
    story->hub = draw(6) == 0;
    story->channels = channels;
    story->joined = w->nevents;
    story->may_stop = w->kind->overtakes;
    opts.keepalive = draw(3) == 0 ? (1 + draw(20)) * 20 * STEP_TIME : 0;
    opts.keepalive_as_comment = draw(2);
    if (draw(8) == 0) {
        opts.lifetime = (1 + draw(STEPS)) * STEP_TIME;
        story->may_stop = 1;
    }
    if (draw(8) == 0) {
        opts.send_timeout = APR_USEC_PER_SEC;
        story->may_stop = 1;
    }
    (void)kit_make(&w->stores[story->hub], channels, draw(2), &opts);
    if (draw(4) != 0) {
        add(w, kit_count - 1);
    }
}

static void add_any(world_t *w)
{
    int i;

    for (i = draw(kit_count); i < kit_count; i++) {
        if (!stories[i].is_added) {
            add(w, i);
            return;
        }
    }
}

/* @return its number; -1 = none was found */
static int any_conn(void)
{
    int i = draw(kit_count);

    return stories[i].is_added && kit_conns[i].conn != NULL &&
                   kit_conns[i].conn->state != ES_CONN_DEAD
               ? i
               : -1;
}

static void publish_any(world_t *w)
{
    static const char *const targets[] = {"a", "a", "b",   "c",   "d",
                                          "e", "f", "g",   "h",   "i",
                                          "j", "k", "a,c", "b,e", "k,a"};
    static char text[64 * 1024];
    published_t *event = &published[++w->nevents];
    int len = draw(w->kind->large) == 0 ? 20000 + draw(40000) : draw(300);

    assert_true(w->nevents <= EVENTS_MAX);
    event->hub = draw(6) == 0;
    event->channels = targets[draw(15)];
    memset(text, 'x', sizeof(text));
    event->len = (apr_size_t)snprintf(text, sizeof(text), "%d", w->nevents);
    text[event->len] = 'x';
    if (event->len < (apr_size_t)len) {
        event->len = (apr_size_t)len;
    }
    (void)hub_publish(&w->stores[event->hub], event->channels, text,
                      event->len);
}

static void close_any(world_t *w)
{
    static const char *const closable[] = {"i", "j", "k"};
    const char *channel = closable[draw(3)];
    int hub = draw(2);
    int i;

    hub_shut(&w->stores[hub], channel);
    for (i = 0; i < kit_count; i++) {
        if (stories[i].hub == hub && stories[i].closed == 0 &&
            share(stories[i].channels, channel)) {
            stories[i].closed = w->nevents;
            /* without an event before the close there is no number */
            stories[i].may_stop |= w->nevents == 0;
        }
    }
}

/* The client's next owner is in this process. */
static void hand_over(world_t *w, int i, int is_sent)
{
    es_conn_t *conn = kit_conns[i].conn;
    hub_t *store = &w->stores[stories[i].hub];
    es_client_params_t params;
    es_client_saved_t saved;
    es_start_t present;
    kit_conn_t *next;
    int is_lost;

    if (!es_conns_suspend(w->conns, conn)) {
        return;
    }
    if (!es_client_save(conn->client, w->now, &params, &saved) || !is_sent) {
        es_conns_resume(w->conns, conn);
        return;
    }
    next = kit_make(store, stories[i].channels, conn->chunked, &params.opts);
    assert_int_equal(es_store_current(store->store, &present), APR_SUCCESS);
    is_lost = saved.cursor < es_store_tail(store->store);
    assert_true(!is_lost || w->kind->overtakes);
    es_client_load(next->conn->client, &saved, is_lost, &present);
    free(next->got);
    next->got = kit_conns[i].got;
    next->len = kit_conns[i].len;
    next->budget = kit_conns[i].budget;
    kit_conns[i].got = NULL;
    stories[kit_count - 1] = stories[i];
    stories[kit_count - 1].is_added = 0;
    stories[i].is_moved = 1;
    es_conns_drop(w->conns, conn);
    if (draw(2) == 0) {
        add(w, kit_count - 1);
    }
}

static void on_sockets(world_t *w)
{
    struct epoll_event events[64];
    int count = epoll_wait(w->epoll_fd, events, 64, 0);
    int i;

    for (i = 0; i < count; i++) {
        es_conns_on_event(w->conns, events[i].data.ptr, events[i].events,
                          w->now);
    }
}

/* As when a proxy in front of many clients ends. */
static void drop_many(world_t *w, int first)
{
    int i;

    for (i = first; i < kit_count && i < first + 100; i++) {
        if (stories[i].is_added && kit_conns[i].conn != NULL) {
            stories[i].may_stop = 1;
            es_conns_drop(w->conns, kit_conns[i].conn);
        }
    }
    (void)es_conns_reap(w->conns, NULL);
}

/* To one conn, which was added. */
static void happen_to(world_t *w, int i)
{
    kit_conn_t *kit = &kit_conns[i];
    int what = draw(100);

    if (what < 40) {
        kit->budget = (apr_size_t)draw(2000); /* it reads slowly */
    }
    else if (what < 70) {
        kit->budget = (apr_size_t)-1;
    }
    else if (what < 75) {
        stories[i].may_stop = 1;
        es_conns_drop(w->conns, kit->conn);
    }
    else if (what < 78) {
        stories[i].may_stop = 1;
        es_conns_end(w->conns, kit->conn, 1000);
    }
    else if (kit_count < CONN_MAX) {
        hand_over(w, i, what < 95);
    }
}

static void count_late(world_t *w)
{
    int late = (int)(w->hubs[0].groups + w->hubs[1].groups);
    int i;

    w->most_late = late > w->most_late ? late : w->most_late;
    for (i = 0; i < HUBS; i++) {
        assert_true(es_hub_done(&w->hubs[i]) <= w->hubs[i].pos);
        (void)es_progress_report(&w->hubs[i], CONN_CHILD, w->now);
    }
}

static void run_any(world_t *w, int writes)
{
    es_deadline_t deadline = es_deadline_in(fake_clock, writes, 1 + draw(3));

    if (draw(100) < w->kind->mains) {
        (void)es_fanout_run(w->fanout, w->hubs, HUBS, &deadline, w->now);
    }
    else {
        (void)es_fanout_run_late(w->fanout, &deadline, w->now);
    }
    count_late(w);
}

static void do_any(world_t *w)
{
    es_deadline_t deadline = es_deadline_in(fake_clock, 1 + draw(5), 1);
    int what = draw(100);
    int i = any_conn();

    if (what < w->kind->runs) {
        run_any(w, 1 + draw(20));
        return;
    }
    what = draw(100);
    if (what < 45) {
        publish_any(w);
    }
    else if (what < 60 && kit_count < CONN_MAX - 40) {
        join_any(w);
    }
    else if (what < 65) {
        add_any(w);
    }
    else if (what < 80 && i >= 0) {
        happen_to(w, i);
    }
    else if (what == 80 && draw(6) == 0 && i >= 0) {
        drop_many(w, i);
    }
    else if (what < 83) {
        (void)es_conns_reap(w->conns, &deadline);
    }
    else if (what == 83 && draw(4) == 0) {
        close_any(w);
    }
    else if (what < 88) {
        on_sockets(w);
    }
    else if (what < 96) {
        (void)es_conns_run(w->conns, &deadline, w->now);
    }
    else {
        es_conn_timers_expire(w->conns, &deadline, w->now);
    }
}

/* ---- seeds --------------------------------------------------------------- */

/* Let all that is left happen. */
static void finish(world_t *w)
{
    apr_time_t until = w->now + 10 * APR_USEC_PER_SEC;
    int i;

    for (i = 0; i < kit_count; i++) {
        kit_conns[i].budget = (apr_size_t)-1;
        if (!stories[i].is_added) {
            add(w, i);
        }
    }
    for (; w->now < until; w->now += APR_USEC_PER_SEC / 10) {
        (void)es_fanout_run(w->fanout, w->hubs, HUBS, NULL, w->now);
        (void)es_fanout_run_late(w->fanout, NULL, w->now);
        on_sockets(w);
        (void)es_conns_run(w->conns, NULL, w->now);
        es_conn_timers_expire(w->conns, NULL, w->now);
        (void)es_conns_reap(w->conns, NULL);
    }
    assert_false(es_fanout_is_busy(w->fanout));
    for (i = 0; i < HUBS; i++) {
        assert_int_equal(w->hubs[i].groups, 0);
        assert_int_equal(es_hub_done(&w->hubs[i]),
                         es_store_head(w->stores[i].store));
    }
}

static int run_seed(const kind_t *kind, unsigned int number)
{
    world_t w;
    int i;

    world_open(&w, kind);
    seed = number;
    for (i = 0; i < 170; i++) {
        join_any(&w);
    }
    for (i = 0; i < STEPS; i++) {
        do_any(&w);
        w.now += STEP_TIME;
    }
    finish(&w);
    for (i = 0; i < kit_count; i++) {
        check(&w, i);
    }
    world_close(&w);
    return w.most_late;
}

static void test_any_order(void **state)
{
    const char *only = getenv("ES_SEED");
    const char *seeds = getenv("ES_SEEDS");
    unsigned int count = seeds != NULL ? (unsigned int)atoi(seeds) : SEEDS;
    unsigned int number;
    int most_late, late, i;

    (void)state;
    for (i = 0; i < (int)(sizeof(kinds) / sizeof(kinds[0])); i++) {
        most_late = 0;
        for (number = 1; number <= count; number++) {
            late = run_seed(&kinds[i],
                            only != NULL ? (unsigned int)atoi(only) : number);
            most_late = late > most_late ? late : most_late;
        }
        print_message("%s: up to %d late groups\n", kinds[i].name, most_late);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
