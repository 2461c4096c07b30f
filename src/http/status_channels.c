/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over all slots of a hub keeps the best of what it has found, as many
 * as a page has, in the order of the page:
 *
 *     slots, 64 at a time ─► filter ─► is it after the page before? ─► insert
 *
 * "next" is the place of the last one in this order: its key, hub and name. So
 * a page costs the same wherever it stands, and a channel that comes or goes
 * meanwhile shifts nothing.
 */
#include "http/status_channels.h"

#include <apr_strings.h>
#include <http_main.h>

#include "base/base64.h"
#include "base/channel.h"
#include "base/clock.h"
#include "base/json_out.h"
#include "base/query.h"
#include "base/sigblock.h"
#include "journal/channel_stats.h"
#include "server/cluster_runtime.h"
#include "server/presence_runtime.h"
#include "server/runtime.h"
#include "http/subscribe.h"

#define LIMIT_PRESET 50
#define LIMIT_MAX 200
#define SLICE_CHANNELS 64
#define WALK_MAX (60 * APR_USEC_PER_SEC / 1000)
/* A row has a name of at most 255 bytes, six times as long if it is escaped. */
#define JSON_MAX (LIMIT_MAX * 4096 + 4096)
/* The rate is that of the latest events, at most so many in so long a time. */
#define RATE_EVENTS 100
#define RATE_MS 10000
/* Names on the page of a channel, and slices of the table in which they are
 * looked for. */
#define NAMES_MAX 100
#define NAME_SLICES_MAX 16

typedef enum order_t { BY_CLIENTS, BY_RECENT, BY_EVENTS, BY_NAME } order_t;

typedef struct row_t {
    apr_uint64_t key; /* the greater comes first */
    int hub;          /* index in the settings, like that of the page */
    es_channel_stats_t stats;
} row_t;

typedef struct list_t {
    request_rec *r;
    const apr_array_header_t *hubs; /* es_hub_conf_t */
    const char *hub;                /* NULL = all */
    es_slice_t part;                /* of the name, in lower case */
    order_t order;
    row_t *after; /* NULL = from the first on */
    int limit;
    row_t *rows[LIMIT_MAX + 1]; /* limit of them at most, in order */
    int count;
    row_t *spare; /* the row that is filled next */
    apr_uint64_t known;
    apr_uint64_t matching;
    int has_more;
    int is_partial;
    apr_time_t until;
} list_t;

/* ---- The order of a page ------------------------------------------------ */

static es_slice_t name_of(const es_channel_stats_t *stats)
{
    return es_slice(stats->name, stats->name_len);
}

static int compare_names(es_slice_t a, es_slice_t b)
{
    apr_size_t len = a.len < b.len ? a.len : b.len;
    int rc = len != 0 ? memcmp(a.data, b.data, len) : 0;

    return rc != 0 ? rc : (a.len > b.len) - (a.len < b.len);
}

/* Less than 0: a comes before b. */
static int compare(const row_t *a, const row_t *b)
{
    int rc;

    if (a->key != b->key) {
        return a->key > b->key ? -1 : 1;
    }
    rc = compare_names(name_of(&a->stats), name_of(&b->stats));
    return rc != 0 ? rc : a->hub - b->hub;
}

static apr_uint64_t key_of(const list_t *list, const es_channel_stats_t *stats)
{
    switch (list->order) {
    case BY_CLIENTS: return stats->clients;
    case BY_EVENTS: return stats->events;
    case BY_RECENT: return stats->newest;
    default: return 0;
    }
}

/* ---- The query ---------------------------------------------------------- */

static int read_order(list_t *list, es_slice_t query, es_problem_t *why)
{
    static const char *const words[] = {"clients", "recent", "events", "name"};
    es_slice_t word;
    int i;

    if (!es_query_value(&word, query, "sort", list->r->pool)) {
        return 1;
    }
    for (i = 0; i < (int)(sizeof(words) / sizeof(words[0])); i++) {
        if (es_slice_is(word, words[i])) {
            list->order = (order_t)i;
            return 1;
        }
    }
    return es_problem_set(why, list->r->pool, HTTP_BAD_REQUEST,
                          "The query's 'sort' is not clients, recent, events "
                          "or name.");
}

static int read_limit(list_t *list, es_slice_t query, es_problem_t *why)
{
    es_slice_t text;
    apr_int64_t given;

    if (!es_query_value(&text, query, "limit", list->r->pool)) {
        return 1;
    }
    given = es_query_number(text, LIMIT_MAX);
    if (given < 1) {
        return es_problem_set(why, list->r->pool, HTTP_BAD_REQUEST,
                              "The query's 'limit' is not a number from 1 to "
                              "%d.",
                              LIMIT_MAX);
    }
    list->limit = (int)given;
    return 1;
}

