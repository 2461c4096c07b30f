/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Under prefork the worker of a held client is the thread in which a signal
 * handler ends the child. The handler waits for the delivery, so the delivery
 * must not wait for what that thread holds: the lock of a watch, or of a store.
 */
#include "t/unit/client_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <apr_general.h>

#include "base/clock.h"
#include "base/sigblock.h"
#include "journal/store_priv.h"
#include "deliver/watch_priv.h"

/* As many as this machine does in ten seconds, but not less than the first. */
#define INTERRUPTIONS_LEAST 100
#define INTERRUPTIONS_MOST 3000
#define INTERRUPT_FOR (10 * SECOND)
/* The delivery signals at once; a busy machine may make it wait. */
#define LATE_S 60

static es_watch_t *watch;
static sem_t asked, done, handled;
static int is_over, late; /* atomic */

/* The delivery: it signals the watch when the handler has asked for it. */
static void *signal_watch(void *unused)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        while (sem_wait(&asked) != 0) {
        }
        es_watch_signal(watch);
        sem_post(&done);
    }
    return unused;
}

static void on_end(int signal UNUSED)
{
    struct timespec by;

    clock_gettime(CLOCK_REALTIME, &by);
    by.tv_sec += LATE_S;
    sem_post(&asked);
    while (!late && sem_timedwait(&done, &by) != 0) {
        late = errno != EINTR;
    }
    sem_post(&handled);
}

/* The worker: it waits, and is interrupted at any instruction. */
static void *wait_for_news(void *unused)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        (void)es_watch_wait(watch, SECOND);
    }
    return unused;
}

static void test_wait_is_interrupted(void **state UNUSED)
{
    struct sigaction action = {.sa_handler = on_end};
    pthread_t worker, delivery;
    es_slot_t slot = 1;
    apr_time_t until = es_clock_now() + INTERRUPT_FOR;
    int i;

    watch = es_watch_create(0, &slot, 1);
    assert_non_null(watch);
    es_watch_stop(watch); /* no wait sleeps: it is in its own code mostly */
    sem_init(&asked, 0, 0);
    sem_init(&done, 0, 0);
    sem_init(&handled, 0, 0);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    pthread_create(&worker, NULL, wait_for_news, NULL);
    pthread_create(&delivery, NULL, signal_watch, NULL);
    for (i = 0; i < INTERRUPTIONS_MOST && !late &&
                (i < INTERRUPTIONS_LEAST || es_clock_now() < until);
         i++) {
        usleep((useconds_t)(rand() % 100)); /* anywhere in the wait */
        pthread_kill(worker, SIGUSR1);
        while (sem_wait(&handled) != 0) {
        }
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    sem_post(&asked); /* the delivery ends */
    pthread_join(worker, NULL);
    if (!late) {
        pthread_join(delivery, NULL);
        es_watch_destroy(watch);
    }
    assert_int_equal(late, 0);
}

static void test_wait_times_out(void **state UNUSED)
{
    es_slot_t slot = 1;
    apr_time_t began = es_clock_now();

    watch = es_watch_create(0, &slot, 1);
    assert_int_equal(es_watch_wait(watch, 20000), 0);
    assert_true(es_clock_now() - began >= 20000);
    es_watch_signal(watch);
    es_watch_signal(watch);
    assert_int_equal(es_watch_wait(watch, 10 * SECOND), 1);
    assert_int_equal(es_watch_wait(watch, 0), 0);
    assert_int_equal(es_watch_wait(watch, -1), 0);
    es_watch_stop(watch);
    assert_int_equal(es_watch_wait(watch, 10 * SECOND), -1);
    assert_int_equal(es_watch_wait(watch, 10 * SECOND), -1);
    es_watch_destroy(watch);
}

/* ---- the store lock ------------------------------------------------------ */

static es_client_t *client;
static pid_t stepping; /* the thread; atomic */

static void *step_client(void *unused)
{
    __atomic_store_n(&stepping, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
    settle(client, 0);
    return unused;
}

/* Are SIGTERM and SIGHUP blocked in the thread? */
static int blocks(pid_t thread)
{
    unsigned long long mask = 0,
                       ends = 1ull << (SIGTERM - 1) | 1ull << (SIGHUP - 1);
    char line[200];
    FILE *file;

    snprintf(line, sizeof(line), "/proc/self/task/%d/status", (int)thread);
    file = fopen(line, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        (void)sscanf(line, "SigBlk: %llx", &mask);
    }
    if (file != NULL) {
        fclose(file);
    }
    return (mask & ends) == ends;
}

/* A held client that was overtaken needs the store lock. */
static void test_signals_wait_for_the_store_lock(void **state UNUSED)
{
    es_repair_report_t report;
    apr_time_t until = es_clock_now() + 60 * SECOND;
    fake_sink_t fake;
    pthread_t worker;
    int blocked = 0;
    hub_t hub;

    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a");
    lap(&hub, "a");
    es_sigblock_need(1);
    assert_int_equal(es_store_lock(hub.store, &report), APR_SUCCESS);
    pthread_create(&worker, NULL, step_client, NULL);
    while (!blocked && es_clock_now() < until) {
        pid_t thread = __atomic_load_n(&stepping, __ATOMIC_ACQUIRE);

        blocked = thread != 0 && blocks(thread);
        sched_yield();
    }
    es_store_unlock(hub.store, &report);
    pthread_join(worker, NULL);
    es_sigblock_need(0);
    assert_int_equal(blocked, 1);
    assert_non_null(strstr(fake.got, "event: stream-reset\n"));
    part(client, &fake);
    hub_close(&hub);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_times_out),
        cmocka_unit_test(test_wait_is_interrupted),
        cmocka_unit_test(test_signals_wait_for_the_store_lock),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
