/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An example of a module that uses mod_eventstream: a restaurant. It publishes,
 * counts clients, serves streams of channels that it chooses, and keeps a copy
 * of all published events. Copy what you need.
 *
 *     LoadModule es_example_module modules/mod_es_example.so
 *     EsExampleJournal /var/log/restaurant
 *
 *     <Location "/order">
 *         SetHandler es-example-order
 *     </Location>
 *
 *     apxs -c mod_es_example.c
 *
 * Either of the two modules may be loaded first. This one also starts without
 * mod_eventstream.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <util_script.h>
#include <ap_provider.h>
#include <apr_strings.h>

#include "mod_eventstream.h"

module AP_MODULE_DECLARE_DATA es_example_module;

APLOG_USE_MODULE(es_example);

/* ---- Finding the functions --------------------------------------------- */

static APR_OPTIONAL_FN_TYPE(eventstream_publish) *publish;
static APR_OPTIONAL_FN_TYPE(eventstream_publish_batch) *publish_batch;
static APR_OPTIONAL_FN_TYPE(eventstream_count_clients) *count_clients;
static APR_OPTIONAL_FN_TYPE(eventstream_run) *run;

/*
 * httpd runs this hook when all modules have registered their functions, and
 * again at each restart. Retrieve them nowhere else: otherwise the pointers may
 * be those of a module that httpd has unloaded.
 */
static void on_optional_fn_retrieve(void)
{
    publish = APR_RETRIEVE_OPTIONAL_FN(eventstream_publish);
    publish_batch = APR_RETRIEVE_OPTIONAL_FN(eventstream_publish_batch);
    count_clients = APR_RETRIEVE_OPTIONAL_FN(eventstream_count_clients);
    run = APR_RETRIEVE_OPTIONAL_FN(eventstream_run);
}

/* ---- What the handlers share ------------------------------------------- */

static int is_handler(const request_rec *r, const char *name)
{
    return r->handler && !strcmp(r->handler, name);
}

/* A parameter of the query, decoded, or "". */
static const char *parameter(request_rec *r, const char *name)
{
    apr_table_t *query;
    const char *value;

    ap_args_to_table(r, &query);
    value = apr_table_get(query, name);
    return value ? value : "";
}

/* Answers the request with the result of a call. */
static int reply(request_rec *r, const eventstream_result_t *result)
{
    r->status = result->status;
    ap_set_content_type(r, "text/plain; charset=utf-8");
    if (result->retry_after != 0) {
        apr_table_setn(r->headers_out, "Retry-After",
                       apr_itoa(r->pool, result->retry_after));
    }
    if (result->status != HTTP_OK) {
        ap_rprintf(r, "%s\n", result->sentence);
        return OK;
    }
    ap_rprintf(r, "id %s, clients %" APR_UINT64_T_FMT "\n",
               result->id ? result->id : "none", result->clients);
    return OK;
}

/* ---- One event --------------------------------------------------------- */

/* /order?table=4&dish=soup publishes to the kitchen and to the table. */
static int on_order(request_rec *r)
{
    eventstream_event_t event = EVENTSTREAM_EVENT_INIT;
    eventstream_result_t result = EVENTSTREAM_RESULT_INIT;
    const char *channels[2];

    if (!is_handler(r, "es-example-order")) {
        return DECLINED;
    }
    if (!publish) {
        return HTTP_SERVICE_UNAVAILABLE; /* mod_eventstream is not loaded */
    }
    channels[0] = "kitchen";
    channels[1] = apr_pstrcat(r->pool, "table-", parameter(r, "table"), NULL);
    event.channels = channels;
    event.nchannels = 2;
    event.type = "order";
    event.data = parameter(r, "dish");
    event.data_len = EVENTSTREAM_STRLEN;
    publish(r->server, NULL, &event, &result, r->pool);
    return reply(r, &result);
}

/* ---- Several events, all or none ---------------------------------------- */

/* /close publishes one event to the kitchen and one to the waiters. */
static int on_close(request_rec *r)
{
    static const char *const kitchen = "kitchen";
    static const char *const waiters = "waiters";
    eventstream_event_t stove = EVENTSTREAM_EVENT_INIT;
    eventstream_event_t bill = EVENTSTREAM_EVENT_INIT;
    const eventstream_event_t *events[] = {&stove, &bill};
    eventstream_result_t result = EVENTSTREAM_RESULT_INIT;

    if (!is_handler(r, "es-example-close")) {
        return DECLINED;
    }
    if (!publish_batch) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    stove.channels = &kitchen;
    stove.nchannels = 1;
    stove.data = "put out the fire";
    stove.data_len = EVENTSTREAM_STRLEN;
    bill.channels = &waiters;
    bill.nchannels = 1;
    bill.data = "bring the bills";
    bill.data_len = EVENTSTREAM_STRLEN;
    publish_batch(r->server, NULL, events, 2, &result, r->pool);
    return reply(r, &result);
}

