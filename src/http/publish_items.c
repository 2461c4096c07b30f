/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All items are read and checked before the first of them is published.
 * Successive events are stored as one batch, all or none. A close ends the
 * batch before it, so that the journal has the order of the items.
 */
#include "http/publish.h"

#include <apr_strings.h>

#include "base/accept.h"
#include "base/sse_text.h"
#include "grip/item.h"
#include "server/log.h"
#include "server/runtime.h"
#include "http/publish_log.h"
#include "http/publish_rate.h"
#include "http/reply.h"

/** A batch of events, or a channel to close. */
typedef struct part_t {
    es_batch_t batch;  /* its count is 0 for a close */
    es_slice_t closes; /* the channel to close */
} part_t;

typedef struct items_t {
    request_rec *r;
    const es_dir_t *conf;
    int controls;          /* from es_publish_auth_controls */
    es_publish_log_t *log; /* NULL = off */
    es_request_rights_t rights;
    const es_runtime_hub_t *hub;
    apr_array_header_t *parts;  /* part_t */
    apr_array_header_t *events; /* es_event_t, of the present batch */
} items_t;

/* ---- Reading ----------------------------------------------------------- */

/* The channel's name in this hub. */
static es_slice_t local_name(const items_t *items, es_slice_t channel)
{
    const char *prefix = items->hub ? items->hub->grip_prefix : NULL;

    return es_grip_channel_name(prefix ? prefix : "", channel, items->r->pool);
}

static void end_batch(items_t *items)
{
    part_t *part;

    if (items->events->nelts == 0) {
        return;
    }
    part = apr_array_push(items->parts);
    memset(part, 0, sizeof(*part));
    part->batch.events = (es_event_t *)items->events->elts;
    part->batch.count = items->events->nelts;
    part->batch.unnamed = -1;
    items->events = apr_array_make(items->r->pool, 8, sizeof(es_event_t));
}

static void add_close(items_t *items, es_slice_t name)
{
    part_t *part;

    end_batch(items);
    part = apr_array_push(items->parts);
    memset(part, 0, sizeof(*part));
    part->closes = name;
}

/* An id that a proxy would build for each client is ours here: clients resume
 * with it. An "error" is the id with which django-eventstream ends streams; no
 * event may have it, so it is ours, too.
 * @return NULL, or what is wrong, as half a sentence */
static const char *set_ids(es_event_t *event, const es_item_t *item,
                           apr_pool_t *p)
{
    const char *err = NULL;

    if (es_slice_is(event->id, "error") ||
        (item->builds_id && es_slice_is(event->id, "%I"))) {
        event->id = es_slice(NULL, 0);
    }
    if (item->builds_id) {
        err = es_grip_build_id(&event->id, p);
        err = err ? err : es_grip_build_id(&event->type, p);
        err = err ? err : es_grip_build_id(&event->data, p);
    }
    return err;
}

static int add_events(items_t *items, const es_channel_set_t *channel,
                      const es_item_t *item, es_problem_t *why)
{
    apr_pool_t *p = items->r->pool;
    const apr_array_header_t *events;
    const char *err = es_sse_text_read(&events, item->content, p);
    es_batch_t batch = {.count = 1};
    int i;

    if (err) {
        return es_problem_set(why, p, HTTP_BAD_REQUEST,
                              "The content does not consist of whole events: "
                              "%s.",
                              err);
    }
    for (i = 0; i < events->nelts; i++) {
        es_event_t *event = apr_array_push(items->events);

        *event = APR_ARRAY_IDX(events, i, es_event_t);
        es_event_set_channels(event, channel);
        err = set_ids(event, item, p);
        if (err) {
            return es_problem_set(why, p, HTTP_BAD_REQUEST,
                                  "The filter build-id does not apply: %s.",
                                  err);
        }
        batch.events = event;
        es_publish_log_batch(items->log, &batch);
        if (!es_publish_store_check_event(event, items->conf->max_event_bytes,
                                          p, why)) {
            return 0;
        }
    }
    /* each has one channel; checked here, as batches before may be stored */
    return es_publish_store_check_count((apr_size_t)items->events->nelts, p,
                                        why);
}

static int add_item(items_t *items, const es_item_t *item, es_problem_t *why)
{
    es_channel_set_t *channel = es_event_channel_set(items->r->pool);
    es_slice_t name = local_name(items, item->channel);

    if (!es_event_add_channel(channel, name, items->r->pool, why)) {
        return 0;
    }
    es_publish_log_channels(items->log, es_channel_set_names(channel), 1);
    if (!es_request_channels_allowed(&items->rights,
                                     es_channel_set_names(channel), 1, why)) {
        return 0;
    }
    if (item->action == ES_ITEM_CLOSE) {
        if (!es_publish_auth_admits_control(items->r, items->conf, why)) {
            return 0;
        }
        add_close(items, es_channel_set_names(channel)[0]);
    }
    return item->action != ES_ITEM_SEND ||
           add_events(items, channel, item, why);
}

