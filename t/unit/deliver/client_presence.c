/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of deliver/client_presence.c. */
#include "t/unit/unit.h"

#include <signal.h>

#include "base/clock.h"
#include "shm/segment.h"
#include "shm/presence_priv.h"
#include "deliver/client_presence.h"
#include "t/unit/store_kit.h"

#define CHILD 1
#define ROWS 512

static kit_t *kit;
static es_presence_t *table;
static es_slot_t slots[300];
static es_presence_entered_t entered;

static void open_both(apr_uint32_t rows)
{
    apr_size_t size = es_presence_size(rows);
    void *mem;

    kit = kit_open(1 << 20, 1024, 0);
    assert_int_equal(es_segment_create(&mem, size, kit->pool), 0);
    assert_int_equal(es_presence_format(mem, rows), 0);
    assert_int_equal(es_presence_attach(&table, mem, size, rows, kit->pool), 0);
}

static void subscribe(const es_slice_t *names, int count)
{
    es_start_t start;

    assert_int_equal(
        es_store_subscribe(kit->store, CHILD, names, count, slots, &start),
        APR_SUCCESS);
}

static apr_status_t create(es_client_presence_t **presence, int count)
{
    es_presence_who_t who = {es_store_epoch(kit->store), S("ada"), CHILD, 5000};

    return es_client_presence_create(presence, table, &who, kit->store, slots,
                                     count, &entered);
}

static es_client_presence_t *counted(int count)
{
    es_client_presence_t *presence;

    assert_int_equal(create(&presence, count), APR_SUCCESS);
    return presence;
}

/* @return the clients of ada in a channel; -1: she is not there */
static int clients_in(es_slice_t channel)
{
    es_id_t epoch = es_store_epoch(kit->store);
    es_presence_named_t found;
    apr_uint32_t at = 0;

    return es_presence_next(table, &epoch, channel, &at, &found, 1) == 1
               ? (int)found.clients
               : -1;
}

/* Until when ada is present in a channel without clients. */
static apr_time_t until_in(es_slice_t channel)
{
    es_id_t epoch = es_store_epoch(kit->store);
    apr_uint32_t row = es_presence_find_row(table, &epoch, channel, S("ada"));
    apr_time_t until;

    assert_true(row != 0);
    es_presence_clients_of(table, es_presence_head_at(table, row), &until);
    return until;
}

FACTS(a_client_is_counted_in_each_of_its_channels)
{
    es_slice_t names[3] = {S("a"), S("b"), S("presence-a")};
    es_client_presence_t *one, *two;

    open_both(ROWS);
    subscribe(names, 3);
    one = counted(3);
    two = counted(2);
    assert_true(entered.is_due);
    assert_int_equal(clients_in(S("a")), 2);
    assert_int_equal(clients_in(S("b")), 2);
    assert_int_equal(clients_in(S("presence-a")), -1);
    assert_slice(es_client_presence_name(one), "ada");
    assert_int_equal(es_client_presence_grace(one), 5000);
    es_client_presence_destroy(one, 0);
    assert_int_equal(clients_in(S("a")), 1);
    es_client_presence_destroy(two, 0);
    es_client_presence_destroy(NULL, 0);
    assert_int_equal(es_client_presence_name(NULL).len, 0);
    kit_close(kit, 0);
}

FACTS(in_channels_of_events_and_long_ones_nobody_is_counted)
{
    es_slice_t names[3] = {S("presence-"), S("presence-x"), repeat('c', 247)};
    es_client_presence_t *presence;

    open_both(ROWS);
    subscribe(names, 3);
    assert_int_equal(create(&presence, 3), APR_SUCCESS);
    assert_null(presence);
    assert_int_equal(es_presence_use(table).used, 0);
    kit_close(kit, 0);
}

FACTS(many_channels_are_entered_in_groups)
{
    es_slice_t names[300];
    es_client_presence_t *presence;
    int i;

    open_both(ROWS);
    for (i = 0; i < 300; i++) {
        names[i] = es_slice_of(apr_psprintf(pool, "c%d", i));
    }
    subscribe(names, 300);
    presence = counted(300);
    assert_int_equal(entered.refused, 0);
    for (i = 0; i < 300; i++) {
        assert_int_equal(clients_in(names[i]), 1);
    }
    es_client_presence_destroy(presence, 0);
    assert_int_equal(clients_in(names[0]), -1);
    assert_int_equal(clients_in(names[299]), -1);
    assert_null(es_presence_check(table));
    kit_close(kit, 0);
}

FACTS(a_full_table_counts_what_fits)
{
    es_slice_t names[5] = {S("a"), S("b"), S("c"), S("d"), S("e")};
    es_client_presence_t *presence;

    open_both(3);
    subscribe(names, 5);
    presence = counted(5);
    assert_int_equal(entered.refused, 2);
    assert_int_equal(clients_in(S("c")), 1);
    assert_int_equal(clients_in(S("d")), -1);
    es_client_presence_destroy(presence, 0);
    assert_null(es_presence_check(table));
    kit_close(kit, 0);
}

FACTS(the_longest_grace_counts)
{
    es_slice_t names[1] = {S("a")};
    es_client_presence_t *presence;
    apr_time_t now;

    open_both(ROWS);
    subscribe(names, 1);
    presence = counted(1);
    now = es_clock_now();
    es_client_presence_destroy(presence, 100);
    assert_true(until_in(names[0]) >= now + 5000 * 1000);
    assert_true(until_in(names[0]) < now + 10000 * 1000);
    presence = counted(1);
    es_client_presence_extend(presence, ES_PRESENCE_HANDOVER_MS);
    es_client_presence_extend(NULL, 1);
    es_client_presence_destroy(presence, 20000);
    assert_true(until_in(names[0]) >=
                now + (apr_time_t)ES_PRESENCE_HANDOVER_MS * 1000);
    kit_close(kit, 0);
}

/* A thread that may not wait, as the delivery, while another process has the
 * lock. */
FACTS(a_taken_lock_leaves_nothing_counted)
{
    es_slice_t names[1] = {S("a")};
    es_client_presence_t *presence;
    int fds[2];
    char byte;
    pid_t pid;

    open_both(ROWS);
    subscribe(names, 1);
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        (void)es_presence_acquire(table);
        byte = 1;
        (void)!write(fds[1], &byte, 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(fds[0], &byte, 1), 1);
    es_lock_limit_wait(0);
    assert_int_equal(create(&presence, 1), APR_TIMEUP);
    assert_null(presence);
    kill(pid, SIGKILL); /* the next one repairs */
    waitpid(pid, NULL, 0);
    assert_int_equal(create(&presence, 1), APR_SUCCESS);
    assert_int_equal(clients_in(S("a")), 1);
    es_client_presence_destroy(presence, 0);
    assert_null(es_presence_check(table));
    close(fds[0]);
    close(fds[1]);
    kit_close(kit, 0);
}

static const struct CMUnitTest tests[] = {
    UNIT(a_client_is_counted_in_each_of_its_channels),
    UNIT(in_channels_of_events_and_long_ones_nobody_is_counted),
    UNIT(many_channels_are_entered_in_groups),
    UNIT(a_full_table_counts_what_fits),
    UNIT(the_longest_grace_counts),
    UNIT(a_taken_lock_leaves_nothing_counted),
};

UNIT_MAIN(tests)
