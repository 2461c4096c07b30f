/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Entering: a request that has passed all checks is counted in, subscribed,
 * and put at its position: the present one, or where it has left off.
 */
#ifndef ES_ENTRY_H
#define ES_ENTRY_H

#include "base/channel.h"
#include "http/stream.h"
#include "journal/resume.h"

typedef enum es_entry_result_t {
    ES_ENTRY_DONE,  /* to be served */
    ES_ENTRY_BRIEF, /* a limit is reached: what waits for it, then the end */
    ES_ENTRY_NONE,  /* no hub or channel to be had: nothing but the end */
    ES_ENTRY_CLOSED /* all of its channels are closed: it is to stay away */
} es_entry_result_t;

/**
 * Enter with a limit in mind: clients in all, for an address, of this child,
 * channels of the hub.
 *
 * @param stream  r and conf are set; gets all the rest
 * @param names   one or more, checked; those that are closed are left out
 *
 * Context: WORKER.
 */
es_entry_result_t es_entry_enter(es_stream_t *stream,
                                 const es_channels_t *names);

/**
 * Subscribe and find the start only, for who reads and goes: nothing is
 * counted, and no limit on clients is looked at.
 *
 * @param stream  r, conf and hub are set; to be dropped with es_stream_drop
 * @param names   one or more; become those that are not closed
 * @return ES_ENTRY_DONE, ES_ENTRY_NONE or ES_ENTRY_CLOSED
 *
 * Context: WORKER.
 */
es_entry_result_t es_entry_look_in(es_stream_t *stream,
                                   const es_channels_t **names);

/**
 * How far back a hub gives events to who comes again: EventStreamHub history=
 * and age=, from now on.
 *
 * Context: ANY.
 */
es_reach_t es_entry_reach(const es_hub_view_t *hub);

#endif
