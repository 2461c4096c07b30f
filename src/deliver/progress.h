/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The progress of a hub's clients in this child, reported to publishers so
 * that they do not overtake clients that read (journal/flow_control.h).
 * Publishers wait for a client that is behind as long as its socket takes
 * bytes at least once a second: for a client that reads steadily, but not for
 * a client that never reads, or that reads a little every few seconds.
 *
 * Each client has a budget of time, a quarter of that of a publisher. It uses
 * the budget while it is the client that is furthest behind, and so late that
 * publishers wait. When nothing is left, publishers no longer wait for it until
 * it has caught up.
 *
 * Context of all: DELIVERY, unless another is named.
 */
#ifndef ES_DELIVER_PROGRESS_H
#define ES_DELIVER_PROGRESS_H

#include <apr_time.h>

#include "base/list.h"
#include "journal/flow_control.h"

struct es_conn_t;
struct es_hub_t;

/** The client that is furthest behind. */
typedef struct es_progress_lowest_t {
    es_pos_t pos;                  /* 0 = no client is behind */
    es_flow_control_budget_t *use; /* its own; NULL = it is not charged. It is
                                      given up when nothing is left, until the
                                      client has caught up */
} es_progress_lowest_t;

/** How far the clients of a hub have got. */
typedef struct es_progress_t {
    es_list_t conns; /* those behind: READY, or BLOCKED and waited for */
    es_list_t mark;  /* in conns: those before it are to be visited */
    int is_walking;  /* 1 = mark is in conns */
    es_progress_lowest_t found; /* by this walk so far */
    es_pos_t lowest;            /* position of any client behind; 0 = none is */
    apr_time_t next_walk;  /* it does not begin, or continue, before then */
    apr_time_t walked;     /* when it was last begun or continued */
    apr_time_t late_since; /* the last walk; 0 = lowest was not late then */
    apr_int64_t client_us; /* budget of a client; 0 = none is waited for */
    es_pos_t reported;     /* to publishers; 0 = they need not wait */
} es_progress_t;

/** Microseconds between two reports while a client is behind. */
#define ES_PROGRESS_INTERVAL (20 * 1000)

/** Begin without clients; publishers wait for none. Context: the thread that
 * makes the loop. */
void es_progress_init(es_progress_t *progress);

/** Publishers wait for clients. @param most  for how long a publisher waits in
 * all; 0 = never. Context: the thread that makes the loop. */
void es_progress_set_most(es_progress_t *progress, apr_interval_time_t most);

/** The conn has been stepped, or its state has changed. */
void es_progress_update(struct es_conn_t *conn);

/**
 * Report to publishers the position that all clients have reached, if it has
 * changed.
 *
 * @param child  of this process, from 1
 * @return 1 when a client is behind: the caller reports again after
 *         ES_PROGRESS_INTERVAL, even if nothing happens until then
 */
int es_progress_report(struct es_hub_t *hub, apr_uint32_t child,
                       apr_time_t now);

/** 1 when the hub had no clients in this child at the last report. */
int es_progress_is_idle(const struct es_hub_t *hub);

/** The delivery stops: publishers no longer wait for it. */
void es_progress_end(struct es_hub_t *hub, apr_uint32_t child);

#endif
