/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/presence*.c. */
#include "t/unit/unit.h"

#include "t/unit/presence_kit.h"

FACTS(a_name_joins_once_however_many_clients_and_children)
{
    make_presence(16, pool);
    enter(1, "a", "ada");
    assert_string_equal(tell_all(1, 0), "+a:ada ");
    enter(1, "a", "ada");
    enter(2, "a", "ada");
    assert_string_equal(tell_all(2, 0), "");
    assert_string_equal(list("a"), "ada=3 ");
    enter(2, "b", "ada");
    enter(2, "a", "bob");
    assert_string_equal(tell_all(2, 0), "+b:ada +a:bob ");
    check_presence();
}

FACTS(hubs_do_not_mix)
{
    static const es_id_t other = {7, 2};
    es_presence_who_t who = {other, S("ada"), 1, KIT_GRACE};
    es_slice_t channel = S("a");
    es_share_t share;
    es_presence_entered_t entered;

    make_presence(16, pool);
    enter(1, "a", "bob");
    assert_int_equal(
        es_presence_enter(presence, &who, &channel, 1, &share, &entered),
        APR_SUCCESS);
    assert_true(entered.is_due);
    assert_string_equal(list("a"), "bob=1 ");
    assert_string_equal(tell_all(1, 0), "+a:bob +a:ada ");
}

FACTS(a_name_leaves_when_its_grace_is_over)
{
    es_share_t one, two;

    make_presence(16, pool);
    one = enter(1, "a", "ada");
    two = enter(2, "a", "ada");
    tell_all(1, 0);
    leave(1, one, 1000);
    assert_string_equal(tell_all(1, 20000), "");
    leave(2, two, 20000);
    assert_string_equal(tell_all(1, 20000 + KIT_GRACE - 1), "");
    assert_string_equal(list("a"), "ada=0 ");
    assert_string_equal(tell_all(1, 20000 + KIT_GRACE), "-a:ada ");
    assert_string_equal(list("a"), "");
    tell_all(1, 20000 + KIT_GRACE);
    assert_int_equal(es_presence_use(presence).used, 0);
    check_presence();
}

FACTS(a_name_that_comes_back_in_time_does_not_leave)
{
    es_share_t share;
    int i;

    make_presence(16, pool);
    share = enter(1, "a", "ada");
    tell_all(1, 0);
    for (i = 1; i < 50; i++) { /* in turns, now here, now there */
        leave(1 + (apr_uint32_t)(i - 1) % 3, share, i * 4000);
        assert_string_equal(tell_all(1, i * 4000 + 3000), "");
        share = enter(1 + (apr_uint32_t)i % 3, "a", "ada");
        assert_string_equal(tell_all(1, i * 4000 + 3000), "");
    }
    assert_int_equal(es_presence_use(presence).used, 1);
    check_presence();
}

FACTS(a_longer_grace_counts)
{
    es_share_t one, two;

    make_presence(16, pool);
    one = enter(1, "a", "ada");
    two = enter(1, "a", "ada");
    tell_all(1, 0);
    es_presence_leave(presence, 1, one, 60000, ms(0)); /* handed over */
    leave(1, two, 1000);
    assert_string_equal(tell_all(1, 59999), "");
    assert_string_equal(tell_all(1, 60000), "-a:ada ");
}

FACTS(who_is_gone_before_it_was_told_was_there)
{
    make_presence(16, pool);
    leave(1, enter(1, "a", "ada"), 0);
    assert_string_equal(tell_all(1, 0), "+a:ada ");
    assert_string_equal(tell_all(1, KIT_GRACE), "-a:ada ");
    assert_string_equal(tell_all(1, KIT_GRACE), "");
    leave(1, enter(1, "a", "ada"), 0); /* nobody looks for its whole grace */
    assert_string_equal(tell_all(1, KIT_GRACE), "");
    assert_string_equal(tell_all(1, KIT_GRACE), "");
    assert_int_equal(es_presence_use(presence).used, 0);
}

