/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/sender_proxy.c: order, outcomes, resend, tokens and log of the
 * sending to one proxy. The test owns the time and decides the outcomes. */
#include "t/unit/grip_kit.h"

#include "t/unit/fake_client.h"

#include "base/log.h"
#include "grip/sender_proxy.h"

#define SECOND APR_USEC_PER_SEC

static es_grip_client_t *client;
static es_sender_proxy_t *sending; /* line 0, to proxy 0 */
static es_outbox_t *outbox;        /* of proxy 0 */
static es_sender_time_t now;

/* what was logged */
static int warnings;
static int notices;
static char last_log[512];

static void on_log(int level, apr_status_t rv, const char *tag,
                   const char *text)
{
    (void)rv;
    (void)tag;
    warnings += level == ES_LOG_WARNING;
    notices += level == ES_LOG_NOTICE;
    apr_cpystrn(last_log, text, sizeof(last_log));
}

static int is_allowed; /* to send; of one server of several */

static int may_send(void *arg)
{
    assert_ptr_equal(arg, &is_allowed);
    return is_allowed;
}

static es_sender_proxy_t *open_sending(int proxy)
{
    es_sender_proxy_params_t params = {0};
    es_sender_proxy_t *out;

    params.hub = "default";
    params.store = hub.store;
    params.grip = &hub.grip;
    params.proxy = &hub.proxies[proxy];
    params.outbox = es_outbox_shm_at(hub.outboxes, (apr_uint32_t)proxy);
    params.may_send = may_send;
    params.arg = &is_allowed;
    assert_int_equal(es_sender_proxy_open(&out, &params, client, pool),
                     APR_SUCCESS);
    return out;
}

static int step(void)
{
    return es_sender_proxy_step(sending, &now);
}

/* The request in flight ends. */
static int end(int outcome)
{
    int is_decided;

    fake_answer(0, outcome);
    assert_ptr_equal(es_grip_client_done(client, &is_decided), sending);
    assert_int_equal(is_decided, outcome);
    return es_sender_proxy_ended(sending, outcome, &now);
}

static int outcome_of(range_t range)
{
    return es_outbox_outcome(outbox, range.from, range.to);
}

/* The events of the request in flight. */
static const char *in_flight(void)
{
    assert_true(es_sender_proxy_is_busy(sending));
    assert_true(fake.lines[0]->is_busy);
    return events_of(fake_body(0));
}

static void assert_idle(void)
{
    assert_false(es_sender_proxy_is_busy(sending));
    assert_false(es_sender_proxy_is_blocked(sending));
    assert_false(fake.lines[0]->is_busy);
    /* and the outbox is free */
    assert_int_equal(es_outbox_acquire(outbox), APR_SUCCESS);
    es_outbox_release(outbox);
}

/* ---- order ------------------------------------------------------------- */

FACTS(without_events_no_request_is_sent)
{
    assert_false(step());
    assert_idle();
    assert_int_equal(fake_requests(0), 0);
}

FACTS(events_are_sent_in_the_order_of_the_journal)
{
    range_t first = publish("x", "1");
    range_t second = publish("y", "2");

    step();
    assert_string_equal(in_flight(), "x:1 y:2");
    assert_int_equal(outcome_of(first), ES_OUTCOME_OPEN);
    assert_true(end(0));
    assert_idle();
    assert_int_equal(outcome_of(first), ES_OUTCOME_TAKEN);
    assert_int_equal(outcome_of(second), ES_OUTCOME_TAKEN);
    assert_false(step());
    assert_int_equal(fake_requests(0), 1);
}

FACTS(one_request_follows_another)
{
    publish("x", "1");
    step();
    publish("x", "2");
    publish("x", "3");
    assert_false(step()); /* one at a time */
    assert_string_equal(in_flight(), "x:1");
    end(0);
    assert_string_equal(in_flight(), "x:2 x:3");
    end(0);
    assert_idle();
}

FACTS(what_was_published_before_the_proxy_is_not_sent)
{
    publish("x", "1");
    es_outbox_begin(outbox, es_store_head(hub.store));
    publish("x", "2");
    step();
    assert_string_equal(in_flight(), "x:2");
}

