/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/subscribe_admit.c: limits, closed channels, and the start. */
#include "t/unit/store_kit.h"
#include "t/unit/unit.h"

#include "http/subscribe_admit.c"
#include "t/unit/httpd_stub.h"
#include "t/unit/runtime_stub.h"

#define CHANNELS 4

static apr_uint32_t browser; /* of the next request */

apr_uint32_t es_http2_browser(const request_rec *r, const es_dir_t *conf)
{
    (void)r, (void)conf;
    return browser;
}

static kit_t *kit;
static es_runtime_hub_t hub;
static es_stream_t stream;
static const es_channel_set_t *left; /* of es_subscribe_admit_uncounted */

/* A child that serves one hub, and a request for a stream of it. */
static int open_hub(void **state)
{
    void *mem;

    (void)state;
    kit = kit_open(65536, CHANNELS, 0);
    es_store_set_clock(kit->store, es_clock_ms());
    memset(&hub, 0, sizeof(hub));
    hub.store = kit->store;
    memset(&runtime_stub, 0, sizeof(runtime_stub));
    runtime_stub.hub = &hub;
    runtime_stub.max_children = kit->params.max_children;
    mem =
        apr_pcalloc(kit->pool, es_client_count_size(runtime_stub.max_children));
    runtime_stub.client_count =
        es_client_count_attach(mem, runtime_stub.max_children, kit->pool);
    memset(&stream, 0, sizeof(stream));
    stream.r = stub_request(pool);
    stream.conf = stub_conf(stream.r);
    return 0;
}

static int close_hub(void **state)
{
    browser = 0;
    kit_check(kit);
    kit_close(kit, 0);
    return unit_after_each(state);
}

/* The next client, from this address. */
static void next_client(const char *ip)
{
    memset(&stream, 0, sizeof(stream));
    stream.r = stub_request(pool);
    stream.conf = stub_conf(stream.r);
    stream.r->useragent_addr = stub_address(ip, pool);
}

/* The same, of a user with this number. */
static void next_client_of(const char *ip, apr_uint64_t user)
{
    next_client(ip);
    stream.identified.who.user = user;
}

/* "a,b" */
static const es_channel_set_t *names_of(const char *list)
{
    es_channel_set_t *set = es_channel_set_create(pool, 10);
    char *rest = apr_pstrdup(pool, list), *name;

    for (name = apr_strtok(rest, ",", &rest); name;
         name = apr_strtok(NULL, ",", &rest)) {
        es_channel_set_add(set, es_slice_of(name));
    }
    return set;
}

static es_admit_result_t admit(const char *list)
{
    return es_subscribe_admit(&stream, names_of(list));
}

static void publish(const char *channel, const char *data)
{
    es_appended_t done;

    assert_int_equal(kit_append(kit, channel, data, &done), APR_SUCCESS);
}

/* An event with a publisher's id. */
static void publish_with_id(const char *channel, const char *data,
                            const char *id)
{
    es_slice_t name = es_slice_of(channel);
    es_frame_t frame = kit_frame(data);
    es_entry_t entry = {&name, 1, &frame};
    es_appended_t done;

    frame.publisher_id = es_slice_of(id);
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        APR_SUCCESS);
}

/* Close a channel for some milliseconds from now on. */
static void close_for(const char *channel, int ms)
{
    apr_uint64_t touched[2];
    es_closed_t done;

    assert_int_equal(es_close_channel(kit->store, es_slice_of(channel), KIT_NOW,
                                      es_clock_ms() + (apr_uint64_t)ms, touched,
                                      &done),
                     APR_SUCCESS);
}

static apr_uint64_t subscribers(const char *channel)
{
    return kit_clients(kit, es_slice_of(channel));
}

static apr_uint32_t counted(void)
{
    return es_client_count_total(runtime_stub.client_count, STUB_CHILD);
}

static void count_users(void)
{
    es_client_count_attach_users(
        runtime_stub.client_count,
        apr_pcalloc(kit->pool,
                    es_client_count_users_size(runtime_stub.max_children)));
}

