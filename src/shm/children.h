/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The table of children: a shared segment with an entry for each child, by
 * which the others see that it is there, whether its delivery sleeps and
 * whether it takes clients, and wake it. There is one for the server; it knows
 * no hubs.
 *
 * A child is known by its number, from 1. A child claims a free number
 * (compare-and-swap) and the parent frees it, so that the number of a killed
 * child is free again, too. A process with several deliveries claims a number
 * for each of them; to all others these are children with the same pid.
 */
#ifndef ES_SHM_CHILDREN_H
#define ES_SHM_CHILDREN_H

#include <apr_pools.h>

/** The highest child number that any segment has room for. */
#define ES_CHILDREN_MAX (1u << 16)

typedef struct es_children_t es_children_t;

/** Bytes of a table of max_children entries (1..ES_CHILDREN_MAX). */
apr_size_t es_children_size(apr_uint32_t max_children);

/** Make mem an empty table; all of it is zeroed first. Context: PARENT. */
void es_children_format(void *mem, apr_uint32_t max_children);

/**
 * Use a table.
 *
 * @param out   lives in pool
 * @param wake  max_children descriptors (shm/wakeup.h), which live as long as
 *              the table
 * @return APR_SUCCESS; APR_EMISMATCH: mem contains no table of this layout and
 *         size
 */
apr_status_t es_children_attach(es_children_t **out, void *mem,
                                apr_size_t mem_size, apr_uint32_t max_children,
                                const int *wake, apr_pool_t *pool);

apr_uint32_t es_children_max(const es_children_t *children);

/**
 * Claim a free number for the calling process.
 *
 * @return the child's number, from 1; 0: all are in use
 *
 * Context: CHILD_INIT.
 */
apr_uint32_t es_children_claim(es_children_t *children, apr_uint64_t generation,
                               apr_uint64_t pid);

/**
 * The number that a process has; 0 = none. Call it again, after
 * es_children_free, until it returns 0: a child may have claimed several.
 *
 * Context: PARENT.
 */
apr_uint32_t es_children_find(const es_children_t *children, apr_uint64_t pid);

/** Free the number of a child that is gone. Context: PARENT. */
void es_children_free(es_children_t *children, apr_uint32_t child);

/**
 * The child takes no clients from others any more.
 *
 * Context: ANY thread of the child.
 */
void es_children_set_stopping(es_children_t *children, apr_uint32_t child);

/** 1 if es_children_set_stopping was called. Context: ANY. */
int es_children_is_stopping(const es_children_t *children, apr_uint32_t child);

/**
 * Is there another process that takes clients? The other numbers of the
 * caller's process do not count: it stops as a whole.
 *
 * @param child  the caller's number
 * @param since  the other must be of this generation or a later one
 *
 * Context: ANY.
 */
int es_children_has_successor(const es_children_t *children, apr_uint32_t child,
                              apr_uint64_t since);

/**
 * The configuration of this generation has been read, and its children will
 * take clients.
 *
 * @param handover_since  the first generation that has the handover sockets of
 *                        this one
 *
 * Context: PARENT.
 */
void es_children_open(es_children_t *children, apr_uint64_t generation,
                      apr_uint64_t handover_since);

/** The generation of the last es_children_open. Context: ANY. */
apr_uint64_t es_children_opened(const es_children_t *children);

/**
 * The first generation that has the present handover sockets; children of an
 * earlier one have sockets that no other child reads. Call it after
 * es_children_opened or es_children_has_successor has returned that there are
 * later children: then it is at least as new as they are.
 *
 * Context: ANY.
 */
apr_uint64_t es_children_handover_since(const es_children_t *children);

/** The pid of a child; 0 = the number is free. Context: ANY. */
apr_uint64_t es_children_pid(const es_children_t *children, apr_uint32_t child);

/** The generation of a child, while it is present. Context: ANY. */
apr_uint64_t es_children_generation(const es_children_t *children,
                                    apr_uint32_t child);

/** 1 if a child has this number. Context: ANY. */
int es_children_is_present(const es_children_t *children, apr_uint32_t child);

/** The descriptor that is readable when the child is woken; -1 = no child. */
int es_children_wake_fd(const es_children_t *children, apr_uint32_t child);

/**
 * The child's delivery is about to sleep. It must look at the journals' heads
 * once more after this call, as es_wakeup_set_sleeping says.
 *
 * Context: DELIVERY.
 */
void es_children_set_sleeping(es_children_t *children, apr_uint32_t child);

/** The child's delivery is awake. Context: DELIVERY. */
void es_children_set_awake(es_children_t *children, apr_uint32_t child);

/**
 * Wake a child's delivery, as something has changed for it: one that is awake
 * looks by itself. Never blocks.
 *
 * Context: ANY, without locks.
 */
void es_children_wake(es_children_t *children, apr_uint32_t child);

#endif
