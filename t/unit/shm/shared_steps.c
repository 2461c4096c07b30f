/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Death at every instruction of what children do to shared memory outside of
 * the journals: outboxes and their wake-ups, the count of clients, the table of
 * children and the counters.
 */
#include "t/unit/stepper.h"
#include "t/unit/store_kit.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "shm/children.h"
#include "shm/client_count.h"
#include "shm/counters.h"
#include "grip/outbox_shm.h"

#define CHILDREN 3
#define DYING 1
#define LIVING 2
#define PID 4711 /* the pid that the dying child claims a number for */
#define LIMIT_S 280

static apr_pool_t *pool;
static void *mem;
static apr_size_t size;
static int wake_fds[CHILDREN];
static es_outbox_t *outbox;
static es_outbox_shm_t *outbox_shm;
static es_client_count_t *client_count;
static es_children_t *children;

typedef struct action_t {
    const char *name;
    void (*prepare)(void); /* makes the segment, in pool */
    void (*run)(void);     /* what the dying child does */
    void (*check)(void);   /* after its death */
} action_t;

static void share(apr_size_t bytes)
{
    size = (bytes + 7) / 8 * 8;
    assert_int_equal(es_segment_create(&mem, size, pool), 0);
}

/* ---- outboxes ----------------------------------------------------------- */

/* 0..100 were taken, 100..200 failed; 200.. is to be sent */
static void prepare_outbox(void)
{
    share(sizeof(*outbox));
    outbox = mem;
    assert_int_equal(es_outbox_format(outbox), 0);
    es_outbox_report(outbox, 0, 100, ES_OUTCOME_TAKEN);
    es_outbox_report(outbox, 100, 200, 500);
}

