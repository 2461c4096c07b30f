/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deliver/progress.c: conns whose states the test sets, and
 * clients that take as many bytes as the test allows. */
#include "t/unit/deliver_fixture.h"

#include <apr_general.h>

#include "deliver/progress.h"
#include "deliver/watch_priv.h"

#define CHILD 1
#define SECOND APR_USEC_PER_SEC
#define NOW (100 * SECOND)
#define RING 65536
#define CLIENT_MOST (5 * SECOND) /* the budget of a client */

typedef struct world_t {
    hub_t hub;    /* the store */
    es_hub_t own; /* as the delivery sees it */
    fake_sink_t fake;
    es_conn_t *conn;
    char scratch[ES_CLIENT_SCRATCH_MIN];
} world_t;

static int open_world(void **state)
{
    world_t *w = calloc(1, sizeof(*w));

    hub_open(&w->hub, RING);
    hub_begin(&w->hub, &w->own);
    es_progress_set_most(&w->own.progress, 4 * CLIENT_MOST);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world_t *w = *state;

    if (w->conn) {
        w->conn->state = ES_CONN_DEAD;
        es_progress_update(w->conn);
        es_client_close(w->conn->client);
        es_conns_discard(w->conn);
        fake_clear(&w->fake);
    }
    es_hub_clear(&w->own);
    hub_close(&w->hub);
    free(w);
    return 0;
}

static void join(world_t *w)
{
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    es_client_t *client;

    params.store = w->hub.store;
    params.child = CHILD;
    params.nslots = hub_subscribe(&w->hub, "a", slots, &params.pos);
    params.slots = slots;
    fake_init(&w->fake, 0);
    client = es_client_create(&params, &w->fake.sink, 0);
    w->conn = es_conns_prepare(client);
    assert_non_null(w->conn);
    w->conn->hub = &w->own;
}

static void is_now(world_t *w, es_conn_state_t state)
{
    w->conn->state = (unsigned char)state;
    es_progress_update(w->conn);
}

/* The sink takes this many more bytes, and the client is stepped. */
static void take(world_t *w, apr_size_t bytes, apr_time_t now)
{
    w->fake.budget = bytes;
    assert_int_equal(
        es_client_step(w->conn->client, now, w->scratch, sizeof(w->scratch)),
        ES_STEP_BLOCKED);
    is_now(w, ES_CONN_BLOCKED);
}

static es_pos_t reported(world_t *w, apr_time_t now)
{
    es_progress_report(&w->own, CHILD, now);
    return es_flow_control_reported(w->hub.store, CHILD);
}

static void without_clients_publishers_do_not_wait(void **state)
{
    world_t *w = *state;

    assert_int_equal(reported(w, NOW), 0);
    assert_true(es_progress_is_idle(&w->own));
    join(w);
    assert_int_equal(reported(w, NOW), w->own.pos);
    assert_false(es_progress_is_idle(&w->own));
}

static void current_clients_have_the_position_of_the_hub(void **state)
{
    world_t *w = *state;

    join(w);
    is_now(w, ES_CONN_CURRENT);
    w->own.pos = hub_say(&w->hub, "a", "one");
    assert_int_equal(reported(w, NOW), w->own.pos);
    assert_false(es_progress_report(&w->own, CHILD, NOW));
}

static void a_ready_client_reports_its_own_position(void **state)
{
    world_t *w = *state;
    es_pos_t stands;

    join(w);
    stands = es_client_pos(w->conn->client);
    w->own.pos = hub_say(&w->hub, "a", "one");
    is_now(w, ES_CONN_READY);
    assert_int_equal(reported(w, NOW), stands);
    assert_true(es_progress_report(&w->own, CHILD, NOW));
    is_now(w, ES_CONN_CURRENT);
    assert_int_equal(reported(w, NOW + SECOND / 10), w->own.pos);
}

static void a_blocked_client_is_waited_for_a_second(void **state)
{
    world_t *w = *state;
    es_pos_t stands;

    join(w);
    stands = es_client_pos(w->conn->client);
    is_now(w, ES_CONN_CURRENT);
    w->own.pos = hub_say(&w->hub, "a", "one");
    take(w, 3, NOW);
    assert_int_equal(reported(w, NOW + SECOND / 2), stands);
    assert_int_equal(reported(w, NOW + SECOND), w->own.pos);
    assert_false(es_progress_report(&w->own, CHILD, NOW + SECOND));
    /* it is stepped, and its sink takes nothing */
    take(w, 0, NOW + 2 * SECOND);
    assert_int_equal(reported(w, NOW + 2 * SECOND), w->own.pos);
}