static int read_items(items_t *items, const es_body_items_t *json,
                      es_problem_t *why)
{
    apr_pool_t *p = items->r->pool;
    const apr_array_header_t *list;
    int i;

    if (!es_body_items_read(&list, json, p, why)) {
        return 0;
    }
    for (i = 0; i < list->nelts; i++) {
        if (add_item(items, &APR_ARRAY_IDX(list, i, es_item_t), why)) {
            continue;
        }
        why->sentence = apr_psprintf(
            p, "%sitem %d: %s",
            why->status == HTTP_BAD_REQUEST ? "Invalid format: " : "", i,
            why->sentence);
        return 0;
    }
    end_batch(items);
    return 1;
}

/* ---- Publishing -------------------------------------------------------- */

/* Clients of a closed channel may reconnect at once, as behind a proxy. */
static int close_channel(const items_t *items, es_slice_t name,
                         es_publish_result_t *result, es_problem_t *why)
{
    apr_pool_t *p = items->r->pool;
    es_closed_t closed;

    if (!es_publish_store_close(items->hub, name, 0, p, &closed, why)) {
        return 0;
    }
    es_publish_log_closed(items->log, 1, &closed.id, closed.clients);
    es_publish_result_wait_close(result, items->hub, closed.from, closed.head);
    return es_publish_result_check(result, p, why);
}

static int publish_part(const items_t *items, const part_t *part, apr_time_t by,
                        es_problem_t *why)
{
    es_publish_result_t result = {.by = by, .shows_proxies = items->controls};
    es_appended_t done = {0};
    int ok;

    if (part->batch.count == 0) {
        return close_channel(items, part->closes, &result, why);
    }
    ok = es_publish_store_sent(items->hub, &part->batch, items->r->pool, &done,
                               &result, why);
    if (done.head != 0) {
        es_publish_log_published(items->log, (apr_uint64_t)part->batch.count,
                                 &done.last_id, done.clients);
    }
    return ok;
}

/* Closes are not counted. */
static int count_events(const items_t *items)
{
    int i, events = 0;

    for (i = 0; i < items->parts->nelts; i++) {
        events += APR_ARRAY_IDX(items->parts, i, part_t).batch.count;
    }
    return events;
}

/* A part with 502 is in the journal, so the next parts follow it. All parts
 * together wait no longer than one. */
static int publish(const items_t *items, es_problem_t *why)
{
    apr_time_t by = items->hub ? es_publish_result_deadline(items->hub) : 0;
    es_problem_t one;
    int i, done = 0, ok = 1;

    for (i = 0; i < items->parts->nelts; i++) {
        if (!publish_part(items, &APR_ARRAY_IDX(items->parts, i, part_t), by,
                          &one)) {
            *why = one;
            ok = 0;
            if (one.status != HTTP_BAD_GATEWAY) {
                break;
            }
        }
        done++;
    }
    es_rlog(APLOG_DEBUG, 0, items->r, "ES0511",
            "GRIP items: %d batches of events and closes, %d of them done",
            items->parts->nelts, done);
    return ok;
}

/* JSON if the client does not accept text/plain. */
static int reply(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");

    return es_accept_admits(accept, "text/plain")
               ? es_reply_text(r, "Published")
               : es_reply_json(r, "{\"message\":\"Published\"}");
}

static int accepts(request_rec *r, es_problem_t *why)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");

    if (es_accept_admits(accept, "text/plain") ||
        es_accept_admits(accept, "application/json")) {
        return 1;
    }
    return es_problem_set(why, r->pool, HTTP_NOT_ACCEPTABLE, "Not Acceptable.");
}

int es_publish_items_serve(request_rec *r, const es_dir_t *conf,
                           const es_body_items_t *json)
{
    items_t items;
    es_publish_rate_t rate;
    es_problem_t why;

    items.r = r;
    items.conf = conf;
    items.log = es_publish_log_of(r);
    items.controls = es_publish_auth_controls(r, conf);
    items.hub = es_runtime_hub(conf);
    items.parts = apr_array_make(r->pool, 4, sizeof(part_t));
    items.events = apr_array_make(r->pool, 8, sizeof(es_event_t));
    es_publish_rate_of(&rate, r, conf);
    if (!accepts(r, &why) ||
        !es_request_channels_publish_rights(&items.rights, r, conf, &why) ||
        !read_items(&items, json, &why) ||
        !es_publish_rate_admits(&rate, count_events(&items), r->pool, &why) ||
        !publish(&items, &why)) {
        return es_reply_problem(r, &why);
    }
    return reply(r);
}