FACTS(the_parts_of_a_record_follow_each_other)
{
    range_t large = publish_bytes("a,b,c", 'r', 400000);

    publish("x", "1");
    step();
    assert_string_equal(in_flight(), "a:r b:r");
    end(0);
    assert_int_equal(outcome_of(large), ES_OUTCOME_OPEN);
    assert_string_equal(in_flight(), "c:r x:1");
    end(0);
    assert_int_equal(outcome_of(large), ES_OUTCOME_TAKEN);
    assert_idle();
}

/* ---- one of several servers -------------------------------------------- */

FACTS(a_server_that_may_not_send_does_not)
{
    range_t range = publish("x", "1");

    is_allowed = 0;
    assert_false(step());
    assert_idle();
    assert_false(es_sender_proxy_has_more(sending));
    assert_false(es_sender_proxy_cancel_forbidden(sending));
    assert_int_equal(fake_requests(0), 0);
    assert_int_equal(outcome_of(range), ES_OUTCOME_OPEN);
    is_allowed = 1;
    step();
    assert_string_equal(in_flight(), "x:1");
}

FACTS(one_that_loses_the_right_cancels_what_is_in_flight)
{
    range_t range = publish("x", "1");

    step();
    assert_false(es_sender_proxy_cancel_forbidden(sending));
    assert_string_equal(in_flight(), "x:1");
    is_allowed = 0;
    assert_true(es_sender_proxy_cancel_forbidden(sending));
    assert_idle();
    assert_int_equal(outcome_of(range), ES_OUTCOME_OPEN);
    assert_false(step());
    is_allowed = 1;
    step();
    assert_string_equal(in_flight(), "x:1");
    end(0);
    assert_int_equal(outcome_of(range), ES_OUTCOME_TAKEN);
}

FACTS(one_that_loses_it_with_an_answer_sends_nothing_more)
{
    range_t first = publish("x", "1");
    range_t second;

    step();
    second = publish("x", "2");
    is_allowed = 0;
    assert_true(end(0));
    assert_idle();
    assert_int_equal(outcome_of(first), ES_OUTCOME_TAKEN);
    assert_int_equal(outcome_of(second), ES_OUTCOME_OPEN);
}

FACTS(an_outbox_without_a_place_waits_for_one)
{
    publish("x", "1");
    es_outbox_begin(outbox, 0);
    assert_false(step());
    assert_idle();
    assert_int_equal(es_outbox_sent(outbox), 0);
    assert_int_equal(warnings, 0);
    es_outbox_begin(outbox, 64); /* before all that is there: overtaken */
    assert_true(step());
    assert_int_equal(warnings, 1);
    assert_string_equal(in_flight(), "x:1");
}

/* ---- outcomes ---------------------------------------------------------- */

FACTS(a_server_error_is_of_the_records_of_the_request)
{
    static const int statuses[] = {500, 502, 503, 401, 404};
    size_t i;

    for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        range_t first = publish("x", "1");
        range_t second = publish("x", "2");
        range_t next;

        step();
        next = publish("x", "3");
        end(statuses[i]);
        assert_int_equal(outcome_of(first), statuses[i]);
        assert_int_equal(outcome_of(second), statuses[i]);
        assert_string_equal(in_flight(), "x:3"); /* the next is tried */
        end(0);
        assert_int_equal(outcome_of(next), ES_OUTCOME_TAKEN);
        assert_int_equal(outcome_of(first), statuses[i]);
    }
    assert_idle();
}

FACTS(all_that_stood_in_the_journal_fails_when_the_proxy_is_not_reached)
{
    static const int failures[] = {ES_OUTCOME_NAME, ES_OUTCOME_CONNECT,
                                   ES_OUTCOME_TLS, ES_OUTCOME_TIMEOUT,
                                   ES_OUTCOME_BROKEN};
    size_t i;

    for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        range_t sent = publish_bytes("x", 'a', 800000);
        range_t waiting = publish_bytes("x", 'b', 800000);
        range_t later;

        step();
        assert_string_equal(in_flight(), "x:a"); /* b does not fit */
        later = publish("x", "c");
        end(failures[i]);
        assert_int_equal(outcome_of(sent), failures[i]);
        assert_int_equal(outcome_of(waiting), failures[i]);
        assert_int_equal(outcome_of(later), ES_OUTCOME_OPEN);
        assert_string_equal(in_flight(), "x:c"); /* published since then */
        end(0);
        assert_int_equal(outcome_of(later), ES_OUTCOME_TAKEN);
    }
    assert_idle();
}

