/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ids of Grip-Channel and the present position are read in one step. So
 * each event is either in the body, or it is published later, with a prev-id
 * that the proxy knows from Grip-Channel.
 */
#include "http/grip.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include "base/frame.h"
#include "journal/missed.h"
#include "grip/instruct.h"
#include "grip/link.h"
#include "server/cluster_runtime.h"
#include "server/log.h"
#include "http/reply.h"
#include "http/subscribe.h"

/* Longest path of Grip-Link, in bytes: httpd accepts request lines of 8190
 * bytes, Pushpin heads a little larger, and the proxy adds other headers. */
#define LINK_MAX 6000

void es_grip_answer_init(es_grip_answer_t *answer, request_rec *r,
                         const es_runtime_hub_t *hub, const es_slot_t *slots,
                         int count, const es_start_t *start)
{
    int i;

    memset(answer, 0, sizeof(*answer));
    answer->r = r;
    answer->hub = hub;
    answer->parts = apr_pcalloc(r->pool, sizeof(*answer->parts) * count);
    answer->seen = apr_palloc(r->pool, sizeof(*answer->seen) * count);
    answer->count = count;
    answer->pos = start->pos;
    for (i = 0; i < count; i++) {
        answer->parts[i].slot = slots[i];
        answer->seen[i] = start->id;
    }
    es_buf_init(&answer->body, r->pool, ES_GRIP_ANSWER_MAX);
}

/* ---- The body ---------------------------------------------------------- */

static void add_reset(es_grip_answer_t *answer, const es_id_t *id)
{
    es_slice_t frame =
        es_frame_reset(id, answer->names, answer->count, answer->r->pool);

    answer->body.max += frame.len;
    es_buf_add(&answer->body, frame);
}

/* How an answer ends. */
typedef enum ending_t {
    END_HOLD,  /* it has all events: the proxy holds the client */
    END_PIECE, /* a further piece follows */
    END_CLOSED /* a channel was closed, so the stream ends */
} ending_t;

/* @param last  the id of the last event in the body, for END_PIECE */
static ending_t add_events(es_grip_answer_t *answer, const es_start_t *present,
                           es_id_t *last)
{
    es_missed_t missed = {
        answer->hub->store, answer->parts, answer->seen, answer->count,
        answer->pos,        present->pos,  {0, 0}};
    apr_status_t rv = es_missed_collect(&missed, &answer->body);

    *last = missed.last;
    if (rv == APR_ENOENT) {
        add_reset(answer, &present->id);
    }
    return rv == APR_ENOSPC        ? END_PIECE
           : APR_STATUS_IS_EOF(rv) ? END_CLOSED
                                   : END_HOLD;
}

/* ---- The head ---------------------------------------------------------- */

apr_uint64_t es_grip_answer_seal(const es_runtime_hub_t *hub, es_slice_t state)
{
    apr_uint64_t seal;

    return hub->cluster && es_cluster_runtime_seal(hub, state, &seal)
               ? seal
               : es_store_seal(hub->store, state);
}

static const char *link_path(const es_grip_answer_t *answer,
                             const es_id_t *from)
{
    apr_pool_t *p = answer->r->pool;
    es_grip_link_t link = {0};
    char id[ES_ID_TEXT_SIZE];
    es_slice_t state;

    link.expires_s = es_grip_link_expiry(apr_time_sec(apr_time_now()));
    link.hub = es_slice_of(answer->hub->name);
    link.keepalive_us = answer->keepalive_us;
    link.keepalive_as_comment = answer->keepalive_as_comment;
    link.retry_ms = answer->retry_ms;
    link.from = from ? es_slice(id, es_id_format(id, from)) : es_slice(NULL, 0);
    link.channels = answer->names;
    link.count = answer->count;
    state = es_grip_link_pack(&link, p);
    return apr_pstrcat(
        p, answer->path, ES_GRIP_LINK_MARK,
        es_grip_link_write(state, es_grip_answer_seal(answer->hub, state), p),
        NULL);
}

