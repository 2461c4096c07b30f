/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET ?who=CHANNEL. The broker of a clustered hub has the names of all servers.
 * If it does not answer, the answer has those of this server, and "partial".
 * Where a page of the broker's goes on is a name, with a '=' before it, to tell
 * it from a row of the table.
 *
 * A page of the table is built from slices, each with the lock for a short
 * time, and looks at a bounded number of rows; "next" states where the next one
 * starts. The id is read first: who follows the channel of
 * the events from this id on misses nothing that the list does not have.
 */
#include "http/presence.h"

#include <apr_strings.h>

#include "base/json.h"
#include "base/query.h"
#include "base/sigblock.h"
#include "base/utf8.h"
#include "server/presence_runtime.h"
#include "http/channel_get.h"
#include "http/publish.h"
#include "http/reply.h"

#define LIMIT_PRESET 100
#define LIMIT_MAX 1000
#define SLICE_NAMES 64
/* most rows that one page looks at: all of a table of the preset size */
#define SLICES_MAX (16384 / ES_PRESENCE_SLICE)

typedef struct page_t {
    request_rec *r;
    apr_array_header_t *parts; /* const char *: pieces of the JSON */
    int count;                 /* of names */
    int limit;
    apr_uint32_t at;  /* of the table */
    es_slice_t after; /* at the broker; with the first page empty */
    int is_next;      /* the broker may have more after it */
    int is_partial;
} page_t;

static void add(page_t *page, const char *text)
{
    APR_ARRAY_PUSH(page->parts, const char *) = text;
}

static void add_names(page_t *page, const es_presence_named_t *found, int count)
{
    apr_pool_t *p = page->r->pool;
    int i;

    for (i = 0; i < count; i++) {
        es_slice_t name = es_slice(found[i].name, found[i].len);

        add(page, apr_psprintf(p, "%s{\"name\": %s, \"clients\": %u}",
                               page->count++ == 0 ? "" : ", ",
                               es_json_string(name, p), found[i].clients));
    }
}

static int unavailable(const page_t *page, es_problem_t *why)
{
    es_problem_set(why, page->r->pool, HTTP_SERVICE_UNAVAILABLE,
                   "The names cannot be read now.");
    why->retry_after = ES_RETRY_AFTER_S;
    return 0;
}

static int add_slices(page_t *page, es_presence_t *table,
                      const es_runtime_hub_t *hub, es_slice_t channel,
                      es_problem_t *why)
{
    es_presence_named_t *found =
        apr_palloc(page->r->pool, sizeof(*found) * SLICE_NAMES);
    es_id_t epoch = es_store_epoch(hub->store);
    int slices = 0;

    do {
        int left = page->limit - page->count;
        es_sigblock_t sigblock;
        int count;

        es_sigblock_begin(&sigblock);
        count = es_presence_next(table, &epoch, channel, &page->at, found,
                                 left < SLICE_NAMES ? left : SLICE_NAMES);
        es_sigblock_end(&sigblock);
        if (count < 0) {
            return unavailable(page, why);
        }
        add_names(page, found, count);
    } while (page->at != 0 && page->count < page->limit &&
             ++slices < SLICES_MAX);
    return 1;
}

static int add_id(page_t *page, const es_runtime_hub_t *hub, es_problem_t *why)
{
    char text[ES_ID_TEXT_SIZE];
    es_sigblock_t sigblock;
    es_start_t present;
    apr_status_t rv;

    es_sigblock_begin(&sigblock);
    rv = es_store_current(hub->store, &present);
    es_sigblock_end(&sigblock);
    if (rv != APR_SUCCESS) {
        return unavailable(page, why);
    }
    es_id_format(text, &present.id);
    add(page, apr_psprintf(page->r->pool, "\"id\": \"%s\", ", text));
    return 1;
}

/* ---- The broker's -------------------------------------------------------- */

static void add_named(page_t *page, const es_cluster_named_t *named, int count)
{
    apr_pool_t *p = page->r->pool;
    int i;

    for (i = 0; i < count; i++) {
        es_slice_t name = es_slice(named[i].name, named[i].len);

        name = es_utf8_or_latin1(name, p);
        add(page, apr_psprintf(p, "%s{\"name\": %s, \"servers\": %d}",
                               page->count++ == 0 ? "" : ", ",
                               es_json_string(name, p), named[i].servers));
    }
    if (count > 0) {
        const es_cluster_named_t *last = &named[count - 1];

        page->after =
            es_slice(apr_pmemdup(p, last->name, last->len), last->len);
    }
}

