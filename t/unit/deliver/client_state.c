/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of deliver/client_state.c: each arrow of the drawing in
 * deliver/client_priv.h, and a client that moves to another owner.
 */
#include "t/unit/client_fixture.h"

#define assert_state(client, is) assert_int_equal((client)->state, is)

typedef struct transition_t {
    int from, on, to;
} transition_t;

/* The arrows of the drawing in deliver/client_priv.h. */
static const transition_t drawn[] = {
    {ES_CLIENT_LIVE, ES_CLIENT_ON_DUE, ES_CLIENT_BEHIND},
    {ES_CLIENT_LIVE, ES_CLIENT_ON_FULL, ES_CLIENT_BLOCKED},
    {ES_CLIENT_LIVE, ES_CLIENT_ON_END, ES_CLIENT_ENDING},
    {ES_CLIENT_LIVE, ES_CLIENT_ON_FAIL, ES_CLIENT_BROKEN},
    {ES_CLIENT_BEHIND, ES_CLIENT_ON_SEEN, ES_CLIENT_LIVE},
    {ES_CLIENT_BEHIND, ES_CLIENT_ON_FULL, ES_CLIENT_BLOCKED},
    {ES_CLIENT_BEHIND, ES_CLIENT_ON_END, ES_CLIENT_ENDING},
    {ES_CLIENT_BEHIND, ES_CLIENT_ON_FAIL, ES_CLIENT_BROKEN},
    {ES_CLIENT_BLOCKED, ES_CLIENT_ON_SEEN, ES_CLIENT_LIVE},
    {ES_CLIENT_BLOCKED, ES_CLIENT_ON_TAKEN, ES_CLIENT_BEHIND},
    {ES_CLIENT_BLOCKED, ES_CLIENT_ON_END, ES_CLIENT_ENDING_BLOCKED},
    {ES_CLIENT_BLOCKED, ES_CLIENT_ON_FAIL, ES_CLIENT_BROKEN},
    {ES_CLIENT_ENDING, ES_CLIENT_ON_FULL, ES_CLIENT_ENDING_BLOCKED},
    {ES_CLIENT_ENDING, ES_CLIENT_ON_DONE, ES_CLIENT_FINISHED},
    {ES_CLIENT_ENDING, ES_CLIENT_ON_FAIL, ES_CLIENT_BROKEN},
    {ES_CLIENT_ENDING_BLOCKED, ES_CLIENT_ON_TAKEN, ES_CLIENT_ENDING},
    {ES_CLIENT_ENDING_BLOCKED, ES_CLIENT_ON_FAIL, ES_CLIENT_BROKEN},
};

static int drawn_next(int state, int cause)
{
    size_t i;

    for (i = 0; i < sizeof(drawn) / sizeof(drawn[0]); i++) {
        if (drawn[i].from == state && drawn[i].on == cause) {
            return drawn[i].to;
        }
    }
    return state;
}

static void test_the_table_is_the_drawing(void **state)
{
    int from, on;

    (void)state;
    for (from = 0; from < ES_CLIENT_STATES; from++) {
        for (on = 0; on < ES_CLIENT_CAUSES; on++) {
            assert_int_equal(es_client_state_next[from][on],
                             drawn_next(from, on));
        }
    }
}

/* LIVE: a round writes to it, until the sink takes only a part. */
static void test_live_then_blocked(void **state)
{
    struct iovec iov = {"xyz", 3};
    es_client_t *client;
    fake_sink_t fake;
    es_pos_t start, end;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    assert_state(client, ES_CLIENT_LIVE);
    start = es_store_head(hub.store);
    end = hub_say(&hub, "a", "one");
    assert_int_equal(es_client_offer(client, start, end, frames_of(&iov, 1), 0),
                     ES_STEP_CURRENT);
    assert_state(client, ES_CLIENT_LIVE);
    start = end;
    end = hub_say(&hub, "a", "two");
    fake.budget = 2;
    assert_int_equal(es_client_offer(client, start, end, frames_of(&iov, 1), 0),
                     ES_STEP_BLOCKED);
    assert_state(client, ES_CLIENT_BLOCKED);
    fake.budget = (apr_size_t)-1;
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_state(client, ES_CLIENT_LIVE);
    part(client, &fake);
    hub_close(&hub);
}

