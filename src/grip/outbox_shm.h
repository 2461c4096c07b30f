/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The mailroom: a shared segment with the outboxes of all GRIP proxies, and a
 * bell for each child, by which those that wait for an outbox are called.
 *
 * Which outbox is whose is known to the parent, which hands them out; nothing
 * of that stands here.
 */
#ifndef ES_MAILROOM_H
#define ES_MAILROOM_H

#include <apr_pools.h>

#include "grip/outbox.h"

/** Most proxies of all hubs since the server was started. */
#define ES_MAILROOM_BOXES 64

typedef struct es_mailroom_t es_mailroom_t;

/** Bytes for a mailroom with so many places of children. */
apr_size_t es_mailroom_size(apr_uint32_t places);

/** Make it in mem, all zero. Context: PARENT. */
apr_status_t es_mailroom_format(void *mem, apr_uint32_t places);

/**
 * Use it.
 *
 * @param bells  places descriptors (eventfd), which live as long as mem
 * @return APR_SUCCESS, APR_EMISMATCH when mem holds none of this layout
 */
apr_status_t es_mailroom_attach(es_mailroom_t **out, void *mem,
                                apr_uint32_t places, const int *bells,
                                apr_pool_t *pool);

/** @param box  below ES_MAILROOM_BOXES */
es_outbox_t *es_mailroom_box(const es_mailroom_t *room, apr_uint32_t box);

/** What is readable when the child at place is called. */
int es_mailroom_bell(const es_mailroom_t *room, apr_uint32_t place);

/**
 * The child at place is going to wait for others. It must look at the
 * outboxes once more after this call and before it waits. Context: ANY.
 */
void es_mailroom_waits(es_mailroom_t *room, apr_uint32_t place);

/** It waits no more, or there is another child. Context: ANY. */
void es_mailroom_wakes(es_mailroom_t *room, apr_uint32_t place);

/** Call one child, whether it waits for others or not. Async-signal safe. */
void es_mailroom_ring(const es_mailroom_t *room, apr_uint32_t place);

/** Outboxes have changed: call all who wait for that. Context: ANY. */
void es_mailroom_ring_all(es_mailroom_t *room);

#endif
