/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The sending of one hub's records to one of its GRIP proxies, by this child.
 * If no other child has the proxy's outbox, it posts what comes next in the
 * journal, one request after another, until nothing is left. If another child
 * has the outbox, that child sends.
 *
 * es_proxy_t (grip/proxy.h) is the proxy as configured, an es_sender_proxy_t
 * is the sending to it. It belongs to the sender's thread.
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
    es_may_send_fn_t *may_send; /* NULL = always */
    void *arg;                  /* its argument */
} es_sender_proxy_params_t;

/**
 * @param params  copied; what it points to must outlive the sending
 * @param pool    the sending lives here, until es_sender_proxy_close
 * @return APR_SUCCESS, APR_ENOMEM
 */
apr_status_t es_sender_proxy_open(es_sender_proxy_t **out,
                                  const es_sender_proxy_params_t *params,
                                  es_grip_client_t *client, apr_pool_t *pool);

/**
 * Cancel the request in flight and release the outbox; another child sends
 * what is left.
 */
void es_sender_proxy_close(es_sender_proxy_t *sending);

/**
 * Start to send if there is something to send and no other child sends it. It
 * looks at a bounded number of records (es_sender_proxy_has_more).
 *
 * @return 1 if the outbox has changed, so that other children must be woken
 */
int es_sender_proxy_step(es_sender_proxy_t *sending,
                         const es_sender_time_t *time);

/** May this node send to the proxy now? */
int es_sender_proxy_may_send(const es_sender_proxy_t *sending);

/**
 * Cancel the request in flight and release the outbox, if this node may not
 * send any more. What was in flight is sent by another node, perhaps once more.
 *
 * @return as es_sender_proxy_step
 */
int es_sender_proxy_cancel_forbidden(es_sender_proxy_t *sending);

/**
 * The request in flight has ended: report its outcome and go on.
 *
 * @param outcome  from es_grip_client_done
 * @return as es_sender_proxy_step
 */
int es_sender_proxy_ended(es_sender_proxy_t *sending, int outcome,
                          const es_sender_time_t *time);

/**
 * Send again those of some records that the proxy has not taken. The caller
 * repeats the call until it gets an outcome, which is returned once. There is
 * one range at a time; another range gets ES_OUTCOME_OPEN until its turn.
 *
 * @param from  where the first record starts
 * @param to    where the last record ends
 * @return ES_OUTCOME_OPEN, ES_OUTCOME_TAKEN, or the outcome of one of them
 *         that was not taken
 */
int es_sender_proxy_resend(es_sender_proxy_t *sending, es_pos_t from,
                           es_pos_t to);

/** 1 while a request is in flight. */
int es_sender_proxy_is_busy(const es_sender_proxy_t *sending);

/** 1 if there is something to send and another child has the outbox. */
int es_sender_proxy_is_blocked(const es_sender_proxy_t *sending);

/** 1 if it has not finished to search for records to send again: step it once
 * more, without a wait. */
int es_sender_proxy_has_more(const es_sender_proxy_t *sending);

/** Its outbox, as given. */
const es_outbox_t *es_sender_proxy_outbox(const es_sender_proxy_t *sending);

#endif
