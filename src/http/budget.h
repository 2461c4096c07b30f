/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The budget of held clients: how many workers of this child may be kept by
 * clients that cannot be detached. Two pots, since HTTP/2 has workers of its
 * own; and one grant at a time for each HTTP/2 connection, as mod_http2 gives
 * a connection few workers at a time.
 *
 * Beyond the budget a client is served in turns, for EventStreamTurn at
 * most; as many turns run at a time as clients may be held. Beyond these a
 * turn has no live time: what waits for the client, then the end.
 */
#ifndef ES_HTTP_BUDGET_H
#define ES_HTTP_BUDGET_H

#include <httpd.h>

typedef enum es_grant_t {
    ES_GRANT_HELD, /* as long as the client likes */
    ES_GRANT_TURN, /* for EventStreamTurn */
    ES_GRANT_BRIEF /* what is there, then the end; nothing to give back */
} es_grant_t;

/**
 * Learn how many workers this child has.
 *
 * @param max_held  EventStreamMaxHeld; 0 = a quarter of the workers
 *
 * Context: CHILD_INIT.
 */
void es_budget_init(apr_pool_t *pchild, server_rec *s, int max_held);

/** Ask for a grant for a request on c. Context: WORKER. */
es_grant_t es_budget_take(conn_rec *c);

/** Give it back. Context: WORKER, once for each HELD and TURN. */
void es_budget_give(conn_rec *c, es_grant_t grant);

#endif
