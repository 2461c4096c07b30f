/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/revocations.c: who is revoked, for how long, and what is known
 * of it when the table is full; with many threads, and if a writer dies. */
#include "t/unit/unit.h"

#include <apr_thread_proc.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/context.h"
#include "shm/revocations.h"
#include "shm/segment.h"

#define NOW (1000 * APR_USEC_PER_SEC)
#define SECOND APR_USEC_PER_SEC

static es_revocations_t *make(void)
{
    void *mem;

    assert_int_equal(es_segment_create(&mem, es_revocations_size(), pool), 0);
    assert_int_equal(es_revocations_format(mem), APR_SUCCESS);
    return es_revocations_attach(mem, pool);
}

static es_revocation_t revocation(const es_revocations_t *table,
                                  const char *user, apr_time_t until)
{
    es_revocation_t made = {0};

    made.epoch.ms = 7;
    made.who = es_revocations_hash(table, ES_IDENTITY_USER, es_slice_of(user));
    made.until = until;
    return made;
}

static void add(es_revocations_t *table, const char *user, apr_time_t until)
{
    es_revocation_t made = revocation(table, user, until);

    assert_int_equal(es_revocations_add(table, &made, NOW), APR_SUCCESS);
}

/* How many are there of the user, above since; the last one in out. */
static int count(const es_revocations_t *table, const char *user,
                 apr_uint64_t since, es_revocation_t *out)
{
    es_identity_t who = {0, 0};
    es_revocation_t next;
    apr_uint32_t at = 0;
    int found = 0;

    who.user = es_revocations_hash(table, ES_IDENTITY_USER, es_slice_of(user));
    while (es_revocations_next(table, &who, since, &at, &next)) {
        *out = next;
        found++;
    }
    return found;
}

FACTS(a_table_that_is_not_formatted_is_none)
{
    assert_null(
        es_revocations_attach(apr_pcalloc(pool, es_revocations_size()), pool));
}

FACTS(each_has_a_number_and_is_found_by_its_user)
{
    es_revocations_t *table = make();
    es_revocation_t found;

    assert_int_equal(es_revocations_number(table), 0);
    add(table, "ann", NOW + SECOND);
    add(table, "bob", ES_REVOCATION_ALWAYS);
    assert_int_equal(es_revocations_number(table), 2);
    assert_int_equal(count(table, "ann", 0, &found), 1);
    assert_int_equal(found.number, 1);
    assert_int_equal(found.epoch.ms, 7);
    assert_true(found.until == NOW + SECOND);
    assert_int_equal(count(table, "ann", 1, &found), 0);
    assert_int_equal(count(table, "bob", 1, &found), 1);
    assert_true(found.until == ES_REVOCATION_ALWAYS);
    assert_int_equal(count(table, "Ann", 0, &found), 0);
    assert_int_equal(es_revocations_use(table, NOW).held, 2);
    assert_int_equal(es_revocations_use(table, NOW + SECOND).held, 1);
    assert_int_equal(es_revocations_use(table, NOW).added, 2);
}

FACTS(a_user_a_token_and_a_channel_of_one_name_have_other_hashes)
{
    es_revocations_t *table = make();
    apr_uint64_t user = es_revocations_hash(table, ES_IDENTITY_USER, S("a"));
    apr_uint64_t token = es_revocations_hash(table, ES_IDENTITY_TOKEN, S("a"));

    assert_true(user != token);
    assert_true(user != es_revocations_channel(table, S("a")));
    assert_true(es_revocations_hash(table, ES_IDENTITY_USER, S("")) == 0);
    assert_true(es_revocations_channel(table, S("")) != 0);
    assert_true(user == es_revocations_hash(table, ES_IDENTITY_USER, S("a")));
    /* another table has another key */
    assert_true(user != es_revocations_hash(make(), ES_IDENTITY_USER, S("a")));
}

FACTS(the_same_is_replaced_whatever_its_time)
{
    es_revocations_t *table = make();
    es_revocation_t found;

    add(table, "ann", ES_REVOCATION_ALWAYS);
    add(table, "ann", NOW);
    assert_int_equal(count(table, "ann", 0, &found), 1);
    assert_true(found.until == NOW);
    assert_int_equal(found.number, 2);
    assert_int_equal(es_revocations_use(table, NOW).held, 0);
    assert_false(es_revocations_has_lost(table, 0));
}

