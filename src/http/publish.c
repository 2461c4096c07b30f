/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order is: the method, the access checks, the type of the body. Only then
 * the body is read to its end, made into a batch, checked, and stored as a
 * whole. Nothing is stored of a request that is refused. NDJSON streams, GET
 * and DELETE are served by publish_ndjson.c, channel_get.c and
 * channel_delete.c.
 */
#include "http/publish.h"

#include "base/event.h"
#include "base/context.h"
#include "base/utf8.h"
#include "server/log.h"
#include "server/runtime.h"
#include "server/settings.h"
#include "http/body.h"
#include "http/body_formats.h"
#include "http/channel_get.h"
#include "http/cors.h"
#include "http/identity.h"
#include "http/publish_log.h"
#include "http/publish_rate.h"
#include "http/reply.h"
#include "http/revoke.h"

#include <http_protocol.h>
#include <apr_lib.h>
#include <apr_strings.h>

#define ALLOW "GET, HEAD, POST, PUT, DELETE, OPTIONS"

/* ---- The type of the body ---------------------------------------------- */

/* curl -d declares its data to be a form, and in most examples the data is
 * JSON. A body that starts like JSON would be a form without channel and
 * data. */
static int starts_as_json(es_slice_t text)
{
    apr_size_t i = 0;

    while (i < text.len && apr_isspace(text.data[i])) {
        i++;
    }
    return i < text.len && (text.data[i] == '{' || text.data[i] == '[');
}

/* @return of a whole body; a stream of lines has es_publish_ndjson_serve */
static es_batch_read_fn_t *reader_of(es_body_kind_t kind, es_slice_t text)
{
    switch (kind) {
    case ES_BODY_JSON: return es_body_json;
    case ES_BODY_FORM:
        return starts_as_json(text) ? es_body_json : es_body_form;
    case ES_BODY_MULTIPART: return es_body_form;
    default: return es_body_raw;
    }
}

/* ---- The batch --------------------------------------------------------- */

static int read_batch(request_rec *r, const es_request_rights_t *rights,
                      es_batch_read_fn_t *read, es_slice_t body,
                      es_batch_t *batch, es_problem_t *why)
{
    es_event_t preset;

    if (!es_event_preset(&preset, es_slice_of(r->args), r->pool, why) ||
        !read(batch, body, &preset, r->pool, why)) {
        return 0;
    }
    if (preset.id.len != 0 && batch->count > 1) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "The query's 'id' is for one event, but the "
                              "body has %d.",
                              batch->count);
    }
    if (!es_publish_store_channels(rights, batch, why)) {
        return 0;
    }
    es_publish_log_batch(es_publish_log_of(r), batch);
    return es_publish_store_check(rights, batch, why);
}

/* ---- The handler ------------------------------------------------------- */

/* @param why  the 502 of a batch that was stored; NULL = success */
static int reply_published(request_rec *r, const es_batch_t *batch,
                           const es_appended_t *done,
                           const es_publish_result_t *result,
                           const es_problem_t *why)
{
    char id[ES_ID_TEXT_SIZE];
    const char *json;

    es_publish_log_published(es_publish_log_of(r), (apr_uint64_t)batch->count,
                             &done->last_id, done->clients);
    es_id_format(id, &done->last_id);
    es_rlog(APLOG_DEBUG, 0, r, "ES0502",
            "published %d events up to %s for %" APR_UINT64_T_FMT
            " clients, %d of the events were already stored",
            batch->count, id, done->clients, done->known);
    json = apr_psprintf(r->pool,
                        "{\"published\": %d, \"id\": \"%s\", "
                        "\"clients\": %" APR_UINT64_T_FMT "%s%s}",
                        batch->count, id, done->clients,
                        es_publish_result_json(result, r->pool),
                        why ? es_publish_result_error(why, r->pool) : "");
    return why ? es_reply_json_problem(r, why, json) : es_reply_json(r, json);
}

static int publish_batch(request_rec *r, const es_dir_t *conf,
                         es_batch_read_fn_t *read, es_slice_t body)
{
    es_request_rights_t rights;
    es_publish_rate_t rate;
    es_batch_t batch;
    es_publish_result_t result = {.shows_proxies =
                                      es_publish_auth_controls(r, conf)};
    es_appended_t done;
    es_problem_t why;

    es_publish_rate_of(&rate, r, conf);
    if (!es_request_channels_publish_rights(&rights, r, conf, &why) ||
        !read_batch(r, &rights, read, body, &batch, &why) ||
        !es_publish_rate_admits(&rate, batch.count, r->pool, &why) ||
        !es_publish_store_sent(es_runtime_hub(conf), &batch, r->pool, &done,
                               &result, &why)) {
        return result.grip /* stored: the answer has its id, too */
                   ? reply_published(r, &batch, &done, &result, &why)
                   : es_reply_problem(r, &why);
    }
    return reply_published(r, &batch, &done, &result, NULL);
}

