/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Events and values on the standard output. An event is one line (with --data
 * as many as its data has). Control characters of a server do not reach a
 * terminal.
 */
#ifndef ET_OUTPUT_H
#define ET_OUTPUT_H

#include "base/event.h"
#include "tools/options.h"

/**
 * Print an event, and flush.
 *
 * @param url   of its stream; NULL = there is only one
 * @param id    the last event id
 * @param p     for temporary memory
 * @return 0: the output is closed or full
 */
int et_output_event(const et_options_t *options, const char *url,
                    const es_event_t *event, es_slice_t id, apr_pool_t *p);

/**
 * A text as a field: a backslash as \\, line ends and tabs as \n, \r, \t, other
 * control characters as \xHH.
 */
const char *et_output_escape(es_slice_t text, apr_pool_t *p);

/** Flush. @return 0: the output is closed or full, complained */
int et_output_flush(void);

#endif
