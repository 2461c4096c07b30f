/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Takes over one client that another child has handed over: subscribes it, and
 * finds where it continues (deliver/handover.h).
 *
 * Context of all: DELIVERY.
 */
#ifndef ES_DELIVER_HANDOVER_TAKE_H
#define ES_DELIVER_HANDOVER_TAKE_H

#include "deliver/handover.h"
#include "deliver/handover_msg.h"

/** Has another delivery of this process fewer clients, by more than this
 * number? It takes those that come, unless it stops. */
int es_handover_take_is_ahead(const es_handover_params_t *params,
                              apr_uint32_t clients);

/** Are there at most clients_max clients if this many more come? */
int es_handover_take_has_room(const es_handover_params_t *params,
                              apr_uint32_t clients);

/**
 * Take over a client. Its stream ends if there is no room for it, or if its hub
 * is no longer configured.
 *
 * @param slots  scratch, ES_HANDOVER_MSG_NAMES of them
 * @return APR_SUCCESS: conns has it; APR_TIMEUP: another process has the store
 *         lock, and the descriptor is still the caller's; else the client could
 *         not be taken over and was closed
 */
apr_status_t es_handover_take_client(const es_handover_params_t *params,
                                     const es_handed_t *handed,
                                     es_slot_t *slots, apr_time_t now);

/** Log the line of a client that is not taken over, if it has one. */
void es_handover_take_log_lost(const es_handed_t *handed);

#endif