FACTS(a_child_that_dies_takes_its_clients_with_it)
{
    make_presence(16, pool);
    enter(1, "a", "ada");
    enter(1, "a", "bob");
    enter(2, "a", "bob");
    tell_all(1, 0);
    es_presence_clear(presence, 1, ms(1000));
    assert_string_equal(list("a"), "ada=0 bob=1 ");
    assert_string_equal(tell_all(2, 1000 + KIT_GRACE - 1), "");
    assert_string_equal(tell_all(2, 1000 + KIT_GRACE), "-a:ada ");
    /* its number is another child's now */
    enter(1, "a", "bob");
    assert_string_equal(list("a"), "bob=2 ");
    check_presence();
}

FACTS(a_share_is_left_once_by_its_child)
{
    es_share_t share;

    make_presence(16, pool);
    share = enter(1, "a", "ada");
    leave(2, share, 0);
    assert_string_equal(list("a"), "ada=1 ");
    leave(1, share, 0);
    leave(1, share, 0);
    leave(1, 0, 0);
    leave(1, 17, 0);
    enter(1, "a", "ada");
    assert_string_equal(list("a"), "ada=1 ");
}

/* ---- a full table -------------------------------------------------------- */

static const char *numbered(int i)
{
    return apr_psprintf(pool, "name-%d", i);
}

FACTS(a_full_table_refuses_new_names_and_no_others)
{
    es_share_t first = 0;
    int i;

    make_presence(8, pool);
    for (i = 0; i < 8; i++) {
        es_share_t share = enter(1, "a", numbered(i));

        assert_true(share != 0);
        first = i == 0 ? share : first;
    }
    assert_int_equal(enter(1, "a", "late"), 0);
    assert_int_equal(enter(2, "a", numbered(3)), 0); /* a share of its own */
    assert_true(enter(1, "a", numbered(3)) != 0);
    assert_int_equal(es_presence_use(presence).used, 8);
    assert_int_equal(es_presence_use(presence).refused, 2);
    check_presence();
    tell_all(1, 0);
    leave(1, first, 0);
    assert_string_equal(tell_all(1, KIT_GRACE), "-a:name-0 ");
    tell_all(1, KIT_GRACE);
    assert_true(enter(1, "a", "late") != 0);
    assert_string_equal(tell_all(1, KIT_GRACE), "+a:late ");
    check_presence();
}

FACTS(many_names_come_and_go)
{
    es_share_t shares[300];
    int i, round, present;

    make_presence(512, pool);
    for (round = 0; round < 4; round++) {
        for (i = 0; i < 300; i++) {
            shares[i] = enter(1 + (apr_uint32_t)i % 5, "a", numbered(i));
            assert_true(shares[i] != 0);
        }
        tell_all(1, round * 100000);
        for (present = 0, i = 0; list("a")[i] != '\0'; i++) {
            present += list("a")[i] == '=';
        }
        assert_int_equal(present, 300);
        for (i = 0; i < 300; i++) {
            leave(1 + (apr_uint32_t)i % 5, shares[i], round * 100000);
        }
        check_presence();
        tell_all(1, round * 100000 + KIT_GRACE);
        tell_all(1, round * 100000 + KIT_GRACE);
        assert_int_equal(es_presence_use(presence).used, 0);
        check_presence();
    }
}

/* ---- telling ------------------------------------------------------------- */

static es_presence_event_t take(apr_uint32_t child, apr_int64_t at_ms)
{
    es_presence_event_t event = {0};

    es_presence_sweep(presence, ms(at_ms));
    if (es_presence_take(presence, child, &event, 1, ms(at_ms)) == 0) {
        event.serial = 0;
    }
    return event;
}

