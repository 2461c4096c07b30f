/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A conn is a client's socket with its epoll state and its timer. A delivery
 * owns a set of conns and does all that happens to one of them: it adds the
 * conn, steps its client, handles events of its socket, runs its timer, ends
 * its stream and frees it. Which client gets which record is decided by
 * deliver/fanout.h.
 *
 * A conn is in one state, and in one list, at a time:
 *
 *     added ─► READY ─step─► CURRENT ⇄ round     has seen all below hub->pos
 *              ▲ ▲ │ │  └──► AHEAD ──────┐       its cursor is beyond that
 *              │ │ │ └─────► BLOCKED ─┐  │       until the socket is writable
 *              │ └─┼─ writable ───────┤  │
 *              │   │    STALLED ◄─────┘  │       it was, and took nothing
 *              └───┼─ the hub advances ──┘
 *                  └─end───► LINGER ──► DEAD     the peer may read the end
 *
 * Any state may become DEAD. Nothing is done to a dead conn any more; it is
 * freed at the end of the loop's turn, so that pointers to it from epoll and
 * from lists stay valid until then.
 *
 * Context of all: DELIVERY, unless another is named.
 */
#ifndef ES_DELIVER_CONNS_H
#define ES_DELIVER_CONNS_H

#include "base/list.h"
#include "deliver/channel_index.h"
#include "deliver/client.h"
#include "deliver/deadline.h"
#include "deliver/hub.h"
#include "deliver/inbox.h"
#include "deliver/timer_wheel.h"

typedef enum es_conn_state_t {
    ES_CONN_CURRENT, /* takes part in rounds */
    ES_CONN_READY,   /* its client is about to be stepped */
    ES_CONN_AHEAD,   /* waits for its hub to reach its cursor */
    ES_CONN_BLOCKED, /* waits for its socket to become writable */
    ES_CONN_STALLED, /* the same, but epoll is not asked: tried after a time */
    ES_CONN_LINGER,  /* waits for the peer to read the end and close */
    ES_CONN_DEAD     /* es_conns_reap frees it */
} es_conn_state_t;

typedef struct es_conn_t {
    es_client_t *client; /* owned */
    es_sink_t *sink;     /* the client's */
    apr_uint32_t nslots;
    unsigned char state; /* es_conn_state_t */
    unsigned char chunked;
    unsigned char is_large;       /* its sink is */
    unsigned char wants_out;      /* EPOLLOUT is asked for */
    unsigned char is_polled;      /* the socket is in the epoll set */
    unsigned char was_current;    /* since it was last BLOCKED */
    unsigned char half_closed;    /* the peer sends no more */
    unsigned char stalls;         /* tries in a row that wrote nothing */
    union {                       /* of its channels */
        es_channel_link_t link;   /* nslots is 0 or 1 */
        es_channel_link_t *links; /* nslots of them, owned */
    };
    es_hub_t *hub; /* NULL before es_conns_add */
    union {
        es_note_t note;       /* before es_conns_add: posts it to the inbox */
        es_list_t state_link; /* from then on: in its state's list */
    };
    es_list_t behind_link;       /* in its hub's progress.conns, or alone */
    apr_time_t last_progress;    /* the client's, when it last became BLOCKED */
    apr_time_t waited_for_until; /* BLOCKED: publishers wait until then */
    es_flow_control_budget_t use; /* of the time that publishers wait for it */
    es_timer_t timer;
    apr_time_t deadline; /* LINGER: closed then; STALLED: tried again then */
} es_conn_t;

typedef struct es_conns_t es_conns_t;

/**
 * Make a conn for a client, to be added by es_conns_add.
 *
 * @param client  owned by the conn on success
 * @return the conn, or NULL if out of memory
 *
 * Context: WORKER; DELIVERY for a client that comes from another child.
 */
es_conn_t *es_conns_prepare(es_client_t *client);

/** Free a conn that was never added; its client is the caller's again.
 * Context: WORKER. */
void es_conns_discard(es_conn_t *conn);

