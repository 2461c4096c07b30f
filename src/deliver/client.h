/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A client: one subscribed connection, with its channels and its cursor. It
 * knows no threads: whoever owns it (delivery, or the worker that holds a
 * request) steps it, always one at a time.
 *
 * Nothing is queued for a client. While its sink takes no more, the cursor
 * stays; later it catches up from the journal. What it holds is of constant
 * size but for its list of channels.
 */
#ifndef ES_DELIVER_CLIENT_H
#define ES_DELIVER_CLIENT_H

#include <apr_time.h>

#include "shm/client_count.h"
#include "journal/resume.h"
#include "deliver/sink.h"

typedef struct es_client_t es_client_t;

/**
 * How a client is served: the values of its Location. They go with the client
 * as they are, to another process too; only http (which fills them) and the
 * codec of handover messages name each.
 */
typedef struct es_client_opts_t {
    apr_interval_time_t keepalive;    /* silence before keep-alive; 0 = none */
    apr_interval_time_t send_timeout; /* taking nothing; 0 = for ever */
    apr_interval_time_t lifetime;     /* until a clean end; 0 = none */
    apr_int64_t retry_ms;             /* sent before an end that we choose */
    int keepalive_as_comment;         /* 1 = a comment, 0 = an event */
} es_client_opts_t;

/** What a client is made of. */
typedef struct es_client_params_t {
    es_store_t *store;      /* the hub's; outlives the client */
    apr_uint32_t hub;       /* its number, from 0 */
    apr_uint32_t child;     /* of this child */
    const es_slot_t *slots; /* subscribed: copied, counts taken over */
    int nslots;
    es_pos_t pos;              /* the first record not seen yet */
    const es_replay_t *replay; /* for each slot: from where, if that is
                                * not pos; copied. NULL = from pos */
    es_client_opts_t opts;     /* copied */
    es_counted_t counted;      /* what counts it; taken over */
} es_client_params_t;

/** What a step came to. */
typedef enum es_step_t {
    ES_STEP_CURRENT, /* all is written; step again on news or when due */
    ES_STEP_BLOCKED, /* step again when the sink is writable or when due */
    ES_STEP_MORE,    /* had enough for one turn; step again soon */
    ES_STEP_ENDED    /* nothing more to do: close it */
} es_step_t;

/**
 * Make a client.
 *
 * @param params  copied; the subscription of slots belongs to the client on
 *                success and is lowered again by es_client_close
 * @param sink    owned by the client on success
 * @return the client, or NULL without memory: all is still the caller's
 *
 * Context: WORKER; DELIVERY for one that comes from another child.
 */
es_client_t *es_client_create(const es_client_params_t *params, es_sink_t *sink,
                              apr_time_t now);

/**
 * Write what is due: the rest of a half-written frame, then the records
 * since the cursor that belong to the client, many in one write, then a
 * keep-alive after silence. Never a byte that the journal could have
 * overwritten meanwhile: records are copied to scratch and proven first.
 *
 * A client that was overtaken by the ring between frames gets a
 * stream-reset with the present position and goes on from there; one that
 * was overtaken within a frame is ended.
 *
 * Where one of its channels was closed, it ends as by es_client_end, after
 * what was published before.
 *
 * @param scratch  bytes for copies, scratch_size of them, at least
 *                 ES_CLIENT_SCRATCH_MIN; may be shared by all clients of a
 *                 thread
 *
 * Context: the owner's thread.
 */
es_step_t es_client_step(es_client_t *client, apr_time_t now, char *scratch,
                         apr_size_t scratch_size);

#define ES_CLIENT_SCRATCH_MIN (160 * 1024)

/**
 * Take part in a round: the frames between round_start and round_end that
 * belong to this client stand ready in iov.
 *
 * To be called only for a client that has seen all of its records below
 * round_start: the last step or offer came to ES_STEP_CURRENT, and the rounds
 * since then, up to round_start, had nothing for it. So clients that a round
 * does not concern need not be touched. Nor for one of whose channels the
 * round holds a close: it is to be stepped. Their cursor stays behind; before
 * such a client is stepped by itself, es_client_seek tells it how far it is.
 *
 * @return as es_client_step. ES_STEP_MORE: it takes no part, as its cursor is
 *         beyond round_start or something is half-written; it has to be
 *         stepped by itself
 */
es_step_t es_client_offer(es_client_t *client, es_pos_t round_start,
                          es_pos_t round_end, const struct iovec *iov,
                          int count, apr_time_t now);

/**
 * The stream shall end: the frame at hand is completed, `retry:` is told,
 * the body ends. Steps do it; ES_STEP_ENDED tells when it is done.
 */
void es_client_end(es_client_t *client, apr_int64_t retry_ms);

/** When to step it though nothing happens; 0 = not needed. */
apr_time_t es_client_due(const es_client_t *client);

/** The first record not seen, as far as the client knows itself. */
es_pos_t es_client_pos(const es_client_t *client);

/** Give back all: subscription, sink, itself. */
void es_client_close(es_client_t *client);

#endif
