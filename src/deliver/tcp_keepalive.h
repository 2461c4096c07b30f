/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The probe: how the kernel finds out that a connection's peer has vanished
 * without a word, its host gone or the way to it cut. It is set by socket
 * options only, so it sees nothing of what is written or read.
 *
 * A peer that acknowledges nothing for the patience given is found:
 *
 *     bytes are under way    patience after they were first sent again
 *     nothing is under way   patience after it was last heard of: from half
 *                            of that time on it is asked, several times
 *
 * and so is one that keeps its window shut for as long. The socket is then in
 * error: POLLERR and POLLHUP, ETIMEDOUT.
 *
 * Context of all: ANY; the socket may be another thread's.
 */
#ifndef ES_DELIVER_TCP_KEEPALIVE_H
#define ES_DELIVER_TCP_KEEPALIVE_H

#include <apr_time.h>

/** A socket's options as they were; of no interest to others. */
typedef struct es_tcp_keepalive_t {
    int values[5];
    unsigned char known[5];
} es_tcp_keepalive_t;

/**
 * @param fd        any socket; one that is not of TCP stays as it is
 * @param patience  0 = no limit while bytes are under way, other than the
 *                  system's own (on Linux about a quarter of an hour); a
 *                  silent peer is found in two minutes then
 */
void es_tcp_keepalive_set(int fd, apr_interval_time_t patience);

/** Remember what es_tcp_keepalive_set changes... */
void es_tcp_keepalive_save(int fd, es_tcp_keepalive_t *saved);

/** ... to put it back. */
void es_tcp_keepalive_restore(int fd, const es_tcp_keepalive_t *saved);

#endif
