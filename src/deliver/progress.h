/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The headway: how far the clients of a hub have come that take bytes, so that
 * writers do not lap them (store/es_pace.h). A client that is behind counts as
 * long as its socket takes bytes at least once a second: so one that reads
 * steadily counts, and one that never reads, or a little now and then, does
 * not.
 *
 * Context of all: DELIVERY.
 */
#ifndef ES_HEADWAY_H
#define ES_HEADWAY_H

#include "deliver/conn.h"

/** Between two looks at clients that are behind, in a quiet loop. */
#define ES_HEADWAY_LOOK (20 * 1000)

void es_headway_init(es_hub_t *hub);

/** A member has been stepped, or is in another state. */
void es_headway_note(es_member_t *member);

/**
 * Tell the writers, if there is something new.
 *
 * @param place  of this child
 * @return 1 when somebody is behind: to be called again after
 *         ES_HEADWAY_LOOK, also if nothing happens
 */
int es_headway_tell(es_hub_t *hub, apr_uint32_t place, apr_time_t now);

/** 1 when the hub has no clients here, as far as was told last. */
int es_headway_is_alone(const es_hub_t *hub);

/** The child ends: nobody waits for it any more. */
void es_headway_end(es_hub_t *hub, apr_uint32_t place);

#endif
