/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of deliver/client.c: which bytes a client gets, and when. Its states
 * are tested in client_state.c, its backlog in client_backlog.c.
 */
#include "t/unit/client_fixture.h"

#include "base/clock.h"
#include "journal/store_priv.h"

#include "deliver/round.h"

/* ---- partial writes ---------------------------------------------------- */

/*
 * Serve events, a keep-alive, events and the end to a sink that takes cut bytes
 * at first, and then a few at a time.
 */
static void serve_all(hub_t *hub, fake_sink_t *fake, apr_size_t cut)
{
    es_client_t *client = join(hub, fake, "a,b");
    es_step_t result;
    int more;

    fake->budget = cut;
    hub_say(hub, "a", "one\ntwo");
    hub_say(hub, "c", "not ours");
    hub_say(hub, "a,b", "three");
    settle(client, SECOND);
    settle(client, 21 * SECOND);
    settle(client, 22 * SECOND);
    hub_say(hub, "b", "four");
    result = settle(client, 23 * SECOND);
    for (more = 1; more < 5 && result == ES_STEP_BLOCKED; more++) {
        assert_int_equal(fake->budget, 0);
        fake->budget = more < 4 ? (apr_size_t)more : (apr_size_t)-1;
        result = settle(client, 24 * SECOND);
    }
    assert_int_equal(result, ES_STEP_CURRENT);
    es_client_end(client, 4321);
    es_client_end(client, 9999); /* only the first counts */
    fake->budget = cut % 40;
    while (settle(client, 25 * SECOND) == ES_STEP_BLOCKED) {
        fake->budget = 2;
    }
    assert_int_equal(settle(client, 25 * SECOND), ES_STEP_ENDED);
    assert_true(es_client_is_finished(client));
    assert_int_equal(fake->finished, 1);
    es_client_close(client);
}

/* Cut off the digits of ids, which differ from hub to hub. */
static char *without_ids(const char *text, apr_size_t len)
{
    char *copy = calloc(1, len + 1);
    apr_size_t i, n = 0;

    for (i = 0; i < len; i++) {
        if (i >= 4 && strncmp(text + i - 4, "id: ", 4) == 0) {
            while (text[i] != '\n') {
                i++;
            }
        }
        copy[n++] = text[i];
    }
    return copy;
}

static void cut_everywhere(int chunked)
{
    const char *keepalive = "event: keep-alive\ndata: \n\n";
    fake_sink_t whole, fake;
    char *expected, *got, *at;
    apr_size_t cut, len;
    hub_t hub;

    hub_open(&hub, 1024 * 1024);
    fake_init(&whole, chunked);
    serve_all(&hub, &whole, (apr_size_t)-1 / 2);
    if (chunked) {
        assert_int_equal(unchunk(whole.got, &whole.len), 1);
    }
    expected = without_ids(whole.got, whole.len);
    at = strstr(expected, keepalive);
    assert_non_null(at);
    assert_memory_equal(expected, "id: \ndata: one\ndata: two\n\n", 26);
    assert_non_null(strstr(at, "data: four\n\nretry: 4321\n"));

    for (cut = 0; cut < whole.len + 30; cut++) {
        fake_init(&fake, chunked);
        serve_all(&hub, &fake, cut);
        len = fake.len;
        if (chunked) {
            assert_int_equal(unchunk(fake.got, &len), 1);
        }
        got = without_ids(fake.got, len);
        /* a client that takes nothing gets no keep-alive */
        if (strstr(got, keepalive) == NULL) {
            assert_true(strlen(got) + strlen(keepalive) == strlen(expected));
            assert_memory_equal(got, expected, (size_t)(at - expected));
            assert_string_equal(got + (at - expected), at + strlen(keepalive));
        }
        else {
            assert_string_equal(got, expected);
        }
        free(got);
        fake_clear(&fake);
    }
    free(expected);
    fake_clear(&whole);
    assert_int_equal(es_store_child_subscriptions(hub.store, 1), 0);
    hub_close(&hub);
}

static void test_cut_at_each_byte_chunked(void **state)
{
    (void)state;
    cut_everywhere(1);
}

static void test_cut_at_each_byte_identity(void **state)
{
    (void)state;
    cut_everywhere(0);
}

/* ---- how late it is ------------------------------------------------------ */

/* The oldest of the events that were written since it was last asked counts;
 * nothing else does. */
