/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An event, what is published and received, and a batch: the events of one
 * publish request, which are stored all or none. The caller that fills in an
 * event owns its slices; mostly they live in the pool of the publishing
 * request. Pure.
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
/** The id that a client sends to get all retained events; no event has it. */
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
 * May the event be published? The checks:
 *
 *     type, id  no CR, LF, NUL; valid UTF-8; at most ES_EVENT_FIELD_MAX bytes
 *     id        not in the form of our own ids; not "error" or "earliest"; a
 *               header can carry it (no control character, no blank at an end)
 *     data      valid UTF-8; at most max_data bytes (else 413)
 *     retry     0..2^31-1, or -1
 *
 * es_channel_check checks the channels.
 *
 * @param max_data  bytes
 * @param why       filled on refusal; the sentence names the field
 * @return 1, or 0 with why
 */
int es_event_check(const es_event_t *event, apr_size_t max_data, apr_pool_t *p,
                   es_problem_t *why);

/* ---- filling in -------------------------------------------------------- */

/**
 * Fill in what the query of a publish request gives to each of its events:
 * channel (any number of times), event, id.
 *
 * @param preset  its slices live in p; nchannels is 0 if query has no channel
 * @param query   not decoded; may be empty
 * @param why     400
 * @return 1, or 0 with why
 */
int es_event_preset(es_event_t *preset, es_slice_t query, apr_pool_t *p,
                    es_problem_t *why);

/** Make a set for the channels of one event. */
es_channel_set_t *es_event_channel_set(apr_pool_t *p);

/**
 * Check a channel's name, and add it to the set of an event. A name is refused
 * that is empty or has a blank at an end: the publisher has made a mistake.
 *
 * @param why  400: it is not a channel's name, or there are too many
 * @return 1, or 0 with why
 */
int es_event_add_channel(es_channel_set_t *set, es_slice_t name, apr_pool_t *p,
                         es_problem_t *why);

/**
 * Check a field that is not known, of an event that names no channel: it must
 * not look as if it named one ("channels", "topic"). The event would go to
 * another channel, that of the query or of the Location.
 *
 * @param name  decoded
 * @param why   400
 * @return 1, or 0 with why
 */
int es_event_check_field(es_slice_t name, apr_pool_t *p, es_problem_t *why);

/**
 * Add the channels that a query or a form names to set, as channel=a,
 * channel[]=a or channel[0]=a.
 *
 * @param query    not decoded
 * @param synonym  another name of the field; NULL = none
 * @param why      400
 * @return 1, or 0 with why
 */
int es_event_query_channels(es_channel_set_t *set, es_slice_t query,
                            const char *synonym, apr_pool_t *p,
                            es_problem_t *why);

/** Give the event the channels of set, which is not changed any more. */
void es_event_set_channels(es_event_t *event, const es_channel_set_t *set);

/**
 * May a publisher leave the data of this event out? Only if it says something
 * else: its type, id or retry is set, by the body or by the query.
 */
int es_event_may_lack_data(const es_event_t *event);

/* ---- batches ----------------------------------------------------------- */

typedef struct es_batch_t {
    es_event_t *events; /* count, 1 or more */
    int count;
    int is_list; /* the body is a list: errors name an event's index */
    int unnamed; /* index of the first event without channel; -1 = none */
    const char *unnamed_has; /* what it has instead, as half a sentence */
} es_batch_t;

/**
 * A reader of one kind of body: it fills a batch from a body. It checks the
 * name of each channel; es_event_check, and which channels the publisher may
 * use, are left to the code that stores the batch.
 *
 * @param batch   its slices live in p or in body
 * @param preset  each event starts with these fields; those in body replace
 *                them
 * @param why     400, naming the position in the body
 * @return 1, or 0 with why
 */
typedef int es_batch_read_fn_t(es_batch_t *batch, es_slice_t body,
                               const es_event_t *preset, apr_pool_t *p,
                               es_problem_t *why);

/**
 * Put the index of an event before the sentence that refuses it, if the batch
 * is a list: "[2]: …", counted from 0, as in the list itself.
 *
 * @return always 0, as es_problem_set
 */
int es_event_refuse(const es_batch_t *batch, int index, apr_pool_t *p,
                    es_problem_t *why);

#endif
