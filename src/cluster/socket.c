/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor is non-blocking from the start: connect() to an address whose
 * packets are dropped would otherwise take minutes. A broker that has gone
 * without a word is found by TCP_USER_TIMEOUT if something was sent to it, and
 * by keep-alive probes if not.
 */
#include "cluster/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <apr_strings.h>

#include "base/clock.h"
#include "cluster/resolver.h"
#include "cluster/socket_tls.h"
#include "shm/descriptor.h"

/* Probes begin after 5 s without a byte, and are 3 s apart. */
#define PROBE_AFTER 5
#define PROBE_INTERVAL 3
#define PROBES 3

struct es_cluster_socket_t {
    int fd;
    es_cluster_tls_t *tls; /* NULL = plain */
};

apr_status_t es_cluster_socket_wait(int fd, short events,
                                    const volatile int *stopping, apr_time_t by)
{
    struct pollfd ready = {fd, events, 0};
    apr_time_t now = es_clock_now();

    for (;;) {
        apr_interval_time_t rest = by > now ? by - now : 0;
        int n;

        if (es_cluster_link_is_stopping(stopping)) {
            return APR_EOF;
        }
        if (rest > ES_CLUSTER_LINK_LOOK) {
            rest = ES_CLUSTER_LINK_LOOK;
        }
        n = poll(&ready, 1, (int)((rest + 999) / 1000));
        if (n > 0) {
            return APR_SUCCESS;
        }
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        now = es_clock_now();
        if (now >= by) {
            return APR_TIMEUP;
        }
    }
}

/* ---- connecting ---------------------------------------------------------- */

static void set_option(int fd, int level, int name, int value)
{
    /* in vain, the deadlines of the link do what it would have done */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_options(int fd, int family)
{
    if (family == AF_UNIX) {
        return;
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, PROBE_AFTER);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_INTERVAL);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
               (int)(ES_CLUSTER_SOCKET_DEAD / 1000));
}

static apr_status_t error_of(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        return errno;
    }
    return error;
}

static apr_status_t start_connect(int fd, const struct sockaddr *addr,
                                  socklen_t len, const volatile int *stopping,
                                  apr_time_t by)
{
    apr_status_t rv;

    /* EAGAIN: a Unix socket whose queue is full; it cannot be waited for */
    if (connect(fd, addr, len) == 0) {
        return APR_SUCCESS;
    }
    if (errno != EINPROGRESS && errno != EINTR) {
        return errno;
    }
    rv = es_cluster_socket_wait(fd, POLLOUT, stopping, by);
    return rv == APR_SUCCESS ? error_of(fd) : rv;
}

static apr_status_t connect_to(int *out, const struct sockaddr *addr,
                               socklen_t len, const volatile int *stopping,
                               apr_time_t by)
{
    int fd =
        socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    apr_status_t rv;

    fd = es_descriptor_raise(fd);
    if (fd < 0) {
        return errno;
    }
    set_options(fd, addr->sa_family);
    rv = start_connect(fd, addr, len, stopping, by);
    if (rv != APR_SUCCESS) {
        close(fd);
        return rv;
    }
    *out = fd;
    return APR_SUCCESS;
}

static apr_status_t connect_host(int *out, const es_cluster_host_t *host,
                                 const volatile int *stopping, apr_time_t by)
{
    es_cluster_addresses_t found;
    apr_status_t rv =
        es_cluster_resolver_find(&found, host->host, host->port, stopping, by);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < found.count; i++) {
        apr_time_t now = es_clock_now();
        apr_interval_time_t part = (by - now) / (found.count - i);

        rv = connect_to(out, (struct sockaddr *)&found.list[i].addr,
                        found.list[i].len, stopping, now + part);
        if (rv == APR_SUCCESS || rv == APR_EOF) {
            return rv;
        }
    }
    return rv;
}

static apr_status_t connect_path(int *out, const char *path,
                                 const volatile int *stopping, apr_time_t by)
{
    struct sockaddr_un addr;

    memset(&addr, 0, sizeof(addr));
    addr.sun_family = AF_UNIX;
    apr_cpystrn(addr.sun_path, path, sizeof(addr.sun_path));
    return connect_to(out, (struct sockaddr *)&addr, sizeof(addr), stopping,
                      by);
}

