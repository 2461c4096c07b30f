/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the delivery uses of a client in addition to deliver/client.h, and the
 * states and the struct of a client, which only client.c, client_state.c and
 * their tests use.
 */
#ifndef ES_DELIVER_CLIENT_PRIV_H
#define ES_DELIVER_CLIENT_PRIV_H

#include "deliver/client.h"
#include "deliver/reader.h"

/* ---- for the delivery ---------------------------------------------------- */

/** Where a client stands, for its next owner, in addition to its params. */
typedef struct es_client_saved_t {
    es_pos_t cursor;
    apr_size_t skip;           /* bytes written of the frame at the cursor */
    apr_size_t control_offset; /* bytes written of the control frame */
    es_id_t reset_id;          /* the id in a stream-reset that is due */
    unsigned char control;     /* ES_CONTROL_…: due or partially written */
} es_client_saved_t;

/** A client with a control frame of a higher number is not handed over. */
#define ES_CLIENT_CONTROL_MAX 2

/**
 * es_client_step that sees the journal up to limit only, so that the client
 * stands just where the next round starts. A cursor that is beyond limit (set
 * there by the subscription or by a stream-reset) stays.
 */
es_step_t es_client_step_to(es_client_t *client, es_pos_t limit, apr_time_t now,
                            char *scratch, apr_size_t scratch_size);

/** When its sink last took a byte, or began to take no more. */
apr_time_t es_client_last_progress(const es_client_t *client);

/** The client has seen all of its records below pos. Its cursor never moves
 * back, and stays while a record's frame is partially written. */
void es_client_seek(es_client_t *client, es_pos_t pos);

/** Restart the client's silence and lifetime at now: its new owner has another
 * clock. */
void es_client_rebase(es_client_t *client, apr_time_t now);

/**
 * Save where the client stands and how it is served, for an owner in another
 * process. The client itself stays as it is, except that its cursor may move
 * over records of other channels.
 *
 * @param params  filled, except for child and pos; the cursor is in saved.
 *                slots lives as long as the client; store and counted are this
 *                process's. opts.lifetime is what is left of it: 0 = no end,
 *                else 1 or more. A backlog is not saved: the next owner sends
 *                all that is left of the past. line is NULL; presence stays
 *                the client's
 * @return 1; 0: the client cannot be handed over, since it ends, is broken, or
 *         stands within a stream-reset, whose bytes depend on this process's
 *         slots
 */
int es_client_save(es_client_t *client, apr_time_t now,
                   es_client_params_t *params, es_client_saved_t *saved);

/**
 * Let a client that was just created continue where another one was saved.
 *
 * @param lost     1 = the journal cannot guarantee that it retains all records
 *                 since then. A client that stood within a frame is cut; if
 *                 one of its channels was closed since then, its stream ends;
 *                 any other client gets a stream-reset with present
 * @param present  the present position; read only if lost
 */
void es_client_load(es_client_t *client, const es_client_saved_t *saved,
                    int lost, const es_start_t *present);

/** The line of the client, or NULL: also if it was forgotten. */
const es_stream_line_t *es_client_line(const es_client_t *client);

/** The client goes on elsewhere, where its line is logged. */
void es_client_forget_line(es_client_t *client);

/** The client goes on elsewhere: its name stays present until it is there. */
void es_client_extend_presence(es_client_t *client);

/** 1 when the sink has the end of the body: the peer may still read it. */
int es_client_is_finished(const es_client_t *client);

/** Its sink, which it owns. */
es_sink_t *es_client_sink(const es_client_t *client);

/** The number of its hub, from 0. */
apr_uint32_t es_client_hub(const es_client_t *client);

/** The retry: of its end, in milliseconds. */
apr_int64_t es_client_retry_ms(const es_client_t *client);

/** Its channels, sorted. They live as long as the client. */
const es_slot_t *es_client_slots(const es_client_t *client, int *count);

/* ---- for client.c and client_state.c ------------------------------------- */

/**
 * A client is in one state at a time:
 *
 *                 ┌───────── seen ────────┐
 *                 ▼                       │
 *     create ─► LIVE ──────── due ─────► BEHIND ◄─ create with a backlog
 *                │ ▲                      │ ▲
 *           full │ │ seen            full │ │ taken
 *                ▼ │                      ▼ │
 *              ┌────────────────────────────┐
 *              │          BLOCKED           │
 *              └────────────────────────────┘
 *
 *     LIVE, BEHIND ── end ─► ENDING ── done ─► FINISHED
 *                         full │ ▲ taken
 *                              ▼ │
 *     BLOCKED ─────── end ─► ENDING_BLOCKED
 *
 *     any of these but FINISHED ── fail ─► BROKEN
 *
 * LIVE: all records are seen, up to the limit of the last step, and no frame
 * is partially written; a round writes in this state only. BEHIND: a step of
 * its own has to write first. BLOCKED: the sink takes no more. ENDING: a
 * partially written frame is completed, then the end is written. FINISHED: the
 * body is complete. BROKEN: the stream is cut, nothing more is written.
 *
 * How much of a frame is written is data, not state: skip counts the bytes of
 * a record, control and control_offset are the kind and the bytes of a control
 * frame.
 */
typedef enum es_client_state_t {
    ES_CLIENT_LIVE,
    ES_CLIENT_BEHIND,
    ES_CLIENT_BLOCKED, /* up to here the client is open */
    ES_CLIENT_ENDING,
    ES_CLIENT_ENDING_BLOCKED,
    ES_CLIENT_FINISHED,
    ES_CLIENT_BROKEN,
    ES_CLIENT_STATES
} es_client_state_t;

