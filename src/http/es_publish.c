/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In this order: the method, who may publish, the kind of body; only then is
 * the body read, to its end, made into a batch, checked, and stored as a
 * whole. Nothing is stored of a request that is refused. A stream of lines
 * goes its own way, see es_feed.h.
 */
#include "http/es_publish.h"

#include "base/es_batch.h"
#include "http/es_body.h"
#include "http/es_body_form.h"
#include "http/es_body_json.h"
#include "http/es_body_raw.h"
#include "http/es_cors.h"
#include "http/es_feed.h"
#include "http/es_gate.h"
#include "http/es_hlog.h"
#include "http/es_intake.h"
#include "http/es_outlet.h"
#include "http/es_reply.h"
#include "http/es_service.h"
#include "http/es_settings.h"

#include <http_protocol.h>
#include <apr_strings.h>

#define ALLOW "POST, PUT, OPTIONS"

/* ---- The kind of body -------------------------------------------------- */

/* Types that are not here are data as they are. */
static const struct {
    const char *type;
    es_batch_read_fn_t *read; /* NULL: a stream, es_feed's */
} kinds[] = {
    {"application/json", es_body_json},
    {"application/x-ndjson", NULL},
    {"application/x-www-form-urlencoded", es_body_form},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The media type without parameters; empty when there is none. */
static const char *media_type(const request_rec *r)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");

    return type ? apr_pstrmemdup(r->pool, type, strcspn(type, "; \t")) : "";
}

static es_batch_read_fn_t *choose_reader(const request_rec *r)
{
    const char *type = media_type(r);
    size_t i;

    for (i = 0; i < KINDS; i++) {
        if (!strcasecmp(type, kinds[i].type)) {
            return kinds[i].read;
        }
    }
    return es_body_raw;
}

/* ---- The batch --------------------------------------------------------- */

static int read_batch(request_rec *r, const es_dir_t *conf,
                      es_batch_read_fn_t *read, es_batch_t *batch,
                      es_problem_t *why)
{
    es_event_t preset;
    es_buf_t body;

    es_buf_init(&body, r->pool, (apr_size_t)conf->max_body_bytes);
    if (!es_body_read(r, &body, why) ||
        !es_batch_preset(&preset, es_slice_of(r->args), r->pool, why) ||
        !read(batch, es_buf_slice(&body), &preset, r->pool, why)) {
        return 0;
    }
    if (preset.id.len != 0 && batch->count > 1) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "The query's 'id' is for one event, the body "
                              "has %d.",
                              batch->count);
    }
    return es_intake_name(r, conf, batch, why);
}

/* ---- The handler ------------------------------------------------------- */

static int reply_published(request_rec *r, const es_batch_t *batch,
                           const es_appended_t *done)
{
    char id[ES_ID_TEXT_SIZE];

    es_id_format(id, &done->last_id);
    es_rlog(APLOG_DEBUG, 0, r, "ES0502",
            "published %d events up to %s for %" APR_UINT64_T_FMT
            " clients, %d of them were there already",
            batch->count, id, done->clients, done->known);
    return es_reply_json(r, apr_psprintf(r->pool,
                                         "{\"published\": %d, \"id\": \"%s\", "
                                         "\"clients\": %" APR_UINT64_T_FMT "}",
                                         batch->count, id, done->clients));
}

static int publish(request_rec *r, const es_dir_t *conf,
                   es_batch_read_fn_t *read)
{
    es_batch_t batch;
    es_appended_t done;
    es_problem_t why;

    if (!read_batch(r, conf, read, &batch, &why) ||
        !es_intake_check(r, conf, &batch, &why) ||
        !es_outlet_put(es_service_hub(conf), &batch, r->pool, &done, &why)) {
        return why.status == AP_FILTER_ERROR ? AP_FILTER_ERROR
                                             : es_reply_problem(r, &why);
    }
    return reply_published(r, &batch, &done);
}

int es_publish_handler(request_rec *r)
{
    const es_dir_t *conf;
    es_batch_read_fn_t *read;
    es_problem_t why;

    if (!r->handler || strcmp(r->handler, ES_HANDLER_PUBLISH)) {
        return DECLINED;
    }
    conf = es_dir_of(r);
    if (r->method_number == M_OPTIONS) {
        es_body_leave(r);
        return es_cors_options(r, conf, ALLOW);
    }
    if (r->method_number != M_POST && r->method_number != M_PUT) {
        es_body_leave(r);
        return es_reply_method(r, ALLOW);
    }
    if (!es_gate_admits(r, conf, &why) || !es_cors_may_publish(r, conf, &why)) {
        es_body_leave(r);
        return es_reply_problem(r, &why);
    }
    read = choose_reader(r);
    return read ? publish(r, conf, read) : es_feed_serve(r, conf);
}
