/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Channel names: how they are checked, sets of them, and the patterns of
 * EventStreamAllowChannel. Pure.
 */
#ifndef ES_BASE_CHANNEL_H
#define ES_BASE_CHANNEL_H

#include <apr_pools.h>

#include "base/problem.h"
#include "base/slice.h"

/** Most bytes of a channel name. */
#define ES_CHANNEL_NAME_MAX 255

/**
 * The name without blanks and tabs at both ends. Never for a client's name:
 * httpd has authorised it as it is, and the trimmed one may be another channel.
 */
es_slice_t es_channel_trim(es_slice_t name);

/** Does text begin or end with a blank or tab? An empty text does not. */
int es_channel_has_blank_end(es_slice_t text);

/**
 * Is name valid for a channel: not empty, at most ES_CHANNEL_NAME_MAX bytes,
 * valid UTF-8, no control character (below 0x20, 0x7f), no blank at an end?
 *
 * @param why  400, naming the channel (shortened, made printable) and reason
 * @return 1, or 0 with why
 */
int es_channel_check(es_slice_t name, apr_pool_t *p, es_problem_t *why);

/**
 * The name in a form for sentences and log lines: at most 64 bytes, then
 * "..."; control characters and bytes that are not valid UTF-8 become '?'.
 *
 * @return in p, with a NUL
 */
const char *es_channel_printable(es_slice_t name, apr_pool_t *p);

/** A set of names in the order in which they were added; each name once. */
typedef struct es_channel_set_t es_channel_set_t;

/** @param max  most names; es_channel_set_add refuses more */
es_channel_set_t *es_channel_set_create(apr_pool_t *p, int max);

/**
 * Add a name as it is, unless it is empty or the set contains it. The bytes are
 * not copied.
 *
 * @return APR_SUCCESS; APR_ENOSPC: the name is new and the set is full
 */
apr_status_t es_channel_set_add(es_channel_set_t *set, es_slice_t name);

/** Is name in the set? */
int es_channel_set_contains(const es_channel_set_t *set, es_slice_t name);

/** The names; valid until the next add. */
const es_slice_t *es_channel_set_names(const es_channel_set_t *set);
int es_channel_set_count(const es_channel_set_t *set);

/**
 * Does name match pattern? '*' stands for any number of bytes, '\' for the
 * byte after it (at the end, for itself), every other byte for itself. Takes
 * linear time and no recursion, since names come from outside. A name longer
 * than ES_CHANNEL_NAME_MAX matches nothing.
 */
int es_channel_match(es_slice_t name, es_slice_t pattern);

#endif
