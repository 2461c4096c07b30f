/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The publishers are found each time httpd reads its configuration, because
 * modules register again then. They are called in the order of their names.
 * Their structs may be those of an older or a newer header than ours:
 * base/abi.h reads them, and the structs that they get are passed by pointers.
 */
#include "http/publish.h"

#include <stddef.h>

#include <ap_provider.h>
#include <apr_strings.h>
#include <http_main.h>

#include "base/abi.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/log.h"
#include "mod_eventstream.h"

/* the end of the struct's first version */
#define FIRST (offsetof(eventstream_publisher_t, publish) + sizeof(void *))

typedef struct listed_t {
    const char *name;
    eventstream_publisher_t publisher;
    apr_time_t logged; /* atomic; of es_log_limit_level */
} listed_t;

/* of the present configuration, in its pool */
static apr_array_header_t *publishers;
/* prevents recursion: a publisher that publishes would be called again */
static __thread int calling;

static apr_status_t forget_publishers(void *unused)
{
    (void)unused;
    publishers = NULL;
    return APR_SUCCESS;
}

/* A newer struct may have more fields; they may be ignored. */
static void add(const char *name, server_rec *s)
{
    const void *theirs = ap_lookup_provider(EVENTSTREAM_PUBLISHER_GROUP, name,
                                            EVENTSTREAM_PUBLISHER_VERSION);
    listed_t *listed;
    eventstream_publisher_t ours;

    if (es_abi_read(&ours, sizeof(ours), theirs, FIRST) == ES_ABI_BAD ||
        !ours.publish) {
        es_slog(
            APLOG_ERR, 0, s, "ES0522",
            "the publisher %s has no size or no function and is not called; "
            "update its module",
            name);
        return;
    }
    listed = apr_array_push(publishers);
    listed->name = name;
    listed->publisher = ours;
    listed->logged = 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ap_list_provider_names_t *)a)->provider_name,
                  ((const ap_list_provider_names_t *)b)->provider_name);
}

void es_publishers_find(apr_pool_t *pconf, server_rec *s)
{
    apr_array_header_t *names = ap_list_provider_names(
        pconf, EVENTSTREAM_PUBLISHER_GROUP, EVENTSTREAM_PUBLISHER_VERSION);
    int i;

    publishers = apr_array_make(pconf, names->nelts, sizeof(listed_t));
    apr_pool_cleanup_register(pconf, NULL, forget_publishers,
                              apr_pool_cleanup_null);
    qsort(names->elts, (size_t)names->nelts, (size_t)names->elt_size, by_name);
    for (i = 0; i < names->nelts; i++) {
        add(APR_ARRAY_IDX(names, i, ap_list_provider_names_t).provider_name, s);
    }
}

/* ---- The batch that publishers get -------------------------------------- */

static const char *string_of(es_slice_t slice, apr_pool_t *p)
{
    return slice.len != 0 ? apr_pstrmemdup(p, slice.data, slice.len) : NULL;
}

static const eventstream_event_t *event_of(const es_event_t *event,
                                           apr_pool_t *p)
{
    eventstream_event_t *theirs = apr_pcalloc(p, sizeof(*theirs));
    const char **names =
        apr_palloc(p, sizeof(*names) * (apr_size_t)event->nchannels);
    int i;

    for (i = 0; i < event->nchannels; i++) {
        names[i] = string_of(event->channels[i], p);
    }
    theirs->size = sizeof(*theirs);
    theirs->channels = names;
    theirs->nchannels = event->nchannels;
    theirs->type = string_of(event->type, p);
    theirs->id = string_of(event->id, p);
    theirs->data = event->data.data;
    theirs->data_len = event->data.len;
    theirs->retry_ms = event->retry_ms > 0 ? event->retry_ms : 0;
    return theirs;
}

static void batch_of(eventstream_batch_t *theirs, const char *hub,
                     const es_batch_t *batch, const es_id_t *last_id,
                     apr_pool_t *p)
{
    const eventstream_event_t **events =
        apr_palloc(p, sizeof(*events) * (apr_size_t)batch->count);
    char id[ES_ID_TEXT_SIZE];
    int i;

    for (i = 0; i < batch->count; i++) {
        events[i] = event_of(&batch->events[i], p);
    }
    es_id_format(id, last_id);
    theirs->size = sizeof(*theirs);
    theirs->hub = hub;
    theirs->events = events;
    theirs->count = batch->count;
    theirs->last_id = apr_pstrdup(p, id);
}

/* ---- Calling ----------------------------------------------------------- */

static int call(listed_t *listed, const eventstream_batch_t *batch,
                apr_pool_t *p, es_problem_t *why)
{
    const char *reason = NULL;
    int status, level;

    calling = 1;
    status = listed->publisher.publish(batch, &reason, p);
    calling = 0;
    if (status == OK) {
        return 1;
    }
    es_problem_set(why, p, HTTP_BAD_GATEWAY,
                   "Stored as %s, but the publisher '%s' did not take it: %s",
                   batch->last_id, listed->name,
                   reason ? reason : "it gave no reason.");
    level = es_log_limit_level(&listed->logged, APLOG_WARNING, es_clock_now());
    es_slog(level, 0, ap_server_conf, "ES0521",
            "the publisher %s did not take %d events up to %s (status %d): %s",
            listed->name, batch->count, batch->last_id, status,
            reason ? reason : "it gave no reason");
    return 0;
}

int es_publishers_exist(void)
{
    return publishers && publishers->nelts != 0;
}

int es_publishers_call(const char *hub, const es_batch_t *batch,
                       const es_id_t *last_id, apr_pool_t *p, es_problem_t *why)
{
    eventstream_batch_t theirs;
    int i, all = 1;

    if (!es_publishers_exist()) {
        return 1;
    }
    batch_of(&theirs, hub, batch, last_id, p);
    for (i = 0; i < publishers->nelts; i++) {
        all &= call(&APR_ARRAY_IDX(publishers, i, listed_t), &theirs, p, why);
    }
    return all;
}

int es_publishers_is_calling(void)
{
    return calling;
}