/** What changes the state of a client: the arrows. */
typedef enum es_client_cause_t {
    ES_CLIENT_ON_DUE,   /* there is more, and only a step can write it */
    ES_CLIENT_ON_TAKEN, /* the sink took all of a write */
    ES_CLIENT_ON_FULL,  /* the sink took a part of a write, or nothing */
    ES_CLIENT_ON_SEEN,  /* all records are written, and no backlog is left */
    ES_CLIENT_ON_END,   /* the stream shall end */
    ES_CLIENT_ON_DONE,  /* the end is written */
    ES_CLIENT_ON_FAIL,  /* the sink is broken, or a frame cannot be completed */
    ES_CLIENT_CAUSES
} es_client_cause_t;

/** The control frame that is due or partially written. Handover messages carry
 * these numbers. */
enum {
    ES_CONTROL_NONE,
    ES_CONTROL_KEEPALIVE,
    ES_CONTROL_RESET,
    ES_CONTROL_END
};

typedef char
    es_assert_control_max[ES_CONTROL_RESET == ES_CLIENT_CONTROL_MAX ? 1 : -1];

/** What is known of the past that a client begins with. */
enum {
    ES_CLIENT_REPLAY_NONE, /* it has none, or has been asked */
    ES_CLIENT_REPLAY_RUNS,
    ES_CLIENT_REPLAY_OVER, /* it has caught up */
    ES_CLIENT_REPLAY_LIVE  /* as NONE; a step of its own has written events */
};

struct es_client_t {
    /* what each write touches comes first */
    es_sink_t *sink; /* owned */
    es_pos_t cursor;
    apr_time_t last;       /* a byte was taken then, or it became blocked */
    unsigned char state;   /* es_client_state_t */
    unsigned char control; /* ES_CONTROL_… */
    unsigned char why;     /* es_end_t; ES_END_ERROR = not known yet */
    unsigned char replay;  /* ES_CLIENT_REPLAY_… */
    apr_uint32_t hub;
    es_stream_line_t *line;    /* owned; NULL = the stream is not logged */
    es_hub_figures_t *figures; /* not owned; never NULL, so that a delivery
                                * need not ask */
    apr_size_t skip;           /* bytes, see deliver/reader.h */
    es_backlog_t *backlog;     /* owned; NULL = none, or it is over */
    es_client_opts_t opts;     /* retry_ms: also that of an end */
    apr_time_t end_at;         /* its lifetime is over then; 0 = never */
    es_store_t *store;
    /* and what is rarely used, last */
    apr_size_t control_offset; /* bytes of the control frame that are taken */
    es_id_t reset_id;          /* the id in a stream-reset that is due */
    es_slot_t *slots;          /* sorted; one_slot, or malloc'ed */
    int nslots;
    es_slot_t one_slot;
    apr_uint32_t child;
    apr_uint32_t earlier; /* us: so much before opts.keepalive is over */
    apr_uint32_t noted;   /* RUNS, OVER: events that it got; LIVE: when the
                            * oldest of these was appended, as in records */
    apr_uint32_t checked; /* see deliver/revoked.h */
    es_pos_t search_from; /* see es_scan_params_t */
    es_counted_t counted;
    apr_uint64_t token;             /* of its identity; 0 = none */
    es_client_presence_t *presence; /* owned; NULL = none */
};

/** The state that follows on each cause. */
extern const unsigned char es_client_state_next[ES_CLIENT_STATES]
                                               [ES_CLIENT_CAUSES];

static inline void es_client_change(es_client_t *client,
                                    es_client_cause_t cause)
{
    client->state = es_client_state_next[client->state][cause];
}

/** 1 = it can be written to, and it is not to end. */
static inline int es_client_is_open(const es_client_t *client)
{
    return client->state <= ES_CLIENT_BLOCKED;
}

/** A control frame becomes due. */
static inline void es_client_schedule_control(es_client_t *client, int control)
{
    client->control = (unsigned char)control;
    client->control_offset = 0;
    es_client_change(client, ES_CLIENT_ON_DUE);
}

/** End the stream for a reason that all clients of a channel may have at once:
 * retry is longer by up to a fifth. Nothing is done if it ends already. */
void es_client_end_spread(es_client_t *client);

/** 1 when its stream is logged. */
static inline int es_client_is_logged(const es_client_t *client)
{
    return client->line != NULL;
}

/** Count events that the client got as a whole. */
static inline void es_client_count_events(es_client_t *client,
                                          apr_uint64_t events)
{
    if (es_client_is_logged(client)) {
        client->line->events += events;
    }
    es_child_figures_raise(&client->figures->deliveries, events);
}

/** Count bytes that its sink took. */
static inline void es_client_count_bytes(es_client_t *client, apr_size_t bytes)
{
    if (es_client_is_logged(client)) {
        client->line->bytes += bytes;
    }
    es_child_figures_raise(&client->figures->bytes, bytes);
}

/** A stream-reset becomes due. */
void es_client_reset(es_client_t *client, const es_id_t *present,
                     es_reset_t why);

/** Log the line of a client that is about to be freed, if it has one. */
void es_client_log_line(const es_client_t *client);

/** Its part of the journal. */
static inline es_reader_t es_client_reader(const es_client_t *client)
{
    es_reader_t reader;

    reader.store = client->store;
    reader.slots = client->slots;
    reader.nslots = client->nslots;
    reader.chunked = client->sink->chunked;
    reader.replay = client->backlog != NULL ? client->backlog->parts : NULL;
    reader.search_from = client->search_from;
    return reader;
}

#endif
