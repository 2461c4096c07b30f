/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/child_figures.c. */
#include "t/unit/unit.h"

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/context.h"
#include "shm/child_figures.h"
#include "shm/segment.h"

#define CHILDREN 3
#define LINE 64

static es_child_figures_t *make(apr_pool_t *pool, char **mem)
{
    void *segment;

    assert_int_equal(
        es_segment_create(&segment, es_child_figures_size(CHILDREN), pool),
        APR_SUCCESS);
    *mem = segment;
    return es_child_figures_attach(segment, CHILDREN, pool);
}

FACTS(each_child_has_lines_of_its_own)
{
    char *mem, *end;
    es_child_figures_t *figures = make(pool, &mem);
    apr_uint32_t child;

    end = mem;
    for (child = 1; child <= CHILDREN; child++) {
        char *delivery = (char *)es_child_figures_delivery(figures, child);
        char *workers = (char *)es_child_figures_workers(figures, child);

        assert_true(delivery >= end);
        assert_true(workers >= delivery + sizeof(es_delivery_figures_t));
        assert_int_equal((delivery - mem) % LINE, 0);
        assert_int_equal((workers - mem) % LINE, 0);
        end = workers + sizeof(es_worker_figures_t);
    }
    assert_true(end <= mem + es_child_figures_size(CHILDREN));
}

FACTS(what_a_hub_has_in_a_part_is_on_lines_of_its_own)
{
    assert_int_equal(sizeof(es_delivery_hub_t) % LINE, 0);
    assert_int_equal(sizeof(es_worker_hub_t) % LINE, 0);
    assert_int_equal(offsetof(es_delivery_hub_t, counts), 0);
    assert_int_equal(offsetof(es_worker_hub_t, counts), 0);
}

/* Whoever reads them looks no further. */
FACTS(it_is_known_which_numbers_were_ever_used)
{
    char *mem;
    es_child_figures_t *figures = make(pool, &mem);
    apr_uint32_t *head = (apr_uint32_t *)(void *)mem;

    assert_int_equal(es_child_figures_children(figures), 0);
    assert_int_equal(es_child_figures_hubs(figures), 0);
    es_child_figures_use(figures, 2, 4);
    es_child_figures_use(figures, 1, 0); /* they only rise */
    assert_int_equal(es_child_figures_children(figures), 2);
    assert_int_equal(es_child_figures_hubs(figures), 5);
    es_child_figures_use(figures, CHILDREN + 1, ES_CHILD_FIGURES_HUBS);
    assert_int_equal(es_child_figures_children(figures), 2);
    assert_int_equal(es_child_figures_hubs(figures), 5);
    head[0] = head[1] = 0xffffffff; /* a stray write */
    assert_int_equal(es_child_figures_children(figures), CHILDREN);
    assert_int_equal(es_child_figures_hubs(figures), ES_CHILD_FIGURES_HUBS);
}

FACTS(a_number_that_is_out_of_range_has_no_block)
{
    char *mem;
    es_child_figures_t *figures = make(pool, &mem);

    assert_null(es_child_figures_delivery(figures, 0));
    assert_null(es_child_figures_delivery(figures, CHILDREN + 1));
    assert_null(es_child_figures_workers(figures, 0));
    assert_null(es_child_figures_workers(figures, CHILDREN + 1));
    es_child_figures_clear(figures, 0);
    es_child_figures_clear(figures, CHILDREN + 1);
}

FACTS(what_a_worker_has_counted_is_added_once)
{
    char *mem;
    es_child_figures_t *figures = make(pool, &mem);
    es_hub_figures_t *row =
        &es_child_figures_workers(figures, 2)->hubs[1].counts;
    es_hub_figures_t own = {0}, total = {0};

    own.deliveries = 3;
    own.bytes = 100;
    own.resets[ES_RESET_OVERTAKEN] = 1;
    es_child_figures_add_shared(row, &own);
    es_child_figures_add_shared(row, &own);
    own.streams = 1;
    es_child_figures_add_shared(row, &own);
    es_child_figures_sum(&total, row);
    assert_int_equal(total.deliveries, 3);
    assert_int_equal(total.bytes, 100);
    assert_int_equal(total.streams, 1);
    assert_int_equal(total.resets[ES_RESET_OVERTAKEN], 1);
    assert_int_equal(total.resets[ES_RESET_RESUME], 0);
}

/* The child is killed in the middle of its work: all that it did before stays,
 * and the gauges are gone when the parent has seen it. */
FACTS(counts_stay_when_a_child_is_killed_and_gauges_do_not)
{
    char *mem;
    es_child_figures_t *figures = make(pool, &mem);
    es_delivery_figures_t *delivery = es_child_figures_delivery(figures, 1);
    es_worker_figures_t *workers = es_child_figures_workers(figures, 1);
    es_hub_figures_t *row = &delivery->hubs[0].counts;
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        int n;

        for (n = 0; n < 1000; n++) {
            es_child_figures_raise(&row->deliveries, 1);
            es_child_figures_raise(&row->bytes, 10);
            es_histogram_add(&delivery->hubs[0].lag, &es_histogram_times, 300);
        }
        es_child_figures_raise(&delivery->gauges.clients[0], 5);
        es_child_figures_raise(&workers->clients[0], 2);
        es_child_figures_set(&delivery->gauges.lag_us, 300);
        es_child_figures_set(&delivery->gauges.open_files, 12);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(delivery->gauges.lag_us, 300);
    es_child_figures_clear(figures, 1);
    assert_int_equal(delivery->gauges.lag_us, 0);
    assert_int_equal(delivery->gauges.open_files, 0);
    assert_int_equal(delivery->gauges.clients[0], 0);
    assert_int_equal(workers->clients[0], 0);
    assert_int_equal(row->deliveries, 1000);
    assert_int_equal(row->bytes, 10000);
    assert_int_equal(es_histogram_count(&delivery->hubs[0].lag), 1000);
}

static const struct CMUnitTest tests[] = {
    UNIT(each_child_has_lines_of_its_own),
    UNIT(what_a_hub_has_in_a_part_is_on_lines_of_its_own),
    UNIT(it_is_known_which_numbers_were_ever_used),
    UNIT(a_number_that_is_out_of_range_has_no_block),
    UNIT(what_a_worker_has_counted_is_added_once),
    UNIT(counts_stay_when_a_child_is_killed_and_gauges_do_not),
};

UNIT_MAIN(tests)
