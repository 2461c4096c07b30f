/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A doubly linked list. An element embeds an es_list_t, its link; each link is
 * in one list at a time. The head of a list is an es_list_t, too.
 * Header only. (APR_RING computes with null pointers, about which clang warns.)
 */
#ifndef ES_BASE_LIST_H
#define ES_BASE_LIST_H

#include <stddef.h>

typedef struct es_list_t {
    struct es_list_t *next;
    struct es_list_t *prev;
} es_list_t;

/** The struct whose field link is. */
#define ES_LIST_OWNER(link, type, field) \
    ((type *)((char *)(link)-offsetof(type, field)))

/** Make the head of an empty list, or a link that is in no list. */
static inline void es_list_init(es_list_t *list)
{
    list->next = list;
    list->prev = list;
}

static inline int es_list_is_empty(const es_list_t *head)
{
    return head->next == head;
}

/** Append a link that is in no list. */
static inline void es_list_append(es_list_t *head, es_list_t *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/** Remove a link from its list; a link that is in none stays so. */
static inline void es_list_remove(es_list_t *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    es_list_init(link);
}

#endif
