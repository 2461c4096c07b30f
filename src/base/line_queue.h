/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A queue of lines of a file or pipe, and the thread that writes them. A write
 * may block without end, for instance when the program of a piped log hangs.
 * Whoever adds a line never waits for that. There is one queue in a process.
 *
 * The queue is bounded. Lines that find it full, and lines that cannot be
 * written, are lost and counted; ES0025 tells how many.
 */
#ifndef ES_BASE_LINE_QUEUE_H
#define ES_BASE_LINE_QUEUE_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

/** Bytes of a line at most, with its LF: a pipe takes as many as a whole, so
 * that lines of several children do not mix. */
#define ES_LINE_QUEUE_LINE 4096
/** Bytes of lines that wait at most. */
#define ES_LINE_QUEUE_BYTES (1024 * 1024)

/**
 * Start the thread.
 *
 * @param fd    open until the process exits
 * @param pool  not used by the thread; its cleanup follows es_line_queue_stop
 * @return APR_SUCCESS, or why there is no thread: no line is taken
 *
 * Context: CHILD_INIT, before other threads are started; once in a process.
 */
apr_status_t es_line_queue_start(int fd, apr_pool_t *pool);

/**
 * Add a line. Takes the queue's lock, which no thread holds while it writes.
 *
 * @param line  copied; 1..ES_LINE_QUEUE_LINE bytes, of which the last is the
 *              only LF
 *
 * Context: ANY; never blocks. prefork: signals are blocked (base/sigblock.h).
 */
void es_line_queue_add(const char *line, apr_size_t len);

/**
 * Write what is left and end the thread. A thread that hangs in a write runs
 * until the process exits, and what is left is lost.
 *
 * @param timeout  how long to wait for that at most; negative = 0
 * @return APR_SUCCESS, also without a thread; APR_TIMEUP
 *
 * Context: the child's main thread, when no thread adds lines any more.
 */
apr_status_t es_line_queue_stop(apr_interval_time_t timeout);

#endif
