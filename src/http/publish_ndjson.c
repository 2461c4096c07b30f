/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory is constant: what a batch needs comes from a pool that is cleared
 * before the next batch. Only what is needed for the whole request comes from
 * r->pool.
 *
 * A batch ends with the bytes that have arrived, or when it takes a sixteenth
 * of the journal. So it evicts only a small part of what readers may still
 * need. The events before a line that is no event are published.
 *
 * A writer that is faster than EventStreamPublishRate is slowed down: reading
 * pauses, and TCP pushes back. What has been read is published before the
 * worker waits.
 *
 * Batches to a broker are sent one behind the other as long as bytes arrive;
 * before the worker waits for more bytes, it waits until all are stored.
 */
#include "http/publish.h"

#include <apr_strings.h>
#include <http_main.h>
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
#include "http/publish_log.h"
#include "http/publish_rate.h"
#include "http/reply.h"

/* Most events of a batch, and most channels of these. */
#define EVENTS_MAX 1024
#define CHANNELS_MAX 4096
/* Most bytes of the journal that an event takes in addition to its texts. */
#define EVENT_COST 256
#define CHANNEL_COST 24
/* The part of the journal that a batch may take; several are on their way to a
 * broker. */
#define PART 16
#define PIPED_PART 64
/* Longest wait without a check whether the child stops, in microseconds. */
#define STOP_CHECK APR_USEC_PER_SEC
/* Between two checks whether the deliveries have caught up; microseconds. */
#define HELD_POLL 2000

typedef struct ndjson_t {
    request_rec *r;
    const es_dir_t *conf;
    es_publish_log_t *log; /* NULL = off */
    apr_uint64_t logged;   /* events of piped that it has noted */
    es_request_rights_t rights;
    es_publish_rate_t rate;
    int is_slowed; /* it had to wait for its rate */
    const es_runtime_hub_t *hub;
    es_body_stream_t *body;
    es_lines_t lines;
    es_event_t preset;
    apr_pool_t *pool;      /* of the present batch */
    es_batch_t batch;      /* events has room for EVENTS_MAX */
    apr_uint64_t *numbers; /* of the lines of its events, from 1 */
    int channels;          /* of the events of the batch, in all */
    apr_uint64_t cost;     /* of the batch, in bytes of the journal */
    apr_uint64_t cost_max;
    es_flow_control_t *flow;    /* NULL without a hub */
    apr_uint64_t *behind;       /* children, from es_flow_control_must_wait */
    es_publish_pipe_t *pipe;    /* NULL = each batch is waited for */
    es_publish_piped_t piped;   /* what is published, with or without it */
    es_publish_result_t result; /* of all batches */
    apr_time_t last_line;       /* when it arrived, or was published */
} ndjson_t;

/* ---- The batch --------------------------------------------------------- */

static void clear_batch(ndjson_t *ndjson)
{
    apr_pool_clear(ndjson->pool);
    ndjson->batch.count = 0;
    ndjson->channels = 0;
    ndjson->cost = 0;
}

/* Waits while a batch could overtake clients that read, for no longer than
 * EventStreamFlowControl in all. When the child stops, it waits no longer: what
 * was read is published, and the answer counts it. */
static void wait_for_readers(const ndjson_t *ndjson)
{
    while (ndjson->flow &&
           es_flow_control_must_wait(ndjson->flow, es_clock_now(),
                                     ndjson->behind) &&
           !es_runtime_is_stopping()) {
        es_runtime_wake(ndjson->behind);
        apr_sleep(HELD_POLL);
    }
}

static int append(ndjson_t *ndjson, const es_batch_t *batch, es_problem_t *why)
{
    es_appended_t done = {0};
    es_publish_result_t result = {.shows_proxies =
                                      ndjson->result.shows_proxies};
    int ok = es_publish_store_sent(ndjson->hub, batch, ndjson->pool, &done,
                                   &result, why);

    es_publish_result_add(&ndjson->result, &result);
    if (done.head != 0) {
        ndjson->piped.published += (apr_uint64_t)batch->count;
        ndjson->piped.done = done;
    }
    return ok;
}

/* Stores the events of a refused batch one by one. Those before the event that
 * caused the refusal are published; or all, if only the batch was too large. */
