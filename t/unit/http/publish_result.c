/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/publish_result.c: the outcomes at GRIP proxies. */
#include "t/unit/unit.h"

#include "http/publish_result.c"
#include "t/unit/runtime_stub.h"

#define REFUSED 401
#define TIMEOUT apr_time_from_sec(5)

static es_grip_t grip;
static es_runtime_hub_t hub;
static es_publish_result_t result;
static es_problem_t why;

static void add_proxy(const char *name)
{
    es_proxy_t *proxy = apr_pcalloc(pool, sizeof(*proxy));

    proxy->name = name;
    APR_ARRAY_PUSH(grip.proxies, es_proxy_t *) = proxy;
}

/* A hub with two proxies, which both have taken all. */
static void two_proxies(void)
{
    memset(&grip, 0, sizeof(grip));
    memset(&hub, 0, sizeof(hub));
    memset(&result, 0, sizeof(result));
    memset(&runtime_stub, 0, sizeof(runtime_stub));
    grip.proxies = apr_array_make(pool, 2, sizeof(es_proxy_t *));
    grip.publish_timeout = TIMEOUT;
    hub.grip = &grip;
    result.grip = &grip;
    result.shows_proxies = 1;
    add_proxy("http://a");
    add_proxy("http://b");
}

/* ---- Waiting ----------------------------------------------------------- */

static es_appended_t appended(es_pos_t from, es_pos_t head)
{
    es_appended_t done = {0};

    done.from = from;
    done.head = head;
    return done;
}

FACTS(a_hub_without_proxies_does_not_wait)
{
    es_appended_t done = appended(10, 20);

    two_proxies();
    hub.grip = NULL;
    es_publish_result_wait(&result, &hub, &done);
    assert_null(result.grip);
    assert_int_equal(runtime_stub.waits[0], 0);
    assert_int_equal(es_publish_result_deadline(&hub), 0);
}

FACTS(a_publish_waits_for_its_records)
{
    es_appended_t done = appended(10, 20);
    apr_time_t before = es_clock_now();

    two_proxies();
    runtime_stub.outcomes[0][1] = REFUSED;
    es_publish_result_wait(&result, &hub, &done);
    assert_ptr_equal(result.grip, &grip);
    assert_int_equal(runtime_stub.waits[0], 1);
    assert_int_equal(runtime_stub.waits[1], 0);
    assert_int_equal(runtime_stub.wait_from[0], 10);
    assert_int_equal(runtime_stub.wait_to[0], 20);
    assert_in_range(runtime_stub.wait_by[0], before + TIMEOUT,
                    es_clock_now() + TIMEOUT);
    assert_int_equal(result.outcomes[0], ES_OUTCOME_TAKEN);
    assert_int_equal(result.outcomes[1], REFUSED);
}

FACTS(a_deadline_of_the_request_replaces_the_timeout)
{
    es_appended_t done = appended(10, 20);

    two_proxies();
    result.by = 77;
    es_publish_result_wait(&result, &hub, &done);
    assert_int_equal(runtime_stub.wait_by[0], 77);
}

FACTS(nothing_new_is_not_waited_for)
{
    es_appended_t done = appended(20, 20);

    two_proxies();
    result.outcomes[0] = REFUSED; /* of an earlier use */
    es_publish_result_wait(&result, &hub, &done);
    assert_int_equal(runtime_stub.waits[0], 0);
    assert_int_equal(result.outcomes[0], ES_OUTCOME_TAKEN);
}

FACTS(events_that_were_stored_earlier_are_sent_again)
{
    es_appended_t done = appended(20, 30);

    two_proxies();
    done.known_from = 5;
    done.known_to = 9;
    runtime_stub.outcomes[0][0] = ES_OUTCOME_TIMEOUT;
    runtime_stub.outcomes[1][1] = REFUSED;
    es_publish_result_wait(&result, &hub, &done);
    assert_int_equal(runtime_stub.waits[0], 1);
    assert_int_equal(runtime_stub.waits[1], 1);
    assert_int_equal(runtime_stub.wait_from[1], 5);
    assert_int_equal(runtime_stub.wait_to[1], 9);
    assert_int_equal(runtime_stub.wait_by[1], runtime_stub.wait_by[0]);
    assert_int_equal(result.outcomes[0], ES_OUTCOME_TIMEOUT);
    assert_int_equal(result.outcomes[1], REFUSED);
}