FACTS(a_body_that_is_refused_is_sent_one_by_one)
{
    static const int statuses[] = {400, 413, 422};
    size_t i;

    for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        range_t first = publish("x", "1");
        range_t bad = publish("x", "2");
        range_t last = publish("x", "3");
        range_t next;

        step();
        assert_string_equal(in_flight(), "x:1 x:2 x:3");
        next = publish("x", "4");
        publish("x", "5");
        end(statuses[i]);
        assert_int_equal(outcome_of(first), ES_OUTCOME_OPEN);
        assert_string_equal(in_flight(), "x:1");
        end(0);
        assert_string_equal(in_flight(), "x:2");
        end(statuses[i]);
        assert_int_equal(outcome_of(bad), statuses[i]);
        assert_string_equal(in_flight(), "x:3");
        end(0);
        assert_string_equal(in_flight(), "x:4 x:5"); /* together again */
        end(0);
        assert_int_equal(outcome_of(first), ES_OUTCOME_TAKEN);
        assert_int_equal(outcome_of(bad), statuses[i]);
        assert_int_equal(outcome_of(last), ES_OUTCOME_TAKEN);
        assert_int_equal(outcome_of(next), ES_OUTCOME_TAKEN);
    }
    assert_idle();
}

FACTS(other_refusals_are_not_split)
{
    publish("x", "1");
    publish("x", "2");
    step();
    end(403);
    assert_idle();
    assert_int_equal(fake_requests(0), 1);
}

FACTS(what_was_overtaken_has_failed)
{
    range_t lost = publish("x", "1");
    range_t kept;

    overwrite_all();
    kept = publish("x", "2");
    assert_true(step());
    assert_int_equal(outcome_of(lost), ES_OUTCOME_OVERTAKEN);
    while (es_sender_proxy_is_busy(sending)) {
        end(0);
    }
    assert_int_equal(outcome_of(kept), ES_OUTCOME_TAKEN);
}

FACTS(a_damaged_record_ends_what_is_sent_of_the_journal)
{
    range_t bad = publish("x", "1");
    range_t next;

    damage(bad.from);
    assert_true(step());
    assert_int_equal(outcome_of(bad), ES_OUTCOME_LOST);
    assert_idle();
    next = publish("x", "2");
    step();
    assert_string_equal(in_flight(), "x:2");
    end(0);
    assert_int_equal(outcome_of(next), ES_OUTCOME_TAKEN);
}

FACTS(an_outbox_beyond_the_head_begins_at_the_head)
{
    publish("x", "1");
    es_outbox_begin(outbox, es_store_head(hub.store) + 4096);
    step();
    assert_idle();
    assert_int_equal(es_outbox_sent(outbox), es_store_head(hub.store));
    publish("x", "2");
    step();
    assert_string_equal(in_flight(), "x:2");
}

FACTS(a_request_that_cannot_begin_has_failed)
{
    range_t first = publish("x", "1");

    fake.can_post = 0;
    assert_true(step());
    assert_int_equal(outcome_of(first), ES_OUTCOME_BROKEN);
    assert_idle();
}

/* ---- again ------------------------------------------------------------- */

/* Publish one event that fails. */
static range_t fail_one(const char *data, int status)
{
    range_t range = publish("x", data);

    step();
    assert_string_equal(in_flight(), apr_pstrcat(pool, "x:", data, NULL));
    end(status);
    return range;
}

static int resend(range_t range)
{
    return es_sender_proxy_resend(sending, range.from, range.to);
}

FACTS(failed_events_are_not_sent_again_by_themselves)
{
    fail_one("1", 502);
    step();
    assert_idle();
    assert_int_equal(fake_requests(0), 1);
}