/** The conn in which the note is embedded. */
es_conn_t *es_conns_from_note(es_note_t *note);

/**
 * Make an empty set of conns.
 *
 * @param epoll_fd  where sockets are watched; not owned. The data.ptr of their
 *                  events is the conn
 * @return the set, or NULL if out of memory
 *
 * Context: the thread that makes the loop.
 */
es_conns_t *es_conns_create(int epoll_fd, apr_time_t now);

/** Free an empty set. Context: the thread that destroys the loop. */
void es_conns_destroy(es_conns_t *conns);

/** The number of conns that are not freed yet. Context: ANY. */
apr_uint32_t es_conns_count(const es_conns_t *conns);

/**
 * Add a conn and step its client.
 *
 * @param conn  owned by the set; DEAD on return if it could not be added
 */
void es_conns_add(es_conns_t *conns, es_conn_t *conn, es_hub_t *hub,
                  apr_time_t now);

/** Handle an event of a conn's socket. @param events  of epoll */
void es_conns_on_event(es_conns_t *conns, es_conn_t *conn, unsigned int events,
                       apr_time_t now);

/** A round's offer to a conn returned a step other than ES_STEP_CURRENT. */
void es_conns_stepped(es_conns_t *conns, es_conn_t *conn, es_step_t step,
                      apr_time_t now);

/** The hub's position has risen: conns that are AHEAD may become READY. */
void es_conns_hub_advanced(es_conns_t *conns, es_hub_t *hub);

/**
 * The fan-out is about to raise the hub's position without offering the
 * records between: make its CURRENT conns READY, so that they read these
 * records themselves, from the present position on.
 */
void es_conns_catch_up(es_conns_t *conns, es_hub_t *hub);

/**
 * Step READY conns. One that is READY again comes after the others.
 *
 * @param deadline  NULL = until none is READY
 * @return 1 when some are left
 */
int es_conns_run(es_conns_t *conns, es_deadline_t *deadline, apr_time_t now);

/** 1 when a conn is READY. */
int es_conns_has_ready(const es_conns_t *conns);

/** 1 when a conn is DEAD and not freed yet. */
int es_conns_has_dead(const es_conns_t *conns);

/**
 * Begin to end all streams; es_conns_run writes the ends. Each client is
 * asked to reconnect after its own retry value plus a random time up to
 * drain_ms, so that not all reconnect at once.
 */
void es_conns_end_all(es_conns_t *conns, es_hub_t *hubs, apr_uint32_t nhubs,
                      apr_int64_t drain_ms);

/** The same for one conn. Nothing is done if it is LINGER or DEAD. */
void es_conns_end(es_conns_t *conns, es_conn_t *conn, apr_int64_t drain_ms);

/**
 * Visit all conns that are not dead. A visit may drop or keep the conn that
 * is visited and those that were visited before.
 *
 * @param visit  returns 0 to stop
 */
void es_conns_foreach(es_conns_t *conns, es_hub_t *hubs, apr_uint32_t nhubs,
                      int (*visit)(void *baton, es_conn_t *conn), void *baton);

/**
 * Prepare a conn to be handed over: its client is at the position that it has
 * really reached, and epoll does not report its socket. It must not be stepped
 * before es_conns_resume.
 *
 * @return 0 when it is LINGER or its socket is not in the epoll set: nothing
 *         was done
 */
int es_conns_suspend(es_conns_t *conns, es_conn_t *conn);

/** Make a conn DEAD: es_conns_reap closes it without writing to the peer. */
void es_conns_drop(es_conns_t *conns, es_conn_t *conn);

/** It was not handed over: undo es_conns_suspend. */
void es_conns_resume(es_conns_t *conns, es_conn_t *conn);

/** Close and free all conns at once. */
void es_conns_close_all(es_conns_t *conns, es_hub_t *hubs, apr_uint32_t nhubs);

/**
 * Free dead conns. The caller holds no pointer to one of them.
 *
 * @param deadline  NULL = free all
 * @return 1 when some are left
 */
int es_conns_reap(es_conns_t *conns, es_deadline_t *deadline);

#endif
