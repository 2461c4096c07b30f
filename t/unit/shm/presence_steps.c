/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Death at every instruction of what children do to the table of presence:
 * another child and the parent find a table that is right, and after a while
 * the events are those of what is there.
 */
#include "t/unit/stepper.h"
#include "t/unit/presence_kit.h"

#include <apr_general.h>
#include <apr_strings.h>

#define DYING 1
#define LIVING 2
#define LIMIT_S 280

static apr_pool_t *pool;

typedef struct action_t {
    const char *name;
    void (*run)(void); /* what the dying child does */
} action_t;

static es_share_t share; /* of ada */
static es_presence_event_t taken[4];
static int ntaken;

/* ---- what the dying child does ------------------------------------------ */

static void enter_new(void)
{
    enter(DYING, "a", "new");
}

static void enter_known(void)
{
    enter(DYING, "a", "bob");
}

static void leave_last(void)
{
    leave(DYING, share, 0);
}

static void sweep(void)
{
    es_presence_sweep(presence, ms(KIT_GRACE));
}

static void take_and_tell(void)
{
    int i;

    ntaken = es_presence_take(presence, DYING, taken, 4, ms(0));
    for (i = 0; i < ntaken; i++) {
        es_presence_told(presence, &taken[i], ES_PRESENCE_TOLD, ms(0));
    }
}

static void take_and_fail(void)
{
    int i;

    ntaken = es_presence_take(presence, DYING, taken, 4, ms(0));
    for (i = 0; i < ntaken; i++) {
        es_presence_told(presence, &taken[i],
                         i % 2 ? ES_PRESENCE_UNKNOWN : ES_PRESENCE_NOT_TOLD,
                         ms(0));
    }
}

/* ---- before, and after its death ---------------------------------------- */

/* ada is of the dying child, bob of both, cyd of the living one and not told
 * yet, dan has gone. */
static void prepare(void)
{
    make_presence(6, pool);
    enter(DYING, "a", "bob");
    share = enter(DYING, "a", "ada");
    enter(LIVING, "a", "bob");
    enter(3, "a", "dan");
    tell_all(LIVING, 0);
    es_presence_clear(presence, 3, ms(-KIT_GRACE)); /* it is over at 0 */
    enter(LIVING, "a", "cyd");
}

/* Of those who were not with the dying child. */
static void check_others(const char *text)
{
    assert_null(strstr(text, "bob"));
    assert_null(strstr(text, "+a:dan"));
    assert_null(strstr(text, "-a:cyd"));
}

static void check(void)
{
    const char *text;

    es_presence_clear(presence, DYING, ms(0));
    /* the next child finds the lock, and repairs */
    assert_true(strstr(list("a"), "bob=1 ") != NULL);
    check_presence();
    assert_true(strstr(list("a"), "cyd=1 ") != NULL);
    check_others(tell_all(LIVING, KIT_GRACE - 1));
    assert_null(strstr(list("a"), "dan"));
    text = tell_all(LIVING, KIT_GRACE);
    check_others(text);
    assert_non_null(strstr(text, "-a:ada "));
    assert_string_equal(tell_all(LIVING, 3 * KIT_GRACE), "");
    check_presence();
    tell_all(LIVING, 3 * KIT_GRACE);
    assert_int_equal(es_presence_use(presence).used, 2);
    /* all other rows can be used again */
    assert_true(enter(3, "b", "one") && enter(3, "b", "two") &&
                enter(3, "b", "three") && enter(3, "b", "four"));
    assert_string_equal(tell_all(LIVING, 3 * KIT_GRACE),
                        "+b:one +b:two +b:three +b:four ");
    check_presence();
}

static const action_t actions[] = {
    {"enter with a new name", enter_new},
    {"enter with a name that is there", enter_known},
    {"leave", leave_last},
    {"sweep", sweep},
    {"take and tell", take_and_tell},
    {"take and fail", take_and_fail},
};

#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

static void on_run(void *data)
{
    ((const action_t *)data)->run();
}

static void test_action(void **state)
{
    static stepper_t stepper;
    const action_t *action = *state;
    char *before;
    int k;

    apr_pool_create(&pool, NULL);
    prepare();
    before = apr_pmemdup(pool, presence_mem, presence_size);
    stepper.run = on_run;
    stepper.data = *state;
    stepper.mem = presence_mem;
    stepper.size = presence_size / 8 * 8;
    stepper.excluded = (const char *)&presence->header->lock;
    stepper_trace(&stepper);
    assert_true(stepper.count > 0);
    for (k = 0; k < stepper.count; k++) {
        memcpy(presence_mem, before, presence_size);
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