/* ---- Counting ---------------------------------------------------------- */

/* /count?channel=kitchen returns the number of clients. */
static int on_count(request_rec *r)
{
    eventstream_result_t result = EVENTSTREAM_RESULT_INIT;

    if (!is_handler(r, "es-example-count")) {
        return DECLINED;
    }
    if (!count_clients) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    count_clients(r->server, NULL, parameter(r, "channel"), &result, r->pool);
    return reply(r, &result);
}

/* ---- A stream ---------------------------------------------------------- */

/*
 * /watch?table=4: a guest receives the events of the table, a cook (a user who
 * has logged in) those of the kitchen, too. A real module decides here on the
 * channels: by a session, a database or another service.
 */
static int on_watch(request_rec *r)
{
    const char *channels[2];
    int count = 0;

    if (!is_handler(r, "es-example-watch")) {
        return DECLINED;
    }
    if (!run) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    channels[count++] =
        apr_pstrcat(r->pool, "table-", parameter(r, "table"), NULL);
    if (r->user) {
        channels[count++] = "kitchen";
    }
    return run(r, channels, count); /* r must not be used after this */
}

/* ---- A copy of all published events ------------------------------------- */

/* A setting of the main server: a publisher belongs to no request. */
static const char *journal; /* file name; NULL = no copy */

static const char *set_journal(cmd_parms *cmd, void *dir, const char *file)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    if (err) {
        return err;
    }
    journal = ap_server_root_relative(cmd->pool, file);
    return journal ? NULL : "EsExampleJournal: invalid path";
}

static apr_status_t append(const char *line, apr_pool_t *p)
{
    apr_file_t *file;
    apr_status_t rv;

    rv = apr_file_open(&file, journal,
                       APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_APPEND,
                       APR_FPROT_OS_DEFAULT, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_write_full(file, line, strlen(line), NULL);
    apr_file_close(file);
    return rv;
}

/*
 * Called by several threads and processes at once: one write for each line
 * keeps lines whole. The caller that publishes waits for this function; slow
 * work belongs in a thread of its own.
 */
static int on_published(const eventstream_batch_t *batch, const char **why,
                        apr_pool_t *p)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; journal && i < batch->count && rv == APR_SUCCESS; i++) {
        const eventstream_event_t *event = batch->events[i];

        /* data has a length and no NUL at its end */
        rv = append(apr_psprintf(p, "%s %s %s: %.*s\n", batch->last_id,
                                 event->channels[0],
                                 event->type ? event->type : "message",
                                 (int)event->data_len,
                                 event->data ? event->data : ""),
                    p);
    }
    if (rv != APR_SUCCESS) {
        /* the caller that publishes gets 502 and this reason */
        *why = apr_psprintf(p, "the journal cannot be written (%d).", rv);
        return HTTP_INSUFFICIENT_STORAGE;
    }
    return OK;
}

static const eventstream_publisher_t publisher = {sizeof(publisher),
                                                  on_published};

/* ---- The module -------------------------------------------------------- */

/* Resets the value of an earlier configuration. */
static int on_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)pconf;
    (void)plog;
    (void)ptemp;
    journal = NULL;
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    ap_hook_optional_fn_retrieve(on_optional_fn_retrieve, NULL, NULL,
                                 APR_HOOK_MIDDLE);
    ap_register_provider(p, EVENTSTREAM_PUBLISHER_GROUP, "restaurant",
                         EVENTSTREAM_PUBLISHER_VERSION, &publisher);
    ap_hook_pre_config(on_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(on_order, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(on_close, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(on_count, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(on_watch, NULL, NULL, APR_HOOK_MIDDLE);
}

static const command_rec directives[] = {
    AP_INIT_TAKE1("EsExampleJournal", set_journal, NULL, RSRC_CONF,
                  "file for a copy of all published events"),
    {.name = NULL},
};

module AP_MODULE_DECLARE_DATA es_example_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, directives, register_hooks,
    AP_MODULE_FLAG_NONE,
};
