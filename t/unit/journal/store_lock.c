/* SPDX-License-Identifier: Apache-2.0 */
/* The store while another process holds its lock and does not continue. */
#include "t/unit/store_kit.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "journal/channel_stats.h"
#include "journal/close.h"
#include "journal/missed.h"
#include "journal/resume.h"

#define RING (16 * 1024)
#define WAIT (APR_USEC_PER_SEC / 5)

static kit_t *kit;
static pid_t owner;
static es_slot_t slot;
static es_start_t start;
static char logged[1024]; /* the tags, each with a blank */

static void on_log(int level, apr_status_t rv, const char *tag,
                   const char *text)
{
    (void)level;
    (void)rv;
    (void)text;
    strcat(strcat(logged, tag), " ");
}

static void stop_owner(void)
{
    int status;

    owner = fork();
    if (owner == 0) {
        es_repair_report_t report;

        es_lock_set_pid((apr_uint32_t)getpid());
        if (es_store_lock(kit->store, &report) != APR_SUCCESS) {
            _exit(1);
        }
        raise(SIGSTOP);
        es_store_unlock(kit->store, &report);
        _exit(0);
    }
    assert_int_equal(waitpid(owner, &status, WUNTRACED), owner);
    assert_true(WIFSTOPPED(status));
}

/* @param signal  SIGCONT or SIGKILL */
static void end_owner(int signal)
{
    kill(owner, signal);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    owner = 0;
}

static es_appended_t append(const char *channel)
{
    es_appended_t done;

    assert_int_equal(kit_append(kit, channel, "data: 1\n\n", &done), 0);
    return done;
}

static int begin(void **state)
{
    es_slice_t name = es_slice_of("a");

    (void)state;
    kit = kit_open(RING, 8, 0);
    es_store_set_lock_wait(kit->store, WAIT);
    assert_int_equal(es_store_subscribe(kit->store, 1, &name, 1, &slot, &start),
                     0);
    append("a");
    logged[0] = '\0';
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (owner != 0) {
        end_owner(SIGKILL);
    }
    kit_close(kit, 0);
    return 0;
}

static void each_call_ends(void **state)
{
    static const es_resume_reach_t all = {0, 0, 0, 0};
    es_channel_stats_t stats;
    es_slice_t name = es_slice_of("a");
    es_appended_t done;
    es_closed_t closed;
    es_part_t part;
    es_start_t at = start;
    es_id_t last;
    apr_uint64_t clients = 7;
    es_slot_t other = 0;

    (void)state;
    stop_owner();
    assert_int_equal(kit_append(kit, "a", "data: 2\n\n", &done), APR_TIMEUP);
    assert_int_equal(kit_subscribe(kit, 1, "b", &other), APR_TIMEUP);
    assert_int_equal(es_store_clients(kit->store, name, &clients), APR_TIMEUP);
    assert_int_equal(clients, 0);
    assert_int_equal(es_store_current(kit->store, &at), APR_TIMEUP);
    assert_int_equal(es_store_replay(kit->store, &slot, 1, 1, &all, &part, &at),
                     APR_TIMEUP);
    assert_int_equal(es_store_resume(kit->store, &slot, 1,
                                     es_slice_of("a publisher's"), &all, &at),
                     APR_TIMEUP);
    assert_int_equal(es_store_last_ids(kit->store, &slot, 1, &last, &at),
                     APR_TIMEUP);
    assert_int_equal(es_close_channel(kit->store, name, KIT_NOW, KIT_NOW,
                                      kit->touched, &closed),
                     APR_TIMEUP);
    assert_int_equal(es_channel_stats_find(kit->store, name, 0, &stats), -1);
    assert_int_equal(
        es_channel_stats_next(kit->store, &other, name, 0, &stats, 1), -1);
}

