/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of http/publish_store.c: the checks of a batch, and what storing one
 * does. The publishers of other modules are stubs.
 */
#include "t/unit/store_kit.h"
#include "t/unit/unit.h"

#include "http/publish_result.c"
#include "http/publish_store.c"
#include "http/request_channels.c"
#include "t/unit/httpd_stub.h"
#include "t/unit/runtime_stub.h"

#define CHANNELS 4
#define EVENTS 100
#define REFUSED 401

static kit_t *kit;
static es_runtime_hub_t hub;
static es_grip_t grip;
static request_rec *r;
static es_dir_t *conf;
static es_request_rights_t rights;
static es_event_t events[EVENTS];
static es_batch_t batch;
static es_appended_t done;
static es_publish_result_t result;
static es_problem_t why;

/* ---- Publishers of other modules --------------------------------------- */

static int is_calling, is_refusing, calls;

int es_publishers_is_calling(void)
{
    return is_calling;
}

int es_publishers_call(const char *name, const es_batch_t *given,
                       const es_id_t *last_id, apr_pool_t *p, es_problem_t *out)
{
    assert_string_equal(name, "news");
    assert_ptr_equal(given, &batch);
    assert_ptr_equal(last_id, &done.last_id);
    calls++;
    return !is_refusing || es_problem_set(out, p, 502, "A publisher refused.");
}

/* ---- The rules of httpd: they admit all --------------------------------- */

int es_channel_access_admits(request_rec *asked, es_slice_t name)
{
    (void)asked;
    (void)name;
    return OK;
}

/* ---- What a clustered hub calls ----------------------------------------- */

static int cluster_calls;

int es_publish_cluster(const es_runtime_hub_t *given, const es_batch_t *events_,
                       apr_pool_t *p, es_appended_t *out, es_problem_t *problem)
{
    (void)p;
    assert_ptr_equal(given, &hub);
    assert_ptr_equal(events_, &batch);
    cluster_calls++;
    if (is_refusing) {
        return es_problem_set(problem, p, 503, "No broker.");
    }
    out->head = 1;
    out->clients = 7;
    return 1;
}

int es_publish_cluster_close(const es_runtime_hub_t *given, es_slice_t name,
                             apr_int64_t seconds, apr_pool_t *p,
                             es_closed_t *out, es_problem_t *problem)
{
    (void)p;
    (void)problem;
    assert_ptr_equal(given, &hub);
    assert_true(es_slice_is(name, "a"));
    cluster_calls++;
    out->clients = (apr_uint64_t)seconds;
    return 1;
}

/* ---- A hub and a request ----------------------------------------------- */

static int open_hub(void **state)
{
    (void)state;
    kit = kit_open(65536, CHANNELS, 0);
    es_store_set_clock(kit->store, es_clock_ms());
    memset(&hub, 0, sizeof(hub));
    hub.name = "news";
    hub.store = kit->store;
    memset(&grip, 0, sizeof(grip));
    memset(&runtime_stub, 0, sizeof(runtime_stub));
    runtime_stub.max_children = kit->params.max_children;
    memset(events, 0, sizeof(events));
    memset(&batch, 0, sizeof(batch));
    batch.events = events;
    batch.unnamed = -1;
    batch.unnamed_has = "it has none";
    memset(&done, 0, sizeof(done));
    memset(&result, 0, sizeof(result));
    result.shows_proxies = 1;
    memset(&why, 0, sizeof(why));
    is_calling = is_refusing = calls = cluster_calls = 0;
    r = stub_request(pool);
    conf = stub_conf(r);
    conf->max_client_channels = 1000;
    conf->max_event_bytes = 100000;
    return 0;
}

static int close_hub(void **state)
{
    kit_check(kit);
    kit_close(kit, 0);
    return unit_after_each(state);
}

