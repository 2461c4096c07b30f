/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/context.c. */
#include "t/unit/unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/context.h"

FACTS(who_has_said_nothing_may_all)
{
    assert_true(es_context_allows(ES_PARENT));
    assert_true(es_context_allows(ES_DELIVERY));
}

FACTS(who_has_said_what_it_is_may_that)
{
    es_context_enter(ES_WORKER);
    assert_true(es_context_allows(ES_WORKER));
    assert_true(es_context_allows(ES_DELIVERY | ES_WORKER));
    assert_false(es_context_allows(ES_DELIVERY));
    assert_false(es_context_allows(ES_PARENT | ES_CHILD_INIT));
    es_context_enter(0);
}

static void *on_thread(void *arg)
{
    *(int *)arg = es_context_allows(ES_DELIVERY);
    es_context_enter(ES_DELIVERY);
    return NULL;
}

FACTS(each_thread_is_what_it_says)
{
    pthread_t thread;
    int allowed = 0;

    es_context_enter(ES_WORKER);
    assert_int_equal(pthread_create(&thread, NULL, on_thread, &allowed), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(allowed);
    assert_false(es_context_allows(ES_DELIVERY));
    es_context_enter(0);
}

static void for_delivery(void)
{
    ES_CONTEXT(ES_DELIVERY);
}

/* Only builds with --enable-debug look. */
FACTS(who_is_wrong_is_ended)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        es_context_enter(ES_DELIVERY);
        for_delivery();
        es_context_enter(ES_WORKER);
        fclose(stderr); /* what it says is not for the tests' reader */
        for_delivery();
        _exit(0);
    }
    assert_true(waitpid(pid, &status, 0) == pid);
#ifdef ES_DEBUG
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#else
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
}

static const struct CMUnitTest tests[] = {
    UNIT(who_has_said_nothing_may_all),
    UNIT(who_has_said_what_it_is_may_that),
    UNIT(each_thread_is_what_it_says),
    UNIT(who_is_wrong_is_ended),
};

UNIT_MAIN(tests)
