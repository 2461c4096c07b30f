/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory is constant: what a batch needs is in a pool that is cleared before
 * the next one, and what r->pool gets is for the whole request.
 *
 * A batch ends with the bytes that are at hand, or when it is worth a
 * sixteenth of the journal, so that it is small beside what the journal keeps
 * for those who read it. Before a line that is no event goes what was good.
 */
#include "http/publish.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include "base/event.h"
#include "base/clock.h"
#include "base/lines.h"
#include "journal/flow_control.h"
#include "server/log.h"
#include "server/runtime.h"
#include "server/stats.h"
#include "http/body.h"
#include "http/body_formats.h"
#include "http/reply.h"

/* Most events of a batch. */
#define EVENTS_MAX 1024
/* What an event costs in the journal beside its texts, at most. */
#define EVENT_COST 256
#define CHANNEL_COST 24
/* Most time that it does not look whether the child stops. */
#define LOOK_UP APR_USEC_PER_SEC
/* Between two looks whether a delivery has caught up. */
#define PAUSE 2000

typedef struct ndjson_t {
    request_rec *r;
    const es_dir_t *conf;
    const es_runtime_hub_t *hub;
    es_body_stream_t *body;
    es_lines_t lines;
    es_event_t preset;
    apr_pool_t *pool;      /* of the batch at hand */
    es_batch_t batch;      /* events has room for EVENTS_MAX */
    apr_uint64_t *numbers; /* lines of its events */
    apr_uint64_t cost;     /* of the batch, in bytes of the journal */
    apr_uint64_t cost_max;
    es_flow_control_t *pace; /* NULL without hub */
    apr_uint64_t *late;      /* for es_flow_control_is_held */
    apr_uint64_t published;
    es_appended_t done;           /* of the last batch */
    es_publish_result_t dispatch; /* of all batches */
    apr_time_t heard; /* when the last line came, or was published */
} ndjson_t;

/* ---- The batch --------------------------------------------------------- */

static void begin_batch(ndjson_t *ndjson)
{
    apr_pool_clear(ndjson->pool);
    ndjson->batch.count = 0;
    ndjson->cost = 0;
}

/* Wait while somebody reads who would be lapped. What was read goes out before
 * the child stops: its count is told. */
static void wait_for_readers(const ndjson_t *ndjson)
{
    while (
        ndjson->pace &&
        es_flow_control_is_held(ndjson->pace, es_clock_now(), ndjson->late) &&
        !es_runtime_is_stopping()) {
        es_runtime_wake(ndjson->late);
        apr_sleep(PAUSE);
    }
}

static int put(ndjson_t *ndjson, const es_batch_t *batch, es_problem_t *why)
{
    es_appended_t done = {0};
    es_publish_result_t dispatch = {0};
    int ok = es_publish_store_sent(ndjson->hub, batch, ndjson->pool, &done,
                                   &dispatch, why);

    es_publish_result_add(&ndjson->dispatch, &dispatch);
    if (done.head != 0) {
        ndjson->published += (apr_uint64_t)batch->count;
        ndjson->done = done;
    }
    return ok;
}

/* One by one, since together they were refused: so those before the one that
 * is to blame are published, or all, if together they are just too large. */
static int put_each(ndjson_t *ndjson, es_problem_t *why)
{
    es_batch_t one = ndjson->batch;
    int i;

    one.count = 1;
    for (i = 0; i < ndjson->batch.count; i++) {
        one.events = &ndjson->batch.events[i];
        if (!put(ndjson, &one, why)) {
            return es_body_json_at_line(ndjson->numbers[i], ndjson->pool, why);
        }
    }
    return 1;
}

