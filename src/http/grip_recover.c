/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proxies answer all requests with the same path and Grip-Last by one answer,
 * so nothing else is looked at. What was seen of each channel is told by
 * Grip-Last, or for a further piece of a long answer by the path; what has
 * neither, or an id that the journal cannot vouch for, begins anew with a
 * stream-reset. The same question twice gets nothing new.
 *
 * A seal that is no good is mostly one of before httpd was stopped and
 * started: the stream is ended, and its client comes back and resumes.
 */
#include "http/grip.h"

#include <apr_strings.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/frame.h"
#include "base/sigblock.h"
#include "journal/close.h"
#include "journal/missed.h"
#include "journal/resume.h"
#include "grip/channel.h"
#include "grip/instruct.h"
#include "grip/link.h"
#include "server/log.h"
#include "http/reply.h"
#include "http/subscribe.h"

/* What a client is told that must come back, when the link cannot say. */
#define RETRY_MS 3000

typedef struct recovery_t {
    request_rec *r;
    const es_runtime_hub_t *hub;
    es_grip_link_t link;
    es_slot_t slots[ES_INSTRUCT_CHANNELS_MAX];
    es_start_t start;
    es_grip_answer_t answer;
    int is_lost;
    int is_closed; /* one of its channels is */
} recovery_t;

/* The last one, should the stream's own path have one, too. */
static const char *mark_in(const char *uri)
{
    const char *mark = NULL, *next = strstr(uri, ES_GRIP_LINK_MARK);

    while (next) {
        mark = next;
        next = strstr(mark + 1, ES_GRIP_LINK_MARK);
    }
    return mark;
}

/* ---- what was seen ----------------------------------------------------- */

static es_slice_t last_id(const recovery_t *recovery, es_slice_t name)
{
    request_rec *r = recovery->r;
    es_slice_t header = es_slice_of(apr_table_get(r->headers_in, "Grip-Last"));

    if (recovery->link.from.len != 0) {
        return recovery->link.from;
    }
    return es_instruct_last_id(
        header, es_grip_channel(recovery->hub->grip->prefix, name, r->pool));
}

/*
 * A client that has missed events at its proxy is told what it would be told
 * when it came again. A further piece goes on with an answer whose reach was
 * looked at when it began.
 */
static es_resume_reach_t reach_of(const recovery_t *recovery)
{
    static const es_resume_reach_t all = {0, 0, 0};

    return recovery->link.from.len != 0
               ? all
               : es_subscribe_admit_reach(recovery->hub);
}

/* @return 0: the journal cannot vouch for all after what was seen of it */
static int resume_one(recovery_t *recovery, int i)
{
    es_resume_reach_t reach = reach_of(recovery);
    es_grip_answer_t *answer = &recovery->answer;
    es_slice_t id = last_id(recovery, recovery->link.channels[i]);
    es_start_t start = recovery->start;

    if (id.len == 0 || !es_id_is_ours(id) ||
        es_store_resume(recovery->hub->store, &recovery->slots[i], 1, id,
                        &reach, &start) != APR_SUCCESS) {
        return 0;
    }
    answer->parts[i].seen = start.id;
    if (start.pos < answer->pos) {
        answer->pos = start.pos;
    }
    return 1;
}

static void look_for_closed(recovery_t *recovery)
{
    apr_uint64_t now_ms = es_clock_ms();
    int i;

    for (i = 0; i < recovery->link.count; i++) {
        recovery->is_closed |= es_close_is_closed(recovery->hub->store,
                                                  recovery->slots[i], now_ms);
    }
}

/* ---- the answer -------------------------------------------------------- */

/* Begins the answer; again, when it turns out that all begins anew. */
static void begin(recovery_t *recovery)
{
    const es_grip_link_t *link = &recovery->link;
    es_grip_answer_t *answer = &recovery->answer;
    const char *uri = recovery->r->uri;

    es_grip_answer_init(answer, recovery->r, recovery->hub, recovery->slots,
                        link->count, &recovery->start);
    answer->path = apr_pstrmemdup(recovery->r->pool, uri,
                                  (apr_size_t)(mark_in(uri) - uri));
    answer->names = link->channels;
    answer->keepalive_us = link->keepalive_us;
    answer->keepalive_as_comment = link->keepalive_as_comment;
    answer->retry_ms = link->retry_ms;
}

