/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In this order: the method, who may publish, the kind of body; only then is
 * the body read, to its end, made into a batch, checked, and stored as a
 * whole. Nothing is stored of a request that is refused.
 */
#include "http/es_publish.h"

#include "base/es_batch.h"
#include "base/es_frame.h"
#include "http/es_body.h"
#include "http/es_body_form.h"
#include "http/es_body_json.h"
#include "http/es_body_raw.h"
#include "http/es_cors.h"
#include "http/es_gate.h"
#include "http/es_hlog.h"
#include "http/es_hush.h"
#include "http/es_names.h"
#include "http/es_reply.h"
#include "http/es_service.h"
#include "http/es_settings.h"

#include <http_protocol.h>
#include <apr_strings.h>

#define ALLOW "POST, PUT, OPTIONS"
/* Seconds after which a publisher may try again. */
#define RETRY_AFTER 5

/* ---- The kind of body -------------------------------------------------- */

/* Types that are not here are data as they are. */
static const struct {
    const char *type;
    es_batch_read_fn_t *read; /* NULL: not taken */
} kinds[] = {
    {"application/json", es_body_json},
    {"application/x-ndjson", NULL},
    {"application/x-www-form-urlencoded", es_body_form},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The media type without parameters; empty when there is none. */
static const char *media_type(const request_rec *r)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");

    return type ? apr_pstrmemdup(r->pool, type, strcspn(type, "; \t")) : "";
}

static int choose_reader(request_rec *r, es_batch_read_fn_t **read,
                         es_problem_t *why)
{
    const char *type = media_type(r);
    size_t i;

    *read = es_body_raw;
    for (i = 0; i < KINDS; i++) {
        if (!strcasecmp(type, kinds[i].type)) {
            *read = kinds[i].read;
        }
    }
    if (!*read) {
        return es_problem_set(why, r->pool, HTTP_UNSUPPORTED_MEDIA_TYPE,
                              "%s is not taken here: send application/json, "
                              "a form, or the data itself as text/plain or "
                              "any other type.",
                              type);
    }
    return 1;
}

/* ---- The batch --------------------------------------------------------- */

/* The last resort: the channels of the Location. */
static int name_by_location(request_rec *r, const es_dir_t *conf,
                            es_batch_t *batch, es_problem_t *why)
{
    es_channels_t *set;
    int i;

    if (batch->unnamed < 0) {
        return 1;
    }
    if (!es_names_expand(r, conf, &set, why)) {
        return 0;
    }
    if (es_channels_count(set) == 0) {
        es_problem_set(why, r->pool, HTTP_BAD_REQUEST, "No channel: %s.",
                       batch->unnamed_has);
        return es_batch_place(batch, batch->unnamed, r->pool, why);
    }
    if (es_channels_count(set) > ES_EVENT_CHANNELS_MAX) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "Too many channels: at most %d for an event.",
                              ES_EVENT_CHANNELS_MAX);
    }
    for (i = batch->unnamed; i < batch->count; i++) {
        if (batch->events[i].nchannels == 0) {
            es_batch_name(&batch->events[i], set);
        }
    }
    return 1;
}

static int read_batch(request_rec *r, const es_dir_t *conf,
                      es_batch_read_fn_t *read, es_batch_t *batch,
                      es_problem_t *why)
{
    es_event_t preset;
    es_buf_t body;

    es_buf_init(&body, r->pool, (apr_size_t)conf->max_body_bytes);
    if (!es_body_read(r, &body, why) ||
        !es_batch_preset(&preset, es_slice_of(r->args), r->pool, why) ||
        !read(batch, es_buf_slice(&body), &preset, r->pool, why)) {
        return 0;
    }
    if (preset.id.len != 0 && batch->count > 1) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "The query's 'id' is for one event, the body "
                              "has %d.",
                              batch->count);
    }
    return name_by_location(r, conf, batch, why);
}

static int check_batch(request_rec *r, const es_dir_t *conf,
                       const es_batch_t *batch, es_problem_t *why)
{
    int i;

    for (i = 0; i < batch->count; i++) {
        const es_event_t *event = &batch->events[i];

        if (!es_names_allowed(r, conf, event->channels, event->nchannels,
                              why) ||
            !es_event_check(event, (apr_size_t)conf->max_event_bytes, r->pool,
                            why)) {
            return es_batch_place(batch, i, r->pool, why);
        }
    }
    return 1;
}

/* ---- The store --------------------------------------------------------- */

