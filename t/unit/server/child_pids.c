/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of server/child_pids.c: the parent's own list of living children. */
#include "t/unit/unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "server/child_pids.c"

static es_child_pids_t pids;

/* A pid that no process has: that of a child that was waited for. */
static pid_t exited_pid(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return pid;
}

FACTS(no_children_satisfy_any_generation)
{
    es_child_pids_init(&pids, pool);
    assert_true(es_child_pids_is_since(&pids, 0));
    assert_true(es_child_pids_is_since(&pids, APR_INT32_MAX));
}

FACTS(an_added_child_is_known_until_it_is_removed)
{
    es_child_pids_init(&pids, pool);
    es_child_pids_add(&pids, getpid(), 3);
    assert_true(es_child_pids_has(&pids, (apr_uint64_t)getpid()));
    es_child_pids_remove(&pids, getpid());
    assert_false(es_child_pids_has(&pids, (apr_uint64_t)getpid()));
}

FACTS(removing_one_keeps_the_others)
{
    int i;

    es_child_pids_init(&pids, pool);
    for (i = 1; i <= 40; i++) {
        es_child_pids_add(&pids, 100000 + i, i);
    }
    es_child_pids_remove(&pids, 100001);
    es_child_pids_remove(&pids, 100040);
    es_child_pids_remove(&pids, 100020);
    es_child_pids_remove(&pids, 999999); /* not in the list */
    for (i = 1; i <= 40; i++) {
        assert_int_equal(es_child_pids_has(&pids, 100000 + (apr_uint64_t)i),
                         i != 1 && i != 20 && i != 40);
    }
}

FACTS(a_living_child_of_an_earlier_generation_is_seen)
{
    es_child_pids_init(&pids, pool);
    es_child_pids_add(&pids, getpid(), 3);
    assert_true(es_child_pids_is_since(&pids, 3));
    assert_true(es_child_pids_is_since(&pids, 2));
    assert_false(es_child_pids_is_since(&pids, 4));
}

FACTS(a_child_that_exited_unseen_is_forgotten)
{
    pid_t gone = exited_pid();

    es_child_pids_init(&pids, pool);
    es_child_pids_add(&pids, gone, 1);
    es_child_pids_add(&pids, getpid(), 3);
    assert_true(es_child_pids_is_since(&pids, 2));
    assert_false(es_child_pids_has(&pids, (apr_uint64_t)gone));
    assert_true(es_child_pids_has(&pids, (apr_uint64_t)getpid()));
}

/* httpd says so of a child that is stopped. */
FACTS(a_child_that_lives_is_not_removed_but_can_be_killed)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        for (;;) {
            pause();
        }
    }
    es_child_pids_init(&pids, pool);
    es_child_pids_add(&pids, pid, 1);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    es_child_pids_remove(&pids, pid);
    assert_true(es_child_pids_has(&pids, (apr_uint64_t)pid));
    assert_int_equal(es_child_pids_count_before(&pids, 2), 1);
    es_child_pids_kill(&pids);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(es_child_pids_count_before(&pids, 2), 0);
    es_child_pids_remove(&pids, pid);
    assert_false(es_child_pids_has(&pids, (apr_uint64_t)pid));
}

FACTS(a_child_has_exited_before_it_is_waited_for)
{
    int pipe_of_child[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(pipe_of_child), 0);
    pid = fork();
    if (pid == 0) {
        close(pipe_of_child[1]);
        _exit((int)read(pipe_of_child[0], &byte, 1));
    }
    es_child_pids_init(&pids, pool);
    es_child_pids_add(&pids, pid, 3);
    es_child_pids_add(&pids, exited_pid(), 2);
    assert_false(es_child_pids_has_exited(pid));
    assert_int_equal(es_child_pids_count_before(&pids, 4), 1);
    assert_int_equal(es_child_pids_count_before(&pids, 3), 0);
    close(pipe_of_child[0]);
    close(pipe_of_child[1]);
    while (!es_child_pids_has_exited(pid)) {
        continue;
    }
    assert_int_equal(es_child_pids_count_before(&pids, 4), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid); /* it still can be */
}

FACTS(a_pid_from_shared_memory_may_be_any_number)
{
    es_child_pids_init(&pids, pool);
    es_child_pids_add(&pids, getpid(), 1);
    assert_false(es_child_pids_has(&pids, 0));
    assert_false(es_child_pids_has(&pids, APR_UINT64_MAX));
    assert_false(es_child_pids_has(&pids, (APR_UINT64_C(1) << 32) +
                                              (apr_uint64_t)getpid()));
}

static const struct CMUnitTest tests[] = {
    UNIT(no_children_satisfy_any_generation),
    UNIT(an_added_child_is_known_until_it_is_removed),
    UNIT(removing_one_keeps_the_others),
    UNIT(a_living_child_of_an_earlier_generation_is_seen),
    UNIT(a_child_that_exited_unseen_is_forgotten),
    UNIT(a_child_that_lives_is_not_removed_but_can_be_killed),
    UNIT(a_child_has_exited_before_it_is_waited_for),
    UNIT(a_pid_from_shared_memory_may_be_any_number),
};

UNIT_MAIN(tests)