FACTS(each_failed_event_is_sent_again_alone)
{
    range_t first = fail_one("1", 502);
    range_t last = fail_one("2", 502);
    range_t both = {first.from, last.to};

    assert_int_equal(resend(both), ES_OUTCOME_OPEN);
    step();
    assert_string_equal(in_flight(), "x:1");
    end(0);
    assert_string_equal(in_flight(), "x:2");
    assert_int_equal(resend(both), ES_OUTCOME_OPEN);
    end(0);
    assert_idle();
    assert_int_equal(resend(both), ES_OUTCOME_TAKEN);
    assert_int_equal(outcome_of(first), ES_OUTCOME_TAKEN);
    assert_int_equal(outcome_of(last), ES_OUTCOME_TAKEN);
    assert_int_equal(fake_requests(0), 4);
}

FACTS(events_that_were_taken_are_not_sent_again)
{
    range_t first = publish("x", "1");
    range_t last;

    step();
    end(0);
    last = fail_one("2", 502);
    assert_int_equal(resend((range_t){first.from, last.to}), ES_OUTCOME_OPEN);
    step();
    assert_string_equal(in_flight(), "x:2");
    end(0);
    assert_idle();
    assert_int_equal(fake_requests(0), 3);
}

FACTS(what_is_sent_again_goes_before_what_is_next)
{
    range_t failed = fail_one("1", 502);

    publish("x", "2");
    step();
    publish("x", "3");
    assert_int_equal(resend(failed), ES_OUTCOME_OPEN);
    assert_string_equal(in_flight(), "x:2"); /* in flight when it was asked */
    end(0);
    assert_string_equal(in_flight(), "x:1");
    end(0);
    assert_string_equal(in_flight(), "x:3");
    end(0);
    assert_idle();
}

FACTS(an_event_that_fails_again_has_its_last_outcome)
{
    range_t failed = fail_one("1", 502);
    es_pos_t sent = es_outbox_sent(outbox);

    resend(failed);
    step();
    end(503);
    assert_idle();
    assert_int_equal(resend(failed), 503);
    assert_int_equal(outcome_of(failed), 503);
    assert_int_equal(es_outbox_sent(outbox), sent);
}

FACTS(a_resend_goes_on_after_a_refusal_and_ends_without_an_answer)
{
    range_t first = fail_one("1", 502);
    range_t last;

    fail_one("2", 502);
    last = fail_one("3", 502);
    resend((range_t){first.from, last.to});
    step();
    end(400);
    assert_string_equal(in_flight(), "x:2");
    end(ES_OUTCOME_TIMEOUT);
    assert_idle(); /* the third waits for no other timeout */
    assert_int_equal(resend((range_t){first.from, last.to}),
                     ES_OUTCOME_TIMEOUT);
    assert_int_equal(outcome_of(last), 502);
}

FACTS(an_outcome_of_a_resend_is_returned_once)
{
    range_t failed = fail_one("1", 502);

    resend(failed);
    step();
    end(502);
    assert_int_equal(resend(failed), 502);
    assert_int_equal(resend(failed), ES_OUTCOME_OPEN); /* begins again */
    step();
    assert_string_equal(in_flight(), "x:1");
}

FACTS(one_range_is_sent_again_at_a_time)
{
    range_t first = fail_one("1", 502);
    range_t second = fail_one("2", 502);

    resend(first);
    step();
    assert_int_equal(resend(second), ES_OUTCOME_OPEN);
    end(0);
    assert_idle();
    assert_int_equal(resend(first), ES_OUTCOME_TAKEN);
    assert_int_equal(resend(second), ES_OUTCOME_OPEN);
    step();
    assert_string_equal(in_flight(), "x:2");
}

FACTS(the_parts_of_a_record_are_sent_again_in_order)
{
    range_t large = publish_bytes("a,b,c", 'r', 400000);

    step();
    end(502);
    resend(large);
    step();
    assert_string_equal(in_flight(), "a:r b:r");
    end(0);
    assert_int_equal(outcome_of(large), 502);
    assert_string_equal(in_flight(), "c:r");
    end(0);
    assert_int_equal(resend(large), ES_OUTCOME_TAKEN);
    assert_int_equal(outcome_of(large), ES_OUTCOME_TAKEN);
}

