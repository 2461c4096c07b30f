/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/grip_recover.c: which links are answered, and for how long. */
#include "t/unit/store_kit.h"
#include "t/unit/unit.h"

#include <apr_time.h>

/* The time of day, in seconds. */
#define NOON_S (APR_INT64_C(1790000000) / 3600 * 3600)
#define HOUR_S 3600
static apr_int64_t now_s;

static apr_time_t now_of_test(void)
{
    return apr_time_from_sec(now_s);
}

#define apr_time_now now_of_test
#include "http/grip_recover.c"
#undef apr_time_now
#include "t/unit/httpd_stub.h"
#include "t/unit/runtime_stub.h"

static kit_t *kit;
static es_runtime_hub_t hub;
static es_grip_t grip;
static int is_checked;        /* the hub has a verify-key= */
static apr_int64_t *retained; /* of ap_retained_data_create */

/* ---- What the file calls ----------------------------------------------- */

static enum { NOTHING, SENT, ENDED } answer;
static apr_int64_t ended_retry_ms;

void *ap_retained_data_get(const char *key)
{
    (void)key;
    return retained;
}

void *ap_retained_data_create(const char *key, apr_size_t size)
{
    (void)key;
    retained = apr_pcalloc(pool, size);
    return retained;
}

const es_runtime_hub_t *es_runtime_hub_named(const char *name)
{
    return strcmp(name, "h") ? NULL : &hub;
}

int es_grip_sig_find(request_rec *r, const es_grip_t *of, int *is_proxied,
                     es_problem_t *why)
{
    (void)r;
    (void)of;
    (void)why;
    *is_proxied = 1;
    return 1;
}

int es_grip_sig_is_checked(const es_grip_t *of)
{
    assert_ptr_equal(of, &grip);
    return is_checked;
}

es_resume_reach_t es_subscribe_admit_reach(const es_runtime_hub_t *of)
{
    es_resume_reach_t all = {0, 0, 0, 0};

    (void)of;
    return all;
}

/* What all servers of a cluster add to a seal; 0 = the hub is not of one. */
static apr_uint64_t common_seal;

apr_uint64_t es_grip_answer_seal(const es_runtime_hub_t *of, es_slice_t state)
{
    return es_store_seal(of->store, state) + common_seal;
}

void es_grip_answer_init(es_grip_answer_t *out, request_rec *r,
                         const es_runtime_hub_t *of, const es_slot_t *slots,
                         int count, const es_start_t *start)
{
    (void)of;
    (void)slots;
    (void)start;
    memset(out, 0, sizeof(*out));
    out->r = r;
    out->parts = apr_pcalloc(pool, sizeof(*out->parts) * (apr_size_t)count);
    out->count = count;
    es_buf_init(&out->body, pool, 4096);
}

int es_grip_answer_make(es_grip_answer_t *out, es_problem_t *why)
{
    (void)out;
    (void)why;
    return 1;
}

int es_grip_answer_send(es_grip_answer_t *out)
{
    (void)out;
    answer = SENT;
    return OK;
}

int es_grip_answer_end(request_rec *r, apr_int64_t retry_ms)
{
    (void)r;
    answer = ENDED;
    ended_retry_ms = retry_ms;
    return OK;
}

int es_grip_answer_refuse(request_rec *r, const es_problem_t *why,
                          apr_int64_t retry_ms)
{
    assert_int_equal(why->status, HTTP_SERVICE_UNAVAILABLE);
    return es_grip_answer_end(r, retry_ms);
}

int es_reply_problem(request_rec *r, const es_problem_t *why)
{
    (void)r;
    return why->status;
}

/* ---- A proxy ----------------------------------------------------------- */

static int open_hub(void **state)
{
    (void)state;
    kit = kit_open(65536, 4, 0);
    memset(&grip, 0, sizeof(grip));
    grip.prefix = "";
    grip.is_reliable = 1;
    memset(&hub, 0, sizeof(hub));
    hub.name = "h";
    hub.store = kit->store;
    hub.grip = &grip;
    is_checked = 1;
    retained = NULL;
    now_s = NOON_S;
    es_grip_recover_begin();
    return 0;
}

