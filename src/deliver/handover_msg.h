/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A handover message: clients on their way from one child to another, many in
 * one message, each as a descriptor and what its next child must know. It
 * knows the bytes and the handover socket; deliver/handover.h decides which
 * clients are sent and how they continue.
 *
 * The handover socket is a SOCK_SEQPACKET pair that the parent keeps open, so
 * that messages in it outlive the child that sent them. A received message
 * comes from another process: each field is checked.
 *
 * A message with clients of TLS has their keys. Our copies of it are wiped; the
 * kernel's in the handover socket is as any that passes a pipe.
 */
#ifndef ES_DELIVER_HANDOVER_MSG_H
#define ES_DELIVER_HANDOVER_MSG_H

#include "base/slice.h"
#include "deliver/client_priv.h"
#include "deliver/sink_tls.h"

/** Most bytes and most clients of a message. The kernel's limit is 253
 * descriptors. */
#define ES_HANDOVER_MSG_BYTES 65536
#define ES_HANDOVER_MSG_CLIENTS 128
/** Most channels of a client that can be handed over. */
#define ES_HANDOVER_MSG_NAMES 4096

/** A client between two children. */
typedef struct es_handed_t {
    int fd;
    es_id_t epoch;           /* of its hub's store; identifies the hub */
    apr_uint64_t segment_id; /* of the segment in which cursor is a position */
    es_id_t seen_id; /* all records up to it are seen; used if the segment has
                      * changed; {0, 0} = unknown */
    int chunked;
    es_client_saved_t saved;
    es_client_opts_t opts; /* lifetime: what is left of it; 0 = no end */
    apr_uint64_t address;  /* its key in shm/client_count */
    int is_counted;        /* 1 = a limit counts it */
    apr_uint64_t user;     /* who it is, see shm/revocations.h; 0 = none */
    apr_uint64_t token;
    apr_uint32_t checked;    /* as in es_client_params_t */
    const es_slice_t *names; /* its channels; not slots, as these may be
                              * reused while no child is subscribed for it */
    int nnames;              /* 1..ES_HANDOVER_MSG_NAMES */
    es_slice_t who;          /* its name in the table of presence; empty = it is
                           * not counted there */
    apr_int64_t grace_ms;    /* of it */
    const es_sink_tls_saved_t *tls; /* NULL = a plain client */
    const es_stream_line_t *line;   /* NULL = its stream is not logged */
} es_handed_t;

typedef struct es_handover_msg_t es_handover_msg_t;

/** @return an empty message, or NULL if out of memory */
es_handover_msg_t *es_handover_msg_create(void);

/** Free a message and close the descriptors that were received and not taken.
 * NULL is ignored. */
void es_handover_msg_destroy(es_handover_msg_t *msg);

/** Empty a message and wipe what is secret in it; closes descriptors as
 * es_handover_msg_destroy. */
void es_handover_msg_begin(es_handover_msg_t *msg);

/** The number of clients in the message. */
int es_handover_msg_count(const es_handover_msg_t *msg);

/**
 * Add a client to the message.
 *
 * @param handed  copied; its descriptor stays the caller's and is open until
 *                the message was sent
 * @return APR_SUCCESS; APR_ENOSPC: the message is full, the client fits into
 *         an empty one; APR_EINVAL: it fits into none
 */
apr_status_t es_handover_msg_add(es_handover_msg_t *msg,
                                 const es_handed_t *handed);

/**
 * Send the message as a whole. Never blocks.
 *
 * @return APR_SUCCESS: the handover socket holds copies of the descriptors;
 *         APR_EAGAIN: it is full at present, nothing was sent; else nothing
 *         was sent, with the errno of sendmsg
 */
apr_status_t es_handover_msg_send(es_handover_msg_t *msg, int fd);

/**
 * Receive a message. Never blocks.
 *
 * @return APR_SUCCESS; APR_EAGAIN: there is none; APR_EINVAL: it was malformed
 *         and has been dropped, with its descriptors closed; APR_EOF: no
 *         process can send any more; else the errno of recvmsg
 */
apr_status_t es_handover_msg_receive(es_handover_msg_t *msg, int fd);

/**
 * Take the next client out of a received message.
 *
 * @param handed  filled; the descriptor is the caller's; names, who, line and
 *                tls live until the next call for msg, which wipes tls
 * @return APR_SUCCESS; APR_EOF: all are taken; APR_EINVAL: the rest is
 *         malformed, and its descriptors were closed
 */
apr_status_t es_handover_msg_take(es_handover_msg_t *msg, es_handed_t *handed);

#endif
