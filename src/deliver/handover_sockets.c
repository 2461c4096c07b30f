/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/handover_sockets.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/descriptor.h"

/* Asked for one socket. Only root gets more than net.core.wmem_max. */
#define SOCKET_BYTES (8 * 1024 * 1024)

/* What the kernel counts for a client with one channel: its part of a message
 * and of the kernel's own data. Seen: 158 bytes. */
#define CLIENT_BYTES 192

static int pair(int *ends)
{
    int bytes = SOCKET_BYTES;
    int i;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   ends) != 0) {
        return errno;
    }
    for (i = 0; i < 2; i++) {
        ends[i] = es_descriptor_raise(ends[i]);
    }
    if (setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
                   sizeof(bytes)) != 0) {
        (void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    }
    return 0;
}

apr_status_t es_handover_sockets_create(es_handover_sockets_t *sockets,
                                        apr_uint64_t bytes, int most)
{
    int error = 0;
    int ends[2];

    sockets->pairs = 0;
    do {
        error = pair(ends);
        if (error == 0) {
            sockets->send[sockets->pairs] = ends[0];
            sockets->receive[sockets->pairs++] = ends[1];
        }
    } while (error == 0 && sockets->pairs < most &&
             es_handover_sockets_bytes(sockets) < bytes);
    return sockets->pairs > 0 ? APR_SUCCESS : error;
}

void es_handover_sockets_close(es_handover_sockets_t *sockets)
{
    while (sockets->pairs > 0) {
        sockets->pairs--;
        close(sockets->send[sockets->pairs]);
        close(sockets->receive[sockets->pairs]);
    }
}

apr_uint64_t es_handover_sockets_bytes(const es_handover_sockets_t *sockets)
{
    apr_uint64_t sum = 0;
    socklen_t size;
    int bytes, i;

    for (i = 0; i < sockets->pairs; i++) {
        size = sizeof(bytes);
        if (getsockopt(sockets->send[i], SOL_SOCKET, SO_SNDBUF, &bytes,
                       &size) == 0) {
            sum += (apr_uint64_t)bytes;
        }
    }
    return sum;
}

apr_uint64_t es_handover_sockets_clients(const es_handover_sockets_t *sockets)
{
    return es_handover_sockets_bytes(sockets) / CLIENT_BYTES;
}

apr_status_t es_handover_sockets_send(const es_handover_sockets_t *sockets,
                                      es_handover_msg_t *msg)
{
    apr_status_t rv = APR_EAGAIN;
    int i;

    for (i = 0; i < sockets->pairs && APR_STATUS_IS_EAGAIN(rv); i++) {
        rv = es_handover_msg_send(msg, sockets->send[i]);
    }
    return rv;
}

apr_status_t es_handover_sockets_receive(const es_handover_sockets_t *sockets,
                                         es_handover_msg_t *msg)
{
    apr_status_t rv = APR_EAGAIN;
    int i;

    for (i = 0; i < sockets->pairs && APR_STATUS_IS_EAGAIN(rv); i++) {
        rv = es_handover_msg_receive(msg, sockets->receive[i]);
    }
    return rv;
}
