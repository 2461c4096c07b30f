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
#ifndef ES_CREW_H
#define ES_CREW_H

#include "deliver/conn.h"

typedef struct es_crew_t es_crew_t;

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

/** The same for one member that is not dead. */
void es_crew_end(es_crew_t *crew, es_member_t *member, apr_int64_t drain_ms);

/**
 * Visit all members that are not dead; to visit may drop or keep the one
 * visited and those visited before.
 *
 * @param visit  returns 0 to stop
 */
void es_crew_each(es_crew_t *crew, es_hub_t *hubs, apr_uint32_t nhubs,
                  int (*visit)(void *baton, es_member_t *member), void *baton);

/**
 * A member's socket is about to be handed over: its client knows how far it
 * has come, epoll tells of it no more, and nobody may step it before
 * es_crew_keep.
 *
 * @return 0 when it only waits for its peer to read the end
 */
int es_crew_part(es_crew_t *crew, es_member_t *member);

/** It was handed over: close it here, without a word to its peer. */
void es_crew_drop(es_crew_t *crew, es_member_t *member);

/** It was not handed over: all is as before es_crew_part. */
void es_crew_keep(es_crew_t *crew, es_member_t *member);

/** Close and free all members now. */
void es_crew_cut_all(es_crew_t *crew, es_hub_t *hubs, apr_uint32_t nhubs);

/** Free the dead. Nobody may hold a pointer to one of them. */
void es_crew_bury(es_crew_t *crew);

#endif
