/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Quiet while locks are held: under prefork a child ends inside the handler
 * of SIGTERM or SIGHUP, in the very thread that serves a request. Had that
 * thread a lock of ours, the end would wait for it, and other children too.
 * With threads the signals go to a thread of httpd's, and nothing is done.
 * It knows no httpd: the child says once which of both it is.
 */
#ifndef ES_BASE_SIGBLOCK_H
#define ES_BASE_SIGBLOCK_H

#include <signal.h>

typedef struct es_sigblock_t {
    int is_on;
    sigset_t before;
} es_sigblock_t;

/** The child handles signals in the thread that serves. Context: CHILD_INIT. */
void es_sigblock_need(int is_needed);

/** Block them. Context: WORKER. */
void es_sigblock_begin(es_sigblock_t *sigblock);

/** As before; one that came meanwhile is handled now. Context: WORKER. */
void es_sigblock_end(const es_sigblock_t *sigblock);

#endif
