/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No cleanup closes them: they outlive our code, which httpd unloads.
 */
#include "shm/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <apr_errno.h>

apr_status_t es_wakeup_create(int **out, apr_uint32_t count, apr_pool_t *pool)
{
    int *wake_fds = apr_palloc(pool, sizeof(*wake_fds) * count);
    apr_status_t rv = APR_SUCCESS;
    apr_uint32_t i;

    for (i = 0; i < count; i++) {
        wake_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (wake_fds[i] < 0) {
            rv = errno;
            break;
        }
    }
    while (rv != APR_SUCCESS && i > 0) {
        close(wake_fds[--i]);
    }
    *out = wake_fds;
    return rv;
}
