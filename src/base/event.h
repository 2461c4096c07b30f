/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An event, what is published and received, and a batch: the events of one
 * publish request, which are stored all or none. The slices of an event belong
 * to whoever filled it in, mostly the pool of the publishing request. Pure.
 */
#ifndef ES_BASE_EVENT_H
#define ES_BASE_EVENT_H

#include <apr_pools.h>

#include "base/channel.h"
#include "base/problem.h"
#include "base/slice.h"

/** Most channels of one event. */
#define ES_EVENT_CHANNELS_MAX 64
/** Most bytes of an event's type and of a publisher's id. */
#define ES_EVENT_FIELD_MAX 255
/** What clients resume with that want all that is retained; no event's id. */
#define ES_EVENT_EARLIEST "earliest"

typedef struct es_event_t {
    const es_slice_t *channels; /* distinct names */
    int nchannels;              /* 1..ES_EVENT_CHANNELS_MAX */
    es_slice_t type;            /* empty = the default, "message" */
    es_slice_t id;              /* the publisher's own; empty = none */
    es_slice_t data;            /* UTF-8; line ends of any kind */
    apr_int64_t retry_ms;       /* milliseconds; -1 = none */
} es_event_t;

/**
 * Is the event fit to be published? Checks: type and id without CR, LF, NUL,
 * valid UTF-8, not longer than ES_EVENT_FIELD_MAX; id not in the form of our
 * own ids, not "error", and such that a header can bring it back (no control
 * characters, no blank at an end); data valid UTF-8 and at most max_data bytes
 * (else 413); retry within 0..2^31-1 or -1.
 * Channels are checked by es_channel_check.
 *
 * @param max_data  bytes
 * @param why       filled on refusal; the sentence names the field
 * @return 1, or 0 with why
 */
int es_event_check(const es_event_t *event, apr_size_t max_data, apr_pool_t *p,
                   es_problem_t *why);

/* ---- filling in -------------------------------------------------------- */

/**
 * The event that a request's query presets: channel (any number), event, id.
 *
 * @param preset  nchannels is 0 when the query names none; in p
 * @param query   as it came, may be empty
 * @param why     400
 * @return 1, or 0 with why
 */
int es_event_preset(es_event_t *preset, es_slice_t query, apr_pool_t *p,
                    es_problem_t *why);

/** A set for the channels of one event. */
es_channel_set_t *es_event_channel_set(apr_pool_t *p);

/**
 * Add a channel's name to an event's set after trimming and checking it. An
 * empty one is refused: whoever writes one has forgotten something.
 *
 * @param why  400: no name at all, or too many
 * @return 1, or 0 with why
 */
int es_event_add_channel(es_channel_set_t *set, es_slice_t name, apr_pool_t *p,
                         es_problem_t *why);

/** Give the event these channels; set is not added to any more. */
void es_event_set_channels(es_event_t *event, const es_channel_set_t *set);

/* ---- batches ----------------------------------------------------------- */

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
 * Put the place of an event before a sentence about it, if it is one of a
 * list: "[2]: …", counted from 0, as in the list itself.
 *
 * @return always 0, as es_problem_set
 */
int es_event_refuse(const es_batch_t *batch, int index, apr_pool_t *p,
                    es_problem_t *why);

#endif
