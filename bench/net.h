/* SPDX-License-Identifier: Apache-2.0 */
/**
 * net: IPv4 addresses and non-blocking TCP sockets on them.
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
 * Read "127.0.0.1:8080,127.0.0.2:8080" and append it to addrs.
 *
 * @return 0, or -1: not of that form, or too many
 */
int eb_net_addrs_parse(eb_net_addrs_t *addrs, const char *text);

/**
 * Start to connect.
 *
 * @param local  number of the loopback address to come from: 1 = 127.0.0.1;
 *               0 leaves the choice to the kernel
 * @return a non-blocking socket, the connection perhaps still under way; or
 *         -1 with errno set
 */
int eb_net_connect(const struct sockaddr_in *server, unsigned int local);

/**
 * The same with a receive buffer of so many bytes, from the first packet on:
 * made smaller later, packets under way would be dropped, and the sender's
 * pauses before it tries again become long. The segments are small, as from
 * afar: those of loopback do not fit into such a window, and the sender's
 * kernel then waits for its persist timer, whose pauses double (seen: 2.8 MB
 * that waited for longer than our patience).
 */
int eb_net_connect_narrow(const struct sockaddr_in *server, int buffer_bytes);

/**
 * Listen.
 *
 * @param addr  port 0 is replaced by the one that was chosen
 * @return a non-blocking socket, or -1 with errno set
 */
int eb_net_listen(struct sockaddr_in *addr);

/** Raise this process's limit of descriptors to its ceiling; return it. */
size_t eb_net_raise_limit(void);

#endif
