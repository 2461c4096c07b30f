/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The board: a shared segment with a place for each child, where a child
 * tells that it is there and whether its delivery sleeps, and by which it is
 * woken. One for the whole server; it knows no hubs.
 *
 * A place is claimed by a child (compare-and-swap) and given back by the
 * parent, so that a killed child's place comes back too.
 */
#ifndef ES_BOARD_H
#define ES_BOARD_H

#include <apr_pools.h>

typedef struct es_board_t es_board_t;

/** Bytes for a board with so many places (1..2^16). */
apr_size_t es_board_size(apr_uint32_t places);

/** Make an empty board in mem, all zero. Context: PARENT. */
void es_board_format(void *mem, apr_uint32_t places);

/**
 * Use a board.
 *
 * @param wake  places descriptors (eventfd), which live as long as the board
 * @return APR_SUCCESS, APR_EMISMATCH when mem holds none of this layout
 */
apr_status_t es_board_attach(es_board_t **out, void *mem, apr_size_t mem_size,
                             apr_uint32_t places, const int *wake,
                             apr_pool_t *pool);

apr_uint32_t es_board_places(const es_board_t *board);

/**
 * Claim a free place for the calling process.
 *
 * @return the place from 1, or 0 when all are taken
 *
 * Context: CHILD_INIT.
 */
apr_uint32_t es_board_claim(es_board_t *board, apr_uint64_t generation,
                            apr_uint64_t pid);

/**
 * The place that a process holds, 0 = none; to be called again until it is
 * 0, as a child could have claimed several. Context: PARENT.
 */
apr_uint32_t es_board_find(const es_board_t *board, apr_uint64_t pid);

/** Free a place whose child is gone. Context: PARENT. */
void es_board_free(es_board_t *board, apr_uint32_t place);

/**
 * The child at place takes no clients from others any more. Context: ANY
 * thread of the child.
 */
void es_board_stops(es_board_t *board, apr_uint32_t place);

/**
 * Is there another child that takes clients?
 *
 * @param place  the caller's
 * @param since  it must be of this generation or a later one
 *
 * Context: ANY.
 */
int es_board_has_refuge(const es_board_t *board, apr_uint32_t place,
                        apr_uint64_t since);

/**
 * The configuration of this generation has been read, and its children will
 * take clients.
 *
 * @param afloat  the first generation that has the lifeboat which they have
 *
 * Context: PARENT.
 */
void es_board_open(es_board_t *board, apr_uint64_t generation,
                   apr_uint64_t afloat);

/** The last generation that es_board_open has named. Context: ANY. */
apr_uint64_t es_board_opened(const es_board_t *board);

/**
 * The first generation that has the present lifeboat; children of an earlier
 * one have another, which leads nowhere. To be asked after es_board_opened or
 * es_board_has_refuge has told of children that came. Context: ANY.
 */
apr_uint64_t es_board_afloat(const es_board_t *board);

/** The pid of the child at place, 0 = it is free. Context: ANY. */
apr_uint64_t es_board_holder(const es_board_t *board, apr_uint32_t place);

/** 1 when the place is taken by a child. Context: ANY. */
int es_board_is_taken(const es_board_t *board, apr_uint32_t place);

/** The descriptor that wakes the child at place; readable = wake up. */
int es_board_wake_fd(const es_board_t *board, apr_uint32_t place);

/**
 * The delivery at place says that it is going to sleep. It must look at the
 * heads once more after this call and before it sleeps. Context: DELIVERY.
 */
void es_board_sleeps(es_board_t *board, apr_uint32_t place);

/** It is awake: nobody needs to write to its descriptor. Context: DELIVERY. */
void es_board_wakes(es_board_t *board, apr_uint32_t place);

/**
 * Tell a child that there is news: a write to its descriptor if it sleeps,
 * nothing if it is awake and will look by itself. Never blocks.
 *
 * Context: ANY, without locks.
 */
void es_board_wake(es_board_t *board, apr_uint32_t place);

#endif
