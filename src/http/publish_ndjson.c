/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory is constant: what a batch needs is in a pool that is cleared before
 * the next one, and what r->pool gets is for the whole request.
 *
 * A batch ends with the bytes that are at hand, or when it is worth a
 * sixteenth of the journal, so that it is small beside what the journal keeps
 * for those who read it. Before a line that is no event goes what was good.
 */
#include "http/publish_ndjson.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include "base/batch.h"
#include "base/lines.h"
#include "base/clock.h"
#include "http/body.h"
#include "http/body_json.h"
#include "server/log.h"
#include "http/publish_check.h"
#include "http/publish_store.h"
#include "http/reply.h"
#include "server/runtime.h"
#include "server/stats.h"
#include "http/body_stream.h"
#include "journal/flow_control.h"

/* Most events of a batch. */
#define EVENTS_MAX 1024
/* What an event costs in the journal beside its texts, at most. */
#define EVENT_COST 256
#define CHANNEL_COST 24
/* Most time that it does not look whether the child stops. */
#define LOOK_UP APR_USEC_PER_SEC
/* Between two looks whether a delivery has caught up. */
#define PAUSE 2000

typedef struct feed_t {
    request_rec *r;
    const es_dir_t *conf;
    const es_hub_view_t *hub;
    es_tap_t *tap;
    es_lines_t lines;
    es_event_t preset;
    apr_pool_t *pool;      /* of the batch at hand */
    es_batch_t batch;      /* events has room for EVENTS_MAX */
    apr_uint64_t *numbers; /* lines of its events */
    apr_uint64_t cost;     /* of the batch, in bytes of the journal */
    apr_uint64_t cost_max;
    es_pace_t *pace;    /* NULL without hub */
    apr_uint64_t *late; /* for es_pace_is_held */
    apr_uint64_t published;
    es_appended_t done;     /* of the last batch */
    es_dispatch_t dispatch; /* of all batches */
    apr_time_t heard;       /* when the last line came, or was published */
} feed_t;

/* ---- The batch --------------------------------------------------------- */

static void begin_batch(feed_t *feed)
{
    apr_pool_clear(feed->pool);
    feed->batch.count = 0;
    feed->cost = 0;
}

/* Wait while somebody reads who would be lapped. What was read goes out before
 * the child stops: its count is told. */
static void keep_pace(const feed_t *feed)
{
    while (feed->pace &&
           es_pace_is_held(feed->pace, es_clock_now(), feed->late) &&
           !es_service_is_stopping()) {
        es_service_wake(feed->late);
        apr_sleep(PAUSE);
    }
}

static int put(feed_t *feed, const es_batch_t *batch, es_problem_t *why)
{
    es_appended_t done = {0};
    es_dispatch_t dispatch = {0};
    int ok =
        es_outlet_dispatch(feed->hub, batch, feed->pool, &done, &dispatch, why);

    es_dispatch_add(&feed->dispatch, &dispatch);
    if (done.head != 0) {
        feed->published += (apr_uint64_t)batch->count;
        feed->done = done;
    }
    return ok;
}

/* One by one, since together they were refused: so those before the one that
 * is to blame are published, or all, if together they are just too large. */
static int put_each(feed_t *feed, es_problem_t *why)
{
    es_batch_t one = feed->batch;
    int i;

    one.count = 1;
    for (i = 0; i < feed->batch.count; i++) {
        one.events = &feed->batch.events[i];
        if (!put(feed, &one, why)) {
            return es_body_json_at_line(feed->numbers[i], feed->pool, why);
        }
    }
    return 1;
}

static int put_batch(feed_t *feed, es_problem_t *why)
{
    apr_uint64_t before = feed->published;

    if (feed->batch.count == 0) {
        return 1;
    }
    keep_pace(feed);
    /* one that is stored, but did not get to a proxy, ends the stream, too */
    if (!put(feed, &feed->batch, why) &&
        (feed->published > before || !put_each(feed, why))) {
        /* the sentence has to outlive the batch */
        why->sentence = apr_pstrdup(feed->r->pool, why->sentence);
        feed->batch.count = 0; /* what could be published of it was */
        return 0;
    }
    begin_batch(feed);
    feed->heard = es_clock_now();
    return 1;
}

/* ---- Lines ------------------------------------------------------------- */

