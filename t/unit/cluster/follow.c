/* SPDX-License-Identifier: Apache-2.0 */
/* Following the broker's stream: batches, holes, epochs, other programs. */
#include "t/unit/cluster_kit.h"
#include "t/unit/stream_kit.h"

#include "cluster/follow.h"
#include "cluster/state.h"

#define EPOCH 5

static kit_t *kit;
static es_cluster_hub_t hub;
static es_cluster_follow_t follow;
static int wakes;

static int is_present(void *arg, apr_uint32_t child)
{
    (void)arg;
    (void)child;
    return 1;
}

static void wake(void *arg, const apr_uint64_t *touched)
{
    (void)arg;
    assert_non_null(touched);
    wakes++;
}

static int setup(void **state)
{
    es_id_t marker = stream_id(EPOCH, 0);

    (void)state;
    kit = kit_open(1 << 20, 100, 0);
    stream_start(kit, EPOCH);
    memset(&hub, 0, sizeof(hub));
    hub.name = "h";
    hub.store = kit->store;
    hub.state = es_cluster_state_format(
        apr_pcalloc(kit->pool, es_cluster_state_size()), 1);
    hub.max_children = KIT_CHILDREN;
    hub.is_present = is_present;
    hub.wake = wake;
    es_cluster_follow_init(&follow, &hub, kit->pool);
    es_cluster_follow_from(&follow, &marker);
    wakes = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    es_cluster_follow_clear(&follow);
    kit_check(kit);
    kit_close(kit, 0);
    return 0;
}

/* ---- entries of a reply -------------------------------------------------- */

/** A reply while it is made. */
typedef struct page_t {
    es_cluster_reply_maker_t maker;
    es_cluster_reply_t *root;
    int at;
} page_t;

static void begin(page_t *page, int count)
{
    memset(page, 0, sizeof(*page));
    page->maker.memory_max = 1 << 24;
    page->root = kit_array(&page->maker, NULL, 0, count);
}

static const char *text_of(unsigned epoch, unsigned n)
{
    static char texts[8][ES_ID_TEXT_SIZE];
    static int next;
    es_id_t id = stream_id(epoch, n);

    next = (next + 1) % 8;
    es_id_format(texts[next], &id);
    return texts[next];
}

/** Add event number n of an epoch, after the one before it. */
static void event(page_t *page, unsigned epoch, unsigned n, int follows,
                  const char *data)
{
    char b[16];
    const char *words[] = {"p", text_of(epoch, n - 1), "b", b, "ch", "a", "da",
                           data};

    snprintf(b, sizeof(b), "%d", follows);
    kit_add_entry(&page->maker, page->root, page->at++, text_of(epoch, n),
                  words, 8);
}

static void marker(page_t *page, unsigned epoch, const char *p,
                   const char *cont)
{
    const char *words[] = {"op", "epoch", "p", p, "cont", cont, "b", "0"};

    kit_add_entry(&page->maker, page->root, page->at++, text_of(epoch, 0),
                  words, 8);
}

static apr_status_t take(page_t *page)
{
    return es_cluster_follow_take(&follow, page->root, page->root);
}

static apr_status_t take_event(unsigned n, int follows, const char *data)
{
    page_t page;

    begin(&page, 1);
    event(&page, EPOCH, n, follows, data);
    return take(&page);
}

/* ---- facts --------------------------------------------------------------- */

static void whole_batches_are_appended(void **state)
{
    page_t page;

    (void)state;
    begin(&page, 3);
    event(&page, EPOCH, 1, 0, "1");
    event(&page, EPOCH, 2, 1, "2");
    event(&page, EPOCH, 3, 0, "3");
    assert_int_equal(take(&page), 0);
    assert_string_equal(stream_text(kit), "a:1 a:2 a:3 ");
    stream_assert_last(kit, stream_id(EPOCH, 3));
    assert_int_equal(wakes, 1);
}

static void a_batch_that_is_cut_is_seen_as_a_whole(void **state)
{
    page_t page;

    (void)state;
    begin(&page, 2);
    event(&page, EPOCH, 1, 2, "1");
    event(&page, EPOCH, 2, 1, "2");
    assert_int_equal(take(&page), 0);
    assert_string_equal(stream_text(kit), "");
    stream_assert_id(follow.seen, stream_id(EPOCH, 2));
    assert_int_equal(take_event(3, 0, "3"), 0);
    assert_string_equal(stream_text(kit), "a:1 a:2 a:3 ");
}

static void the_rest_of_a_reply_is_read_again(void **state)
{
    page_t page;

    (void)state;
    begin(&page, 3);
    event(&page, EPOCH, 1, 0, "1");
    event(&page, EPOCH, 2, 2, "2");
    event(&page, EPOCH, 3, 1, "3");
    assert_int_equal(take(&page), 0);
    assert_string_equal(stream_text(kit), "a:1 ");
    stream_assert_id(follow.seen, stream_id(EPOCH, 1));
    assert_int_equal(follow.count, 0);
}

static void what_is_missing_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(take_event(1, 0, "1"), 0);
    assert_int_equal(take_event(3, 0, "3"), APR_INCOMPLETE);
    assert_string_equal(stream_text(kit), "a:1 ");
    stream_assert_last(kit, stream_id(EPOCH, 1));
}

