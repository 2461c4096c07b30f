/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/counters.c. */
#include "t/unit/unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "shm/counters.h"
#include "shm/segment.h"

FACTS(counters_are_independent)
{
    es_counters_t *counters =
        es_counters_attach(apr_pcalloc(pool, es_counters_size()));

    es_counters_add(counters, 0, 3);
    es_counters_add(counters, ES_COUNTERS_MAX - 1, 1);
    es_counters_add(counters, 0, 4);
    assert_int_equal(es_counters_read(counters, 0), 7);
    assert_int_equal(es_counters_read(counters, 1), 0);
    assert_int_equal(es_counters_read(counters, ES_COUNTERS_MAX - 1), 1);
}

FACTS(a_counter_beyond_the_last_is_ignored)
{
    char *mem = apr_pcalloc(pool, es_counters_size() + 64);
    es_counters_t *counters = es_counters_attach(mem);
    apr_size_t i;

    es_counters_add(counters, ES_COUNTERS_MAX, 1);
    assert_int_equal(es_counters_read(counters, ES_COUNTERS_MAX), 0);
    for (i = 0; i < 64; i++) {
        assert_int_equal(mem[es_counters_size() + i], 0);
    }
}

FACTS(no_count_is_lost_between_processes)
{
    void *mem;
    es_counters_t *counters;
    pid_t pids[2];
    int i, n, status;

    assert_int_equal(es_segment_create(&mem, es_counters_size(), pool),
                     APR_SUCCESS);
    counters = es_counters_attach(mem);
    for (i = 0; i < 2; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            for (n = 0; n < 100000; n++) {
                es_counters_add(counters, 5, 1);
            }
            _exit(0);
        }
    }
    for (i = 0; i < 2; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(es_counters_read(counters, 5), 200000);
}

static const struct CMUnitTest tests[] = {
    UNIT(counters_are_independent),
    UNIT(a_counter_beyond_the_last_is_ignored),
    UNIT(no_count_is_lost_between_processes),
};

UNIT_MAIN(tests)
