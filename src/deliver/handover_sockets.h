/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The handover sockets: pairs that the parent makes and keeps, in which clients
 * wait between the child that sends them and the one that receives them
 * (deliver/handover_msg.h has the messages). One pair holds as much as the
 * system grants to a socket. That is plenty for root, and little without
 * CAP_NET_ADMIN, as in most containers: there are as many pairs as it takes.
 */
#ifndef ES_DELIVER_HANDOVER_SOCKETS_H
#define ES_DELIVER_HANDOVER_SOCKETS_H

#include <apr_errno.h>

#include "deliver/handover_msg.h"

#define ES_HANDOVER_PAIRS_MAX 64

/** A plain value; a copy in another process has the same sockets. */
typedef struct es_handover_sockets_t {
    int pairs; /* 0 = clients are not handed over */
    int send[ES_HANDOVER_PAIRS_MAX];
    int receive[ES_HANDOVER_PAIRS_MAX];
} es_handover_sockets_t;

/**
 * Make pairs until they hold this many bytes in all.
 *
 * @param sockets  filled; owned by the caller, closed at exec
 * @param bytes    as the kernel counts them, with its own overhead
 * @param most     pairs; 1..ES_HANDOVER_PAIRS_MAX
 * @return APR_SUCCESS, also if most pairs, or those for which there were
 *         descriptors, hold less; else the errno of the first pair
 *
 * Context: PARENT.
 */
apr_status_t es_handover_sockets_create(es_handover_sockets_t *sockets,
                                        apr_uint64_t bytes, int most);

/** Close them all. Context: the process whose they are. */
void es_handover_sockets_close(es_handover_sockets_t *sockets);

/** The bytes that they hold. Context of the rest: ANY. */
apr_uint64_t es_handover_sockets_bytes(const es_handover_sockets_t *sockets);

/** The number of plain clients that they hold at least, if each has a channel;
 * one of TLS takes the room of two. */
apr_uint64_t es_handover_sockets_clients(const es_handover_sockets_t *sockets);

/**
 * Send a message into the first pair that has room. Never blocks.
 *
 * @return as es_handover_msg_send; APR_EAGAIN: all are full
 */
apr_status_t es_handover_sockets_send(const es_handover_sockets_t *sockets,
                                      es_handover_msg_t *msg);

/**
 * Receive a message from the first pair that has one. Never blocks.
 *
 * @return as es_handover_msg_receive; APR_EAGAIN: there is none in any
 */
apr_status_t es_handover_sockets_receive(const es_handover_sockets_t *sockets,
                                         es_handover_msg_t *msg);

#endif