static void test_live_events_are_told_with_their_append(void **state)
{
    apr_uint32_t before, appended, none = 77;
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 1024 * 1024);
    fake_init(&fake, 0);
    fake.budget = (apr_size_t)-1;
    client = join(&hub, &fake, "a");
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_false(es_client_take_live(client, &none));
    before = (apr_uint32_t)es_clock_now();
    hub_say(&hub, "a", "one");
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    apr_sleep(20000);
    hub_say(&hub, "a", "two");
    hub_say(&hub, "b", "not ours");
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_true(es_client_take_live(client, &appended));
    assert_true(appended - before < 20000);
    assert_false(es_client_take_live(client, &none));
    settle(client, 30 * SECOND); /* a keep-alive */
    assert_non_null(strstr(fake.got, "keep-alive"));
    assert_false(es_client_take_live(client, &none));
    assert_int_equal(none, 77);
    part(client, &fake);
    hub_close(&hub);
}

static void test_a_replay_is_not_live(void **state)
{
    es_client_params_t params = {0};
    es_slot_t slots[1];
    apr_uint32_t events, appended;
    es_client_t *client;
    fake_sink_t fake;
    es_pos_t pos;
    hub_t hub;

    (void)state;
    hub_open(&hub, 1024 * 1024);
    fake_init(&fake, 0);
    fake.budget = (apr_size_t)-1;
    params.store = hub.store;
    params.child = 1;
    params.nslots = hub_subscribe(&hub, "a", slots, &params.pos);
    params.slots = slots;
    params.replays = 1;
    pos = params.pos;
    hub_say(&hub, "a", "past");
    client = es_client_create(&params, &fake.sink, 0);
    assert_non_null(client);
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_true(es_client_pos(client) > pos);
    assert_false(es_client_take_live(client, &appended));
    assert_true(es_client_take_replayed(client, &events));
    assert_int_equal(events, 1);
    hub_say(&hub, "a", "live");
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_true(es_client_take_live(client, &appended));
    assert_false(es_client_take_replayed(client, &events));
    part(client, &fake);
    hub_close(&hub);
}

/* A hub that has not looked for a while is behind a client that resumes. */
static void test_a_replay_beyond_the_hub_is_not_over(void **state)
{
    static char scratch[16 * 1024];
    es_client_params_t params = {0};
    es_slot_t slots[1];
    apr_uint32_t events;
    es_client_t *client;
    fake_sink_t fake;
    es_pos_t behind;
    hub_t hub;

    (void)state;
    hub_open(&hub, 1024 * 1024);
    fake_init(&fake, 0);
    fake.budget = (apr_size_t)-1;
    params.store = hub.store;
    params.child = 1;
    behind = es_store_head(hub.store);
    hub_say(&hub, "b", "not ours");
    params.nslots = hub_subscribe(&hub, "a", slots, &params.pos);
    params.slots = slots;
    params.replays = 1;
    hub_say(&hub, "a", "past");
    client = es_client_create(&params, &fake.sink, 0);
    assert_int_equal(
        es_client_step_to(client, behind, 0, scratch, sizeof(scratch)),
        ES_STEP_CURRENT);
    assert_false(es_client_take_replayed(client, &events));
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_true(es_client_take_replayed(client, &events));
    assert_int_equal(events, 1);
    part(client, &fake);

    /* nothing of its channel is beyond */
    fake_init(&fake, 0);
    fake.budget = (apr_size_t)-1;
    params.nslots = hub_subscribe(&hub, "a", slots, &params.pos);
    hub_say(&hub, "b", "not ours");
    client = es_client_create(&params, &fake.sink, 0);
    assert_int_equal(
        es_client_step_to(client, behind, 0, scratch, sizeof(scratch)),
        ES_STEP_CURRENT);
    assert_true(es_client_take_replayed(client, &events));
    assert_int_equal(events, 0);
    part(client, &fake);
    hub_close(&hub);
}

/* ---- in order, and once ------------------------------------------------- */

static int on_wants(void *baton, es_slot_t slot)
{
    (void)baton;
    return slot != 0;
}

/* Is event n of the test below published to one of these channels? */
static int is_of(int n, const char *channels)
{
    char name[2] = {"abcd"[n % 4], '\0'};
    char second[2] = {"abcd"[n / 4 % 4], '\0'};

    return strstr(channels, name) != NULL ||
           (n % 5 == 0 && strstr(channels, second) != NULL);
}

static void check_all(fake_sink_t *fake, const char *channels, int from,
                      int count)
{
    apr_size_t len = fake->len;
    const char *at;
    char text[32];
    int i;

    if (fake->sink.chunked) {
        assert_int_equal(unchunk(fake->got, &len), 0);
    }
    at = fake->got;
    for (i = from; i < count; i++) {
        if (!is_of(i, channels)) {
            continue;
        }
        at = strstr(at, "data: ");
        assert_non_null(at);
        snprintf(text, sizeof(text), "data: <%d>", i);
        assert_int_equal(strncmp(at, text, strlen(text)), 0);
        at++;
    }
    assert_null(strstr(at, "data: "));
}