static void a_client_that_reads_now_and_then_is_not_waited_for(void **state)
{
    world_t *w = *state;
    es_pos_t stands;

    join(w);
    stands = es_client_pos(w->conn->client);
    w->own.pos = hub_say(&w->hub, "a", "one");
    take(w, 1, NOW);
    assert_int_equal(reported(w, NOW), w->own.pos);
    take(w, 1, NOW + 2 * SECOND);
    assert_int_equal(reported(w, NOW + 2 * SECOND), w->own.pos);
    /* twice within a second: now it reads steadily */
    take(w, 1, NOW + 3 * SECOND - 1);
    assert_int_equal(reported(w, NOW + 3 * SECOND), stands);
    take(w, 0, NOW + 3 * SECOND + 1);
    assert_int_equal(reported(w, NOW + 4 * SECOND - 2), stands);
    assert_int_equal(reported(w, NOW + 4 * SECOND + ES_PROGRESS_INTERVAL),
                     w->own.pos);
}

static void a_client_that_ends_is_not_waited_for(void **state)
{
    world_t *w = *state;

    join(w);
    w->own.pos = hub_say(&w->hub, "a", "one");
    is_now(w, ES_CONN_READY);
    is_now(w, ES_CONN_LINGER);
    assert_int_equal(reported(w, NOW), w->own.pos);
}

static void walks_are_not_too_frequent(void **state)
{
    world_t *w = *state;
    es_pos_t stands;

    join(w);
    stands = es_client_pos(w->conn->client);
    w->own.pos = hub_say(&w->hub, "a", "one");
    is_now(w, ES_CONN_READY);
    assert_int_equal(reported(w, NOW), stands);
    is_now(w, ES_CONN_CURRENT);
    assert_int_equal(reported(w, NOW + 1), stands);
    assert_int_equal(reported(w, NOW + ES_PROGRESS_INTERVAL), w->own.pos);
}

static void held_clients_are_waited_for_while_they_are_stepped(void **state)
{
    world_t *w = *state;
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_watch_t *watch;
    es_pos_t stands;
    int nslots = hub_subscribe(&w->hub, "a", slots, &stands);

    watch = es_watch_create(0, slots, nslots);
    w->own.first_watch = watch;
    w->own.pos = hub_say(&w->hub, "a", "one");
    assert_int_equal(reported(w, NOW), w->own.pos);
    es_watch_report_pos(watch, stands, NOW + SECOND);
    assert_int_equal(reported(w, NOW + SECOND), stands);
    assert_int_equal(reported(w, NOW + 2 * SECOND - 1), stands);
    assert_int_equal(reported(w, NOW + 2 * SECOND + ES_PROGRESS_INTERVAL),
                     w->own.pos);
    es_watch_report_pos(watch, stands, NOW + 3 * SECOND);
    assert_int_equal(reported(w, NOW + 3 * SECOND), stands);
    es_watch_report_pos(watch, 0, NOW + 3 * SECOND);
    assert_int_equal(reported(w, NOW + 4 * SECOND - 1), w->own.pos);
    es_store_unsubscribe(w->hub.store, CHILD, slots, nslots);
    es_watch_destroy(watch);
}

/* Append until pos is late, and is so after some reading, too; all of it is
 * offered. */
static void make_late(world_t *w, es_pos_t pos)
{
    while (!es_flow_control_is_late(w->hub.store, pos + RING / 8)) {
        w->own.pos = hub_say(&w->hub, "a", "one");
    }
}

/* The conn's client takes a byte every tenth of a second, from from on.
 * @return for how long publishers wait for it */
static apr_interval_time_t read_slowly(world_t *w, apr_time_t from,
                                       apr_interval_time_t time)
{
    apr_interval_time_t waited = 0;
    apr_time_t now;

    for (now = from; now < from + time; now += SECOND / 10) {
        take(w, 1, now);
        waited += reported(w, now) != w->own.pos ? SECOND / 10 : 0;
    }
    return waited;
}

