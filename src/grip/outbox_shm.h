/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The mailroom: a shared segment with the outboxes of all GRIP proxies, and a
 * bell for each child, by which those that wait for an outbox are called.
 *
 * Which outbox is whose is known to the parent, which hands them out; nothing
 * of that stands here.
 */
#ifndef ES_GRIP_OUTBOX_SHM_H
#define ES_GRIP_OUTBOX_SHM_H

#include <apr_pools.h>

#include "grip/outbox.h"

/** Most proxies of all hubs since the server was started. */
#define ES_OUTBOX_SHM_MAX 64

typedef struct es_outbox_shm_t es_outbox_shm_t;

/** Bytes for a mailroom with so many places of children. */
apr_size_t es_outbox_shm_size(apr_uint32_t max_children);

/** Make it in mem, all zero. Context: PARENT. */
apr_status_t es_outbox_shm_format(void *mem, apr_uint32_t max_children);

/**
 * Use it.
 *
 * @param bells  places descriptors (eventfd), which live as long as mem
 * @return APR_SUCCESS, APR_EMISMATCH when mem holds none of this layout
 */
apr_status_t es_outbox_shm_attach(es_outbox_shm_t **out, void *mem,
                                  apr_uint32_t max_children,
                                  const int *wake_fds, apr_pool_t *pool);

/** @param box  below ES_OUTBOX_SHM_MAX */
es_outbox_t *es_outbox_shm_at(const es_outbox_shm_t *outbox_shm,
                              apr_uint32_t outbox);

/** What is readable when the child at place is called. */
int es_outbox_shm_wake_fd(const es_outbox_shm_t *outbox_shm,
                          apr_uint32_t child);

/**
 * The child at place is going to wait for others. It must look at the
 * outboxes once more after this call and before it waits. Context: ANY.
 */
void es_outbox_shm_sleeps(es_outbox_shm_t *outbox_shm, apr_uint32_t child);

/** It waits no more, or there is another child. Context: ANY. */
void es_outbox_shm_wakes(es_outbox_shm_t *outbox_shm, apr_uint32_t child);

/** Call one child, whether it waits for others or not. Async-signal safe. */
void es_outbox_shm_wake(const es_outbox_shm_t *outbox_shm, apr_uint32_t child);

/** Outboxes have changed: call all who wait for that. Context: ANY. */
void es_outbox_shm_wake_all(es_outbox_shm_t *outbox_shm);

#endif
