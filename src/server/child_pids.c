/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of pids. The board does not serve for this: children write it, and
 * one that has just been forked is not on it yet.
 */
#include "server/child_pids.h"

#include <errno.h>
#include <signal.h>

typedef struct child_t {
    pid_t pid;
    int generation;
} child_t;

static child_t *child_at(const es_brood_t *brood, int i)
{
    return &APR_ARRAY_IDX(brood->children, i, child_t);
}

void es_brood_init(es_brood_t *brood, apr_pool_t *process)
{
    brood->children = apr_array_make(process, 16, sizeof(child_t));
}

void es_brood_add(es_brood_t *brood, pid_t pid, int generation)
{
    child_t *child = apr_array_push(brood->children);

    child->pid = pid;
    child->generation = generation;
}

/* The order is of no matter: the last one fills the gap. */
static void remove_at(es_brood_t *brood, int i)
{
    child_t *last = apr_array_pop(brood->children);

    if (i < brood->children->nelts) {
        *child_at(brood, i) = *last;
    }
}

void es_brood_remove(es_brood_t *brood, pid_t pid)
{
    int i;

    for (i = brood->children->nelts - 1; i >= 0; i--) {
        if (child_at(brood, i)->pid == pid) {
            remove_at(brood, i);
        }
    }
}

int es_brood_has(const es_brood_t *brood, apr_uint64_t pid)
{
    int i;

    for (i = 0; i < brood->children->nelts; i++) {
        if ((apr_uint64_t)child_at(brood, i)->pid == pid) {
            return 1;
        }
    }
    return 0;
}

int es_brood_is_since(es_brood_t *brood, int generation)
{
    int all = 1;
    int i;

    for (i = brood->children->nelts - 1; i >= 0; i--) {
        if (kill(child_at(brood, i)->pid, 0) != 0 && errno == ESRCH) {
            remove_at(brood, i);
        }
        else if (child_at(brood, i)->generation < generation) {
            all = 0;
        }
    }
    return all;
}