/* What its line has counted: each event once, and all bytes. */
static void check_counts(const es_client_t *client, const fake_sink_t *fake,
                         const char *channels, int count)
{
    apr_uint64_t events = 0;
    int i;

    for (i = 0; i < count; i++) {
        events += is_of(i, channels) != 0;
    }
    assert_int_equal(client->line->events, events);
    assert_int_equal(client->line->bytes, fake->len);
    assert_int_equal(client->figures->deliveries, events);
    assert_int_equal(client->figures->bytes, fake->len);
}

/*
 * Clients of one and of several channels take part in rounds as in the
 * delivery: a current client gets offers, any other is stepped up to where the
 * next round starts.
 */
static void test_order_and_once(void **state)
{
    static const char *const sets[] = {"a",   "b", "a,b", "c,d", "a,b,c,d",
                                       "d,a", "c", "b,c", "d",   "a,c"};
    enum { CLIENTS = 10, EVENTS = 1200 };
    es_round_t *round = es_round_create(20000);
    es_client_t *clients[CLIENTS];
    fake_sink_t fakes[CLIENTS];
    es_step_t states[CLIENTS];
    char *data = malloc(3000);
    const es_slot_t *slots;
    const es_round_frames_t *wire;
    es_pos_t pos, head;
    char channels[8];
    int nslots, i, n, c;
    hub_t hub;
    es_hub_figures_t figures[CLIENTS] = {{0}};

    (void)state;
    srand(11);
    hub_open(&hub, 2 * 1024 * 1024);
    pos = es_store_head(hub.store);
    for (i = 0; i < CLIENTS; i++) {
        fake_init(&fakes[i], i % 3 != 0);
        clients[i] = join(&hub, &fakes[i], sets[i]);
        clients[i]->line = es_stream_line_create(es_slice_of(""), 0);
        clients[i]->figures = &figures[i];
        states[i] = ES_STEP_CURRENT;
    }
    for (n = 0; n < EVENTS;) {
        for (i = rand() % 30; i >= 0 && n < EVENTS; i--, n++) {
            memset(data, 'x', 3000);
            c = snprintf(data, 20, "<%d>", n);
            data[c] = 'x';
            snprintf(channels, sizeof(channels),
                     n % 5 == 0 && n % 4 != n / 4 % 4 ? "%c,%c" : "%c",
                     "abcd"[n % 4], "abcd"[n / 4 % 4]);
            hub_publish(&hub, channels, data,
                        (apr_size_t)(20 + rand() % (n % 9 ? 100 : 2900)));
        }
        head = es_store_head(hub.store);
        if (rand() % 3 == 0) {
            head = pos; /* no round, clients only */
        }
        if (head > pos) {
            assert_int_equal(
                es_round_take(round, hub.store, pos, head, on_wants, NULL),
                APR_SUCCESS);
        }
        for (i = 0; i < CLIENTS; i++) {
            if (rand() % 2) {
                fakes[i].budget = (apr_size_t)rand() % 3000;
            }
            if (head > pos && states[i] == ES_STEP_CURRENT) {
                slots = es_client_slots(clients[i], &nslots);
                wire =
                    es_round_merge(round, slots, nslots, fakes[i].sink.chunked);
                if (wire != NULL) {
                    states[i] = es_client_offer(clients[i], pos,
                                                es_round_end(round), wire, 0);
                }
            }
            else if (states[i] != ES_STEP_CURRENT) {
                states[i] = es_client_step_to(clients[i], pos, 0, scratch,
                                              n % 2 ? 4000 : 700);
                if (states[i] == ES_STEP_CURRENT && head > pos) {
                    /* it is at this round's start only: next time */
                    states[i] = ES_STEP_MORE;
                }
            }
            assert_int_not_equal(states[i], ES_STEP_ENDED);
        }
        if (head > pos) {
            pos = es_round_end(round);
        }
    }
    for (i = 0; i < CLIENTS; i++) {
        fakes[i].budget = (apr_size_t)-1;
        if (states[i] == ES_STEP_CURRENT) {
            es_client_seek(clients[i], pos);
        }
        assert_int_equal(settle(clients[i], 0), ES_STEP_CURRENT);
        check_all(&fakes[i], sets[i], 0, EVENTS);
        check_counts(clients[i], &fakes[i], sets[i], EVENTS);
        part(clients[i], &fakes[i]);
    }
    free(data);
    es_round_destroy(round);
    hub_close(&hub);
}