/* "<key>.<hub>.<name in base64url>" */
static const char *place_of(const row_t *row, apr_pool_t *p)
{
    return apr_psprintf(p, "%" APR_UINT64_T_FMT ".%d.%s", row->key, row->hub,
                        es_base64_encode_url(name_of(&row->stats), p));
}

static int parse_place(row_t *row, const char *text, apr_pool_t *p)
{
    es_slice_t name;
    apr_int64_t hub;
    char *end;

    row->key = (apr_uint64_t)apr_strtoi64(text, &end, 10);
    if (end == text || *end != '.') {
        return 0;
    }
    text = end + 1;
    hub = apr_strtoi64(text, &end, 10);
    row->hub = (int)hub;
    if (end == text || *end != '.' || hub < 0 || hub > APR_INT16_MAX ||
        !es_base64_decode(&name, es_slice_of(end + 1), ES_BASE64_URL, p) ||
        name.len > ES_CHANNEL_NAME_MAX) {
        return 0;
    }
    memcpy(row->stats.name, name.data, name.len);
    row->stats.name_len = name.len;
    return 1;
}

static int read_after(list_t *list, es_slice_t query, es_problem_t *why)
{
    apr_pool_t *p = list->r->pool;
    es_slice_t text;

    if (!es_query_value(&text, query, "after", p) || text.len == 0) {
        return 1;
    }
    list->after = apr_pcalloc(p, sizeof(*list->after));
    return parse_place(list->after, apr_pstrmemdup(p, text.data, text.len),
                       p) ||
           es_problem_set(why, p, HTTP_BAD_REQUEST,
                          "The query's 'after' is not the 'next' of a page.");
}

/* Other bytes than those of ASCII letters stay, whatever the locale is. */
static char lower_of(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static es_slice_t lower(es_slice_t text, apr_pool_t *p)
{
    char *copy = apr_pstrmemdup(p, text.data ? text.data : "", text.len);
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        copy[i] = lower_of(copy[i]);
    }
    return es_slice(copy, text.len);
}

static int read_query(list_t *list, es_problem_t *why)
{
    apr_pool_t *p = list->r->pool;
    es_slice_t query = es_slice_of(list->r->args);
    es_slice_t text;

    if (es_query_value(&text, query, "hub", p) && text.len != 0) {
        list->hub = apr_pstrmemdup(p, text.data, text.len);
    }
    if (es_query_value(&text, query, "q", p)) {
        list->part = lower(text, p);
    }
    return read_order(list, query, why) && read_limit(list, query, why) &&
           read_after(list, query, why);
}

/* ---- The walk ----------------------------------------------------------- */

static int contains(es_slice_t name, es_slice_t part)
{
    apr_size_t at, i;

    for (at = 0; at + part.len <= name.len; at++) {
        for (i = 0; i < part.len; i++) {
            if (lower_of(name.data[at + i]) != part.data[i]) {
                break;
            }
        }
        if (i == part.len) {
            return 1;
        }
    }
    return 0;
}

/* The first row that the spare one comes before. */
static int place_among(const list_t *list)
{
    int low = 0, high = list->count;

    while (low < high) {
        int middle = (low + high) / 2;

        if (compare(list->spare, list->rows[middle]) < 0) {
            high = middle;
        }
        else {
            low = middle + 1;
        }
    }
    return low;
}

/* The last row of a full page gives its memory to the next one. */
static void insert(list_t *list)
{
    int at = place_among(list);

    if (at == list->limit) {
        list->has_more = 1;
        return;
    }
    memmove(&list->rows[at + 1], &list->rows[at],
            sizeof(list->rows[0]) * (size_t)(list->count - at));
    list->rows[at] = list->spare;
    if (list->count < list->limit) {
        list->count++;
        list->spare = apr_palloc(list->r->pool, sizeof(*list->spare));
        return;
    }
    list->has_more = 1;
    list->spare = list->rows[list->limit];
}

static void add(list_t *list, int hub, const es_channel_stats_t *stats)
{
    list->known++;
    if (!contains(name_of(stats), list->part)) {
        return;
    }
    list->matching++;
    list->spare->key = key_of(list, stats);
    list->spare->hub = hub;
    list->spare->stats = *stats;
    if (!list->after || compare(list->after, list->spare) < 0) {
        insert(list);
    }
}

