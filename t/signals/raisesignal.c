/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signal at the worst moment. When it is preloaded, the process that copies a
 * socket's descriptor (as a worker does when it submits a client, and nobody
 * else in httpd) first raises the signal whose number is in the file of
 * ES_SIGNAL_FILE, which it removes. Without that file nothing happens.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* syscall, F_DUPFD_CLOEXEC */
#endif
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int fcntl(int fd, int command, ...);
EXPORT int fcntl64(int fd, int command, ...);

/* A connection of TCP. */
static int is_connection(int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    return getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
           (peer.ss_family == AF_INET || peer.ss_family == AF_INET6);
}

static void raise_once(void)
{
    const char *name = getenv("ES_SIGNAL_FILE");
    FILE *in = name != NULL ? fopen(name, "re") : NULL;
    int number = 0;

    if (in == NULL) {
        return;
    }
    if (fscanf(in, "%d", &number) == 1 && unlink(name) == 0) {
        kill(getpid(), number);
    }
    fclose(in);
}

static int call(int fd, int command, long argument)
{
    if (command == F_DUPFD_CLOEXEC && is_connection(fd)) {
        raise_once();
    }
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

#define CALL_WITH_ARGUMENT(fd, command) \
    va_list list;                       \
    long argument;                      \
                                        \
    va_start(list, command);            \
    argument = va_arg(list, long);      \
    va_end(list);                       \
    return call(fd, command, argument)

int fcntl(int fd, int command, ...)
{
    CALL_WITH_ARGUMENT(fd, command);
}

int fcntl64(int fd, int command, ...)
{
    CALL_WITH_ARGUMENT(fd, command);
}
