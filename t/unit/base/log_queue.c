/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/log_queue.c: the delivery logs while the error log hangs. */
#include "t/unit/unit.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "base/log_queue.h"
#include "base/thread.h"

#define LINES_MAX 400

static struct {
    pthread_mutex_t lock; /* held by the test: the error log hangs */
    pthread_mutex_t guard;
    pthread_cond_t cond;
    int entered; /* guarded by guard; calls of write_line that began */
    int count;
    int levels[LINES_MAX];
    char lines[LINES_MAX][200];
} out = {.lock = PTHREAD_MUTEX_INITIALIZER,
         .guard = PTHREAD_MUTEX_INITIALIZER,
         .cond = PTHREAD_COND_INITIALIZER};

static void write_line(int level, apr_status_t rv, const char *tag,
                       const char *text)
{
    (void)rv;
    pthread_mutex_lock(&out.guard);
    out.entered++;
    pthread_cond_broadcast(&out.cond);
    pthread_mutex_unlock(&out.guard);
    pthread_mutex_lock(&out.lock);
    assert_true(out.count < LINES_MAX);
    out.levels[out.count] = level;
    apr_snprintf(out.lines[out.count++], sizeof(out.lines[0]), "%s %s", tag,
                 text);
    pthread_mutex_unlock(&out.lock);
}

/* Until the thread hangs in its first write. */
static void wait_until_entered(void)
{
    pthread_mutex_lock(&out.guard);
    while (out.entered == 0) {
        pthread_cond_wait(&out.cond, &out.guard);
    }
    pthread_mutex_unlock(&out.guard);
}

static void begin(void)
{
    out.entered = out.count = 0;
    es_log_set_handler(write_line);
    es_context_enter(ES_CHILD_INIT);
    assert_int_equal(es_log_start_thread(pool), APR_SUCCESS);
    es_context_enter(ES_DELIVERY);
}

static void end(void)
{
    es_context_enter(0);
    assert_int_equal(es_log_queue_stop(10 * APR_USEC_PER_SEC), APR_SUCCESS);
    es_log_set_handler(NULL);
}

FACTS(all_messages_are_written_in_order)
{
    int i;

    begin();
    for (i = 0; i < ES_LOG_QUEUE_MAX; i++) {
        es_log(i % 2 ? ES_LOG_ERR : ES_LOG_INFO, 0, "ES0000", "%d", i);
    }
    end();
    assert_int_equal(out.count, ES_LOG_QUEUE_MAX);
    for (i = 0; i < ES_LOG_QUEUE_MAX; i++) {
        char line[20];

        apr_snprintf(line, sizeof(line), "ES0000 %d", i);
        assert_string_equal(out.lines[i], line);
        assert_int_equal(out.levels[i], i % 2 ? ES_LOG_ERR : ES_LOG_INFO);
    }
}

FACTS(the_delivery_does_not_wait_for_a_log_that_hangs)
{
    int i;

    begin();
    pthread_mutex_lock(&out.lock);
    es_log(ES_LOG_ERR, 0, "ES0000", "first");
    wait_until_entered();
    for (i = 0; i < ES_LOG_QUEUE_MAX + 36; i++) {
        es_log(ES_LOG_ERR, 0, "ES0000", "%d", i);
    }
    pthread_mutex_unlock(&out.lock);
    end();
    assert_int_equal(out.count, 1 + ES_LOG_QUEUE_MAX + 1);
    assert_string_equal(out.lines[ES_LOG_QUEUE_MAX], "ES0000 63");
    assert_non_null(strstr(out.lines[ES_LOG_QUEUE_MAX + 1], "ES0016 "));
    assert_non_null(strstr(out.lines[ES_LOG_QUEUE_MAX + 1], " 36 messages"));
    assert_int_equal(out.levels[ES_LOG_QUEUE_MAX + 1], ES_LOG_WARNING);
}

FACTS(debug_messages_leave_room_for_others)
{
    int i;

    begin();
    pthread_mutex_lock(&out.lock);
    es_log(ES_LOG_ERR, 0, "ES0000", "first");
    wait_until_entered();
    for (i = 0; i < 300; i++) {
        es_log(ES_LOG_DEBUG, 0, "ES0000", "debug");
    }
    es_log(ES_LOG_ERR, 0, "ES0000", "error");
    pthread_mutex_unlock(&out.lock);
    end();
    assert_int_equal(out.count, 1 + ES_LOG_QUEUE_MAX / 2 + 1 + 1);
    assert_string_equal(out.lines[out.count - 2], "ES0000 error");
}

FACTS(a_log_that_hangs_does_not_hold_up_the_exit)
{
    begin();
    pthread_mutex_lock(&out.lock);
    es_log(ES_LOG_ERR, 0, "ES0000", "first");
    wait_until_entered();
    es_context_enter(0);
    assert_int_equal(es_log_queue_stop(0), APR_TIMEUP);
    /* the queue is closed: the sender writes for itself */
    es_context_enter(ES_SENDER);
    assert_int_equal(es_log_queue_add(ES_LOG_ERR, 0, "ES0000", "x"), 0);
    pthread_mutex_unlock(&out.lock);
    es_context_enter(0);
    /* nothing is left that hangs: it ends now, and the next test begins */
    assert_int_equal(es_log_queue_stop(10 * APR_USEC_PER_SEC), APR_SUCCESS);
    assert_int_equal(out.count, 1);
}

FACTS(other_threads_write_for_themselves)
{
    begin();
    es_context_enter(ES_WORKER);
    es_log(ES_LOG_ERR, 0, "ES0000", "worker");
    assert_int_equal(out.count, 1); /* at once */
    end();
    es_log_set_handler(write_line);
    es_context_enter(ES_DELIVERY);
    es_log(ES_LOG_ERR, 0, "ES0000", "without a thread");
    es_context_enter(0);
    es_log_set_handler(NULL);
    assert_int_equal(out.count, 2);
}

static const struct CMUnitTest tests[] = {
    UNIT(all_messages_are_written_in_order),
    UNIT(the_delivery_does_not_wait_for_a_log_that_hangs),
    UNIT(debug_messages_leave_room_for_others),
    UNIT(a_log_that_hangs_does_not_hold_up_the_exit),
    UNIT(other_threads_write_for_themselves),
};

UNIT_MAIN(tests)
