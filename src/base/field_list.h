/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The fields that a publisher has sent, for the sentence that refuses them: the
 * names show a typing error at once. Pure.
 */
#ifndef ES_BASE_FIELD_LIST_H
#define ES_BASE_FIELD_LIST_H

#include <apr_pools.h>

#include "base/slice.h"

typedef struct es_field_list_t {
    const char *names; /* the first ones, printable, in quotes; NULL = none */
    int count;         /* of names in the list */
    int is_cut;        /* there are more */
} es_field_list_t;

/** Add a name; the list starts as {0}. */
void es_field_list_add(es_field_list_t *list, es_slice_t name, apr_pool_t *p);

/** 1 if the list takes no more names, so that the caller may stop. */
int es_field_list_is_cut(const es_field_list_t *list);

/**
 * Describe what a thing has, as half a sentence: "the event has the fields
 * 'chanel', 'data', and not 'channel'", or "the event has no fields".
 *
 * @param thing    "event"
 * @param missing  "'channel'"
 */
const char *es_field_list_describe(const es_field_list_t *list,
                                   const char *thing, const char *missing,
                                   apr_pool_t *p);

#endif
