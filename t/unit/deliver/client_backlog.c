/* SPDX-License-Identifier: Apache-2.0 */
/* A client that gets a part of the past before it is live. */
#include "t/unit/client_fixture.h"

/* A client that gets the latest events of each of its channels first. */
static es_client_t *join_for_latest(hub_t *hub, fake_sink_t *fake,
                                    const char *channels, apr_uint64_t latest)
{
    static const es_resume_reach_t all = {0, 0, 0, 0};
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_part_t replay[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    es_start_t start;
    es_client_t *client;

    params.store = hub->store;
    params.child = 1;
    params.nslots = hub_subscribe(hub, channels, slots, &start.pos);
    start.id = hub->appended.last_id;
    assert_int_equal(es_store_replay(hub->store, slots, params.nslots, latest,
                                     &all, replay, &start),
                     APR_SUCCESS);
    params.pos = start.pos;
    params.slots = slots;
    params.replay = replay;
    params.opts.keepalive = 20 * SECOND;
    client = es_client_create(&params, &fake->sink, 0);
    assert_non_null(client);
    return client;
}

/* The data of the events that the sink took, as "a b c"; a stream-reset as
 * "reset". */
static const char *taken(const fake_sink_t *fake)
{
    static char words[4096];
    const char *at = fake->got ? fake->got : "";

    words[0] = '\0';
    while ((at = strstr(at, "data: ")) != NULL) {
        at += 6;
        if (*at == '{') {
            strcat(words, "reset ");
        }
        else {
            strncat(words, at, strcspn(at, "\n."));
            strcat(words, " ");
        }
    }
    return words;
}

static void publish_large(hub_t *hub, const char *channel, const char *word)
{
    char data[2000];

    memset(data, '.', sizeof(data));
    memcpy(data, word, strlen(word));
    hub_publish(hub, channel, data, sizeof(data));
}

static void test_each_channel_has_its_start(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    fake.budget = (apr_size_t)-1;
    hub_say(&hub, "a", "a1");
    hub_say(&hub, "a", "a2");
    hub_say(&hub, "b", "b1");
    hub_say(&hub, "c", "c1");
    hub_say(&hub, "b", "b2");
    hub_say(&hub, "a,b", "ab");
    hub_say(&hub, "b", "b3");
    hub_say(&hub, "b", "b4");
    client = join_for_latest(&hub, &fake, "b,a,d", 2);
    hub_say(&hub, "b", "b5");
    hub_say(&hub, "d", "d1");
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_string_equal(taken(&fake), "a2 ab b3 b4 b5 d1 ");
    hub_say(&hub, "a", "a3");
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_string_equal(taken(&fake), "a2 ab b3 b4 b5 d1 a3 ");
    part(client, &fake);
    hub_close(&hub);
}

/* Wherever the sink stops, the client continues with the next byte. */
static void cut_everywhere(int chunked)
{
    apr_size_t cut, len = 1;

    for (cut = 0; cut <= len; cut++) {
        es_client_t *client;
        fake_sink_t fake;
        hub_t hub;

        hub_open(&hub, 64 * 1024);
        fake_init(&fake, chunked);
        hub_say(&hub, "a", "a1");
        hub_say(&hub, "b", "b1");
        hub_say(&hub, "b", "b2");
        hub_say(&hub, "a", "a2");
        client = join_for_latest(&hub, &fake, "a,b", cut % 2 ? 1 : 2);
        fake.budget = cut;
        while (settle(client, 0) == ES_STEP_BLOCKED) {
            fake.budget += 1 + cut % 7;
        }
        len = fake.len;
        assert_string_equal(taken(&fake), cut % 2 ? "b2 a2 " : "a1 b1 b2 a2 ");
        part(client, &fake);
        hub_close(&hub);
    }
}

static void test_cut_at_each_byte(void **state)
{
    (void)state;
    cut_everywhere(0);
    cut_everywhere(1);
}

/* The ring overwrites the start before anything was sent: the client gets what
 * is left, without a reset. */
static void test_overtaken_before_it_begins(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    char word[16];
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 16 * 1024);
    fake_init(&fake, 0);
    for (i = 0; i < 20; i++) {
        snprintf(word, sizeof(word), "%d", i);
        publish_large(&hub, "a", word);
    }
    client = join_for_latest(&hub, &fake, "a", ES_REPLAY_ALL);
    fake.budget = 0;
    assert_int_equal(settle(client, 0), ES_STEP_BLOCKED);
    publish_large(&hub, "a", "20");
    publish_large(&hub, "a", "21");
    fake.budget = (apr_size_t)-1;
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_null(strstr(fake.got, "stream-reset"));
    assert_string_equal(strstr(taken(&fake), "20 "), "20 21 ");
    assert_null(strstr(taken(&fake), "13 ")); /* no longer retained */
    part(client, &fake);
    hub_close(&hub);
}

/* The journal is filled anew before anything was sent: what the client has
 * missed since it subscribed is not known. */