static void explain(apr_status_t rv, char *why, apr_size_t why_size)
{
    char text[120];

    switch (rv) {
    case APR_TIMEUP:
        apr_snprintf(why, why_size, "no connection in time");
        break;
    case APR_EOF: apr_snprintf(why, why_size, "stopping"); break;
    case APR_ENOENT:
        apr_snprintf(why, why_size, "no such host, or no such socket");
        break;
    case APR_EBUSY:
        apr_snprintf(why, why_size, "the name server does not answer");
        break;
    default:
        apr_snprintf(why, why_size, "cannot connect: %s",
                     apr_strerror(rv, text, sizeof(text)));
        break;
    }
}

/* ---- TLS ----------------------------------------------------------------- */

static apr_status_t shake_hands(es_cluster_socket_t *sock,
                                const es_cluster_link_params_t *params,
                                const es_cluster_host_t *host, apr_time_t by,
                                char *why, apr_size_t why_size)
{
    apr_status_t rv = es_cluster_tls_create(
        &sock->tls, sock->fd, params, host ? host->host : NULL, why, why_size);

    while (rv == APR_SUCCESS) {
        rv = es_cluster_tls_shake_hands(sock->tls, why, why_size);
        if (rv != APR_EAGAIN) {
            return rv;
        }
        rv = es_cluster_socket_wait(sock->fd,
                                    es_cluster_tls_events(sock->tls, 0),
                                    params->stopping, by);
        if (rv == APR_TIMEUP) {
            apr_snprintf(why, why_size, "no TLS handshake in time");
        }
    }
    return rv;
}

/* ---- the socket ---------------------------------------------------------- */

apr_status_t es_cluster_socket_open(es_cluster_socket_t **out,
                                    const es_cluster_link_params_t *params,
                                    const es_cluster_host_t *host,
                                    apr_time_t by, char *why,
                                    apr_size_t why_size)
{
    es_cluster_socket_t *sock = calloc(1, sizeof(*sock));
    apr_status_t rv;

    if (sock == NULL) {
        return APR_ENOMEM;
    }
    sock->fd = -1;
    rv = host
             ? connect_host(&sock->fd, host, params->stopping, by)
             : connect_path(&sock->fd, params->url->path, params->stopping, by);
    if (rv != APR_SUCCESS) {
        explain(rv, why, why_size);
    }
    else if (params->url->is_tls) {
        rv = shake_hands(sock, params, host, by, why, why_size);
    }
    if (rv != APR_SUCCESS) {
        es_cluster_socket_close(sock);
        return rv;
    }
    *out = sock;
    return APR_SUCCESS;
}

void es_cluster_socket_close(es_cluster_socket_t *sock)
{
    if (sock == NULL) {
        return;
    }
    es_cluster_tls_destroy(sock->tls);
    if (sock->fd >= 0) {
        close(sock->fd);
    }
    free(sock);
}

static apr_status_t result_of(ssize_t n, apr_size_t *done)
{
    if (n > 0) {
        *done = (apr_size_t)n;
        return APR_SUCCESS;
    }
    if (n == 0) {
        return APR_EOF;
    }
    return errno == EINTR || errno == EWOULDBLOCK ? APR_EAGAIN : errno;
}

apr_status_t es_cluster_socket_read(es_cluster_socket_t *sock, char *data,
                                    apr_size_t size, apr_size_t *done)
{
    *done = 0;
    if (sock->tls) {
        return es_cluster_tls_read(sock->tls, data, size, done);
    }
    return result_of(recv(sock->fd, data, size, 0), done);
}

apr_status_t es_cluster_socket_write(es_cluster_socket_t *sock,
                                     const char *data, apr_size_t size,
                                     apr_size_t *done)
{
    *done = 0;
    if (sock->tls) {
        return es_cluster_tls_write(sock->tls, data, size, done);
    }
    return result_of(send(sock->fd, data, size, MSG_NOSIGNAL), done);
}

int es_cluster_socket_fd(const es_cluster_socket_t *sock)
{
    return sock->fd;
}

const char *es_cluster_socket_reason(const es_cluster_socket_t *sock)
{
    return sock->tls ? es_cluster_tls_reason(sock->tls) : "unknown error";
}

short es_cluster_socket_events(const es_cluster_socket_t *sock, int is_write)
{
    if (sock->tls) {
        return es_cluster_tls_events(sock->tls, is_write);
    }
    return is_write ? POLLOUT : POLLIN;
}
