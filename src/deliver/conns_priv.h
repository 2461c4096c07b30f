/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A set of conns, for conns.c and conn_timers.c only.
 *
 * Context of all: DELIVERY.
 */
#ifndef ES_DELIVER_CONNS_PRIV_H
#define ES_DELIVER_CONNS_PRIV_H

#include "deliver/client.h"
#include "deliver/conns.h"
#include "deliver/revoked.h"

/** STALLED conns with as many tries or more wait equally long. */
#define ES_CONN_STALLS_MAX 7

struct es_conns_t {
    int epoll_fd;                          /* not owned */
    apr_uint32_t count;                    /* atomic: read by any thread */
    es_list_t waiting;                     /* CURRENT, BLOCKED, LINGER */
    es_list_t ready;                       /* READY */
    es_list_t dead;                        /* DEAD */
    es_list_t stalled[ES_CONN_STALLS_MAX]; /* STALLED, by stalls - 1 */
    apr_uint32_t nstalled;                 /* conns in these lists */
    es_timer_wheel_t wheel;
    es_revoked_t revoked;
    apr_time_t logged; /* of es_log_limit_level: clients that cannot be added */
    char scratch[ES_CLIENT_SCRATCH_MIN];
};

static inline es_conn_t *es_conns_of_link(es_list_t *link)
{
    return ES_LIST_OWNER(link, es_conn_t, state_link);
}

/** Change the state, and the list. STALLED: conn->stalls is set before. */
void es_conns_set_state(es_conns_t *conns, es_conn_t *conn,
                        es_conn_state_t state);

/** Ask epoll for EPOLLOUT, or no longer. The conn may be DEAD then. */
void es_conns_set_wants_out(es_conns_t *conns, es_conn_t *conn, int wants);

/** Step its client, and change to the state that follows. */
void es_conns_step(es_conns_t *conns, es_conn_t *conn, apr_time_t now);

#endif
