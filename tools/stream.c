/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are collected up to an empty one; base/sse_text.h reads this block. */
#include "tools/stream.h"

#include "base/sse_text.h"

#define LINE_MAX_BYTES (1024 * 1024)
#define BLOCK_MAX_BYTES (4 * 1024 * 1024)
#define PIECE_MAX (64 * 1024)
#define ID_MAX 8192
/* As that of browsers; the first thing of a stream of ours replaces it. */
#define WAIT_PRESET_MS 3000

void et_stream_init(et_stream_t *stream, const char *last_id,
                    et_stream_on_event_t *on_event, void *data, apr_pool_t *p)
{
    memset(stream, 0, sizeof(*stream));
    stream->on_event = on_event;
    stream->data = data;
    stream->wait_ms = WAIT_PRESET_MS;
    apr_pool_create(&stream->pool, p);
    es_buf_init(&stream->last_id, p, ID_MAX);
    es_buf_add(&stream->last_id, es_slice_of(last_id));
}

void et_stream_begin(et_stream_t *stream)
{
    apr_pool_clear(stream->pool);
    apr_pool_create(&stream->block, stream->pool);
    es_lines_init(&stream->lines, stream->pool, LINE_MAX_BYTES, PIECE_MAX);
    es_buf_init(&stream->text, stream->pool, BLOCK_MAX_BYTES);
}

/* @return 0: no more */
static int end_block(et_stream_t *stream)
{
    es_event_t event;
    int has_data, goes_on = 1;

    has_data =
        es_sse_text_block(&event, es_buf_slice(&stream->text), stream->block);
    if (event.id.data && !es_slice_has(event.id, '\0')) {
        stream->last_id.len = 0;
        es_buf_add(&stream->last_id, event.id);
    }
    if (event.retry_ms >= 0) {
        stream->wait_ms = event.retry_ms;
    }
    if (has_data) {
        goes_on =
            stream->on_event(stream->data, &event,
                             es_buf_slice(&stream->last_id), stream->block);
    }
    stream->text.len = 0;
    apr_pool_clear(stream->block);
    return goes_on;
}

static apr_status_t take_lines(et_stream_t *stream)
{
    es_slice_t line;
    es_line_t found;

    while ((found = es_lines_take(&stream->lines, &line)) == ES_LINE_TAKEN) {
        if (line.len == 0) {
            if (!end_block(stream)) {
                return APR_EOF;
            }
        }
        else if (es_buf_add(&stream->text, line) != APR_SUCCESS ||
                 es_buf_add(&stream->text, es_slice("\n", 1)) != APR_SUCCESS) {
            return APR_ENOSPC;
        }
    }
    return found == ES_LINE_TOO_LONG ? APR_ENOSPC : APR_SUCCESS;
}

apr_status_t et_stream_add(et_stream_t *stream, es_slice_t bytes)
{
    while (bytes.len > 0) {
        apr_size_t len = bytes.len < PIECE_MAX ? bytes.len : PIECE_MAX;
        apr_status_t rv =
            es_lines_add(&stream->lines, es_slice(bytes.data, len));

        rv = rv == APR_SUCCESS ? take_lines(stream) : rv;
        if (rv != APR_SUCCESS) {
            return rv;
        }
        bytes = es_slice(bytes.data + len, bytes.len - len);
    }
    return APR_SUCCESS;
}
