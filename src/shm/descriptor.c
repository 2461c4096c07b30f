/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int es_descriptor_copy(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, ES_DESCRIPTOR_MIN);

    /* EINVAL: the limit is lower; EMFILE: all numbers above are in use */
    if (copy < 0 && (errno == EINVAL || errno == EMFILE)) {
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
    return copy;
}

int es_descriptor_raise(int fd)
{
    int copy;

    if (fd < 0 || fd >= ES_DESCRIPTOR_MIN) {
        return fd;
    }
    copy = fcntl(fd, F_DUPFD_CLOEXEC, ES_DESCRIPTOR_MIN);
    if (copy < 0) {
        return fd;
    }
    close(fd);
    return copy;
}