static const es_entry_t *entries_of(const es_batch_t *batch, apr_pool_t *p)
{
    apr_size_t count = (apr_size_t)batch->count;
    es_entry_t *entries = apr_palloc(p, sizeof(*entries) * count);
    es_frame_t *frames = apr_palloc(p, sizeof(*frames) * count);
    apr_size_t i;

    for (i = 0; i < count; i++) {
        es_frame_make(&frames[i], &batch->events[i], p);
        entries[i].channels = batch->events[i].channels;
        entries[i].nchannels = batch->events[i].nchannels;
        entries[i].frame = &frames[i];
    }
    return entries;
}

static int not_now(request_rec *r, es_problem_t *why, const char *sentence,
                   const char *remedy)
{
    es_problem_set(why, r->pool, HTTP_SERVICE_UNAVAILABLE, "%s", sentence);
    why->retry_after = RETRY_AFTER;
    why->remedy = remedy;
    return 0;
}

static int append_failed(request_rec *r, const es_hub_view_t *hub,
                         apr_status_t rv, es_problem_t *why)
{
    if (rv == APR_ENOSPC) {
        es_problem_set(why, r->pool, HTTP_REQUEST_ENTITY_TOO_LARGE,
                       "The events of the body are more than half of what "
                       "the hub can hold.");
        why->remedy = apr_psprintf(
            r->pool, "EventStreamHub %s size= would have to be larger.",
            hub->name);
        return 0;
    }
    if (rv == APR_ENOMEM) {
        return not_now(r, why, "No more channels can be held now.",
                       "EventStreamMaxChannels is reached.");
    }
    es_rlog(APLOG_ERR, rv, r, "ES0503",
            "the journal of hub %s is not usable any more; nothing can be "
            "published or received until httpd is restarted",
            hub->name);
    return not_now(r, why, "Events cannot be stored now.", NULL);
}

static int store_batch(request_rec *r, const es_dir_t *conf,
                       const es_batch_t *batch, es_appended_t *done,
                       es_problem_t *why)
{
    const es_hub_view_t *hub = es_service_hub(conf);
    apr_uint64_t now_ms = (apr_uint64_t)apr_time_as_msec(apr_time_now());
    apr_size_t words = (es_service_places() + 63) / 64;
    apr_uint64_t *touched;
    es_hush_t hush;
    apr_status_t rv;

    if (!hub) {
        return not_now(r, why, "Events cannot be stored now.",
                       "This child serves no events; it told why when it "
                       "started.");
    }
    touched = apr_pcalloc(r->pool, sizeof(*touched) * words);
    es_hush_begin(&hush); /* the store has a lock */
    rv = es_store_append(hub->store, entries_of(batch, r->pool), batch->count,
                         now_ms, touched, done);
    es_hush_end(&hush);
    if (rv != APR_SUCCESS) {
        return append_failed(r, hub, rv, why);
    }
    es_service_wake(touched);
    return 1;
}

/* ---- The handler ------------------------------------------------------- */

static int reply_published(request_rec *r, const es_batch_t *batch,
                           const es_appended_t *done)
{
    char id[ES_ID_TEXT_SIZE];

    es_id_format(id, &done->last_id);
    es_rlog(APLOG_DEBUG, 0, r, "ES0502",
            "published %d events up to %s for %" APR_UINT64_T_FMT " clients",
            batch->count, id, done->clients);
    return es_reply_json(r, apr_psprintf(r->pool,
                                         "{\"published\": %d, \"id\": \"%s\", "
                                         "\"clients\": %" APR_UINT64_T_FMT "}",
                                         batch->count, id, done->clients));
}

static int publish(request_rec *r, const es_dir_t *conf,
                   es_batch_read_fn_t *read)
{
    es_batch_t batch;
    es_appended_t done;
    es_problem_t why;

    if (!read_batch(r, conf, read, &batch, &why) ||
        !check_batch(r, conf, &batch, &why) ||
        !store_batch(r, conf, &batch, &done, &why)) {
        return why.status == AP_FILTER_ERROR ? AP_FILTER_ERROR
                                             : es_reply_problem(r, &why);
    }
    return reply_published(r, &batch, &done);
}

int es_publish_handler(request_rec *r)
{
    const es_dir_t *conf;
    es_batch_read_fn_t *read;
    es_problem_t why;

    if (!r->handler || strcmp(r->handler, ES_HANDLER_PUBLISH)) {
        return DECLINED;
    }
    conf = es_dir_of(r);
    if (r->method_number == M_OPTIONS) {
        es_body_leave(r);
        return es_cors_options(r, conf, ALLOW);
    }
    if (r->method_number != M_POST && r->method_number != M_PUT) {
        es_body_leave(r);
        return es_reply_method(r, ALLOW);
    }
    if (!es_gate_admits(r, conf, &why) || !es_cors_may_publish(r, conf, &why) ||
        !choose_reader(r, &read, &why)) {
        es_body_leave(r);
        return es_reply_problem(r, &why);
    }
    return publish(r, conf, read);
}