static int set_link(const es_grip_answer_t *answer, const es_id_t *from,
                    es_problem_t *why)
{
    const char *path = link_path(answer, from);

    if (strlen(path) > LINK_MAX) {
        return es_problem_set(why, answer->r->pool, HTTP_BAD_REQUEST,
                              "The names of the channels are too long for a "
                              "GRIP proxy.");
    }
    apr_table_setn(answer->r->headers_out, "Grip-Link",
                   es_instruct_link(path, answer->r->pool));
    return 1;
}

static void set_hold(const es_grip_answer_t *answer, const es_id_t *last_ids)
{
    apr_table_t *head = answer->r->headers_out;
    apr_pool_t *p = answer->r->pool;

    apr_table_setn(head, "Grip-Hold", "stream");
    apr_table_setn(head, "Grip-Channel",
                   es_instruct_channels(answer->hub->grip->prefix,
                                        answer->names, last_ids, answer->count,
                                        p));
    if (answer->keepalive_us > 0) {
        apr_table_setn(head, "Grip-Keep-Alive",
                       es_instruct_keepalive(
                           es_frame_keepalive(answer->keepalive_as_comment),
                           answer->keepalive_us, p));
    }
}

/* ---- The answer -------------------------------------------------------- */

static int read_last_ids(const es_grip_answer_t *answer, es_id_t *last_ids,
                         es_start_t *present)
{
    es_slot_t slots[ES_INSTRUCT_CHANNELS_MAX];
    int i;

    for (i = 0; i < answer->count; i++) {
        slots[i] = answer->parts[i].slot;
    }
    return es_store_last_ids(answer->hub->store, slots, answer->count, last_ids,
                             present) == APR_SUCCESS;
}

int es_grip_answer_make(es_grip_answer_t *answer, es_problem_t *why)
{
    static const char *const words[] = {"the proxy holds the client",
                                        "the proxy asks for more",
                                        "a channel was closed"};
    es_id_t last_ids[ES_INSTRUCT_CHANNELS_MAX], last;
    int is_reliable = answer->hub->grip->is_reliable;
    es_start_t present;
    ending_t ending;

    if (!read_last_ids(answer, last_ids, &present)) {
        return es_problem_set(why, answer->r->pool, HTTP_SERVICE_UNAVAILABLE,
                              "No events can be served now.");
    }
    ending = add_events(answer, &present, &last);
    if (ending != END_CLOSED && is_reliable &&
        !set_link(answer, ending == END_PIECE ? &last : NULL, why)) {
        return 0;
    }
    if (ending == END_HOLD) {
        set_hold(answer, is_reliable ? last_ids : NULL);
    }
    es_rlog(APLOG_DEBUG, 0, answer->r, "ES0602",
            "the answer to a GRIP proxy has %" APR_SIZE_T_FMT " bytes; %s",
            answer->body.len, words[ending]);
    return 1;
}

int es_grip_answer_send(es_grip_answer_t *answer)
{
    request_rec *r = answer->r;

    es_stream_set_head(r);
    ap_set_content_length(r, (apr_off_t)answer->body.len);
    if (answer->body.len != 0) {
        ap_rwrite(answer->body.data, (int)answer->body.len, r);
    }
    return OK;
}

int es_grip_answer_end(request_rec *r, apr_int64_t retry_ms)
{
    char frame[ES_FRAME_CONTROL_SIZE];
    apr_size_t len = es_frame_retry(frame, retry_ms);

    es_stream_set_head(r);
    ap_set_content_length(r, (apr_off_t)len);
    ap_rwrite(frame, (int)len, r);
    return OK;
}

int es_grip_answer_refuse(request_rec *r, const es_problem_t *why,
                          apr_int64_t retry_ms)
{
    if (why->status != HTTP_SERVICE_UNAVAILABLE) {
        return es_reply_problem(r, why);
    }
    es_rlog(APLOG_DEBUG, 0, r, "ES0606",
            "a request of a GRIP proxy cannot be served now: %s The client is "
            "asked to reconnect",
            why->sentence);
    return es_grip_answer_end(r, retry_ms);
}