FACTS(a_search_among_many_records_is_done_in_parts)
{
    es_pos_t from = es_store_head(hub.store);
    range_t all;
    int i, steps = 0;

    for (i = 0; i < 10000; i++) {
        publish("x", "taken");
    }
    es_outbox_begin(outbox, es_store_head(hub.store));
    all = (range_t){from, fail_one("1", 502).to};
    assert_int_equal(resend(all), ES_OUTCOME_OPEN);

    do {
        step();
        steps++;
        assert_int_equal(resend(all), ES_OUTCOME_OPEN);
        if (es_sender_proxy_has_more(sending)) {
            assert_idle(); /* another child may send */
        }
    } while (es_sender_proxy_has_more(sending) && steps < 10000);
    assert_true(steps > 2);
    assert_string_equal(in_flight(), "x:1");
    end(0);
    assert_false(es_sender_proxy_has_more(sending));
    assert_int_equal(resend(all), ES_OUTCOME_TAKEN);
}

FACTS(what_the_journal_has_lost_cannot_be_sent_again)
{
    range_t failed = fail_one("1", 502);

    overwrite_all();
    es_outbox_begin(outbox, es_store_head(hub.store));
    resend(failed);
    step();
    assert_idle();
    assert_int_equal(resend(failed), ES_OUTCOME_OVERTAKEN);
}

FACTS(the_same_event_again_goes_only_to_the_proxy_that_failed)
{
    es_sender_proxy_t *other = open_sending(1);
    es_outbox_t *other_outbox = es_outbox_shm_at(hub.outboxes, 1);
    range_t range = fail_one("1", 502);
    int outcome;

    es_sender_proxy_step(other, &now);
    fake_answer(1, 0);
    assert_ptr_equal(es_grip_client_done(client, &outcome), other);
    es_sender_proxy_ended(other, outcome, &now);

    resend(range);
    es_sender_proxy_resend(other, range.from, range.to);
    step();
    es_sender_proxy_step(other, &now);
    assert_string_equal(in_flight(), "x:1");
    assert_int_equal(fake_requests(0), 2);
    assert_int_equal(fake_requests(1), 1);
    assert_int_equal(es_sender_proxy_resend(other, range.from, range.to),
                     ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(other_outbox, range.from, range.to),
                     ES_OUTCOME_TAKEN);
    es_sender_proxy_close(other);
}

/* ---- other children ---------------------------------------------------- */

/* A child that sends and dies with a request in flight. */
static void in_dying_child(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        step();
        _exit(!es_sender_proxy_is_busy(sending));
    }
    kit_wait(pid);
}

FACTS(another_child_goes_on_after_the_owner_died)
{
    range_t first = publish("x", "1");

    in_dying_child();
    assert_int_equal(outcome_of(first), ES_OUTCOME_OPEN);
    publish("x", "2");
    step();
    assert_string_equal(in_flight(), "x:1 x:2");
    end(0);
    assert_int_equal(outcome_of(first), ES_OUTCOME_TAKEN);
    assert_idle();
}

FACTS(another_child_starts_at_the_record_of_which_a_part_was_sent)
{
    pid_t pid;

    publish_bytes("a,b,c", 'r', 400000);
    pid = fork();
    if (pid == 0) {
        step();
        end(0);
        _exit(strcmp(in_flight(), "c:r") != 0);
    }
    kit_wait(pid);
    step();
    assert_string_equal(in_flight(), "a:r b:r");
}

FACTS(a_child_waits_while_another_has_the_outbox)
{
    int begun[2], may_die[2];
    char byte = 0;
    pid_t pid;

    publish("x", "1");
    assert_int_equal(pipe(begun) | pipe(may_die), 0);
    pid = fork();
    if (pid == 0) {
        step();
        (void)!write(begun[1], &byte, 1);
        (void)!read(may_die[0], &byte, 1);
        end(0);
        _exit(es_sender_proxy_is_busy(sending));
    }
    assert_int_equal(read(begun[0], &byte, 1), 1);
    assert_false(step());
    assert_true(es_sender_proxy_is_blocked(sending));
    assert_false(es_sender_proxy_is_busy(sending));
    assert_int_equal(write(may_die[1], &byte, 1), 1);
    kit_wait(pid);
    assert_false(step());
    assert_idle(); /* the other child has sent all */
    assert_int_equal(fake_requests(0), 0);
    close(begun[0]);
    close(begun[1]);
    close(may_die[0]);
    close(may_die[1]);
}

