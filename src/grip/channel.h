/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A channel as GRIP proxies know it: the hub's prefix, then the name
 * percent-encoded, since commas, semicolons and quotes mean something in
 * Grip-Channel. A hold and what is published must name it the same. Pure.
 */
#ifndef ES_GRIP_CHANNEL_H
#define ES_GRIP_CHANNEL_H

#include <apr_pools.h>

#include "base/slice.h"

/**
 * @param prefix  EventStreamGripPrefix, taken as it is
 * @param name    encoded but for letters, digits and -_.!~*'(), as
 *                JavaScript's encodeURIComponent does
 * @return in p, with a NUL behind it
 */
es_slice_t es_grip_channel(const char *prefix, es_slice_t name, apr_pool_t *p);

#endif
