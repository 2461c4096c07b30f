/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of server/outbox_owners.c: which outbox belongs to which proxy. */
#include "t/unit/store_kit.h"

#include "server/outbox_owners.c"

#define CHILDREN 3

/* The owners, as a parent retains them, and a hub's store. */
typedef struct world_t {
    kit_t *kit;
    es_outbox_owners_t owners;
    es_outbox_shm_t *shm;
} world_t;

static world_t world;

/* A configuration with proxies was read. */
static void configure(void)
{
    assert_int_equal(
        es_outbox_owners_begin(&world.owners, 1, CHILDREN, world.kit->pool),
        APR_SUCCESS);
    assert_int_equal(es_outbox_shm_attach(&world.shm, world.owners.mem,
                                          world.owners.max_children,
                                          world.owners.wake_fds,
                                          world.kit->pool),
                     APR_SUCCESS);
}

static int open_world(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    world.kit = kit_open(65536, 8, 0);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    kit_close(world.kit, 0);
    return 0;
}

static apr_status_t find(const char *hub, const char *uri, apr_uint32_t *outbox)
{
    return es_outbox_owners_find(&world.owners, world.shm, hub,
                                 world.kit->store,
                                 es_store_head(world.kit->store), uri, outbox);
}

static apr_uint32_t outbox_of(const char *hub, const char *uri)
{
    apr_uint32_t outbox;

    assert_int_equal(find(hub, uri, &outbox), APR_SUCCESS);
    return outbox;
}

static es_pos_t sent_of(apr_uint32_t outbox)
{
    return es_outbox_sent(es_outbox_shm_at(world.shm, outbox));
}

static void publish_one(void)
{
    es_appended_t done;

    assert_int_equal(kit_append(world.kit, "a", "x", &done), APR_SUCCESS);
}

static void without_proxies_there_is_no_segment(void **state)
{
    (void)state;
    assert_int_equal(
        es_outbox_owners_begin(&world.owners, 0, CHILDREN, world.kit->pool),
        APR_SUCCESS);
    assert_null(world.owners.mem);
}

static void a_segment_stays_over_configurations(void **state)
{
    void *mem;

    (void)state;
    configure();
    mem = world.owners.mem;
    configure();
    assert_ptr_equal(world.owners.mem, mem);
    assert_int_equal(
        es_outbox_owners_begin(&world.owners, 0, CHILDREN, world.kit->pool),
        APR_SUCCESS);
    assert_ptr_equal(world.owners.mem, mem);
}

static void a_proxy_finds_its_outbox_again(void **state)
{
    apr_uint32_t first;

    (void)state;
    configure();
    first = outbox_of("default", "http://a/");
    assert_int_not_equal(outbox_of("default", "http://b/"), first);
    assert_int_not_equal(outbox_of("other", "http://a/"), first);
    configure();
    assert_int_equal(outbox_of("default", "http://a/"), first);
}

static void a_new_outbox_starts_at_the_head(void **state)
{
    (void)state;
    publish_one();
    configure();
    assert_int_equal(sent_of(outbox_of("default", "http://a/")),
                     es_store_head(world.kit->store));
}

static void an_outbox_continues_where_it_is(void **state)
{
    es_pos_t sent;
    apr_uint32_t outbox;

    (void)state;
    configure();
    outbox = outbox_of("default", "http://a/");
    sent = sent_of(outbox);
    publish_one();
    configure();
    assert_int_equal(outbox_of("default", "http://a/"), outbox);
    assert_int_equal(sent_of(outbox), sent);
}

static void a_proxy_that_was_not_configured_starts_at_the_head(void **state)
{
    apr_uint32_t outbox;

    (void)state;
    configure();
    outbox = outbox_of("default", "http://a/");
    publish_one();
    configure(); /* this one does not ask for it */
    configure();
    assert_int_equal(outbox_of("default", "http://a/"), outbox);
    assert_int_equal(sent_of(outbox), es_store_head(world.kit->store));
}

static void another_segment_gets_another_outbox(void **state)
{
    kit_t *first = world.kit;
    apr_uint32_t outbox;

    (void)state;
    configure();
    outbox = outbox_of("default", "http://a/");
    world.kit = kit_open(65536, 8, 0);
    assert_int_not_equal(outbox_of("default", "http://a/"), outbox);
    kit_close(world.kit, 0);
    world.kit = first;
}

static void outboxes_run_out(void **state)
{
    apr_uint32_t outbox;
    char uri[32];
    int i;

    (void)state;
    configure();
    for (i = 0; i < ES_OUTBOX_SHM_MAX; i++) {
        snprintf(uri, sizeof(uri), "http://proxy-%d/", i);
        assert_int_equal(find("default", uri, &outbox), APR_SUCCESS);
    }
    assert_int_equal(find("default", "http://one-more/", &outbox), APR_ENOSPC);
    assert_int_equal(find("default", "http://proxy-0/", &outbox), APR_SUCCESS);
}

#define IN_WORLD(name) \
    cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_WORLD(without_proxies_there_is_no_segment),
        IN_WORLD(a_segment_stays_over_configurations),
        IN_WORLD(a_proxy_finds_its_outbox_again),
        IN_WORLD(a_new_outbox_starts_at_the_head),
        IN_WORLD(an_outbox_continues_where_it_is),
        IN_WORLD(a_proxy_that_was_not_configured_starts_at_the_head),
        IN_WORLD(another_segment_gets_another_outbox),
        IN_WORLD(outboxes_run_out),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
