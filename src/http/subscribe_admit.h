/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Entering: a request that has passed all checks is counted in, subscribed,
 * and put at its position: the present one, or where it has left off.
 */
#ifndef ES_HTTP_SUBSCRIBE_ADMIT_H
#define ES_HTTP_SUBSCRIBE_ADMIT_H

#include "base/channel.h"
#include "journal/resume.h"
#include "http/stream.h"

typedef enum es_admit_result_t {
    ES_ADMIT_DONE,  /* to be served */
    ES_ADMIT_BRIEF, /* a limit is reached: what waits for it, then the end */
    ES_ADMIT_NONE,  /* no hub or channel to be had: nothing but the end */
    ES_ADMIT_CLOSED /* all of its channels are closed: it is to stay away */
} es_admit_result_t;

/**
 * Enter with a limit in mind: clients in all, for an address, of this child,
 * channels of the hub.
 *
 * @param stream  r and conf are set; gets all the rest
 * @param names   one or more, checked; those that are closed are left out
 *
 * Context: WORKER.
 */
es_admit_result_t es_subscribe_admit(es_stream_t *stream,
                                     const es_channel_set_t *names);

/**
 * Subscribe and find the start only, for who reads and goes: nothing is
 * counted, and no limit on clients is looked at.
 *
 * @param stream  r, conf and hub are set; to be dropped with es_stream_drop
 * @param names   one or more; become those that are not closed
 * @return ES_ADMIT_DONE, ES_ADMIT_NONE or ES_ADMIT_CLOSED
 *
 * Context: WORKER.
 */
es_admit_result_t es_subscribe_admit_uncounted(es_stream_t *stream,
                                               const es_channel_set_t **names);

/**
 * How far back a hub gives events to who comes again: EventStreamHub history=
 * and age=, from now on.
 *
 * Context: ANY.
 */
es_resume_reach_t es_subscribe_admit_reach(const es_runtime_hub_t *hub);

#endif
