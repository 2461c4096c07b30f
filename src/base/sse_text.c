/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text is read line by line; an empty line ends a block. The data of all
 * events is written to one buffer, which need not be longer than the text: each
 * line loses its field name.
 */
#include "base/sse_text.h"

#include "base/lines.h"
#include "base/query.h"

#define RETRY_MAX 0x7fffffff

static const char partial[] = "it ends within an event";
static const char without_data[] = "it has an event without data";

typedef struct block_t {
    es_event_t event;
    char *data;     /* start of the data of the block */
    char *data_end; /* its end */
    int has_data;
    int has_fields; /* a line that is not a comment */
} block_t;

static void begin(block_t *block)
{
    char *at = block->data_end;

    memset(block, 0, sizeof(*block));
    block->event.retry_ms = -1;
    block->data = block->data_end = at;
}

static void add_data(block_t *block, es_slice_t value)
{
    if (block->has_data) {
        *block->data_end++ = '\n';
    }
    if (value.len != 0) {
        memcpy(block->data_end, value.data, value.len);
    }
    block->data_end += value.len;
    block->has_data = 1;
}

static void add_field(block_t *block, es_slice_t name, es_slice_t value)
{
    if (es_slice_is(name, "data")) {
        add_data(block, value);
    }
    else if (es_slice_is(name, "event")) {
        block->event.type = value;
    }
    else if (es_slice_is(name, "id")) {
        block->event.id = value;
    }
    else if (es_slice_is(name, "retry")) {
        block->event.retry_ms = es_query_number(value, RETRY_MAX);
    }
}

static void add_line(block_t *block, es_slice_t line)
{
    const char *colon = memchr(line.data, ':', line.len);
    es_slice_t name = line;
    es_slice_t value = es_slice("", 0); /* a field has one, maybe empty */

    if (colon == line.data) {
        return; /* a comment */
    }
    if (colon != NULL) {
        name.len = (apr_size_t)(colon - line.data);
        value = es_slice(colon + 1, line.len - name.len - 1);
        if (value.len != 0 && value.data[0] == ' ') {
            value.data++;
            value.len--;
        }
    }
    block->has_fields = 1;
    add_field(block, name, value);
}

int es_sse_text_block(es_event_t *event, es_slice_t text, apr_pool_t *p)
{
    es_lines_split_t split;
    es_slice_t line;
    block_t block;

    block.data_end = apr_palloc(p, text.len + 1);
    begin(&block);
    es_lines_split_init(&split, text);
    while (es_lines_split_next(&split, &line)) {
        if (line.len != 0) {
            add_line(&block, line);
        }
    }
    block.event.data =
        es_slice(block.data, (apr_size_t)(block.data_end - block.data));
    *event = block.event;
    return block.has_data;
}

const char *es_sse_text_read(const apr_array_header_t **events, es_slice_t text,
                             apr_pool_t *p)
{
    apr_array_header_t *array = apr_array_make(p, 1, sizeof(es_event_t));
    es_lines_split_t split;
    es_slice_t line;
    block_t block;

    block.data_end = apr_palloc(p, text.len + 1);
    begin(&block);
    es_lines_split_init(&split, text);
    while (es_lines_split_next(&split, &line)) {
        if (line.len != 0) {
            if (es_lines_split_is_done(&split)) {
                return partial;
            }
            add_line(&block, line);
            continue;
        }
        if (es_lines_split_is_done(&split)) {
            break; /* not a line: nothing follows the last line end */
        }
        if (block.has_fields && !block.has_data) {
            return without_data;
        }
        if (block.has_data) {
            block.event.data =
                es_slice(block.data, (apr_size_t)(block.data_end - block.data));
            APR_ARRAY_PUSH(array, es_event_t) = block.event;
        }
        begin(&block);
    }
    *events = array;
    return block.has_fields ? partial : NULL;
}
