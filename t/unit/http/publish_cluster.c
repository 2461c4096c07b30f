/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of http/publish_cluster.c: what a publisher is told by the result at
 * the broker. The publisher thread is a stub that returns what a test sets.
 */
#include "t/unit/store_kit.h"
#include "t/unit/unit.h"

#include "http/publish_cluster.c"
#include "t/unit/httpd_stub.h"
#include "t/unit/runtime_stub.h"

#define PUBLISHER ((es_cluster_publisher_t *)&stub)

static kit_t *kit;
static es_runtime_hub_t hub;
static es_event_t event;
static es_batch_t batch = {.events = &event, .count = 1, .unnamed = -1};
static es_slice_t name;
static es_appended_t done;
static es_closed_t closed;
static es_problem_t why;

/* ---- The stub ----------------------------------------------------------- */

static struct {
    apr_status_t rv;
    es_cluster_result_t result;
    apr_time_t by; /* of the last call */
    int calls;
} stub;

static apr_status_t answer(es_cluster_publisher_t *publisher, apr_time_t by)
{
    assert_ptr_equal(publisher, PUBLISHER);
    assert_int_equal(runtime_stub.broker_waits, 1);
    stub.by = by;
    stub.calls++;
    return stub.rv;
}

apr_status_t es_cluster_publish(es_cluster_publisher_t *publisher,
                                const es_batch_t *given, apr_time_t by,
                                es_cluster_result_t *result)
{
    assert_ptr_equal(given, &batch);
    *result = stub.result;
    return answer(publisher, by);
}

apr_status_t es_cluster_close(es_cluster_publisher_t *publisher,
                              es_slice_t channel, apr_int64_t seconds,
                              apr_time_t by, es_cluster_result_t *result)
{
    assert_slice(channel, "a");
    assert_int_equal(seconds, 60);
    *result = stub.result;
    return answer(publisher, by);
}

apr_status_t es_cluster_revoke(es_cluster_publisher_t *publisher,
                               const es_cluster_revoked_t *revoked,
                               apr_time_t by, es_cluster_result_t *result)
{
    assert_slice(revoked->name, "ann");
    *result = stub.result;
    return answer(publisher, by);
}

apr_status_t es_cluster_clients(es_cluster_publisher_t *publisher,
                                const es_slice_t *channels, int count,
                                apr_time_t by, apr_uint64_t *clients)
{
    int i;

    for (i = 0; i < count; i++) {
        clients[i] = channels[i].len;
    }
    return answer(publisher, by);
}

/* ---- Calls -------------------------------------------------------------- */

int es_publish_store_refuse_clash(const es_batch_t *given,
                                  const es_clash_t *clash, apr_pool_t *p,
                                  es_problem_t *problem)
{
    assert_ptr_equal(given, &batch);
    assert_int_equal(clash->channel, 2);
    return es_problem_set(problem, p, HTTP_CONFLICT, "A clash.");
}

int es_publish_store_refuse_size(const es_runtime_hub_t *given, apr_pool_t *p,
                                 es_problem_t *problem)
{
    assert_ptr_equal(given, &hub);
    return es_problem_set(problem, p, HTTP_REQUEST_ENTITY_TOO_LARGE, "Large.");
}

static int open_hub(void **state)
{
    static const es_cluster_conf_t cluster = {.hub = "news"};

    (void)state;
    kit = kit_open(65536, 4, 0);
    memset(&hub, 0, sizeof(hub));
    hub.name = "news";
    hub.store = kit->store;
    hub.cluster = &cluster;
    memset(&stub, 0, sizeof(stub));
    memset(&runtime_stub, 0, sizeof(runtime_stub));
    runtime_stub.publisher = PUBLISHER;
    runtime_stub.is_up = 1;
    memset(&why, 0, sizeof(why));
    memset(&done, 0, sizeof(done));
    (void)stub_request(pool);
    name = S("a");
    event.channels = &name;
    event.nchannels = 1;
    return 0;
}

static int close_hub(void **state)
{
    assert_int_equal(runtime_stub.broker_waits, 0);
    kit_close(kit, 0);
    return unit_after_each(state);
}

static int publishes(void)
{
    return es_publish_cluster(&hub, &batch, pool, &done, &why);
}

static void fails_with(apr_status_t rv, const char *reason)
{
    stub.rv = rv;
    apr_cpystrn(stub.result.why, reason, sizeof(stub.result.why));
    assert_false(publishes());
}

/* ---- Facts -------------------------------------------------------------- */

FACTS(a_batch_that_is_stored_has_the_id_and_the_clients_of_all_servers)
{
    batch.count = 3;
    stub.result.last_id.ms = 5;
    stub.result.clients = 9;
    stub.result.known = 1;
    assert_true(publishes());
    batch.count = 1;
    assert_int_equal(done.last_id.ms, 5);
    assert_int_equal(done.clients, 9);
    assert_int_equal(done.known, 1);
    assert_true(done.head != 0); /* = stored */
    assert_int_equal(done.head, done.from);
    assert_int_equal(runtime_stub.published, 2);
    assert_int_equal(stub.by, STUB_WAIT_BY);
}

FACTS(what_the_broker_does_not_have_may_be_sent_again)
{
    fails_with(APR_TIMEUP, "10.0.0.1:6379: refused");
    assert_int_equal(why.status, HTTP_SERVICE_UNAVAILABLE);
    assert_int_equal(why.retry_after, ES_RETRY_AFTER_S);
    assert_string_equal(why.sentence, "The broker cannot store events now. "
                                      "Nothing was published.");
    assert_int_equal(done.head, 0);
    assert_int_equal(runtime_stub.published, 0);
}