static void test_many_in_one_write(void **state)
{
    fake_sink_t fake;
    es_client_t *client;
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 1024 * 1024);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a");
    for (i = 0; i < 200; i++) {
        hub_say(&hub, i % 2 ? "a" : "b", "x");
    }
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_int_equal(fake.writes, 1);
    assert_true(es_client_pos(client) == es_store_head(hub.store));
    part(client, &fake);
    hub_close(&hub);
}

static void test_larger_than_scratch(void **state)
{
    apr_size_t size = 3 * ES_CLIENT_SCRATCH_MIN;
    char *data = malloc(size);
    es_client_t *client;
    fake_sink_t fake;
    apr_size_t len;
    hub_t hub;

    (void)state;
    hub_open(&hub, 4 * 1024 * 1024);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a");
    memset(data, 'x', size);
    hub_say(&hub, "a", "before");
    hub_publish(&hub, "a", data, size);
    hub_say(&hub, "a", "after");
    fake.budget = 1000;
    while (settle(client, 0) == ES_STEP_BLOCKED) {
        fake.budget = 100000;
    }
    len = fake.len;
    assert_int_equal(unchunk(fake.got, &len), 0);
    assert_true(len > size);
    assert_non_null(strstr(fake.got, "xxx\n\nid: "));
    assert_non_null(strstr(fake.got, "data: after\n\n"));
    part(client, &fake);
    free(data);
    hub_close(&hub);
}

/* A step reads a bounded number of records; the next step continues. */
static void test_bounded_step(void **state)
{
    fake_sink_t fake;
    es_client_t *client;
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 4 * 1024 * 1024);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a");
    for (i = 0; i < 5000; i++) {
        hub_say(&hub, "b", "x");
    }
    for (i = 0; i < ES_SCAN_LINKS_MAX; i++) {
        hub_say(&hub, "a", "x");
    }
    hub_say(&hub, "a", "here");
    assert_int_equal(step(client, 0), ES_STEP_MORE);
    assert_int_equal(fake.len, 0);
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_non_null(strstr(fake.got, "data: here"));
    part(client, &fake);
    hub_close(&hub);
}

/* However many records of other channels come first, one step finds the
 * client's own, also if the sink takes only a part. */
static void test_many_others(void **state)
{
    fake_sink_t fake;
    es_client_t *client;
    hub_t hub;
    int i, k;

    (void)state;
    hub_open(&hub, 4 * 1024 * 1024);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a,c");
    for (k = 0; k < 3; k++) {
        for (i = 0; i < 5000; i++) {
            hub_say(&hub, "b", "x");
        }
        hub_say(&hub, "c,a", k == 0 ? "one" : k == 1 ? "two" : "three");
    }
    fake.budget = 0;
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    fake.budget = strlen("2f\r\n"); /* within the first frame */
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    fake.budget = 60; /* within the second one */
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    assert_non_null(strstr(fake.got, "data: one"));
    fake.budget = (apr_size_t)-1;
    assert_int_equal(step(client, 0), ES_STEP_CURRENT);
    assert_non_null(strstr(strstr(fake.got, "data: two"), "data: three"));
    assert_true(es_client_pos(client) == es_store_head(hub.store));
    part(client, &fake);
    hub_close(&hub);
}

/* A step after which the tail is beyond the client again: it must not wait for
 * a step that finds the tail at rest. */
static void test_tail_that_moves(void **state)
{
    fake_sink_t fake;
    es_client_t *client;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a");
    lap(&hub, "b");
    hub_say(&hub, "a", "here");
    assert_true(es_client_pos(client) < es_store_tail(hub.store));
    assert_int_equal(step(client, 0), ES_STEP_CURRENT);
    assert_non_null(strstr(fake.got, "data: here"));
    assert_null(strstr(fake.got, "stream-reset"));
    part(client, &fake);
    hub_close(&hub);
}

/* ---- the cursor and the ring ------------------------------------------- */

