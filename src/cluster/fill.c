/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream is read from its end, a page at a time:
 *
 *     ... ── marker ── e1 ── e2 ── marker ── e3 ── e4        <- read
 *              ▲   span of an epoch   ▲        span
 *              └ its first id         └ its p is the last id of the span
 *                                       before
 *
 * Each entry names the one before it, which is expected next. An entry between
 * the two was written by another program, and is skipped. Reading ends when the
 * journal is full enough, at the beginning of the stream, and where something
 * is missing. Something may be missing at a marker that is not continued; if
 * GRIP proxies were not sent all that is before it, reading goes on up to
 * there, and the ids of these spans are not valid.
 */
#include "cluster/fill.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include "base/clock.h"
#include "base/log.h"
#include "cluster/follow.h"
#include "cluster/lost.h"
#include "cluster/revoke.h"

/** Bytes of a history at most, whatever the size of the journal. */
#define BYTES_MAX ((apr_uint64_t)128 * 1024 * 1024)
/** About so many bytes in a page. */
#define PAGE_BYTES (2 * 1024 * 1024)
#define PAGE_MIN 16
/** For a page. */
#define ANSWER (5 * APR_USEC_PER_SEC)

/** A page that was read; its entries are used until the end. */
typedef struct page_t {
    struct page_t *next;
    es_cluster_reply_t *reply;
} page_t;

typedef struct history_t {
    const es_cluster_fill_params_t *params;
    apr_pool_t *pool;
    page_t *pages;
    apr_array_header_t *entries;   /* es_stream_entry_t, newest first */
    apr_array_header_t *revoking;  /* es_cluster_entry_t, newest first: those
                                    * that the journal had not */
    es_span_t spans[ES_SPANS_MAX]; /* newest first */
    int nspans;
    int nvalid;       /* spans whose ids are valid; 0 = all, so far */
    es_id_t before;   /* of the marker where it ended; {0, 0} = none */
    es_id_t expected; /* of the next entry */
    apr_uint64_t bytes, max_bytes;
    int is_over; /* no entry before those that were read is used */
} history_t;

/* ---- one entry ---------------------------------------------------------- */

/* What is before the entry is not used. */
static void end_at(history_t *history, const es_cluster_entry_t *entry)
{
    history->spans[history->nspans - 1].first = entry->id;
    history->is_over = 1;
}

static void begin_span(history_t *history, const es_id_t *last)
{
    es_span_t *span = &history->spans[history->nspans++];

    span->first = span->last = history->expected = *last;
}

/* Is what was before this id not needed, as its ids are not valid and GRIP
 * proxies have all of it? */
static int is_enough(const history_t *history, const es_id_t *id)
{
    return history->nvalid != 0 &&
           es_id_compare(id, &history->params->sent) <= 0;
}

static void take_marker(history_t *history, const es_cluster_entry_t *entry)
{
    history->spans[history->nspans - 1].first = entry->id;
    if (!entry->is_continued && history->nvalid == 0) {
        history->nvalid = history->nspans;
    }
    history->before = entry->before;
    if ((history->nvalid != 0 && history->params->sent.ms == 0) ||
        history->nspans == ES_SPANS_MAX || entry->before.ms == 0 ||
        es_id_is_same_epoch(&entry->before, &entry->id)) {
        history->is_over = 1;
        return;
    }
    begin_span(history, &entry->before);
    history->is_over = is_enough(history, &entry->before);
}

static void take_event(history_t *history, const es_cluster_entry_t *entry)
{
    es_stream_entry_t made;
    apr_uint64_t size;

    es_cluster_follow_make(&made, entry, history->params->clock_offset_ms,
                           history->pool);
    size = es_store_entry_size(&made);
    if (!es_id_is_same_epoch(&entry->before, &entry->id) ||
        history->bytes + size > history->max_bytes) {
        end_at(history, entry);
        return;
    }
    if (entry->revokes &&
        es_id_compare(&entry->id, &history->params->after) > 0) {
        APR_ARRAY_PUSH(history->revoking, es_cluster_entry_t) = *entry;
    }
    history->bytes += size;
    APR_ARRAY_PUSH(history->entries, es_stream_entry_t) = made;
    history->expected = entry->before;
    history->spans[history->nspans - 1].first = entry->before;
    history->is_over = is_enough(history, &entry->before);
}

