/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A restart at the worst moment. When it is preloaded, a worker that has just
 * written to a connection, while the file of ES_RESTART_FILE is there, removes
 * it, and goes on when httpd has closed the connection's descriptor, or after
 * some seconds. Meanwhile the test restarts the server.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* syscall */
#endif
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define TRIES 1000 /* of 10 ms */

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count);

static void wait_until_closed(int fd)
{
    int tries;

    for (tries = 0; tries < TRIES && fcntl(fd, F_GETFD) >= 0; tries++) {
        usleep(10000);
    }
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
    const char *name = getenv("ES_RESTART_FILE");
    /* before the write, after which the test may make the file */
    int is_there = name != NULL && access(name, F_OK) == 0;
    ssize_t n = syscall(SYS_writev, fd, iov, count);
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    if (is_there && getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
        unlink(name) == 0) {
        wait_until_closed(fd);
    }
    return n;
}
