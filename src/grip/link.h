/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a recovery needs to know, as text for the path of Grip-Link. A proxy's
 * recovery request has nothing of the client's, and those with the same path
 * and Grip-Last are answered once for all: so the path has the whole state,
 * and nothing that differs without need. Pure.
 */
#ifndef ES_GRIP_LINK_H
#define ES_GRIP_LINK_H

#include <apr_pools.h>

#include "base/slice.h"

/** Stands before the text in the path. */
#define ES_GRIP_LINK_MARK "/grip-next/"

typedef struct es_grip_link_t {
    es_slice_t hub;
    apr_int64_t keepalive_us; /* of the Location; 0 = none */
    int keepalive_as_comment;
    apr_int64_t retry_ms;
    es_slice_t from; /* id up to which all was sent, when that is not what
                          * Grip-Last says; mostly empty */
    const es_slice_t *channels; /* names, 1 or more */
    int count;
} es_grip_link_t;

/** The state as bytes, to be sealed. @return in p */
es_slice_t es_grip_link_pack(const es_grip_link_t *link, apr_pool_t *p);

/**
 * @param state  from outside: it may be anything
 * @return 1, or 0 when it is not of this form; slices point into state
 */
int es_grip_link_unpack(es_grip_link_t *link, es_slice_t state, apr_pool_t *p);

/** State and seal as text for the path. @return in p */
const char *es_grip_link_write(es_slice_t state, apr_uint64_t seal,
                               apr_pool_t *p);

/** @return 1, or 0 when text is not of this form; state is in p */
int es_grip_link_read(es_slice_t *state, apr_uint64_t *seal, const char *text,
                      apr_pool_t *p);

#endif