/* @return 0: the store lock cannot be taken */
static int walk_hub(list_t *list, int hub, es_store_t *store)
{
    es_channel_stats_t found[SLICE_CHANNELS];
    apr_uint64_t now_ms = es_clock_ms();
    es_slot_t at = 0;
    int count, i;

    do {
        es_sigblock_t sigblock;

        es_sigblock_begin(&sigblock);
        count = es_channel_stats_next(store, &at, es_slice(NULL, 0), now_ms,
                                      found, SLICE_CHANNELS);
        es_sigblock_end(&sigblock);
        for (i = 0; i < count; i++) {
            add(list, hub, &found[i]);
        }
        if (at != 0 && es_clock_now() > list->until) {
            list->is_partial = 1;
            return 1;
        }
    } while (count >= 0 && at != 0);
    return count >= 0;
}

static int walk(list_t *list, es_problem_t *why)
{
    int i;

    for (i = 0; i < list->hubs->nelts; i++) {
        const es_hub_conf_t *conf =
            &APR_ARRAY_IDX(list->hubs, i, es_hub_conf_t);
        const es_runtime_hub_t *hub = es_runtime_hub_named(conf->name);

        if (conf->is_internal || !hub ||
            (list->hub && strcmp(list->hub, conf->name))) {
            continue;
        }
        if (!walk_hub(list, i, hub->store)) {
            es_problem_set(why, list->r->pool, HTTP_SERVICE_UNAVAILABLE,
                           "The channels cannot be read now.");
            why->retry_after = ES_RETRY_AFTER_S;
            return 0;
        }
    }
    return 1;
}

/* ---- JSON --------------------------------------------------------------- */

static void put_last(es_json_out_t *out, const es_runtime_hub_t *hub,
                     const es_channel_stats_t *stats, apr_uint64_t now_ms)
{
    char text[ES_ID_TEXT_SIZE];
    es_id_t id;

    if (!es_channel_stats_last(hub->store, stats, &id)) {
        es_json_out_null(out, "last");
        es_json_out_null(out, "age_ms");
        return;
    }
    es_id_format(text, &id);
    es_json_out_string(out, "last", text);
    es_json_out_count(out, "age_ms", now_ms > id.ms ? now_ms - id.ms : 0);
}

/* Events a second, of those that are retained. */
static double rate_of(const es_runtime_hub_t *hub,
                      const es_channel_stats_t *stats, apr_uint64_t now_ms)
{
    apr_uint64_t first_ms = now_ms;
    int count = es_channel_stats_since(hub->store, stats,
                                       now_ms > RATE_MS ? now_ms - RATE_MS : 0,
                                       RATE_EVENTS, &first_ms);
    apr_uint64_t ms = count < RATE_EVENTS ? RATE_MS
                      : now_ms > first_ms ? now_ms - first_ms
                                          : 1;

    return (double)count * 1000.0 / (double)ms;
}

static void put_members(es_json_out_t *out, const es_runtime_hub_t *hub,
                        const es_channel_stats_t *stats)
{
    apr_uint64_t now_ms = es_subscribe_admit_reach(hub).now_ms;
    apr_uint64_t clock_ms = es_clock_ms();

    es_json_out_string(out, "hub", hub->name);
    es_json_out_text(out, "channel", name_of(stats));
    es_json_out_count(out, "clients", stats->clients);
    es_json_out_count(out, "events", stats->events);
    es_json_out_decimal(out, "rate", rate_of(hub, stats, now_ms));
    put_last(out, hub, stats, now_ms);
    es_json_out_count(out, "closed_s",
                      stats->closed_until > clock_ms
                          ? (stats->closed_until - clock_ms + 999) / 1000
                          : 0);
}

static const char *json_of(const list_t *list)
{
    es_json_out_t out;
    int i;

    es_json_out_init(&out, list->r->pool, JSON_MAX);
    es_json_out_open(&out, NULL, '{');
    es_json_out_count(&out, "known", list->known);
    es_json_out_count(&out, "matching", list->matching);
    es_json_out_bool(&out, "partial", list->is_partial);
    es_json_out_open(&out, "channels", '[');
    for (i = 0; i < list->count; i++) {
        const char *name =
            APR_ARRAY_IDX(list->hubs, list->rows[i]->hub, es_hub_conf_t).name;
        const es_runtime_hub_t *hub = es_runtime_hub_named(name);

        if (hub) {
            es_json_out_open(&out, NULL, '{');
            put_members(&out, hub, &list->rows[i]->stats);
            es_json_out_close(&out, '}');
        }
    }
    es_json_out_close(&out, ']');
    es_json_out_string(
        &out, "next",
        list->has_more && list->count > 0
            ? place_of(list->rows[list->count - 1], list->r->pool)
            : NULL);
    es_json_out_close(&out, '}');
    return apr_pstrmemdup(list->r->pool, out.buf.data, out.buf.len);
}

