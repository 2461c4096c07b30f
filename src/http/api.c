/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callers are trusted, but they may have bugs. So what they pass is checked
 * like a body from the network and refused with a sentence. If a result cannot
 * be written to, the call returns before it has done anything.
 */
#include "http/hooks.h"

#include <stddef.h>

#include <apr_strings.h>
#include <http_main.h>

#include "base/abi.h"
#include "base/event.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "base/sigblock.h"
#include "server/log.h"
#include "server/runtime.h"
#include "server/settings.h"
#include "http/cors.h"
#include "http/publish.h"
#include "http/subscribe.h"
#include "mod_eventstream.h"

/* The ends of the structs' first versions. */
#define END_OF(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))
#define EVENT_FIRST END_OF(eventstream_event_t, retry_ms)
#define RESULT_FIRST END_OF(eventstream_result_t, clients)

/* One call. */
typedef struct call_t {
    server_rec *s;
    const es_dir_t *conf; /* the settings of its server */
    const es_runtime_hub_t *hub;
    apr_pool_t *p;
    es_problem_t why;
} call_t;

/* ---- Results ----------------------------------------------------------- */

/* Also called without a pool. */
static int answer(eventstream_result_t *theirs, int status,
                  const char *sentence, eventstream_result_t *ours)
{
    ours->status = status;
    ours->sentence = sentence;
    (void)es_abi_write(theirs, ours, sizeof(*ours), RESULT_FIRST);
    return status;
}

static int refuse(const call_t *call, eventstream_result_t *theirs)
{
    eventstream_result_t ours = EVENTSTREAM_RESULT_INIT;

    ours.retry_after = call->why.retry_after;
    return answer(theirs, call->why.status, call->why.sentence, &ours);
}

/* ---- The call ---------------------------------------------------------- */

static int is_writable(const eventstream_result_t *theirs)
{
    eventstream_result_t ours;

    return !theirs ||
           es_abi_read(&ours, sizeof(ours), theirs, RESULT_FIRST) != ES_ABI_BAD;
}

static int find_hub(call_t *call, const char *name)
{
    if (!es_runtime_is_serving()) {
        es_problem_set(&call->why, call->p, HTTP_SERVICE_UNAVAILABLE,
                       "No events are served here.");
        return 0;
    }
    call->s = call->s ? call->s : ap_server_conf;
    call->conf =
        ap_get_module_config(call->s->lookup_defaults, &eventstream_module);
    name = name ? name : es_settings_hub_name(call->conf);
    if (!es_settings_hub(es_settings_of(ap_server_conf), name)) {
        return es_problem_set(&call->why, call->p, HTTP_NOT_FOUND,
                              "There is no hub '%s'.", name);
    }
    call->hub = es_runtime_hub_named(name);
    es_context_enter(ES_WORKER); /* a thread of the module's own, too */
    return 1;
}

/** @return 1, or 0 with the status that the caller returns */
static int init_call(call_t *call, server_rec *s, const char *hub,
                     eventstream_result_t *result, apr_pool_t *p, int *status)
{
    eventstream_result_t ours = EVENTSTREAM_RESULT_INIT;

    memset(call, 0, sizeof(*call));
    call->s = s;
    call->p = p;
    if (!is_writable(result)) {
        *status = HTTP_BAD_REQUEST;
        return 0;
    }
    if (!p) {
        *status = answer(result, HTTP_BAD_REQUEST, "There is no pool.", &ours);
        return 0;
    }
    if (!find_hub(call, hub)) {
        *status = refuse(call, result);
        return 0;
    }
    return 1;
}

/* ---- Events ------------------------------------------------------------ */

static int read_struct(call_t *call, eventstream_event_t *ours,
                       const eventstream_event_t *theirs)
{
    switch (es_abi_read(ours, sizeof(*ours), theirs, EVENT_FIRST)) {
    case ES_ABI_OK: return 1;
    case ES_ABI_NEWER:
        return es_problem_set(&call->why, call->p, HTTP_NOT_IMPLEMENTED,
                              "The event has a field that this version of "
                              "mod_eventstream does not know.");
    default:
        return es_problem_set(&call->why, call->p, HTTP_BAD_REQUEST,
                              "The event is NULL, or its size was not set.");
    }
}

static int read_channels(call_t *call, es_event_t *event,
                         const eventstream_event_t *ours)
{
    es_channel_set_t *set = es_event_channel_set(call->p);
    int i;

    if (!ours->channels || ours->nchannels < 1) {
        return es_problem_set(&call->why, call->p, HTTP_BAD_REQUEST,
                              "No channel.");
    }
    for (i = 0; i < ours->nchannels; i++) {
        if (!es_event_add_channel(set, es_slice_of(ours->channels[i]), call->p,
                                  &call->why)) {
            return 0;
        }
    }
    es_event_set_channels(event, set);
    return 1;
}

static int read_data(call_t *call, es_event_t *event,
                     const eventstream_event_t *ours)
{
    if (ours->data_len == EVENTSTREAM_STRLEN) {
        event->data = es_slice_of(ours->data);
        return 1;
    }
    if (!ours->data && ours->data_len != 0) {
        return es_problem_set(&call->why, call->p, HTTP_BAD_REQUEST,
                              "The field 'data' is NULL, but has a length.");
    }
    event->data = es_slice(ours->data, ours->data_len);
    return 1;
}

static int read_retry(call_t *call, es_event_t *event,
                      const eventstream_event_t *ours)
{
    if (ours->retry_ms < 0) {
        return es_problem_set(&call->why, call->p, HTTP_BAD_REQUEST,
                              "The field 'retry_ms' is negative.");
    }
    event->retry_ms = ours->retry_ms == 0 ? -1 : ours->retry_ms;
    return 1;
}