static void test_filled_before_it_begins(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;

    (void)state;
    hub_open(&hub, 16 * 1024);
    fake_init(&fake, 0);
    publish_large(&hub, "a", "1");
    client = join_for_latest(&hub, &fake, "a", ES_REPLAY_ALL);
    hub_fill(&hub, "a");
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_non_null(strstr(fake.got, "stream-reset"));
    assert_null(strstr(fake.got, "HISTORY"));
    part(client, &fake);
    hub_close(&hub);
}

/* Once something was sent, a reset reports what the client has missed. */
static void test_overtaken_within_it(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 16 * 1024);
    fake_init(&fake, 0);
    for (i = 0; i < 4; i++) {
        publish_large(&hub, "a", "before");
    }
    client = join_for_latest(&hub, &fake, "a,b", 2);
    /* scratch has room for one record */
    fake.budget = (apr_size_t)-1;
    assert_int_equal(
        es_client_step_to(client, es_store_head(hub.store), 0, scratch, 3000),
        ES_STEP_MORE);
    fake.budget = 0;
    for (i = 0; i < 9; i++) {
        publish_large(&hub, "a", "after");
    }
    fake.budget = (apr_size_t)-1;
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_string_equal(taken(&fake), "before reset ");
    part(client, &fake);
    hub_close(&hub);
}

/* What the ring overwrites of a channel before its start is no loss. */
static void test_overtaken_before_its_start(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 16 * 1024);
    fake_init(&fake, 0);
    hub_say(&hub, "quiet", "q");
    for (i = 0; i < 4; i++) {
        publish_large(&hub, "busy", "old");
    }
    publish_large(&hub, "busy", "new");
    client = join_for_latest(&hub, &fake, "quiet,busy", 1);
    fake.budget = (apr_size_t)-1;
    assert_int_equal(
        es_client_step_to(client, es_store_head(hub.store), 0, scratch, 100),
        ES_STEP_MORE);
    assert_string_equal(taken(&fake), "q ");
    for (i = 0; i < 5; i++) {
        publish_large(&hub, "other", "x"); /* overwrites the old ones */
    }
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_string_equal(taken(&fake), "q new ");
    part(client, &fake);
    hub_close(&hub);
}

/* Once the backlog is over, a client that has got nothing has lost events like
 * any other. */
static void test_overtaken_after_it(void **state)
{
    es_client_t *client;
    fake_sink_t fake;
    hub_t hub;
    int i;

    (void)state;
    hub_open(&hub, 16 * 1024);
    fake_init(&fake, 0);
    client = join_for_latest(&hub, &fake, "a", ES_REPLAY_ALL);
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    for (i = 0; i < 20; i++) {
        publish_large(&hub, "a", "x");
    }
    fake.budget = (apr_size_t)-1;
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_string_equal(taken(&fake), "reset ");
    part(client, &fake);
    hub_close(&hub);
}

/* A round would also write events of before a channel's start. */
static void test_no_round_before_it_is_over(void **state)
{
    struct iovec iov = {NULL, 0};
    es_client_t *client;
    fake_sink_t fake;
    es_pos_t before;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    fake_init(&fake, 0);
    fake.budget = (apr_size_t)-1;
    hub_say(&hub, "a", "a1");
    before = es_store_head(hub.store);
    hub_say(&hub, "a", "a2");
    client = join_for_latest(&hub, &fake, "a,b", ES_REPLAY_ALL);
    assert_int_equal(client->state, ES_CLIENT_BEHIND);
    assert_int_equal(es_client_offer(client, before, es_store_head(hub.store),
                                     frames_of(&iov, 1), 0),
                     ES_STEP_MORE);
    assert_int_equal(
        es_client_step_to(client, before, 0, scratch, sizeof(scratch)),
        ES_STEP_CURRENT);
    assert_int_equal(client->state, ES_CLIENT_BEHIND);
    assert_int_equal(es_client_offer(client, before, es_store_head(hub.store),
                                     frames_of(&iov, 1), 0),
                     ES_STEP_MORE);
    assert_int_equal(settle(client, 0), ES_STEP_CURRENT);
    assert_string_equal(taken(&fake), "a1 a2 ");
    assert_int_equal(client->state, ES_CLIENT_LIVE);
    before = es_store_head(hub.store);
    assert_int_equal(
        es_client_offer(client, before, before, frames_of(&iov, 1), 0),
        ES_STEP_CURRENT);
    part(client, &fake);
    hub_close(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_channel_has_its_start),
        cmocka_unit_test(test_cut_at_each_byte),
        cmocka_unit_test(test_overtaken_before_it_begins),
        cmocka_unit_test(test_filled_before_it_begins),
        cmocka_unit_test(test_overtaken_within_it),
        cmocka_unit_test(test_overtaken_before_its_start),
        cmocka_unit_test(test_overtaken_after_it),
        cmocka_unit_test(test_no_round_before_it_is_over),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
