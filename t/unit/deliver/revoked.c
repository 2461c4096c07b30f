/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of deliver/revoked.c: which conns a walk ends, in parts, while conns
 * come and move; one that comes from elsewhere; and when the table has
 * forgotten something. */
#include "t/unit/conn_kit.h"

#include <apr_general.h>

#include "base/clock.h"
#include "deliver/conn_timers.h"
#include "deliver/conns_priv.h"
#include "deliver/revoked.h"
#include "shm/segment.h"

#define ANN APR_UINT64_C(11)
#define BOB APR_UINT64_C(22)
#define TOKEN APR_UINT64_C(33)
#define NEVER APR_INT64_C(1)

typedef struct world_t {
    apr_pool_t *pool;
    hub_t hub;    /* the store */
    es_hub_t own; /* as the delivery sees it */
    es_conns_t *conns;
    es_revocations_t *table;
    int epoll_fd;
} world_t;

static void world_open(world_t *w)
{
    void *mem;

    memset(w, 0, sizeof(*w));
    apr_pool_create(&w->pool, NULL);
    hub_open(&w->hub, 65536);
    hub_begin(&w->hub, &w->own);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->conns = es_conns_create(w->epoll_fd, 0);
    assert_int_equal(es_segment_create(&mem, es_revocations_size(), w->pool),
                     APR_SUCCESS);
    assert_int_equal(es_revocations_format(mem), APR_SUCCESS);
    w->table = es_revocations_attach(mem, w->pool);
    es_revoked_init(w->conns, w->table);
}

static void world_close(world_t *w)
{
    es_conns_close_all(w->conns, &w->own, 1);
    kit_clear();
    es_conns_destroy(w->conns);
    es_hub_clear(&w->own);
    close(w->epoll_fd);
    hub_close(&w->hub);
    apr_pool_destroy(w->pool);
}

/* A conn of who, which was looked at up to the present number. */
static kit_conn_t *make(world_t *w, const char *channels, apr_uint64_t user,
                        apr_uint64_t token)
{
    static const es_client_opts_t opts = {.retry_ms = 1000};
    kit_conn_t *kit = kit_make(&w->hub, channels, 1, &opts);

    kit->conn->client->counted.user = user;
    kit->conn->client->token = token;
    kit->conn->client->checked = (apr_uint32_t)es_revocations_number(w->table);
    return kit;
}

static void add(world_t *w, kit_conn_t *kit)
{
    es_conns_add(w->conns, kit->conn, &w->own, 0);
}

static kit_conn_t *added(world_t *w, const char *channels, apr_uint64_t user,
                         apr_uint64_t token)
{
    kit_conn_t *kit = make(w, channels, user, token);

    add(w, kit);
    return kit;
}

static void revoke_in(world_t *w, apr_uint64_t who, const char *channel,
                      const es_id_t *epoch)
{
    es_revocation_t made = {0};

    made.epoch = *epoch;
    made.who = who;
    made.until = NEVER;
    if (channel != NULL) {
        made.channel = es_revocations_channel(w->table, es_slice_of(channel));
    }
    assert_int_equal(es_revocations_add(w->table, &made, NEVER), APR_SUCCESS);
}

static void revoke_who(world_t *w, apr_uint64_t who, const char *channel)
{
    es_id_t epoch = es_store_epoch(w->hub.store);

    revoke_in(w, who, channel, &epoch);
}

/* As the loop does it. @param every  conns in a part; 0 = all */
static int walk(world_t *w, int every)
{
    int parts = 0;

    if (es_revoked_is_new(w->conns)) {
        es_revoked_begin(w->conns);
    }
    for (;;) {
        es_deadline_t deadline = {es_clock_now, 0, every, every, 0};

        parts++;
        if (!es_revoked_run(w->conns, every != 0 ? &deadline : NULL)) {
            break;
        }
    }
    (void)es_conns_run(w->conns, NULL, 0);
    return parts;
}

/* Has it got its end, with a retry time, and a reason? */
static int is_ended(const kit_conn_t *kit)
{
    return kit->conn->state == ES_CONN_LINGER &&
           kit->conn->client->why == ES_END_REVOKED &&
           strstr(kit->got, "retry: 1") != NULL;
}

static int is_served(const kit_conn_t *kit)
{
    return kit->conn->state == ES_CONN_CURRENT && kit->len == 0;
}

