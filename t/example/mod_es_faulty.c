/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module with faults, for t/37-capi.t: streams of channels that the client
 * names, or in a subrequest; publishers that fail, that publish, or that cannot
 * be called; and publishing from the parent.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <ap_provider.h>
#include <apr_strings.h>

#include "mod_eventstream.h"

module AP_MODULE_DECLARE_DATA es_faulty_module;

static APR_OPTIONAL_FN_TYPE(eventstream_publish) *publish;
static APR_OPTIONAL_FN_TYPE(eventstream_run) *run;

static const char *const news = "news";

/* ---- Streams ----------------------------------------------------------- */

/* es-faulty-run: the query lists the channels, separated by '&'. */
static int on_run(request_rec *r)
{
    apr_array_header_t *names;
    char *rest = r->args ? apr_pstrdup(r->pool, r->args) : NULL, *word;

    if (!r->handler || strcmp(r->handler, "es-faulty-run")) {
        return DECLINED;
    }
    if (!rest) {
        return run(r, NULL, 3);
    }
    names = apr_array_make(r->pool, 4, sizeof(const char *));
    for (word = ap_getword_nc(r->pool, &rest, '&'); *word;
         word = ap_getword_nc(r->pool, &rest, '&')) {
        ap_unescape_url(word);
        APR_ARRAY_PUSH(names, const char *) =
            strcmp(word, "NULL") ? word : NULL;
    }
    return run(r, (const char *const *)names->elts, names->nelts);
}

/* es-faulty-sub: the same in a subrequest. */
static int on_sub(request_rec *r)
{
    request_rec *sub;

    if (!r->handler || strcmp(r->handler, "es-faulty-sub")) {
        return DECLINED;
    }
    sub = ap_sub_req_lookup_uri("/faulty-run?a", r, r->output_filters);
    ap_rprintf(r, "%d\n", ap_run_sub_req(sub));
    ap_destroy_sub_req(sub);
    return OK;
}

/* ---- Publishers -------------------------------------------------------- */

/* A publisher that publishes what the channel "chain" receives. */
static int on_published(const eventstream_batch_t *batch, const char **why,
                        apr_pool_t *p)
{
    eventstream_event_t event = EVENTSTREAM_EVENT_INIT;
    eventstream_result_t result = EVENTSTREAM_RESULT_INIT;

    if (strcmp(batch->events[0]->channels[0], "chain")) {
        return OK;
    }
    event.channels = &news;
    event.nchannels = 1;
    publish(NULL, NULL, &event, &result, p);
    *why = apr_psprintf(p, "%d %s", result.status, result.sentence);
    return result.status;
}

/* A publisher that fails without a reason. */
static int on_silent(const eventstream_batch_t *batch, const char **why,
                     apr_pool_t *p)
{
    (void)why;
    (void)p;
    return strcmp(batch->events[0]->channels[0], "silent") ? OK : 418;
}

static const eventstream_publisher_t chained = {sizeof(chained), on_published};
static const eventstream_publisher_t silent = {sizeof(silent), on_silent};
static const eventstream_publisher_t unsized = {0, on_silent};
static const eventstream_publisher_t empty = {sizeof(empty), NULL};

static void register_publisher(apr_pool_t *p, const char *name,
                               const eventstream_publisher_t *theirs)
{
    ap_register_provider(p, EVENTSTREAM_PUBLISHER_GROUP, name,
                         EVENTSTREAM_PUBLISHER_VERSION, theirs);
}

/* ---- The module -------------------------------------------------------- */

static void on_optional_fn_retrieve(void)
{
    publish = APR_RETRIEVE_OPTIONAL_FN(eventstream_publish);
    run = APR_RETRIEVE_OPTIONAL_FN(eventstream_run);
}

/* The parent serves no events. httpd runs the hook above after this one. */
static int on_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                          apr_pool_t *ptemp, server_rec *s)
{
    eventstream_event_t event = EVENTSTREAM_EVENT_INIT;
    eventstream_result_t result = EVENTSTREAM_RESULT_INIT;

    (void)pconf;
    (void)plog;
    event.channels = &news;
    event.nchannels = 1;
    on_optional_fn_retrieve();
    publish(s, NULL, &event, &result, ptemp);
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                 "faulty module in the parent: %d %s", result.status,
                 result.sentence);
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    register_publisher(p, "chained", &chained);
    register_publisher(p, "silent", &silent);
    register_publisher(p, "unsized", &unsized);
    register_publisher(p, "empty", &empty);
    ap_hook_optional_fn_retrieve(on_optional_fn_retrieve, NULL, NULL,
                                 APR_HOOK_MIDDLE);
    ap_hook_post_config(on_post_config, NULL, NULL, APR_HOOK_LAST);
    ap_hook_handler(on_run, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(on_sub, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA es_faulty_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks,
    AP_MODULE_FLAG_NONE,
};
