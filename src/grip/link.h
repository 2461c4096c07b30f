/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The state that a recovery needs, as text for the path of Grip-Link. The
 * recovery request of a proxy has nothing of the client's request, and the
 * proxy asks once for all clients with the same path and Grip-Last. So the path
 * has the whole state, and nothing that differs between clients without need.
 *
 * A link stands in access logs, so it expires. Its expiry is a full hour, the
 * same for all links that are made between two full hours, so that a proxy can
 * still ask once for their clients. Each answer has a new link, and a proxy
 * asks again after two minutes of silence. Pure.
 */
#ifndef ES_GRIP_LINK_H
#define ES_GRIP_LINK_H

#include <apr_pools.h>

#include "base/slice.h"

/** Precedes the text in the path. */
#define ES_GRIP_LINK_MARK "/grip-next/"

/** By how many seconds the clock may have been set ahead or back since a link
 * was made. */
#define ES_GRIP_LINK_LEEWAY_S 3600

typedef struct es_grip_link_t {
    apr_int64_t expires_s; /* seconds since 1970; 0 = none: an earlier
                            * version of this module made the link */
    es_slice_t hub;
    apr_int64_t keepalive_us; /* of the Location; 0 = none */
    int keepalive_as_comment;
    apr_int64_t retry_ms;
    es_slice_t from; /* id up to which all was sent, if Grip-Last cannot state
                      * it; mostly empty */
    const es_slice_t *channels; /* names, 1 or more */
    int count;
} es_grip_link_t;

/**
 * When a link expires that is made at this time: in one to two hours.
 *
 * @param now_s  time of day, seconds since 1970, as in all of this file
 */
apr_int64_t es_grip_link_expiry(apr_int64_t now_s);

/**
 * Is a link with this expiry valid, give or take the leeway? Not if it has
 * expired, nor if it was made in the future: a clock that was wrong by years
 * must not make links that are valid for years.
 */
int es_grip_link_is_current(apr_int64_t expires_s, apr_int64_t now_s);

/** The state as bytes, which the caller seals. @return in p */
es_slice_t es_grip_link_pack(const es_grip_link_t *link, apr_pool_t *p);

/**
 * Read what es_grip_link_pack has made.
 *
 * @param link   its slices point into state, its array is in p
 * @param state  untrusted, any bytes
 * @return 1; 0: state is not of this form
 */
int es_grip_link_unpack(es_grip_link_t *link, es_slice_t state, apr_pool_t *p);

/** State and seal as text for the path. @return in p */
const char *es_grip_link_write(es_slice_t state, apr_uint64_t seal,
                               apr_pool_t *p);

/**
 * Read what es_grip_link_write has made. The caller checks the seal.
 *
 * @param state  in p
 * @param text   untrusted
 * @return 1; 0: text is not of this form
 */
int es_grip_link_read(es_slice_t *state, apr_uint64_t *seal, const char *text,
                      apr_pool_t *p);

#endif
