/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The pids of all living children, of every configuration, as the parent itself
 * has counted them. They show the parent which memory no child can use any
 * more.
 *
 * The list is retained over restarts and lives in the process pool. It holds
 * plain values only and knows no httpd.
 */
#ifndef ES_SERVER_CHILD_PIDS_H
#define ES_SERVER_CHILD_PIDS_H

#include <apr_tables.h>

typedef struct es_child_pids_t {
    apr_array_header_t *children; /* child_t, in the process pool */
} es_child_pids_t;

/** Context of all: PARENT. */
void es_child_pids_init(es_child_pids_t *child_pids, apr_pool_t *process);

/** A child was started for the configuration of this generation. */
void es_child_pids_add(es_child_pids_t *child_pids, pid_t pid, int generation);

/** A child has exited. One that has not is kept: httpd also says so of a child
 * that is stopped (by SIGSTOP, or a debugger), as apr_proc_wait returns an
 * error for it. */
void es_child_pids_remove(es_child_pids_t *child_pids, pid_t pid);

/** @param pid  may be any number */
int es_child_pids_has(const es_child_pids_t *child_pids, apr_uint64_t pid);

/**
 * Do all living children belong to this generation or a later one? Forgets the
 * children that exited while the module was not loaded.
 *
 * @return 1 if so, also if there are none; else 0
 */
int es_child_pids_is_since(es_child_pids_t *child_pids, int generation);

/** Has this child exited? The MPM may not know it yet. */
int es_child_pids_has_exited(pid_t pid);

/** Kill all children that have not exited. httpd has ended them before, and
 * waited. */
void es_child_pids_kill(const es_child_pids_t *child_pids);

/** The number of children of earlier generations that have not exited yet. */
int es_child_pids_count_before(const es_child_pids_t *child_pids,
                               int generation);

#endif