/* BLOCKED at a border, and nothing is left to write below the limit. */
static void test_blocked_then_live(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    es_pos_t start;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    start = es_store_head(hub.store);
    hub_say(&hub, "a", "one");
    fake.budget = 0;
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    assert_state(client, ES_CLIENT_BLOCKED);
    assert_int_equal(
        es_client_step_to(client, start, 0, scratch, sizeof(scratch)),
        ES_STEP_CURRENT);
    assert_state(client, ES_CLIENT_LIVE);
    assert_int_equal(fake.len, 0);
    part(client, &fake);
    hub_close(&hub);
}

/* BEHIND, as long as a step leaves records to the next one. */
static void test_behind_then_blocked_then_behind(void **state)
{
    enum { ONE_RECORD = 100 }; /* bytes of scratch */
    struct iovec iov = {"xyz", 3};
    es_client_t *client;
    fake_sink_t fake;
    es_pos_t start;
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    start = es_store_head(hub.store);
    for (i = 0; i < 4; i++) {
        hub_say(&hub, "a", "a text that fills more than half of scratch");
    }
    assert_int_equal(es_client_step(client, 0, scratch, ONE_RECORD),
                     ES_STEP_MORE);
    assert_state(client, ES_CLIENT_BEHIND);
    start = es_client_pos(client);
    assert_int_equal(es_client_offer(client, start, es_store_head(hub.store),
                                     frames_of(&iov, 1), 0),
                     ES_STEP_MORE);
    fake.budget = 10;
    assert_int_equal(es_client_step(client, 0, scratch, ONE_RECORD),
                     ES_STEP_BLOCKED);
    assert_state(client, ES_CLIENT_BLOCKED);
    fake.budget = (apr_size_t)-1;
    assert_int_equal(es_client_step(client, 0, scratch, ONE_RECORD),
                     ES_STEP_MORE);
    assert_state(client, ES_CLIENT_BEHIND);
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_state(client, ES_CLIENT_LIVE);
    part(client, &fake);
    hub_close(&hub);
}

/* A stream-reset that the sink does not take is due until it does. */
static void test_reset_is_due(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    lap(&hub, "a");
    fake.budget = 0;
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    assert_state(client, ES_CLIENT_BLOCKED);
    assert_int_equal(client->control, ES_CONTROL_RESET);
    fake.budget = (apr_size_t)-1;
    assert_int_equal(step(client, 0), ES_STEP_CURRENT);
    assert_state(client, ES_CLIENT_LIVE);
    assert_int_equal(client->control, ES_CONTROL_NONE);
    part(client, &fake);
    hub_close(&hub);
}

/* Taken over within a frame, or with a control frame due, it is BEHIND. */
static void test_taken_over_is_behind(void **state)
{
    es_client_saved_t where = {0};
    es_start_t present;
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    where.cursor = es_client_pos(client);
    assert_int_equal(es_store_current(hub.store, &present), 0);
    es_client_load(client, &where, 0, &present);
    assert_state(client, ES_CLIENT_LIVE);
    where.skip = 5;
    hub_say(&hub, "a", "one");
    es_client_load(client, &where, 0, &present);
    assert_state(client, ES_CLIENT_BEHIND);
    assert_int_equal(step(client, 0), ES_STEP_CURRENT);
    assert_state(client, ES_CLIENT_LIVE);
    where.cursor = es_client_pos(client);
    where.skip = 0;
    where.control = ES_CONTROL_KEEPALIVE;
    es_client_load(client, &where, 0, &present);
    assert_state(client, ES_CLIENT_BEHIND);
    part(client, &fake);
    hub_close(&hub);
}