static void an_entry_of_another_program_is_skipped(void **state)
{
    static const char *const words[] = {"some", "thing"};
    page_t page;

    (void)state;
    begin(&page, 3);
    event(&page, EPOCH, 1, 0, "1");
    kit_add_entry(&page.maker, page.root, page.at++, text_of(EPOCH + 1, 7),
                  words, 2);
    event(&page, EPOCH, 2, 0, "2");
    assert_int_equal(take(&page), 0);
    assert_string_equal(stream_text(kit), "a:1 a:2 ");
    begin(&page, 1);
    kit_add_entry(&page.maker, page.root, 0, text_of(EPOCH + 1, 8), words, 2);
    assert_int_equal(take(&page), 0);
    /* or it would be read again and again */
    stream_assert_id(follow.seen, stream_id(EPOCH + 1, 8));
    stream_assert_id(follow.at, stream_id(EPOCH, 2));
}

static void an_entry_that_cannot_be_used_is_a_hole(void **state)
{
    const char *words[] = {"p", text_of(EPOCH, 0), "b", "0", "op", "new"};
    page_t page;

    (void)state;
    begin(&page, 1);
    kit_add_entry(&page.maker, page.root, 0, text_of(EPOCH, 1), words, 6);
    assert_int_equal(take(&page), APR_INCOMPLETE);
}

static void a_marker_that_vouches_goes_on(void **state)
{
    page_t page;

    (void)state;
    begin(&page, 3);
    event(&page, EPOCH, 1, 0, "1");
    marker(&page, EPOCH + 1, text_of(EPOCH, 1), "1");
    event(&page, EPOCH + 1, 1, 0, "2");
    assert_int_equal(take(&page), 0);
    assert_string_equal(stream_text(kit), "a:1 a:2 ");
    stream_assert_last(kit, stream_id(EPOCH + 1, 1));
    assert_int_equal(stream_resume(kit, "a", stream_id(EPOCH, 1), NULL), 0);
}

static void a_marker_that_does_not_is_a_hole(void **state)
{
    page_t page;

    (void)state;
    begin(&page, 1);
    marker(&page, EPOCH + 1, text_of(EPOCH, 0), "0");
    assert_int_equal(take(&page), APR_INCOMPLETE);
    begin(&page, 1);
    marker(&page, EPOCH + 1, text_of(EPOCH, 1), "1");
    assert_int_equal(take(&page), APR_INCOMPLETE);
    stream_assert_last(kit, stream_id(EPOCH, 0));
}

static void another_leader_has_appended(void **state)
{
    (void)state;
    assert_int_equal(stream_append_one(kit, "a", "data: x\n\n",
                                       stream_id(EPOCH, 0),
                                       stream_id(EPOCH, 1)),
                     0);
    assert_int_equal(take_event(1, 0, "1"), APR_EMISMATCH);
    assert_string_equal(stream_text(kit), "a:x ");
}

/* a node with a smaller journal than that of the publisher */
static void a_batch_above_half_of_the_ring_is_appended_in_parts(void **state)
{
    char data[60001];
    page_t page;
    int i;

    (void)state;
    memset(data, 'x', sizeof(data) - 1);
    data[sizeof(data) - 1] = '\0';
    begin(&page, 12);
    for (i = 1; i <= 12; i++) {
        event(&page, EPOCH, (unsigned)i, 12 - i, data);
    }
    assert_int_equal(take(&page), 0);
    stream_assert_last(kit, stream_id(EPOCH, 12));
}

static void an_event_that_the_ring_cannot_have_is_a_hole(void **state)
{
    char *data = malloc(600001);

    (void)state;
    memset(data, 'x', 600000);
    data[600000] = '\0';
    assert_int_equal(take_event(1, 0, data), APR_INCOMPLETE);
    free(data);
}

static void many_batches_are_appended_together(void **state)
{
    page_t page;
    int i;

    (void)state;
    begin(&page, 3000);
    for (i = 1; i <= 3000; i++) {
        event(&page, EPOCH, (unsigned)i, 0, "x");
    }
    assert_int_equal(take(&page), 0);
    stream_assert_last(kit, stream_id(EPOCH, 3000));
    assert_int_equal(wakes, 3);
}

static void a_batch_without_an_end_is_cut(void **state)
{
    (void)state;
    assert_int_equal(take_event(1, 9, "1"), 0);
    assert_int_equal(take_event(2, 8, "2"), 0);
    assert_string_equal(stream_text(kit), "");
    assert_int_equal(take_event(3, 0, "3"), 0); /* not 7: another batch */
    assert_string_equal(stream_text(kit), "a:1 a:2 a:3 ");
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACT(whole_batches_are_appended),
        FACT(a_batch_that_is_cut_is_seen_as_a_whole),
        FACT(the_rest_of_a_reply_is_read_again),
        FACT(what_is_missing_is_noticed),
        FACT(an_entry_of_another_program_is_skipped),
        FACT(an_entry_that_cannot_be_used_is_a_hole),
        FACT(a_marker_that_vouches_goes_on),
        FACT(a_marker_that_does_not_is_a_hole),
        FACT(another_leader_has_appended),
        FACT(a_batch_above_half_of_the_ring_is_appended_in_parts),
        FACT(an_event_that_the_ring_cannot_have_is_a_hole),
        FACT(many_batches_are_appended_together),
        FACT(a_batch_without_an_end_is_cut),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
