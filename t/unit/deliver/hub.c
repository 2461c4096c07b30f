/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deliver/hub.c: its position and the watches that it signals. */
#include "t/unit/deliver_fixture.h"

#include <apr_general.h>

#include "deliver/watch_priv.h"

typedef struct world_t {
    hub_t hub;          /* the store */
    es_hub_t own;       /* as the delivery sees it */
    es_slot_t slots[2]; /* channels a and b */
    es_watch_t *a, *b, *both;
} world_t;

/* @return 1 when it was signalled, -1 when it was stopped */
static int signalled(es_watch_t *watch)
{
    return es_watch_wait(watch, 0);
}

static int open_world(void **state)
{
    world_t *w = calloc(1, sizeof(*w));
    es_pos_t pos;

    hub_open(&w->hub, 65536);
    hub_begin(&w->hub, &w->own);
    hub_subscribe(&w->hub, "a,b", w->slots, &pos);
    w->a = es_watch_create(0, &w->slots[0], 1);
    w->b = es_watch_create(0, &w->slots[1], 1);
    w->both = es_watch_create(0, w->slots, 2);
    es_hub_add_watch(&w->own, w->a);
    es_hub_add_watch(&w->own, w->b);
    es_hub_add_watch(&w->own, w->both);
    /* records may have been appended before it was added */
    assert_int_equal(signalled(w->a), 1);
    assert_int_equal(signalled(w->b), 1);
    assert_int_equal(signalled(w->both), 1);
    assert_int_equal(signalled(w->a), 0);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world_t *w = *state;

    es_hub_stop_watches(&w->own);
    es_watch_destroy(w->a);
    es_watch_destroy(w->b);
    es_watch_destroy(w->both);
    es_store_unsubscribe(w->hub.store, 1, w->slots, 2);
    es_hub_clear(&w->own);
    hub_close(&w->hub);
    free(w);
    return 0;
}

static void it_begins_at_the_head(void **state)
{
    world_t *w = *state;
    es_hub_t own;

    hub_say(&w->hub, "a", "one");
    assert_true(es_hub_has_unread(&w->own));
    assert_int_equal(es_hub_init(&own, w->hub.store, 1), APR_SUCCESS);
    assert_false(es_hub_has_unread(&own));
    assert_int_equal(own.pos, es_store_head(w->hub.store));
    assert_true(own.is_closed);
    es_hub_clear(&own);
}

static void a_zeroed_hub_can_be_cleared(void **state)
{
    es_hub_t own;

    (void)state;
    memset(&own, 0, sizeof(own));
    es_hub_clear(&own);
}

static void what_it_measures_goes_to_its_child(void **state)
{
    static es_delivery_figures_t figures;
    const apr_uint32_t last = ES_CHILD_FIGURES_HUBS - 1;
    world_t *w = *state;

    es_hub_note_lag(&w->own, 1, 2); /* it has nowhere to count */
    es_hub_note_replay(&w->own, 3);
    es_hub_add_clients(&w->own, 1);
    es_hub_set_figures(&w->own, &figures, last);
    assert_ptr_equal(w->own.figures, &figures.hubs[last]);
    es_hub_note_lag(&w->own, 4294967290u, 5000000005); /* the clock wraps */
    assert_int_equal(es_histogram_count(&figures.hubs[last].lag), 1);
    assert_int_equal(figures.hubs[last].lag.sum, (apr_uint32_t)5000000005 + 6);
    assert_int_equal(figures.gauges.lag_us, (apr_uint32_t)5000000005 + 6);
    assert_int_equal(figures.gauges.lag_at, 5000000005);
    es_hub_note_replay(&w->own, 3);
    assert_int_equal(figures.hubs[last].replay.sum, 3);
    es_hub_add_clients(&w->own, 1);
    es_hub_add_clients(&w->own, 1);
    es_hub_add_clients(&w->own, -1);
    assert_int_equal(figures.gauges.clients[last], 1);
    es_hub_set_figures(&w->own, &figures, ES_CHILD_FIGURES_HUBS);
    assert_null(w->own.figures); /* a hub beyond the last is not counted */
}

static void a_channel_signals_its_watches_alone(void **state)
{
    world_t *w = *state;

    es_hub_signal_channel(&w->own, w->slots[0]);
    assert_int_equal(signalled(w->a), 1);
    assert_int_equal(signalled(w->both), 1);
    assert_int_equal(signalled(w->b), 0);
}

static void a_removed_watch_is_not_signalled(void **state)
{
    world_t *w = *state;

    es_hub_remove_watch(&w->own, w->b); /* neither first nor last */
    es_hub_remove_watch(&w->own, w->b);
    es_hub_signal_channel(&w->own, w->slots[1]);
    es_hub_signal_all(&w->own);
    assert_int_equal(signalled(w->b), 0);
    assert_int_equal(signalled(w->a), 1);
    assert_int_equal(signalled(w->both), 1);
    es_hub_remove_watch(&w->own, w->both);
    es_hub_signal_all(&w->own);
    assert_int_equal(signalled(w->both), 0);
    assert_int_equal(signalled(w->a), 1);
}

static void watches_are_stopped_and_removed(void **state)
{
    world_t *w = *state;

    es_hub_stop_watches(&w->own);
    assert_null(w->own.first_watch);
    assert_int_equal(signalled(w->a), -1);
    assert_int_equal(signalled(w->b), -1);
    assert_int_equal(signalled(w->both), -1);
}

/* All are signalled once for each quarter of what the ring retains. */
static void quiet_channels_are_signalled_now_and_then(void **state)
{
    world_t *w = *state;
    char text[1000];
    es_pos_t retained;
    int i;

    memset(text, 'x', sizeof(text));
    for (i = 0; i < 100; i++) {
        hub_publish(&w->hub, "c", text, sizeof(text));
    }
    retained = es_store_head(w->hub.store) - es_store_tail(w->hub.store);
    w->own.pos = es_store_head(w->hub.store) - retained;
    es_hub_signal_all(&w->own);
    assert_int_equal(signalled(w->a), 1);
    w->own.pos += retained / 4;
    es_hub_signal_quiet(&w->own);
    assert_int_equal(signalled(w->a), 0);
    w->own.pos += 1;
    es_hub_signal_quiet(&w->own);
    assert_int_equal(signalled(w->a), 1);
    assert_int_equal(signalled(w->b), 1);
    es_hub_signal_quiet(&w->own);
    assert_int_equal(signalled(w->a), 0);
}

#define UNIT(name) \
    cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(it_begins_at_the_head),
        UNIT(a_zeroed_hub_can_be_cleared),
        UNIT(what_it_measures_goes_to_its_child),
        UNIT(a_channel_signals_its_watches_alone),
        UNIT(a_removed_watch_is_not_signalled),
        UNIT(watches_are_stopped_and_removed),
        UNIT(quiet_channels_are_signalled_now_and_then),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
