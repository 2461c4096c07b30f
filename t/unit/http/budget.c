/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/budget.c: how many workers clients may occupy. */
#include "t/unit/unit.h"

#include <apr_hooks.h>

#include "http/budget.c"
#include "t/unit/httpd_stub.h"

#define MASTERS 9

static conn_rec h1;
static conn_rec masters_h2[MASTERS]; /* connections of HTTP/2 */
static conn_rec streams[MASTERS];    /* one stream of each */
static int h2_workers;

static void num_workers(server_rec *s, int *min, int *max)
{
    (void)s;
    *min = 1;
    *max = h2_workers;
}

/* A child with this many workers; for HTTP/2: 0 = mod_http2 is not loaded. */
static void child(int workers, int workers_h2, int max_held)
{
    request_rec *r = stub_request(pool);
    int i;

    httpd_stub.threads = workers;
    if (!apr_hook_global_pool) { /* APR keeps what is registered in it */
        apr_pool_create(&apr_hook_global_pool, NULL);
    }
    apr_dynamic_fn_register("http2_get_num_workers",
                            workers_h2 ? (apr_opt_fn_t *)num_workers : NULL);
    h2_workers = workers_h2;
    nmasters = 0;
    for (i = 0; i < MASTERS; i++) {
        streams[i].master = &masters_h2[i];
    }
    es_budget_init(pool, r->server, max_held);
}

/* How many clients in a row are held, and how many get a turn. */
static void assert_h1(int held, int turns)
{
    int i;

    for (i = 0; i < held; i++) {
        assert_int_equal(es_budget_acquire(&h1), ES_GRANT_HELD);
    }
    for (i = 0; i < turns; i++) {
        assert_int_equal(es_budget_acquire(&h1), ES_GRANT_TURN);
    }
    assert_int_equal(es_budget_acquire(&h1), ES_GRANT_BRIEF);
}

FACTS(a_quarter_of_the_workers_holds_clients_and_as_many_serve_turns)
{
    child(10, 0, 0);
    assert_h1(2, 2);
}

FACTS(the_directive_replaces_the_quarter)
{
    child(10, 0, 3);
    assert_h1(3, 3);
}

FACTS(a_child_with_few_workers_holds_no_client)
{
    child(3, 0, 0);
    assert_h1(0, 0);
}

FACTS(what_is_given_back_can_be_taken_again)
{
    child(4, 0, 0);
    assert_h1(1, 1);
    es_budget_release(&h1, ES_GRANT_TURN);
    assert_int_equal(es_budget_acquire(&h1), ES_GRANT_TURN);
    es_budget_release(&h1, ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&h1), ES_GRANT_HELD);
    assert_h1(0, 0);
}

FACTS(a_brief_grant_gives_nothing_back)
{
    child(4, 0, 0);
    assert_h1(1, 1);
    es_budget_release(&h1, ES_GRANT_BRIEF);
    assert_h1(0, 0);
}

FACTS(http2_has_a_quota_of_its_own)
{
    child(32, 8, 0);
    assert_h1(8, 8);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[1]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[2]), ES_GRANT_BRIEF);
}

/* A connection occupies a worker of the MPM as long as it has a stream. */
FACTS(http2_does_not_hold_more_than_a_quarter_of_the_mpms_workers)
{
    child(8, 16, 0);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[1]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[2]), ES_GRANT_TURN);
    assert_int_equal(es_budget_acquire(&streams[3]), ES_GRANT_TURN);
    assert_int_equal(es_budget_acquire(&streams[4]), ES_GRANT_BRIEF);
}

FACTS(turns_leave_half_of_the_workers_to_others)
{
    child(8, 16, 0);
    assert_int_equal(es_budget_acquire(&h1), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&h1), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&h1), ES_GRANT_TURN);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[1]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[2]), ES_GRANT_BRIEF);
    assert_int_equal(es_budget_acquire(&h1), ES_GRANT_BRIEF);
    es_budget_release(&h1, ES_GRANT_TURN);
    es_budget_release(&streams[0], ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&h1), ES_GRANT_TURN);
}

