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

/**
 * Have the kernel provide all pages of a new segment now, so that no process
 * lacks one later: it would be killed, and so would be the next one.
 *
 * @param mem   of es_segment_create, not written to yet
 * @param size  bytes
 * @return APR_SUCCESS; APR_ENOMEM: there is no memory for a page (the limit of
 *         a container may have the kernel kill the process instead); or why
 *         there is no /dev/zero
 *
 * Context: PARENT.
 */
apr_status_t es_segment_populate(void *mem, apr_size_t size);

#endif
