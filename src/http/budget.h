/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The budget of held clients: how many workers of this child may be occupied by
 * clients that cannot be detached. HTTP/1.1 and HTTP/2 have a quota each. An
 * HTTP/2 connection has one grant at a time, because mod_http2 gives a
 * connection few workers.
 *
 * Beyond the budget a client is served in turns of up to EventStreamTurn; as
 * many turns run at a time as clients may be held, if no more than half of the
 * workers are occupied by all of them (by the presets). Beyond these a turn has
 * no live time: the client gets the events it missed, then the end.
 */
#ifndef ES_HTTP_BUDGET_H
#define ES_HTTP_BUDGET_H

#include <httpd.h>

typedef enum es_grant_t {
    ES_GRANT_HELD, /* without a time limit */
    ES_GRANT_TURN, /* for EventStreamTurn */
    ES_GRANT_BRIEF /* missed events, then the end; not to be given back */
} es_grant_t;

/**
 * Set the quotas from the number of workers of this child.
 *
 * @param max_held  EventStreamMaxHeld; 0 = a quarter of the workers, and turns
 *                  within half of them
 *
 * Context: CHILD_INIT.
 */
void es_budget_init(apr_pool_t *pchild, server_rec *s, int max_held);

/** Take a grant for a request on c. Context: WORKER. */
es_grant_t es_budget_acquire(conn_rec *c);

/**
 * Would es_budget_acquire hold a client whose connection has no grant yet? 1 if
 * the connection has one: that is no shortage of workers. Context: WORKER.
 */
int es_budget_has_room(const conn_rec *c);

/** Give a grant back. Context: WORKER, once for each HELD and TURN. */
void es_budget_release(conn_rec *c, es_grant_t grant);

#endif
