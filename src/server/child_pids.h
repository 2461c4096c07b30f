/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The brood: the children that live, of whatever configuration, as the parent
 * knows them itself. By it the parent knows what no child can use any more.
 *
 * It is kept over restarts, and lives in the process pool: plain values only.
 */
#ifndef ES_BROOD_H
#define ES_BROOD_H

#include <httpd.h>
#include <apr_tables.h>

typedef struct es_brood_t {
    apr_array_header_t *children; /* child_t, in the process pool */
} es_brood_t;

/** Context of all: PARENT. */
void es_brood_init(es_brood_t *brood, apr_pool_t *process);

/** A child was started for the configuration of this generation. */
void es_brood_add(es_brood_t *brood, pid_t pid, int generation);

/** A child is gone. */
void es_brood_remove(es_brood_t *brood, pid_t pid);

/** @param pid  may be any number */
int es_brood_has(const es_brood_t *brood, apr_uint64_t pid);

/**
 * Forget those that have gone unseen, while the module was not loaded.
 *
 * Then: 1 when all that live are of this generation or a later one; also
 * when there are none.
 */
int es_brood_is_since(es_brood_t *brood, int generation);

#endif
