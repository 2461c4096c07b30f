/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A proxy uses one answer for all its requests with the same path and
 * Grip-Last, so the answer depends on nothing else. Grip-Last states the last
 * event that was seen of each channel; for a further piece of a long answer the
 * path does. If neither states an id, or if the journal cannot guarantee that
 * no event after it was missed, the client starts with a stream-reset. An
 * answer changes nothing here, so a request may be repeated.
 *
 * An invalid seal was usually made before httpd was stopped and started. Then
 * the stream ends, and its client reconnects and resumes. The same happens with
 * a link that has expired.
 *
 * A proxy follows the link when a stream was silent for two minutes, so the
 * link of such a stream is renewed in time. A stream on whose channels events
 * keep coming may never follow it. But the proxy then states their ids in
 * Grip-Last, which no client can send through it. So an event has the effect of
 * a link that was made when the event was published.
 */
#include "http/grip.h"

#include <apr_strings.h>
#include <http_config.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/frame.h"
#include "base/sigblock.h"
#include "journal/close.h"
#include "journal/missed.h"
#include "journal/resume.h"
#include "journal/stream_append.h"
#include "grip/instruct.h"
#include "grip/item.h"
#include "grip/link.h"
#include "server/cluster_runtime.h"
#include "server/log.h"
#include "http/reply.h"
#include "http/subscribe.h"

/* The retained time, in seconds since 1970, of es_grip_recover_begin. */
#define KEY "eventstream-links-expire"

/* retry: in milliseconds, if the link is invalid and cannot state it. */
#define RETRY_MS 3000

typedef struct recovery_t {
    request_rec *r;
    const es_runtime_hub_t *hub;
    es_grip_link_t link;
    es_slot_t slots[ES_INSTRUCT_CHANNELS_MAX];
    es_start_t start;
    es_grip_answer_t answer;
    int is_lost;
    int is_closed; /* one of its channels is closed */
    int is_busy;   /* another process has the store lock */
} recovery_t;

/* The last mark in the path, because the stream's own path may have one. */
static const char *mark_in(const char *uri)
{
    const char *mark = NULL, *next = strstr(uri, ES_GRIP_LINK_MARK);

    while (next) {
        mark = next;
        next = strstr(mark + 1, ES_GRIP_LINK_MARK);
    }
    return mark;
}

/* ---- Has the link expired? --------------------------------------------- */

/* When the links without an expiry expire; set in the parent. */
static apr_int64_t old_links_expire_s;

void es_grip_recover_begin(void)
{
    apr_int64_t *since_s = ap_retained_data_get(KEY);

    if (!since_s) {
        since_s = ap_retained_data_create(KEY, sizeof(*since_s));
        *since_s = apr_time_sec(apr_time_now());
    }
    old_links_expire_s = es_grip_link_expiry(*since_s);
}

/* An event that is ahead of the clock is as new as one can be: the clock was
 * set back, and the ids of a journal always rise. */
static int is_recent(es_slice_t text, apr_int64_t now_s)
{
    es_id_t id;
    apr_int64_t expires_s;

    if (!es_id_parse(&id, text)) {
        return 0;
    }
    if (id.ms / 1000 > (apr_uint64_t)now_s) {
        return 1;
    }
    expires_s = es_grip_link_expiry((apr_int64_t)(id.ms / 1000));
    return es_grip_link_is_current(expires_s, now_s);
}

static int has_recent_event(const recovery_t *recovery, apr_int64_t now_s)
{
    request_rec *r = recovery->r;
    const es_grip_t *grip = recovery->hub->grip;
    es_slice_t header = es_slice_of(apr_table_get(r->headers_in, "Grip-Last"));
    int i;

    for (i = 0; i < recovery->link.count; i++) {
        es_slice_t channel =
            es_grip_channel(grip->prefix, recovery->link.channels[i], r->pool);

        if (is_recent(es_instruct_last_id(header, channel), now_s)) {
            return 1;
        }
    }
    return 0;
}

