/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A shipment: all that goes from a hub to one of its GRIP proxies, as this
 * child's courier sees it. When the outbox is to be had it sends what is
 * next, post by post, until there is nothing left; else another child does.
 *
 * It belongs to the courier's thread.
 */
#ifndef ES_SHIPMENT_H
#define ES_SHIPMENT_H

#include "grip/client.h"
#include "grip/proxy.h"
#include "grip/outbox.h"

typedef struct es_shipment_t es_shipment_t;

typedef struct es_shipment_params_t {
    const char *hub; /* its name, for the log */
    es_store_t *store;
    const es_grip_t *grip;
    const es_proxy_t *proxy;
    es_outbox_t *box;
} es_shipment_params_t;

/** @return APR_SUCCESS, APR_ENOMEM; lives in pool until es_shipment_close */
apr_status_t es_shipment_open(es_shipment_t **out,
                              const es_shipment_params_t *params,
                              es_grip_client_t *client, apr_pool_t *pool);

/** A post on its way is given up; what was not sent is another child's. */
void es_shipment_close(es_shipment_t *shipment);

/**
 * Begin to send, if there is something to send and no other child does.
 *
 * @return 1 when the outbox has changed, so that others are to be called
 */
int es_shipment_step(es_shipment_t *shipment);

/** Its post has ended (es_grip_client_done). @return as es_shipment_step */
int es_shipment_ended(es_shipment_t *shipment, int outcome);

/**
 * Send records again that the proxy has not taken. To be asked until it is
 * done; one range at a time, others wait for their turn.
 *
 * @return ES_OUTCOME_OPEN, or what became of them
 */
int es_shipment_again(es_shipment_t *shipment, es_pos_t from, es_pos_t to);

/** 1 while a post is on its way. */
int es_shipment_is_busy(const es_shipment_t *shipment);

/** 1 when there is something to send that another child has to send. */
int es_shipment_is_blocked(const es_shipment_t *shipment);

const es_outbox_t *es_shipment_box(const es_shipment_t *shipment);

#endif
