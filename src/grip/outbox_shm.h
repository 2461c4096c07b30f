/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The shared segment with the outboxes of all GRIP proxies, and a flag for each
 * child by which senders that wait for an outbox ask for a wake-up.
 *
 * Which outbox belongs to which proxy is not in the segment: the parent assigns
 * them (server/outbox_owners.h).
 */
#ifndef ES_GRIP_OUTBOX_SHM_H
#define ES_GRIP_OUTBOX_SHM_H

#include <apr_pools.h>

#include "grip/outbox.h"

/** Most proxies of all hubs since the server was started. */
#define ES_OUTBOX_SHM_MAX 64

typedef struct es_outbox_shm_t es_outbox_shm_t;

/**
 * @param max_children  highest child number, 1..ES_CHILDREN_MAX
 * @return bytes of the segment; 0 = out of range
 */
apr_size_t es_outbox_shm_size(apr_uint32_t max_children);

/**
 * Make all outboxes.
 *
 * @param mem  es_outbox_shm_size bytes, all zero
 * @return APR_SUCCESS, or why a lock could not be made
 *
 * Context: PARENT.
 */
apr_status_t es_outbox_shm_format(void *mem, apr_uint32_t max_children);

/**
 * Use a segment that was formatted before.
 *
 * @param out       lives in pool; mem must stay mapped as long
 * @param wake_fds  max_children eventfds, which live as long as mem
 * @return APR_SUCCESS; APR_EMISMATCH: mem is not of this layout, or for
 *         another number of children
 */
apr_status_t es_outbox_shm_attach(es_outbox_shm_t **out, void *mem,
                                  apr_uint32_t max_children,
                                  const int *wake_fds, apr_pool_t *pool);

/** @param outbox  below ES_OUTBOX_SHM_MAX */
es_outbox_t *es_outbox_shm_at(const es_outbox_shm_t *outbox_shm,
                              apr_uint32_t outbox);

/** @return the child's eventfd: readable = a wake-up; -1 = no such child */
int es_outbox_shm_wake_fd(const es_outbox_shm_t *outbox_shm,
                          apr_uint32_t child);

/**
 * The child's sender is going to sleep and asks for wake-ups by other children.
 * It must look at the outboxes once more after this call and before it sleeps.
 * Context: ANY.
 */
void es_outbox_shm_set_sleeping(es_outbox_shm_t *outbox_shm,
                                apr_uint32_t child);

/** The child needs no wake-up by others any more, or is another child now.
 * Context: ANY. */
void es_outbox_shm_set_awake(es_outbox_shm_t *outbox_shm, apr_uint32_t child);

/** Wake one child, whether it sleeps or not. Async-signal safe. */
void es_outbox_shm_wake(const es_outbox_shm_t *outbox_shm, apr_uint32_t child);

/** An outbox has changed: wake all children that sleep. Context: ANY. */
void es_outbox_shm_wake_all(es_outbox_shm_t *outbox_shm);

#endif