static void test_offer_only_to_an_up_to_date_client(void **state)
{
    struct iovec iov = {"xyz", 3};
    es_client_t *client;
    fake_sink_t fake;
    es_pos_t start, end;
    hub_t hub;

    (void)state;
    hub_open(&hub, 256 * 1024);
    start = es_store_head(hub.store);
    hub_say(&hub, "b", "before it came");
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a");
    end = hub_say(&hub, "a", "one");
    assert_int_equal(es_client_offer(client, start, end, frames_of(&iov, 1), 0),
                     ES_STEP_MORE);
    start = es_client_pos(client);
    fake.budget = 0;
    assert_int_equal(es_client_offer(client, start, end, frames_of(&iov, 1), 0),
                     ES_STEP_BLOCKED);
    fake.budget = 100;
    assert_int_equal(es_client_offer(client, start, end, frames_of(&iov, 1), 0),
                     ES_STEP_MORE);
    assert_int_equal(fake.len, 0);
    /* up to the limit, not beyond */
    assert_int_equal(
        es_client_step_to(client, start, 0, scratch, sizeof(scratch)),
        ES_STEP_CURRENT);
    assert_int_equal(fake.len, 0);
    assert_int_equal(
        es_client_step_to(client, end, 0, scratch, sizeof(scratch)),
        ES_STEP_CURRENT);
    assert_non_null(strstr(fake.got, "data: one\n"));
    part(client, &fake);
    hub_close(&hub);
}

static void test_overtaken_between_frames(void **state)
{
    es_hub_figures_t figures = {0};
    es_client_t *client;
    char expected[80];
    fake_sink_t fake;
    apr_size_t len;
    char *at;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a,b\"q");
    client->figures = &figures;
    lap(&hub, "a");
    fake.budget = 30; /* the reset itself is cut */
    assert_int_equal(settle(client, 0), ES_STEP_BLOCKED);
    snprintf(expected, sizeof(expected), "id: %lu-%lu\n",
             (unsigned long)hub.appended.last_id.ms,
             (unsigned long)hub.appended.last_id.n);
    hub_say(&hub, "a", "next");
    fake.budget = (apr_size_t)-1;
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    len = fake.len;
    assert_int_equal(unchunk(fake.got, &len), 0);
    at = strstr(fake.got, "event: stream-reset\n");
    assert_ptr_equal(at, fake.got);
    assert_non_null(strstr(at, expected)); /* the id of when the reset began */
    assert_non_null(strstr(at, "\"a\""));
    assert_non_null(strstr(at, "\"b\\\"q\""));
    assert_non_null(strstr(at, "data: next\n"));
    assert_null(strstr(at, "xxx"));
    assert_int_equal(figures.resets[ES_RESET_OVERTAKEN], 1);
    assert_int_equal(figures.deliveries, 1);
    part(client, &fake);
    hub_close(&hub);
}

/* Another process has the store lock, perhaps for long: it is not waited
 * for. */
/* The journal is filled anew: each client is reset, and gets no history. */
static void test_filled(void **state)
{
    static const char *const channels[] = {"a", "b", "quiet", "a,b"};
    char id[ES_ID_TEXT_SIZE + 8];
    es_hub_figures_t figures = {0};
    es_client_t *clients[4];
    fake_sink_t fakes[4];
    es_start_t present;
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 16 * 1024);
    for (i = 0; i < 4; i++) {
        fake_init(&fakes[i], 0);
        clients[i] = join(&hub, &fakes[i], channels[i]);
        clients[i]->figures = &figures;
    }
    hub_say(&hub, "a", "one");
    hub_say(&hub, "b", "two");
    for (i = 0; i < 3; i++) { /* the last one is behind */
        assert_int_equal(settle(clients[i], 0), ES_STEP_CURRENT);
    }
    hub_fill(&hub, "b");
    assert_int_equal(es_store_current(hub.store, &present), APR_SUCCESS);
    memcpy(id, "id: ", 4);
    es_id_format(id + 4, &present.id);
    for (i = 0; i < 4; i++) {
        assert_int_equal(settle(clients[i], 0), ES_STEP_CURRENT);
        assert_non_null(strstr(fakes[i].got, "event: stream-reset"));
        assert_non_null(strstr(fakes[i].got, id));
        assert_null(strstr(fakes[i].got, "HISTORY"));
        assert_int_equal(strstr(fakes[i].got, "one") != NULL, i == 0);
    }
    assert_int_equal(figures.resets[ES_RESET_FILLED], 4);
    assert_int_equal(figures.resets[ES_RESET_OVERTAKEN], 0);
    hub_say(&hub, "a,b,quiet", "three");
    for (i = 0; i < 4; i++) {
        assert_int_equal(settle(clients[i], 0), ES_STEP_CURRENT);
        assert_non_null(strstr(fakes[i].got, "three"));
        assert_null(
            strstr(strstr(fakes[i].got, "stream-reset") + 1, "stream-reset"));
        part(clients[i], &fakes[i]);
    }
    hub_close(&hub);
}