static es_pos_t head(void)
{
    es_start_t start;

    assert_int_equal(es_store_current(kit->store, &start), APR_SUCCESS);
    return start.pos;
}

static const char *id_of(apr_uint64_t number)
{
    char text[ES_ID_TEXT_SIZE];
    es_id_t id = kit_id(number);

    es_id_format(text, &id);
    return apr_pstrdup(pool, text);
}

static void send_last_id(const char *id)
{
    apr_table_setn(stream.r->headers_in, "Last-Event-ID", id);
}

/* ---- Limits ------------------------------------------------------------ */

FACTS(a_client_is_subscribed_and_counted)
{
    publish("a", "1");
    assert_int_equal(admit("a,b"), ES_ADMIT_DONE);
    assert_ptr_equal(stream.hub, &hub);
    assert_int_equal(stream.nslots, 2);
    assert_int_equal(subscribers("a"), 1);
    assert_int_equal(subscribers("b"), 1);
    assert_int_equal(counted(), 1);
    assert_int_equal(stream.start.pos, head());
    assert_int_equal(stream.reset.len, 0);
    assert_null(stream.replay);
    assert_int_equal(httpd_stub.logs, 0);
}

FACTS(a_child_that_serves_no_events_admits_no_client)
{
    runtime_stub.hub = NULL;
    assert_int_equal(admit("a"), ES_ADMIT_NONE);
    assert_int_equal(stream.nslots, 0);
    assert_int_equal(counted(), 0);
}

/* Clients are admitted up to a limit; one more is served briefly. */
static void assert_limit(es_limit_t limit, int clients)
{
    int i;

    for (i = 0; i < clients; i++) {
        assert_int_equal(admit("a"), ES_ADMIT_DONE);
    }
    assert_int_equal(runtime_stub.reached[limit], 0);
    assert_int_equal(admit("a"), ES_ADMIT_BRIEF);
    assert_int_equal(runtime_stub.reached[limit], 1);
    assert_int_equal(counted(), clients);
    assert_int_equal(subscribers("a"), clients + 1);
}

FACTS(a_client_above_the_limit_of_all_is_subscribed_but_not_counted)
{
    runtime_stub.limits.clients = 2;
    assert_limit(ES_LIMIT_CLIENTS, 2);
    assert_non_null(strstr(httpd_stub.logged, "ES0403: limit reached "
                                              "(CLIENTS)"));
    assert_int_equal(httpd_stub.log_level, APLOG_DEBUG);
}

FACTS(a_client_above_the_limit_of_its_address)
{
    runtime_stub.limits.address_clients = 2;
    assert_limit(ES_LIMIT_ADDRESS_CLIENTS, 2);
}

FACTS(a_client_above_the_streams_of_its_browser)
{
    browser = 7;
    assert_limit(ES_LIMIT_HTTP2, ES_HTTP2_BROWSER_STREAMS);
    browser = 0;
    next_client("192.0.2.1");
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
}

FACTS(a_client_above_the_channels_of_its_address)
{
    runtime_stub.limits.address_channels = 5;
    assert_int_equal(admit("a,b,c"), ES_ADMIT_DONE);
    assert_int_equal(admit("a,b,c"), ES_ADMIT_BRIEF);
    assert_int_equal(runtime_stub.reached[ES_LIMIT_ADDRESS_CHANNELS], 1);
    assert_int_equal(counted(), 1);
    assert_null(stream.counted.client_count);
    assert_int_equal(admit("a,b"), ES_ADMIT_DONE);
    next_client("192.0.2.9");
    assert_int_equal(admit("a,b,c"), ES_ADMIT_DONE);
}

static apr_uint32_t clients_of(apr_uint64_t user)
{
    return es_client_count_of_user(runtime_stub.client_count, user);
}

