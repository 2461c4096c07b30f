/* SPDX-License-Identifier: Apache-2.0 */
/* Death at every instruction of what children do to the shared memory beside
 * the stores: outboxes and mailroom, the census, the board and the meter. */
#include "t/unit/stepper.h"
#include "t/unit/store_kit.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "shm/children.h"
#include "shm/client_count.h"
#include "shm/counters.h"
#include "grip/outbox_shm.h"

#define PLACES 3
#define DEAD 1
#define LIVING 2
#define PID 4711 /* of who dies, as it tells the board */
#define LIMIT_S 120

static apr_pool_t *pool;
static void *mem;
static apr_size_t size;
static int wake_fds[PLACES];
static es_outbox_t *outbox;
static es_outbox_shm_t *outbox_shm;
static es_client_count_t *client_count;
static es_children_t *children;

typedef struct deed_t {
    const char *name;
    void (*scene)(void); /* makes what is shared, in pool */
    void (*run)(void);
    void (*judge)(void); /* somebody has died doing it */
} deed_t;

static void share(apr_size_t bytes)
{
    size = (bytes + 7) / 8 * 8;
    assert_int_equal(es_segment_create(&mem, size, pool), 0);
}

/* ---- outboxes ----------------------------------------------------------- */

/* 0..100 were taken, 100..200 failed; 200.. are to be sent */
static void open_box(void)
{
    share(sizeof(*outbox));
    outbox = mem;
    assert_int_equal(es_outbox_format(outbox), 0);
    es_outbox_report(outbox, 0, 100, ES_OUTCOME_TAKEN);
    es_outbox_report(outbox, 100, 200, 500);
}

/* The same, and there have been more failures than are remembered. */
static void open_full_box(void)
{
    es_pos_t pos;

    open_box();
    for (pos = 200; pos < 200 + 2 * ES_OUTBOX_RESULTS; pos++) {
        es_outbox_report(outbox, pos, pos + 1, pos % 2 ? 500 : 503);
    }
}

static void post(es_pos_t from, es_pos_t to, int outcome)
{
    if (es_outbox_acquire(outbox) == APR_SUCCESS) {
        es_outbox_report(outbox, from, to, outcome);
        es_outbox_release(outbox);
    }
}

static void send_taken(void)
{
    post(200, 300, ES_OUTCOME_TAKEN);
}

static void send_failed(void)
{
    post(200, 300, 503);
}

static void send_failed_alike(void)
{
    post(200, 300, 500);
}

static void send_again(void)
{
    post(100, 200, ES_OUTCOME_TAKEN);
}

static void send_failed_full(void)
{
    post(200 + 2 * ES_OUTBOX_RESULTS, 300 + 2 * ES_OUTBOX_RESULTS, 404);
}

/** What was sent is told as it was noted, or sent once more: then the last
 * word counts. */
static void judge_sent(es_pos_t from, es_pos_t to, int outcome, int next)
{
    int is_done = es_outbox_sent(outbox) == to;

    assert_true(is_done || es_outbox_sent(outbox) == from);
    assert_int_equal(es_outbox_outcome(outbox, from, to),
                     is_done ? outcome : ES_OUTCOME_OPEN);
    assert_int_equal(es_outbox_acquire(outbox), APR_SUCCESS);
    if (!is_done) {
        es_outbox_report(outbox, from, to, next);
        outcome = next;
    }
    es_outbox_report(outbox, to, to + 100, ES_OUTCOME_TAKEN);
    es_outbox_release(outbox);
    assert_int_equal(es_outbox_outcome(outbox, from, to), outcome);
    assert_int_equal(es_outbox_outcome(outbox, to, to + 100), ES_OUTCOME_TAKEN);
}

static void judge_old(void)
{
    assert_int_equal(es_outbox_outcome(outbox, 0, 100), ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(outbox, 100, 200), 500);
}

static void judge_taken(void)
{
    judge_old();
    judge_sent(200, 300, ES_OUTCOME_TAKEN, 404);
    judge_old();
}

static void judge_failed(void)
{
    judge_old();
    judge_sent(200, 300, 503, ES_OUTCOME_TAKEN);
    judge_old();
}

static void judge_failed_twice(void)
{
    judge_old();
    judge_sent(200, 300, 503, 404);
    judge_old();
}

static void judge_failed_alike(void)
{
    judge_old();
    judge_sent(200, 300, 500, ES_OUTCOME_TAKEN);
    judge_old();
}

static void judge_again(void)
{
    int outcome = es_outbox_outcome(outbox, 100, 200);

    assert_true(outcome == 500 || outcome == ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_sent(outbox), 200);
    send_again();
    assert_int_equal(es_outbox_outcome(outbox, 100, 200), ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(outbox, 0, 100), ES_OUTCOME_TAKEN);
}