static int is_current(const recovery_t *recovery)
{
    apr_int64_t now_s = apr_time_sec(apr_time_now());
    apr_int64_t expires_s = recovery->link.expires_s;

    return es_grip_link_is_current(expires_s ? expires_s : old_links_expire_s,
                                   now_s) ||
           (es_grip_sig_is_checked(recovery->hub->grip) &&
            has_recent_event(recovery, now_s));
}

/* ---- What the client has seen ------------------------------------------ */

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

/* How far back the client may resume: as far as a client that reconnects. For a
 * further piece there is no limit, because it was applied to the first
 * piece. */
static es_resume_reach_t reach_of(const recovery_t *recovery)
{
    static const es_resume_reach_t all = {0, 0, 0, 0};

    return recovery->link.from.len != 0
               ? all
               : es_subscribe_admit_reach(recovery->hub);
}

/* @return 0 if the journal cannot guarantee that no event of it was missed */
static int resume_one(recovery_t *recovery, int i)
{
    es_resume_reach_t reach = reach_of(recovery);
    es_grip_answer_t *answer = &recovery->answer;
    es_slice_t id = last_id(recovery, recovery->link.channels[i]);
    es_start_t start = recovery->start;
    apr_status_t rv = APR_NOTFOUND;

    if (id.len != 0 && es_id_is_ours(id)) {
        rv = es_store_resume(recovery->hub->store, &recovery->slots[i], 1, id,
                             &reach, &start);
    }
    if (rv != APR_SUCCESS) {
        recovery->is_busy |= rv == APR_TIMEUP;
        return 0;
    }
    answer->parts[i].from = start.pos; /* evicted before it: no loss */
    answer->seen[i] = start.id;
    if (start.pos < answer->pos) {
        answer->pos = start.pos;
    }
    return 1;
}

static void check_closed(recovery_t *recovery)
{
    apr_uint64_t now_ms = es_clock_ms();
    int i;

    for (i = 0; i < recovery->link.count; i++) {
        recovery->is_closed |= es_close_is_closed(recovery->hub->store,
                                                  recovery->slots[i], now_ms);
    }
}

/* ---- Several servers ---------------------------------------------------- */

/* A link that was made before this server knew the seal of all is sealed by
 * this one alone. */
static int is_sealed(const es_runtime_hub_t *hub, es_slice_t state,
                     apr_uint64_t seal)
{
    return seal == es_grip_answer_seal(hub, state) ||
           seal == es_store_seal(hub->store, state);
}

/* The highest of our ids that the proxy or the path states. */
static es_slice_t highest_id(const recovery_t *recovery)
{
    es_slice_t highest = {NULL, 0};
    es_id_t id, most = {0, 0};
    int i;

    for (i = 0; i < recovery->link.count; i++) {
        es_slice_t text = last_id(recovery, recovery->link.channels[i]);

        if (es_id_parse(&id, text) && es_id_compare(&id, &most) > 0) {
            most = id;
            highest = text;
        }
    }
    return highest;
}

static int is_ahead(const es_runtime_hub_t *hub, es_slice_t text)
{
    es_id_t id, last;

    return es_id_parse(&id, text) &&
           es_store_last(hub->store, &last) == APR_SUCCESS &&
           es_id_compare(&id, &last) > 0;
}

/* Another server may have sent the proxy an event that this one has not got
 * yet. @return 0: it still has not, and cannot say that there is none */
static int wait_for_event(const recovery_t *recovery)
{
    const es_runtime_hub_t *hub = recovery->hub;
    es_slice_t id = highest_id(recovery);
    apr_time_t since = es_clock_now();
    int is_behind, ahead;
    apr_time_t by;

    if (!hub->cluster || id.len == 0) {
        return 1;
    }
    es_cluster_runtime_wait_synced(hub);
    by = es_cluster_runtime_behind_by(hub, id);
    do {
        is_behind = es_cluster_runtime_is_behind(hub, since);
        ahead = by != 0 && is_ahead(hub, id);
    } while (ahead && is_behind && es_cluster_runtime_wait_behind(by));
    es_cluster_runtime_waited();
    return !ahead || !is_behind;
}

