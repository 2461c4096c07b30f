/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A ring of things that are in one ring at a time, linked by an es_ring_t
 * within them; its head is an es_ring_t too. Header only. (APR_RING computes
 * with null pointers, of which clang warns.)
 */
#ifndef ES_RING_H
#define ES_RING_H

#include <stddef.h>

typedef struct es_ring_t {
    struct es_ring_t *next;
    struct es_ring_t *prev;
} es_ring_t;

/** What the link is within. */
#define ES_RING_OWNER(link, type, field) \
    ((type *)((char *)(link)-offsetof(type, field)))

/** A head without members, or a link that may be removed. */
static inline void es_ring_init(es_ring_t *ring)
{
    ring->next = ring;
    ring->prev = ring;
}

static inline int es_ring_is_empty(const es_ring_t *head)
{
    return head->next == head;
}

/** Put a link that is in no ring at the end. */
static inline void es_ring_append(es_ring_t *head, es_ring_t *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void es_ring_remove(es_ring_t *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    es_ring_init(link);
}

#endif
