/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The headway: how far the clients of a hub have come that take bytes, so that
 * writers do not lap them (journal/flow_control.h). A client that is behind
 * counts as long as its socket takes bytes at least once a second: so one that
 * reads steadily counts, and one that never reads, or a little now and then,
 * does not.
 *
 * Context of all: DELIVERY.
 */
#ifndef ES_DELIVER_PROGRESS_H
#define ES_DELIVER_PROGRESS_H

#include <apr_time.h>

#include "base/list.h"
#include "journal/flow_control.h"

struct es_conn_t;
struct es_hub_t;

/** How far the clients of a hub have come. */
typedef struct es_progress_t {
    es_list_t conns;      /* members that are READY, or BLOCKED since lately */
    es_pos_t lowest;      /* the least position of these; 0 = none */
    apr_time_t next_walk; /* no sooner is it found out anew */
    es_pos_t reported;    /* to the writers */
} es_progress_t;

/** Between two looks at clients that are behind, in a quiet loop. */
#define ES_PROGRESS_INTERVAL (20 * 1000)

void es_progress_init(es_progress_t *progress);

/** A member has been stepped, or is in another state. */
void es_progress_update(struct es_conn_t *conn);

/**
 * Tell the writers, if there is something new.
 *
 * @param place  of this child
 * @return 1 when somebody is behind: to be called again after
 *         ES_PROGRESS_INTERVAL, also if nothing happens
 */
int es_progress_report(struct es_hub_t *hub, apr_uint32_t child,
                       apr_time_t now);

/** 1 when the hub has no clients here, as far as was told last. */
int es_progress_is_idle(const struct es_hub_t *hub);

/** The child ends: nobody waits for it any more. */
void es_progress_end(struct es_hub_t *hub, apr_uint32_t child);

#endif