FACTS(a_close_leaves_the_rest_to_another_child)
{
    range_t first = publish("x", "1");

    step();
    es_sender_proxy_close(sending);
    assert_true(fake.lines[0]->is_closed);
    assert_false(fake.lines[0]->is_busy);
    assert_int_equal(outcome_of(first), ES_OUTCOME_OPEN);
    assert_int_equal(es_outbox_acquire(outbox), APR_SUCCESS);
    es_outbox_release(outbox);
    sending = open_sending(0); /* line 1 */
    step();
    assert_int_equal(fake_requests(1), 1);
}

/* ---- tokens ------------------------------------------------------------ */

static const char *token(void)
{
    return apr_pstrdup(pool, fake.lines[0]->authorization);
}

/* Publish one event that is taken. @return the token of the request */
static const char *token_of_request(void)
{
    const char *value;

    publish("x", "1");
    step();
    value = token();
    end(0);
    return value;
}

static void use_tokens(void)
{
    const es_key_t *key;

    assert_null(es_key_read(&key, "secret", "/", pool));
    hub.proxies[0].auth = ES_AUTH_JWT;
    hub.proxies[0].iss = "me";
    hub.proxies[0].key = key;
}

FACTS(a_token_is_replaced_after_five_minutes)
{
    const char *first, *second;

    use_tokens();
    first = token_of_request();
    assert_memory_equal(first, "Bearer ", 7);
    now.now += 300 * SECOND - 1;
    now.date += 300 * SECOND - 1;
    assert_string_equal(token_of_request(), first);
    now.now += 1;
    now.date += 1;
    second = token_of_request();
    assert_string_not_equal(second, first);
    now.now += 300 * SECOND - 1;
    assert_string_equal(token_of_request(), second);
}

FACTS(a_step_of_the_time_of_day_does_not_replace_a_token)
{
    const char *first;

    use_tokens();
    first = token_of_request();
    now.date -= 3600 * SECOND;
    now.now += SECOND;
    assert_string_equal(token_of_request(), first);
}

FACTS(an_event_without_a_token_has_failed)
{
    es_key_t public_key = {ES_KEY_EC, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    range_t range;

    use_tokens();
    hub.proxies[0].key = &public_key;
    range = publish("x", "1");
    assert_true(step());
    assert_int_equal(outcome_of(range), ES_OUTCOME_TOKEN);
    assert_int_equal(fake_requests(0), 0);
    use_tokens(); /* and is tried again with the next */
    assert_non_null(token_of_request());
}

FACTS(other_authorization_stays)
{
    const char *first;

    hub.proxies[0].auth = ES_AUTH_BASIC;
    hub.proxies[0].user = "u";
    hub.proxies[0].password = "p";
    first = token_of_request();
    assert_string_equal(first, "Basic dTpw");
    now.now += 3600 * SECOND;
    assert_string_equal(token_of_request(), first);
}

/* ---- the log ----------------------------------------------------------- */

FACTS(failures_are_logged_once_in_ten_seconds)
{
    int i;

    fail_one("1", 502);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(last_log, "(1 time(s) since"));
    for (i = 0; i < 5; i++) {
        now.now += 2 * SECOND - 1;
        fail_one("2", 502);
    }
    assert_int_equal(warnings, 1);
    now.now += 5;
    fail_one("3", 503);
    assert_int_equal(warnings, 2);
    assert_non_null(strstr(last_log, "http://a"));
    assert_non_null(strstr(last_log, "status 503"));
    assert_non_null(strstr(last_log, "(6 time(s) since"));
    assert_int_equal(notices, 0);
}

