/* SPDX-License-Identifier: Apache-2.0 */
/* The text of an event stream. */
#include "fuzz_event.h"

FUZZ(text, p)
{
    const apr_array_header_t *events;
    int i;

    if (es_sse_text_read(&events, text, p) == NULL) {
        for (i = 0; i < events->nelts; i++) {
            fuzz_event(&APR_ARRAY_IDX(events, i, es_event_t), p);
        }
    }
}
