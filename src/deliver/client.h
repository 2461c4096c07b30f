/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A client: one subscribed connection, with its channels and its cursor. It
 * knows no threads: its owner steps it (the delivery, or the worker that holds
 * the request), one thread at a time.
 *
 * Nothing is queued for a client. While its sink takes no more, the cursor
 * stays where it is; later the client catches up from the journal. Its size is
 * constant, except for the list of its channels.
 */
#ifndef ES_DELIVER_CLIENT_H
#define ES_DELIVER_CLIENT_H

#include <apr_time.h>

#include "shm/child_figures.h"
#include "shm/client_count.h"
#include "journal/resume.h"
#include "deliver/round.h"
#include "deliver/client_presence.h"
#include "deliver/sink.h"
#include "deliver/stream_line.h"

typedef struct es_client_t es_client_t;

/**
 * How a client is served: the values of its Location. They stay with the
 * client when another process takes it over. Only http, which fills them, and
 * the codec of handover messages name each field.
 */
typedef struct es_client_opts_t {
    apr_interval_time_t keepalive;    /* silence before keep-alive; 0 = none */
    apr_interval_time_t send_timeout; /* while it takes no byte; 0 = for ever */
    apr_interval_time_t lifetime;     /* until a clean end; 0 = none */
    apr_int64_t retry_ms;             /* sent before an end that we choose */
    int keepalive_as_comment;         /* 1 = a comment, 0 = an event */
} es_client_opts_t;

/** What a client is made of. */
typedef struct es_client_params_t {
    es_store_t *store;       /* the hub's; outlives the client */
    apr_uint32_t hub;        /* its number, from 0 */
    apr_uint32_t child;      /* this child's number, from 1 */
    const es_slot_t *slots;  /* subscribed; copied, the subscription is
                                * taken over */
    int nslots;              /* of them */
    es_pos_t pos;            /* the first record that it has not seen */
    const es_part_t *replay; /* for each slot, where it starts if that is
                                * not pos; copied. NULL = all start at pos */
    es_client_opts_t opts;   /* copied */
    es_counted_t counted;    /* its entry in the client counts; taken over.
                                * Its user is that of the identity, too */
    apr_uint64_t token;      /* of the identity (shm/revocations.h); 0 = none */
    apr_uint32_t checked;    /* the lower half of the number up to which
                           * revocations do not concern it */
    es_stream_line_t *line;  /* taken over; NULL = streams are not logged */
    es_hub_figures_t *figures; /* where its owner's thread counts; outlives the
                                * client. NULL = it is not counted */
    int replays; /* 1 = it begins with events of the past, which are counted for
                  * es_client_take_replayed */
    es_client_presence_t *presence; /* taken over; NULL = none */
} es_client_params_t;

/** The result of a step or an offer. */
typedef enum es_step_t {
    ES_STEP_CURRENT, /* all is written; step again on news or when due */
    ES_STEP_BLOCKED, /* step again when the sink is writable or when due */
    ES_STEP_MORE,    /* enough for one turn; step again soon */
    ES_STEP_ENDED    /* nothing more to do: close it */
} es_step_t;

/**
 * Make a client.
 *
 * @param params  copied; the client owns the subscription of slots and gives
 *                it back in es_client_close
 * @param sink    owned by the client on success
 * @param now     its lifetime and its silence count from here
 * @return the client; NULL if out of memory: the caller still owns all
 *
 * Context: WORKER; DELIVERY for a client that another child hands over.
 */
es_client_t *es_client_create(const es_client_params_t *params, es_sink_t *sink,
                              apr_time_t now);

/**
 * Write what is due: the rest of a partially written frame, then the client's
 * records from the cursor on, many in one write, then a keep-alive after
 * silence. A record is copied to scratch and verified first, so the client
 * never gets a byte that the journal may have overwritten meanwhile.
 *
 * If the ring overtakes the client between two frames, it gets a stream-reset
 * with the present position and continues from there; if it is overtaken
 * within a frame, its stream is cut.
 *
 * If one of its channels is closed, the stream ends as by es_client_end, after
 * the records that were published before the close.
 *
 * @param scratch  scratch_size bytes for copies, at least
 *                 ES_CLIENT_SCRATCH_MIN; all clients of a thread may share it
 *
 * Context: the owner's thread.
 */
es_step_t es_client_step(es_client_t *client, apr_time_t now, char *scratch,
                         apr_size_t scratch_size);

#define ES_CLIENT_SCRATCH_MIN (160 * 1024)

/**
 * Take part in a round: write the client's frames between round_start and
 * round_end.
 *
 * Call it only for a client that has seen all of its records below round_start:
 * its last step or offer returned ES_STEP_CURRENT, and the rounds since then,
 * up to round_start, had nothing for it. Thus rounds need not touch the clients
 * that they have nothing for; the cursor of these clients stays behind, so call
 * es_client_seek before you step one. If the round closes one of the client's
 * channels, step the client instead.
 *
 * @return as es_client_step. ES_STEP_MORE: nothing was written, since the
 *         cursor is beyond round_start or the client is not up to date; step
 *         it
 *
 * Context: the owner's thread.
 */
es_step_t es_client_offer(es_client_t *client, es_pos_t round_start,
                          es_pos_t round_end, const es_round_frames_t *frames,
                          apr_time_t now);

/**
 * End the stream: a partially written frame is completed, `retry:` is sent, the
 * body ends. Steps write this; the one that completes it returns
 * ES_STEP_ENDED. Only the first call counts.
 *
 * @param retry_ms  how long the client waits before it reconnects
 */
void es_client_end(es_client_t *client, apr_int64_t retry_ms);

/**
 * Has a client that replays caught up since the last call?
 *
 * @param events  filled on 1: so many it got until then
 * @return 1 once; 0 before and after
 *
 * Context: the owner's thread.
 */
int es_client_take_replayed(es_client_t *client, apr_uint32_t *events);

/**
 * Have steps written events to a client that does not replay, since the last
 * call?
 *
 * @param appended_us  filled on 1: when the oldest of them was appended, the
 *                     lower half of es_clock_now
 *
 * Context: the owner's thread.
 */
int es_client_take_live(es_client_t *client, apr_uint32_t *appended_us);

/** When the client must be stepped even without news; 0 = never. */
apr_time_t es_client_due(const es_client_t *client);

/** The first record that it has not seen, as far as the client knows. */
es_pos_t es_client_pos(const es_client_t *client);

/** Note why the stream ends, before it is ended. Only the first call counts. */
void es_client_because(es_client_t *client, es_end_t why);

/** Give back the subscription, its count and the sink, and free the client. Its
 * line is logged, if it has one. */
void es_client_close(es_client_t *client);

#endif