FACTS(an_answer_does_not_show_the_address_of_the_broker_but_the_log_does)
{
    fails_with(APR_EOF, "10.0.0.1:6379: closed");
    assert_null(strstr(why.sentence, "10.0.0.1"));
    assert_non_null(strstr(httpd_stub.logged, "ES0807"));
    assert_non_null(strstr(httpd_stub.logged, "10.0.0.1:6379: closed"));
}

FACTS(a_publisher_is_told_that_the_broker_may_have_its_events)
{
    stub.result.maybe_sent = 1;
    fails_with(APR_TIMEUP, "no answer");
    assert_int_equal(why.status, HTTP_SERVICE_UNAVAILABLE);
    assert_non_null(strstr(why.sentence, "may have stored it"));
    assert_non_null(strstr(why.sentence, "'id'"));
}

FACTS(a_publisher_is_told_that_the_broker_has_its_events)
{
    stub.result.maybe_sent = stub.result.is_stored = 1;
    fails_with(APR_TIMEUP, "no replica has confirmed them");
    assert_int_equal(why.status, HTTP_SERVICE_UNAVAILABLE);
    assert_non_null(strstr(why.sentence, "has stored this, but no replica has "
                                         "confirmed them."));
}

FACTS(a_clash_is_a_conflict)
{
    stub.result.clash.channel = 2;
    fails_with(APR_EEXIST, "");
    assert_int_equal(why.status, HTTP_CONFLICT);
}

FACTS(a_batch_that_is_too_large_is_refused)
{
    fails_with(APR_ENOSPC, "");
    assert_int_equal(why.status, HTTP_REQUEST_ENTITY_TOO_LARGE);
    assert_int_equal(httpd_stub.logs, 0); /* no outage */
}

FACTS(without_a_thread_nothing_is_published)
{
    runtime_stub.publisher = NULL;
    assert_false(publishes());
    assert_int_equal(why.status, HTTP_SERVICE_UNAVAILABLE);
    assert_int_equal(why.retry_after, ES_RETRY_AFTER_S);
    assert_non_null(why.remedy);
    assert_false(es_publish_cluster_close(&hub, name, 60, pool, &closed, &why));
    assert_int_equal(why.status, HTTP_SERVICE_UNAVAILABLE);
}

FACTS(a_channel_is_closed_at_all_servers)
{
    stub.result.last_id.ms = 8;
    stub.result.clients = 4;
    assert_true(es_publish_cluster_close(&hub, name, 60, pool, &closed, &why));
    assert_int_equal(closed.id.ms, 8);
    assert_int_equal(closed.clients, 4);
    assert_int_equal(closed.from, closed.head);
    stub.rv = APR_TIMEUP;
    assert_false(es_publish_cluster_close(&hub, name, 60, pool, &closed, &why));
    assert_int_equal(why.status, HTTP_SERVICE_UNAVAILABLE);
}

FACTS(a_user_is_revoked_at_all_servers)
{
    es_cluster_revoked_t revoked = {0};

    revoked.name = S("ann");
    assert_true(es_publish_cluster_revoke(&hub, &revoked, pool, &why));
    stub.rv = APR_EGENERAL;
    assert_false(es_publish_cluster_revoke(&hub, &revoked, pool, &why));
    assert_int_equal(why.status, HTTP_SERVICE_UNAVAILABLE);
    runtime_stub.publisher = NULL;
    assert_false(es_publish_cluster_revoke(&hub, &revoked, pool, &why));
    assert_int_equal(why.status, HTTP_SERVICE_UNAVAILABLE);
}

FACTS(clients_are_those_of_all_servers_while_the_broker_answers)
{
    es_slice_t names[] = {S("a"), S("bbb")};
    apr_uint64_t clients[2] = {0};

    assert_true(es_publish_cluster_clients(&hub, names, 2, clients));
    assert_int_equal(clients[1], 3);
    assert_true(stub.by < STUB_WAIT_BY); /* statistics do not wait so long */
    stub.rv = APR_TIMEUP;
    assert_false(es_publish_cluster_clients(&hub, names, 2, clients));
    stub.calls = 0;
    runtime_stub.is_up = 0;
    assert_false(es_publish_cluster_clients(&hub, names, 2, clients));
    assert_int_equal(stub.calls, 0); /* and not at all while the link is down */
}

#define HUB(name) cmocka_unit_test_setup_teardown(name, open_hub, close_hub)

static const struct CMUnitTest tests[] = {
    HUB(a_batch_that_is_stored_has_the_id_and_the_clients_of_all_servers),
    HUB(what_the_broker_does_not_have_may_be_sent_again),
    HUB(an_answer_does_not_show_the_address_of_the_broker_but_the_log_does),
    HUB(a_publisher_is_told_that_the_broker_may_have_its_events),
    HUB(a_publisher_is_told_that_the_broker_has_its_events),
    HUB(a_clash_is_a_conflict),
    HUB(a_batch_that_is_too_large_is_refused),
    HUB(without_a_thread_nothing_is_published),
    HUB(a_channel_is_closed_at_all_servers),
    HUB(a_user_is_revoked_at_all_servers),
    HUB(clients_are_those_of_all_servers_while_the_broker_answers),
};

UNIT_MAIN(tests)