static void a_client_that_reads_slowly_uses_its_budget(void **state)
{
    world_t *w = *state;
    apr_time_t now = NOW;

    join(w);
    is_now(w, ES_CONN_CURRENT);
    make_late(w, es_client_pos(w->conn->client));
    /* and one look until it is found used up */
    assert_int_equal(read_slowly(w, now, 3 * CLIENT_MOST),
                     CLIENT_MOST + SECOND / 10);
    assert_false(es_progress_report(&w->own, CHILD, now + 3 * CLIENT_MOST));
    /* not as long as it is behind, even if it has a little time again */
    now += 10 * CLIENT_MOST;
    assert_int_equal(read_slowly(w, now, SECOND), 0);
    /* when it has caught up, for as long as time was given back */
    is_now(w, ES_CONN_CURRENT);
    now += 20 * SECOND;
    assert_in_range(read_slowly(w, now, 3 * CLIENT_MOST), CLIENT_MOST,
                    CLIENT_MOST + SECOND / 2);
    is_now(w, ES_CONN_CURRENT);
    now += 3 * CLIENT_MOST + 10 * SECOND;
    assert_in_range(read_slowly(w, now, 3 * CLIENT_MOST), SECOND, 3 * SECOND);
}

static void only_a_client_that_is_late_uses_its_budget(void **state)
{
    world_t *w = *state;

    join(w);
    is_now(w, ES_CONN_CURRENT);
    w->own.pos = hub_say(&w->hub, "a", "one");
    assert_int_equal(read_slowly(w, NOW, 2 * SECOND), 2 * SECOND);
    assert_int_equal(w->conn->use.used, 0);
    /* nor does one that waits for this thread */
    make_late(w, es_client_pos(w->conn->client));
    is_now(w, ES_CONN_READY);
    assert_int_not_equal(reported(w, NOW + 3 * SECOND), w->own.pos);
    assert_int_not_equal(reported(w, NOW + 9 * SECOND), w->own.pos);
    assert_int_equal(w->conn->use.used, 0);
}

static void the_client_that_is_furthest_behind_uses_its_budget(void **state)
{
    world_t *w = *state;
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_watch_t *watch;
    es_pos_t stands;
    int nslots = hub_subscribe(&w->hub, "a", slots, &stands);
    apr_time_t now;

    watch = es_watch_create(0, slots, nslots);
    w->own.first_watch = watch;
    w->own.pos = hub_say(&w->hub, "a", "one");
    join(w);
    is_now(w, ES_CONN_CURRENT);
    make_late(w, es_client_pos(w->conn->client));
    for (now = NOW; now < NOW + CLIENT_MOST + SECOND / 5; now += SECOND / 10) {
        es_watch_report_pos(watch, stands, now);
        take(w, 1, now);
        (void)reported(w, now);
    }
    /* the held client has used its time; the other begins only now */
    assert_in_range(w->conn->use.used, 0, SECOND / 5);
    assert_int_equal(reported(w, now), es_client_pos(w->conn->client));
    /* the held client has seen all, and its time is used as before */
    es_watch_report_pos(watch, 0, now);
    (void)reported(w, now + SECOND / 10);
    es_watch_report_pos(watch, stands, now + SECOND / 5);
    assert_int_equal(reported(w, now + SECOND / 5), stands);
    assert_int_not_equal(reported(w, now + 2 * SECOND / 5), stands);
    es_store_unsubscribe(w->hub.store, CHILD, slots, nslots);
    w->own.first_watch = NULL;
    es_watch_destroy(watch);
}

static void when_off_no_client_is_waited_for(void **state)
{
    world_t *w = *state;

    es_progress_set_most(&w->own.progress, 0);
    join(w);
    is_now(w, ES_CONN_CURRENT);
    make_late(w, es_client_pos(w->conn->client));
    assert_int_equal(read_slowly(w, NOW, SECOND), 0);
    assert_false(es_progress_report(&w->own, CHILD, NOW + SECOND));
    assert_false(es_progress_is_idle(&w->own));
}

#define MANY 12000 /* more than are visited at a time */

/* Many conns that are behind, but further ahead than the first one. */
typedef struct many_t {
    es_conn_t *conns;
    es_client_t *client; /* they share it */
    fake_sink_t fake;
} many_t;

