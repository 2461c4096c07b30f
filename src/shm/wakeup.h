/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bells: an eventfd for each place, which all children inherit, and by which
 * one process wakes another.
 */
#ifndef ES_SHM_WAKEUP_H
#define ES_SHM_WAKEUP_H

#include <apr_pools.h>

/**
 * Make them: all, or none.
 *
 * @param out    count descriptors, non-blocking, closed at exec; the array
 *               lives in pool, the descriptors as long as the process
 * @param count  1 or more
 * @return APR_SUCCESS, or errno of the one that could not be made
 *
 * Context: PARENT.
 */
apr_status_t es_wakeup_create(int **out, apr_uint32_t count, apr_pool_t *pool);

#endif
