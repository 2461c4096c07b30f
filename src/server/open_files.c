/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handler of fork() restores the limit in each new process. httpd's children
 * raise it again in child_init; all other processes become programs. The C
 * library removes the handler when httpd unloads the module at a restart. From
 * then on until the next post_config the parent itself has the limit that it
 * was started with. posix_spawn() calls no handler, but neither APR nor httpd
 * uses it.
 */
#include "server/open_files.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

#include "server/log.h"

/* Descriptors that stay free of clients, for the rest of the child: files,
 * logs, backends, listeners and the connections that workers serve. */
#define SPARE_DESCRIPTORS 256

static rlim_t started_with; /* 0 = there is nothing to restore */

static apr_status_t set_soft(rlim_t files)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return errno;
    }
    limit.rlim_cur = files < limit.rlim_max ? files : limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? APR_SUCCESS : errno;
}

/* After fork() of a child with threads: async-signal-safe calls only. */
static void restore_in_child(void)
{
    if (started_with != 0) {
        (void)set_soft(started_with);
    }
}

static apr_status_t restore_in_parent(void *unused)
{
    (void)unused;
    restore_in_child();
    started_with = 0;
    return APR_SUCCESS;
}

static apr_status_t restore_in_programs(rlim_t files)
{
    static int is_installed;
    int error = is_installed ? 0 : pthread_atfork(NULL, NULL, restore_in_child);

    if (error == 0) {
        is_installed = 1;
        started_with = files;
    }
    return error;
}

void es_open_files_raise(apr_pool_t *pconf, server_rec *s)
{
    struct rlimit limit;
    apr_status_t rv;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur == limit.rlim_max) {
        return;
    }
    rv = restore_in_programs(limit.rlim_cur);
    if (rv == APR_SUCCESS) {
        apr_pool_cleanup_register(pconf, NULL, restore_in_parent,
                                  apr_pool_cleanup_null);
        rv = set_soft(limit.rlim_max);
    }
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_WARNING, rv, s, "ES0001",
                "cannot raise the soft limit of open files to the hard one; "
                "children serve fewer clients");
    }
}

void es_open_files_child_init(void)
{
    (void)set_soft(RLIM_INFINITY); /* the parent has reported why it fails */
}

apr_uint32_t es_open_files_clients(void)
{
    struct rlimit files;
    rlim_t spare;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 ||
        files.rlim_cur >= APR_INT32_MAX) {
        return 0;
    }
    spare = files.rlim_cur / 4 < SPARE_DESCRIPTORS ? files.rlim_cur / 4
                                                   : SPARE_DESCRIPTORS;
    return (apr_uint32_t)(files.rlim_cur - spare);
}
