/* SPDX-License-Identifier: Apache-2.0 */
/**
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
#ifndef ES_HTTP_GRIP_ANSWER_H
#define ES_HTTP_GRIP_ANSWER_H

#include <httpd.h>

#include "base/buf.h"
#include "base/problem.h"
#include "journal/missed.h"
#include "server/runtime.h"

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

#endif
