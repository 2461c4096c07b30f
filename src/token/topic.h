/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The channels that a token names: patterns of the claim eventstream, as
 * EventStreamAllowChannel has them, and topic selectors of the claim mercure.
 * Pure.
 *
 * A topic selector is "*", a channel, or a URI template (RFC 6570): {name}
 * stands for any bytes without /?#[]@!$&'()*+,;=: in between, {+name} for any
 * bytes. Other operators and modifiers, and more than 4 names, match nothing.
 */
#ifndef ES_TOKEN_TOPIC_H
#define ES_TOKEN_TOPIC_H

#include "base/slice.h"

typedef struct es_topic_t {
    es_slice_t text;
    int is_selector; /* 1 = of mercure, 0 = a pattern */
} es_topic_t;

/** Most bytes of a text. */
#define ES_TOPIC_MAX 1024

/**
 * Does a channel match? Takes time in proportion to the product of both
 * lengths at most; names and texts may come from anywhere.
 */
int es_topic_matches(const es_topic_t *topic, es_slice_t name);

#endif
