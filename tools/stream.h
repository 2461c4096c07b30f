/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The bytes of one event stream, as they come, to events; and what of it a
 * reconnect needs: the last event id and the time to wait.
 */
#ifndef ET_STREAM_H
#define ET_STREAM_H

#include <apr_pools.h>

#include "base/event.h"
#include "base/lines.h"

/** @return 0: no more */
typedef int et_stream_on_event_t(void *data, const es_event_t *event,
                                 es_slice_t id, apr_pool_t *p);

typedef struct et_stream_t {
    apr_pool_t *pool;  /* of a connection */
    apr_pool_t *block; /* of an event */
    es_lines_t lines;
    es_buf_t text;       /* of the block so far */
    es_buf_t last_id;    /* valid over connections */
    apr_int64_t wait_ms; /* before the next connect */
    et_stream_on_event_t *on_event;
    void *data;
} et_stream_t;

/** @param last_id  to begin with; NULL = none */
void et_stream_init(et_stream_t *stream, const char *last_id,
                    et_stream_on_event_t *on_event, void *data, apr_pool_t *p);

/** A new connection: what is left of an event of the one before is dropped. */
void et_stream_begin(et_stream_t *stream);

/**
 * Take bytes. Events without data are not given to on_event.
 *
 * @return APR_SUCCESS; APR_EOF: on_event wants no more; APR_ENOSPC: a line or
 *         an event is longer than this program takes (1 MB, 4 MB)
 */
apr_status_t et_stream_add(et_stream_t *stream, es_slice_t bytes);

#endif
