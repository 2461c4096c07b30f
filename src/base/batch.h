/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A batch: the events of one publish request, which are stored all or none.
 * The body readers fill it in; what they have in common is here. Pure.
 */
#ifndef ES_BASE_BATCH_H
#define ES_BASE_BATCH_H

#include "base/channel.h"
#include "base/event.h"
#include "base/problem.h"
#include "base/slice.h"

#include <apr_pools.h>

typedef struct es_batch_t {
    es_event_t *events; /* count, 1 or more */
    int count;
    int is_list;             /* the body is a list: events are told by index */
    int unnamed;             /* the first event without channel; -1 = none */
    const char *unnamed_has; /* what it has instead, as half a sentence */
} es_batch_t;

/**
 * A reader of bodies of one kind: fills a batch from a body. Which channels,
 * types and ids the events have is checked by whoever stores them, but each
 * channel's name is checked here.
 *
 * @param batch   its slices live in p or in body
 * @param preset  each event starts as this one; its fields win over it
 * @param why     400, telling the place in the body
 * @return 1, or 0 with why
 */
typedef int es_batch_read_fn_t(es_batch_t *batch, es_slice_t body,
                               const es_event_t *preset, apr_pool_t *p,
                               es_problem_t *why);

/**
 * The event that a request's query presets: channel (any number), event, id.
 *
 * @param preset  nchannels is 0 when the query names none; in p
 * @param query   as it came, may be empty
 * @param why     400
 * @return 1, or 0 with why
 */
int es_batch_preset(es_event_t *preset, es_slice_t query, apr_pool_t *p,
                    es_problem_t *why);

/** A set for the channels of one event. */
es_channel_set_t *es_batch_channels(apr_pool_t *p);

/**
 * Add a channel's name to an event's set after trimming and checking it. An
 * empty one is refused: whoever writes one has forgotten something.
 *
 * @param why  400: no name at all, or too many
 * @return 1, or 0 with why
 */
int es_batch_channel(es_channel_set_t *set, es_slice_t name, apr_pool_t *p,
                     es_problem_t *why);

/** Give the event these channels; set is not added to any more. */
void es_batch_name(es_event_t *event, const es_channel_set_t *set);

/**
 * Put the place of an event before a sentence about it, if it is one of a
 * list: "[2]: …", counted from 0, as in the list itself.
 *
 * @return always 0, as es_problem_set
 */
int es_batch_place(const es_batch_t *batch, int index, apr_pool_t *p,
                   es_problem_t *why);

#endif
