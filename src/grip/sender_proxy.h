/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A shipment: all that goes from a hub to one of its GRIP proxies, as this
 * child's courier sees it. When the outbox is to be had it sends what is
 * next, post by post, until there is nothing left; else another child does.
 *
 * It belongs to the courier's thread.
 */
#ifndef ES_GRIP_SENDER_PROXY_H
#define ES_GRIP_SENDER_PROXY_H

#include "grip/client.h"
#include "grip/outbox.h"
#include "grip/proxy.h"

typedef struct es_sender_proxy_t es_sender_proxy_t;

/** The time of one turn of the sender's thread, which reads it once a turn. */
typedef struct es_sender_time_t {
    apr_time_t now;  /* as es_clock_now: for ages and pauses */
    apr_time_t date; /* as apr_time_now: for what a token states */
} es_sender_time_t;

typedef struct es_sender_proxy_params_t {
    const char *hub; /* its name, for the log */
    es_store_t *store;
    const es_grip_t *grip;
    const es_proxy_t *proxy;
    es_outbox_t *outbox;
} es_sender_proxy_params_t;

/** @return APR_SUCCESS, APR_ENOMEM; lives until es_sender_proxy_close */
apr_status_t es_sender_proxy_open(es_sender_proxy_t **out,
                                  const es_sender_proxy_params_t *params,
                                  es_grip_client_t *client, apr_pool_t *pool);

/** A post on its way is given up; what was not sent is another child's. */
void es_sender_proxy_close(es_sender_proxy_t *sending);

/**
 * Begin to send, if there is something to send and no other child does.
 *
 * @return 1 when the outbox has changed, so that others are to be called
 */
int es_sender_proxy_step(es_sender_proxy_t *sending,
                         const es_sender_time_t *time);

/** Its post has ended (es_grip_client_done). @return as es_sender_proxy_step */
int es_sender_proxy_ended(es_sender_proxy_t *sending, int outcome,
                          const es_sender_time_t *time);

/**
 * Send records again that the proxy has not taken. To be asked until it is
 * done; one range at a time, others wait for their turn.
 *
 * @return ES_OUTCOME_OPEN, or what became of them
 */
int es_sender_proxy_resend(es_sender_proxy_t *sending, es_pos_t from,
                           es_pos_t to);

/** 1 while a post is on its way. */
int es_sender_proxy_is_busy(const es_sender_proxy_t *sending);

/** 1 when there is something to send that another child has to send. */
int es_sender_proxy_is_blocked(const es_sender_proxy_t *sending);

const es_outbox_t *es_sender_proxy_outbox(const es_sender_proxy_t *sending);

#endif