static void test_who_is_ended(void **state)
{
    world_t w;
    kit_conn_t *ann, *bob, *none, *token;

    (void)state;
    world_open(&w);
    ann = added(&w, "a", ANN, 0);
    bob = added(&w, "a", BOB, 0);
    none = added(&w, "a", 0, 0);
    token = added(&w, "a", BOB, TOKEN);
    assert_int_equal(es_revoked_is_new(w.conns), 0);
    revoke_who(&w, ANN, NULL);
    assert_int_equal(es_revoked_is_new(w.conns), 1);
    walk(&w, 0);
    assert_int_equal(es_revoked_is_new(w.conns), 0);
    assert_true(is_ended(ann));
    assert_true(is_served(bob) && is_served(none) && is_served(token));
    revoke_who(&w, TOKEN, NULL);
    walk(&w, 0);
    assert_true(is_ended(token));
    assert_true(is_served(bob) && is_served(none));
    assert_int_equal(es_revocations_use(w.table, 0).ended, 2);
    world_close(&w);
}

static void test_channels_and_hubs(void **state)
{
    world_t w;
    kit_conn_t *a, *b, *both;
    es_id_t other = {5, 5};

    (void)state;
    world_open(&w);
    a = added(&w, "a", ANN, 0);
    b = added(&w, "b", ANN, 0);
    both = added(&w, "a,b", ANN, 0);
    revoke_in(&w, ANN, NULL, &other);
    walk(&w, 0);
    assert_true(is_served(a) && is_served(b) && is_served(both));
    revoke_who(&w, ANN, "b");
    walk(&w, 0);
    assert_true(is_served(a) && is_ended(b) && is_ended(both));
    world_close(&w);
}

static void test_without_a_table(void **state)
{
    world_t w;
    kit_conn_t *ann;

    (void)state;
    world_open(&w);
    es_revoked_init(w.conns, NULL);
    ann = added(&w, "a", ANN, 0);
    revoke_who(&w, ANN, NULL);
    assert_int_equal(es_revoked_is_new(w.conns), 0);
    walk(&w, 0);
    assert_true(is_served(ann));
    world_close(&w);
}

/* A worker has asked when the number was N: what came after N ends the client,
 * also if the delivery has looked at all others already. */
static void test_what_came_since_it_asked(void **state)
{
    world_t w;
    kit_conn_t *before, *after, *later;

    (void)state;
    world_open(&w);
    before = make(&w, "a", ANN, 0);
    revoke_who(&w, ANN, NULL);
    after = make(&w, "a", ANN, 0);
    walk(&w, 0);
    add(&w, before);
    assert_true(is_ended(before));
    add(&w, after);
    assert_true(is_served(after));
    /* it is newer than what this delivery knows */
    revoke_who(&w, BOB, NULL);
    later = added(&w, "a", BOB, 0);
    assert_true(is_served(later));
    walk(&w, 0);
    assert_true(is_served(later) && is_served(after));
    world_close(&w);
}

static void test_each_part_goes_on_where_the_last_one_ended(void **state)
{
    world_t w;
    kit_conn_t *kits[200];
    int i, parts, ended = 0, served = 0;

    (void)state;
    world_open(&w);
    for (i = 0; i < 200; i++) {
        kits[i] = added(&w, "a", i % 3 == 0 ? ANN : BOB, 0);
    }
    revoke_who(&w, ANN, NULL);
    parts = walk(&w, 7);
    /* twice all of them at most */
    assert_true(parts >= 200 / 7 && parts <= 400 / 7 + 2);
    for (i = 0; i < 200; i++) {
        ended += i % 3 == 0 && is_ended(kits[i]);
        served += i % 3 != 0 && is_served(kits[i]);
    }
    assert_int_equal(ended, 67);
    assert_int_equal(served, 133);
    world_close(&w);
}

/* Between two parts a round blocks those that the walk has not visited, which
 * moves them behind those that it has. */
static void test_none_evades_by_moving(void **state)
{
    world_t w;
    kit_conn_t *kits[60];
    int i, part = 0;

    (void)state;
    world_open(&w);
    for (i = 0; i < 60; i++) {
        kits[i] = added(&w, "a", ANN, 0);
    }
    revoke_who(&w, ANN, NULL);
    es_revoked_begin(w.conns);
    for (;;) {
        es_deadline_t deadline = {es_clock_now, 0, 1, 1, 0};
        es_conn_t *next = NULL;

        if (!es_revoked_run(w.conns, &deadline)) {
            break;
        }
        if (!es_list_is_empty(&w.conns->waiting)) {
            next = es_conns_of_link(w.conns->waiting.next);
        }
        if (next != NULL && part++ < 40 && next->state == ES_CONN_CURRENT) {
            es_conns_set_state(w.conns, next, ES_CONN_BLOCKED);
        }
    }
    (void)es_conns_run(w.conns, NULL, 0);
    for (i = 0; i < 60; i++) {
        assert_true(is_ended(kits[i]));
    }
    world_close(&w);
}

