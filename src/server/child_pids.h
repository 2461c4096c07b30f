/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The brood: the children that live, of whatever configuration, as the parent
 * knows them itself. By it the parent knows what no child can use any more.
 *
 * It is kept over restarts, and lives in the process pool: plain values only.
 */
#ifndef ES_SERVER_CHILD_PIDS_H
#define ES_SERVER_CHILD_PIDS_H

#include <httpd.h>
#include <apr_tables.h>

typedef struct es_child_pids_t {
    apr_array_header_t *children; /* child_t, in the process pool */
} es_child_pids_t;

/** Context of all: PARENT. */
void es_child_pids_init(es_child_pids_t *child_pids, apr_pool_t *process);

/** A child was started for the configuration of this generation. */
void es_child_pids_add(es_child_pids_t *child_pids, pid_t pid, int generation);

/** A child is gone. */
void es_child_pids_remove(es_child_pids_t *child_pids, pid_t pid);

/** @param pid  may be any number */
int es_child_pids_has(const es_child_pids_t *child_pids, apr_uint64_t pid);

/**
 * Forget those that have gone unseen, while the module was not loaded.
 *
 * Then: 1 when all that live are of this generation or a later one; also
 * when there are none.
 */
int es_child_pids_is_since(es_child_pids_t *child_pids, int generation);

#endif