FACTS(of_a_clustered_hub_what_was_stored_earlier_has_no_outcome)
{
    static const es_cluster_conf_t cluster = {.hub = "h"};
    es_appended_t done = appended(20, 20);

    two_proxies();
    hub.cluster = &cluster;
    es_publish_result_wait(&result, &hub, &done);
    assert_int_equal(result.outcomes[0], ES_OUTCOME_TAKEN);
    done.known = 1;
    es_publish_result_wait(&result, &hub, &done);
    assert_int_equal(runtime_stub.waits[0], 0);
    assert_int_equal(result.outcomes[0], ES_OUTCOME_EARLIER);
    assert_int_equal(result.outcomes[1], ES_OUTCOME_EARLIER);
    done = appended(20, 30); /* some are new */
    done.known = 1;
    es_publish_result_wait(&result, &hub, &done);
    assert_int_equal(result.outcomes[0], ES_OUTCOME_TAKEN);
}

FACTS(a_close_waits_for_its_records)
{
    two_proxies();
    es_publish_result_wait_close(&result, &hub, 3, 8);
    assert_int_equal(runtime_stub.wait_from[0], 3);
    assert_int_equal(runtime_stub.wait_to[0], 8);
}

/* ---- Adding ------------------------------------------------------------ */

FACTS(a_part_that_was_not_stored_adds_nothing)
{
    es_publish_result_t sum = {0}, part = {0};

    two_proxies();
    part.outcomes[0] = REFUSED;
    es_publish_result_add(&sum, &part);
    assert_null(sum.grip);
    assert_int_equal(sum.outcomes[0], ES_OUTCOME_TAKEN);
}

FACTS(a_failure_stays_when_later_parts_are_taken)
{
    es_publish_result_t sum = {0};

    two_proxies();
    result.outcomes[1] = REFUSED;
    es_publish_result_add(&sum, &result);
    result.outcomes[1] = ES_OUTCOME_TAKEN;
    es_publish_result_add(&sum, &result);
    assert_ptr_equal(sum.grip, &grip);
    assert_int_equal(sum.outcomes[0], ES_OUTCOME_TAKEN);
    assert_int_equal(sum.outcomes[1], REFUSED);
    result.outcomes[1] = ES_OUTCOME_TIMEOUT;
    es_publish_result_add(&sum, &result);
    assert_int_equal(sum.outcomes[1], ES_OUTCOME_TIMEOUT);
}

FACTS(what_another_server_sends_hides_no_failure)
{
    es_publish_result_t sum = {0};

    two_proxies();
    result.outcomes[0] = ES_OUTCOME_ELSEWHERE;
    result.outcomes[1] = REFUSED;
    es_publish_result_add(&sum, &result);
    assert_int_equal(sum.outcomes[0], ES_OUTCOME_ELSEWHERE);
    result.outcomes[0] = REFUSED;
    result.outcomes[1] = ES_OUTCOME_ELSEWHERE;
    es_publish_result_add(&sum, &result);
    assert_int_equal(sum.outcomes[0], REFUSED);
    assert_int_equal(sum.outcomes[1], REFUSED);
}

/* ---- The answer -------------------------------------------------------- */

static int checks(void)
{
    memset(&why, 0, sizeof(why));
    return es_publish_result_check(&result, pool, &why);
}

FACTS(taken_by_all_is_success)
{
    two_proxies();
    assert_true(checks());
    result.grip = NULL;
    assert_true(checks());
}

FACTS(what_another_server_sends_is_no_failure)
{
    two_proxies();
    result.outcomes[0] = ES_OUTCOME_ELSEWHERE;
    result.outcomes[1] = ES_OUTCOME_EARLIER;
    assert_true(checks());
    assert_string_equal(es_publish_result_json(&result, pool),
                        ", \"grip\": [{\"proxy\": \"http://a\", \"ok\": null, "
                        "\"why\": \"another server of the cluster sends to "
                        "it\"}, {\"proxy\": \"http://b\", \"ok\": null, "
                        "\"why\": \"it was published earlier\"}]");
}

