/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signal at the worst moment. When it is preloaded, a process that limits the
 * unsent bytes of a socket, as a worker does while it submits a client, and
 * nobody else in httpd, first raises the signal whose number is in the file of
 * ES_SIGNAL_FILE, which it removes. Without that file nothing happens.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* syscall */
#endif
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int setsockopt(int fd, int level, int option, const void *value,
                      socklen_t len);

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

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    if (level == IPPROTO_TCP && option == TCP_NOTSENT_LOWAT) {
        raise_once();
    }
    return (int)syscall(SYS_setsockopt, fd, level, option, value, len);
}