FACTS(an_event_whose_teller_dies_is_told_again_with_its_serial)
{
    es_presence_event_t event, again;

    make_presence(16, pool);
    enter(2, "a", "ada");
    event = take(1, 0);
    assert_int_equal(event.kind, ES_PRESENCE_JOIN);
    assert_int_equal(event.clients, 1);
    assert_int_equal(take(2, 1000).serial, 0); /* it is the other's */
    es_presence_clear(presence, 1, ms(2000));
    again = take(2, 2000);
    assert_int_equal(again.serial, event.serial);
    assert_int_equal(again.kind, ES_PRESENCE_JOIN);
    es_presence_told(presence, &again, ES_PRESENCE_TOLD, ms(2000));
    assert_int_equal(take(2, 3000).serial, 0);
}

FACTS(the_fence_is_raised_before_an_event_is_taken_again)
{
    es_presence_event_t event, again, next;

    make_presence(16, pool);
    enter(2, "a", "ada");
    event = take(1, 0);
    es_presence_told(presence, &event, ES_PRESENCE_NOT_TOLD, ms(0));
    again = take(1, 1000);
    assert_int_equal(again.fence, event.fence); /* it was certainly not told */
    es_presence_told(presence, &again, ES_PRESENCE_UNKNOWN, ms(1000));
    assert_int_equal(es_presence_fence(presence), event.fence);
    next = take(2, 2000);
    assert_int_equal(next.fence, event.fence + 1);
    assert_int_equal(es_presence_fence(presence), next.fence);
    es_presence_clear(presence, 2, ms(3000)); /* its teller dies */
    assert_int_equal(take(3, 3000).fence, event.fence + 2);
    assert_int_equal(es_presence_forget(presence, &kit_epoch, ms(0)),
                     APR_SUCCESS);
    assert_int_equal(es_presence_fence(presence), event.fence + 3);
    assert_int_equal(take(3, 4000).fence, event.fence + 3);
}

FACTS(an_event_whose_teller_is_stopped_is_told_by_another)
{
    es_presence_event_t event, again;

    make_presence(16, pool);
    enter(2, "a", "ada");
    event = take(1, 0);
    again = take(2, ES_PRESENCE_TELL_WITHIN / 1000);
    assert_int_equal(again.serial, event.serial);
    es_presence_told(presence, &event, ES_PRESENCE_NOT_TOLD, ms(40000));
    assert_int_equal(take(3, 40000).serial, 0); /* the second has it */
    es_presence_told(presence, &again, ES_PRESENCE_TOLD, ms(40000));
    es_presence_told(presence, &event, ES_PRESENCE_TOLD, ms(40000));
    assert_int_equal(take(3, 40000).serial, 0);
}

FACTS(what_was_told_is_forgotten_and_told_again)
{
    static const es_id_t other = {7, 2};
    es_presence_event_t event;
    es_share_t share;

    make_presence(16, pool);
    enter(1, "a", "ada");
    share = enter(1, "a", "bob");
    assert_string_equal(tell_all(1, 0), "+a:ada +a:bob ");
    leave(1, share, -KIT_GRACE);
    enter(1, "a", "cyd");
    event = take(1, 0); /* it is being told */
    assert_int_not_equal(event.serial, 0);
    assert_int_equal(es_presence_forget(presence, &other, ms(0)), APR_SUCCESS);
    assert_int_equal(take(2, 0).serial, event.serial + 1); /* of bob or cyd */
    assert_int_equal(es_presence_forget(presence, &kit_epoch, ms(0)),
                     APR_SUCCESS);
    es_presence_told(presence, &event, ES_PRESENCE_TOLD, ms(0));
    assert_string_equal(tell_all(2, 0), "+a:ada +a:cyd ");
    check_presence();
}

