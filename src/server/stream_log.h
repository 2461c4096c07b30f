/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The file or program of EventStreamLog: the parent opens it, a thread of each
 * child writes to it (base/line_queue.h).
 */
#ifndef ES_SERVER_STREAM_LOG_H
#define ES_SERVER_STREAM_LOG_H

#include <httpd.h>

/**
 * Open the log, if there is one.
 *
 * @return OK; or HTTP_INTERNAL_SERVER_ERROR, logged: only if httpd has not
 *         served yet, else streams are not logged
 *
 * Context: PARENT, as root where it is.
 */
int es_stream_log_open(apr_pool_t *pconf, server_rec *s);

/**
 * Start the thread of this child, if there is a log. A pre-cleanup of pchild
 * stops it.
 *
 * Context: CHILD_INIT, before es_runtime_child_init: so it is stopped after the
 * deliveries, whose last lines it has.
 */
void es_stream_log_child_init(apr_pool_t *pchild, server_rec *s);

/** 1 = lines are written. Context: ANY of the child. */
int es_stream_log_is_on(void);

#endif