static void add_many(world_t *w, many_t *many)
{
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    int i;

    params.store = w->hub.store;
    params.child = CHILD;
    params.nslots = hub_subscribe(&w->hub, "a", slots, &params.pos);
    params.slots = slots;
    fake_init(&many->fake, 0);
    many->client = es_client_create(&params, &many->fake.sink, 0);
    many->conns = calloc(MANY, sizeof(*many->conns));
    for (i = 0; i < MANY; i++) {
        many->conns[i].client = many->client;
        many->conns[i].hub = &w->own;
        many->conns[i].state = ES_CONN_READY;
        es_list_init(&many->conns[i].behind_link);
        es_progress_update(&many->conns[i]);
    }
}

static void drop_many(many_t *many)
{
    int i;

    for (i = 0; i < MANY; i++) {
        many->conns[i].state = ES_CONN_DEAD;
        es_progress_update(&many->conns[i]);
    }
    es_client_close(many->client);
    fake_clear(&many->fake);
    free(many->conns);
}

static void many_conns_are_visited_in_parts(void **state)
{
    world_t *w = *state;
    apr_time_t now = NOW;
    es_pos_t stands, ahead;
    many_t many;
    int parts;

    join(w);
    stands = es_client_pos(w->conn->client);
    (void)hub_say(&w->hub, "a", "one");
    add_many(w, &many);
    ahead = es_client_pos(many.client);
    w->own.pos = hub_say(&w->hub, "a", "two");
    is_now(w, ES_CONN_READY); /* the last one in the list */
    for (parts = 1; reported(w, now) == ahead; parts++) {
        assert_true(es_progress_report(&w->own, CHILD, now));
        now = w->own.progress.next_walk;
    }
    assert_int_equal(parts, 3);
    assert_int_equal(reported(w, now), stands);
    /* one that is stepped meanwhile is not missed, and none is visited twice */
    now = w->own.progress.next_walk;
    assert_int_equal(reported(w, now), stands);
    is_now(w, ES_CONN_READY);
    for (parts = 1; w->own.progress.is_walking; parts++) {
        now = w->own.progress.next_walk;
        assert_int_equal(reported(w, now), stands);
    }
    assert_int_equal(parts, 3);
    drop_many(&many);
}

static void a_client_may_leave_in_the_middle_of_a_walk(void **state)
{
    world_t *w = *state;
    apr_time_t now = NOW;
    many_t many;
    int parts;

    join(w);
    is_now(w, ES_CONN_CURRENT);
    make_late(w, es_client_pos(w->conn->client));
    take(w, 1, now);
    add_many(w, &many);
    (void)reported(w, now);
    assert_ptr_equal(w->own.progress.found.use, &w->conn->use);
    is_now(w, ES_CONN_DEAD);
    assert_null(w->own.progress.found.use);
    /* the next walk does not find it any more */
    for (parts = 1; reported(w, now) != w->own.pos; parts++) {
        now = w->own.progress.next_walk;
    }
    assert_in_range(parts, 1, 6);
    drop_many(&many);
}

static void the_end_is_reported(void **state)
{
    world_t *w = *state;

    join(w);
    is_now(w, ES_CONN_READY);
    assert_int_not_equal(reported(w, NOW), 0);
    es_progress_end(&w->own, CHILD);
    assert_int_equal(es_flow_control_reported(w->hub.store, CHILD), 0);
}

#define UNIT(name) \
    cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(without_clients_publishers_do_not_wait),
        UNIT(current_clients_have_the_position_of_the_hub),
        UNIT(a_ready_client_reports_its_own_position),
        UNIT(a_blocked_client_is_waited_for_a_second),
        UNIT(a_client_that_reads_now_and_then_is_not_waited_for),
        UNIT(a_client_that_ends_is_not_waited_for),
        UNIT(walks_are_not_too_frequent),
        UNIT(held_clients_are_waited_for_while_they_are_stepped),
        UNIT(a_client_that_reads_slowly_uses_its_budget),
        UNIT(only_a_client_that_is_late_uses_its_budget),
        UNIT(the_client_that_is_furthest_behind_uses_its_budget),
        UNIT(when_off_no_client_is_waited_for),
        UNIT(many_conns_are_visited_in_parts),
        UNIT(a_client_may_leave_in_the_middle_of_a_walk),
        UNIT(the_end_is_reported),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
