/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of both ends: what passes them can be appended to any journal.
 */
#include "journal/transfer.h"

#include "journal/spans.h"

int es_transfer_head_is_valid(const es_transfer_head_t *head)
{
    const es_span_set_t *spans = &head->spans;
    const es_id_t *first;

    if (!es_spans_set_is_valid(spans, &head->epoch)) {
        return 0;
    }
    first = &spans->at[spans->count - 1].first;
    return es_id_is_same_epoch(&head->last, first) &&
           es_id_compare(&head->last, first) >= 0;
}

void es_transfer_begin(es_transfer_order_t *order,
                       const es_transfer_head_t *head)
{
    order->head = head;
    order->last = head->spans.at[0].first;
    order->is_beyond = 0;
}

static int are_names(const es_transfer_t *item)
{
    int i, k;

    for (i = 0; i < item->nnames; i++) {
        if (item->names[i].len < 1 ||
            item->names[i].len > ES_CHANNEL_NAME_MAX) {
            return 0;
        }
        for (k = 0; k < i; k++) {
            if (es_slice_equal(item->names[i], item->names[k])) {
                return 0;
            }
        }
    }
    return 1;
}

/** An event or a close: is its id the next one? */
static int is_next(es_transfer_order_t *order, const es_transfer_t *item)
{
    if (order->is_beyond || !es_spans_set_has(&order->head->spans, &item->id) ||
        es_id_compare(&item->id, &order->last) <= 0) {
        return 0;
    }
    order->last = item->id;
    return 1;
}

int es_transfer_accepts(es_transfer_order_t *order, const es_transfer_t *item)
{
    switch (item->kind) {
    case ES_TRANSFER_EVENT:
    case ES_TRANSFER_AGAIN:
        return item->nnames >= 1 && item->nnames <= ES_EVENT_CHANNELS_MAX &&
               item->frame.publisher_id.len <= ES_EVENT_FIELD_MAX &&
               are_names(item) && is_next(order, item);
    case ES_TRANSFER_CLOSE:
        return item->nnames == 1 && are_names(item) && is_next(order, item);
    case ES_TRANSFER_FORGOTTEN:
        if (order->is_beyond || item->nnames != 0) {
            return 0;
        }
        order->is_beyond = 1;
        return 1;
    case ES_TRANSFER_CHANNEL:
        return order->is_beyond && item->nnames == 1 && are_names(item);
    }
    return 0;
}
