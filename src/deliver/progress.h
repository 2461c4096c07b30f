/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The progress of a hub's clients in this child, reported to publishers so
 * that they do not overtake clients that read (journal/flow_control.h).
 * Publishers wait for a client that is behind as long as its socket takes
 * bytes at least once a second: for a client that reads steadily, but not for
 * a client that never reads, or that reads a little every few seconds.
 *
 * Context of all: DELIVERY, except es_progress_init.
 */
#ifndef ES_DELIVER_PROGRESS_H
#define ES_DELIVER_PROGRESS_H

#include <apr_time.h>

#include "base/list.h"
#include "journal/flow_control.h"

struct es_conn_t;
struct es_hub_t;

/** How far the clients of a hub have got. */
typedef struct es_progress_t {
    es_list_t conns;      /* those behind: READY, or BLOCKED and waited for */
    es_pos_t lowest;      /* position of any client behind; 0 = none is */
    apr_time_t next_walk; /* lowest is not recomputed before then */
    es_pos_t reported;    /* to publishers; 0 = they need not wait */
} es_progress_t;

/** Microseconds between two reports while a client is behind. */
#define ES_PROGRESS_INTERVAL (20 * 1000)

/** Begin without clients. Context: the thread that makes the loop. */
void es_progress_init(es_progress_t *progress);

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
