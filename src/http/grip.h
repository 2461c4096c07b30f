/* SPDX-License-Identifier: Apache-2.0 */
/**
 * GRIP requests: those of clients that come through a GRIP proxy, and those of
 * the proxy itself. grip_sig recognises them, grip_hold answers the first kind
 * and grip_recover the second; both make their answers with grip_answer.
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

/**
 * Has the request come through a GRIP proxy, which then holds the client? It
 * has a Grip-Sig header if so; with a verify-key= the signature is checked:
 *
 *                              no verify-key=  a verify-key=
 *   no Grip-Sig                direct          direct
 *   Grip-Sig signed by a key                   proxied
 *   any other Grip-Sig         proxied         403
 *
 * With EventStreamGripRequired the first row is 403 in both columns. If GRIP is
 * off, the header is ignored, and every request is direct.
 *
 * @param grip        of the hub; NULL = GRIP is off
 * @param is_proxied  filled on success
 * @param why         403 with the remedy
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_grip_sig_find(request_rec *r, const es_grip_t *grip, int *is_proxied,
                     es_problem_t *why);

/** Has a hub keys to check signatures with? Without, any Grip-Sig counts. */
int es_grip_sig_is_checked(const es_grip_t *grip);

/**
 * Log a warning for each hub without any verify-key=, because then every
 * request with a Grip-Sig counts as one of a proxy.
 *
 * Context: PARENT, post_config.
 */
void es_grip_sig_warn(server_rec *s);

/* ---- The answer: grip_answer.c ------------------------------------------ */

/*
 * An answer to a GRIP proxy: the events that its client has missed, and the
 * headers that make the proxy hold the client afterwards. The answer is
 * complete; the hold begins at its end.
 *
 * In reliable mode the answer states, for each channel, the id of the last
 * event that it contains or covers (Grip-Channel), and where the proxy asks for
 * missing events (Grip-Link). Events that do not fit into one answer are sent
 * in pieces: the answer has no hold, and its link leads to the next piece.
 * Without reliable mode the answer ends, and the client reconnects for the
 * rest.
 */

/** Most bytes of one answer without its stream-reset. */
#define ES_GRIP_ANSWER_MAX (512 * 1024)

typedef struct es_grip_answer_t {
    request_rec *r;
    const es_runtime_hub_t *hub; /* its grip is not NULL */
    const char *path;            /* percent-encoded; the start of Grip-Link */
    const es_slice_t *names;     /* 1 to ES_INSTRUCT_CHANNELS_MAX */
    es_part_t *parts;            /* what to send, one for each name */
    es_id_t *seen;               /* and after which id */
    int count;
    es_pos_t pos; /* the first record that may be sent */
    apr_int64_t keepalive_us;
    int keepalive_as_comment;
    apr_int64_t retry_ms;
    es_buf_t body; /* the frames before the events, then all */
} es_grip_answer_t;

/**
 * Initialize an answer. The caller then sets path, names, keepalive_us,
 * keepalive_as_comment and retry_ms, and may add frames to body.
 *
 * @param slots  subscribed, one for each name; count of them
 * @param start  the client has seen all events up to its id, and none from its
 *               position on
 */
void es_grip_answer_init(es_grip_answer_t *answer, request_rec *r,
                         const es_runtime_hub_t *hub, const es_slot_t *slots,
                         int count, const es_start_t *start);

/**
 * Add the events to the body and set the headers; nothing is sent yet.
 *
 * @param why  400: the names are too long for Grip-Link; 503: the store cannot
 *             be read
 * @return 1, or 0 with why
 *
 * Context: WORKER, signals blocked (base/sigblock.h); takes the store lock.
 */
int es_grip_answer_make(es_grip_answer_t *answer, es_problem_t *why);

/** Send it. @return what the handler returns. Context: WORKER. */
int es_grip_answer_send(es_grip_answer_t *answer);

/** The seal of a link: of this server, or of all servers that share the hub,
 * once this one knows theirs. */
apr_uint64_t es_grip_answer_seal(const es_runtime_hub_t *hub, es_slice_t state);

/**
 * Send an answer without a hold: the proxy ends the stream, and the client
 * reconnects after retry_ms.
 *
 * @return what the handler returns
 */
int es_grip_answer_end(request_rec *r, apr_int64_t retry_ms);

/**
 * Answer a request that cannot be served. An EventSource that gets an HTTP
 * error never reconnects, so what may be over soon (503) ends the stream as
 * es_grip_answer_end does.
 *
 * @return what the handler returns
 */
int es_grip_answer_refuse(request_rec *r, const es_problem_t *why,
                          apr_int64_t retry_ms);

/* ---- Hold instructions: grip_hold.c ------------------------------------- */

/*
 * A client whose request came through a GRIP proxy: the answer makes the proxy
 * hold the client, and httpd keeps no connection for it.
 */

/**
 * Answer a request that came through a proxy: stream-open with the
 * present position, and the events that the client has missed. HEAD is answered
 * without hold instructions, because proxies would hold it, too.
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
 * Recovery: a GRIP proxy in reliable mode requests the events that its clients
 * have missed, at the path of Grip-Link.
 *
 * The request has no cookie and no login of a client, and its path is below
 * that of the stream, where there may be no Location. So it is answered before
 * httpd maps it to one. It is valid if
 *
 *   - a proxy of the hub has signed its Grip-Sig, and
 *   - the state in its path has our seal, so it was made for a client that had
 *     passed all checks, and
 *   - the link has not expired (grip/link.h), or the proxy has received an
 *     event since, as Grip-Last shows.
 */

/**
 * From when on links without an expiry are no longer made: this version of the
 * module was loaded. For as long as another link would be, those that clients
 * still have stay valid.
 *
 * Context: PARENT, post_config.
 */
void es_grip_recover_begin(void);

/**
 * Answer a recovery request. Context: WORKER, hook quick_handler, first.
 *
 * @param lookup  1 = httpd only looks the URL up; then it is DECLINED
 * @return DECLINED if the path is not one of Grip-Link
 */
int es_grip_recover_handler(request_rec *r, int lookup);

#endif
