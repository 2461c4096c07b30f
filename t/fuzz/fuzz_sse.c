/* SPDX-License-Identifier: Apache-2.0 */
/* The text of an event stream. As a block it has what its only event has. */
#include "fuzz_event.h"

static void read_block(es_slice_t text, const es_event_t *only, apr_pool_t *p)
{
    es_event_t block;
    int has_data = es_sse_text_block(&block, text, p);

    PROMISE(block.data.len <= text.len);
    PROMISE(has_data || block.data.len == 0);
    PROMISE(!only || (has_data && es_slice_equal(block.data, only->data) &&
                      es_slice_equal(block.type, only->type) &&
                      es_slice_equal(block.id, only->id) &&
                      block.retry_ms == only->retry_ms));
}

FUZZ(text, p)
{
    const apr_array_header_t *events;
    int i;

    read_block(text, NULL, p);
    if (es_sse_text_read(&events, text, p) == NULL) {
        for (i = 0; i < events->nelts; i++) {
            fuzz_event(&APR_ARRAY_IDX(events, i, es_event_t), p);
        }
        if (events->nelts == 1) {
            read_block(text, &APR_ARRAY_IDX(events, 0, es_event_t), p);
        }
    }
}
