/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/samples.c. */
#include "t/unit/unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/samples.h"
#include "shm/segment.h"

static apr_uint64_t read_out[ES_SAMPLES][ES_SAMPLE_VALUES];

static es_samples_t *make_samples(void)
{
    void *mem;

    assert_int_equal(es_segment_create(&mem, es_samples_size(), pool),
                     APR_SUCCESS);
    return es_samples_attach(mem);
}

/* All values are the same, so that a torn sample shows. */
static void add(es_samples_t *samples, apr_uint64_t value)
{
    apr_uint64_t values[ES_SAMPLE_VALUES];
    int i;

    for (i = 0; i < ES_SAMPLE_VALUES; i++) {
        values[i] = value;
    }
    es_samples_add(samples, values);
}

static int is_whole(const apr_uint64_t *values)
{
    int i;

    for (i = 1; i < ES_SAMPLE_VALUES; i++) {
        if (values[i] != values[0]) {
            return 0;
        }
    }
    return 1;
}

FACTS(the_ring_has_the_latest_oldest_first)
{
    es_samples_t *samples = make_samples();
    int i;

    assert_int_equal(es_samples_read(samples, read_out), 0);
    add(samples, 7);
    assert_int_equal(es_samples_read(samples, read_out), 1);
    assert_int_equal(read_out[0][ES_SAMPLE_VALUES - 1], 7);
    for (i = 1; i <= ES_SAMPLES + 5; i++) {
        add(samples, (apr_uint64_t)i);
    }
    assert_int_equal(es_samples_read(samples, read_out), ES_SAMPLES);
    for (i = 0; i < ES_SAMPLES; i++) {
        assert_int_equal(read_out[i][0], i + 6);
    }
}

FACTS(a_second_belongs_to_one_and_only_later_ones_follow)
{
    es_samples_t *samples = make_samples();

    assert_true(es_samples_claim(samples, 5));
    assert_false(es_samples_claim(samples, 5));
    assert_false(es_samples_claim(samples, 4));
    assert_true(es_samples_claim(samples, 6));
}

/* A process that is stopped for as long as the ring lasts may write into the
   cell of a later sample, so the claims themselves are counted here. */
FACTS(of_many_processes_one_has_a_second)
{
    enum { SECONDS = 20000 };
    es_samples_t *samples = make_samples();
    int *claims, i, second, status;

    assert_int_equal(es_segment_create((void **)&claims,
                                       (SECONDS + 1) * sizeof(*claims), pool),
                     APR_SUCCESS);
    for (i = 0; i < 4; i++) {
        if (fork() == 0) {
            for (second = 1; second <= SECONDS; second++) {
                if (es_samples_claim(samples, (apr_uint64_t)second)) {
                    __atomic_fetch_add(&claims[second], 1, __ATOMIC_RELAXED);
                }
            }
            _exit(0);
        }
    }
    for (i = 0; i < 4; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (second = 1; second < SECONDS; second++) {
        assert_in_range(claims[second], 0, 1);
    }
    assert_int_equal(claims[SECONDS], 1);
    assert_false(es_samples_claim(samples, SECONDS));
}

FACTS(no_sample_is_torn_and_a_killed_writer_leaves_one_out)
{
    es_samples_t *samples = make_samples();
    int round, i, n, status;

    for (i = 0; i < ES_SAMPLES; i++) {
        add(samples, 1);
    }
    for (round = 0; round < 20; round++) {
        pid_t writer = fork();

        if (writer == 0) {
            for (n = 1;; n++) {
                add(samples, (apr_uint64_t)n);
            }
        }
        for (n = 0; n < 200; n++) {
            int count = es_samples_read(samples, read_out);

            for (i = 0; i < count; i++) {
                assert_true(is_whole(read_out[i]));
            }
        }
        kill(writer, SIGKILL);
        assert_int_equal(waitpid(writer, &status, 0), writer);
        assert_true(es_samples_read(samples, read_out) >=
                    ES_SAMPLES - round - 1);
    }
}

FACTS(the_last_rise_of_a_counter_is_remembered)
{
    es_samples_t *samples = make_samples();

    assert_int_equal(es_samples_risen(samples, 3), 0);
    es_samples_watch(samples, 3, 0, 100);
    assert_int_equal(es_samples_risen(samples, 3), 0);
    es_samples_watch(samples, 3, 2, 200);
    es_samples_watch(samples, 3, 2, 300);
    assert_int_equal(es_samples_risen(samples, 3), 200);
    es_samples_watch(samples, 3, 3, 400);
    assert_int_equal(es_samples_risen(samples, 3), 400);
    assert_int_equal(es_samples_risen(samples, 2), 0);
    es_samples_watch(samples, ES_SAMPLES_WATCHED, 1, 500);
    assert_int_equal(es_samples_risen(samples, ES_SAMPLES_WATCHED), 0);
    assert_int_equal(es_samples_risen(samples, 0), 0);
}

static const struct CMUnitTest tests[] = {
    UNIT(the_ring_has_the_latest_oldest_first),
    UNIT(the_last_rise_of_a_counter_is_remembered),
    UNIT(a_second_belongs_to_one_and_only_later_ones_follow),
    UNIT(of_many_processes_one_has_a_second),
    UNIT(no_sample_is_torn_and_a_killed_writer_leaves_one_out),
};

UNIT_MAIN(tests)