static int append_each(ndjson_t *ndjson, es_problem_t *why)
{
    es_batch_t one = ndjson->batch;
    int i;

    one.count = 1;
    for (i = 0; i < ndjson->batch.count; i++) {
        one.events = &ndjson->batch.events[i];
        if (!append(ndjson, &one, why)) {
            return es_body_json_at_line(ndjson->numbers[i], ndjson->pool, why);
        }
    }
    return 1;
}

/* A batch that is stored, but that a proxy did not take, also ends the stream.
 */
static int append_batch(ndjson_t *ndjson, es_problem_t *why)
{
    apr_uint64_t before = ndjson->piped.published;

    return append(ndjson, &ndjson->batch, why) ||
           (ndjson->piped.published == before && append_each(ndjson, why));
}

/* Waits until all that was sent to a broker is stored. */
static int finish_pipe(ndjson_t *ndjson, es_problem_t *why)
{
    return !ndjson->pipe || es_publish_pipe_finish(ndjson->pipe, &ndjson->piped,
                                                   ndjson->r->pool, why);
}

static int send_batch(ndjson_t *ndjson, es_problem_t *why)
{
    if (ndjson->pipe && es_publish_pipe_takes(&ndjson->batch)) {
        return es_publish_pipe_send(ndjson->pipe, &ndjson->batch,
                                    &ndjson->piped, ndjson->r->pool, why);
    }
    return finish_pipe(ndjson, why) && append_batch(ndjson, why);
}

static int publish_batch(ndjson_t *ndjson, es_problem_t *why)
{
    if (ndjson->batch.count == 0) {
        return 1;
    }
    wait_for_readers(ndjson);
    if (!send_batch(ndjson, why)) {
        /* the sentence must live longer than the batch's pool */
        why->sentence = apr_pstrdup(ndjson->r->pool, why->sentence);
        ndjson->batch.count = 0; /* nothing more of it can be published */
        return 0;
    }
    clear_batch(ndjson);
    ndjson->last_line = es_clock_now();
    return 1;
}

/* ---- The rate ---------------------------------------------------------- */

static void log_published(ndjson_t *ndjson)
{
    const es_publish_piped_t *piped = &ndjson->piped;

    es_publish_log_published(ndjson->log, piped->published - ndjson->logged,
                             &piped->done.last_id, piped->done.clients);
    ndjson->logged = piped->published;
}

/* @return 0 with why, if the wait would be longer than what a publisher may
 * send no line for */
static int wait_for_rate(ndjson_t *ndjson, apr_interval_time_t left,
                         es_problem_t *why)
{
    apr_interval_time_t timeout = ndjson->conf->publish_timeout_us;
    apr_time_t by = es_clock_now() + timeout;

    while (left > 0 && !es_runtime_is_stopping()) {
        if (timeout > 0 && es_clock_now() + left > by) {
            return es_publish_rate_refuse(&ndjson->rate, left, ndjson->r->pool,
                                          why);
        }
        log_published(ndjson);
        es_publish_log_progress(ndjson->log, es_clock_now());
        apr_sleep(left < STOP_CHECK ? left : STOP_CHECK);
        left = es_publish_rate_take(&ndjson->rate);
    }
    return 1;
}

/* Takes one event of the rate, and waits for it. When the child stops, it waits
 * no longer. */
static int keep_rate(ndjson_t *ndjson, es_problem_t *why)
{
    apr_interval_time_t left = es_publish_rate_take(&ndjson->rate);

    if (left == 0) {
        return 1;
    }
    if (!ndjson->is_slowed) {
        es_stats_count_limit(ES_LIMIT_PUBLISH_RATE);
        ndjson->is_slowed = 1;
    }
    if (!publish_batch(ndjson, why) || !finish_pipe(ndjson, why)) {
        return 0;
    }
    if (!wait_for_rate(ndjson, left, why)) {
        return es_body_json_at_line(ndjson->lines.number, ndjson->r->pool, why);
    }
    ndjson->last_line = es_clock_now();
    return 1;
}

/* ---- Lines ------------------------------------------------------------- */

/* The channels of the Location are the same for all lines. So they are looked
 * up once and become the preset. */
