/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The pier: where a child waits for the lifeboat. A child that has no room for
 * a boatload leaves it to others, as one that starts early would else take
 * all; if nobody takes it for a while it ends those above its limit itself.
 *
 *     readable ─► room? ─yes─► they come ashore
 *                   └─no──► looks away; ─► room again ─► looks as before
 *                           3 s later: still there? ─► ashore, and ended
 *
 * Context of all: DELIVERY, but for es_handover_recv_open.
 */
#ifndef ES_DELIVER_HANDOVER_RECV_H
#define ES_DELIVER_HANDOVER_RECV_H

#include "deliver/handover.h"

typedef struct es_handover_recv_t {
    es_handover_t *handover;
    int epoll_fd;
    int handover_fd;       /* -1 = there is no boat */
    apr_time_t full_since; /* it looks away since then; 0 = it does not */
} es_handover_recv_t;

/** Wait for the boat: epoll tells of it with the pier's address. */
apr_status_t es_handover_recv_open(es_handover_recv_t *recv,
                                   es_handover_t *handover, int epoll_fd,
                                   int handover_fd);

/** The boat is there. */
void es_handover_recv_on_event(es_handover_recv_t *recv, apr_time_t now);

/** Once in each turn. */
void es_handover_recv_run(es_handover_recv_t *recv, apr_time_t now);

/** When to run at the latest, in microseconds from now; -1 = whenever. */
apr_interval_time_t es_handover_recv_wait(const es_handover_recv_t *recv);

#endif