static void judge_full(void)
{
    es_pos_t end = 200 + 2 * ES_OUTBOX_RESULTS, pos;

    /* the oldest may just be written over */
    for (pos = end - ES_OUTBOX_RESULTS + 2; pos < end; pos++) {
        assert_int_equal(es_outbox_outcome(outbox, pos, pos + 1),
                         pos % 2 ? 500 : 503);
    }
    judge_sent(end, end + 100, 404, ES_OUTCOME_TAKEN);
}

/* ---- the mailroom ------------------------------------------------------- */

static void open_room(void)
{
    int i;

    share(es_outbox_shm_size(PLACES));
    assert_int_equal(es_outbox_shm_format(mem, PLACES), 0);
    for (i = 0; i < PLACES; i++) {
        wake_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_true(wake_fds[i] >= 0);
    }
    assert_int_equal(
        es_outbox_shm_attach(&outbox_shm, mem, PLACES, wake_fds, pool), 0);
    es_outbox_shm_sleeps(outbox_shm, 2);
    es_outbox_shm_sleeps(outbox_shm, 3);
}

static void close_bells(void)
{
    int i;

    for (i = 0; i < PLACES; i++) {
        close(wake_fds[i]);
    }
}

static int has_rung(int wake_fd)
{
    apr_uint64_t count;

    return read(wake_fds[wake_fd - 1], &count, sizeof(count)) == sizeof(count);
}

static void wait_and_wake(void)
{
    es_outbox_shm_sleeps(outbox_shm, DEAD);
    es_outbox_shm_wakes(outbox_shm, DEAD);
}

static void ring_all(void)
{
    es_outbox_shm_wake_all(outbox_shm);
}

/** Who rings next calls those that were not called yet, but for the one that
 * was just to be called: that looks by itself once a second. */
static void judge_bells(void)
{
    int called;

    es_outbox_shm_wake_all(outbox_shm);
    called = has_rung(2) + has_rung(3);
    assert_true(called >= 1);
    es_outbox_shm_sleeps(outbox_shm, 2);
    es_outbox_shm_sleeps(outbox_shm, 3);
    es_outbox_shm_wake_all(outbox_shm);
    assert_true(has_rung(2) && has_rung(3));
    (void)has_rung(DEAD);
}

/* ---- the census --------------------------------------------------------- */

static const es_client_limits_t no_limits = {0, 0, 0};
static const es_client_limits_t one_each = {0, 1, 0};

/** Each child has a client of address 7, who dies one of 8 as well. */
static es_counted_t tickets[3];

static void open_census(void)
{
    share(es_client_count_size(PLACES));
    client_count = es_client_count_attach(mem, PLACES, pool);
    es_client_count_enter(client_count, LIVING, 7, &no_limits, &tickets[0]);
    es_client_count_enter(client_count, DEAD, 7, &no_limits, &tickets[1]);
    es_client_count_enter(client_count, DEAD, 8, &no_limits, &tickets[2]);
}

/* Who dies has none yet. */
static void open_empty_census(void)
{
    share(es_client_count_size(PLACES));
    client_count = es_client_count_attach(mem, PLACES, pool);
    es_client_count_enter(client_count, LIVING, 7, &no_limits, &tickets[0]);
}

static void enter(void)
{
    es_counted_t counted;

    es_client_count_enter(client_count, DEAD, 9, &no_limits, &counted);
}

static void enter_in_vain(void)
{
    es_counted_t counted;

    es_client_count_enter(client_count, DEAD, 7, &one_each, &counted);
}

static void leave(void)
{
    es_client_count_leave(&tickets[2]);
    es_client_count_leave(&tickets[1]);
}

static void judge_census(void)
{
    es_client_limits_t two_each = {0, 2, 0};
    es_counted_t counted;

    assert_true(es_client_count_total(client_count, 0) >= 1);
    es_client_count_forget(client_count, DEAD);
    assert_int_equal(es_client_count_total(client_count, DEAD), 0);
    assert_int_equal(es_client_count_total(client_count, 0), 1);
    /* there is another child at this place now, and nothing of the old one */
    assert_int_equal(
        es_client_count_enter(client_count, DEAD, 8, &one_each, &counted),
        ES_CLIENT_COUNT_OK);
    assert_int_equal(
        es_client_count_enter(client_count, DEAD, 9, &one_each, &counted),
        ES_CLIENT_COUNT_OK);
    assert_int_equal(
        es_client_count_enter(client_count, 3, 7, &one_each, &counted),
        ES_CLIENT_COUNT_ADDRESS_FULL);
    assert_int_equal(
        es_client_count_enter(client_count, 3, 7, &two_each, &counted),
        ES_CLIENT_COUNT_OK);
    assert_int_equal(es_client_count_total(client_count, 0), 4);
}