static int add_channels(ndjson_t *ndjson, es_batch_t *one, es_problem_t *why)
{
    if (one->unnamed < 0) {
        return 1;
    }
    if (!es_publish_store_channels(&ndjson->rights, one, why)) {
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
    if (!add_channels(ndjson, &one, why)) {
        return es_body_json_at_line(number, ndjson->r->pool, why);
    }
    es_publish_log_batch(ndjson->log, &one);
    if (!es_publish_store_check(&ndjson->rights, &one, why)) {
        return es_body_json_at_line(number, ndjson->r->pool, why);
    }
    ndjson->numbers[ndjson->batch.count] = number;
    event = &ndjson->batch.events[ndjson->batch.count++];
    *event = one.events[0];
    ndjson->channels += event->nchannels;
    ndjson->cost += EVENT_COST + CHANNEL_COST * (apr_uint64_t)event->nchannels +
                    event->type.len + event->id.len + event->data.len;
    return 1;
}

static int is_full(const ndjson_t *ndjson)
{
    return ndjson->batch.count == EVENTS_MAX ||
           ndjson->channels >= CHANNELS_MAX || ndjson->cost >= ndjson->cost_max;
}

static int add_line(ndjson_t *ndjson, es_slice_t line, es_problem_t *why)
{
    if (!es_body_json_line_trim(&line)) {
        return 1;
    }
    return keep_rate(ndjson, why) && add_event(ndjson, line, why) &&
           (!is_full(ndjson) || publish_batch(ndjson, why));
}

static int too_long(const ndjson_t *ndjson, es_problem_t *why)
{
    es_stats_count_limit(ES_LIMIT_BODY);
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
        ndjson->last_line = es_clock_now();
        if (found == ES_LINE_TOO_LONG) {
            return too_long(ndjson, why);
        }
        if (!add_line(ndjson, line, why)) {
            return 0;
        }
    }
}

/* Publishes the events of the lines that have arrived. */
static int publish_lines(ndjson_t *ndjson, int is_last, es_problem_t *why)
{
    es_problem_t later;

    if (add_lines(ndjson, is_last, why)) {
        return publish_batch(ndjson, why);
    }
    if (ndjson->batch.count > 0) {
        why->sentence = apr_pstrdup(ndjson->r->pool, why->sentence);
        if (!publish_batch(ndjson, &later)) {
            *why = later;
        }
    }
    return 0;
}

/* ---- The stream -------------------------------------------------------- */

/* @return 0 with why after EventStreamPublishTimeout */
static int wait_for_more(ndjson_t *ndjson, es_problem_t *why)
{
    apr_interval_time_t timeout = ndjson->conf->publish_timeout_us;
    apr_interval_time_t left = STOP_CHECK;

    if (timeout > 0) {
        left = ndjson->last_line + timeout - es_clock_now();
        if (left <= 0) {
            return es_problem_set(why, ndjson->r->pool, HTTP_REQUEST_TIME_OUT,
                                  "The publisher sent no line for "
                                  "EventStreamPublishTimeout.");
        }
    }
    es_body_stream_wait(ndjson->body, left < STOP_CHECK ? left : STOP_CHECK);
    return 1;
}