/* Add an event for a channel, NULL = none, to the batch. */
static es_event_t *add_event(const char *channel, es_slice_t data)
{
    es_event_t *event = &events[batch.count++];
    es_slice_t *name = apr_palloc(pool, sizeof(*name));

    *name = es_slice_of(channel);
    event->channels = name;
    event->nchannels = channel != NULL;
    event->data = data;
    event->retry_ms = -1;
    if (!channel && batch.unnamed < 0) {
        batch.unnamed = batch.count - 1;
    }
    return event;
}

/* EventStreamChannelList with this many names: 0, 1, ... */
static void add_location_channels(int count)
{
    es_source_t *source;
    const char *list = "0";
    int i;

    for (i = 1; i < count; i++) {
        list = apr_psprintf(pool, "%s,%d", list, i);
    }
    conf->sources = apr_array_make(pool, 1, sizeof(es_source_t));
    source = apr_array_push(conf->sources);
    memset(source, 0, sizeof(*source));
    source->separator = ",";
    source->list = stub_expression(list, pool);
}

static int names_events(void)
{
    return es_request_channels_publish_rights(&rights, r, conf, &why) &&
           es_publish_store_channels(&rights, &batch, &why);
}

static int checks_events(void)
{
    return es_request_channels_publish_rights(&rights, r, conf, &why) &&
           es_publish_store_check(&rights, &batch, &why);
}

static void *no_expression(void *baton, const char *text, const char **err)
{
    (void)baton;
    (void)err;
    fail_msg("%s", text);
    return NULL;
}

/* ---- Checks ------------------------------------------------------------ */

FACTS(events_without_channel_get_those_of_the_location)
{
    add_event("a", S("1"));
    add_event(NULL, S("2"));
    add_event("b", S("3"));
    add_event(NULL, S("4"));
    add_location_channels(2);
    assert_true(names_events());
    assert_slice(events[0].channels[0], "a");
    assert_int_equal(events[1].nchannels, 2);
    assert_slice(events[1].channels[1], "1");
    assert_int_equal(events[2].nchannels, 1);
    assert_int_equal(events[3].nchannels, 2);
}

FACTS(a_batch_whose_events_have_channels_needs_none_of_the_location)
{
    add_event("a", S("1"));
    assert_null(es_path_parse(&conf->path, "/{x}/{y}", pool));
    assert_true(names_events()); /* though the path does not match */
    add_event(NULL, S("2"));
    assert_false(names_events());
    assert_int_equal(why.status, HTTP_NOT_FOUND);
}

FACTS(an_event_without_any_channel_is_refused)
{
    add_event("a", S("1"));
    add_event(NULL, S("2"));
    batch.is_list = 1;
    assert_false(names_events());
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
    assert_string_equal(why.sentence, "[1]: No channel: it has none.");
}

FACTS(a_location_gives_an_event_as_many_channels_as_one_may_have)
{
    add_event(NULL, S("1"));
    add_location_channels(ES_EVENT_CHANNELS_MAX);
    assert_true(names_events());
    batch.count = 0;
    batch.unnamed = -1;
    add_event(NULL, S("1"));
    add_location_channels(ES_EVENT_CHANNELS_MAX + 1);
    assert_false(names_events());
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
    assert_non_null(strstr(why.sentence, "Too many channels: at most 64 "));
}

FACTS(a_batch_of_good_events_passes)
{
    add_event("a", S("1"));
    add_event("b", S("2"));
    assert_true(checks_events());
}

FACTS(a_channel_that_is_not_allowed_is_refused_by_index)
{
    const es_template_t *template = NULL;

    assert_null(
        es_template_parse_allow(&template, "a", no_expression, NULL, pool));
    conf->allow = apr_array_make(pool, 1, sizeof(template));
    APR_ARRAY_PUSH(conf->allow, const es_template_t *) = template;
    add_event("a", S("1"));
    add_event("b", S("2"));
    batch.is_list = 1;
    assert_false(checks_events());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    assert_string_equal(why.sentence, "[1]: Channel not allowed: b.");
}

