/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Blocks SIGTERM and SIGHUP while locks are held. Under prefork a child ends in
 * the handler of these signals, in the thread that serves a request. If that
 * thread held one of our locks, shutdown would block on it, and so would other
 * children. In threaded MPMs the signals go to a thread of httpd's, and nothing
 * is blocked. It knows no httpd: the child sets once which case it is.
 */
#ifndef ES_BASE_SIGBLOCK_H
#define ES_BASE_SIGBLOCK_H

#include <signal.h>

typedef struct es_sigblock_t {
    int is_on;
    sigset_t before;
} es_sigblock_t;

/**
 * Set whether the child handles signals in the thread that serves requests.
 *
 * Context: CHILD_INIT.
 */
void es_sigblock_need(int is_needed);

/** Block the signals. Context: WORKER; in DELIVERY they are always blocked. */
void es_sigblock_begin(es_sigblock_t *sigblock);

/**
 * Restore the mask; a signal that came meanwhile is handled now.
 *
 * Context: as es_sigblock_begin.
 */
void es_sigblock_end(const es_sigblock_t *sigblock);

#endif
