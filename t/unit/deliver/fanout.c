/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deliver/fanout.c: who gets which event. */
#include "t/unit/conn_kit.h"

#include <apr_general.h>

#include "deliver/fanout.h"

typedef struct world_t {
    hub_t hub;    /* the store */
    es_hub_t own; /* as the delivery sees it */
    es_conns_t *conns;
    es_fanout_t *fanout;
    int epoll_fd;
} world_t;

static void world_open(world_t *w)
{
    memset(w, 0, sizeof(*w));
    hub_open(&w->hub, 1024 * 1024);
    hub_begin(&w->hub, &w->own);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->conns = es_conns_create(w->epoll_fd, 0);
    assert_non_null(w->conns);
    w->fanout = es_fanout_create(w->conns);
    assert_non_null(w->fanout);
}

static void world_close(world_t *w)
{
    es_conns_close_all(w->conns, &w->own, 1);
    es_fanout_destroy(w->fanout);
    es_conns_destroy(w->conns);
    es_hub_clear(&w->own);
    close(w->epoll_fd);
    kit_clear();
    hub_close(&w->hub);
}

static kit_conn_t *join(world_t *w, const char *channels)
{
    kit_conn_t *kit = kit_make(&w->hub, channels, 0, NULL);

    es_conns_add(w->conns, kit->conn, &w->own, 0);
    assert_int_equal(kit->conn->state, ES_CONN_CURRENT);
    return kit;
}

static int count_of(const char *text, const char *part)
{
    int count = 0;

    for (text = strstr(text, part); text != NULL; text = strstr(text, part)) {
        text += strlen(part);
        count++;
    }
    return count;
}

/* A conn of several channels is in several lists. */
static void test_each_event_once(void **state)
{
    world_t w;
    kit_conn_t *several, *one;
    int i;

    (void)state;
    world_open(&w);
    several = join(&w, "a,b,c");
    one = join(&w, "b");
    for (i = 0; i < 3; i++) {
        hub_say(&w.hub, "a", "of-a");
        hub_say(&w.hub, "a,b", "of-both");
        hub_say(&w.hub, "b", "of-b");
        es_fanout_round(w.fanout, &w.own, 0);
        assert_int_equal(count_of(several->got, "of-a"), i + 1);
        assert_int_equal(count_of(several->got, "of-both"), i + 1);
        assert_int_equal(count_of(several->got, "of-b\n"), i + 1);
        assert_int_equal(several->writes, i + 1);
        assert_int_equal(count_of(one->got, "data: "), 2 * (i + 1));
    }
    /* a round that does not concern it, and one that does */
    hub_say(&w.hub, "b", "last");
    es_fanout_round(w.fanout, &w.own, 0);
    hub_say(&w.hub, "c", "very-last");
    es_fanout_round(w.fanout, &w.own, 0);
    assert_int_equal(count_of(several->got, "very-last"), 1);
    assert_int_equal(count_of(one->got, "very-last"), 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_event_once),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
