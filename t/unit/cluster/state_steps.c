/* SPDX-License-Identifier: Apache-2.0 */
/* Death at every instruction of what children do to a cluster's state. */
#include "t/unit/stepper.h"

#include <apr_general.h>
#include <apr_strings.h>

#include "cluster/state.h"
#include "shm/segment.h"

#define DYING 2
#define LIVING 3
#define T0 (1000 * APR_USEC_PER_SEC)
#define LIMIT_S 280

static void *mem;
static es_cluster_state_t *state;

typedef struct action_t {
    const char *name;
    void (*prepare)(void);
    void (*run)(void); /* what the dying child does */
} action_t;

static int is_living(void *arg, apr_uint32_t child)
{
    (void)arg;
    return child == LIVING;
}

static int all_live(void *arg, apr_uint32_t child)
{
    (void)arg;
    (void)child;
    return 1;
}

static void lead_dying(void)
{
    es_cluster_state_lead(state, DYING, T0, is_living, NULL);
}

static void lead_again(void)
{
    es_cluster_state_lead(state, DYING, T0 + 1000000, is_living, NULL);
}

/* Child 1 was the leader, and has died. */
static void prepare_old_leader(void)
{
    es_cluster_state_lead(state, 1, T0, is_living, NULL);
    es_cluster_state_set_up(state, 1, "old:1");
    es_cluster_state_set_synced(state, 1, 1);
}

static void prepare_up(void)
{
    lead_dying();
    es_cluster_state_set_up(state, DYING, "own:1");
    es_cluster_state_set_synced(state, DYING, 1);
}

static void prepare_nothing(void)
{
}

static void resign(void)
{
    es_cluster_state_resign(state, DYING);
}

static void set_all(void)
{
    es_cluster_state_set_up(state, DYING, "broker:6379");
    es_cluster_state_set_synced(state, DYING, 1);
    es_cluster_state_set_lag(state, DYING, 7);
    es_cluster_state_set_clock(state, DYING, 8);
    es_cluster_state_add(state, ES_CLUSTER_ENTRIES, 1);
    es_cluster_state_set_down(state, DYING, "closed");
}

static void advance(void)
{
    es_cluster_state_advance(state);
}

/* The turn has passed, so it does not sleep. */
static void wait_once(void)
{
    es_cluster_state_wait(state, es_cluster_state_turn(state) - 1, 1000000);
}

static const action_t actions[] = {
    {"lead as the first", prepare_nothing, lead_dying},
    {"lead after another", prepare_old_leader, lead_dying},
    {"go on leading", prepare_up, lead_again},
    {"resign", prepare_up, resign},
    {"set all", prepare_up, set_all},
    {"advance", prepare_nothing, advance},
    {"wait", prepare_nothing, wait_once},
};

#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

/** The texts have an end, another child leads at once, and finds the link down;
 * it is up as soon as that child says so. */
static void check(void)
{
    es_cluster_stats_t stats;
    apr_uint32_t turn;

    es_cluster_state_read(state, &stats);
    assert_true(strlen(stats.error) < sizeof(stats.error));
    assert_true(strlen(stats.address) < sizeof(stats.address));
    assert_true(stats.leader <= DYING);
    assert_true(es_cluster_state_lead(state, LIVING, T0, is_living, NULL));
    es_cluster_state_read(state, &stats);
    assert_int_equal(stats.leader, LIVING);
    assert_false(stats.is_up || stats.is_synced);
    es_cluster_state_set_up(state, LIVING, "new:1");
    es_cluster_state_set_synced(state, LIVING, 1);
    es_cluster_state_read(state, &stats);
    assert_true(stats.is_up && stats.is_synced);
    assert_string_equal(stats.address, "new:1");
    assert_false(es_cluster_state_lead(state, DYING, T0, all_live, NULL));
    turn = es_cluster_state_turn(state);
    es_cluster_state_advance(state);
    es_cluster_state_wait(state, turn, 1000000000);
    es_cluster_state_resign(state, LIVING);
    assert_int_equal(es_cluster_state_leader(state), 0);
}

static void on_run(void *data)
{
    ((const action_t *)data)->run();
}

static void test_action(void **test_state)
{
    static stepper_t stepper;
    const action_t *action = *test_state;
    apr_size_t size = es_cluster_state_size();
    apr_pool_t *pool;
    char *before;
    int k;

    apr_pool_create(&pool, NULL);
    assert_int_equal(es_segment_create(&mem, size, pool), 0);
    state = es_cluster_state_format(mem, 4711);
    action->prepare();
    before = apr_pmemdup(pool, mem, size);
    stepper.run = on_run;
    stepper.data = *test_state;
    stepper.mem = mem;
    stepper.size = size;
    stepper_trace(&stepper);
    assert_true(stepper.count > 0);
    for (k = 0; k < stepper.count; k++) {
        memcpy(mem, before, size);
        stepper_die(&stepper, &stepper.stops[k]);
        check();
    }
    print_message("# %s: %lu instructions, %d deaths\n", action->name,
                  stepper.steps, stepper.count);
    apr_pool_destroy(pool);
}

int main(void)
{
    apr_initialize();
    return stepper_main(test_action, actions, ACTIONS, sizeof(actions[0]),
                        LIMIT_S, NULL);
}
