/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A ring of things that are in one ring at a time, linked by an es_list_t
 * within them; its head is an es_list_t too. Header only. (APR_RING computes
 * with null pointers, of which clang warns.)
 */
#ifndef ES_BASE_LIST_H
#define ES_BASE_LIST_H

#include <stddef.h>

typedef struct es_list_t {
    struct es_list_t *next;
    struct es_list_t *prev;
} es_list_t;

/** What the link is within. */
#define ES_LIST_OWNER(link, type, field) \
    ((type *)((char *)(link)-offsetof(type, field)))

/** A head without members, or a link that may be removed. */
static inline void es_list_init(es_list_t *list)
{
    list->next = list;
    list->prev = list;
}

static inline int es_list_is_empty(const es_list_t *head)
{
    return head->next == head;
}

/** Put a link that is in no ring at the end. */
static inline void es_list_append(es_list_t *head, es_list_t *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void es_list_remove(es_list_t *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    es_list_init(link);
}

#endif
