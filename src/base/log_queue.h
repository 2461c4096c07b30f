/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A queue of log messages, and the thread that writes them. A write to the
 * error log may block without end, for instance when the program of a piped
 * ErrorLog hangs. The delivery and the GRIP sender must not wait for that, so
 * es_log puts their messages here. All other threads write for themselves.
 *
 * The queue is bounded. Messages that find it full are dropped and counted;
 * ES0016 tells how many. Debug messages use only half of it, so that many of
 * them do not displace a warning. There is one queue in a process.
 */
#ifndef ES_BASE_LOG_QUEUE_H
#define ES_BASE_LOG_QUEUE_H

#include <apr_pools.h>

#include "base/log.h"

/** Messages that wait at most. */
#define ES_LOG_QUEUE_MAX 64

/**
 * Start the thread.
 *
 * @param write  writes one message; it may block
 * @param pool   not used by the thread; its cleanup follows
 *               es_log_queue_stop
 * @return APR_SUCCESS, or why there is no thread
 *
 * Context: CHILD_INIT, before the delivery is started; not while another queue
 * runs.
 */
apr_status_t es_log_queue_start(es_log_fn_t *write, apr_pool_t *pool);

/**
 * Add a message. Takes the queue's lock, which no thread holds while it writes.
 *
 * @param tag   lives for ever
 * @param text  copied
 * @return 1 if the queue has it, or has counted it as dropped; 0 if no thread
 *         writes: the caller writes the message itself
 *
 * Context: DELIVERY or SENDER; never blocks.
 */
int es_log_queue_add(int level, apr_status_t rv, const char *tag,
                     const char *text);

/**
 * Write what is left and end the thread. A thread that hangs in a write runs
 * until the process exits, and what is left is lost.
 *
 * @param timeout  how long to wait for that at most; negative = 0
 * @return APR_SUCCESS, also without a thread; APR_TIMEUP
 *
 * Context: the child's main thread, after the delivery and the sender have
 * ended.
 */
apr_status_t es_log_queue_stop(apr_interval_time_t timeout);

#endif