FACTS(what_changes_while_it_is_told_follows)
{
    es_presence_event_t join, left;
    es_share_t share;

    make_presence(16, pool);
    share = enter(1, "a", "ada");
    join = take(1, 0);
    leave(1, share, 0);
    es_presence_told(presence, &join, ES_PRESENCE_TOLD, ms(KIT_GRACE));
    left = take(1, KIT_GRACE);
    assert_int_equal(left.kind, ES_PRESENCE_LEAVE);
    assert_int_equal(left.clients, 0);
    enter(1, "a", "ada");
    es_presence_told(presence, &left, ES_PRESENCE_TOLD, ms(KIT_GRACE));
    assert_true(es_presence_is_due(presence)); /* without a sweep */
    assert_string_equal(tell_all(1, KIT_GRACE), "+a:ada ");
}

FACTS(what_was_not_told_is_forgotten_if_it_is_no_longer_true)
{
    es_presence_event_t join, left, again;
    es_share_t share;

    make_presence(16, pool);
    share = enter(1, "a", "ada");
    join = take(1, 0);
    es_presence_told(presence, &join, ES_PRESENCE_NOT_TOLD, ms(0));
    again = take(1, 0);
    assert_int_equal(again.kind, ES_PRESENCE_JOIN);
    assert_true(again.serial != join.serial);
    es_presence_told(presence, &again, ES_PRESENCE_TOLD, ms(0));
    leave(1, share, 0);
    left = take(1, KIT_GRACE);
    enter(1, "a", "ada");
    es_presence_told(presence, &left, ES_PRESENCE_NOT_TOLD, ms(KIT_GRACE));
    assert_int_equal(take(1, KIT_GRACE).serial, 0);
}

FACTS(what_may_have_been_told_is_told_again)
{
    es_presence_event_t left, again;

    make_presence(16, pool);
    leave(1, enter(1, "a", "ada"), 0);
    enter(1, "a", "ada");
    tell_all(1, 0);
    es_presence_clear(presence, 1, ms(0));
    left = take(1, KIT_GRACE);
    assert_int_equal(left.kind, ES_PRESENCE_LEAVE);
    enter(1, "a", "ada");
    es_presence_told(presence, &left, ES_PRESENCE_UNKNOWN, ms(KIT_GRACE));
    again = take(1, KIT_GRACE);
    assert_int_equal(again.serial, left.serial);
    assert_int_equal(again.kind, ES_PRESENCE_LEAVE);
    es_presence_told(presence, &again, ES_PRESENCE_TOLD, ms(KIT_GRACE));
    assert_string_equal(tell_all(1, KIT_GRACE), "+a:ada ");
}

FACTS(an_old_event_does_not_touch_what_came_after_it)
{
    es_presence_event_t join;

    make_presence(1, pool);
    leave(1, enter(1, "a", "ada"), 0);
    enter(1, "a", "ada");
    join = take(1, 0);
    es_presence_told(presence, &join, ES_PRESENCE_TOLD, ms(0));
    es_presence_clear(presence, 1, ms(0));
    tell_all(1, KIT_GRACE);
    tell_all(1, KIT_GRACE);
    enter(1, "b", "bob"); /* in the same row */
    join.kind = ES_PRESENCE_JOIN;
    es_presence_told(presence, &join, ES_PRESENCE_TOLD, ms(KIT_GRACE));
    assert_string_equal(tell_all(1, KIT_GRACE), "+b:bob ");
}

FACTS(one_child_sweeps_in_each_period)
{
    make_presence(1, pool);
    assert_true(es_presence_is_sweep_due(presence, ms(0)));
    assert_false(es_presence_is_sweep_due(presence, ms(0)));
    assert_false(es_presence_is_sweep_due(presence, ms(999)));
    assert_true(es_presence_is_sweep_due(presence, ms(1000)));
    presence->header->next_sweep = ms(1000000000); /* a stray write */
    assert_true(es_presence_is_sweep_due(presence, ms(1000)));
}

/* ---- bounds -------------------------------------------------------------- */

