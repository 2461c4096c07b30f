/* SPDX-License-Identifier: Apache-2.0 */
/* An array, searched by bisection. */
#include "bench/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"

static eb_store_event_t *events;
static size_t count;
static size_t size; /* allocated */

eb_sse_id_t eb_store_last_id(void)
{
    static const eb_sse_id_t FIRST = {1, 0};

    return count != 0 ? events[count - 1].id : FIRST;
}

static eb_sse_id_t next_id(void)
{
    eb_sse_id_t id = eb_store_last_id();
    uint64_t ms = eb_clock_ns() / EB_NS_PER_MS;

    if (ms > id.ms) {
        id.ms = ms;
        id.n = 0;
    }
    else {
        id.n++;
    }
    return id;
}

const eb_store_event_t *eb_store_add(const char *channel, const char *own_id,
                                     const char *data, size_t len,
                                     int is_hidden)
{
    eb_store_event_t *grown;
    eb_store_event_t *event;

    if (count == size) {
        grown = realloc(events, (size * 2 + 256) * sizeof(*events));
        if (grown == NULL) {
            return NULL;
        }
        events = grown;
        size = size * 2 + 256;
    }
    event = &events[count];
    memset(event, 0, sizeof(*event));
    event->data = malloc(len + 1);
    if (event->data == NULL) {
        return NULL;
    }
    event->id = next_id();
    snprintf(event->channel, sizeof(event->channel), "%s", channel);
    snprintf(event->own_id, sizeof(event->own_id), "%s", own_id);
    memcpy(event->data, data, len);
    event->len = len;
    event->is_hidden = is_hidden;
    count++;
    return event;
}

const eb_store_event_t *eb_store_find(const char *own_id)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (strcmp(events[i].own_id, own_id) == 0) {
            return &events[i];
        }
    }
    return NULL;
}

/* The number of events that are not above id. */
static size_t rank(const eb_sse_id_t *id)
{
    size_t low = 0;
    size_t high = count;
    size_t middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (eb_sse_id_compare(&events[middle].id, id) <= 0) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return low;
}

const eb_store_event_t *eb_store_after(const eb_sse_id_t *id)
{
    size_t at = rank(id);

    return at < count ? &events[at] : NULL;
}

const eb_store_event_t *eb_store_at(const eb_sse_id_t *id)
{
    size_t at = rank(id);

    return at > 0 ? &events[at - 1] : NULL;
}