FACTS(an_event_as_large_as_allowed_passes)
{
    conf->max_event_bytes = 10;
    add_event("a", repeat('x', 10));
    assert_true(checks_events());
    assert_int_equal(runtime_stub.reached[ES_LIMIT_EVENT], 0);
}

FACTS(a_larger_event_is_refused_and_counted)
{
    conf->max_event_bytes = 10;
    add_event("a", repeat('x', 11));
    assert_false(checks_events());
    assert_int_equal(why.status, HTTP_REQUEST_ENTITY_TOO_LARGE);
    assert_int_equal(runtime_stub.reached[ES_LIMIT_EVENT], 1);
}

FACTS(another_fault_of_an_event_is_not_counted)
{
    add_event("a", S("\xff"));
    assert_false(checks_events());
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
    assert_int_equal(runtime_stub.reached[ES_LIMIT_EVENT], 0);
}

/* ---- Storing ----------------------------------------------------------- */

static int stores(void)
{
    return es_publish_store_sent(&hub, &batch, pool, &done, &result, &why);
}

static void add_proxy(void)
{
    static const es_proxy_t proxy = {.name = "http://p"};

    grip.proxies = apr_array_make(pool, 1, sizeof(es_proxy_t *));
    APR_ARRAY_PUSH(grip.proxies, const es_proxy_t *) = &proxy;
    hub.grip = &grip;
}

FACTS(a_batch_is_appended_and_its_senders_are_woken)
{
    es_slot_t slot;

    assert_int_equal(kit_subscribe(kit, 5, "a", &slot), APR_SUCCESS);
    assert_int_equal(kit_subscribe(kit, 7, "c", &slot), APR_SUCCESS);
    add_event("a", S("1"));
    add_event("b", S("2"));
    assert_true(stores());
    assert_true(done.head > done.from);
    assert_int_equal(done.clients, 1);
    assert_int_equal(runtime_stub.woken, 1 << 4);
    assert_int_equal(runtime_stub.sender_wakes, 1);
    assert_int_equal(runtime_stub.published, 2);
    assert_int_equal(calls, 1);
}

FACTS(an_event_that_was_stored_earlier_is_not_counted_again)
{
    add_event("a", S("1"))->id = S("mine");
    assert_true(stores());
    add_event("a", S("2"));
    assert_true(stores());
    assert_int_equal(done.known, 1);
    assert_int_equal(runtime_stub.published, 2);
}

FACTS(an_id_of_another_event_is_a_conflict)
{
    add_event("a", S("1"))->id = S("mine");
    assert_true(stores());
    events[0].data = S("2");
    batch.is_list = 1;
    assert_false(stores());
    assert_int_equal(why.status, HTTP_CONFLICT);
    assert_string_equal(why.sentence, "[0]: The id 'mine' belongs to another "
                                      "event of channel 'a'.");
    assert_int_equal(done.head, 0);
    assert_int_equal(calls, 1);
}

FACTS(a_batch_with_too_many_channels_is_too_large)
{
    assert_true(
        es_publish_store_check_count(ES_STORE_BATCH_CHANNELS_MAX, pool, &why));
    add_event("a", S("1"));
    add_event("a", S("2"));
    events[1].nchannels = ES_STORE_BATCH_CHANNELS_MAX; /* not looked at */
    assert_false(stores());
    assert_int_equal(why.status, HTTP_REQUEST_ENTITY_TOO_LARGE);
    assert_string_equal(
        why.sentence,
        "Too many events at once: at most 16384, and an event counts once for "
        "each of its channels. Send them in parts, or as NDJSON.");
    assert_int_equal(done.head, 0);
    assert_int_equal(calls, 0);
}

FACTS(a_batch_of_more_than_half_of_the_journal_is_too_large)
{
    add_event("a", repeat('x', 40000));
    assert_false(stores());
    assert_int_equal(why.status, HTTP_REQUEST_ENTITY_TOO_LARGE);
    assert_non_null(strstr(why.remedy, "size= of EventStreamHub news"));
    assert_int_equal(done.head, 0);
    assert_int_equal(runtime_stub.published, 0);
    assert_int_equal(calls, 0);
}

