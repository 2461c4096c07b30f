/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Requests that come through a GRIP proxy, and requests of the proxy itself.
 */
#ifndef ES_HTTP_GRIP_H
#define ES_HTTP_GRIP_H

#include <httpd.h>

#include "base/buf.h"
#include "base/channel.h"
#include "base/problem.h"
#include "journal/missed.h"
#include "grip/proxy.h"
#include "server/runtime.h"
#include "server/settings.h"

/* ---- The signature: grip_sig.c ------------------------------------------ */

/*
 * Has a request come through a GRIP proxy, which holds the client itself? A
 * Grip-Sig header says so; whether it is believed is decided here.
 */

/**
 *                              no key known   a key known
 *   no Grip-Sig                direct         direct; 403 when required
 *   Grip-Sig that a key signed                proxied
 *   another Grip-Sig           proxied        403
 *
 * (Without a proxy Grip-Sig means nothing, and all are direct; and when GRIP
 * is required the first row is 403 in both columns.)
 *
 * @param grip        the hub's, NULL = GRIP is off
 * @param is_proxied  filled on success
 * @param why         403 with the remedy
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_grip_sig_find(request_rec *r, const es_grip_t *grip, int *is_proxied,
                     es_problem_t *why);

/**
 * Tell of hubs with a proxy whose signature is believed or never proven.
 *
 * Context: PARENT, post_config.
 */
void es_grip_sig_warn(server_rec *s);

/* ---- The answer: grip_answer.c ------------------------------------------ */

/*
 * An answer to a GRIP proxy: what its client has missed, and the headers by
 * which the proxy holds the client from then on. It is complete: the hold
 * begins when it has ended.
 *
 * In reliable mode it names for each channel the id of the last event that it
 * contains or implies, and where to ask when one is missing. What is too long
 * for one answer goes in pieces: without hold, and the link leads to the next
 * piece. Without reliable mode the answer just ends, and the client comes back
 * for the rest.
 */

/** Most bytes of one answer, but for a stream-reset. */
#define ES_GRIP_ANSWER_MAX (512 * 1024)

typedef struct es_grip_answer_t {
    request_rec *r;
    const es_runtime_hub_t *hub; /* its grip is not NULL */
    const char *path;        /* percent-encoded; what Grip-Link starts with */
    const es_slice_t *names; /* 1 to ES_INSTRUCT_CHANNELS_MAX */
    es_missed_part_t *parts; /* what is to be sent, one for each name */
    int count;
    es_pos_t pos; /* the first record that may be sent */
    apr_int64_t keepalive_us;
    int keepalive_as_comment;
    apr_int64_t retry_ms;
    es_buf_t body; /* what comes before the events */
} es_grip_answer_t;

/**
 * Set what all answers start with.
 *
 * @param slots  subscribed, one for each name; count of them
 * @param start  up to its id all was seen, from its position on nothing
 */
void es_grip_answer_init(es_grip_answer_t *answer, request_rec *r,
                         const es_runtime_hub_t *hub, const es_slot_t *slots,
                         int count, const es_start_t *start);

/**
 * Add the events and make the headers; nothing is sent yet.
 *
 * @param why  400: names that are too long for a link
 * @return 1, or 0 with why
 *
 * Context: WORKER, hushed (base/sigblock.h); takes the store lock.
 */
int es_grip_answer_make(es_grip_answer_t *answer, es_problem_t *why);

/** Send it. @return what the handler returns. Context: WORKER. */
int es_grip_answer_send(es_grip_answer_t *answer);

/**
 * Send an answer that holds nothing: the proxy ends the stream, and the client
 * comes back after retry_ms.
 *
 * @return what the handler returns
 */
int es_grip_answer_end(request_rec *r, apr_int64_t retry_ms);

/* ---- Hold instructions: grip_hold.c ------------------------------------- */

/*
 * The hold: a client whose request came through a GRIP proxy is answered with
 * the instruction to hold it there, and no connection of ours is kept.
 */

/**
 * Answer a request that came through a proxy: retry, stream-open with the
 * present position, and what the client has missed. A HEAD is answered
 * without instruction, as proxies would hold it, too.
 *
 * @param names  one or more, checked; the hub of conf has GRIP
 * @return what the handler returns
 *
 * Context: WORKER.
 */
int es_grip_hold(request_rec *r, const es_dir_t *conf,
                 const es_channel_set_t *names);

/* ---- Recovery: grip_recover.c ------------------------------------------- */

/*
 * Recovery: a GRIP proxy in reliable mode asks, at the path that Grip-Link has
 * given it, for what its clients have missed.
 *
 * Such a request has nothing of a client's, no cookie and no login, and comes
 * to a path below that of the stream, for which no Location need be there. So
 * it is answered before httpd looks for one. It is good when
 *
 *   - its Grip-Sig is one that a proxy of the hub has signed,
 *   - the state in its path has our seal: it was made for a client that had
 *     passed all checks.
 */

/**
 * Answer it. Context: WORKER, hook quick_handler, first.
 *
 * @param lookup  1 = only asked whether; then it is DECLINED
 * @return DECLINED when the path is not one of ours
 */
int es_grip_recover_handler(request_rec *r, int lookup);

#endif