/* ---- the board ---------------------------------------------------------- */

static void open_board(void)
{
    share(es_children_size(PLACES));
    es_children_format(mem, PLACES);
    assert_int_equal(
        es_children_attach(&children, mem, size, PLACES, wake_fds, pool), 0);
    assert_int_equal(es_children_claim(children, 1, 1000), 1);
}

static void live_on_board(void)
{
    apr_uint32_t child = es_children_claim(children, 5, PID);

    es_children_sleeps(children, child);
    es_children_wakes(children, child);
    es_children_sleeps(children, child);
    es_children_stops(children, child);
}

/** The parent finds it by its pid, if it was there, and then it never was. */
static void judge_board(void)
{
    apr_uint32_t child = es_children_find(children, PID);

    assert_true(child == 0 || child == 2);
    es_children_free(children, child);
    assert_int_equal(es_children_find(children, PID), 0);
    assert_int_equal(es_children_pid(children, 1), 1000);
    assert_false(es_children_has_successor(children, 1, 0));
    assert_int_equal(es_children_claim(children, 5, 1001), 2);
    assert_true(es_children_has_successor(children, 1, 5));
    assert_int_equal(es_children_claim(children, 5, 1002), 3);
}

/* ---- the meter ---------------------------------------------------------- */

static void open_meter(void)
{
    share(es_counters_size());
    es_counters_add(es_counters_attach(mem), 1, 0xffffffff);
}

static void count_on(void)
{
    es_counters_add(es_counters_attach(mem), 1, 1);
}

static void judge_meter(void)
{
    apr_uint64_t count = es_counters_read(es_counters_attach(mem), 1);

    assert_true(count == 0xffffffff || count == APR_UINT64_C(0x100000000));
}

/* ---- deaths ------------------------------------------------------------- */

static const deed_t deeds[] = {
    {"send, and it is taken", open_box, send_taken, judge_taken},
    {"send, and it fails", open_box, send_failed, judge_failed},
    {"send, and it fails twice", open_box, send_failed, judge_failed_twice},
    {"send, and it fails as before", open_box, send_failed_alike,
     judge_failed_alike},
    {"send once more", open_box, send_again, judge_again},
    {"send, and the oldest note goes", open_full_box, send_failed_full,
     judge_full},
    {"wait for an outbox", open_room, wait_and_wake, judge_bells},
    {"call who waits", open_room, ring_all, judge_bells},
    {"enter", open_census, enter, judge_census},
    {"enter as the first", open_empty_census, enter, judge_census},
    {"enter in vain", open_census, enter_in_vain, judge_census},
    {"leave", open_census, leave, judge_census},
    {"live on the board", open_board, live_on_board, judge_board},
    {"count", open_meter, count_on, judge_meter},
};

#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

static void on_run(void *data)
{
    ((const deed_t *)data)->run();
}

static void test_deed(void **state)
{
    static stepper_t stepper;
    const deed_t *deed = *state;
    char *scene;
    int k;

    apr_pool_create(&pool, NULL);
    deed->scene();
    scene = apr_pmemdup(pool, mem, size);
    stepper.run = on_run;
    stepper.data = *state;
    stepper.mem = mem;
    stepper.size = size;
    /* an outbox has its lock at the start */
    stepper.own =
        deed->scene == open_box || deed->scene == open_full_box ? mem : NULL;
    stepper_trace(&stepper);
    assert_true(stepper.count > 0);
    for (k = 0; k < stepper.count; k++) {
        if (deed->scene == open_room) {
            (void)(has_rung(1) + has_rung(2) + has_rung(3));
        }
        memcpy(mem, scene, size);
        stepper_die(&stepper, &stepper.stops[k]);
        deed->judge();
    }
    print_message("# %s: %lu instructions, %d deaths\n", deed->name,
                  stepper.steps, stepper.count);
    if (deed->scene == open_room) {
        close_bells();
    }
    apr_pool_destroy(pool);
}

int main(void)
{
    static struct CMUnitTest tests[DEEDS];
    const char *why = stepper_refusal();
    apr_size_t i;

    if (why != NULL) {
        printf("1..0 # SKIP %s\n", why);
        return 0;
    }
    for (i = 0; i < DEEDS; i++) {
        tests[i].name = deeds[i].name;
        tests[i].test_func = test_deed;
        tests[i].initial_state = (void *)(uintptr_t)&deeds[i];
    }
    alarm(LIMIT_S);
    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
