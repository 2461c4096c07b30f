/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of a client whose sink keeps a rest: it takes pieces as a whole, of
 * which it may have sent only a part. What its peer gets is what the peer of a
 * plain sink gets, then the sink's own end.
 */
#include "t/unit/client_fixture.h"

#define assert_state(client, is) assert_int_equal((client)->state, is)

/* A rest is sent first, also when there is no news. */
static void test_a_rest_goes_out_without_news(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    es_pos_t head;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init_keeping(&fake, 0);
    client = join(&hub, &fake, "a");
    head = hub_say(&hub, "a", "one");
    fake.budget = 1;
    while (fake.rest_len == 0 || es_client_pos(client) < head) {
        assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
        assert_state(client, ES_CLIENT_BLOCKED);
        fake.budget += fake.budget == 0;
    }
    /* the last piece is taken as a whole: nothing of the frame is due */
    assert_int_equal(client->skip, 0);
    fake.budget = 0;
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    assert_null(strstr(fake.got, "one\n\n"));
    fake.budget = fake.rest_len;
    assert_int_equal(step(client, 0), ES_STEP_CURRENT);
    assert_state(client, ES_CLIENT_LIVE);
    assert_non_null(strstr(fake.got, "one\n\n"));
    part(client, &fake);
    hub_close(&hub);
}

/* A round that is taken as a whole is over, though its last bytes are kept. */
static void test_an_offer_that_is_taken_whole(void **state)
{
    struct iovec iov[2] = {{"xyz", 3}, {"uvw", 3}};
    es_client_t *client;
    fake_sink_t fake;
    es_pos_t start, end;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init_keeping(&fake, 0);
    client = join(&hub, &fake, "a");
    start = es_store_head(hub.store);
    end = hub_say(&hub, "a", "one");
    fake.budget = 5;
    assert_int_equal(es_client_offer(client, start, end, frames_of(iov, 2), 0),
                     ES_STEP_BLOCKED);
    assert_int_equal(es_client_pos(client), end);
    assert_int_equal(client->skip, 0);
    /* no round writes in between */
    assert_int_equal(
        es_client_offer(client, end, end + 1, frames_of(iov, 2), 0),
        ES_STEP_MORE);
    fake.budget = (apr_size_t)-1;
    assert_int_equal(step(client, 0), ES_STEP_CURRENT);
    assert_string_equal(fake.got, "xyzuvw");
    part(client, &fake);
    hub_close(&hub);
}

/* Each byte of a rest that is sent is progress. */
static void test_a_rest_that_moves_restarts_the_timeout(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init_keeping(&fake, 0);
    client = join(&hub, &fake, "a");
    hub_say(&hub, "a", "one");
    fake.budget = 1;
    assert_int_equal(step(client, 10 * SECOND), ES_STEP_BLOCKED);
    assert_true(es_client_due(client) == 70 * SECOND);
    fake.budget = 1;
    assert_int_equal(step(client, 60 * SECOND), ES_STEP_BLOCKED);
    assert_int_equal(fake.len, 2);
    assert_true(es_client_due(client) == 120 * SECOND);
    assert_int_equal(step(client, 120 * SECOND - 1), ES_STEP_BLOCKED);
    assert_int_equal(step(client, 120 * SECOND), ES_STEP_ENDED);
    assert_state(client, ES_CLIENT_BROKEN);
    part(client, &fake);
    hub_close(&hub);
}

/* The stream is complete only when the sink's own end has gone out. */
static void test_the_end_waits_for_the_rest(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    es_step_t result;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init_keeping(&fake, 1);
    client = join(&hub, &fake, "a");
    es_client_end(client, 4321);
    do {
        assert_int_equal(fake.finished, 0);
        fake.budget = 1;
        result = step(client, 0);
    } while (result == ES_STEP_BLOCKED);
    assert_int_equal(result, ES_STEP_ENDED);
    assert_state(client, ES_CLIENT_FINISHED);
    assert_int_equal(fake.finished, 1);
    assert_string_equal(fake.got, "c\r\nretry: 4321\n\r\n0\r\n\r\n" FAKE_END);
    part(client, &fake);
    hub_close(&hub);
}

static void test_the_end_breaks_in_the_middle(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init_keeping(&fake, 1);
    client = join(&hub, &fake, "a");
    es_client_end(client, 4321);
    fake.budget = 24; /* its own end in part */
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    assert_string_equal(fake.got, "c\r\nretry: 4321\n\r\n0\r\n\r\nEN");
    fake.broken = 1;
    assert_int_equal(step(client, 0), ES_STEP_ENDED);
    assert_state(client, ES_CLIENT_BROKEN);
    assert_int_equal(fake.finished, 0);
    part(client, &fake);
    hub_close(&hub);
}

/* The sink says that the stream must end: it ends with all that is due. */
static void test_the_sink_asks_for_the_end(void **state)
{
    struct iovec iov = {"xyz", 3};
    es_client_t *client;
    fake_sink_t fake;
    es_pos_t start, end;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init_keeping(&fake, 0);
    client = join(&hub, &fake, "a");
    start = es_store_head(hub.store);
    end = hub_say(&hub, "a", "one");
    assert_int_equal(es_client_offer(client, start, end, frames_of(&iov, 1), 0),
                     ES_STEP_CURRENT);
    fake.says_end = 1;
    hub_say(&hub, "a", "two");
    assert_int_equal(step(client, 0), ES_STEP_ENDED);
    assert_state(client, ES_CLIENT_FINISHED);
    assert_memory_equal(fake.got, "xyzretry: 3", 11); /* up to a fifth longer */
    assert_string_equal(fake.got + fake.len - 5, "\n" FAKE_END);
    part(client, &fake);
    hub_close(&hub);
}

