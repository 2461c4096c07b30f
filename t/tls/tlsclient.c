/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for the sockets of a test, which knows nothing of it. When it is
 * preloaded into perl (t/lib/EventStream/Tls.pm), a connection to a port that
 * ES_TLS_PORTS names speaks TLS as a client: connect(), read(), write(),
 * select(), shutdown() and close() do what the plain ones would.
 *
 *     perl   sysread         select            close
 *              |                |                |
 *     here   SSL_read       SSL_peek     SSL_shutdown (close_notify)
 *              |                |                |
 *     kernel   +------ the same descriptor ------+
 *
 * There is no relay: the socket is the test's own, with its receive buffer, its
 * port and its way to close. A test that does not read leaves all in the
 * socket, but for one record of at most 16 KB of which it has read or selected
 * a part. The differences:
 *
 *   - The handshake takes place at the first read, write or select. A server
 *     that has no worker for it does not block a write: what is written is
 *     kept, and any later call tries again.
 *   - A descriptor is readable once a whole record with data has arrived, or
 *     the end.
 *   - A read returns 0 at a close_notify only. An end of the connection without
 *     one is ECONNABORTED, a reset is ECONNRESET, an alert is EPROTO.
 *   - Anything else that is wrong, such as a record that cannot be decrypted,
 *     ends the test by abort(): it must not pass, whatever it looks at.
 *   - A forked process may use a connection instead of its parent, but does not
 *     end it: it closes without a close_notify, as the parent may go on.
 *
 * ES_TEST_TLS is the version, 1.2 or 1.3. Not for threads.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* syscall */
#endif
#include "conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define WORD_BITS (8 * sizeof(unsigned long))

EXPORT int connect(int fd, const struct sockaddr *to, socklen_t length);
EXPORT ssize_t read(int fd, void *buf, size_t size);
EXPORT ssize_t write(int fd, const void *buf, size_t size);
EXPORT int select(int count, fd_set *in, fd_set *out, fd_set *except,
                  struct timeval *timeout);
EXPORT int shutdown(int fd, int how);
EXPORT int close(int fd);

/* What perl starts is to run without this. */
__attribute__((constructor)) static void leave_environment(void)
{
    unsetenv("LD_PRELOAD");
}

/* ---- What perl calls ----------------------------------------------------- */

static int is_tls_port(const struct sockaddr *to)
{
    const char *ports = getenv("ES_TLS_PORTS"); /* " 4711 4712 " */
    char word[16];

    if (ports == NULL ||
        (to->sa_family != AF_INET && to->sa_family != AF_INET6)) {
        return 0;
    }
    /* at the same place in both kinds of address */
    snprintf(word, sizeof(word), " %u ",
             (unsigned)ntohs(((const struct sockaddr_in *)to)->sin_port));
    return strstr(ports, word) != NULL;
}

int connect(int fd, const struct sockaddr *to, socklen_t length)
{
    int rc = (int)syscall(SYS_connect, fd, to, length);
    int error = errno;

    if ((rc == 0 || error == EINPROGRESS) && tls_conn_at(fd) == NULL &&
        is_tls_port(to)) {
        tls_conn_add(fd);
    }
    errno = error;
    return rc;
}

ssize_t read(int fd, void *buf, size_t size)
{
    return tls_conn_at(fd) != NULL ? tls_conn_transfer(fd, 0, buf, size)
                                   : syscall(SYS_read, fd, buf, size);
}

ssize_t write(int fd, const void *buf, size_t size)
{
    return tls_conn_at(fd) != NULL ? tls_conn_transfer(fd, 1, (void *)buf, size)
                                   : syscall(SYS_write, fd, buf, size);
}

int shutdown(int fd, int how)
{
    tls_conn_t *conn = tls_conn_at(fd);

    if (conn != NULL && how != SHUT_RD) {
        tls_conn_finish(fd);
    }
    return (int)syscall(SYS_shutdown, fd, how);
}

int close(int fd)
{
    tls_conn_t *conn = tls_conn_at(fd);

    if (conn != NULL) {
        tls_conn_finish(fd);
        tls_conn_drop(fd);
    }
    return (int)syscall(SYS_close, fd);
}

/* ---- select -------------------------------------------------------------- */

/* perl's sets are as long as they must be, also beyond FD_SETSIZE. */