FACTS(without_a_slot_for_a_channel_nothing_is_stored)
{
    static const char *const all[] = {"a", "b", "c", "d", "e"};
    es_slot_t slot;
    int i;

    for (i = 0; i < CHANNELS; i++) {
        assert_int_equal(kit_subscribe(kit, 5, all[i], &slot), APR_SUCCESS);
    }
    add_event("a", S("1"));
    add_event("e", S("2"));
    assert_false(stores());
    assert_int_equal(why.status, HTTP_SERVICE_UNAVAILABLE);
    assert_int_equal(why.retry_after, ES_RETRY_AFTER_S);
    assert_int_equal(runtime_stub.reached[ES_LIMIT_CHANNELS], 1);
    assert_int_equal(runtime_stub.woken, 0);
}

FACTS(a_child_that_serves_no_events_stores_none)
{
    add_event("a", S("1"));
    done.head = 7;
    assert_false(es_publish_store(NULL, &batch, pool, &done, &why));
    assert_int_equal(why.status, HTTP_SERVICE_UNAVAILABLE);
    assert_int_equal(why.retry_after, ES_RETRY_AFTER_S);
    assert_int_equal(done.head, 0);
}

FACTS(a_publisher_may_not_publish_within_its_call)
{
    add_event("a", S("1"));
    is_calling = 1;
    assert_false(stores());
    assert_int_equal(why.status, HTTP_LOOP_DETECTED);
    assert_int_equal(done.head, 0);
    assert_int_equal(calls, 0);
}

FACTS(a_publisher_that_refuses_leaves_the_batch_stored)
{
    add_event("a", S("1"));
    add_proxy();
    is_refusing = 1;
    assert_false(stores());
    assert_int_equal(why.status, 502);
    assert_string_equal(why.sentence, "A publisher refused.");
    assert_int_not_equal(done.head, 0);
    assert_int_equal(runtime_stub.waits[0], 1); /* for the proxies, too */
}

FACTS(a_publisher_that_refuses_is_not_named_to_all)
{
    add_event("a", S("1"));
    is_refusing = 1;
    result.shows_proxies = 0;
    assert_false(stores());
    assert_int_equal(why.status, 502);
    assert_string_equal(
        why.sentence,
        "Stored, but not taken by a publisher of another module.");
}

FACTS(a_proxy_that_refuses_is_named_first)
{
    add_event("a", S("1"));
    add_proxy();
    is_refusing = 1;
    runtime_stub.outcomes[0][0] = REFUSED;
    assert_false(stores());
    assert_non_null(strstr(why.sentence, "not taken by http://p: status 401"));
    assert_ptr_equal(result.grip, &grip);
    assert_int_equal(result.outcomes[0], REFUSED);
}

FACTS(a_batch_that_is_not_stored_has_no_outcomes)
{
    add_event("a", repeat('x', 40000));
    add_proxy();
    result.grip = &grip;
    assert_false(stores());
    assert_null(result.grip);
    assert_int_equal(runtime_stub.waits[0], 0);
}

/* ---- Closing ----------------------------------------------------------- */

static int closes(const char *channel, apr_int64_t seconds, es_closed_t *closed)
{
    return es_publish_store_close(&hub, es_slice_of(channel), seconds, pool,
                                  closed, &why);
}

FACTS(a_channel_is_closed_for_some_seconds)
{
    apr_uint64_t before = es_clock_ms();
    es_closed_t closed;
    es_slot_t slot;

    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), APR_SUCCESS);
    assert_true(closes("a", 60, &closed));
    assert_int_equal(closed.clients, 1);
    assert_int_equal(runtime_stub.woken, 1 << 1);
    assert_int_equal(runtime_stub.sender_wakes, 1);
    assert_true(es_close_is_closed(kit->store, slot, before + 59999));
    assert_false(es_close_is_closed(kit->store, slot, es_clock_ms() + 60000));
}