static int is_blank(es_slice_t line)
{
    apr_size_t i;

    for (i = 0; i < line.len; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' &&
            line.data[i] != '\r') {
            return 0;
        }
    }
    return 1;
}

/* The Location's channels are the same for all lines: found once, they become
 * a preset. */
static int name_event(feed_t *feed, es_batch_t *one, es_problem_t *why)
{
    if (one->unnamed < 0) {
        return 1;
    }
    if (!es_intake_name(feed->r, feed->conf, one, why)) {
        return 0;
    }
    feed->preset.channels = one->events[0].channels;
    feed->preset.nchannels = one->events[0].nchannels;
    return 1;
}

static int add_event(feed_t *feed, es_slice_t line, es_problem_t *why)
{
    apr_uint64_t number = feed->lines.number;
    es_batch_t one;
    es_event_t *event;

    if (!es_body_json_line(&one, line, number, &feed->preset, feed->pool,
                           why)) {
        return 0;
    }
    if (!name_event(feed, &one, why) ||
        !es_intake_check(feed->r, feed->conf, &one, why)) {
        return es_body_json_at_line(number, feed->r->pool, why);
    }
    feed->numbers[feed->batch.count] = number;
    event = &feed->batch.events[feed->batch.count++];
    *event = one.events[0];
    feed->cost += EVENT_COST + CHANNEL_COST * (apr_uint64_t)event->nchannels +
                  event->type.len + event->id.len + event->data.len;
    return 1;
}

static int is_full(const feed_t *feed)
{
    return feed->batch.count == EVENTS_MAX || feed->cost >= feed->cost_max;
}

static int add_line(feed_t *feed, es_slice_t line, es_problem_t *why)
{
    if (is_blank(line)) {
        return 1;
    }
    return add_event(feed, line, why) &&
           (!is_full(feed) || put_batch(feed, why));
}

static int too_long(const feed_t *feed, es_problem_t *why)
{
    es_tally_limit(ES_LIMIT_BODY);
    return es_problem_set(why, feed->r->pool, HTTP_REQUEST_ENTITY_TOO_LARGE,
                          "Line %" APR_UINT64_T_FMT
                          ": longer than EventStreamMaxBody allows, "
                          "%" APR_SIZE_T_FMT " bytes.",
                          feed->lines.number, feed->lines.max);
}

static int add_lines(feed_t *feed, int is_last, es_problem_t *why)
{
    es_line_t found;
    es_slice_t line;

    for (;;) {
        found = es_lines_take(&feed->lines, &line);
        if (found == ES_LINE_NONE && is_last) {
            found = es_lines_last(&feed->lines, &line);
        }
        if (found == ES_LINE_NONE) {
            return 1;
        }
        feed->heard = es_clock_now();
        if (found == ES_LINE_TOO_LONG) {
            return too_long(feed, why);
        }
        if (!add_line(feed, line, why)) {
            return 0;
        }
    }
}

/* All that can be published of what has come. */
static int publish_lines(feed_t *feed, int is_last, es_problem_t *why)
{
    es_problem_t worse;

    if (add_lines(feed, is_last, why)) {
        return put_batch(feed, why);
    }
    if (feed->batch.count > 0) {
        why->sentence = apr_pstrdup(feed->r->pool, why->sentence);
        if (!put_batch(feed, &worse)) {
            *why = worse;
        }
    }
    return 0;
}

/* ---- The stream -------------------------------------------------------- */

/* @return 0 when time is over, with why */
static int wait_for_more(feed_t *feed, es_problem_t *why)
{
    apr_interval_time_t timeout = feed->conf->publish_timeout_us;
    apr_interval_time_t left = LOOK_UP;

    if (timeout > 0) {
        left = feed->heard + timeout - es_clock_now();
        if (left <= 0) {
            return es_problem_set(why, feed->r->pool, HTTP_REQUEST_TIME_OUT,
                                  "No line has come for "
                                  "EventStreamPublishTimeout.");
        }
    }
    es_tap_wait(feed->tap, left < LOOK_UP ? left : LOOK_UP);
    return 1;
}