/* ---- The answer -------------------------------------------------------- */

/* Called a second time if the client starts with stream-reset. */
static void init_answer(recovery_t *recovery)
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

static int unavailable(const recovery_t *recovery, es_problem_t *why)
{
    es_problem_set(why, recovery->r->pool, HTTP_SERVICE_UNAVAILABLE,
                   "No events can be served now.");
    why->retry_after = ES_RETRY_AFTER_S;
    return 0;
}

static int make(recovery_t *recovery, es_problem_t *why)
{
    int i;

    check_closed(recovery);
    if (recovery->is_closed) {
        return 1;
    }
    init_answer(recovery);
    for (i = 0; i < recovery->link.count && !recovery->is_lost; i++) {
        recovery->is_lost = !resume_one(recovery, i);
    }
    if (recovery->is_busy) {
        recovery->is_lost = 0;
        return unavailable(recovery, why);
    }
    if (recovery->is_lost) {
        init_answer(recovery);
        add_reset(recovery);
    }
    return es_grip_answer_make(&recovery->answer, why);
}

static int subscribe_and_make(recovery_t *recovery, es_problem_t *why)
{
    es_store_t *store = recovery->hub->store;
    const es_grip_link_t *link = &recovery->link;
    apr_uint32_t child = es_runtime_child();
    apr_status_t rv;
    int made;

    es_store_set_clock(store, es_clock_ms());
    rv = es_store_subscribe(store, child, link->channels, link->count,
                            recovery->slots, &recovery->start);
    if (rv == APR_TIMEUP) {
        return unavailable(recovery, why);
    }
    if (rv != APR_SUCCESS) {
        return es_problem_set(why, recovery->r->pool, HTTP_SERVICE_UNAVAILABLE,
                              "No more channels can be held now.");
    }
    made = make(recovery, why);
    es_store_unsubscribe(store, child, recovery->slots, link->count);
    return made;
}

static int answer_request(recovery_t *recovery)
{
    es_problem_t why = {0};
    es_sigblock_t sigblock;
    int made;

    es_context_enter(ES_WORKER);
    es_sigblock_begin(&sigblock);
    made = subscribe_and_make(recovery, &why);
    es_sigblock_end(&sigblock);
    es_rlog(APLOG_DEBUG, 0, recovery->r, "ES0603",
            "a GRIP proxy requested events that its clients have missed%s",
            recovery->is_lost     ? "; they get stream-reset"
            : recovery->is_closed ? "; their channel is closed"
                                  : "");
    if (!made) {
        return es_grip_answer_refuse(recovery->r, &why,
                                     recovery->link.retry_ms);
    }
    return recovery->is_closed
               ? es_grip_answer_end(recovery->r, recovery->link.retry_ms)
               : es_grip_answer_send(&recovery->answer);
}

/* ---- The handler ------------------------------------------------------- */

/* @return 1, or 0 if the path is not one of Grip-Link */
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
        !is_sealed(recovery.hub, state, seal)) {
        es_rlog(APLOG_DEBUG, 0, r, "ES0604",
                "a GRIP proxy used a link that is no longer valid; its clients "
                "are asked to reconnect");
        return es_grip_answer_end(r, RETRY_MS);
    }
    if (!is_current(&recovery)) {
        es_rlog(APLOG_DEBUG, 0, r, "ES0605",
                "a GRIP proxy used a link that has expired; its clients are "
                "asked to reconnect");
        return es_grip_answer_end(r, recovery.link.retry_ms);
    }
    if (!wait_for_event(&recovery)) {
        es_rlog(APLOG_DEBUG, 0, r, "ES0607",
                "a GRIP proxy has an event that this server has not received "
                "yet; its clients are asked to reconnect");
        return es_grip_answer_end(r, recovery.link.retry_ms);
    }
    return answer_request(&recovery);
}