/* The same, after more failures than the outbox remembers. */
static void prepare_full_outbox(void)
{
    es_pos_t pos;

    prepare_outbox();
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

/** The outcome is the one that was stored, or the range is sent again: then the
 * later outcome counts. */
static void check_sent(es_pos_t from, es_pos_t to, int outcome, int next)
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

static void check_old(void)
{
    assert_int_equal(es_outbox_outcome(outbox, 0, 100), ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(outbox, 100, 200), 500);
}

static void check_taken(void)
{
    check_old();
    check_sent(200, 300, ES_OUTCOME_TAKEN, 404);
    check_old();
}

static void check_failed(void)
{
    check_old();
    check_sent(200, 300, 503, ES_OUTCOME_TAKEN);
    check_old();
}

static void check_failed_twice(void)
{
    check_old();
    check_sent(200, 300, 503, 404);
    check_old();
}

static void check_failed_alike(void)
{
    check_old();
    check_sent(200, 300, 500, ES_OUTCOME_TAKEN);
    check_old();
}

static void check_again(void)
{
    int outcome = es_outbox_outcome(outbox, 100, 200);

    assert_true(outcome == 500 || outcome == ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_sent(outbox), 200);
    send_again();
    assert_int_equal(es_outbox_outcome(outbox, 100, 200), ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(outbox, 0, 100), ES_OUTCOME_TAKEN);
}

static void check_full(void)
{
    es_pos_t end = 200 + 2 * ES_OUTBOX_RESULTS, pos;

    /* the oldest may be overwritten */
    for (pos = end - ES_OUTBOX_RESULTS + 2; pos < end; pos++) {
        assert_int_equal(es_outbox_outcome(outbox, pos, pos + 1),
                         pos % 2 ? 500 : 503);
    }
    check_sent(end, end + 100, 404, ES_OUTCOME_TAKEN);
}

/* ---- wake-ups of outboxes ----------------------------------------------- */

static void prepare_outbox_shm(void)
{
    int i;

    share(es_outbox_shm_size(CHILDREN));
    assert_int_equal(es_outbox_shm_format(mem, CHILDREN), 0);
    for (i = 0; i < CHILDREN; i++) {
        wake_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_true(wake_fds[i] >= 0);
    }
    assert_int_equal(
        es_outbox_shm_attach(&outbox_shm, mem, CHILDREN, wake_fds, pool), 0);
    es_outbox_shm_set_sleeping(outbox_shm, 2);
    es_outbox_shm_set_sleeping(outbox_shm, 3);
}

static void close_wake_fds(void)
{
    int i;

    for (i = 0; i < CHILDREN; i++) {
        close(wake_fds[i]);
    }
}

static int was_woken(apr_uint32_t child)
{
    apr_uint64_t count;

    return read(wake_fds[child - 1], &count, sizeof(count)) == sizeof(count);
}

static void sleep_and_wake(void)
{
    es_outbox_shm_set_sleeping(outbox_shm, DYING);
    es_outbox_shm_set_awake(outbox_shm, DYING);
}

static void wake_all(void)
{
    es_outbox_shm_wake_all(outbox_shm);
}

/** The next child that wakes all wakes those that were not woken yet. The one
 * that was just to be woken may miss it: it looks by itself once a second. */
static void check_wake_ups(void)
{
    int woken;

    es_outbox_shm_wake_all(outbox_shm);
    woken = was_woken(2) + was_woken(3);
    assert_true(woken >= 1);
    es_outbox_shm_set_sleeping(outbox_shm, 2);
    es_outbox_shm_set_sleeping(outbox_shm, 3);
    es_outbox_shm_wake_all(outbox_shm);
    assert_true(was_woken(2) && was_woken(3));
    (void)was_woken(DYING);
}

/* ---- the count of clients ----------------------------------------------- */

static const es_client_limits_t no_limits = {0};
static const es_client_limits_t one_each = {0, 1, 0, 0, 0, 0};

/** Each child has a client of address 7, the dying one also one of 8. */
static es_counted_t counted_clients[3];

static void prepare_count(void)
{
    share(es_client_count_size(CHILDREN));
    client_count = es_client_count_attach(mem, CHILDREN, pool);
    es_client_count_add(client_count, LIVING, 7, &no_limits,
                        &counted_clients[0]);
    es_client_count_add(client_count, DYING, 7, &no_limits,
                        &counted_clients[1]);
    es_client_count_add(client_count, DYING, 8, &no_limits,
                        &counted_clients[2]);
}

/* The dying child has no client yet. */
static void prepare_empty_count(void)
{
    share(es_client_count_size(CHILDREN));
    client_count = es_client_count_attach(mem, CHILDREN, pool);
    es_client_count_add(client_count, LIVING, 7, &no_limits,
                        &counted_clients[0]);
}

static void enter(void)
{
    es_counted_t counted;

    es_client_count_add(client_count, DYING, 9, &no_limits, &counted);
}

static void enter_over_limit(void)
{
    es_counted_t counted;

    es_client_count_add(client_count, DYING, 7, &one_each, &counted);
}

static void leave(void)
{
    es_client_count_remove(&counted_clients[2]);
    es_client_count_remove(&counted_clients[1]);
}

static void check_count(void)
{
    es_client_limits_t two_each = {0, 2, 0, 0, 0, 0};
    es_counted_t counted;

    assert_true(es_client_count_total(client_count, 0) >= 1);
    es_client_count_clear(client_count, DYING);
    assert_int_equal(es_client_count_total(client_count, DYING), 0);
    assert_int_equal(es_client_count_total(client_count, 0), 1);
    /* a new child has this number now, and no client of the old one */
    assert_int_equal(
        es_client_count_add(client_count, DYING, 8, &one_each, &counted),
        ES_CLIENT_COUNT_OK);
    assert_int_equal(
        es_client_count_add(client_count, DYING, 9, &one_each, &counted),
        ES_CLIENT_COUNT_OK);
    assert_int_equal(
        es_client_count_add(client_count, 3, 7, &one_each, &counted),
        ES_CLIENT_COUNT_ADDRESS_FULL);
    assert_int_equal(
        es_client_count_add(client_count, 3, 7, &two_each, &counted),
        ES_CLIENT_COUNT_OK);
    assert_int_equal(es_client_count_total(client_count, 0), 4);
}

/* ---- the table of children ---------------------------------------------- */

static void prepare_children(void)
{
    share(es_children_size(CHILDREN));
    es_children_format(mem, CHILDREN);
    assert_int_equal(
        es_children_attach(&children, mem, size, CHILDREN, wake_fds, pool), 0);
    assert_int_equal(es_children_claim(children, 1, 1000), 1);
}

static void live(void)
{
    apr_uint32_t child = es_children_claim(children, 5, PID);

    es_children_set_sleeping(children, child);
    es_children_set_awake(children, child);
    es_children_set_sleeping(children, child);
    es_children_set_stopping(children, child);
}

/** If the child had claimed a number, the parent finds it by its pid; freed, it
 * is as if it had never been claimed. */
static void check_children(void)
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

/* ---- counters ----------------------------------------------------------- */

static void prepare_counters(void)
{
    share(es_counters_size());
    es_counters_add(es_counters_attach(mem), 1, 0xffffffff);
}

static void count_one(void)
{
    es_counters_add(es_counters_attach(mem), 1, 1);
}

static void check_counter(void)
{
    apr_uint64_t count = es_counters_read(es_counters_attach(mem), 1);

    assert_true(count == 0xffffffff || count == APR_UINT64_C(0x100000000));
}

/* ---- deaths ------------------------------------------------------------- */

static const action_t actions[] = {
    {"send, and it is taken", prepare_outbox, send_taken, check_taken},
    {"send, and it fails", prepare_outbox, send_failed, check_failed},
    {"send, and it fails twice", prepare_outbox, send_failed,
     check_failed_twice},
    {"send, and it fails as before", prepare_outbox, send_failed_alike,
     check_failed_alike},
    {"send once more", prepare_outbox, send_again, check_again},
    {"send, and the oldest result is dropped", prepare_full_outbox,
     send_failed_full, check_full},
    {"sleep and wake", prepare_outbox_shm, sleep_and_wake, check_wake_ups},
    {"wake all", prepare_outbox_shm, wake_all, check_wake_ups},
    {"enter", prepare_count, enter, check_count},
    {"enter as the first", prepare_empty_count, enter, check_count},
    {"enter over a limit", prepare_count, enter_over_limit, check_count},
    {"leave", prepare_count, leave, check_count},
    {"claim, sleep and stop", prepare_children, live, check_children},
    {"count", prepare_counters, count_one, check_counter},
};

#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

static void on_run(void *data)
{
    ((const action_t *)data)->run();
}

static void test_action(void **state)
{
    static stepper_t stepper;
    const action_t *action = *state;
    char *before;
    int k;

    apr_pool_create(&pool, NULL);
    action->prepare();
    before = apr_pmemdup(pool, mem, size);
    stepper.run = on_run;
    stepper.data = *state;
    stepper.mem = mem;
    stepper.size = size;
    /* the lock of an outbox is at its start */
    stepper.excluded = action->prepare == prepare_outbox ||
                               action->prepare == prepare_full_outbox
                           ? mem
                           : NULL;
    stepper_trace(&stepper);
    assert_true(stepper.count > 0);
    for (k = 0; k < stepper.count; k++) {
        if (action->prepare == prepare_outbox_shm) {
            (void)(was_woken(1) + was_woken(2) + was_woken(3));
        }
        memcpy(mem, before, size);
        stepper_die(&stepper, &stepper.stops[k]);
        action->check();
    }
    print_message("# %s: %lu instructions, %d deaths\n", action->name,
                  stepper.steps, stepper.count);
    if (action->prepare == prepare_outbox_shm) {
        close_wake_fds();
    }
    apr_pool_destroy(pool);
}

int main(void)
{
    apr_initialize();
    return stepper_main(test_action, actions, ACTIONS, sizeof(actions[0]),
                        LIMIT_S, NULL);
}
