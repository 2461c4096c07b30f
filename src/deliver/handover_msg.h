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
#ifndef ES_LIFEBOAT_H
#define ES_LIFEBOAT_H

#include "base/slice.h"
#include "deliver/client_priv.h"

/** Most bytes and most clients of a message. The kernel's limit is 253. */
#define ES_LIFEBOAT_BYTES 65536
#define ES_LIFEBOAT_SEATS 128
/** Most channels of a client that can move. */
#define ES_LIFEBOAT_NAMES 4096

/** A client without its owner. */
typedef struct es_passenger_t {
    int fd;
    es_id_t birth;     /* of its hub's store, by which the hub is known */
    apr_uint64_t life; /* of the same: positions are of this one only */
    es_id_t known;     /* what it has seen for sure, should there be another
                        * segment when it lands; {0, 0} = not to be told */
    int chunked;
    es_client_state_t state;
    apr_interval_time_t keepalive;
    int keepalive_as_comment;
    apr_interval_time_t send_timeout;
    apr_interval_time_t lifetime; /* what is left of it; 0 = no end */
    apr_int64_t retry_ms;
    apr_uint64_t address;    /* its key in the census */
    int is_counted;          /* 1 = it has a ticket of the census */
    const es_slice_t *names; /* its channels; slots may be given away while
                              * nobody is subscribed for it */
    int nnames;              /* 1..ES_LIFEBOAT_NAMES */
} es_passenger_t;

typedef struct es_lifeboat_t es_lifeboat_t;

/** @return an empty message, or NULL without memory */
es_lifeboat_t *es_lifeboat_create(void);

/** Free it and close the descriptors that were received and not taken. NULL
 * is nothing. */
void es_lifeboat_destroy(es_lifeboat_t *boat);

/** Make it empty. */
void es_lifeboat_begin(es_lifeboat_t *boat);

/** Clients in the message at hand. */
int es_lifeboat_count(const es_lifeboat_t *boat);

/**
 * Add a client to the message.
 *
 * @param passenger  copied; its descriptor stays the caller's
 * @return APR_SUCCESS; APR_ENOSPC: it has to go with the next message;
 *         APR_EINVAL: it fits into none
 */
apr_status_t es_lifeboat_add(es_lifeboat_t *boat,
                             const es_passenger_t *passenger);

/**
 * Send the message; all of it or nothing. Never blocks.
 *
 * @return APR_SUCCESS: the boat holds copies of the descriptors; else nothing
 *         was sent, APR_EAGAIN meaning that the boat is full for now
 */
apr_status_t es_lifeboat_send(es_lifeboat_t *boat, int fd);

/**
 * Receive a message. Never blocks.
 *
 * @return APR_SUCCESS; APR_EAGAIN: there is none; APR_EINVAL: there was
 *         rubbish, and it is gone; else the boat cannot be read
 */
apr_status_t es_lifeboat_receive(es_lifeboat_t *boat, int fd);

/**
 * Take the next client out of a received message.
 *
 * @param passenger  filled; the descriptor is the caller's, names live until
 *                   the next call
 * @return APR_SUCCESS; APR_EOF: all are taken; APR_EINVAL: the rest is
 *         rubbish and its connections were closed
 */
apr_status_t es_lifeboat_take(es_lifeboat_t *boat, es_passenger_t *passenger);

#endif