/* A client of channel "a" in this state. If it is not LIVE, there are records
 * for it. */
static es_client_t *join_in(hub_t *hub, fake_sink_t *fake, int state)
{
    es_client_t *client = join(hub, fake, "a");

    if (state != ES_CLIENT_LIVE) {
        hub_say(hub, "a", "one");
        hub_say(hub, "a", "two");
    }
    if (state == ES_CLIENT_BEHIND) {
        es_client_step(client, 0, scratch, 50); /* room for one of them */
    }
    if (state == ES_CLIENT_BLOCKED || state == ES_CLIENT_ENDING_BLOCKED) {
        fake->budget = 3;
        step(client, 0);
    }
    if (state >= ES_CLIENT_ENDING) {
        es_client_end(client, 4321);
    }
    if (state == ES_CLIENT_FINISHED) {
        settle(client, 0);
    }
    if (state == ES_CLIENT_BROKEN) {
        fake->broken = 1;
        step(client, 0);
    }
    assert_state(client, state);
    return client;
}

/* Whatever a client is in the middle of, its end waits for a full sink, and is
 * written. */
static void test_each_state_ends(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;
    int from;

    (void)state;
    for (from = ES_CLIENT_LIVE; from <= ES_CLIENT_ENDING_BLOCKED; from++) {
        hub_open(&hub, 64 * 1024);
        fake_init(&fake, 0);
        client = join_in(&hub, &fake, from);
        es_client_end(client, 4321);
        assert_state(client, from == ES_CLIENT_BLOCKED ||
                                     from == ES_CLIENT_ENDING_BLOCKED
                                 ? ES_CLIENT_ENDING_BLOCKED
                                 : ES_CLIENT_ENDING);
        fake.budget = 0;
        assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
        assert_state(client, ES_CLIENT_ENDING_BLOCKED);
        fake.budget = (apr_size_t)-1;
        assert_int_equal(step(client, 0), ES_STEP_ENDED);
        assert_state(client, ES_CLIENT_FINISHED);
        assert_int_equal(fake.finished, 1);
        assert_non_null(strstr(fake.got, "retry: 4321\n"));
        part(client, &fake);
        hub_close(&hub);
    }
}

/* The send timeout of an end runs from when the sink is full; each byte that is
 * taken restarts it. */
static void test_ending_blocked_times_out(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    es_client_end(client, 4321);
    fake.budget = 0;
    assert_int_equal(step(client, 10 * SECOND), ES_STEP_BLOCKED);
    assert_true(es_client_due(client) == 70 * SECOND);
    fake.budget = 1;
    assert_int_equal(step(client, 60 * SECOND), ES_STEP_BLOCKED);
    assert_int_equal(step(client, 120 * SECOND - 1), ES_STEP_BLOCKED);
    assert_int_equal(step(client, 120 * SECOND), ES_STEP_ENDED);
    assert_state(client, ES_CLIENT_BROKEN);
    assert_int_equal(fake.finished, 0);
    part(client, &fake);
    hub_close(&hub);
}

static void test_each_state_breaks(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;
    int from;

    (void)state;
    for (from = ES_CLIENT_LIVE; from <= ES_CLIENT_BROKEN; from++) {
        hub_open(&hub, 64 * 1024);
        fake_init(&fake, 0);
        client = join_in(&hub, &fake, from);
        fake.broken = 1;
        hub_say(&hub, "a", "three");
        assert_int_equal(step(client, 0), ES_STEP_ENDED);
        assert_state(client, from == ES_CLIENT_FINISHED ? ES_CLIENT_FINISHED
                                                        : ES_CLIENT_BROKEN);
        part(client, &fake);
        hub_close(&hub);
    }
}

