/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The board: a shared segment with a place for each child, where a child
 * tells that it is there and whether its delivery sleeps, and by which it is
 * woken. One for the whole server; it knows no hubs.
 *
 * A place is claimed by a child (compare-and-swap) and given back by the
 * parent, so that a killed child's place comes back too.
 */
#ifndef ES_SHM_CHILDREN_H
#define ES_SHM_CHILDREN_H

#include <apr_pools.h>

typedef struct es_children_t es_children_t;

/** Bytes for a board with so many places (1..2^16). */
apr_size_t es_children_size(apr_uint32_t max_children);

/** Make an empty board in mem, all zero. Context: PARENT. */
void es_children_format(void *mem, apr_uint32_t max_children);

/**
 * Use a board.
 *
 * @param wake  places descriptors (eventfd), which live as long as the board
 * @return APR_SUCCESS, APR_EMISMATCH when mem holds none of this layout
 */
apr_status_t es_children_attach(es_children_t **out, void *mem,
                                apr_size_t mem_size, apr_uint32_t max_children,
                                const int *wake, apr_pool_t *pool);

apr_uint32_t es_children_max(const es_children_t *children);

/**
 * Claim a free place for the calling process.
 *
 * @return the place from 1, or 0 when all are taken
 *
 * Context: CHILD_INIT.
 */
apr_uint32_t es_children_claim(es_children_t *children, apr_uint64_t generation,
                               apr_uint64_t pid);

/**
 * The place that a process holds, 0 = none; to be called again until it is
 * 0, as a child could have claimed several. Context: PARENT.
 */
apr_uint32_t es_children_find(const es_children_t *children, apr_uint64_t pid);

/** Free a place whose child is gone. Context: PARENT. */
void es_children_free(es_children_t *children, apr_uint32_t child);

/**
 * The child at place takes no clients from others any more. Context: ANY
 * thread of the child.
 */
void es_children_stops(es_children_t *children, apr_uint32_t child);

/**
 * Is there another child that takes clients?
 *
 * @param place  the caller's
 * @param since  it must be of this generation or a later one
 *
 * Context: ANY.
 */
int es_children_has_successor(const es_children_t *children, apr_uint32_t child,
                              apr_uint64_t since);

/**
 * The configuration of this generation has been read, and its children will
 * take clients.
 *
 * @param afloat  the first generation that has the lifeboat which they have
 *
 * Context: PARENT.
 */
void es_children_open(es_children_t *children, apr_uint64_t generation,
                      apr_uint64_t handover_since);

/** The last generation that es_children_open has named. Context: ANY. */
apr_uint64_t es_children_opened(const es_children_t *children);

/**
 * The first generation that has the present lifeboat; children of an earlier
 * one have another, which leads nowhere. To be asked after es_children_opened
 * or es_children_has_successor has told of children that came. Context: ANY.
 */
apr_uint64_t es_children_handover_since(const es_children_t *children);

/** The pid of the child at place, 0 = it is free. Context: ANY. */
apr_uint64_t es_children_pid(const es_children_t *children, apr_uint32_t child);

/** 1 when the place is taken by a child. Context: ANY. */
int es_children_is_present(const es_children_t *children, apr_uint32_t child);

/** The descriptor that wakes the child at place; readable = wake up. */
int es_children_wake_fd(const es_children_t *children, apr_uint32_t child);

/**
 * The delivery at place says that it is going to sleep. It must look at the
 * heads once more after this call and before it sleeps. Context: DELIVERY.
 */
void es_children_sleeps(es_children_t *children, apr_uint32_t child);

/** It is awake: nobody needs to write to its descriptor. Context: DELIVERY. */
void es_children_wakes(es_children_t *children, apr_uint32_t child);

/**
 * Tell a child that there is news: a write to its descriptor if it sleeps,
 * nothing if it is awake and will look by itself. Never blocks.
 *
 * Context: ANY, without locks.
 */
void es_children_wake(es_children_t *children, apr_uint32_t child);

#endif