/* A round learns of it because the sink is not ready after its write. */
static void test_a_round_learns_that_the_sink_asks_for_the_end(void **state)
{
    struct iovec iov = {"xyz", 3};
    es_client_t *client;
    fake_sink_t fake;
    es_pos_t start, end;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init_keeping(&fake, 0);
    client = join(&hub, &fake, "a");
    start = es_store_head(hub.store);
    end = hub_say(&hub, "a", "one");
    fake.budget = 2;
    fake.says_end = 1;
    assert_int_equal(es_client_offer(client, start, end, frames_of(&iov, 1), 0),
                     ES_STEP_BLOCKED);
    fake.budget = (apr_size_t)-1;
    assert_int_equal(settle(client, 0), ES_STEP_ENDED);
    assert_memory_equal(fake.got, "xyzretry: 3", 11);
    part(client, &fake);
    hub_close(&hub);
}

/* ---- the same bytes as a plain sink -------------------------------------- */

static apr_size_t some_bytes(void)
{
    return (apr_size_t)(rand() % 9);
}

/* Another client goes on where this one stands, with what its sink keeps. */
static void move(es_client_t **client, hub_t *hub, fake_sink_t *fakes, int *at)
{
    fake_sink_t *from = &fakes[*at];
    fake_sink_t *to = &fakes[1 - *at];
    es_client_params_t params;
    es_client_saved_t saved;
    es_start_t present;
    es_client_t *next;

    if (!es_client_save(*client, 0, &params, &saved)) {
        return; /* it ends, or stands within a reset */
    }
    fake_init_keeping(to, from->sink.chunked);
    free(to->got);
    to->got = from->got;
    to->len = from->len;
    to->room = from->room;
    to->budget = from->budget;
    memcpy(to->rest, from->rest, sizeof(to->rest));
    to->rest_len = from->rest_len;
    from->got = NULL;
    next = join(hub, to, "a,b");
    assert_int_equal(es_store_current(hub->store, &present), 0);
    es_client_load(next, &saved, 0, &present);
    es_client_close(*client);
    *client = next;
    *at = 1 - *at;
}

/* One thing happens to the client of a sink that keeps a rest. */
static void happen(es_client_t **client, hub_t *hub, fake_sink_t *fakes,
                   int *at, const char *text)
{
    fakes[*at].budget = some_bytes();
    switch (rand() % 8) {
    case 0:
    case 1:
        hub_publish(hub, rand() % 3 == 0 ? "b" : "a", text,
                    (apr_size_t)(rand() % 60));
        break;
    case 2: move(client, hub, fakes, at); break;
    default: (void)step(*client, 0);
    }
}

static void test_the_bytes_are_those_of_a_plain_sink(void **state)
{
    fake_sink_t plain, fakes[2];
    es_client_t *client, *other;
    char text[60];
    hub_t hub;
    int round, i, at;

    (void)state;
    memset(text, 'x', sizeof(text));
    for (round = 0; round < 300; round++) {
        srand((unsigned)round);
        at = 0;
        hub_open(&hub, 1024 * 1024);
        fake_init(&plain, round % 2);
        fake_init_keeping(&fakes[0], round % 2);
        client = join(&hub, &fakes[0], "a,b");
        other = join(&hub, &plain, "a,b");
        for (i = 0; i < 200; i++) {
            happen(&client, &hub, fakes, &at, text);
        }
        assert_int_equal(settle(other, 0), ES_STEP_CURRENT);
        if (round % 3 == 0) {
            fakes[at].budget = (apr_size_t)-1;
            assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
            assert_int_equal(fakes[at].len, plain.len);
        }
        es_client_end(client, 3000);
        es_client_end(other, 3000);
        do {
            fakes[at].budget = some_bytes();
        } while (step(client, 0) != ES_STEP_ENDED);
        assert_int_equal(settle(other, 0), ES_STEP_ENDED);
        if (round % 3 == 0) {
            assert_int_equal(fakes[at].len, plain.len + strlen(FAKE_END));
            assert_memory_equal(fakes[at].got, plain.got, plain.len);
        }
        else { /* its end may have come before some records */
            assert_true(strncmp(fakes[at].got, plain.got,
                                (apr_size_t)(strstr(fakes[at].got, "retry:") -
                                             fakes[at].got) -
                                    4 * (apr_size_t)(round % 2)) == 0);
        }
        assert_string_equal(fakes[at].got + fakes[at].len - 4, FAKE_END);
        assert_int_equal(fakes[at].finished, 1);
        es_client_close(client);
        part(other, &plain);
        fake_clear(&fakes[at]);
        hub_close(&hub);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rest_goes_out_without_news),
        cmocka_unit_test(test_an_offer_that_is_taken_whole),
        cmocka_unit_test(test_a_rest_that_moves_restarts_the_timeout),
        cmocka_unit_test(test_the_end_waits_for_the_rest),
        cmocka_unit_test(test_the_end_breaks_in_the_middle),
        cmocka_unit_test(test_the_sink_asks_for_the_end),
        cmocka_unit_test(test_a_round_learns_that_the_sink_asks_for_the_end),
        cmocka_unit_test(test_the_bytes_are_those_of_a_plain_sink),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
