/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The crew: the clients that a delivery owns, as members, and all that
 * happens to one of them: it is taken up, stepped, hears from its socket,
 * falls due, ends, is buried. Who gets which record is the fan-out's matter.
 *
 * A member is in one state, and in one ring, at a time:
 *
 *     adopt ─► READY ─step─► CURRENT ⇄ round     all below its hub's position
 *              ▲ ▲ │ │  └──► AHEAD ──────┐       its cursor is beyond that
 *              │ │ │ └─────► BLOCKED ─┐  │       until the socket is writable
 *              │ └─┼─ writable ───────┘  │
 *              └───┼─ the hub has moved ─┘
 *                  └─end───► LINGER ──► DEAD     the peer may read the end
 *
 * Any state may become DEAD; a dead member is touched no more, and freed when
 * the turn of the loop is over, so pointers from epoll and lists stay valid
 * as long.
 *
 * Context of all: DELIVERY.
 */
#ifndef ES_DELIVER_CONNS_H
#define ES_DELIVER_CONNS_H

#include "base/list.h"
#include "deliver/channel_index.h"
#include "deliver/client.h"
#include "deliver/hub.h"
#include "deliver/inbox.h"
#include "deliver/timer_wheel.h"

typedef enum es_conn_state_t {
    ES_CONN_CURRENT,
    ES_CONN_READY,
    ES_CONN_AHEAD,
    ES_CONN_BLOCKED,
    ES_CONN_LINGER,
    ES_CONN_DEAD
} es_conn_state_t;

typedef struct es_conn_t {
    es_client_t *client; /* owned */
    es_sink_t *sink;     /* the client's */
    apr_uint32_t nslots;
    unsigned char state; /* es_conn_state_t */
    unsigned char chunked;
    unsigned char wants_out;     /* epoll tells when it is writable */
    unsigned char is_polled;     /* it is in the epoll set */
    unsigned char was_current;   /* since it was last blocked */
    apr_uint32_t round_number;   /* number of the round it took part in */
    es_channel_link_t link;      /* if it has one channel */
    es_channel_link_t *links;    /* nslots: link, or malloc'ed */
    es_hub_t *hub;               /* NULL before it is taken up */
    es_list_t state_link;        /* of its state */
    es_list_t behind_link;       /* in its hub's headway, or alone */
    apr_time_t last_progress;    /* es_client_moved when it was last blocked */
    apr_time_t waited_for_until; /* BLOCKED: writers wait for it until then */
    es_timer_t timer;
    apr_time_t deadline; /* LINGER: closed then at the latest */
    es_note_t note;      /* by which it comes */
} es_conn_t;

typedef struct es_conns_t es_conns_t;

/**
 * Make a conn of a client that is about to be posted to the delivery.
 *
 * @param client  owned by the conn on success
 * @return the conn, or NULL without memory
 *
 * Context: WORKER; DELIVERY for a client that comes from another child.
 */
es_conn_t *es_conns_prepare(es_client_t *client);

/** Free a conn that was never added, but not its client. Context: WORKER. */
void es_conns_discard(es_conn_t *conn);

/** The conn that a note is embedded in. */
es_conn_t *es_conns_from_note(es_note_t *note);

/**
 * @param epoll_fd  where sockets are watched, told by their member's address
 * @return the crew, empty, or NULL without memory
 */
es_conns_t *es_conns_create(int epoll_fd, apr_time_t now);

/** Free a crew without members. */
void es_conns_destroy(es_conns_t *conns);

/** Members that are not buried. Context: ANY. */
apr_uint32_t es_conns_count(const es_conns_t *conns);

/** Take up a member. It is DEAD at once if that fails. */
void es_conns_add(es_conns_t *conns, es_conn_t *conn, es_hub_t *hub,
                  apr_time_t now);

/** What epoll tells of a member. */
void es_conns_on_event(es_conns_t *conns, es_conn_t *conn, unsigned int events,
                       apr_time_t now);

/** A round's offer came to something else than ES_STEP_CURRENT. */
void es_conns_stepped(es_conns_t *conns, es_conn_t *conn, es_step_t step,
                      apr_time_t now);

/** The hub's position has risen: those ahead may be reached. */
void es_conns_hub_advanced(es_conns_t *conns, es_hub_t *hub);

/** The hub's position is about to jump: current members go on by themselves
 * from where it is now. */
void es_conns_catch_up(es_conns_t *conns, es_hub_t *hub);

/** Step members that are ready, steps at most. @return 1 when some remain */
int es_conns_run(es_conns_t *conns, int steps, apr_time_t now);

/** Do what time asks for. */
void es_conns_expire(es_conns_t *conns, apr_time_t now);

/** How long until es_conns_expire is needed; -1 = no timer. */
apr_interval_time_t es_conns_wait(const es_conns_t *conns, apr_time_t now);

/**
 * Begin to end all streams; es_conns_run does it. Each is told to come back
 * within drain_ms beyond its own retry value, at random, so that they do not
 * all come at once.
 */
void es_conns_end_all(es_conns_t *conns, es_hub_t *hubs, apr_uint32_t nhubs,
                      apr_int64_t drain_ms);

/** The same for one member that is not dead. */
void es_conns_end(es_conns_t *conns, es_conn_t *conn, apr_int64_t drain_ms);

/**
 * Visit all members that are not dead; to visit may drop or keep the one
 * visited and those visited before.
 *
 * @param visit  returns 0 to stop
 */
void es_conns_each(es_conns_t *conns, es_hub_t *hubs, apr_uint32_t nhubs,
                   int (*visit)(void *baton, es_conn_t *conn), void *baton);

/**
 * A member's socket is about to be handed over: its client knows how far it
 * has come, epoll tells of it no more, and nobody may step it before
 * es_conns_keep.
 *
 * @return 0 when it only waits for its peer to read the end
 */
int es_conns_detach(es_conns_t *conns, es_conn_t *conn);

/** It was handed over: close it here, without a word to its peer. */
void es_conns_drop(es_conns_t *conns, es_conn_t *conn);

/** It was not handed over: all is as before es_conns_detach. */
void es_conns_keep(es_conns_t *conns, es_conn_t *conn);

/** Close and free all members now. */
void es_conns_close_all(es_conns_t *conns, es_hub_t *hubs, apr_uint32_t nhubs);

/** Free the dead. Nobody may hold a pointer to one of them. */
void es_conns_reap(es_conns_t *conns);

#endif