/* Is this the entry that is expected? */
static int is_next(history_t *history, const es_cluster_entry_t *entry)
{
    int order;

    if (entry->kind == ES_CLUSTER_ENTRY_FOREIGN) {
        return 0;
    }
    if (history->nspans == 0) {
        /* the newest one; if the last id is of a later entry, that is gone */
        int is_gone = es_id_compare(&entry->id, &history->params->last) < 0;

        begin_span(history, is_gone ? &history->params->last : &entry->id);
    }
    order = es_id_compare(&entry->id, &history->expected);
    history->is_over = order < 0;
    return order == 0;
}

static void take(history_t *history, const es_cluster_entry_t *entry)
{
    if (!is_next(history, entry)) {
        return;
    }
    switch (entry->kind) {
    case ES_CLUSTER_ENTRY_BAD:
        es_cluster_follow_log(history->params->hub, entry);
        end_at(history, entry);
        break;
    case ES_CLUSTER_ENTRY_EPOCH: take_marker(history, entry); break;
    default: take_event(history, entry);
    }
}

/* ---- pages -------------------------------------------------------------- */

/* How many entries to ask for. */
static int page_size(const history_t *history)
{
    apr_uint64_t count = (apr_uint64_t)history->entries->nelts;
    apr_uint64_t size = count != 0 ? PAGE_BYTES * count / history->bytes : 64;
    int most = history->params->page_max;

    if (size < PAGE_MIN) {
        size = PAGE_MIN;
    }
    return size < (apr_uint64_t)most ? (int)size : most;
}

/* @param end  the newest entry is before this; "+" = none is
 * @param id   of the oldest entry of the page */
static apr_status_t read_page(history_t *history, es_cluster_link_t *link,
                              const char *end, es_id_t *id)
{
    const es_cluster_fill_params_t *params = history->params;
    es_slice_t argv[6] = {es_slice_of("XREVRANGE"), params->script->events,
                          es_slice_of(end), es_slice_of("-"),
                          es_slice_of("COUNT")};
    page_t *page = apr_pcalloc(history->pool, sizeof(*page));
    int count = page_size(history);
    es_cluster_entry_t entry;
    apr_status_t rv;
    int i;

    argv[5] = es_slice_of(apr_psprintf(history->pool, "%d", count));
    rv = es_cluster_script_ask(link, 6, argv, es_clock_now() + ANSWER,
                               params->keep, params->arg, &page->reply);
    if (rv != APR_SUCCESS) {
        return rv == APR_EINTR ? rv : APR_ECONNRESET;
    }
    page->next = history->pages;
    history->pages = page;
    if (!es_cluster_reply_is_array(page->reply)) {
        return APR_ECONNRESET;
    }
    for (i = 0; i < es_cluster_reply_count(page->reply) && !history->is_over;
         i++) {
        es_cluster_entry_read(&entry, es_cluster_reply_at(page->reply, i),
                              history->pool);
        *id = entry.id;
        take(history, &entry);
    }
    history->is_over |= es_cluster_reply_count(page->reply) < count;
    return APR_SUCCESS;
}

static apr_status_t read_pages(history_t *history, es_cluster_link_t *link)
{
    char end[ES_ID_TEXT_SIZE + 1] = "+";
    apr_status_t rv = APR_SUCCESS;
    es_id_t id = {0, 0};

    while (rv == APR_SUCCESS && !history->is_over) {
        rv = read_page(history, link, end, &id);
        end[0] = '('; /* before, not including it */
        es_id_format(end + 1, &id);
    }
    if (rv == APR_SUCCESS && history->nspans == 0) {
        begin_span(history, &history->params->last); /* there was no entry */
    }
    return rv;
}

/* ---- revocations -------------------------------------------------------- */

/* Those of the history in order, then all that holds: the stream may have
 * dropped some. They are done again if the fill fails. */
static apr_status_t use_revoked(const history_t *history,
                                es_cluster_link_t *link)
{
    const es_cluster_fill_params_t *params = history->params;
    int i;

    for (i = history->revoking->nelts - 1; i >= 0; i--) {
        const es_cluster_entry_t *entry =
            &APR_ARRAY_IDX(history->revoking, i, es_cluster_entry_t);

        es_cluster_revoke_here(params->hub, &entry->revoked,
                               es_cluster_revoke_until(entry),
                               params->clock_offset_ms);
    }
    return es_cluster_revoke_held(params->hub, params->script, link,
                                  params->clock_offset_ms, params->keep,
                                  params->arg);
}

/* ---- all of it ---------------------------------------------------------- */

static void reverse(void *array, int count, apr_size_t size, void *spare)
{
    char *low = array;
    char *high = low + size * (apr_size_t)(count - 1);

    for (; count > 1 && low < high; low += size, high -= size) {
        memcpy(spare, low, size);
        memcpy(low, high, size);
        memcpy(high, spare, size);
    }
}

