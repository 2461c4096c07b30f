/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/line_queue.c: lines are added while a pipe hangs. */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/context.h"
#include "base/line_queue.h"
#include "base/log.h"

static int fds[2];
static char logged[400];
static int is_logged; /* atomic: logged is complete */

static void on_log(int level, apr_status_t rv, const char *tag,
                   const char *text)
{
    (void)level, (void)rv;
    apr_snprintf(logged, sizeof(logged), "%s %s", tag, text);
    __atomic_store_n(&is_logged, 1, __ATOMIC_RELEASE);
}

static void begin(void)
{
    assert_int_equal(pipe(fds), 0);
    logged[0] = '\0';
    is_logged = 0;
    es_log_set_handler(on_log);
    es_context_enter(ES_CHILD_INIT);
    assert_int_equal(es_line_queue_start(fds[1], pool), APR_SUCCESS);
    es_context_enter(0);
}

static void end(void)
{
    assert_int_equal(es_line_queue_stop(10 * APR_USEC_PER_SEC), APR_SUCCESS);
    es_log_set_handler(NULL);
    close(fds[1]);
    if (fds[0] >= 0) {
        close(fds[0]);
    }
}

static void add(int number, apr_size_t len)
{
    char line[ES_LINE_QUEUE_LINE];

    memset(line, 'x', sizeof(line));
    apr_snprintf(line, 20, "%08d", number);
    line[8] = ' ';
    line[len - 1] = '\n';
    es_line_queue_add(line, len);
}

/* Read this many lines and check their numbers. */
static void check(int first, int count, apr_size_t len)
{
    char line[ES_LINE_QUEUE_LINE];
    apr_size_t at;
    ssize_t n;

    while (count-- > 0) {
        for (at = 0; at < len; at += (apr_size_t)n) {
            n = read(fds[0], line + at, len - at);
            assert_true(n > 0);
        }
        assert_int_equal(atoi(line), first++);
        assert_int_equal(line[len - 1], '\n');
        assert_null(memchr(line, '\n', len - 1));
    }
}

FACTS(lines_are_written_in_order_and_whole)
{
    int round;

    begin();
    for (round = 0; round < 200; round++) {
        int i;

        for (i = 0; i < 20; i++) {
            add(round * 20 + i, 701);
        }
        check(round * 20, 20, 701); /* over the end of the array, too */
    }
    add(1, ES_LINE_QUEUE_LINE);
    check(1, 1, ES_LINE_QUEUE_LINE);
    end();
    assert_string_equal(logged, "");
}

FACTS(a_pipe_that_hangs_holds_up_none_and_the_lost_lines_are_counted)
{
    enum { MANY = ES_LINE_QUEUE_BYTES / 1024 };
    int i;

    begin();
    for (i = 0; i < 3 * MANY; i++) {
        add(i, 1024); /* no thread reads */
    }
    check(0, MANY, 1024);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    while (!__atomic_load_n(&is_logged, __ATOMIC_ACQUIRE)) {
        char rest[1024];

        if (read(fds[0], rest, sizeof(rest)) < 0) {
            usleep(1000);
        }
    }
    assert_int_equal(strncmp(logged, "ES0025 ", 7), 0);
    assert_true(atoi(logged + 7) > 0 && atoi(logged + 7) <= 2 * MANY);
    end();
}

FACTS(a_pipe_that_nothing_reads_loses_its_lines)
{
    signal(SIGPIPE, SIG_IGN);
    begin();
    close(fds[0]);
    fds[0] = -1;
    add(1, 100);
    add(2, 100);
    end();
    assert_int_equal(strncmp(logged, "ES0025 ", 7), 0);
}

FACTS(what_is_left_is_written_at_the_end)
{
    int i;

    begin();
    for (i = 0; i < 30; i++) {
        add(i, 1000);
    }
    assert_int_equal(es_line_queue_stop(10 * APR_USEC_PER_SEC), APR_SUCCESS);
    add(99, 100); /* is not taken any more */
    check(0, 30, 1000);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    assert_int_equal(read(fds[0], logged, 1), -1);
    end();
}

static const struct CMUnitTest tests[] = {
    UNIT(lines_are_written_in_order_and_whole),
    UNIT(a_pipe_that_hangs_holds_up_none_and_the_lost_lines_are_counted),
    UNIT(a_pipe_that_nothing_reads_loses_its_lines),
    UNIT(what_is_left_is_written_at_the_end),
};

UNIT_MAIN(tests)