static int close_hub(void **state)
{
    kit_close(kit, 0);
    return unit_after_each(state);
}

/* The request of a proxy by a link with this state, and its Grip-Last. */
static int ask(const char *state, const char *last)
{
    request_rec *r = stub_request(pool);
    es_slice_t bytes = es_slice_of(state);

    r->method_number = M_GET;
    r->uri = apr_pstrcat(
        pool, "/e" ES_GRIP_LINK_MARK,
        es_grip_link_write(bytes, es_store_seal(kit->store, bytes), pool),
        NULL);
    apr_table_setn(r->headers_in, "Grip-Sig", "x");
    if (last) {
        apr_table_setn(r->headers_in, "Grip-Last", last);
    }
    answer = NOTHING;
    assert_int_equal(es_grip_recover_handler(r, 0), OK);
    return answer;
}

/* As the version before this one wrote it. */
static const char *const old_link = "1\nh\n0\n0\n2000\n\na";

static const char *link_made_at(apr_int64_t made_s)
{
    return apr_psprintf(pool, "2\n%" APR_INT64_T_FMT "\nh\n0\n0\n2000\n\na",
                        es_grip_link_expiry(made_s));
}

static const char *last_at(apr_int64_t published_s)
{
    return apr_psprintf(pool, "a; last-id=%" APR_INT64_T_FMT "000-1",
                        published_s);
}

FACTS(a_link_is_answered_until_it_expires)
{
    const char *link = link_made_at(now_s);

    assert_int_equal(ask(link, NULL), SENT);
    now_s += 3 * HOUR_S;
    assert_int_equal(ask(link, NULL), SENT);
    now_s++;
    assert_int_equal(ask(link, NULL), ENDED);
    assert_int_equal(ended_retry_ms, 2000);
}

FACTS(an_event_that_was_received_renews_a_link)
{
    const char *link = link_made_at(now_s);

    now_s += 10 * HOUR_S;
    assert_int_equal(ask(link, last_at(now_s)), SENT);
    assert_int_equal(ask(link, last_at(now_s - 2 * HOUR_S)), SENT);
    assert_int_equal(ask(link, last_at(now_s - 4 * HOUR_S)), ENDED);
    assert_int_equal(ask(link, last_at(now_s + 4 * HOUR_S)), SENT);
    assert_int_equal(ask(link, "b; last-id=9999999999999-1"), ENDED);
    assert_int_equal(ask(link, "a; last-id=x"), ENDED);
    assert_int_equal(ask(link, "a"), ENDED);
}

FACTS(an_event_renews_nothing_if_any_client_can_state_it)
{
    const char *link = link_made_at(now_s);

    is_checked = 0;
    assert_int_equal(ask(link, last_at(now_s)), SENT);
    now_s += 10 * HOUR_S;
    assert_int_equal(ask(link, last_at(now_s)), ENDED);
}

FACTS(a_link_without_expiry_is_as_one_that_was_made_at_the_update)
{
    assert_int_equal(ask(old_link, NULL), SENT);
    now_s += 3 * HOUR_S;
    assert_int_equal(ask(old_link, NULL), SENT);
    now_s++;
    assert_int_equal(ask(old_link, NULL), ENDED);
    assert_int_equal(ask(old_link, last_at(now_s)), SENT);
}

FACTS(a_further_restart_does_not_renew_links_without_expiry)
{
    now_s += 4 * HOUR_S;
    es_grip_recover_begin();
    assert_int_equal(ask(old_link, NULL), ENDED);
}

FACTS(a_link_from_a_clock_that_was_years_ahead_is_not_valid)
{
    const char *link = link_made_at(now_s + APR_INT64_C(1000000) * HOUR_S);

    assert_int_equal(ask(link, NULL), ENDED);
}