FACTS(a_client_above_the_limit_of_its_user)
{
    count_users();
    runtime_stub.limits.user_clients = 1;
    next_client_of("192.0.2.1", 7);
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
    next_client_of("192.0.2.2", 7);
    assert_int_equal(admit("a"), ES_ADMIT_BRIEF);
    assert_int_equal(runtime_stub.reached[ES_LIMIT_USER_CLIENTS], 1);
    assert_null(stream.counted.client_count);
    assert_int_equal(clients_of(7), 1);
    assert_int_equal(counted(), 1);
    next_client_of("192.0.2.1", 8);
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
}

FACTS(a_client_that_is_not_counted_does_not_count_for_its_user_either)
{
    count_users();
    runtime_stub.limits.address_clients = 1;
    runtime_stub.limits.address_channels = 2;
    next_client_of("192.0.2.1", 7);
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
    next_client_of("192.0.2.1", 8);
    assert_int_equal(admit("a"), ES_ADMIT_BRIEF);
    assert_int_equal(clients_of(8), 0);
    assert_int_equal(stream.counted.user, 8); /* who may be revoked */
    next_client_of("192.0.2.2", 8);
    assert_int_equal(admit("a,b,c"), ES_ADMIT_BRIEF);
    assert_int_equal(runtime_stub.reached[ES_LIMIT_ADDRESS_CHANNELS], 1);
    assert_int_equal(clients_of(8), 0);
    assert_int_equal(stream.counted.user, 8);
}

FACTS(of_the_limits_of_address_and_user_that_of_the_address_is_told)
{
    count_users();
    runtime_stub.limits.address_clients = 1;
    runtime_stub.limits.user_clients = 1;
    next_client_of("192.0.2.1", 7);
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
    next_client_of("192.0.2.1", 7);
    assert_int_equal(admit("a"), ES_ADMIT_BRIEF);
    assert_int_equal(runtime_stub.reached[ES_LIMIT_ADDRESS_CLIENTS], 1);
    assert_int_equal(runtime_stub.reached[ES_LIMIT_USER_CLIENTS], 0);
    assert_int_equal(clients_of(7), 1);
}

FACTS(a_client_above_the_limit_of_the_child)
{
    runtime_stub.limits.child_clients = 2;
    assert_limit(ES_LIMIT_FILES, 2);
}

FACTS(a_client_that_leaves_makes_room)
{
    runtime_stub.limits.clients = 1;
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
    es_client_count_remove(&stream.counted);
    next_client("127.0.0.1");
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
}

/* Is the second client refused if both may have only one? */
static int share_an_address(const char *first, const char *second)
{
    es_admit_result_t result;
    es_counted_t counted_first;

    runtime_stub.limits.address_clients = 1;
    next_client(first);
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
    counted_first = stream.counted;
    next_client(second);
    result = admit("a");
    es_client_count_remove(&counted_first);
    es_client_count_remove(&stream.counted);
    return result == ES_ADMIT_BRIEF;
}

