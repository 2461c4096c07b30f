/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The exits of old children at graceful, for which the parent waits a moment.
 */
#ifndef ES_SERVER_EXITS_H
#define ES_SERVER_EXITS_H

#include "shm/children.h"
#include "shm/client_count.h"
#include "server/child_pids.h"

/**
 * Wait until the children of earlier generations have exited, or until it is
 * plain that they do not soon.
 *
 * @param generation  of the configuration that was read
 *
 * Context: PARENT, post_config; blocks for half a second at most.
 */
void es_exits_wait(const es_children_t *children,
                   const es_client_count_t *client_count,
                   const es_child_pids_t *child_pids, int generation);

#endif