FACTS(another_hub_or_channel_is_not_the_same)
{
    es_revocations_t *table = make();
    es_revocation_t made = revocation(table, "ann", NOW + SECOND);
    es_revocation_t found;

    assert_int_equal(es_revocations_add(table, &made, NOW), APR_SUCCESS);
    made.epoch.n = 1;
    assert_int_equal(es_revocations_add(table, &made, NOW), APR_SUCCESS);
    made.channel = es_revocations_channel(table, S("a"));
    assert_int_equal(es_revocations_add(table, &made, NOW), APR_SUCCESS);
    assert_int_equal(es_revocations_add(table, &made, NOW), APR_SUCCESS);
    assert_int_equal(count(table, "ann", 0, &found), 3);
    assert_int_equal(count(table, "ann", 2, &found), 1);
}

static void fill(es_revocations_t *table, apr_time_t until)
{
    char name[32];
    int i;

    for (i = 0; i < ES_REVOCATIONS_MAX; i++) {
        apr_snprintf(name, sizeof(name), "user-%d", i);
        add(table, name, until);
    }
}

FACTS(the_oldest_that_is_over_makes_room_and_that_is_told)
{
    es_revocations_t *table = make();
    es_revocation_t found;

    fill(table, NOW);
    assert_false(es_revocations_has_lost(table, 0));
    add(table, "ann", NOW + SECOND);
    assert_int_equal(count(table, "ann", ES_REVOCATIONS_MAX, &found), 1);
    assert_int_equal(count(table, "user-0", 0, &found), 0);
    assert_int_equal(count(table, "user-1", 0, &found), 1);
    assert_true(es_revocations_has_lost(table, 0));
    assert_false(es_revocations_has_lost(table, 1));
}

FACTS(those_that_hold_are_kept_and_a_further_one_is_refused)
{
    es_revocations_t *table = make();
    es_revocation_t made = revocation(table, "ann", NOW + SECOND);
    es_revocation_t found;

    fill(table, NOW + SECOND);
    assert_int_equal(es_revocations_add(table, &made, NOW), APR_ENOSPC);
    assert_int_equal(es_revocations_number(table), ES_REVOCATIONS_MAX);
    /* one of them may be changed, which gives its row back */
    add(table, "user-9", NOW);
    assert_int_equal(count(table, "user-9", 0, &found), 1);
    assert_true(found.until == NOW);
    assert_false(es_revocations_has_lost(table, 0));
    assert_int_equal(es_revocations_add(table, &made, NOW), APR_SUCCESS);
    assert_true(es_revocations_has_lost(table, ES_REVOCATIONS_MAX));
    /* and when their time is over, all are free */
    made.epoch.n = 5;
    assert_int_equal(es_revocations_add(table, &made, NOW + SECOND),
                     APR_SUCCESS);
}

FACTS(some_rows_are_for_those_of_all_channels)
{
    es_revocations_t *table = make();
    es_revocation_t made;
    apr_uint64_t n;

    for (n = 1; n <= ES_REVOCATIONS_MAX; n++) {
        made = revocation(table, "eve", NOW + SECOND);
        made.channel = n;
        assert_int_equal(es_revocations_add(table, &made, NOW),
                         n <= ES_REVOCATIONS_MAX - ES_REVOCATIONS_RESERVED
                             ? APR_SUCCESS
                             : APR_ENOSPC);
    }
    made.channel = 1; /* one of them may be changed */
    assert_int_equal(es_revocations_add(table, &made, NOW), APR_SUCCESS);
    add(table, "ann", NOW + SECOND);
    made.channel = 0;
    assert_int_equal(es_revocations_add(table, &made, NOW), APR_SUCCESS);
    /* those that end what there is now need no row */
    made.channel = ES_REVOCATIONS_MAX;
    made.until = NOW;
    assert_int_equal(es_revocations_add(table, &made, NOW), APR_SUCCESS);
}

