/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET ?who=CHANNEL. A page is built from slices of the table, each with the
 * lock for a short time, and looks at a bounded number of rows; "next" states
 * where the next one starts. The id is read first: who follows the channel of
 * the events from this id on misses nothing that the list does not have.
 */
#include "http/presence.h"

#include <apr_strings.h>

#include "base/json.h"
#include "base/sigblock.h"
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
    apr_uint32_t at;
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

static int fill(page_t *page, const es_request_rights_t *rights,
                const es_runtime_hub_t *hub, es_slice_t channel,
                es_problem_t *why)
{
    es_presence_t *table = es_presence_runtime_table();
    apr_pool_t *p = page->r->pool;
    int after = 0;

    if (!es_channel_check(channel, p, why) ||
        !es_request_channels_allowed(rights, &channel, 1, why) ||
        !es_channel_get_number(page->r, "limit", LIMIT_MAX, &page->limit,
                               why) ||
        !es_channel_get_number(page->r, "after", APR_INT32_MAX, &after, why)) {
        return 0;
    }
    page->at = (apr_uint32_t)after;
    add(page,
        apr_psprintf(p, "{\"channel\": %s, ", es_json_string(channel, p)));
    if (!add_id(page, hub, why)) {
        return 0;
    }
    add(page, "\"names\": [");
    if (table && page->limit > 0 &&
        !add_slices(page, table, hub, channel, why)) {
        return 0;
    }
    add(page, "]");
    if (page->at != 0) {
        add(page, apr_psprintf(p, ", \"next\": \"%u\"", page->at));
    }
    add(page, "}");
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