static int has(const fd_set *set, int fd)
{
    const unsigned long *words = (const unsigned long *)set;

    return set != NULL &&
           (words[(size_t)fd / WORD_BITS] >> (size_t)fd % WORD_BITS & 1);
}

static void set_bit(fd_set *set, int fd, int on)
{
    unsigned long *word = (unsigned long *)set + (size_t)fd / WORD_BITS;
    unsigned long bit = 1UL << (size_t)fd % WORD_BITS;

    *word = on ? *word | bit : *word & ~bit;
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* The sets of a call, as asked for; the kernel overwrites the caller's. */
typedef struct {
    size_t size; /* of each set, in bytes */
    fd_set *set[3];
    unsigned long asked[3][TLS_MAX_FDS / WORD_BITS];
} ask_t;

static void ask_init(ask_t *ask, int count, fd_set *in, fd_set *out,
                     fd_set *except)
{
    int i;

    if (count > TLS_MAX_FDS) {
        tls_conn_fail("too many descriptors");
    }
    ask->size = ((size_t)count + WORD_BITS - 1) / WORD_BITS * sizeof(long);
    ask->set[0] = in;
    ask->set[1] = out;
    ask->set[2] = except;
    for (i = 0; i < 3; i++) {
        if (ask->set[i] != NULL) {
            memcpy(ask->asked[i], ask->set[i], ask->size);
        }
    }
}

/* Asks the kernel, waiting for so long; < 0 = for ever. */
static int ask_kernel(ask_t *ask, int count, int64_t wait_us)
{
    struct timespec wait = {wait_us / 1000000, wait_us % 1000000 * 1000};
    int i;

    for (i = 0; i < 3; i++) {
        if (ask->set[i] != NULL) {
            memcpy(ask->set[i], ask->asked[i], ask->size);
        }
    }
    return (int)syscall(SYS_pselect6, count, ask->set[0], ask->set[1],
                        ask->set[2], wait_us < 0 ? NULL : &wait, NULL);
}

/* True if a connection that is asked for has data that the kernel has no more.
 */
static int has_buffered(const ask_t *ask, int count)
{
    int fd;

    for (fd = 0; fd < count; fd++) {
        const tls_conn_t *conn = tls_conn_at(fd);

        if (conn != NULL && has((const fd_set *)ask->asked[0], fd) &&
            tls_conn_has_buffered(conn)) {
            return 1;
        }
    }
    return 0;
}

/* Replaces the kernel's answer for our connections; returns by how much the
 * number of descriptors that are ready changes. */
static int correct(ask_t *ask, int count)
{
    int change = 0;
    int fd;

    for (fd = 0; fd < count; fd++) {
        tls_conn_t *conn = tls_conn_at(fd);
        int ready = has(ask->set[0], fd);

        if (conn == NULL || !has((const fd_set *)ask->asked[0], fd)) {
            continue;
        }
        if (ready && !tls_conn_is_readable(conn)) {
            set_bit(ask->set[0], fd, 0);
            change--;
        }
        else if (!ready && tls_conn_has_buffered(conn)) {
            set_bit(ask->set[0], fd, 1);
            change++;
        }
    }
    return change;
}

/* For how long the kernel is asked at a time, of the time that is left. */
static int64_t slice(const ask_t *ask, int count, int64_t left)
{
    int64_t most = TLS_SETTLE_EVERY_MS * 1000;

    if (tls_conn_settle_all() > 0 && (left < 0 || left > most)) {
        left = most;
    }
    return has_buffered(ask, count) ? 0 : left;
}

int select(int count, fd_set *in, fd_set *out, fd_set *except,
           struct timeval *timeout)
{
    static ask_t ask; /* too large for a stack */
    int64_t left = -1;
    int64_t until = 0;
    int ready;

    if (timeout != NULL) {
        left = timeout->tv_sec * INT64_C(1000000) + timeout->tv_usec;
        until = now_us() + left;
    }
    ask_init(&ask, count, in, out, except);
    while (1) {
        ready = ask_kernel(&ask, count, slice(&ask, count, left));
        if (ready < 0) {
            return ready;
        }
        ready += in != NULL ? correct(&ask, count) : 0;
        if (timeout != NULL) {
            left = until - now_us();
            left = left > 0 ? left : 0;
            timeout->tv_sec = left / 1000000;
            timeout->tv_usec = left % 1000000;
        }
        if (ready > 0 || left == 0) {
            return ready;
        }
    }
}