/* FINISHED and BROKEN stay what they are, and write nothing. */
static void test_nothing_follows(void **state)
{
    struct iovec iov = {"xyz", 3};
    es_client_params_t params;
    es_client_saved_t where;
    es_client_t *client;
    fake_sink_t fake;
    apr_size_t len;
    es_pos_t start;
    hub_t hub;
    int from;

    (void)state;
    for (from = ES_CLIENT_FINISHED; from <= ES_CLIENT_BROKEN; from++) {
        hub_open(&hub, 64 * 1024);
        fake_init(&fake, 0);
        client = join_in(&hub, &fake, from);
        fake.broken = 0;
        len = fake.len;
        start = es_store_head(hub.store);
        hub_say(&hub, "a", "three");
        es_client_end(client, 1);
        assert_int_equal(es_client_offer(client, start,
                                         es_store_head(hub.store),
                                         frames_of(&iov, 1), 0),
                         ES_STEP_MORE);
        assert_int_equal(step(client, 1000 * SECOND), ES_STEP_ENDED);
        assert_false(es_client_save(client, 0, &params, &where));
        assert_state(client, from);
        assert_int_equal(fake.len, len);
        part(client, &fake);
        hub_close(&hub);
    }
}

/* ---- to another owner ---------------------------------------------------- */

#define KEEPALIVE "1b\r\nevent: keep-alive\ndata: \n\n\r\n"

/* A client that was handed over within a frame is not blocked, but a round must
 * not write to it. */
static void test_no_offer_within_a_frame(void **state)
{
    es_client_params_t params;
    es_client_saved_t where;
    struct iovec iov = {(void *)"x", 1};
    es_start_t present;
    es_client_t *client, *other;
    fake_sink_t fake, fake2;
    es_pos_t start;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 1);
    fake_init(&fake2, 1);
    client = join(&hub, &fake, "a");
    other = join(&hub, &fake2, "a");
    start = es_store_head(hub.store);
    hub_say(&hub, "a", "one");
    fake.budget = 10;
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    assert_true(es_client_save(client, 0, &params, &where));
    assert_int_equal(es_store_current(hub.store, &present), 0);
    es_client_load(other, &where, 0, &present);
    assert_int_equal(es_client_offer(other, start, es_store_head(hub.store),
                                     frames_of(&iov, 1), 0),
                     ES_STEP_MORE);
    /* within a keep-alive, too */
    where.skip = 0;
    where.control = ES_CONTROL_KEEPALIVE;
    where.control_offset = 5;
    es_client_load(other, &where, 0, &present);
    assert_int_equal(es_client_offer(other, start, es_store_head(hub.store),
                                     frames_of(&iov, 1), 0),
                     ES_STEP_MORE);
    assert_int_equal(fake2.len, 0);
    assert_int_equal(step(other, 0), ES_STEP_CURRENT);
    assert_int_equal(strncmp(fake2.got, &KEEPALIVE[5], strlen(KEEPALIVE) - 5),
                     0);
    /* nor does seek skip the rest of its frame */
    es_client_seek(client, es_store_head(hub.store));
    assert_int_equal(es_client_pos(client), start);
    part(client, &fake);
    part(other, &fake2);
    hub_close(&hub);
}

/* A client that moves while it catches up: the next owner gets no more than its
 * position, and finds the rest at once, as this one would have. */