/* @return 1 when it has ended well, 0 with why */
static int run(feed_t *feed, es_problem_t *why)
{
    es_problem_t broken;

    while (!es_service_is_stopping()) {
        es_tap_result_t got = es_tap_read(feed->tap, &feed->lines, &broken);

        if (got == ES_TAP_EMPTY) {
            if (!wait_for_more(feed, why)) {
                return 0;
            }
            continue;
        }
        if (!publish_lines(feed, got == ES_TAP_END, why)) {
            return 0;
        }
        if (got == ES_TAP_FAILED) {
            *why = broken;
            return 0;
        }
        if (got == ES_TAP_END) {
            return 1;
        }
    }
    return 1;
}

static int begin(feed_t *feed, es_problem_t *why)
{
    request_rec *r = feed->r;
    const es_dir_t *conf = feed->conf;

    if (!es_batch_preset(&feed->preset, es_slice_of(r->args), r->pool, why)) {
        return 0;
    }
    if (feed->preset.id.len != 0) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "The query's 'id' is for one event, the body "
                              "is a stream of them.");
    }
    feed->hub = es_service_hub(conf);
    if (feed->hub) {
        feed->cost_max = es_store_bytes(feed->hub->store) / 16;
        feed->pace = es_pace_create(feed->hub->store, r->pool);
        feed->late = apr_palloc(r->pool, sizeof(*feed->late) *
                                             ((es_service_places() + 63) / 64));
    }
    es_lines_init(&feed->lines, r->pool, (apr_size_t)conf->max_body_bytes,
                  ES_TAP_PIECE);
    apr_pool_create(&feed->pool, r->pool);
    feed->batch.events =
        apr_palloc(r->pool, sizeof(*feed->batch.events) * EVENTS_MAX);
    feed->numbers = apr_palloc(r->pool, sizeof(*feed->numbers) * EVENTS_MAX);
    feed->batch.unnamed = -1;
    feed->heard = es_clock_now();
    feed->tap = es_tap_open(r);
    return 1;
}

/* ---- The answer -------------------------------------------------------- */

/* @param error  what ended it, as es_dispatch_error tells it; "" = nothing */
static const char *count_json(const feed_t *feed, const char *error)
{
    apr_pool_t *p = feed->r->pool;
    char text[ES_ID_TEXT_SIZE];
    const char *id = "null";

    if (feed->published > 0) {
        es_id_format(text, &feed->done.last_id);
        id = apr_psprintf(p, "\"%s\"", text);
    }
    return apr_psprintf(p,
                        "{\"published\": %" APR_UINT64_T_FMT
                        ", \"id\": %s, \"clients\": %" APR_UINT64_T_FMT "%s%s}",
                        feed->published, id, feed->done.clients,
                        es_dispatch_json(&feed->dispatch, p), error);
}

static int reply_ended(const feed_t *feed)
{
    return es_reply_json(feed->r, count_json(feed, ""));
}

/* What a proxy has not taken is stored, so there is more to tell. */
static int reply_unsent(const feed_t *feed, const es_problem_t *why)
{
    const char *error = es_dispatch_error(why, feed->r->pool);

    return es_reply_json_problem(feed->r, why, count_json(feed, error));
}

static int reply_broken(const feed_t *feed, es_problem_t *why)
{
    if (why->status == AP_FILTER_ERROR) {
        return AP_FILTER_ERROR;
    }
    if (why->status == HTTP_BAD_GATEWAY && feed->dispatch.grip) {
        return reply_unsent(feed, why);
    }
    why->sentence = apr_psprintf(feed->r->pool,
                                 "%s Events published before: "
                                 "%" APR_UINT64_T_FMT ".",
                                 why->sentence, feed->published);
    return es_reply_problem(feed->r, why);
}

int es_feed_serve(request_rec *r, const es_dir_t *conf)
{
    feed_t *feed = apr_pcalloc(r->pool, sizeof(*feed));
    es_problem_t why;
    int is_well;

    feed->r = r;
    feed->conf = conf;
    if (!begin(feed, &why)) {
        es_body_leave(r);
        return es_reply_problem(r, &why);
    }
    is_well = run(feed, &why);
    es_tap_close(feed->tap);
    es_rlog(APLOG_DEBUG, 0, r, "ES0504",
            "a stream of lines has ended: %" APR_UINT64_T_FMT
            " lines, %" APR_UINT64_T_FMT " events published",
            feed->lines.number, feed->published);
    return is_well ? reply_ended(feed) : reply_broken(feed, &why);
}