/* Within a frame nothing can be told: the stream is cut. */
static void test_filled_within_a_frame(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 16 * 1024);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    fake.budget = 10;
    hub_say(&hub, "a", "a text of some length");
    assert_int_equal(settle(client, 0), ES_STEP_BLOCKED);
    fake.budget = (apr_size_t)-1;
    hub_fill(&hub, "a");
    assert_int_equal(settle(client, 0), ES_STEP_ENDED);
    assert_int_equal(fake.len, 10);
    part(client, &fake);
    hub_close(&hub);
}

static void test_overtaken_while_the_lock_is_taken(void **state)
{
    char expected[ES_ID_TEXT_SIZE + 8] = "\nid: ";
    es_repair_report_t report;
    fake_sink_t fake;
    es_client_t *client;
    hub_t hub;

    (void)state;
    hub_open(&hub, 65536);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    lap(&hub, "a");
    expected[5 + es_id_format(expected + 5, &hub.appended.last_id)] = '\0';
    es_store_set_lock_wait(hub.store, 0);
    assert_int_equal(es_store_lock(hub.store, &report), APR_SUCCESS);
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    es_store_unlock(hub.store, &report);
    assert_non_null(strstr(fake.got, "event: stream-reset\n"));
    assert_non_null(strstr(fake.got, expected));
    part(client, &fake);
    hub_close(&hub);
}

/* Its newest record is not committed: where it may continue is unknown. */
static void test_overtaken_while_a_publisher_is_stopped(void **state)
{
    es_repair_report_t report;
    es_slot_t slot;
    es_pos_t pos;
    fake_sink_t fake;
    es_client_t *client;
    hub_t hub;

    (void)state;
    hub_open(&hub, 65536);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    lap(&hub, "a");
    hub_subscribe(&hub, "a", &slot, &pos);
    es_store_set_lock_wait(hub.store, 0);
    assert_int_equal(es_store_lock(hub.store, &report), APR_SUCCESS);
    es_channels_at(&hub.store->channels, slot)->newest = pos;
    assert_int_equal(settle(client, 0), ES_STEP_ENDED);
    es_store_unlock(hub.store, &report);
    assert_true(es_client_is_finished(client)); /* not cut */
    assert_null(strstr(fake.got, "stream-reset"));
    assert_non_null(strstr(fake.got, "retry: 3000\n"));
    part(client, &fake);
    hub_close(&hub);
}

static void test_overtaken_within_a_frame(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a");
    hub_say(&hub, "a", "one");
    fake.budget = 10;
    assert_int_equal(settle(client, 0), ES_STEP_BLOCKED);
    lap(&hub, "a");
    fake.budget = (apr_size_t)-1;
    assert_int_equal(settle(client, 0), ES_STEP_ENDED);
    assert_false(es_client_is_finished(client));
    assert_int_equal(fake.len, 10);
    assert_int_equal(fake.finished, 0);
    part(client, &fake);
    hub_close(&hub);
}

/* Records of other channels fill the ring: the client has missed nothing, and
 * gets no reset. */
static void test_quiet_channel(void **state)
{
    es_client_t *quiet, *silent;
    fake_sink_t fake, fake2;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 1);
    fake_init(&fake2, 1);
    quiet = join(&hub, &fake, "q");
    silent = join(&hub, &fake2, "never");
    hub_say(&hub, "q", "one");
    assert_int_equal(settle(quiet, 0), ES_STEP_CURRENT);
    lap(&hub, "busy");
    assert_int_equal(settle(quiet, 0), ES_STEP_CURRENT);
    assert_int_equal(settle(silent, 0), ES_STEP_CURRENT);
    assert_int_equal(fake2.len, 0);
    hub_say(&hub, "q", "two");
    assert_int_equal(settle(quiet, 0), ES_STEP_CURRENT);
    assert_null(strstr(fake.got, "stream-reset"));
    assert_non_null(strstr(fake.got, "data: two"));
    part(quiet, &fake);
    part(silent, &fake2);
    hub_close(&hub);
}

/* ---- time -------------------------------------------------------------- */

static void test_keepalive(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;
    apr_time_t due;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    due = es_client_due(client);
    assert_true(due >= 15 * SECOND && due <= 20 * SECOND);
    assert_int_equal(step(client, due - 1), ES_STEP_CURRENT);
    assert_int_equal(fake.len, 0);
    assert_int_equal(step(client, due), ES_STEP_CURRENT);
    assert_string_equal(fake.got, "event: keep-alive\ndata: \n\n");
    assert_true(es_client_due(client) == 2 * due);
    hub_say(&hub, "a", "one");
    step(client, 30 * SECOND);
    assert_true(es_client_due(client) == 30 * SECOND + due);
    fake.len = 0;
    step(client, 30 * SECOND + due - 1);
    assert_int_equal(fake.len, 0);
    part(client, &fake);
    hub_close(&hub);
}

