/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The segments of the hubs over restarts: which are kept, made, changed and
 * given back when a configuration has been read.
 *
 * A segment that a living child may use stays as it is. So another size waits
 * until no child is left, as at a restart that is not graceful; then the events
 * are carried over (journal/migrate.h). A hub that is no longer named stays
 * until all children are of a configuration without it.
 */
#ifndef ES_SERVER_HUB_SEGMENTS_H
#define ES_SERVER_HUB_SEGMENTS_H

#include "server/retained.h"

/**
 * @param generation  of the configuration that was read
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after telling the error log: a hub
 *         could not be made
 *
 * Context: PARENT, post_config.
 */
int es_hub_segments_open(es_retained_t *retained, int generation,
                         server_rec *s);

#endif