static void add_reset(recovery_t *recovery)
{
    es_grip_answer_t *answer = &recovery->answer;
    es_slice_t frame = es_frame_reset(&recovery->start.id, answer->names,
                                      answer->count, recovery->r->pool);

    answer->body.max += frame.len;
    es_buf_add(&answer->body, frame);
}

static int make(recovery_t *recovery, es_problem_t *why)
{
    int i;

    look_for_closed(recovery);
    if (recovery->is_closed) {
        return 1;
    }
    begin(recovery);
    for (i = 0; i < recovery->link.count && !recovery->is_lost; i++) {
        recovery->is_lost = !resume_one(recovery, i);
    }
    if (recovery->is_lost) {
        begin(recovery);
        add_reset(recovery);
    }
    return es_grip_answer_make(&recovery->answer, why);
}

static int subscribe_and_make(recovery_t *recovery, es_problem_t *why)
{
    es_store_t *store = recovery->hub->store;
    const es_grip_link_t *link = &recovery->link;
    apr_uint32_t child = es_runtime_child();
    int made;

    es_store_clock(store, es_clock_ms());
    if (es_store_subscribe(store, child, link->channels, link->count,
                           recovery->slots, &recovery->start) != APR_SUCCESS) {
        return es_problem_set(why, recovery->r->pool, HTTP_SERVICE_UNAVAILABLE,
                              "No more channels can be held now.");
    }
    made = make(recovery, why);
    es_store_unsubscribe(store, child, recovery->slots, link->count);
    return made;
}

static int answer_it(recovery_t *recovery)
{
    es_problem_t why = {0};
    es_sigblock_t sigblock;
    int made;

    es_context_enter(ES_WORKER);
    es_sigblock_begin(&sigblock);
    made = subscribe_and_make(recovery, &why);
    es_sigblock_end(&sigblock);
    es_rlog(APLOG_DEBUG, 0, recovery->r, "ES0603",
            "a GRIP proxy asked what its clients have missed%s",
            recovery->is_lost     ? ": they get stream-reset"
            : recovery->is_closed ? ": their channel is closed"
                                  : "");
    if (!made) {
        return es_reply_problem(recovery->r, &why);
    }
    return recovery->is_closed
               ? es_grip_answer_end(recovery->r, recovery->link.retry_ms)
               : es_grip_answer_send(&recovery->answer);
}

/* ---- whose request it is ----------------------------------------------- */

/* @return 1, 0 when the path has nothing that could be ours */
static int read_path(recovery_t *recovery, es_slice_t *state,
                     apr_uint64_t *seal)
{
    request_rec *r = recovery->r;
    const char *mark = mark_in(r->uri);

    return mark &&
           es_grip_link_read(state, seal, mark + strlen(ES_GRIP_LINK_MARK),
                             r->pool) &&
           es_grip_link_unpack(&recovery->link, *state, r->pool);
}

static const es_runtime_hub_t *find_hub(const recovery_t *recovery)
{
    es_slice_t name = recovery->link.hub;

    return es_runtime_hub_named(
        apr_pstrmemdup(recovery->r->pool, name.data, name.len));
}

int es_grip_recover_handler(request_rec *r, int lookup)
{
    recovery_t recovery = {0};
    es_problem_t why = {0};
    apr_uint64_t seal;
    es_slice_t state;
    int is_proxied;

    recovery.r = r;
    if (lookup || r->method_number != M_GET || r->header_only ||
        !apr_table_get(r->headers_in, "Grip-Sig") ||
        !read_path(&recovery, &state, &seal)) {
        return DECLINED;
    }
    recovery.hub = find_hub(&recovery);
    if (!recovery.hub || !recovery.hub->grip) {
        return DECLINED;
    }
    if (!es_grip_sig_find(r, recovery.hub->grip, &is_proxied, &why)) {
        return es_reply_problem(r, &why);
    }
    if (!recovery.hub->grip->is_reliable ||
        seal != es_store_seal(recovery.hub->store, state)) {
        es_rlog(APLOG_DEBUG, 0, r, "ES0604",
                "a GRIP proxy asked by a link that is not good any more: its "
                "clients are asked to come back");
        return es_grip_answer_end(r, RETRY_MS);
    }
    return answer_it(&recovery);
}