static int has_charset(const es_body_type_t *type)
{
    return type->kind == ES_BODY_RAW || type->kind == ES_BODY_FORM;
}

/* The text that the reader of this type takes. */
static int body_text(request_rec *r, const es_body_type_t *type,
                     es_slice_t *text, es_problem_t *why)
{
    if (has_charset(type) &&
        !es_body_type_check_charset(type->charset, *text, r->pool, why)) {
        return 0;
    }
    if (type->kind != ES_BODY_RAW) {
        *text = es_utf8_without_mark(*text); /* JSON and forms have none */
    }
    return type->kind != ES_BODY_MULTIPART ||
           es_body_multipart(text, *text, type->boundary, r->pool, why);
}

static int publish_text(request_rec *r, const es_dir_t *conf,
                        es_body_kind_t kind, es_slice_t text)
{
    es_batch_read_fn_t *read = reader_of(kind, text);
    const es_body_items_t *items = NULL;

    if (read == es_body_json) {
        items = es_body_items_find(text, r->pool);
    }
    return items ? es_publish_items_serve(r, conf, items)
                 : publish_batch(r, conf, read, text);
}

static int publish_body(request_rec *r, const es_dir_t *conf,
                        const es_body_type_t *type)
{
    es_problem_t why;
    es_slice_t text;
    es_buf_t body;

    es_buf_init(&body, r->pool, (apr_size_t)conf->max_body_bytes);
    if (!es_body_read(r, &body, &why)) {
        return why.status == AP_FILTER_ERROR ? AP_FILTER_ERROR
                                             : es_reply_problem(r, &why);
    }
    text = es_buf_slice(&body);
    return body_text(r, type, &text, &why)
               ? publish_text(r, conf, type->kind, text)
               : es_reply_problem(r, &why);
}

static int publish(request_rec *r, const es_dir_t *conf)
{
    es_body_type_t type;
    es_problem_t why;

    if (!es_body_type(&type, apr_table_get(r->headers_in, "Content-Type"),
                      r->pool, &why)) {
        es_body_discard(r);
        return es_reply_problem(r, &why);
    }
    return type.kind == ES_BODY_LINES ? es_publish_ndjson_serve(r, conf)
                                      : publish_body(r, conf, &type);
}

static int get(request_rec *r, const es_dir_t *conf)
{
    es_body_discard(r);
    return es_channel_get_handler(r, conf);
}

static int delete (request_rec *r, const es_dir_t *conf)
{
    es_body_discard(r);
    return es_revoke_is_asked(r) ? es_revoke_handler(r, conf)
                                 : es_channel_delete_handler(r, conf);
}

typedef int serve_fn_t(request_rec *r, const es_dir_t *conf);

static serve_fn_t *serve_fn_of(const request_rec *r)
{
    switch (r->method_number) {
    case M_POST:
    case M_PUT: return publish;
    case M_GET: return get; /* and HEAD */
    case M_DELETE: return delete;
    default: return NULL;
    }
}

/* GET and DELETE need no right to publish. */
static int admits(request_rec *r, const es_dir_t *conf, es_problem_t *why)
{
    int publishes = r->method_number == M_POST || r->method_number == M_PUT;

    return (publishes ? es_publish_auth_admits(r, conf, why)
                      : es_publish_auth_admits_control(r, conf, why)) &&
           es_cors_may_publish(r, conf, why) &&
           es_identity_may_publish(r, conf, why);
}

static int answer(request_rec *r, const es_dir_t *conf)
{
    serve_fn_t *serve;
    es_problem_t why;

    if (r->method_number == M_OPTIONS) {
        es_body_discard(r);
        return es_cors_options(r, conf, ALLOW);
    }
    serve = serve_fn_of(r);
    if (!serve) {
        es_body_discard(r);
        return es_reply_method(r, ALLOW);
    }
    if (!admits(r, conf, &why)) {
        es_body_discard(r);
        return es_reply_problem(r, &why);
    }
    return serve(r, conf);
}

int es_publish_handler(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, ES_HANDLER_PUBLISH)) {
        return DECLINED;
    }
    es_context_enter(ES_WORKER);
    return es_publish_log_end(r, answer(r, es_settings_dir(r)));
}
