/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a client is beside deliver/client.h to the delivery that owns it.
 */
#ifndef ES_DELIVER_CLIENT_PRIV_H
#define ES_DELIVER_CLIENT_PRIV_H

#include "deliver/client.h"
#include "deliver/reader.h"

/** Where a client stands, for its next owner, in addition to its params. */
typedef struct es_client_saved_t {
    es_pos_t cursor;
    apr_size_t skip;           /* bytes done of the frame at the cursor */
    apr_size_t control_offset; /* bytes done of the control frame */
    es_id_t reset_id;          /* the id in a stream-reset that is due */
    unsigned char control;     /* kind of the control frame, 0 = none */
} es_client_saved_t;

#define ES_CLIENT_CONTROL_MAX 2 /* kinds above it do not move */

/**
 * es_client_step that sees the journal up to limit only, so that its client
 * stands just where the next round starts. A cursor beyond the limit (where a
 * subscription or a stream-reset has set it) stays.
 */
es_step_t es_client_step_to(es_client_t *client, es_pos_t limit, apr_time_t now,
                            char *scratch, apr_size_t scratch_size);

/** When its sink has last taken a byte, or has begun to take no more. */
apr_time_t es_client_moved(const es_client_t *client);

/** All of its records below pos are known to be seen. */
void es_client_seek(es_client_t *client, es_pos_t pos);

/** Times count from now on: it has come to an owner with another clock. */
void es_client_rebase(es_client_t *client, apr_time_t now);

/**
 * Where the client stands, and how it is served, for an owner in another
 * process. The client itself is left as it is, but for a cursor that moves
 * over records that are none of its own.
 *
 * @param params  filled but for place and pos, which is in state; what it
 *                points to lives as long as the client, its store and ticket
 *                are this process's. A backlog does not move along: of what
 *                is left of it, the client gets all
 * @return 0 when it cannot move: it ends, is broken, or stands within a
 *         frame that another process could not make again
 */
int es_client_save(es_client_t *client, apr_time_t now,
                   es_client_params_t *params, es_client_saved_t *saved);

/**
 * A client that was just made goes on where another one stood.
 *
 * @param lost  1 = the journal cannot vouch for all since then: it is told by
 *              stream-reset with present, or cut if it stood within a frame
 */
void es_client_load(es_client_t *client, const es_client_saved_t *saved,
                    int lost, const es_start_t *present);

/** 1 when its end has been told to the sink: the peer may read it first. */
int es_client_is_finished(const es_client_t *client);

es_sink_t *es_client_sink(const es_client_t *client);
apr_uint32_t es_client_hub(const es_client_t *client);
apr_int64_t es_client_retry_ms(const es_client_t *client);

/** Its channels, sorted. They live as long as the client. */
const es_slot_t *es_client_slots(const es_client_t *client, int *count);

/* ---- its body ------------------------------------------------------------ */

/* Only deliver/client.c and deliver/client_state.c use what follows. */

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
 * is begun. A round writes to this state only. BEHIND: there is more, for its
 * own steps only. BLOCKED: the sink takes no more. ENDING: the frame that is
 * begun is completed, then the end is written. FINISHED: the body is complete.
 * BROKEN: the stream is cut, nothing more is written.
 *
 * What is half-written is data, not state: skip counts the bytes of a record,
 * control and control_offset those of a control frame.
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

/** What changes the state of a client. */
typedef enum es_client_cause_t {
    ES_CLIENT_ON_DUE,   /* only a step can write what is due */
    ES_CLIENT_ON_TAKEN, /* the sink took all of a write */
    ES_CLIENT_ON_FULL,  /* the sink took a part of a write, or nothing */
    ES_CLIENT_ON_SEEN,  /* nothing is due, and all records are written */
    ES_CLIENT_ON_END,   /* the stream shall end */
    ES_CLIENT_ON_DONE,  /* the end is written */
    ES_CLIENT_ON_FAIL,  /* the sink is broken, or bytes are lost in a frame */
    ES_CLIENT_CAUSES
} es_client_cause_t;

/** The control frame that is due or half-written. Handover messages carry
 * these numbers. */
enum {
    ES_CONTROL_NONE,
    ES_CONTROL_KEEPALIVE,
    ES_CONTROL_RESET,
    ES_CONTROL_END
};

typedef char
    es_assert_control_max[ES_CONTROL_RESET == ES_CLIENT_CONTROL_MAX ? 1 : -1];

struct es_client_t {
    /* what each write touches comes first */
    es_sink_t *sink; /* owned */
    es_pos_t cursor;
    apr_time_t last;       /* a byte was taken then, or it became blocked */
    apr_size_t skip;       /* bytes, see deliver/reader.h */
    es_backlog_t *backlog; /* owned; NULL = none, or it is over */
    unsigned char state;   /* es_client_state_t */
    unsigned char control; /* ES_CONTROL_… */
    apr_uint32_t hub;
    es_client_opts_t opts;
    apr_time_t end_at; /* its lifetime is over then; 0 = never */
    es_store_t *store;
    /* and what few do, last */
    apr_size_t control_offset; /* bytes of the control frame that are taken */
    es_id_t reset_id;          /* the id in the reset that is due */
    es_slot_t *slots;          /* sorted; one_slot, or malloc'ed */
    int nslots;
    es_slot_t one_slot;
    apr_uint32_t child;
    es_counted_t counted;
};

/** The state that follows on each cause. */
extern const unsigned char es_client_state_next[ES_CLIENT_STATES]
                                               [ES_CLIENT_CAUSES];

static inline void es_client_change(es_client_t *client,
                                    es_client_cause_t cause)
{
    client->state = es_client_state_next[client->state][cause];
}

/** 1 = it can be written to, and its end was not asked for. */
static inline int es_client_is_open(const es_client_t *client)
{
    return client->state <= ES_CLIENT_BLOCKED;
}

/** A control frame becomes due. */
static inline void es_client_owe(es_client_t *client, int control)
{
    client->control = (unsigned char)control;
    client->control_offset = 0;
    es_client_change(client, ES_CLIENT_ON_DUE);
}

/** One of its channels is closed: it ends, and comes back with the others, as
 * a client is one stream. */
void es_client_end_closed(es_client_t *client);

/** Its part of the journal. */
static inline es_reader_t es_client_reader(const es_client_t *client)
{
    es_reader_t reader;

    reader.store = client->store;
    reader.slots = client->slots;
    reader.nslots = client->nslots;
    reader.chunked = client->sink->chunked;
    reader.replay = client->backlog != NULL ? client->backlog->parts : NULL;
    return reader;
}

#endif