int es_status_channels_list(request_rec *r, const char **json,
                            es_problem_t *why)
{
    list_t list = {0};

    list.r = r;
    list.hubs = es_settings_of(ap_server_conf)->hubs;
    list.limit = LIMIT_PRESET;
    list.spare = apr_palloc(r->pool, sizeof(*list.spare));
    list.until = es_clock_now() + WALK_MAX;
    if (!read_query(&list, why) || !walk(&list, why)) {
        return 0;
    }
    *json = json_of(&list);
    return 1;
}

/* ---- One channel -------------------------------------------------------- */

/* Reads the first names that are present.
 * @param is_partial  set to 1 if there may be more
 * @return how many; -1: presence is not counted, or the table is locked */
static int find_names(const es_runtime_hub_t *hub, const char *channel,
                      es_presence_named_t *found, int *is_partial)
{
    es_presence_t *table = es_presence_runtime_table();
    es_id_t epoch = es_store_epoch(hub->store);
    apr_uint32_t at = 0;
    int count = 0, got = 0, slices = 0;

    if (!table) {
        return -1;
    }
    do {
        es_sigblock_t sigblock;

        es_sigblock_begin(&sigblock);
        got = es_presence_next(table, &epoch, es_slice_of(channel), &at,
                               found + count, NAMES_MAX - count);
        es_sigblock_end(&sigblock);
        count += got > 0 ? got : 0;
    } while (got >= 0 && at != 0 && count < NAMES_MAX &&
             ++slices < NAME_SLICES_MAX);
    *is_partial = at != 0;
    return got < 0 ? -1 : count;
}

/* Those of this server. */
static void put_names(es_json_out_t *out, const es_runtime_hub_t *hub,
                      const char *channel)
{
    es_presence_named_t *found =
        apr_palloc(out->buf.pool, sizeof(*found) * NAMES_MAX);
    int is_partial = 0, i;
    int count = find_names(hub, channel, found, &is_partial);

    if (count < 0) {
        es_json_out_null(out, "names");
        return;
    }
    es_json_out_open(out, "names", '[');
    for (i = 0; i < count; i++) {
        es_json_out_open(out, NULL, '{');
        es_json_out_text(out, "name", es_slice(found[i].name, found[i].len));
        es_json_out_count(out, "clients", found[i].clients);
        es_json_out_close(out, '}');
    }
    es_json_out_close(out, ']');
    es_json_out_bool(out, "names_partial", is_partial);
}

int es_status_channels_named(request_rec *r, const char **channel,
                             const char **hub, es_problem_t *why)
{
    es_slice_t query = es_slice_of(r->args), name = {0}, text;
    const es_hub_conf_t *conf;

    (void)es_query_value(&name, query, "channel", r->pool);
    if (!es_channel_check(name, r->pool, why)) {
        return 0;
    }
    *channel = apr_pstrmemdup(r->pool, name.data, name.len);
    *hub = es_query_value(&text, query, "hub", r->pool) && text.len != 0
               ? apr_pstrmemdup(r->pool, text.data, text.len)
               : "default";
    conf = es_settings_hub(es_settings_of(ap_server_conf), *hub);
    return (conf && !conf->is_internal) ||
           es_problem_set(why, r->pool, HTTP_NOT_FOUND, "There is no hub '%s'.",
                          *hub);
}

int es_status_channels_one(request_rec *r, const char **json, es_problem_t *why)
{
    const es_runtime_hub_t *hub;
    const char *channel, *name;
    es_channel_stats_t stats;
    es_json_out_t out;
    es_sigblock_t sigblock;
    int known = -1;

    if (!es_status_channels_named(r, &channel, &name, why)) {
        return 0;
    }
    hub = es_runtime_hub_named(name);
    if (hub) {
        es_sigblock_begin(&sigblock);
        known = es_channel_stats_find(hub->store, es_slice_of(channel),
                                      es_clock_ms(), &stats);
        es_sigblock_end(&sigblock);
    }
    if (known < 0) {
        es_problem_set(why, r->pool, HTTP_SERVICE_UNAVAILABLE,
                       "The channel cannot be read now.");
        why->retry_after = ES_RETRY_AFTER_S;
        return 0;
    }
    stats.name_len = strlen(channel);
    memcpy(stats.name, channel, stats.name_len);
    es_json_out_init(&out, r->pool, JSON_MAX);
    es_json_out_open(&out, NULL, '{');
    put_members(&out, hub, &stats);
    put_names(&out, hub, channel);
    es_json_out_close(&out, '}');
    *json = apr_pstrmemdup(r->pool, out.buf.data, out.buf.len);
    return 1;
}