FACTS(an_ipv4_address_counts_as_a_whole)
{
    assert_true(share_an_address("192.0.2.1", "192.0.2.1"));
    assert_false(share_an_address("192.0.2.1", "192.0.2.2"));
    assert_true(share_an_address("192.0.2.1", "::ffff:192.0.2.1"));
    assert_false(share_an_address("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
}

FACTS(an_ipv6_address_counts_by_its_64_bits)
{
    assert_true(share_an_address("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"));
    assert_false(share_an_address("2001:db8:0:1::1", "2001:db8:0:2::1"));
}

FACTS(without_a_slot_for_a_channel_no_client_is_admitted)
{
    assert_int_equal(admit("a,b,c,d"), ES_ADMIT_DONE);
    next_client("127.0.0.1");
    assert_int_equal(admit("d,e"), ES_ADMIT_NONE);
    assert_int_equal(stream.nslots, 0);
    assert_int_equal(runtime_stub.reached[ES_LIMIT_CHANNELS], 1);
    assert_int_equal(subscribers("d"), 1);
}

FACTS(of_two_limits_the_one_that_serves_less_is_counted)
{
    runtime_stub.limits.clients = 1;
    assert_int_equal(admit("a,b,c,d"), ES_ADMIT_DONE);
    next_client("127.0.0.1");
    assert_int_equal(admit("e"), ES_ADMIT_NONE);
    assert_int_equal(runtime_stub.reached[ES_LIMIT_CLIENTS], 0);
    assert_int_equal(runtime_stub.reached[ES_LIMIT_CHANNELS], 1);
}

/* ---- Closed channels --------------------------------------------------- */

FACTS(closed_channels_are_left_out)
{
    close_for("b", 60000);
    assert_int_equal(admit("a,b,c"), ES_ADMIT_DONE);
    assert_int_equal(stream.nslots, 2);
    assert_int_equal(subscribers("a"), 1);
    assert_int_equal(subscribers("b"), 0);
    assert_int_equal(subscribers("c"), 1);
    es_store_unsubscribe(kit->store, STUB_CHILD, stream.slots, 2);
    assert_int_equal(subscribers("a") + subscribers("c"), 0);
}

FACTS(if_all_channels_are_closed_the_client_is_refused)
{
    close_for("a", 60000);
    close_for("b", 60000);
    assert_int_equal(admit("a,b"), ES_ADMIT_CLOSED);
    assert_int_equal(stream.nslots, 0);
    assert_int_equal(subscribers("a") + subscribers("b"), 0);
}

FACTS(a_channel_opens_when_its_time_is_over)
{
    close_for("a", 0);
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
}

FACTS(an_event_opens_a_channel)
{
    close_for("a", 60000);
    publish("a", "1");
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
}

/* ---- The start --------------------------------------------------------- */

/* The stream begins with a stream-reset that names these channels. */
static void assert_reset(const char *list)
{
    const es_channel_set_t *set = names_of(list);

    assert_true(es_slice_equal(
        stream.reset,
        es_frame_reset(&stream.start.id, es_channel_set_names(set),
                       es_channel_set_count(set), pool)));
}

/* @return the position of the second event */
static es_pos_t publish_three(void)
{
    es_pos_t second;

    publish("a", "1");
    second = head();
    publish("a", "2");
    publish("a", "3");
    return second;
}

FACTS(a_client_resumes_after_the_event_of_its_header)
{
    es_pos_t second = publish_three();

    send_last_id(id_of(1));
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
    assert_int_equal(stream.start.pos, second);
    assert_int_equal(kit_number(stream.start.id), 1);
    assert_int_equal(stream.reset.len, 0);
}

FACTS(a_script_resumes_by_the_query)
{
    es_pos_t second = publish_three();

    stream.r->args = apr_pstrcat(pool, "lastEventId=", id_of(1), NULL);
    admit("a");
    assert_int_equal(stream.start.pos, second);
    next_client("127.0.0.1");
    stream.r->args = apr_pstrcat(pool, "last-event-id=", id_of(1), NULL);
    admit("a");
    assert_int_equal(stream.start.pos, second);
    next_client("127.0.0.1");
    stream.r->args = apr_pstrcat(pool, "Last_Event_ID=", id_of(1), NULL);
    admit("a");
    assert_int_equal(stream.start.pos, second);
}

FACTS(of_several_ids_in_the_query_the_last_one_counts)
{
    es_pos_t second = publish_three();

    stream.r->args = apr_pstrcat(pool, "lastEventId=", id_of(3),
                                 "&last-event-id=", id_of(1), NULL);
    admit("a");
    assert_int_equal(stream.start.pos, second);
}

FACTS(the_header_wins_over_the_query)
{
    publish_three();
    stream.r->args = apr_pstrcat(pool, "lastEventId=", id_of(1), NULL);
    send_last_id(id_of(3));
    admit("a");
    assert_int_equal(stream.start.pos, head());
    next_client("127.0.0.1");
    stream.r->args = apr_pstrcat(pool, "last-event-id=", id_of(3),
                                 "&lastEventId=", id_of(1), NULL);
    admit("a");
    assert_int_equal(kit_number(stream.start.id), 1);
}

FACTS(blanks_around_an_id_do_not_matter)
{
    es_pos_t second = publish_three();

    send_last_id(apr_pstrcat(pool, " ", id_of(1), "\t", NULL));
    admit("a");
    assert_int_equal(stream.start.pos, second);
}

FACTS(a_client_with_an_unknown_id_gets_stream_reset)
{
    publish_three();
    send_last_id("mine");
    assert_int_equal(admit("a,b"), ES_ADMIT_DONE);
    assert_int_equal(stream.start.pos, head());
    assert_reset("a,b");
    assert_non_null(strstr(httpd_stub.logged, "ES0404: "));
}

FACTS(a_reset_does_not_name_closed_channels)
{
    close_for("b", 60000);
    send_last_id("mine");
    admit("a,b");
    assert_reset("a");
}

FACTS(a_client_above_a_limit_still_resumes)
{
    es_pos_t second = publish_three();

    runtime_stub.limits.clients = 1;
    admit("a");
    next_client("127.0.0.1");
    send_last_id(id_of(1));
    assert_int_equal(admit("a"), ES_ADMIT_BRIEF);
    assert_int_equal(stream.start.pos, second);
}

FACTS(events_that_are_too_old_are_not_resumed)
{
    publish_three();
    hub.age_us = apr_time_from_sec(60); /* they are of KIT_NOW */
    send_last_id(id_of(1));
    admit("a");
    assert_int_not_equal(stream.reset.len, 0);
}

FACTS(more_events_than_the_history_are_not_resumed)
{
    publish_three();
    hub.history = 1;
    send_last_id(id_of(1));
    admit("a");
    assert_int_not_equal(stream.reset.len, 0);
    next_client("127.0.0.1");
    send_last_id(id_of(2));
    admit("a");
    assert_int_equal(stream.reset.len, 0);
}

FACTS(the_reach_is_that_of_the_hub)
{
    es_resume_reach_t reach;

    hub.history = 5;
    hub.age_us = 1500000;
    reach = es_subscribe_admit_reach(&hub);
    assert_int_equal(reach.events, 5);
    assert_int_equal(reach.age_ms, 1500);
    assert_in_range(reach.now_ms, apr_time_as_msec(apr_time_now()) - 10000,
                    apr_time_as_msec(apr_time_now()));
}

static const es_cluster_conf_t cluster = {.hub = "news"};

FACTS(the_reach_of_a_clustered_hub_goes_by_the_clock_of_its_broker)
{
    hub.cluster = &cluster;
    runtime_stub.broker_now_ms = 77;
    assert_int_equal(es_subscribe_admit_reach(&hub).now_ms, 77);
}

/* As es_subscribe_admit_wait, for a client of channel a. */
static int wait_for_history(void)
{
    return es_subscribe_admit_wait(stream.r, stream.conf, names_of("a"));
}

FACTS(all_clients_of_a_clustered_hub_wait_for_its_history)
{
    hub.cluster = &cluster;
    assert_true(wait_for_history()); /* has no id */
    assert_int_equal(runtime_stub.sync_waits, 1);
    send_last_id("1-1");
    assert_true(wait_for_history());
    assert_int_equal(runtime_stub.sync_waits, 2);
    next_client("127.0.0.1");
    stub_conf(stream.r)->replay = 2;
    assert_true(wait_for_history());
    assert_int_equal(runtime_stub.sync_waits, 3);
    hub.cluster = NULL;
    assert_true(wait_for_history());
    runtime_stub.hub = NULL;
    assert_true(wait_for_history());
    assert_int_equal(runtime_stub.sync_waits, 3);
    assert_int_equal(runtime_stub.broker_waits, 0);
}

static void on_behind(void)
{
    if (runtime_stub.behind_looks == 2) {
        publish("a", "2");
    }
}

FACTS(a_client_that_is_ahead_waits_for_its_event)
{
    hub.cluster = &cluster;
    publish("a", "1");
    runtime_stub.behind_by = 1;
    runtime_stub.behind_looks = 9;
    runtime_stub.on_behind = on_behind;
    runtime_stub.is_behind = 1;
    send_last_id(id_of(2));
    assert_true(wait_for_history());
    assert_int_equal(runtime_stub.behind_looks, 2); /* no longer than that */
    assert_int_equal(runtime_stub.broker_waits, 0);
    assert_int_equal(es_store_child_subscriptions(hub.store, STUB_CHILD), 0);
}

FACTS(a_client_whose_event_does_not_come_is_asked_to_reconnect)
{
    hub.cluster = &cluster;
    publish("a", "1");
    runtime_stub.behind_by = 1;
    runtime_stub.behind_looks = 3;
    runtime_stub.is_behind = 1;
    send_last_id(id_of(2));
    assert_false(wait_for_history());
    assert_int_equal(runtime_stub.behind_looks, 0);
    runtime_stub.behind_looks = 3;
    runtime_stub.is_behind = 0; /* it has all: nothing will come */
    assert_true(wait_for_history());
    assert_int_equal(runtime_stub.behind_looks, 3);
    runtime_stub.behind_by = 0; /* the id cannot be ahead */
    assert_true(wait_for_history());
    assert_int_equal(runtime_stub.broker_waits, 0);
}

FACTS(a_publishers_id_from_before_a_failure_is_no_place_to_resume)
{
    es_pos_t present;

    hub.cluster = &cluster;
    publish_with_id("a", "1", "x");
    publish("a", "2");
    present = head();
    send_last_id("x");
    runtime_stub.is_doubtful = 1;
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
    assert_int_not_equal(stream.reset.len, 0);
    assert_int_equal(stream.start.pos, present);
    next_client("127.0.0.1");
    send_last_id(id_of(1)); /* of ours: it has one place */
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
    assert_int_equal(stream.reset.len, 0);
    next_client("127.0.0.1");
    send_last_id("x");
    runtime_stub.is_doubtful = 0;
    assert_int_equal(admit("a"), ES_ADMIT_DONE);
    assert_int_equal(stream.reset.len, 0);
}

FACTS(a_new_client_gets_as_many_events_as_the_location_replays)
{
    es_pos_t second = publish_three();

    stub_conf(stream.r)->replay = 2;
    admit("a,b");
    assert_non_null(stream.replay);
    assert_int_equal(stream.replay[0].slot, stream.slots[0]);
    assert_int_equal(stream.replay[0].from, second);
    assert_int_equal(stream.start.pos, second);
}

FACTS(nothing_is_replayed_of_an_empty_channel)
{
    publish_three();
    stub_conf(stream.r)->replay = 2;
    admit("b");
    assert_null(stream.replay);
    assert_int_equal(stream.start.pos, head());
}

FACTS(earliest_asks_for_all_events)
{
    es_pos_t first = head();

    publish_three();
    send_last_id("earliest");
    admit("a");
    assert_non_null(stream.replay);
    assert_int_equal(stream.start.pos, first);
    assert_int_equal(stream.reset.len, 0);
}

FACTS(earliest_is_within_the_history)
{
    es_pos_t second = publish_three();

    hub.history = 2;
    send_last_id("earliest");
    admit("a");
    assert_int_equal(stream.start.pos, second);
}

FACTS(an_id_wins_over_the_replay_of_the_location)
{
    publish_three();
    stub_conf(stream.r)->replay = 3;
    send_last_id(id_of(3));
    admit("a");
    assert_null(stream.replay);
    assert_int_equal(stream.start.pos, head());
}

/* ---- Without counting -------------------------------------------------- */

static es_admit_result_t admit_uncounted(const char *list)
{
    stream.hub = &hub;
    left = names_of(list);
    return es_subscribe_admit_uncounted(&stream, &left);
}

FACTS(a_request_that_only_reads_is_not_counted)
{
    es_pos_t second = publish_three();

    runtime_stub.limits.clients = 1;
    send_last_id(id_of(1));
    assert_int_equal(admit_uncounted("a"), ES_ADMIT_DONE);
    assert_int_equal(admit_uncounted("a"), ES_ADMIT_DONE);
    assert_int_equal(counted(), 0);
    assert_int_equal(subscribers("a"), 2);
    assert_int_equal(stream.start.pos, second);
}

FACTS(a_request_that_only_reads_gets_the_channels_that_are_open)
{
    close_for("a", 60000);
    assert_int_equal(admit_uncounted("a,b"), ES_ADMIT_DONE);
    assert_int_equal(es_channel_set_count(left), 1);
    assert_slice(es_channel_set_names(left)[0], "b");
    assert_int_equal(admit_uncounted("a"), ES_ADMIT_CLOSED);
    assert_int_equal(admit_uncounted("a,b,c,d,e"), ES_ADMIT_NONE);
}

#define HUB(name) cmocka_unit_test_setup_teardown(name, open_hub, close_hub)

static const struct CMUnitTest tests[] = {
    HUB(a_client_is_subscribed_and_counted),
    HUB(a_child_that_serves_no_events_admits_no_client),
    HUB(a_client_above_the_limit_of_all_is_subscribed_but_not_counted),
    HUB(a_client_above_the_limit_of_its_address),
    HUB(a_client_above_the_streams_of_its_browser),
    HUB(a_client_above_the_channels_of_its_address),
    HUB(a_client_above_the_limit_of_its_user),
    HUB(a_client_that_is_not_counted_does_not_count_for_its_user_either),
    HUB(of_the_limits_of_address_and_user_that_of_the_address_is_told),
    HUB(a_client_above_the_limit_of_the_child),
    HUB(a_client_that_leaves_makes_room),
    HUB(an_ipv4_address_counts_as_a_whole),
    HUB(an_ipv6_address_counts_by_its_64_bits),
    HUB(without_a_slot_for_a_channel_no_client_is_admitted),
    HUB(of_two_limits_the_one_that_serves_less_is_counted),
    HUB(closed_channels_are_left_out),
    HUB(if_all_channels_are_closed_the_client_is_refused),
    HUB(a_channel_opens_when_its_time_is_over),
    HUB(an_event_opens_a_channel),
    HUB(a_client_resumes_after_the_event_of_its_header),
    HUB(a_script_resumes_by_the_query),
    HUB(of_several_ids_in_the_query_the_last_one_counts),
    HUB(the_header_wins_over_the_query),
    HUB(blanks_around_an_id_do_not_matter),
    HUB(a_client_with_an_unknown_id_gets_stream_reset),
    HUB(a_reset_does_not_name_closed_channels),
    HUB(a_client_above_a_limit_still_resumes),
    HUB(events_that_are_too_old_are_not_resumed),
    HUB(more_events_than_the_history_are_not_resumed),
    HUB(the_reach_is_that_of_the_hub),
    HUB(the_reach_of_a_clustered_hub_goes_by_the_clock_of_its_broker),
    HUB(all_clients_of_a_clustered_hub_wait_for_its_history),
    HUB(a_client_that_is_ahead_waits_for_its_event),
    HUB(a_client_whose_event_does_not_come_is_asked_to_reconnect),
    HUB(a_publishers_id_from_before_a_failure_is_no_place_to_resume),
    HUB(a_new_client_gets_as_many_events_as_the_location_replays),
    HUB(nothing_is_replayed_of_an_empty_channel),
    HUB(earliest_asks_for_all_events),
    HUB(earliest_is_within_the_history),
    HUB(an_id_wins_over_the_replay_of_the_location),
    HUB(a_request_that_only_reads_is_not_counted),
    HUB(a_request_that_only_reads_gets_the_channels_that_are_open),
};

UNIT_MAIN(tests)