/* A conn that does not wait is looked at when it is stepped. */
static void test_stalled_and_ready(void **state)
{
    world_t w;
    kit_conn_t *stalled, *ready;

    (void)state;
    world_open(&w);
    stalled = added(&w, "a", ANN, 0);
    ready = added(&w, "a", ANN, 0);
    stalled->conn->stalls = 1;
    es_conns_set_state(w.conns, stalled->conn, ES_CONN_STALLED);
    es_conns_set_state(w.conns, ready->conn, ES_CONN_READY);
    revoke_who(&w, ANN, NULL);
    walk(&w, 0);
    assert_true(is_ended(ready));
    assert_int_equal(stalled->conn->state, ES_CONN_STALLED);
    es_conn_timers_expire(w.conns, NULL, APR_USEC_PER_SEC);
    assert_true(is_ended(stalled));
    world_close(&w);
}

/* More at a time than a walk has at hand. */
static void test_many_revocations(void **state)
{
    world_t w;
    kit_conn_t *ann, *bob, *fresh;
    int i;

    (void)state;
    world_open(&w);
    ann = added(&w, "a", ANN, 0);
    bob = added(&w, "a", BOB, 0);
    for (i = 0; i < ES_REVOKED_LIST; i++) {
        revoke_who(&w, 1000 + (apr_uint64_t)i, NULL);
    }
    walk(&w, 0);
    assert_true(is_served(ann) && is_served(bob));
    for (i = 0; i < ES_REVOKED_LIST; i++) {
        revoke_who(&w, 1000 + (apr_uint64_t)i, NULL);
    }
    revoke_who(&w, ANN, NULL);
    fresh = make(&w, "a", ANN, 0);
    walk(&w, 0);
    add(&w, fresh);
    assert_true(is_ended(ann) && is_served(bob) && is_served(fresh));
    world_close(&w);
}

/* The table has forgotten what came after the client was looked at: who it was
 * about is unknown. */
static void test_forgotten_revocations(void **state)
{
    world_t w;
    kit_conn_t *ann, *none, *old, *fresh;
    int i;

    (void)state;
    world_open(&w);
    ann = added(&w, "a", ANN, 0);
    none = added(&w, "a", 0, 0);
    old = make(&w, "a", 0, TOKEN);
    for (i = 0; i <= ES_REVOCATIONS_MAX; i++) {
        revoke_who(&w, 1000 + (apr_uint64_t)i, NULL);
    }
    fresh = make(&w, "a", ANN, 0);
    walk(&w, 0);
    assert_true(is_ended(ann) && is_served(none));
    add(&w, old);
    add(&w, fresh);
    assert_true(is_ended(old) && is_served(fresh));
    world_close(&w);
}

/* A client that a worker holds. */
static void test_check(void **state)
{
    world_t w;
    kit_conn_t *ann;
    es_client_t *client;
    apr_uint64_t number;

    (void)state;
    world_open(&w);
    ann = added(&w, "a", ANN, 0);
    client = ann->conn->client;
    assert_int_equal(es_revoked_check(client, w.table, 0), 0);
    revoke_who(&w, BOB, NULL);
    number = es_revocations_number(w.table);
    assert_int_equal(es_revoked_check(client, w.table, number), 0);
    revoke_who(&w, ANN, NULL);
    number = es_revocations_number(w.table);
    assert_int_equal(es_revoked_check(client, w.table, number), 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_ended),
        cmocka_unit_test(test_channels_and_hubs),
        cmocka_unit_test(test_without_a_table),
        cmocka_unit_test(test_what_came_since_it_asked),
        cmocka_unit_test(test_each_part_goes_on_where_the_last_one_ended),
        cmocka_unit_test(test_none_evades_by_moving),
        cmocka_unit_test(test_stalled_and_ready),
        cmocka_unit_test(test_many_revocations),
        cmocka_unit_test(test_forgotten_revocations),
        cmocka_unit_test(test_check),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