FACTS(with_the_directive_each_kind_has_its_turns)
{
    child(4, 4, 2);
    assert_h1(2, 2);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[1]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[2]), ES_GRANT_TURN);
    assert_int_equal(es_budget_acquire(&streams[3]), ES_GRANT_TURN);
    assert_int_equal(es_budget_acquire(&streams[4]), ES_GRANT_BRIEF);
}

FACTS(without_mod_http2_its_quota_is_that_of_http1)
{
    child(8, 0, 0);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[1]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[2]), ES_GRANT_TURN);
}

FACTS(an_http2_connection_has_one_grant_at_a_time)
{
    child(8, 16, 0);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_BRIEF);
    assert_int_equal(es_budget_acquire(&streams[1]), ES_GRANT_HELD);
    es_budget_release(&streams[0], ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[1]), ES_GRANT_BRIEF);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_HELD);
}

FACTS(a_brief_grant_does_not_end_the_grant_of_its_connection)
{
    child(8, 16, 0);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_HELD);
    es_budget_release(&streams[0], ES_GRANT_BRIEF);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_BRIEF);
}

FACTS(there_is_room_until_the_quota_is_held_whatever_the_turns)
{
    child(4, 4, 0);
    assert_int_equal(es_budget_has_room(&streams[0]), 1);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_HELD);
    assert_int_equal(es_budget_has_room(&streams[1]), 0);
    assert_int_equal(es_budget_has_room(&h1), 1);
    es_budget_release(&streams[0], ES_GRANT_HELD);
    assert_int_equal(es_budget_has_room(&streams[1]), 1);
}

FACTS(a_connection_with_a_grant_lacks_no_room)
{
    child(4, 4, 0);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_HELD);
    assert_int_equal(es_budget_has_room(&streams[0]), 1);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_BRIEF);
}

FACTS(a_connection_beyond_the_quota_may_try_again)
{
    child(4, 4, 0);
    assert_int_equal(es_budget_acquire(&streams[0]), ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[1]), ES_GRANT_TURN);
    assert_int_equal(es_budget_acquire(&streams[2]), ES_GRANT_BRIEF);
    es_budget_release(&streams[0], ES_GRANT_HELD);
    assert_int_equal(es_budget_acquire(&streams[2]), ES_GRANT_HELD);
}

FACTS(the_quotas_are_logged)
{
    child(16, 8, 0);
    assert_int_equal(httpd_stub.logs, 1);
    assert_int_equal(httpd_stub.log_level, APLOG_INFO);
    assert_non_null(strstr(httpd_stub.logged, "ES0402: "));
    assert_non_null(strstr(httpd_stub.logged, " 4 are held over HTTP/1.1 and "
                                              "2 over HTTP/2"));
}

static const struct CMUnitTest tests[] = {
    UNIT(a_quarter_of_the_workers_holds_clients_and_as_many_serve_turns),
    UNIT(the_directive_replaces_the_quarter),
    UNIT(a_child_with_few_workers_holds_no_client),
    UNIT(what_is_given_back_can_be_taken_again),
    UNIT(a_brief_grant_gives_nothing_back),
    UNIT(http2_has_a_quota_of_its_own),
    UNIT(http2_does_not_hold_more_than_a_quarter_of_the_mpms_workers),
    UNIT(turns_leave_half_of_the_workers_to_others),
    UNIT(with_the_directive_each_kind_has_its_turns),
    UNIT(without_mod_http2_its_quota_is_that_of_http1),
    UNIT(an_http2_connection_has_one_grant_at_a_time),
    UNIT(a_brief_grant_does_not_end_the_grant_of_its_connection),
    UNIT(there_is_room_until_the_quota_is_held_whatever_the_turns),
    UNIT(a_connection_with_a_grant_lacks_no_room),
    UNIT(a_connection_beyond_the_quota_may_try_again),
    UNIT(the_quotas_are_logged),
};

UNIT_MAIN(tests)
