/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A table of presence for unit tests, and short names for what they do with it.
 * Times are milliseconds from a start. All functions are static.
 */
#ifndef T_UNIT_PRESENCE_KIT_H
#define T_UNIT_PRESENCE_KIT_H

#include <stdio.h>

#include "shm/presence_priv.h"
#include "shm/segment.h"

#define KIT_UNUSED __attribute__((unused))
#define KIT_GRACE 5000

static es_presence_t *presence;
static void *presence_mem;
static apr_size_t presence_size;
static const es_id_t kit_epoch = {7, 1};

static apr_time_t ms(apr_int64_t n)
{
    return (1000000 + n) * 1000;
}

static KIT_UNUSED void make_presence(apr_uint32_t rows, apr_pool_t *p)
{
    presence_size = es_presence_size(rows);
    assert_int_equal(es_segment_create(&presence_mem, presence_size, p), 0);
    assert_int_equal(es_presence_format(presence_mem, rows), 0);
    assert_int_equal(
        es_presence_attach(&presence, presence_mem, presence_size, rows, p), 0);
}

/** A client of a child enters a channel. @return its share */
static KIT_UNUSED es_share_t enter(apr_uint32_t child, const char *channel,
                                   const char *name)
{
    es_presence_who_t who = {kit_epoch, es_slice_of(name), child, KIT_GRACE};
    es_slice_t channels[1] = {es_slice_of(channel)};
    es_share_t share;
    es_presence_entered_t entered;

    assert_int_equal(
        es_presence_enter(presence, &who, channels, 1, &share, &entered),
        APR_SUCCESS);
    return share;
}

static KIT_UNUSED void leave(apr_uint32_t child, es_share_t share,
                             apr_int64_t at_ms)
{
    es_presence_leave(presence, child, share, 0, ms(at_ms));
}

/**
 * Take all that is due, after a sweep, and tell it.
 *
 * @return the events as a text: "+a:ada " for a join, "-a:ada " for a leave
 */
static KIT_UNUSED const char *tell_all(apr_uint32_t child, apr_int64_t at_ms)
{
    static char text[4096];
    static es_presence_event_t events[16];
    apr_size_t len = 0;
    int count, i;

    text[0] = '\0';
    es_presence_sweep(presence, ms(at_ms));
    while ((count = es_presence_take(presence, child, events, 16, ms(at_ms))) >
           0) {
        for (i = 0; i < count; i++) {
            len += (apr_size_t)snprintf(
                text + len, sizeof(text) - len, "%c%s:%s ",
                events[i].kind == ES_PRESENCE_JOIN ? '+' : '-',
                events[i].channel, events[i].name);
            es_presence_told(presence, &events[i], ES_PRESENCE_TOLD, ms(at_ms));
        }
    }
    return text;
}

/** The names of a channel: "ada=2 bob=0 ". */
static KIT_UNUSED const char *list(const char *channel)
{
    static char text[4096];
    es_presence_named_t found[2];
    apr_uint32_t at = 0;
    apr_size_t len = 0;
    int count, i;

    text[0] = '\0';
    do {
        count = es_presence_next(presence, &kit_epoch, es_slice_of(channel),
                                 &at, found, 2);
        assert_true(count >= 0);
        for (i = 0; i < count; i++) {
            len +=
                (apr_size_t)snprintf(text + len, sizeof(text) - len, "%s=%u ",
                                     found[i].name, found[i].clients);
        }
    } while (at != 0);
    return text;
}

static KIT_UNUSED void check_presence(void)
{
    const char *wrong = es_presence_check(presence);

    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}

#endif
