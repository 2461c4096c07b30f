/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a client is beside deliver/client.h to the delivery that owns it.
 */
#ifndef ES_DELIVER_CLIENT_PRIV_H
#define ES_DELIVER_CLIENT_PRIV_H

#include "deliver/client.h"
#include "deliver/reader.h"

/** What stands between two owners of a client, beside its params. */
typedef struct es_client_state_t {
    es_pos_t cursor;
    apr_size_t skip;           /* bytes done of the frame at the cursor */
    apr_size_t control_offset; /* bytes done of the control frame at hand */
    es_id_t reset_id;          /* told by a stream-reset at hand */
    unsigned char control;     /* kind of the control frame, 0 = none */
} es_client_state_t;

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
                   es_client_params_t *params, es_client_state_t *state);

/**
 * A client that was just made goes on where another one stood.
 *
 * @param lost  1 = the journal cannot vouch for all since then: it is told by
 *              stream-reset with present, or cut if it stood within a frame
 */
void es_client_load(es_client_t *client, const es_client_state_t *state,
                    int lost, const es_start_t *present);

/** 1 when its end has been told to the sink: the peer may read it first. */
int es_client_is_finished(const es_client_t *client);

es_sink_t *es_client_sink(const es_client_t *client);
apr_uint32_t es_client_hub(const es_client_t *client);
apr_int64_t es_client_retry_ms(const es_client_t *client);

/** Its channels, sorted. They live as long as the client. */
const es_slot_t *es_client_slots(const es_client_t *client, int *count);

/* ---- its body ----------------------------------------------------------- */

/* Only deliver/client.c and deliver/client_state.c use what follows. */

/** The control frame at hand. These numbers travel in the lifeboat, too. */
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
    apr_time_t last;        /* a byte was taken then, or it became blocked */
    apr_size_t skip;        /* bytes, see deliver/reader.h */
    es_backlog_t *backlog;  /* NULL = none, or it is over */
    unsigned char control;  /* half-written or due: ES_CONTROL_… */
    unsigned char blocked;  /* the sink takes no more for now */
    unsigned char ending;   /* es_client_end was called */
    unsigned char finished; /* the end was told to the sink */
    unsigned char broken;   /* no more writes */
    apr_uint32_t hub;
    apr_uint32_t child;
    es_client_opts_t opts;
    apr_time_t end_at; /* its lifetime is over then; 0 = never */
    es_store_t *store;
    /* and what few do, last */
    apr_size_t control_offset; /* bytes of the control frame taken */
    es_id_t reset_id;          /* of the reset at hand */
    es_slot_t *slots;          /* sorted; one_slot, or malloc'ed */
    int nslots;
    es_slot_t one_slot;
    es_counted_t counted;
};

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
