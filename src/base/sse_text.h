/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The text of an event stream, taken apart into events: what publishers send
 * who write frames themselves (GRIP). WHATWG HTML section "Server-sent
 * events", but that all of it must be whole. Pure.
 */
#ifndef ES_BASE_SSE_TEXT_H
#define ES_BASE_SSE_TEXT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "base/event.h"

/**
 * Read a text. Comments and unknown fields are dropped, so is a retry that is
 * no number; data lines are joined by LF. An id counts for its own event only.
 *
 * @param events  array of es_event_t in p, without channels, maybe empty;
 *                types and ids point into text, es_event_check is still to be
 *                asked
 * @return NULL; or what is wrong, as half a sentence: the text ends within an
 *         event, or has fields, but no data for them to go with
 */
const char *es_sse_text_read(const apr_array_header_t **events, es_slice_t text,
                             apr_pool_t *p);

#endif