/* Without its oldest entry: there was no room for all. */
static void shorten(history_t *history, int keep)
{
    es_stream_entry_t *entries = (void *)history->entries->elts;
    int dropped = history->entries->nelts - keep;
    es_id_t first = entries[dropped - 1].id;
    int i = 0;

    while (!es_id_is_same_epoch(&history->spans[i].last, &first)) {
        i++;
    }
    history->spans[i].first = first;
    history->nspans -= i;
    memmove(history->spans, history->spans + i,
            (apr_size_t)history->nspans * sizeof(es_span_t));
    memmove(entries, entries + dropped,
            (apr_size_t)keep * sizeof(es_stream_entry_t));
    history->entries->nelts = keep;
}

/* The number of the first valid span; they are in order here. */
static int first_valid_of(const history_t *history)
{
    return history->nvalid != 0 && history->nvalid < history->nspans
               ? history->nspans - history->nvalid
               : 0;
}

static apr_status_t store(history_t *history)
{
    const es_cluster_fill_params_t *params = history->params;
    apr_status_t rv;

    do {
        es_history_t part = {(void *)history->entries->elts,
                             history->entries->nelts, history->spans,
                             history->nspans, first_valid_of(history)};

        rv = es_store_fill(params->hub->store, &params->after, &part,
                           params->touched);
        if (rv == APR_ENOSPC && history->entries->nelts > 0) {
            shorten(history, history->entries->nelts / 2);
            rv = APR_EAGAIN;
        }
    } while (rv == APR_EAGAIN);
    return rv;
}

static void free_pages(history_t *history)
{
    for (; history->pages; history->pages = history->pages->next) {
        es_cluster_reply_free(history->pages->reply);
    }
}

static void log_fill(const history_t *history)
{
    const es_cluster_hub_t *hub = history->params->hub;
    static apr_time_t last_logged; /* atomic */
    int is_first = history->params->after.ms == 0;

    es_log(is_first ? ES_LOG_INFO
                    : es_log_limit_level(&last_logged, ES_LOG_NOTICE,
                                         es_clock_now()),
           APR_SUCCESS, "ES0841",
           "hub %s: the journal was filled with the last %d entries of the "
           "broker's stream%s",
           hub->name, history->entries->nelts,
           is_first ? ""
                    : "; entries before may be missing, and clients were told");
}

/* The broker has to know what it has lost before the journal forgets it. */
static apr_status_t tell_lost(const history_t *history, es_cluster_link_t *link)
{
    const es_cluster_fill_params_t *params = history->params;

    return params->after.ms != 0
               ? es_cluster_lost_tell(params, link, &history->before,
                                      history->spans, history->nspans)
               : APR_SUCCESS;
}

/* A journal that had a history gets one of another epoch. */
static void tell_replaced(const history_t *history)
{
    const es_cluster_fill_params_t *params = history->params;
    const es_id_t *last = &history->spans[history->nspans - 1].last;

    if (params->after.ms != 0 && !es_id_is_same_epoch(&params->after, last)) {
        es_cluster_state_set_replaced(params->hub->state, last->ms);
    }
}

apr_status_t es_cluster_fill(const es_cluster_fill_params_t *params,
                             es_cluster_link_t *link, es_id_t *last)
{
    history_t history = {0};
    es_stream_entry_t spare_entry;
    es_span_t spare_span;
    apr_status_t rv;

    history.params = params;
    history.max_bytes = es_store_fill_max(params->hub->store);
    if (history.max_bytes > BYTES_MAX) {
        history.max_bytes = BYTES_MAX;
    }
    apr_pool_create(&history.pool, NULL);
    history.entries =
        apr_array_make(history.pool, 1024, sizeof(es_stream_entry_t));
    history.revoking =
        apr_array_make(history.pool, 8, sizeof(es_cluster_entry_t));
    rv = read_pages(&history, link);
    if (rv == APR_SUCCESS && params->hub->revoke != NULL) {
        rv = use_revoked(&history, link);
    }
    if (rv == APR_SUCCESS) {
        reverse(history.entries->elts, history.entries->nelts,
                sizeof(spare_entry), &spare_entry);
        reverse(history.spans, history.nspans, sizeof(spare_span), &spare_span);
        rv = tell_lost(&history, link);
    }
    if (rv == APR_SUCCESS) {
        tell_replaced(&history);
        rv = store(&history);
    }
    if (rv == APR_SUCCESS) {
        *last = history.spans[history.nspans - 1].last;
        log_fill(&history);
    }
    free_pages(&history);
    apr_pool_destroy(history.pool);
    return rv;
}