FACTS(a_number_is_found_again_by_its_lower_half)
{
    apr_uint64_t high = APR_UINT64_C(5) << 32;

    assert_true(es_revocations_widen(high, 0) == high);
    assert_true(es_revocations_widen(high + 3, 1) == high + 1);
    assert_true(es_revocations_widen(high + 3, 0xfffffffeu) == high - 2);
    /* it was looked at after number was read */
    assert_true(es_revocations_widen(high + 3, 4) == high + 3);
    assert_true(es_revocations_widen(high - 1, 2) == high - 1);
}

/* ---- at the same time --------------------------------------------------- */

#define THREADS 4
#define ROUNDS 2000

static es_revocations_t *shared;

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *arg)
{
    char name[32];
    int i;

    (void)thread;
    es_context_enter(ES_WORKER);
    for (i = 0; i < ROUNDS; i++) {
        es_revocation_t made;

        apr_snprintf(name, sizeof(name), "user-%d-%d", (int)(size_t)arg,
                     i % 1500);
        made = revocation(shared, name, NOW);
        made.epoch.n = made.who; /* so that a mixture is seen */
        made.channel = made.who;
        /* on a busy machine its lock may not be free within a second */
        while (es_revocations_add(shared, &made, NOW) != APR_SUCCESS) {
        }
    }
    return NULL;
}

FACTS(what_is_read_is_whole_while_others_write)
{
    apr_thread_t *threads[THREADS];
    es_revocation_t next;
    apr_status_t rv;
    apr_uint32_t at;
    int i, mixed = 0;

    shared = make();
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(
            apr_thread_create(&threads[i], NULL, run, (void *)(size_t)i, pool),
            APR_SUCCESS);
    }
    while (es_revocations_number(shared) < THREADS * ROUNDS) {
        at = 0;
        while (es_revocations_next(shared, NULL, 0, &at, &next)) {
            mixed += next.epoch.n != next.who || next.channel != next.who;
        }
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
    }
    assert_int_equal(mixed, 0);
    assert_int_equal(es_revocations_use(shared, NOW).added, THREADS * ROUNDS);
}

/* A child that is killed while it revokes leaves a table that can be used. */
FACTS(a_writer_may_die_anywhere)
{
    es_revocations_t *table = make();
    es_revocation_t made = revocation(table, "ann", NOW + SECOND);
    es_revocation_t next, found;
    int i, status;

    for (i = 0; i < 50; i++) {
        apr_uint32_t at = 0;
        pid_t pid = fork();

        if (pid == 0) {
            es_revocation_t own = revocation(table, "bob", NOW);

            for (;;) {
                own.epoch.n++;
                own.channel = own.epoch.n;
                (void)es_revocations_add(table, &own, NOW);
            }
        }
        while (es_revocations_number(table) < (apr_uint64_t)(100 * (i + 1))) {
            sched_yield();
        }
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(es_revocations_add(table, &made, NOW), APR_SUCCESS);
        assert_int_equal(count(table, "ann", 0, &found), 1);
        assert_true(found.number == es_revocations_number(table));
        while (es_revocations_next(table, NULL, 0, &at, &next)) {
            assert_true(next.channel == next.epoch.n);
            assert_true(next.number <= found.number);
        }
    }
}

static const struct CMUnitTest tests[] = {
    UNIT(a_table_that_is_not_formatted_is_none),
    UNIT(each_has_a_number_and_is_found_by_its_user),
    UNIT(a_user_a_token_and_a_channel_of_one_name_have_other_hashes),
    UNIT(the_same_is_replaced_whatever_its_time),
    UNIT(another_hub_or_channel_is_not_the_same),
    UNIT(the_oldest_that_is_over_makes_room_and_that_is_told),
    UNIT(those_that_hold_are_kept_and_a_further_one_is_refused),
    UNIT(some_rows_are_for_those_of_all_channels),
    UNIT(a_number_is_found_again_by_its_lower_half),
    UNIT(what_is_read_is_whole_while_others_write),
    UNIT(a_writer_may_die_anywhere),
};

UNIT_MAIN(tests)
