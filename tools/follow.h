/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Follow event streams, as EventSource does: connect again after each end, with
 * the last event id, so that no event is missed and none comes twice.
 */
#ifndef ET_FOLLOW_H
#define ET_FOLLOW_H

#include "tools/options.h"

/** Print what comes, until it is enough. @return the exit status */
int et_follow(const et_options_t *options, apr_pool_t *p);

/**
 * Does an event get through? Opens the stream of --through, publishes an event
 * to --publish-to, and waits for it.
 *
 * @param seconds  in: how long at most; out: from publish to receive
 * @return NULL; or what has failed, in p
 */
const char *et_follow_round_trip(const et_options_t *options, double *seconds,
                                 apr_pool_t *p);

#endif