/* @return 1 at the end of the body or when the child stops; 0 with why */
static int run(ndjson_t *ndjson, es_problem_t *why)
{
    es_problem_t broken;

    while (!es_runtime_is_stopping()) {
        es_body_stream_result_t got =
            es_body_stream_read(ndjson->body, &ndjson->lines, &broken);

        log_published(ndjson);
        es_publish_log_progress(ndjson->log, es_clock_now());
        if (got == ES_BODY_STREAM_EMPTY) {
            if (!finish_pipe(ndjson, why) || !wait_for_more(ndjson, why)) {
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

/* The same; at its end all is stored, or is known not to be. */
static int run_to_end(ndjson_t *ndjson, es_problem_t *why)
{
    es_problem_t not_stored;
    int ok = run(ndjson, why);

    if (finish_pipe(ndjson, &not_stored)) {
        return ok;
    }
    if (ok || why->status != AP_FILTER_ERROR) {
        *why = not_stored;
    }
    return 0;
}

static int open_stream(ndjson_t *ndjson, es_problem_t *why)
{
    request_rec *r = ndjson->r;
    const es_dir_t *conf = ndjson->conf;

    if (!es_request_channels_publish_rights(&ndjson->rights, r, conf, why) ||
        !es_event_preset(&ndjson->preset, es_slice_of(r->args), r->pool, why)) {
        return 0;
    }
    if (ndjson->preset.id.len != 0) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "The query's 'id' is for one event, but the "
                              "body is a stream of them.");
    }
    ndjson->result.shows_proxies = es_publish_auth_controls(r, conf);
    es_publish_rate_of(&ndjson->rate, r, conf);
    ndjson->hub = es_runtime_hub(conf);
    if (ndjson->hub) {
        ndjson->pipe = es_publish_pipe_create(ndjson->hub, r->pool);
        ndjson->cost_max = es_store_bytes(ndjson->hub->store) /
                           (ndjson->pipe ? PIPED_PART : PART);
        ndjson->flow = es_flow_control_create(
            ndjson->hub->store, es_settings_of(ap_server_conf)->flow_control_us,
            r->pool);
        ndjson->behind =
            apr_palloc(r->pool, sizeof(*ndjson->behind) *
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
    ndjson->last_line = es_clock_now();
    ndjson->body = es_body_stream_open(r);
    return 1;
}

/* ---- The answer -------------------------------------------------------- */

/* @param error  from es_publish_result_error; "" = none */
static const char *count_json(const ndjson_t *ndjson, const char *error)
{
    apr_pool_t *p = ndjson->r->pool;
    char text[ES_ID_TEXT_SIZE];
    const char *id = "null";

    if (ndjson->piped.published > 0) {
        es_id_format(text, &ndjson->piped.done.last_id);
        id = apr_psprintf(p, "\"%s\"", text);
    }
    return apr_psprintf(p,
                        "{\"published\": %" APR_UINT64_T_FMT
                        ", \"id\": %s, \"clients\": %" APR_UINT64_T_FMT "%s%s}",
                        ndjson->piped.published, id, ndjson->piped.done.clients,
                        es_publish_result_json(&ndjson->result, p), error);
}

static int reply_done(const ndjson_t *ndjson)
{
    return es_reply_json(ndjson->r, count_json(ndjson, ""));
}

/* Events that a proxy did not take are stored; the answer counts them. */
static int reply_not_taken(const ndjson_t *ndjson, const es_problem_t *why)
{
    const char *error = es_publish_result_error(why, ndjson->r->pool);

    return es_reply_json_problem(ndjson->r, why, count_json(ndjson, error));
}

static int reply_failed(const ndjson_t *ndjson, es_problem_t *why)
{
    if (why->status == AP_FILTER_ERROR) {
        return AP_FILTER_ERROR;
    }
    if (why->status == HTTP_BAD_GATEWAY && ndjson->result.grip) {
        return reply_not_taken(ndjson, why);
    }
    why->sentence = apr_psprintf(ndjson->r->pool,
                                 "%s Events published before: "
                                 "%" APR_UINT64_T_FMT ".",
                                 why->sentence, ndjson->piped.published);
    return es_reply_problem(ndjson->r, why);
}

static apr_int64_t waited_ms(const ndjson_t *ndjson)
{
    return ndjson->flow ? apr_time_as_msec(es_flow_control_waited(ndjson->flow))
                        : 0;
}

int es_publish_ndjson_serve(request_rec *r, const es_dir_t *conf)
{
    ndjson_t *ndjson = apr_pcalloc(r->pool, sizeof(*ndjson));
    es_problem_t why;
    int ok;

    ndjson->r = r;
    ndjson->conf = conf;
    ndjson->log = es_publish_log_of(r);
    if (!open_stream(ndjson, &why)) {
        es_body_discard(r);
        return es_reply_problem(r, &why);
    }
    ok = run_to_end(ndjson, &why);
    es_body_stream_close(ndjson->body);
    log_published(ndjson);
    es_rlog(APLOG_DEBUG, 0, r, "ES0504",
            "an NDJSON body ended after %" APR_UINT64_T_FMT
            " lines; %" APR_UINT64_T_FMT
            " events were published; it waited %" APR_TIME_T_FMT
            " ms for clients",
            ndjson->lines.number, ndjson->piped.published, waited_ms(ndjson));
    return ok ? reply_done(ndjson) : reply_failed(ndjson, &why);
}