FACTS(names_have_bounds)
{
    es_presence_who_t who = {kit_epoch, repeat('n', 255), 1, KIT_GRACE};
    es_slice_t channels[3] = {repeat('c', 255), repeat('c', 256), S("")};
    es_share_t shares[3];
    es_presence_event_t event;
    es_presence_entered_t entered;

    make_presence(16, pool);
    assert_int_equal(
        es_presence_enter(presence, &who, channels, 3, shares, &entered),
        APR_SUCCESS);
    assert_true(shares[0] != 0 && shares[1] == 0 && shares[2] == 0);
    event = take(1, 0);
    assert_int_equal(event.name_len, 255);
    assert_int_equal(strlen(event.channel), 255);
    who.name = repeat('n', 256);
    assert_int_equal(
        es_presence_enter(presence, &who, channels, 1, shares, &entered),
        APR_SUCCESS);
    assert_int_equal(shares[0], 0);
    assert_int_equal(es_presence_use(presence).refused, 0);
    assert_int_equal(es_presence_size(0), 0);
    assert_int_equal(es_presence_size(ES_PRESENCE_ROWS_MAX + 1), 0);
}

FACTS(another_layout_or_size_is_refused)
{
    es_presence_t *other;

    make_presence(16, pool);
    assert_int_equal(
        es_presence_attach(&other, presence_mem, presence_size, 17, pool),
        APR_EMISMATCH);
    assert_int_equal(
        es_presence_attach(&other, presence_mem, presence_size - 1, 16, pool),
        APR_EMISMATCH);
    presence->header->version++;
    assert_int_equal(
        es_presence_attach(&other, presence_mem, presence_size, 16, pool),
        APR_EMISMATCH);
}

/* A stray write of a child: no walk leaves the segment or goes on for ever. */
FACTS(numbers_of_the_segment_are_not_trusted)
{
    apr_uint32_t i;

    make_presence(4, pool);
    enter(1, "a", "ada");
    enter(1, "a", "bob");
    for (i = 0; i <= presence->mask; i++) {
        presence->buckets[i] = 1;
    }
    presence->heads[0].next = 2;
    presence->heads[1].next = 1; /* a circle */
    presence->shares[0].next = 1;
    presence->header->high_row = 0xffffffff;
    presence->header->high_share = 0xffffffff;
    presence->header->free_row = 77;
    presence->header->free_share = 77;
    presence->header->due_last = 77;
    enter(1, "c", "new");
    enter(2, "a", "ada");
    (void)list("a");
    (void)take(1, 0);
    es_presence_clear(presence, 1, ms(0));
    es_presence_repair(presence);
    (void)list("a");
}

static const struct CMUnitTest tests[] = {
    UNIT(a_name_joins_once_however_many_clients_and_children),
    UNIT(hubs_do_not_mix),
    UNIT(a_name_leaves_when_its_grace_is_over),
    UNIT(a_name_that_comes_back_in_time_does_not_leave),
    UNIT(a_longer_grace_counts),
    UNIT(who_is_gone_before_it_was_told_was_there),
    UNIT(a_child_that_dies_takes_its_clients_with_it),
    UNIT(a_share_is_left_once_by_its_child),
    UNIT(a_full_table_refuses_new_names_and_no_others),
    UNIT(many_names_come_and_go),
    UNIT(an_event_whose_teller_dies_is_told_again_with_its_serial),
    UNIT(the_fence_is_raised_before_an_event_is_taken_again),
    UNIT(an_event_whose_teller_is_stopped_is_told_by_another),
    UNIT(what_changes_while_it_is_told_follows),
    UNIT(what_was_not_told_is_forgotten_if_it_is_no_longer_true),
    UNIT(what_may_have_been_told_is_told_again),
    UNIT(an_old_event_does_not_touch_what_came_after_it),
    UNIT(one_child_sweeps_in_each_period),
    UNIT(what_was_told_is_forgotten_and_told_again),
    UNIT(names_have_bounds),
    UNIT(another_layout_or_size_is_refused),
    UNIT(numbers_of_the_segment_are_not_trusted),
};

UNIT_MAIN(tests)