FACTS(the_proxies_that_did_not_take_it_are_named)
{
    two_proxies();
    result.outcomes[1] = REFUSED;
    assert_false(checks());
    assert_int_equal(why.status, 502);
    assert_string_equal(why.sentence,
                        "Stored for local clients, but not taken by "
                        "http://b: status 401.");
    assert_int_equal(why.retry_after, 0);
    assert_null(why.remedy);
    result.outcomes[0] = ES_OUTCOME_CONNECT;
    assert_false(checks());
    assert_non_null(strstr(why.sentence, "by http://a: cannot connect; "
                                         "http://b: status 401."));
}

FACTS(proxies_are_numbered_where_their_names_are_not_shown)
{
    two_proxies();
    result.shows_proxies = 0;
    result.outcomes[1] = REFUSED;
    assert_false(checks());
    assert_string_equal(why.sentence,
                        "Stored for local clients, but not taken by "
                        "proxy 2: status 401.");
    assert_string_equal(es_publish_result_json(&result, pool),
                        ", \"grip\": [{\"proxy\": \"proxy 1\", \"ok\": true}, "
                        "{\"proxy\": \"proxy 2\", \"ok\": false, "
                        "\"error\": \"status 401\"}]");
}

FACTS(errors_may_be_ignored)
{
    two_proxies();
    result.outcomes[1] = REFUSED;
    grip.ignores_errors = 1;
    assert_true(checks());
}

FACTS(too_many_waiting_publishers_are_asked_to_try_again)
{
    two_proxies();
    result.outcomes[1] = ES_OUTCOME_TOO_MANY_WAITING;
    assert_false(checks());
    assert_int_equal(why.retry_after, ES_RETRY_AFTER_S);
    assert_non_null(strstr(why.remedy, "EventStreamGripMaxWaiting"));
    assert_int_equal(runtime_stub.reached[ES_LIMIT_WAITING], 1);
}

FACTS(the_outcomes_as_json)
{
    two_proxies();
    result.outcomes[1] = REFUSED;
    assert_string_equal(es_publish_result_json(&result, pool),
                        ", \"grip\": [{\"proxy\": \"http://a\", \"ok\": true}, "
                        "{\"proxy\": \"http://b\", \"ok\": false, "
                        "\"error\": \"status 401\"}]");
    result.grip = NULL;
    assert_string_equal(es_publish_result_json(&result, pool), "");
}

FACTS(the_error_as_json)
{
    es_problem_set(&why, pool, 502, "not \"b\"");
    assert_string_equal(es_publish_result_error(&why, pool),
                        ", \"error\": \"not \\\"b\\\"\"");
}

static const struct CMUnitTest tests[] = {
    UNIT(a_hub_without_proxies_does_not_wait),
    UNIT(a_publish_waits_for_its_records),
    UNIT(a_deadline_of_the_request_replaces_the_timeout),
    UNIT(nothing_new_is_not_waited_for),
    UNIT(events_that_were_stored_earlier_are_sent_again),
    UNIT(of_a_clustered_hub_what_was_stored_earlier_has_no_outcome),
    UNIT(a_close_waits_for_its_records),
    UNIT(a_part_that_was_not_stored_adds_nothing),
    UNIT(a_failure_stays_when_later_parts_are_taken),
    UNIT(what_another_server_sends_hides_no_failure),
    UNIT(taken_by_all_is_success),
    UNIT(what_another_server_sends_is_no_failure),
    UNIT(the_proxies_that_did_not_take_it_are_named),
    UNIT(proxies_are_numbered_where_their_names_are_not_shown),
    UNIT(errors_may_be_ignored),
    UNIT(too_many_waiting_publishers_are_asked_to_try_again),
    UNIT(the_outcomes_as_json),
    UNIT(the_error_as_json),
};

UNIT_MAIN(tests)
