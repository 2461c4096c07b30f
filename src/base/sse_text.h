/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Splits the text of an event stream into events: GRIP publishers send frames
 * that they have written themselves, and eventstream-tail reads our streams.
 * The rules are those of WHATWG HTML section "Server-sent events". Pure.
 */
#ifndef ES_BASE_SSE_TEXT_H
#define ES_BASE_SSE_TEXT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "base/event.h"

/**
 * Read a text, which must end with a whole event. Comments, unknown fields and
 * a retry that is not a number are dropped; data lines are joined by LF. An id
 * belongs to its own event only.
 *
 * @param events  array of es_event_t in p, without channels, maybe empty; types
 *                and ids point into text; es_event_check has not seen them
 * @return NULL; or what is wrong, as half a sentence: the text ends within an
 *         event, or an event has fields, but no data
 */
const char *es_sse_text_read(const apr_array_header_t **events, es_slice_t text,
                             apr_pool_t *p);

/**
 * Read one block of a stream, as a client receives it: all lines up to an empty
 * one, which may be missing.
 *
 * @param event  as above, but with any fields; its id.data is NULL if the block
 *               has no id
 * @return 1; 0: the block has no data and is no event, but its id and its retry
 *         count
 */
int es_sse_text_block(es_event_t *event, es_slice_t block, apr_pool_t *p);

#endif