/* After one event to all, their keep-alives are due over a quarter of the
 * interval: in none of 20 parts of it are more than a few of them. */
static void test_keepalives_are_spread(void **state)
{
    enum { CLIENTS = 400, PARTS = 20 };
    int due[PARTS] = {0};
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;
    apr_time_t at;
    int i;

    (void)state;
    hub_open(&hub, 64 * 1024);
    for (i = 0; i < CLIENTS; i++) {
        fake_init(&fake, 0);
        client = join(&hub, &fake, "a");
        at = es_client_due(client) - 15 * SECOND;
        assert_true(at >= 0 && at <= 5 * SECOND);
        due[at < 5 * SECOND ? at * PARTS / (5 * SECOND) : PARTS - 1]++;
        part(client, &fake);
    }
    for (i = 0; i < PARTS; i++) {
        assert_true(due[i] > 0 && due[i] < 3 * CLIENTS / PARTS);
    }
    hub_close(&hub);
}

static void test_send_timeout(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a");
    fake.budget = 0;
    hub_say(&hub, "a", "one");
    assert_int_equal(step(client, 10 * SECOND), ES_STEP_BLOCKED);
    assert_true(es_client_due(client) == 70 * SECOND);
    fake.budget = 1; /* one byte restarts the timeout */
    assert_int_equal(step(client, 60 * SECOND), ES_STEP_BLOCKED);
    assert_true(es_client_due(client) == 120 * SECOND);
    assert_int_equal(step(client, 120 * SECOND - 1), ES_STEP_BLOCKED);
    assert_int_equal(step(client, 120 * SECOND), ES_STEP_ENDED);
    assert_int_equal(step(client, 121 * SECOND), ES_STEP_ENDED);
    assert_false(es_client_is_finished(client));
    part(client, &fake);
    hub_close(&hub);
}

static void test_broken_sink(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a,b");
    assert_int_equal(es_store_child_subscriptions(hub.store, 1), 2);
    fake.broken = 1;
    hub_say(&hub, "a", "one");
    assert_int_equal(step(client, 0), ES_STEP_ENDED);
    part(client, &fake);
    assert_int_equal(es_store_child_subscriptions(hub.store, 1), 0);
    hub_close(&hub);
}

static void test_counted_out(void **state)
{
    static const es_client_limits_t none = {0};
    void *mem = calloc(1, es_client_count_size(2));
    es_client_params_t params = {0};
    es_client_t *client;
    es_client_count_t *client_count;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 1);
    client_count = es_client_count_attach(mem, 2, hub.pool);
    assert_int_equal(
        es_client_count_add(client_count, 1, 7, &none, &params.counted),
        ES_CLIENT_COUNT_OK);
    params.store = hub.store;
    params.child = 1;
    client = es_client_create(&params, &fake.sink, 0);
    assert_int_equal(es_client_count_total(client_count, 1), 1);
    part(client, &fake);
    assert_int_equal(es_client_count_total(client_count, 1), 0);
    free(mem);
    hub_close(&hub);
}

/* The sink takes just one frame of a write: the cursor is behind it. */
static void test_cut_at_a_border(void **state)
{
    es_client_t *client;
    es_record_t record;
    fake_sink_t fake;
    es_pos_t pos;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    client = join(&hub, &fake, "a");
    pos = es_store_head(hub.store);
    hub_say(&hub, "a", "one");
    hub_say(&hub, "a", "two");
    assert_int_equal(es_store_look(hub.store, pos, &record), APR_SUCCESS);
    fake.budget = record.frame_len;
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    assert_int_equal(es_client_pos(client), record.next);
    part(client, &fake);
    hub_close(&hub);
}

/* A partially written frame is completed first. */
static void test_end_within_a_frame(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    apr_size_t len;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a");
    hub_say(&hub, "a", "one");
    fake.budget = 10;
    assert_int_equal(step(client, 0), ES_STEP_BLOCKED);
    hub_say(&hub, "a", "two");
    es_client_end(client, 4321);
    fake.budget = (apr_size_t)-1;
    assert_int_equal(settle(client, SECOND), ES_STEP_ENDED);
    len = fake.len;
    assert_int_equal(unchunk(fake.got, &len), 1);
    assert_non_null(strstr(fake.got, "data: one\n\nretry: 4321\n"));
    part(client, &fake);
    hub_close(&hub);
}

