/* SPDX-License-Identifier: Apache-2.0 */
/**
 * net: IPv4 addresses and non-blocking TCP sockets.
 */
#ifndef EB_NET_H
#define EB_NET_H

#include <netinet/in.h>
#include <stddef.h>

#define EB_NET_MAX_ADDRS 64

typedef struct {
    struct sockaddr_in addr[EB_NET_MAX_ADDRS];
    size_t count;
} eb_net_addrs_t;

/**
 * Parse "127.0.0.1:8080,127.0.0.2:8080" and append it to addrs.
 *
 * @return 0, or -1: not of that form, or too many
 */
int eb_net_addrs_parse(eb_net_addrs_t *addrs, const char *text);

/**
 * Start to connect.
 *
 * @param local  number of the loopback address to bind to: 1 = 127.0.0.1;
 *               0: the kernel chooses
 * @return a non-blocking socket that may still be connecting, or -1 with errno
 *         set
 */
int eb_net_connect(const struct sockaddr_in *server, unsigned int local);

/**
 * The same for a slow reader: with a small receive buffer and small segments.
 *
 * The buffer is small from the first packet on. If it were reduced later,
 * packets in flight would be dropped, and the sender's retransmission timer
 * would back off. The segments are small, as on a real network, since a segment
 * of the loopback device does not fit into such a window: the sender's kernel
 * would wait for its persist timer, whose pauses double. (Seen: 2.8 MB that
 * waited for longer than --give-up.)
 */
int eb_net_connect_narrow(const struct sockaddr_in *server, int buffer_bytes);

/**
 * Listen.
 *
 * @param addr  port 0 is replaced by the one that the kernel chose
 * @return a non-blocking socket, or -1 with errno set
 */
int eb_net_listen(struct sockaddr_in *addr);

/** Raise the limit on open files to the hard one. @return the limit */
size_t eb_net_raise_limit(void);

#endif
