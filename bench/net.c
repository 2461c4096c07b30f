/* SPDX-License-Identifier: Apache-2.0 */
/* Each function that fails closes its socket and keeps errno. */
#include "bench/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define NARROW_SEGMENT 536 /* bytes */
#define MAX_ADDR_LEN 64

static int parse_one(struct sockaddr_in *addr, char *text)
{
    unsigned long port;
    char *colon;
    char *end;

    memset(addr, 0, sizeof(*addr));
    addr->sin_family = AF_INET;
    colon = strchr(text, ':');
    if (colon == NULL) {
        return -1;
    }
    *colon = '\0';
    port = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port > 65535) {
        return -1;
    }
    addr->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, text, &addr->sin_addr) == 1 ? 0 : -1;
}

int eb_net_addrs_parse(eb_net_addrs_t *addrs, const char *text)
{
    char one[MAX_ADDR_LEN];
    size_t len;

    for (;;) {
        len = strcspn(text, ",");
        if (len >= sizeof(one) || addrs->count == EB_NET_MAX_ADDRS) {
            return -1;
        }
        memcpy(one, text, len);
        one[len] = '\0';
        if (parse_one(&addrs->addr[addrs->count], one) != 0) {
            return -1;
        }
        addrs->count++;
        if (text[len] == '\0') {
            return 0;
        }
        text += len + 1;
    }
}

static int close_keeping_errno(int fd)
{
    int saved = errno;

    close(fd);
    errno = saved;
    return -1;
}

static int bind_loopback(int fd, unsigned int local)
{
    struct sockaddr_in addr;
    int on = 1;

    /* without it bind() takes a port that no other address can share */
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) !=
        0) {
        return -1;
    }
    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + local);
    return bind(fd, (struct sockaddr *)&addr, sizeof(addr));
}

/* Makes a socket that is not connected. */
static int make_socket(unsigned int local)
{
    int on = 1;
    int fd;

    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (local != 0 && bind_loopback(fd, local) != 0) {
        return close_keeping_errno(fd);
    }
    return fd;
}

static int start_connect(int fd, const struct sockaddr_in *server)
{
    if (connect(fd, (const struct sockaddr *)server, sizeof(*server)) != 0 &&
        errno != EINPROGRESS) {
        return close_keeping_errno(fd);
    }
    return fd;
}

int eb_net_connect(const struct sockaddr_in *server, unsigned int local)
{
    int fd = make_socket(local);

    return fd >= 0 ? start_connect(fd, server) : -1;
}

int eb_net_connect_narrow(const struct sockaddr_in *server, int buffer_bytes)
{
    int fd = make_socket(0);
    int segment = NARROW_SEGMENT;

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
    return start_connect(fd, server);
}

int eb_net_listen(struct sockaddr_in *addr)
{
    socklen_t len = sizeof(*addr);
    int on = 1;
    int fd;

    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)addr, sizeof(*addr)) != 0 ||
        listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)addr, &len) != 0) {
        return close_keeping_errno(fd);
    }
    return fd;
}

size_t eb_net_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return (size_t)limit.rlim_cur;
}