static int put_batch(ndjson_t *ndjson, es_problem_t *why)
{
    apr_uint64_t before = ndjson->published;

    if (ndjson->batch.count == 0) {
        return 1;
    }
    wait_for_readers(ndjson);
    /* one that is stored, but did not get to a proxy, ends the stream, too */
    if (!put(ndjson, &ndjson->batch, why) &&
        (ndjson->published > before || !put_each(ndjson, why))) {
        /* the sentence has to outlive the batch */
        why->sentence = apr_pstrdup(ndjson->r->pool, why->sentence);
        ndjson->batch.count = 0; /* what could be published of it was */
        return 0;
    }
    begin_batch(ndjson);
    ndjson->heard = es_clock_now();
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
static int name_event(ndjson_t *ndjson, es_batch_t *one, es_problem_t *why)
{
    if (one->unnamed < 0) {
        return 1;
    }
    if (!es_publish_check_channels(ndjson->r, ndjson->conf, one, why)) {
        return 0;
    }
    ndjson->preset.channels = one->events[0].channels;
    ndjson->preset.nchannels = one->events[0].nchannels;
    return 1;
}

static int add_event(ndjson_t *ndjson, es_slice_t line, es_problem_t *why)
{
    apr_uint64_t number = ndjson->lines.number;
    es_batch_t one;
    es_event_t *event;

    if (!es_body_json_line(&one, line, number, &ndjson->preset, ndjson->pool,
                           why)) {
        return 0;
    }
    if (!name_event(ndjson, &one, why) ||
        !es_publish_check(ndjson->r, ndjson->conf, &one, why)) {
        return es_body_json_at_line(number, ndjson->r->pool, why);
    }
    ndjson->numbers[ndjson->batch.count] = number;
    event = &ndjson->batch.events[ndjson->batch.count++];
    *event = one.events[0];
    ndjson->cost += EVENT_COST + CHANNEL_COST * (apr_uint64_t)event->nchannels +
                    event->type.len + event->id.len + event->data.len;
    return 1;
}

static int is_full(const ndjson_t *ndjson)
{
    return ndjson->batch.count == EVENTS_MAX ||
           ndjson->cost >= ndjson->cost_max;
}

static int add_line(ndjson_t *ndjson, es_slice_t line, es_problem_t *why)
{
    if (is_blank(line)) {
        return 1;
    }
    return add_event(ndjson, line, why) &&
           (!is_full(ndjson) || put_batch(ndjson, why));
}

static int too_long(const ndjson_t *ndjson, es_problem_t *why)
{
    es_stats_limit(ES_LIMIT_BODY);
    return es_problem_set(why, ndjson->r->pool, HTTP_REQUEST_ENTITY_TOO_LARGE,
                          "Line %" APR_UINT64_T_FMT
                          ": longer than EventStreamMaxBody allows, "
                          "%" APR_SIZE_T_FMT " bytes.",
                          ndjson->lines.number, ndjson->lines.max);
}

static int add_lines(ndjson_t *ndjson, int is_last, es_problem_t *why)
{
    es_line_t found;
    es_slice_t line;

    for (;;) {
        found = es_lines_take(&ndjson->lines, &line);
        if (found == ES_LINE_NONE && is_last) {
            found = es_lines_last(&ndjson->lines, &line);
        }
        if (found == ES_LINE_NONE) {
            return 1;
        }
        ndjson->heard = es_clock_now();
        if (found == ES_LINE_TOO_LONG) {
            return too_long(ndjson, why);
        }
        if (!add_line(ndjson, line, why)) {
            return 0;
        }
    }
}

/* All that can be published of what has come. */
static int publish_lines(ndjson_t *ndjson, int is_last, es_problem_t *why)
{
    es_problem_t worse;

    if (add_lines(ndjson, is_last, why)) {
        return put_batch(ndjson, why);
    }
    if (ndjson->batch.count > 0) {
        why->sentence = apr_pstrdup(ndjson->r->pool, why->sentence);
        if (!put_batch(ndjson, &worse)) {
            *why = worse;
        }
    }
    return 0;
}

/* ---- The stream -------------------------------------------------------- */

/* @return 0 when time is over, with why */
static int wait_for_more(ndjson_t *ndjson, es_problem_t *why)
{
    apr_interval_time_t timeout = ndjson->conf->publish_timeout_us;
    apr_interval_time_t left = LOOK_UP;

    if (timeout > 0) {
        left = ndjson->heard + timeout - es_clock_now();
        if (left <= 0) {
            return es_problem_set(why, ndjson->r->pool, HTTP_REQUEST_TIME_OUT,
                                  "No line has come for "
                                  "EventStreamPublishTimeout.");
        }
    }
    es_body_stream_wait(ndjson->body, left < LOOK_UP ? left : LOOK_UP);
    return 1;
}

/* @return 1 when it has ended well, 0 with why */
static int run(ndjson_t *ndjson, es_problem_t *why)
{
    es_problem_t broken;

    while (!es_runtime_is_stopping()) {
        es_body_stream_result_t got =
            es_body_stream_read(ndjson->body, &ndjson->lines, &broken);

        if (got == ES_BODY_STREAM_EMPTY) {
            if (!wait_for_more(ndjson, why)) {
                return 0;
            }
            continue;
        }
        if (!publish_lines(ndjson, got == ES_BODY_STREAM_END, why)) {
            return 0;
        }
        if (got == ES_BODY_STREAM_FAILED) {
            *why = broken;
            return 0;
        }
        if (got == ES_BODY_STREAM_END) {
            return 1;
        }
    }
    return 1;
}

static int begin(ndjson_t *ndjson, es_problem_t *why)
{
    request_rec *r = ndjson->r;
    const es_dir_t *conf = ndjson->conf;

    if (!es_event_preset(&ndjson->preset, es_slice_of(r->args), r->pool, why)) {
        return 0;
    }
    if (ndjson->preset.id.len != 0) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "The query's 'id' is for one event, the body "
                              "is a stream of them.");
    }
    ndjson->hub = es_runtime_hub(conf);
    if (ndjson->hub) {
        ndjson->cost_max = es_store_bytes(ndjson->hub->store) / 16;
        ndjson->pace = es_flow_control_create(ndjson->hub->store, r->pool);
        ndjson->late =
            apr_palloc(r->pool, sizeof(*ndjson->late) *
                                    ((es_runtime_max_children() + 63) / 64));
    }
    es_lines_init(&ndjson->lines, r->pool, (apr_size_t)conf->max_body_bytes,
                  ES_BODY_STREAM_PIECE);
    apr_pool_create(&ndjson->pool, r->pool);
    ndjson->batch.events =
        apr_palloc(r->pool, sizeof(*ndjson->batch.events) * EVENTS_MAX);
    ndjson->numbers =
        apr_palloc(r->pool, sizeof(*ndjson->numbers) * EVENTS_MAX);
    ndjson->batch.unnamed = -1;
    ndjson->heard = es_clock_now();
    ndjson->body = es_body_stream_open(r);
    return 1;
}

