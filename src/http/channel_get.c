/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page is built from slices of the channel table. Each slice is copied under
 * the store lock, which is released in between, so that a list of a large table
 * does not block publishers. A page also reads a bounded number of slots. If it
 * finds few channels in them it is short or empty, and its "next" states where
 * the next page starts.
 *
 * A clustered hub's broker is asked for the clients of all channels of a page
 * at once.
 */
#include "http/channel_get.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/query.h"
#include "base/sigblock.h"
#include "journal/channel_stats.h"
#include "server/runtime.h"
#include "http/presence.h"
#include "http/publish.h"
#include "http/reply.h"

#define LIMIT_PRESET 100
#define LIMIT_MAX 1000
/* most slices that one page reads */
#define SLICES_MAX 1024
/* most channels of a slice */
#define SLICE_CHANNELS 64

typedef struct page_t {
    request_rec *r;
    es_request_rights_t rights;
    const es_runtime_hub_t *hub;
    es_store_t *store;
    apr_uint64_t now_ms;
    apr_array_header_t *names; /* es_slice_t: of the channels, as the next */
    apr_array_header_t *stats; /* es_channel_stats_t */
    apr_array_header_t *parts; /* const char *: pieces of the JSON */
} page_t;

static void add(page_t *page, const char *text)
{
    APR_ARRAY_PUSH(page->parts, const char *) = text;
}

static const char *id_text(const es_id_t *id, int exists, apr_pool_t *p)
{
    char text[ES_ID_TEXT_SIZE];

    if (!exists) {
        return "null";
    }
    es_id_format(text, id);
    return apr_psprintf(p, "\"%s\"", text);
}

/* Seconds for which a channel is still closed, rounded up; 0 = open. */
static apr_uint64_t closed_for(const page_t *page,
                               const es_channel_stats_t *stats)
{
    return stats->closed_until > page->now_ms
               ? (stats->closed_until - page->now_ms + 999) / 1000
               : 0;
}

/** @param with_first  also the id of its first event, which costs a walk */
static void add_json(page_t *page, es_slice_t name,
                     const es_channel_stats_t *stats, int is_first,
                     int with_first)
{
    apr_pool_t *p = page->r->pool;
    es_id_t id;
    int exists;

    add(page,
        apr_psprintf(p,
                     "%s{\"channel\": %s, "
                     "\"clients\": %" APR_UINT64_T_FMT
                     ", \"events\": %u, \"closed\": %" APR_UINT64_T_FMT,
                     is_first ? "" : ", ", es_json_string(name, p),
                     stats->clients, stats->events, closed_for(page, stats)));
    if (with_first) {
        exists = es_channel_stats_first(page->store, stats, &id);
        add(page, ", \"first\": ");
        add(page, id_text(&id, exists, p));
    }
    exists = es_channel_stats_last(page->store, stats, &id);
    add(page, ", \"last\": ");
    add(page, id_text(&id, exists, p));
    add(page, "}");
}

static void add_channel(page_t *page, es_slice_t name,
                        const es_channel_stats_t *stats)
{
    APR_ARRAY_PUSH(page->names, es_slice_t) = name;
    APR_ARRAY_PUSH(page->stats, es_channel_stats_t) = *stats;
}

/* Replaces the clients of this server by those of all servers.
 * @return 0 if the broker does not answer */
static int count_clients(page_t *page)
{
    int count = page->names->nelts, i;
    apr_uint64_t *clients =
        apr_palloc(page->r->pool, sizeof(*clients) * (apr_size_t)(count + 1));

    if (count != 0 &&
        !es_publish_cluster_clients(
            page->hub, (const es_slice_t *)page->names->elts, count, clients)) {
        return 0;
    }
    for (i = 0; i < count; i++) {
        APR_ARRAY_IDX(page->stats, i, es_channel_stats_t).clients = clients[i];
    }
    return 1;
}

static void add_channels(page_t *page, int with_first)
{
    int is_partial = page->hub->cluster && !count_clients(page);
    int i;

    add(page, "{\"channels\": [");
    for (i = 0; i < page->names->nelts; i++) {
        add_json(page, APR_ARRAY_IDX(page->names, i, es_slice_t),
                 &APR_ARRAY_IDX(page->stats, i, es_channel_stats_t), i == 0,
                 with_first);
    }
    add(page, is_partial ? "], \"partial\": true" : "]");
}

/* ES0204 or ES0209 has the cause. */
static int unavailable(const page_t *page, es_problem_t *why)
{
    es_problem_set(why, page->r->pool, HTTP_SERVICE_UNAVAILABLE,
                   "The channels cannot be read now.");
    why->retry_after = ES_RETRY_AFTER_S;
    return 0;
}