FACTS(the_end_of_failures_is_logged_once)
{
    fail_one("1", 502);
    token_of_request();
    assert_int_equal(notices, 1);
    token_of_request();
    assert_int_equal(notices, 1);
    fail_one("2", 502); /* a new failure is logged at once */
    assert_int_equal(warnings, 2);
}

FACTS(children_share_the_limit_of_the_log)
{
    pid_t pid = fork();

    if (pid == 0) {
        fail_one("1", 502);
        _exit(warnings != 1);
    }
    kit_wait(pid);
    now.now += SECOND;
    fail_one("2", 502);
    assert_int_equal(warnings, 0);
}

/* ---- Main -------------------------------------------------------------- */

static int before_each(void **state)
{
    (void)state;
    hub_open(8 * 1024 * 1024);
    fake_open();
    now.now = 5000 * SECOND;
    now.date = apr_time_from_sec(1700000000);
    warnings = notices = 0;
    is_allowed = 1;
    es_log_set_handler(on_log);
    assert_int_equal(es_grip_client_open(&client, 2), APR_SUCCESS);
    outbox = es_outbox_shm_at(hub.outboxes, 0);
    sending = open_sending(0);
    return 0;
}

static int after_each(void **state)
{
    if (!fake.lines[fake.count - 1]->is_closed) {
        es_sender_proxy_close(sending);
    }
    es_grip_client_close(client);
    fake_close();
    hub_close();
    return unit_after_each(state);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, before_each, after_each)

static const struct CMUnitTest tests[] = {
    TEST(without_events_no_request_is_sent),
    TEST(events_are_sent_in_the_order_of_the_journal),
    TEST(one_request_follows_another),
    TEST(what_was_published_before_the_proxy_is_not_sent),
    TEST(the_parts_of_a_record_follow_each_other),
    TEST(a_server_error_is_of_the_records_of_the_request),
    TEST(all_that_stood_in_the_journal_fails_when_the_proxy_is_not_reached),
    TEST(a_body_that_is_refused_is_sent_one_by_one),
    TEST(other_refusals_are_not_split),
    TEST(a_server_that_may_not_send_does_not),
    TEST(one_that_loses_the_right_cancels_what_is_in_flight),
    TEST(one_that_loses_it_with_an_answer_sends_nothing_more),
    TEST(an_outbox_without_a_place_waits_for_one),
    TEST(what_was_overtaken_has_failed),
    TEST(a_damaged_record_ends_what_is_sent_of_the_journal),
    TEST(an_outbox_beyond_the_head_begins_at_the_head),
    TEST(a_request_that_cannot_begin_has_failed),
    TEST(failed_events_are_not_sent_again_by_themselves),
    TEST(each_failed_event_is_sent_again_alone),
    TEST(events_that_were_taken_are_not_sent_again),
    TEST(what_is_sent_again_goes_before_what_is_next),
    TEST(an_event_that_fails_again_has_its_last_outcome),
    TEST(a_resend_goes_on_after_a_refusal_and_ends_without_an_answer),
    TEST(an_outcome_of_a_resend_is_returned_once),
    TEST(one_range_is_sent_again_at_a_time),
    TEST(the_parts_of_a_record_are_sent_again_in_order),
    TEST(a_search_among_many_records_is_done_in_parts),
    TEST(what_the_journal_has_lost_cannot_be_sent_again),
    TEST(the_same_event_again_goes_only_to_the_proxy_that_failed),
    TEST(another_child_goes_on_after_the_owner_died),
    TEST(another_child_starts_at_the_record_of_which_a_part_was_sent),
    TEST(a_child_waits_while_another_has_the_outbox),
    TEST(a_close_leaves_the_rest_to_another_child),
    TEST(a_token_is_replaced_after_five_minutes),
    TEST(a_step_of_the_time_of_day_does_not_replace_a_token),
    TEST(an_event_without_a_token_has_failed),
    TEST(other_authorization_stays),
    TEST(failures_are_logged_once_in_ten_seconds),
    TEST(the_end_of_failures_is_logged_once),
    TEST(children_share_the_limit_of_the_log),
};

UNIT_MAIN(tests)