static void only_the_first_wait_is_long(void **state)
{
    apr_time_t before = es_clock_now();
    int i;

    (void)state;
    stop_owner();
    assert_int_equal(es_store_current(kit->store, &start), APR_TIMEUP);
    assert_true(es_clock_now() - before >= WAIT);
    assert_int_equal(kit->store->stall_logged, 1);
    for (i = 0; i < 3; i++) {
        before = es_clock_now();
        assert_int_equal(es_store_current(kit->store, &start), APR_TIMEUP);
        assert_true(es_clock_now() - before >= APR_USEC_PER_SEC / 50);
    }
    assert_string_equal(logged, "ES0209 ");
}

static void the_owner_is_named(void **state)
{
    (void)state;
    stop_owner();
    assert_int_equal(es_store_stalled_by(kit->store), 0);
    assert_int_equal(es_store_current(kit->store, &start), APR_TIMEUP);
    assert_int_equal(es_store_stalled_by(kit->store), owner);
}

static void all_is_well_when_it_continues(void **state)
{
    (void)state;
    stop_owner();
    assert_int_equal(es_store_current(kit->store, &start), APR_TIMEUP);
    end_owner(SIGCONT);
    append("a");
    assert_string_equal(logged, "ES0209 ES0210 ");
    assert_int_equal(es_store_stalled_by(kit->store), 0);
    assert_int_equal(kit->store->stall_logged, 0);
    kit_check(kit);
}

static void and_when_it_is_killed(void **state)
{
    (void)state;
    stop_owner();
    assert_int_equal(es_store_current(kit->store, &start), APR_TIMEUP);
    end_owner(SIGKILL);
    append("a");
    assert_string_equal(logged, "ES0209 ES0210 ES0201 ");
    assert_int_equal(es_store_stalled_by(kit->store), 0);
    kit_check(kit);
}

static void who_tries_says_nothing(void **state)
{
    (void)state;
    stop_owner();
    es_store_set_lock_wait(kit->store, 0);
    assert_int_equal(es_store_current(kit->store, &start), APR_TIMEUP);
    assert_string_equal(logged, "");
}

/* ---- a position without the lock ---------------------------------------- */

static void the_latest_is_after_the_newest_record(void **state)
{
    es_appended_t done = append("a");
    es_start_t latest;

    (void)state;
    append("others");
    stop_owner();
    assert_int_equal(es_store_latest(kit->store, &slot, 1, &latest), 0);
    assert_int_equal(latest.pos, done.head);
    assert_int_equal(es_id_compare(&latest.id, &done.last_id), 0);
}

static void the_latest_is_the_tail_if_that_is_evicted(void **state)
{
    es_start_t latest;
    es_record_t record;
    es_id_t before;
    int i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        append("others");
    }
    assert_int_equal(es_store_latest(kit->store, &slot, 1, &latest), 0);
    assert_int_equal(latest.pos, es_store_tail(kit->store));
    assert_int_equal(es_store_look(kit->store, latest.pos, &record), 0);
    before = es_id_before(&record.id);
    assert_int_equal(es_id_compare(&latest.id, &before), 0);
}

static void a_record_that_is_not_committed_has_no_position(void **state)
{
    es_chan_t *chan = es_channels_at(&kit->store->channels, slot);
    es_start_t latest;

    (void)state;
    chan->newest = es_store_head(kit->store);
    assert_int_equal(es_store_latest(kit->store, &slot, 1, &latest),
                     APR_EAGAIN);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(each_call_ends),
        FACT(only_the_first_wait_is_long),
        FACT(the_owner_is_named),
        FACT(all_is_well_when_it_continues),
        FACT(and_when_it_is_killed),
        FACT(who_tries_says_nothing),
        FACT(the_latest_is_after_the_newest_record),
        FACT(the_latest_is_the_tail_if_that_is_evicted),
        FACT(a_record_that_is_not_committed_has_no_position),
    };

    apr_initialize();
    es_log_set_handler(on_log);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