static int read_event(call_t *call, es_event_t *event,
                      const eventstream_event_t *theirs)
{
    eventstream_event_t ours;

    if (!read_struct(call, &ours, theirs) ||
        !read_channels(call, event, &ours) || !read_data(call, event, &ours) ||
        !read_retry(call, event, &ours)) {
        return 0;
    }
    event->type = es_slice_of(ours.type);
    event->id = es_slice_of(ours.id);
    return es_publish_store_check_event(event, call->conf->max_event_bytes,
                                        call->p, &call->why);
}

static int read_batch(call_t *call, es_batch_t *batch,
                      const eventstream_event_t *const *events, int count)
{
    int i;

    if (!events || count < 1) {
        return es_problem_set(&call->why, call->p, HTTP_BAD_REQUEST,
                              "No events.");
    }
    batch->events = apr_pcalloc(call->p, sizeof(*batch->events) * count);
    batch->count = count;
    batch->unnamed = -1;
    for (i = 0; i < count; i++) {
        if (!read_event(call, &batch->events[i], events[i])) {
            return es_event_refuse(batch, i, call->p, &call->why);
        }
    }
    return 1;
}

static int published(const call_t *call, const es_batch_t *batch,
                     const es_appended_t *done, eventstream_result_t *result)
{
    eventstream_result_t ours = EVENTSTREAM_RESULT_INIT;
    char id[ES_ID_TEXT_SIZE];

    es_id_format(id, &done->last_id);
    es_slog(APLOG_DEBUG, 0, call->s, "ES0520",
            "a module published %d events up to %s for %" APR_UINT64_T_FMT
            " clients",
            batch->count, id, done->clients);
    ours.id = apr_pstrdup(call->p, id);
    ours.clients = done->clients;
    if (call->why.status != 0) { /* 502: it is stored */
        ours.retry_after = call->why.retry_after;
        return answer(result, call->why.status, call->why.sentence, &ours);
    }
    return answer(result, HTTP_OK, "", &ours);
}

static int publish(server_rec *s, const char *hub, es_batch_t *batch,
                   const eventstream_event_t *const *events, int count,
                   eventstream_result_t *result, apr_pool_t *p)
{
    es_appended_t done;
    call_t call;
    int status;

    if (!init_call(&call, s, hub, result, p, &status)) {
        return status;
    }
    if (!read_batch(&call, batch, events, count) ||
        (!es_publish_store(call.hub, batch, p, &done, &call.why) &&
         done.head == 0)) {
        return refuse(&call, result);
    }
    return published(&call, batch, &done, result);
}

/* ---- The functions ----------------------------------------------------- */

static int eventstream_publish(server_rec *s, const char *hub,
                               const eventstream_event_t *event,
                               eventstream_result_t *result, apr_pool_t *p)
{
    es_batch_t batch = {0};

    return publish(s, hub, &batch, &event, 1, result, p);
}

static int eventstream_publish_batch(server_rec *s, const char *hub,
                                     const eventstream_event_t *const *events,
                                     int count, eventstream_result_t *result,
                                     apr_pool_t *p)
{
    es_batch_t batch = {0};

    batch.is_list = 1;
    return publish(s, hub, &batch, events, count, result, p);
}

static int eventstream_count_clients(server_rec *s, const char *hub,
                                     const char *channel,
                                     eventstream_result_t *result,
                                     apr_pool_t *p)
{
    eventstream_result_t ours = EVENTSTREAM_RESULT_INIT;
    es_slice_t name = es_slice_of(channel);
    es_sigblock_t sigblock;
    apr_status_t rv;
    call_t call;
    int status;

    if (!result) {
        return HTTP_BAD_REQUEST;
    }
    if (!init_call(&call, s, hub, result, p, &status)) {
        return status;
    }
    if (!es_channel_check(name, p, &call.why)) {
        return refuse(&call, result);
    }
    if (!call.hub) {
        es_problem_set(&call.why, p, HTTP_SERVICE_UNAVAILABLE,
                       "The hub '%s' cannot be used; the error log says why.",
                       hub ? hub : es_settings_hub_name(call.conf));
        return refuse(&call, result);
    }
    es_sigblock_begin(&sigblock); /* the store has a lock */
    rv = es_store_clients(call.hub->store, name, &ours.clients);
    es_sigblock_end(&sigblock);
    if (rv != APR_SUCCESS) {
        es_problem_set(&call.why, p, HTTP_SERVICE_UNAVAILABLE,
                       "The clients cannot be counted now.");
        return refuse(&call, result);
    }
    if (call.hub->cluster) { /* if its broker is down, those of this server */
        (void)es_publish_cluster_clients(call.hub, &name, 1, &ours.clients);
    }
    return answer(result, HTTP_OK, "", &ours);
}

static int eventstream_run(request_rec *r, const char *const *channels,
                           int count)
{
    static apr_time_t last_logged; /* atomic */

    if (!r || r->main) {
        int level = es_log_limit_level(&last_logged, APLOG_ERR, es_clock_now());

        es_slog(level, 0, r ? r->server : ap_server_conf, "ES0523",
                "another module called eventstream_run in a subrequest, which "
                "has no connection of its own; the answer is 500");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    es_cors_add_headers(r, es_settings_dir(r)); /* our hooks did not */
    return es_subscribe_run(r, channels, count);
}

void es_api_register(void)
{
    APR_REGISTER_OPTIONAL_FN(eventstream_publish);
    APR_REGISTER_OPTIONAL_FN(eventstream_publish_batch);
    APR_REGISTER_OPTIONAL_FN(eventstream_count_clients);
    APR_REGISTER_OPTIONAL_FN(eventstream_run);
}
