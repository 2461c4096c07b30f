/* SPDX-License-Identifier: Apache-2.0 */
/* A body of GRIP items, whose content is read as events. */
#include "fuzz_event.h"

#include "grip/item.h"
#include "http/body_items.c"

/* A name of any bytes is decoded once; content may be of other filters. */
static void fuzz_names(const es_item_t *item, apr_pool_t *p)
{
    es_slice_t name = fuzz_exact(item->channel, p);
    es_slice_t text = fuzz_exact(item->content, p);
    apr_size_t len = text.len;
    es_slice_t encoded = es_grip_channel("events-", name, p);

    PROMISE(es_grip_channel_name("", name, p).len <= name.len);
    PROMISE(name.len == 0 ||
            es_slice_equal(es_grip_channel_name("events-", encoded, p), name));
    PROMISE(es_grip_build_id(&text, p) || text.len <= len);
}

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
        if (item->action == ES_ITEM_SEND) {
            fuzz_names(item, p);
        }
        if (item->action != ES_ITEM_SEND ||
            es_sse_text_read(&events, fuzz_exact(item->content, p), p)) {
            continue;
        }
        for (j = 0; j < events->nelts; j++) {
            fuzz_event(&APR_ARRAY_IDX(events, j, es_event_t), p);
        }
    }
}
