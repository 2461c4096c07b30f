/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The lifeboat's message: clients on their way from one child to another,
 * each as a descriptor and what its next owner must know, many in a message.
 * It knows the bytes and the socket; who goes aboard and where they land is
 * the ferry's matter.
 *
 * The boat is a SOCK_SEQPACKET pair that the parent keeps; what is in it
 * outlives the child that sent it. What is received comes from another
 * process, and is checked field by field.
 */
#ifndef ES_DELIVER_HANDOVER_MSG_H
#define ES_DELIVER_HANDOVER_MSG_H

#include "base/slice.h"
#include "deliver/client_priv.h"

/** Most bytes and most clients of a message. The kernel's limit is 253. */
#define ES_HANDOVER_MSG_BYTES 65536
#define ES_HANDOVER_MSG_CLIENTS 128
/** Most channels of a client that can move. */
#define ES_HANDOVER_MSG_NAMES 4096

/** A client without its owner. */
typedef struct es_handed_t {
    int fd;
    es_id_t epoch;           /* of its hub's store, by which the hub is known */
    apr_uint64_t segment_id; /* of the same: positions are of this one only */
    es_id_t seen_id; /* what it has seen for sure, should there be another
                        * segment when it lands; {0, 0} = not to be told */
    int chunked;
    es_client_saved_t state;
    es_client_opts_t opts;   /* lifetime: what is left of it */
    apr_uint64_t address;    /* its key in the census */
    int is_counted;          /* 1 = it has a ticket of the census */
    const es_slice_t *names; /* its channels; slots may be given away while
                              * nobody is subscribed for it */
    int nnames;              /* 1..ES_HANDOVER_MSG_NAMES */
} es_handed_t;

typedef struct es_handover_msg_t es_handover_msg_t;

/** @return an empty message, or NULL without memory */
es_handover_msg_t *es_handover_msg_create(void);

/** Free it and close the descriptors that were received and not taken. NULL
 * is nothing. */
void es_handover_msg_destroy(es_handover_msg_t *msg);

/** Make it empty. */
void es_handover_msg_begin(es_handover_msg_t *msg);

/** Clients in the message at hand. */
int es_handover_msg_count(const es_handover_msg_t *msg);

/**
 * Add a client to the message.
 *
 * @param passenger  copied; its descriptor stays the caller's
 * @return APR_SUCCESS; APR_ENOSPC: it has to go with the next message;
 *         APR_EINVAL: it fits into none
 */
apr_status_t es_handover_msg_add(es_handover_msg_t *msg,
                                 const es_handed_t *handed);

/**
 * Send the message; all of it or nothing. Never blocks.
 *
 * @return APR_SUCCESS: the boat holds copies of the descriptors; else nothing
 *         was sent, APR_EAGAIN meaning that the boat is full for now
 */
apr_status_t es_handover_msg_send(es_handover_msg_t *msg, int fd);

/**
 * Receive a message. Never blocks.
 *
 * @return APR_SUCCESS; APR_EAGAIN: there is none; APR_EINVAL: there was
 *         rubbish, and it is gone; else the boat cannot be read
 */
apr_status_t es_handover_msg_receive(es_handover_msg_t *msg, int fd);

/**
 * Take the next client out of a received message.
 *
 * @param passenger  filled; the descriptor is the caller's, names live until
 *                   the next call
 * @return APR_SUCCESS; APR_EOF: all are taken; APR_EINVAL: the rest is
 *         rubbish and its connections were closed
 */
apr_status_t es_handover_msg_take(es_handover_msg_t *msg, es_handed_t *handed);

#endif