static void test_moves_while_catching_up(void **state)
{
    es_client_params_t params;
    es_client_saved_t where;
    es_start_t present;
    es_client_t *client, *other;
    fake_sink_t fake, fake2;
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 1024 * 1024);
    fake_init(&fake, 0);
    fake_init(&fake2, 0);
    client = join(&hub, &fake, "a,c");
    other = join(&hub, &fake2, "a,c");
    hub_say(&hub, "a", "one");
    for (i = 0; i < 3000; i++) {
        hub_say(&hub, "b", "x");
    }
    hub_say(&hub, "c", "two");
    for (i = 0; i < 3000; i++) {
        hub_say(&hub, "b", "x");
    }
    hub_say(&hub, "a,c", "three");
    fake.budget = 40; /* within the second frame */
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    assert_null(strstr(fake.got, "data: two"));
    assert_true(es_client_save(client, 0, &params, &where));
    assert_true(where.skip > 0);
    assert_int_equal(es_store_current(hub.store, &present), 0);
    es_client_load(other, &where, 0, &present);
    assert_int_equal(step(other, 0), ES_STEP_CURRENT);
    fake.budget = (apr_size_t)-1;
    fake.sink.ops->write(&fake.sink, &(struct iovec){fake2.got, fake2.len}, 1,
                         &(apr_size_t){0});
    assert_non_null(strstr(fake.got, "data: one\n\nid: "));
    assert_non_null(strstr(fake.got, "data: two\n\nid: "));
    assert_non_null(strstr(strstr(fake.got, "data: two"), "data: three\n\n"));
    part(client, &fake);
    part(other, &fake2);
    hub_close(&hub);
}

/* A reset that was due when the client was saved keeps its id. */
static void test_reset_while_moving(void **state)
{
    es_client_saved_t where = {0};
    char text[ES_ID_TEXT_SIZE + 8] = "id: ";
    es_start_t present;
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    assert_int_equal(es_store_current(hub.store, &present), 0);
    where.cursor = present.pos;
    where.control = ES_CONTROL_RESET;
    where.reset_id = present.id;
    hub_say(&hub, "a", "one");
    assert_int_equal(es_store_current(hub.store, &present), 0);
    es_client_load(client, &where, 0, &present);
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    es_id_format(text + 4, &where.reset_id);
    assert_non_null(strstr(fake.got, "event: stream-reset"));
    assert_non_null(strstr(fake.got, text));
    assert_non_null(strstr(fake.got, "data: one"));
    part(client, &fake);
    hub_close(&hub);
}

/* A client that another child handed over within a frame, while the hub of this
 * child has not read that frame's record yet. */
static void test_no_keepalive_within_a_frame(void **state)
{
    es_client_saved_t where = {0};
    es_client_t *client;
    es_client_t *whole;
    es_start_t present;
    fake_sink_t fake, fake2;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    fake_init(&fake2, 0);
    client = join(&hub, &fake, "a");
    whole = join(&hub, &fake2, "a");
    where.cursor = es_client_pos(client);
    where.skip = 5;
    hub_say(&hub, "a", "one");
    assert_int_equal(step(whole, 0), ES_STEP_CURRENT);
    assert_int_equal(es_store_current(hub.store, &present), 0);
    es_client_load(client, &where, 0, &present);
    /* silent for longer than the keep-alive */
    assert_int_equal(es_client_step_to(client, where.cursor, 21 * SECOND,
                                       scratch, sizeof(scratch)),
                     ES_STEP_CURRENT);
    assert_int_equal(fake.len, 0);
    assert_int_equal(es_client_due(client), 0);
    assert_int_equal(step(client, 21 * SECOND), ES_STEP_CURRENT);
    assert_int_equal(fake.len, fake2.len - 5);
    assert_memory_equal(fake.got, fake2.got + 5, fake.len);
    assert_true(es_client_due(client) > 21 * SECOND);
    part(client, &fake);
    part(whole, &fake2);
    hub_close(&hub);
}