/* ---- The answer -------------------------------------------------------- */

/* @param error  what ended it, of es_publish_result_error; "" = nothing */
static const char *count_json(const ndjson_t *ndjson, const char *error)
{
    apr_pool_t *p = ndjson->r->pool;
    char text[ES_ID_TEXT_SIZE];
    const char *id = "null";

    if (ndjson->published > 0) {
        es_id_format(text, &ndjson->done.last_id);
        id = apr_psprintf(p, "\"%s\"", text);
    }
    return apr_psprintf(p,
                        "{\"published\": %" APR_UINT64_T_FMT
                        ", \"id\": %s, \"clients\": %" APR_UINT64_T_FMT "%s%s}",
                        ndjson->published, id, ndjson->done.clients,
                        es_publish_result_json(&ndjson->dispatch, p), error);
}

static int reply_ended(const ndjson_t *ndjson)
{
    return es_reply_json(ndjson->r, count_json(ndjson, ""));
}

/* What a proxy has not taken is stored, so there is more to tell. */
static int reply_unsent(const ndjson_t *ndjson, const es_problem_t *why)
{
    const char *error = es_publish_result_error(why, ndjson->r->pool);

    return es_reply_json_problem(ndjson->r, why, count_json(ndjson, error));
}

static int reply_broken(const ndjson_t *ndjson, es_problem_t *why)
{
    if (why->status == AP_FILTER_ERROR) {
        return AP_FILTER_ERROR;
    }
    if (why->status == HTTP_BAD_GATEWAY && ndjson->dispatch.grip) {
        return reply_unsent(ndjson, why);
    }
    why->sentence = apr_psprintf(ndjson->r->pool,
                                 "%s Events published before: "
                                 "%" APR_UINT64_T_FMT ".",
                                 why->sentence, ndjson->published);
    return es_reply_problem(ndjson->r, why);
}

int es_publish_ndjson_serve(request_rec *r, const es_dir_t *conf)
{
    ndjson_t *ndjson = apr_pcalloc(r->pool, sizeof(*ndjson));
    es_problem_t why;
    int is_well;

    ndjson->r = r;
    ndjson->conf = conf;
    if (!begin(ndjson, &why)) {
        es_body_leave(r);
        return es_reply_problem(r, &why);
    }
    is_well = run(ndjson, &why);
    es_body_stream_close(ndjson->body);
    es_rlog(APLOG_DEBUG, 0, r, "ES0504",
            "a stream of lines has ended: %" APR_UINT64_T_FMT
            " lines, %" APR_UINT64_T_FMT " events published",
            ndjson->lines.number, ndjson->published);
    return is_well ? reply_ended(ndjson) : reply_broken(ndjson, &why);
}
