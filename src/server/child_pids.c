/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of pids. The table of children (shm/children.h) cannot be used: it is
 * written by children, and a child that was just forked is not in it yet.
 */
#include "server/child_pids.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

typedef struct child_t {
    pid_t pid;
    int generation;
} child_t;

static child_t *child_at(const es_child_pids_t *child_pids, int i)
{
    return &APR_ARRAY_IDX(child_pids->children, i, child_t);
}

void es_child_pids_init(es_child_pids_t *child_pids, apr_pool_t *process)
{
    child_pids->children = apr_array_make(process, 16, sizeof(child_t));
}

void es_child_pids_add(es_child_pids_t *child_pids, pid_t pid, int generation)
{
    child_t *child = apr_array_push(child_pids->children);

    child->pid = pid;
    child->generation = generation;
}

/* The order does not matter: the last one fills the gap. */
static void remove_at(es_child_pids_t *child_pids, int i)
{
    child_t *last = apr_array_pop(child_pids->children);

    if (i < child_pids->children->nelts) {
        *child_at(child_pids, i) = *last;
    }
}

void es_child_pids_remove(es_child_pids_t *child_pids, pid_t pid)
{
    int i;

    if (!es_child_pids_has_exited(pid)) {
        return;
    }
    for (i = child_pids->children->nelts - 1; i >= 0; i--) {
        if (child_at(child_pids, i)->pid == pid) {
            remove_at(child_pids, i);
        }
    }
}

int es_child_pids_has(const es_child_pids_t *child_pids, apr_uint64_t pid)
{
    int i;

    for (i = 0; i < child_pids->children->nelts; i++) {
        if ((apr_uint64_t)child_at(child_pids, i)->pid == pid) {
            return 1;
        }
    }
    return 0;
}

int es_child_pids_is_since(es_child_pids_t *child_pids, int generation)
{
    int all = 1;
    int i;

    for (i = child_pids->children->nelts - 1; i >= 0; i--) {
        if (kill(child_at(child_pids, i)->pid, 0) != 0 && errno == ESRCH) {
            remove_at(child_pids, i);
        }
        else if (child_at(child_pids, i)->generation < generation) {
            all = 0;
        }
    }
    return all;
}

/* WNOWAIT: the MPM learns of it later, by its own call. */
int es_child_pids_has_exited(pid_t pid)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid != 0;
}

int es_child_pids_count_before(const es_child_pids_t *child_pids,
                               int generation)
{
    int count = 0;
    int i;

    for (i = 0; i < child_pids->children->nelts; i++) {
        const child_t *child = child_at(child_pids, i);

        if (child->generation < generation &&
            !es_child_pids_has_exited(child->pid)) {
            count++;
        }
    }
    return count;
}

/* A pid whose child has not exited cannot belong to another process yet. */
void es_child_pids_kill(const es_child_pids_t *child_pids)
{
    int i;

    for (i = 0; i < child_pids->children->nelts; i++) {
        pid_t pid = child_at(child_pids, i)->pid;

        if (!es_child_pids_has_exited(pid)) {
            (void)kill(pid, SIGKILL);
        }
    }
}
