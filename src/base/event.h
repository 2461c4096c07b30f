/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An event: what is published and received. The slices belong to whoever
 * filled it in, mostly the pool of the publishing request. Pure.
 */
#ifndef ES_BASE_EVENT_H
#define ES_BASE_EVENT_H

#include <apr_pools.h>

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

#endif