/* What the next owner gets of a client, and that an ending client stays. */
static void test_save(void **state)
{
    es_client_params_t params;
    es_client_saved_t where;
    es_client_t *client;
    fake_sink_t fake;
    es_slot_t slot;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    memset(&params, 0, sizeof(params));
    params.store = hub.store;
    params.child = 1;
    params.nslots = hub_subscribe(&hub, "a", &slot, &params.pos);
    params.slots = &slot;
    params.opts.lifetime = SECOND;
    params.opts.keepalive = 5;
    params.opts.keepalive_as_comment = 1;
    params.opts.send_timeout = 6;
    params.opts.retry_ms = 7;
    client = es_client_create(&params, &fake.sink, 0);
    hub_say(&hub, "b", "not its own");
    assert_true(es_client_save(client, SECOND / 4, &params, &where));
    assert_int_equal(where.cursor, es_store_head(hub.store));
    assert_int_equal(params.opts.lifetime, SECOND * 3 / 4);
    assert_int_equal(params.opts.keepalive, 5);
    assert_int_equal(params.opts.keepalive_as_comment, 1);
    assert_int_equal(params.opts.send_timeout, 6);
    assert_int_equal(params.opts.retry_ms, 7);
    assert_true(es_client_save(client, 5 * SECOND, &params, &where));
    assert_int_equal(params.opts.lifetime, 1); /* 0 would be no end */
    es_client_end(client, 1);
    assert_false(es_client_save(client, 0, &params, &where));
    part(client, &fake);
    hub_close(&hub);
}

/* The journal does not guarantee the records since the client was saved. */
static void test_lost_while_moving(void **state)
{
    es_client_saved_t where = {0};
    char text[ES_ID_TEXT_SIZE + 8] = "id: ";
    es_client_t *between, *within;
    fake_sink_t fake, fake2;
    es_start_t present;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    fake_init(&fake2, 0);
    between = join(&hub, &fake, "a");
    within = join(&hub, &fake2, "a");
    where.cursor = es_store_head(hub.store);
    hub_say(&hub, "a", "one");
    assert_int_equal(es_store_current(hub.store, &present), 0);
    es_client_load(between, &where, 1, &present);
    assert_int_equal(es_client_pos(between), present.pos);
    assert_int_equal(settle(between, 0), ES_STEP_CURRENT);
    es_id_format(text + 4, &present.id);
    assert_non_null(strstr(fake.got, "event: stream-reset"));
    assert_non_null(strstr(fake.got, text));
    assert_null(strstr(fake.got, "one"));
    /* a reset cannot stand within a keep-alive */
    where.control = ES_CONTROL_KEEPALIVE;
    where.control_offset = 5;
    es_client_load(within, &where, 1, &present);
    assert_int_equal(settle(within, 0), ES_STEP_ENDED);
    assert_int_equal(fake2.len, 0);
    part(between, &fake);
    part(within, &fake2);
    hub_close(&hub);
}

/* The ring overwrites a close while the client moves to another owner. */
static void test_closed_while_moving(void **state)
{
    es_client_saved_t where;
    es_client_params_t params;
    es_start_t present;
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 4096);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a");
    hub_say(&hub, "a", "one");
    assert_true(es_client_save(client, SECOND, &params, &where));
    hub_shut(&hub, "a");
    assert_int_equal(es_store_current(hub.store, &present), 0);
    es_client_load(client, &where, 1, &present);
    assert_int_equal(settle(client, SECOND), ES_STEP_ENDED);
    assert_int_equal(unchunk(fake.got, &fake.len), 1);
    assert_memory_equal(fake.got, "retry: ", 7);
    part(client, &fake);
    hub_close(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_the_drawing),
        cmocka_unit_test(test_live_then_blocked),
        cmocka_unit_test(test_blocked_then_live),
        cmocka_unit_test(test_behind_then_blocked_then_behind),
        cmocka_unit_test(test_reset_is_due),
        cmocka_unit_test(test_taken_over_is_behind),
        cmocka_unit_test(test_each_state_ends),
        cmocka_unit_test(test_ending_blocked_times_out),
        cmocka_unit_test(test_each_state_breaks),
        cmocka_unit_test(test_nothing_follows),
        cmocka_unit_test(test_no_offer_within_a_frame),
        cmocka_unit_test(test_moves_while_catching_up),
        cmocka_unit_test(test_reset_while_moving),
        cmocka_unit_test(test_no_keepalive_within_a_frame),
        cmocka_unit_test(test_save),
        cmocka_unit_test(test_lost_while_moving),
        cmocka_unit_test(test_closed_while_moving),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
