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
 * Context of all: DELIVERY, but for es_member_create and _destroy.
 */
#ifndef ES_CREW_H
#define ES_CREW_H

#include "deliver/es_client.h"
#include "deliver/es_inbox.h"
#include "deliver/es_index.h"
#include "deliver/es_ring.h"
#include "deliver/es_watch.h"
#include "deliver/es_wheel.h"

typedef enum es_member_state_t {
    ES_MEMBER_CURRENT,
    ES_MEMBER_READY,
    ES_MEMBER_AHEAD,
    ES_MEMBER_BLOCKED,
    ES_MEMBER_LINGER,
    ES_MEMBER_DEAD
} es_member_state_t;

typedef struct es_member_t es_member_t;

/** A hub as the delivery sees it. */
typedef struct es_hub_t {
    es_store_t *store;
    es_pos_t pos;          /* all below it has been offered */
    es_index_t *clients;   /* channel → links of members */
    es_index_t *watches;   /* channel → links of watches */
    es_watch_t *known;     /* all its watches, the first of a list */
    es_pos_t nudged;       /* all its watches were signalled then */
    es_ring_t ahead;       /* members in state AHEAD */
    apr_time_t complained; /* the last message about it; 0 = none */
} es_hub_t;

struct es_member_t {
    es_client_t *client; /* owned */
    es_sink_t *sink;     /* the client's */
    apr_uint32_t nslots;
    unsigned char state; /* es_member_state_t */
    unsigned char chunked;
    unsigned char wants_out; /* epoll tells when it is writable */
    unsigned char is_polled; /* it is in the epoll set */
    apr_uint32_t turn;       /* number of the round it took part in */
    es_index_link_t link;    /* if it has one channel */
    es_index_link_t *links;  /* nslots: link, or malloc'ed */
    es_hub_t *hub;           /* NULL before it is taken up */
    es_ring_t ring;          /* of its state */
    es_wheel_entry_t timer;
    apr_time_t deadline; /* LINGER: closed then at the latest */
    es_note_t note;      /* by which it comes */
};

typedef struct es_crew_t es_crew_t;

/** @return the member, owning client, or NULL without memory */
es_member_t *es_member_create(es_client_t *client);

/** Free a member that was never taken up, but not its client. */
void es_member_destroy(es_member_t *member);

es_member_t *es_member_of_note(es_note_t *note);

/**
 * @param epoll_fd  where sockets are watched, told by their member's address
 * @return the crew, empty, or NULL without memory
 */
es_crew_t *es_crew_create(int epoll_fd, apr_time_t now);

/** Free a crew without members. */
void es_crew_destroy(es_crew_t *crew);

/** Members that are not buried. Context: ANY. */
apr_uint32_t es_crew_count(const es_crew_t *crew);

/** Take up a member. It is DEAD at once if that fails. */
void es_crew_adopt(es_crew_t *crew, es_member_t *member, es_hub_t *hub,
                   apr_time_t now);

/** What epoll tells of a member. */
void es_crew_on_event(es_crew_t *crew, es_member_t *member, unsigned int events,
                      apr_time_t now);

/** A round's offer came to something else than ES_STEP_CURRENT. */
void es_crew_left(es_crew_t *crew, es_member_t *member, es_step_t step,
                  apr_time_t now);

/** The hub's position has risen: those ahead may be reached. */
void es_crew_hub_moved(es_crew_t *crew, es_hub_t *hub);

/** The hub's position is about to jump: current members go on by themselves
 * from where it is now. */
void es_crew_hub_jumps(es_crew_t *crew, es_hub_t *hub);

/** Step members that are ready, steps at most. @return 1 when some remain */
int es_crew_run(es_crew_t *crew, int steps, apr_time_t now);

/** Do what time asks for. */
void es_crew_expire(es_crew_t *crew, apr_time_t now);

/** How long until es_crew_expire is needed; -1 = no timer. */
apr_interval_time_t es_crew_wait(const es_crew_t *crew, apr_time_t now);

/**
 * Begin to end all streams; es_crew_run does it. Each is told to come back
 * within drain_ms beyond its own retry value, at random, so that they do not
 * all come at once.
 */
void es_crew_end_all(es_crew_t *crew, es_hub_t *hubs, apr_uint32_t nhubs,
                     apr_int64_t drain_ms);

/** Close and free all members now. */
void es_crew_cut_all(es_crew_t *crew, es_hub_t *hubs, apr_uint32_t nhubs);

/** Free the dead. Nobody may hold a pointer to one of them. */
void es_crew_bury(es_crew_t *crew);

#endif
