/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of cluster/state.c; the time is the test's. */
#include "t/unit/unit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster/state.h"

#define NODE APR_UINT64_C(0x123456789abcdef0)
#define SECOND APR_USEC_PER_SEC
#define T0 (1000 * SECOND)

static int is_there(void *arg, apr_uint32_t child)
{
    const int *absent = arg;

    return absent == NULL || (apr_uint32_t)*absent != child;
}

static es_cluster_state_t *make_state(void)
{
    return es_cluster_state_format(apr_palloc(pool, es_cluster_state_size()),
                                   NODE);
}

static es_cluster_state_t *make_shared(void)
{
    void *mem = mmap(NULL, es_cluster_state_size(), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(mem, MAP_FAILED);
    return es_cluster_state_format(mem, NODE);
}

static int lead(es_cluster_state_t *node, apr_uint32_t child, apr_time_t now)
{
    return es_cluster_state_lead(node, child, now, is_there, NULL);
}

FACTS(a_state_is_known_by_its_layout)
{
    es_cluster_state_t *node = make_state();
    apr_size_t size = es_cluster_state_size();
    char *other = apr_pmemdup(pool, node, size);

    assert_ptr_equal(es_cluster_state_attach(node, size), node);
    assert_true(es_cluster_state_node(node) == NODE);
    assert_null(es_cluster_state_attach(node, size - 1));
    other[0] ^= 1; /* the mark */
    assert_null(es_cluster_state_attach(other, size));
    other[0] ^= 1;
    other[8] ^= 1; /* the version */
    assert_null(es_cluster_state_attach(other, size));
    memset(other, 0, size);
    assert_null(es_cluster_state_attach(other, size));
}

/* ---- who leads ----------------------------------------------------------- */

FACTS(one_child_leads_and_goes_on)
{
    es_cluster_state_t *node = make_state();
    int i;

    assert_int_equal(es_cluster_state_leader(node), 0);
    assert_true(lead(node, 3, T0));
    assert_int_equal(es_cluster_state_leader(node), 3);
    for (i = 1; i < 100; i++) {
        assert_false(lead(node, 4, T0 + i * SECOND));
        assert_true(lead(node, 3, T0 + i * SECOND));
    }
}

FACTS(a_child_that_is_gone_is_replaced_at_once)
{
    es_cluster_state_t *node = make_state();
    int absent = 3;

    assert_true(lead(node, 3, T0));
    assert_true(es_cluster_state_lead(node, 4, T0, is_there, &absent));
    assert_int_equal(es_cluster_state_leader(node), 4);
}

FACTS(a_child_that_has_its_number_leads_at_once)
{
    es_cluster_state_t *node = make_state();

    assert_true(lead(node, 3, T0));
    assert_true(lead(node, 3, T0 + 1));
}

FACTS(a_child_that_does_not_move_is_replaced_after_its_lease)
{
    es_cluster_state_t *node = make_state();

    assert_true(lead(node, 3, T0));
    assert_false(lead(node, 4, T0 + ES_CLUSTER_LEASE));
    assert_true(lead(node, 4, T0 + ES_CLUSTER_LEASE + 1000));
    /* when it moves again, it learns that it does not lead */
    assert_false(lead(node, 3, T0 + ES_CLUSTER_LEASE + 2000));
    assert_int_equal(es_cluster_state_leader(node), 4);
}

FACTS(a_beat_from_the_future_is_not_believed)
{
    es_cluster_state_t *node = make_state();

    assert_true(lead(node, 3, T0 + 1000 * SECOND));
    assert_true(lead(node, 4, T0));
    /* but a clock that was read a moment before is no reason */
    assert_true(lead(node, 4, T0 + 1000));
    assert_false(lead(node, 3, T0));
}

FACTS(one_that_resigns_is_replaced_at_once)
{
    es_cluster_state_t *node = make_state();

    assert_true(lead(node, 3, T0));
    es_cluster_state_resign(node, 4);
    assert_false(lead(node, 4, T0));
    es_cluster_state_resign(node, 3);
    assert_int_equal(es_cluster_state_leader(node), 0);
    assert_true(lead(node, 4, T0));
    es_cluster_state_resign(node, 0);
    assert_int_equal(es_cluster_state_leader(node), 4);
}

FACTS(only_numbers_of_children_may_lead)
{
    es_cluster_state_t *node = make_state();

    assert_false(lead(node, 0, T0));
    assert_false(lead(node, ES_CLUSTER_STATE_CHILDREN, T0));
    assert_true(lead(node, ES_CLUSTER_STATE_CHILDREN - 1, T0));
    assert_int_equal(es_cluster_state_leader(node),
                     ES_CLUSTER_STATE_CHILDREN - 1);
}

#define RIVALS 4
#define ROUNDS 20000

/* While a child leads, it has the word for itself. */
static void rival(es_cluster_state_t *node, apr_uint32_t child,
                  apr_uint32_t *owner, apr_uint32_t *wins)
{
    int i;

    for (i = 0; i < ROUNDS; i++) {
        if (lead(node, child, T0)) {
            if (__atomic_exchange_n(owner, child, __ATOMIC_SEQ_CST) != 0) {
                _exit(1);
            }
            __atomic_add_fetch(wins, 1, __ATOMIC_SEQ_CST);
            if (__atomic_exchange_n(owner, 0, __ATOMIC_SEQ_CST) != child) {
                _exit(2);
            }
            es_cluster_state_resign(node, child);
        }
    }
    _exit(0);
}

FACTS(of_many_processes_one_leads_at_a_time)
{
    es_cluster_state_t *node = make_shared();
    apr_uint32_t *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[RIVALS];
    int i, status;

    for (i = 0; i < RIVALS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            rival(node, (apr_uint32_t)i + 1, &words[0], &words[1]);
        }
    }
    for (i = 0; i < RIVALS; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    /* one that is stopped while it leads may let the others' rounds go by */
    assert_true(words[1] > 0);
    assert_int_equal(es_cluster_state_leader(node), 0);
}

/* ---- statistics ---------------------------------------------------------- */

FACTS(the_statistics_are_those_of_the_leader)
{
    es_cluster_state_t *node = make_state();
    es_cluster_stats_t stats;

    assert_true(lead(node, 3, T0));
    es_cluster_state_set_up(node, 3, "broker:6379");
    es_cluster_state_set_synced(node, 3, 1);
    es_cluster_state_set_lag(node, 3, 12);
    assert_int_equal(es_cluster_state_complete_at(node), 0);
    es_cluster_state_set_complete(node, 3, T0 - 5);
    es_cluster_state_set_complete(node, 4, T0); /* does not lead */
    assert_int_equal(es_cluster_state_complete_at(node), T0 - 5);
    es_cluster_state_set_clock(node, 3, -3600000);
    es_cluster_state_add(node, ES_CLUSTER_ENTRIES, 5);
    es_cluster_state_add(node, ES_CLUSTER_ENTRIES, 2);
    es_cluster_state_read(node, &stats);
    assert_true(stats.is_up && stats.is_synced);
    assert_int_equal(stats.leader, 3);
    assert_int_equal(stats.lag_ms, 12);
    assert_int_equal(stats.clock_offset_ms, -3600000);
    assert_int_equal(es_cluster_state_clock_offset(node), -3600000);
    assert_int_equal(stats.counts[ES_CLUSTER_ENTRIES], 7);
    assert_int_equal(stats.counts[ES_CLUSTER_FILLS], 0);
    assert_string_equal(stats.address, "broker:6379");
    assert_string_equal(stats.error, "");

    es_cluster_state_set_down(node, 3, "broker:6379: closed by the broker");
    es_cluster_state_read(node, &stats);
    assert_false(stats.is_up || stats.is_synced);
    assert_string_equal(stats.error, "broker:6379: closed by the broker");
    assert_string_equal(stats.address, "broker:6379");
}

FACTS(one_that_does_not_lead_changes_nothing)
{
    es_cluster_state_t *node = make_state();
    es_cluster_stats_t stats;

    assert_true(lead(node, 3, T0));
    es_cluster_state_set_up(node, 3, "a:1");
    es_cluster_state_set_synced(node, 3, 1);
    es_cluster_state_set_down(node, 4, "mine");
    es_cluster_state_set_synced(node, 4, 0);
    es_cluster_state_set_up(node, 4, "b:1");
    es_cluster_state_set_lag(node, 4, 9);
    es_cluster_state_set_clock(node, 4, 9);
    es_cluster_state_set_up(node, 0, "c:1");
    es_cluster_state_read(node, &stats);
    assert_true(stats.is_up && stats.is_synced);
    assert_int_equal(stats.lag_ms, 0);
    assert_int_equal(stats.clock_offset_ms, 0);
    assert_string_equal(stats.address, "a:1");
    assert_string_equal(stats.error, "");
}

FACTS(with_a_new_leader_the_link_is_down)
{
    es_cluster_state_t *node = make_state();
    es_cluster_stats_t stats;
    int absent = 3;

    assert_true(lead(node, 3, T0));
    es_cluster_state_set_up(node, 3, "a:1");
    es_cluster_state_set_synced(node, 3, 1);
    assert_true(lead(node, 3, T0 + SECOND));
    es_cluster_state_read(node, &stats);
    assert_true(stats.is_up && stats.is_synced);
    assert_true(es_cluster_state_lead(node, 4, T0, is_there, &absent));
    es_cluster_state_read(node, &stats);
    assert_false(stats.is_up || stats.is_synced);
    /* after a resignation, too */
    es_cluster_state_set_up(node, 4, "a:1");
    es_cluster_state_resign(node, 4);
    es_cluster_state_read(node, &stats);
    assert_false(stats.is_up);
    assert_true(lead(node, 4, T0));
    es_cluster_state_read(node, &stats);
    assert_false(stats.is_up);
}

FACTS(texts_are_cut_to_their_room)
{
    es_cluster_state_t *node = make_state();
    const char *text = repeat('x', 300).data;
    es_cluster_stats_t stats;

    es_cluster_state_set_error(node, text);
    es_cluster_state_read(node, &stats);
    assert_int_equal(strlen(stats.error), ES_CLUSTER_STATE_TEXT_SIZE - 1);
    assert_string_equal(stats.address, "");
    es_cluster_state_set_error(node, "short");
    es_cluster_state_read(node, &stats);
    assert_string_equal(stats.error, "short");
}

FACTS(what_is_not_counted_does_no_harm)
{
    es_cluster_state_t *node = make_state();
    char *before = apr_pmemdup(pool, node, es_cluster_state_size());

    es_cluster_state_add(node, -1, 1);
    es_cluster_state_add(node, ES_CLUSTER_COUNTS, 1);
    assert_memory_equal(node, before, es_cluster_state_size());
}

/* Any bytes, as another process may leave them. */
FACTS(any_bytes_are_read_without_harm)
{
    es_cluster_state_t *node = make_state();
    es_cluster_stats_t stats;

    memset(node, 0xff, es_cluster_state_size());
    es_cluster_state_read(node, &stats);
    assert_int_equal(stats.error[ES_CLUSTER_STATE_TEXT_SIZE - 1], 0);
    assert_int_equal(stats.address[ES_CLUSTER_STATE_TEXT_SIZE - 1], 0);
    assert_true(lead(node, 3, T0)); /* the time in it cannot be right */
    es_cluster_state_resign(node, 3);
}

/* ---- waiting ------------------------------------------------------------- */

FACTS(a_wait_ends_at_its_time)
{
    es_cluster_state_t *node = make_state();
    apr_uint32_t turn = es_cluster_state_turn(node);
    apr_time_t start = es_clock_now();

    es_cluster_state_wait(node, turn, 50000);
    assert_true(es_clock_now() - start >= 50000);
    es_cluster_state_wait(node, turn, 0);
    es_cluster_state_wait(node, turn, -1);
}

FACTS(a_wait_for_a_turn_that_is_over_returns_at_once)
{
    es_cluster_state_t *node = make_state();
    apr_uint32_t turn = es_cluster_state_turn(node);

    es_cluster_state_advance(node);
    assert_true(es_cluster_state_turn(node) != turn);
    alarm(120);
    es_cluster_state_wait(node, turn, 1000 * SECOND);
    alarm(0);
}

/* Takes turns: the parent advances once, each waiter answers. */
#define WAITERS 3
#define TURNS 2000

static void waiter(es_cluster_state_t *node, apr_uint32_t *go,
                   apr_uint32_t *done)
{
    apr_uint32_t i, turn;

    for (i = 1; i <= TURNS; i++) {
        for (;;) {
            turn = es_cluster_state_turn(node);
            if (__atomic_load_n(go, __ATOMIC_ACQUIRE) >= i) {
                break;
            }
            es_cluster_state_wait(node, turn, 1000 * SECOND);
        }
        __atomic_add_fetch(done, 1, __ATOMIC_SEQ_CST);
        es_cluster_state_advance(node);
    }
    _exit(0);
}

/* A wake-up that is lost would keep a process for 1,000 s. */
FACTS(no_wake_up_is_lost_between_processes)
{
    es_cluster_state_t *node = make_shared();
    apr_uint32_t *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    apr_uint32_t i, turn;
    pid_t pids[WAITERS];
    int k, status;

    alarm(120);
    for (k = 0; k < WAITERS; k++) {
        pids[k] = fork();
        if (pids[k] == 0) {
            alarm(120);
            waiter(node, &words[0], &words[1]);
        }
    }
    for (i = 1; i <= TURNS; i++) {
        __atomic_store_n(&words[0], i, __ATOMIC_RELEASE);
        es_cluster_state_advance(node);
        for (;;) {
            turn = es_cluster_state_turn(node);
            if (__atomic_load_n(&words[1], __ATOMIC_ACQUIRE) == i * WAITERS) {
                break;
            }
            es_cluster_state_wait(node, turn, 1000 * SECOND);
        }
    }
    for (k = 0; k < WAITERS; k++) {
        assert_int_equal(waitpid(pids[k], &status, 0), pids[k]);
        assert_int_equal(status, 0);
    }
    alarm(0);
}

FACTS(a_waiter_that_is_killed_leaves_the_others_woken)
{
    es_cluster_state_t *node = make_shared();
    apr_uint32_t turn = es_cluster_state_turn(node);
    pid_t killed = fork(), living;
    int status;

    if (killed == 0) {
        es_cluster_state_wait(node, turn, 1000 * SECOND);
        _exit(1);
    }
    usleep(20000); /* it may wait by now, or be killed before: both are right */
    kill(killed, SIGKILL);
    assert_int_equal(waitpid(killed, &status, 0), killed);
    living = fork();
    if (living == 0) {
        alarm(120);
        es_cluster_state_wait(node, turn, 1000 * SECOND);
        _exit(0);
    }
    es_cluster_state_advance(node);
    assert_int_equal(waitpid(living, &status, 0), living);
    assert_int_equal(status, 0);
}

/* ---- who sends to GRIP proxies ------------------------------------------ */

FACTS(a_node_may_send_until_its_time_is_over)
{
    es_cluster_state_t *node = make_state();

    assert_false(es_cluster_state_may_send(node, T0));
    assert_true(lead(node, 1, T0));
    es_cluster_state_set_sending(node, 2, T0 + SECOND); /* does not lead */
    assert_false(es_cluster_state_may_send(node, T0));
    es_cluster_state_set_sending(node, 1, T0 + SECOND);
    assert_true(es_cluster_state_may_send(node, T0));
    assert_true(es_cluster_state_may_send(node, T0 + SECOND - 1));
    assert_false(es_cluster_state_may_send(node, T0 + SECOND));
    es_cluster_state_set_sending(node, 1, 0);
    assert_false(es_cluster_state_may_send(node, T0));
}

FACTS(it_goes_on_sending_with_another_leader)
{
    es_cluster_state_t *node = make_state();
    int absent = 1;

    assert_true(lead(node, 1, T0));
    es_cluster_state_set_sending(node, 1, T0 + 2 * SECOND);
    assert_true(es_cluster_state_lead(node, 2, T0 + SECOND, is_there, &absent));
    assert_true(es_cluster_state_may_send(node, T0 + SECOND));
}

FACTS(a_time_that_is_far_ahead_is_not_believed)
{
    es_cluster_state_t *node = make_state();

    assert_true(lead(node, 1, T0));
    es_cluster_state_set_sending(node, 1, T0 + 3600 * SECOND);
    assert_false(es_cluster_state_may_send(node, T0));
}

FACTS(a_seal_is_not_known_at_first)
{
    es_cluster_state_t *node = make_state();
    es_cluster_seal_t seal = {{0, 7}}, got;

    assert_false(es_cluster_state_seal(node, &got));
    es_cluster_state_set_seal(node, &seal);
    assert_true(es_cluster_state_seal(node, &got));
    assert_memory_equal(&got, &seal, sizeof(seal));
}

static const struct CMUnitTest tests[] = {
    UNIT(a_state_is_known_by_its_layout),
    UNIT(one_child_leads_and_goes_on),
    UNIT(a_child_that_is_gone_is_replaced_at_once),
    UNIT(a_child_that_has_its_number_leads_at_once),
    UNIT(a_child_that_does_not_move_is_replaced_after_its_lease),
    UNIT(a_beat_from_the_future_is_not_believed),
    UNIT(one_that_resigns_is_replaced_at_once),
    UNIT(only_numbers_of_children_may_lead),
    UNIT(of_many_processes_one_leads_at_a_time),
    UNIT(the_statistics_are_those_of_the_leader),
    UNIT(one_that_does_not_lead_changes_nothing),
    UNIT(with_a_new_leader_the_link_is_down),
    UNIT(texts_are_cut_to_their_room),
    UNIT(what_is_not_counted_does_no_harm),
    UNIT(any_bytes_are_read_without_harm),
    UNIT(a_wait_ends_at_its_time),
    UNIT(a_wait_for_a_turn_that_is_over_returns_at_once),
    UNIT(no_wake_up_is_lost_between_processes),
    UNIT(a_waiter_that_is_killed_leaves_the_others_woken),
    UNIT(a_node_may_send_until_its_time_is_over),
    UNIT(it_goes_on_sending_with_another_leader),
    UNIT(a_time_that_is_far_ahead_is_not_believed),
    UNIT(a_seal_is_not_known_at_first),
};

UNIT_MAIN(tests)
