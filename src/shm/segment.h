/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A segment: anonymous shared memory from APR, zeroed and page-aligned, which
 * children that are forked later inherit.
 */
#ifndef ES_SHM_SEGMENT_H
#define ES_SHM_SEGMENT_H

#include <apr_pools.h>

/**
 * Make a segment.
 *
 * @param mem   its address, the same in all children
 * @param size  bytes
 * @param pool  its cleanup frees the memory; the parent's process pool, so that
 *              the segment outlives restarts
 * @return APR_SUCCESS, APR_EINVAL (size), or why there is no memory
 *
 * Context: PARENT.
 */
apr_status_t es_segment_create(void **mem, apr_size_t size, apr_pool_t *pool);

#endif