/* The clients of a closed channel do not all reconnect at once. */
static void test_closed_is_spread(void **state)
{
    fake_sink_t fakes[8];
    es_client_t *clients[8];
    long first = 0, retry;
    int others = 0;
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 64 * 1024);
    for (i = 0; i < 8; i++) {
        fake_init(&fakes[i], 0);
        clients[i] = join(&hub, &fakes[i], "a");
    }
    hub_shut(&hub, "a");
    for (i = 0; i < 8; i++) {
        assert_int_equal(settle(clients[i], 0), ES_STEP_ENDED);
        assert_int_equal(strncmp(fakes[i].got, "retry: ", 7), 0);
        retry = strtol(fakes[i].got + 7, NULL, 10);
        assert_in_range(retry, 3000, 3600);
        first = i == 0 ? retry : first;
        others += retry != first;
        part(clients[i], &fakes[i]);
    }
    assert_true(others > 0);
    hub_close(&hub);
}

/* ---- a channel that is closed ------------------------------------------- */

/* However few bytes the sink takes at a time, the client gets what was
 * published before the close, then the end, and nothing of what came later. */
static void test_closed(void **state)
{
    apr_size_t budget;

    (void)state;
    for (budget = 1; budget < 200; budget += 3) {
        es_client_t *client;
        fake_sink_t fake;
        hub_t hub;
        int retry;

        hub_open(&hub, 64 * 1024);
        fake_init(&fake, budget % 2);
        client = join(&hub, &fake, "a,b");
        hub_say(&hub, "a", "one");
        hub_shut(&hub, "other");
        hub_say(&hub, "b", "two");
        hub_shut(&hub, "b");
        hub_say(&hub, "a", "three");
        do {
            fake.budget = budget;
        } while (settle(client, SECOND) == ES_STEP_BLOCKED);
        assert_true(es_client_is_finished(client));
        assert_int_equal(fake.finished, 1);
        if (budget % 2) {
            assert_int_equal(unchunk(fake.got, &fake.len), 1);
        }
        assert_non_null(strstr(fake.got, "data: one\n\n"));
        assert_non_null(strstr(fake.got, "data: two\n\nretry: "));
        assert_null(strstr(fake.got, "three"));
        retry = atoi(strstr(fake.got, "retry: ") + 7);
        assert_in_range(retry, 3000, 3600);
        part(client, &fake);
        hub_close(&hub);
    }
}

/* The ring overwrites the close before the client has read it. */
static void test_closed_and_overtaken(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 4096);
    fake_init(&fake, 1);
    client = join(&hub, &fake, "a");
    hub_say(&hub, "a", "one");
    hub_shut(&hub, "a");
    for (i = 0; i < 100; i++) {
        hub_say(&hub, "b", "filler");
    }
    assert_int_equal(settle(client, SECOND), ES_STEP_ENDED);
    assert_int_equal(unchunk(fake.got, &fake.len), 1);
    assert_null(strstr(fake.got, "stream-reset"));
    assert_memory_equal(fake.got, "retry: ", 7);
    part(client, &fake);
    hub_close(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_at_each_byte_chunked),
        cmocka_unit_test(test_cut_at_each_byte_identity),
        cmocka_unit_test(test_live_events_are_told_with_their_append),
        cmocka_unit_test(test_a_replay_is_not_live),
        cmocka_unit_test(test_a_replay_beyond_the_hub_is_not_over),
        cmocka_unit_test(test_order_and_once),
        cmocka_unit_test(test_many_in_one_write),
        cmocka_unit_test(test_larger_than_scratch),
        cmocka_unit_test(test_bounded_step),
        cmocka_unit_test(test_many_others),
        cmocka_unit_test(test_tail_that_moves),
        cmocka_unit_test(test_offer_only_to_an_up_to_date_client),
        cmocka_unit_test(test_overtaken_between_frames),
        cmocka_unit_test(test_filled),
        cmocka_unit_test(test_filled_within_a_frame),
        cmocka_unit_test(test_overtaken_while_the_lock_is_taken),
        cmocka_unit_test(test_overtaken_while_a_publisher_is_stopped),
        cmocka_unit_test(test_overtaken_within_a_frame),
        cmocka_unit_test(test_quiet_channel),
        cmocka_unit_test(test_keepalive),
        cmocka_unit_test(test_keepalives_are_spread),
        cmocka_unit_test(test_send_timeout),
        cmocka_unit_test(test_broken_sink),
        cmocka_unit_test(test_counted_out),
        cmocka_unit_test(test_cut_at_a_border),
        cmocka_unit_test(test_end_within_a_frame),
        cmocka_unit_test(test_closed_is_spread),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_closed_and_overtaken),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
