/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Anonymous shared memory through APR, zeroed and page-aligned, inherited by
 * the children that are forked later.
 */
#ifndef ES_SHM_SEGMENT_H
#define ES_SHM_SEGMENT_H

#include <apr_pools.h>

/**
 * @param mem   the address, the same in all children
 * @param size  bytes
 * @param pool  the memory goes with it; the parent's process pool, so that
 *              it outlives restarts
 *
 * Context: PARENT.
 */
apr_status_t es_segment_create(void **mem, apr_size_t size, apr_pool_t *pool);

#endif
