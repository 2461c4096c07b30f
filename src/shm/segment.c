/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APR's anonymous segment is a shared mapping of zeroed memory, but APR stores
 * its size at the front, so the address that it returns is not page-aligned. We
 * ask for one page more and start at the first whole page. The kernel allocates
 * a page when it is first used; es_segment_populate uses them all. Segments are
 * not part of core dumps.
 *
 * The cleanup that APR registers on the pool is APR's code, so it is still
 * loaded when our module has been unloaded.
 */
#include "shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <apr_errno.h>
#include <apr_shm.h>

#include <sys/mman.h>

#define PAGE 4096
/* bytes of a read */
#define POPULATE_AT_A_TIME (1024 * 1024)

/* A child that dumps core keeps its locks until the dump is written, and the
 * segment is most of it. If the kernel refuses, the dump is larger. All of the
 * mapping, or it would be two. */
static void leave_out_of_dumps(apr_uintptr_t base, apr_size_t size)
{
#ifdef MADV_DONTDUMP
    apr_uintptr_t start = base / PAGE * PAGE;
    apr_uintptr_t end = (base + size + PAGE - 1) / PAGE * PAGE;

    (void)madvise((void *)start, end - start, MADV_DONTDUMP);
#endif
}

apr_status_t es_segment_create(void **mem, apr_size_t size, apr_pool_t *pool)
{
    apr_shm_t *shm;
    apr_uintptr_t base;
    apr_status_t rv;

    if (size == 0 || size > APR_SIZE_MAX - PAGE) {
        return APR_EINVAL;
    }
    rv = apr_shm_create(&shm, size + PAGE, NULL, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    base = (apr_uintptr_t)apr_shm_baseaddr_get(shm);
    *mem = (void *)((base + PAGE - 1) / PAGE * PAGE);
    leave_out_of_dumps(base, size + PAGE);
    return APR_SUCCESS;
}

/* The kernel writes the zeros. If it has no page, its read fails with EFAULT;
 * a write of our own would end the process by a signal. */
static apr_status_t read_zeros(int fd, char *mem, apr_size_t size)
{
    while (size > 0) {
        ssize_t n = read(fd, mem,
                         size < POPULATE_AT_A_TIME ? size : POPULATE_AT_A_TIME);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 || errno == EFAULT ? APR_ENOMEM
                                             : APR_FROM_OS_ERROR(errno);
        }
        mem += n;
        size -= (apr_size_t)n;
    }
    return APR_SUCCESS;
}

apr_status_t es_segment_populate(void *mem, apr_size_t size)
{
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    apr_status_t rv;

    if (fd < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    rv = read_zeros(fd, mem, size);
    close(fd);
    return rv;
}
