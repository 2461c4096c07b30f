/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/context.c. */
#include "t/unit/unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/context.h"

FACTS(a_thread_without_context_may_call_everything)
{
    assert_true(es_context_allows(ES_PARENT));
    assert_true(es_context_allows(ES_DELIVERY));
}

FACTS(a_thread_may_call_functions_of_its_context)
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

FACTS(each_thread_has_its_own_context)
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

/* Only builds with --enable-debug check. */
FACTS(a_debug_build_aborts_on_a_wrong_call)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        es_context_enter(ES_DELIVERY);
        for_delivery();
        es_context_enter(ES_WORKER);
        fclose(stderr); /* the expected message */
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
    UNIT(a_thread_without_context_may_call_everything),
    UNIT(a_thread_may_call_functions_of_its_context),
    UNIT(each_thread_has_its_own_context),
    UNIT(a_debug_build_aborts_on_a_wrong_call),
};

UNIT_MAIN(tests)