FACTS(a_proxy_that_cannot_be_served_now_is_not_refused)
{
    static const es_slice_t names[] = {{"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}};
    es_slot_t slots[4];
    es_start_t start;

    assert_int_equal(es_store_subscribe(kit->store, 1, names, 4, slots, &start),
                     0);
    assert_int_equal(ask(link_made_at(now_s), NULL), ENDED);
    assert_int_equal(ended_retry_ms, 2000);
    es_store_unsubscribe(kit->store, 1, slots, 4);
}

/* ---- Several servers ---------------------------------------------------- */

static const es_cluster_conf_t cluster = {.hub = "h"};

FACTS(a_link_of_another_server_is_answered)
{
    es_slice_t bytes = es_slice_of(link_made_at(now_s));
    request_rec *r = stub_request(pool);

    hub.cluster = &cluster;
    common_seal = 7;
    assert_int_equal(ask(link_made_at(now_s), NULL), SENT); /* its own */
    r->method_number = M_GET;
    apr_table_setn(r->headers_in, "Grip-Sig", "x");
    r->uri = apr_pstrcat(
        pool, "/e" ES_GRIP_LINK_MARK,
        es_grip_link_write(bytes, es_store_seal(kit->store, bytes) + 7, pool),
        NULL);
    answer = NOTHING;
    assert_int_equal(es_grip_recover_handler(r, 0), OK);
    assert_int_equal(answer, SENT);
    common_seal = 8;
    assert_int_equal(es_grip_recover_handler(r, 0), OK);
    assert_int_equal(answer, ENDED);
    common_seal = 0;
}

static void event_comes(void)
{
    if (runtime_stub.behind_looks == 0) {
        es_appended_t done;

        assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), 0);
    }
}

FACTS(an_event_that_another_server_has_sent_is_waited_for)
{
    const char *link = link_made_at(now_s);
    es_id_t far = {APR_UINT64_C(1) << 50, 1};
    const char *last =
        apr_psprintf(pool, "a; last-id=%" APR_UINT64_T_FMT "-1", far.ms);

    memset(&runtime_stub, 0, sizeof(runtime_stub));
    hub.cluster = &cluster;
    runtime_stub.on_behind = event_comes;
    runtime_stub.behind_looks = 3;
    runtime_stub.behind_by = 1;
    runtime_stub.is_behind = 1;
    assert_int_equal(ask(link, last), ENDED); /* the proxy asks again */
    assert_int_equal(runtime_stub.behind_looks, 0);
    assert_int_equal(runtime_stub.broker_waits, 0);
    runtime_stub.behind_looks = 3;
    runtime_stub.is_behind = 0; /* a reset: it has all that there is */
    assert_int_equal(ask(link, last), SENT);
    assert_int_equal(runtime_stub.behind_looks, 3);
    runtime_stub.is_behind = 1;
    runtime_stub.behind_by = 0; /* the id cannot be ahead */
    assert_int_equal(ask(link, last), SENT);
    runtime_stub.behind_by = 1;
    assert_int_equal(ask(link, NULL), SENT);
    assert_int_equal(runtime_stub.broker_waits, 0);
}

static const struct CMUnitTest tests[] = {
#define HUB(name) cmocka_unit_test_setup_teardown(name, open_hub, close_hub)
    HUB(a_link_is_answered_until_it_expires),
    HUB(an_event_that_was_received_renews_a_link),
    HUB(an_event_renews_nothing_if_any_client_can_state_it),
    HUB(a_link_without_expiry_is_as_one_that_was_made_at_the_update),
    HUB(a_further_restart_does_not_renew_links_without_expiry),
    HUB(a_link_from_a_clock_that_was_years_ahead_is_not_valid),
    HUB(a_proxy_that_cannot_be_served_now_is_not_refused),
    HUB(a_link_of_another_server_is_answered),
    HUB(an_event_that_another_server_has_sent_is_waited_for),
};

UNIT_MAIN(tests)