FACTS(a_channel_can_be_closed_and_open_at_once)
{
    es_closed_t closed;
    es_slot_t slot;

    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), APR_SUCCESS);
    assert_true(closes("a", 0, &closed));
    assert_false(es_close_is_closed(kit->store, slot, es_clock_ms()));
}

FACTS(a_child_that_serves_no_events_closes_no_channel)
{
    es_closed_t closed;

    assert_false(es_publish_store_close(NULL, S("a"), 60, pool, &closed, &why));
    assert_int_equal(why.status, HTTP_SERVICE_UNAVAILABLE);
}

/* ---- A clustered hub ---------------------------------------------------- */

static const es_cluster_conf_t cluster = {.hub = "news"};

FACTS(a_clustered_hub_is_published_to_through_its_broker)
{
    hub.cluster = &cluster;
    add_event("a", S("1"));
    assert_true(stores());
    assert_int_equal(cluster_calls, 1);
    assert_int_equal(done.clients, 7);
    assert_int_equal(calls, 1); /* publishers of other modules get it, too */
    assert_int_equal(es_store_head(kit->store), es_store_tail(kit->store));
    assert_int_equal(runtime_stub.published, 0); /* counted there */
}

FACTS(what_a_broker_did_not_store_goes_to_no_other_publisher)
{
    hub.cluster = &cluster;
    is_refusing = 1;
    add_event("a", S("1"));
    assert_false(stores());
    assert_int_equal(why.status, 503);
    assert_int_equal(done.head, 0);
    assert_int_equal(calls, 0);
}

FACTS(a_channel_of_a_clustered_hub_is_closed_through_its_broker)
{
    es_closed_t closed;

    hub.cluster = &cluster;
    assert_true(closes("a", 60, &closed));
    assert_int_equal(cluster_calls, 1);
    assert_int_equal(closed.clients, 60);
    assert_int_equal(es_store_head(kit->store), es_store_tail(kit->store));
}

#define HUB(name) cmocka_unit_test_setup_teardown(name, open_hub, close_hub)

static const struct CMUnitTest tests[] = {
    HUB(events_without_channel_get_those_of_the_location),
    HUB(a_batch_whose_events_have_channels_needs_none_of_the_location),
    HUB(an_event_without_any_channel_is_refused),
    HUB(a_location_gives_an_event_as_many_channels_as_one_may_have),
    HUB(a_batch_of_good_events_passes),
    HUB(a_channel_that_is_not_allowed_is_refused_by_index),
    HUB(an_event_as_large_as_allowed_passes),
    HUB(a_larger_event_is_refused_and_counted),
    HUB(another_fault_of_an_event_is_not_counted),
    HUB(a_batch_is_appended_and_its_senders_are_woken),
    HUB(an_event_that_was_stored_earlier_is_not_counted_again),
    HUB(an_id_of_another_event_is_a_conflict),
    HUB(a_batch_with_too_many_channels_is_too_large),
    HUB(a_batch_of_more_than_half_of_the_journal_is_too_large),
    HUB(without_a_slot_for_a_channel_nothing_is_stored),
    HUB(a_child_that_serves_no_events_stores_none),
    HUB(a_publisher_may_not_publish_within_its_call),
    HUB(a_publisher_that_refuses_leaves_the_batch_stored),
    HUB(a_publisher_that_refuses_is_not_named_to_all),
    HUB(a_proxy_that_refuses_is_named_first),
    HUB(a_batch_that_is_not_stored_has_no_outcomes),
    HUB(a_channel_is_closed_for_some_seconds),
    HUB(a_channel_can_be_closed_and_open_at_once),
    HUB(a_child_that_serves_no_events_closes_no_channel),
    HUB(a_clustered_hub_is_published_to_through_its_broker),
    HUB(what_a_broker_did_not_store_goes_to_no_other_publisher),
    HUB(a_channel_of_a_clustered_hub_is_closed_through_its_broker),
};

UNIT_MAIN(tests)