/* @return 0: it does not answer */
static int ask_broker(page_t *page, const es_runtime_hub_t *hub,
                      es_slice_t channel)
{
    es_cluster_named_t *named =
        apr_palloc(page->r->pool, sizeof(*named) * ES_CLUSTER_WHO_MAX);
    int count, max;

    do {
        int left = page->limit - page->count;

        max = left < ES_CLUSTER_WHO_MAX ? left : ES_CLUSTER_WHO_MAX;
        count = es_presence_cluster_who(hub, channel, page->after, named, max);
        if (count < 0) {
            return 0;
        }
        add_named(page, named, count);
    } while (count == max && page->count < page->limit);
    page->is_next = count == max;
    return 1;
}

/* A listing that the broker has begun cannot go on without it, and one that was
 * partial stays so. */
static int add_all(page_t *page, const es_runtime_hub_t *hub,
                   es_slice_t channel, es_problem_t *why)
{
    es_presence_t *table = es_presence_runtime_table();
    int has_begun = page->after.len > 0;

    if (hub->cluster && page->at == 0) {
        if (ask_broker(page, hub, channel)) {
            return 1;
        }
        if (has_begun || page->count > 0) {
            return unavailable(page, why);
        }
    }
    page->is_partial = hub->cluster != NULL;
    return !table || add_slices(page, table, hub, channel, why);
}

/* ---- A page -------------------------------------------------------------- */

static int read_after(page_t *page, const es_runtime_hub_t *hub,
                      es_problem_t *why)
{
    request_rec *r = page->r;
    es_slice_t text;
    int after = 0;

    if (hub->cluster &&
        es_query_value(&text, es_slice_of(r->args), "after", r->pool) &&
        text.len > 1 && text.len <= 1 + ES_PRESENCE_NAME_MAX &&
        text.data[0] == '=') {
        page->after = es_slice(text.data + 1, text.len - 1);
        return 1;
    }
    if (!es_channel_get_number(r, "after", APR_INT32_MAX, &after, why)) {
        return 0;
    }
    page->at = (apr_uint32_t)after;
    return 1;
}

static void add_end(page_t *page)
{
    apr_pool_t *p = page->r->pool;

    add(page, "]");
    if (page->is_next) {
        es_slice_t name = es_utf8_or_latin1(page->after, p);
        const char *next = apr_psprintf(p, "=%.*s", (int)name.len, name.data);

        add(page, apr_psprintf(p, ", \"next\": %s",
                               es_json_string(es_slice_of(next), p)));
    }
    else if (page->at != 0) {
        add(page, apr_psprintf(p, ", \"next\": \"%u\"", page->at));
    }
    add(page, page->is_partial ? ", \"partial\": true}" : "}");
}

static int fill(page_t *page, const es_request_rights_t *rights,
                const es_runtime_hub_t *hub, es_slice_t channel,
                es_problem_t *why)
{
    apr_pool_t *p = page->r->pool;

    if (!es_channel_check(channel, p, why) ||
        !es_request_channels_allowed(rights, &channel, 1, why) ||
        !es_channel_get_number(page->r, "limit", LIMIT_MAX, &page->limit,
                               why) ||
        !read_after(page, hub, why)) {
        return 0;
    }
    add(page,
        apr_psprintf(p, "{\"channel\": %s, ", es_json_string(channel, p)));
    if (!add_id(page, hub, why)) {
        return 0;
    }
    add(page, "\"names\": [");
    if (page->limit > 0 && !add_all(page, hub, channel, why)) {
        return 0;
    }
    add_end(page);
    return 1;
}

int es_presence_who_serve(const es_request_rights_t *rights,
                          const es_runtime_hub_t *hub, es_slice_t channel)
{
    request_rec *r = rights->r;
    page_t page = {0};
    es_problem_t why;

    page.r = r;
    page.limit = LIMIT_PRESET;
    page.parts = apr_array_make(r->pool, 64, sizeof(const char *));
    return fill(&page, rights, hub, channel, &why)
               ? es_reply_json(r, apr_array_pstrcat(r->pool, page.parts, 0))
               : es_reply_problem(r, &why);
}
