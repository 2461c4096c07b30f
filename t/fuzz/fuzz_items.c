/* SPDX-License-Identifier: Apache-2.0 */
/* A body of GRIP items, whose content is read as events. */
#include "fuzz_event.h"

#include "http/body_items.c"

FUZZ(text, p)
{
    const es_body_items_t *json = es_body_items_find(text, p);
    const apr_array_header_t *items, *events;
    const es_item_t *item;
    es_problem_t why = {0};
    int i, j;

    if (json == NULL) {
        return;
    }
    if (!es_body_items_read(&items, json, p, &why)) {
        fuzz_refusal(&why);
        return;
    }
    for (i = 0; i < items->nelts; i++) {
        item = &APR_ARRAY_IDX(items, i, es_item_t);
        if (item->action != ES_ITEM_SEND ||
            es_sse_text_read(&events, fuzz_exact(item->content, p), p)) {
            continue;
        }
        for (j = 0; j < events->nelts; j++) {
            fuzz_event(&APR_ARRAY_IDX(events, j, es_event_t), p);
        }
    }
}