/* ---- Named channels ---------------------------------------------------- */

static int add_named(page_t *page, es_problem_t *why)
{
    es_channel_set_t *names;
    es_channel_stats_t stats;
    es_sigblock_t sigblock;
    int i, known;

    if (!es_request_channels_queried(&page->rights, &names, why)) {
        return 0;
    }
    for (i = 0; i < es_channel_set_count(names); i++) {
        es_slice_t name = es_channel_set_names(names)[i];

        es_sigblock_begin(&sigblock);
        known = es_channel_stats_find(page->store, name, page->now_ms, &stats);
        es_sigblock_end(&sigblock);
        if (known < 0) {
            return unavailable(page, why);
        }
        add_channel(page, name, &stats);
    }
    add_channels(page, 1);
    return 1;
}

/* ---- A page of all channels -------------------------------------------- */

int es_channel_get_number(request_rec *r, const char *name, int max, int *value,
                          es_problem_t *why)
{
    es_slice_t text;
    apr_int64_t given;

    if (!es_query_value(&text, es_slice_of(r->args), name, r->pool)) {
        return 1;
    }
    given = es_query_number(text, max);
    if (given < 0) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "The query's '%s' is not a number from 0 to %d.",
                              name, max);
    }
    *value = (int)given;
    return 1;
}

static void add_allowed(page_t *page, const es_channel_stats_t *found,
                        int count)
{
    int i;

    for (i = 0; i < count; i++) {
        es_slice_t name = es_slice(
            apr_pmemdup(page->r->pool, found[i].name, found[i].name_len),
            found[i].name_len);

        if (es_request_channels_allows(&page->rights, name)) {
            add_channel(page, name, &found[i]);
        }
    }
}

static int add_list(page_t *page, es_slice_t prefix, es_problem_t *why)
{
    es_channel_stats_t found[SLICE_CHANNELS];
    int limit = LIMIT_PRESET;
    int after = 0;
    es_slot_t at;
    int slices;

    if (!es_channel_get_number(page->r, "limit", LIMIT_MAX, &limit, why) ||
        !es_channel_get_number(page->r, "after", APR_INT32_MAX, &after, why)) {
        return 0;
    }
    at = (es_slot_t)after;
    for (slices = 0; slices < SLICES_MAX && page->names->nelts < limit;
         slices++) {
        int left = limit - page->names->nelts;
        int max = left < SLICE_CHANNELS ? left : SLICE_CHANNELS;
        es_sigblock_t sigblock;
        int count;

        es_sigblock_begin(&sigblock);
        count = es_channel_stats_next(page->store, &at, prefix, page->now_ms,
                                      found, max);
        es_sigblock_end(&sigblock);
        if (count < 0) {
            return unavailable(page, why);
        }
        add_allowed(page, found, count);
        if (at == 0) {
            break;
        }
    }
    add_channels(page, 0);
    if (at != 0) {
        add(page, apr_psprintf(page->r->pool, ", \"next\": \"%u\"", at));
    }
    return 1;
}

/* ---- The handler ------------------------------------------------------- */

int es_channel_get_handler(request_rec *r, const es_dir_t *conf)
{
    const es_runtime_hub_t *hub = es_runtime_hub(conf);
    page_t page = {0};
    es_problem_t why;
    es_slice_t prefix, who;
    int done;

    if (!hub) {
        es_problem_set(&why, r->pool, HTTP_SERVICE_UNAVAILABLE,
                       "This child serves no events.");
        why.retry_after = ES_RETRY_AFTER_S;
        es_problem_remedy(&why, ES_REMEDY_NO_EVENTS,
                          "The child logged why when it started.");
        return es_reply_problem(r, &why);
    }
    if (!es_request_channels_publish_rights(&page.rights, r, conf, &why)) {
        return es_reply_problem(r, &why);
    }
    if (es_query_value(&who, es_slice_of(r->args), "who", r->pool)) {
        return es_presence_who_serve(&page.rights, hub, who);
    }
    page.r = r;
    page.hub = hub;
    page.store = hub->store;
    page.now_ms = es_clock_ms();
    page.parts = apr_array_make(r->pool, 64, sizeof(const char *));
    page.names = apr_array_make(r->pool, 16, sizeof(es_slice_t));
    page.stats = apr_array_make(r->pool, 16, sizeof(es_channel_stats_t));
    done = es_query_value(&prefix, es_slice_of(r->args), "list", r->pool)
               ? add_list(&page, prefix, &why)
               : add_named(&page, &why);
    if (!done) {
        return es_reply_problem(r, &why);
    }
    add(&page, "}");
    return es_reply_json(r, apr_array_pstrcat(r->pool, page.parts, 0));
}
