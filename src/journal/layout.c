/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes where the sections of a segment start. All sums are of 64 bits: with
 * the largest params they stay below 2^41.
 */
#include "journal/layout.h"

#include "shm/children.h"
#include "journal/idle_slots.h"

/* There is a bucket of publishers' ids for this many bytes of the ring: about
 * one for each record if all records are small and have a publisher's id. */
#define RING_PER_BUCKET 256

/** The smallest power of 2 that is not below least. */
static apr_uint64_t power_of_two(apr_uint64_t least)
{
    apr_uint64_t power = 1;

    while (power < least) {
        power *= 2;
    }
    return power;
}

int es_layout_of(es_layout_t *layout, const es_store_params_t *params)
{
    apr_uint64_t at = sizeof(es_store_segment_t);
    es_store_params_t *rounded = &layout->params;

    if (params->ring_bytes == 0 || params->ring_bytes > ES_LAYOUT_RING_MAX ||
        params->channels == 0 || params->channels > ES_LAYOUT_CHANNELS_MAX ||
        params->max_children == 0 || params->max_children > ES_CHILDREN_MAX) {
        return 0;
    }
    *rounded = *params;
    rounded->ring_bytes = ES_ALIGN_UP(rounded->ring_bytes, ES_LAYOUT_PAGE);

    layout->nbuckets = (apr_uint32_t)power_of_two(rounded->channels);
    layout->npublisher_ids =
        power_of_two(rounded->ring_bytes / RING_PER_BUCKET);
    layout->buckets = at;
    at = ES_ALIGN_UP(at + (apr_uint64_t)layout->nbuckets * 4, ES_LINE);
    layout->slots = at;
    at = ES_ALIGN_UP(at + (apr_uint64_t)rounded->channels * sizeof(es_chan_t),
                     ES_LINE);
    layout->idle = at;
    at = ES_ALIGN_UP(at + es_idle_slots_size(rounded->channels), ES_LINE);
    layout->subscription_totals = at;
    at = ES_ALIGN_UP(at + (apr_uint64_t)rounded->max_children * 4, ES_LINE);
    layout->subscriptions = at;
    layout->row_bytes =
        ES_ALIGN_UP((apr_uint64_t)rounded->channels * 4, ES_LINE);
    at += layout->row_bytes * rounded->max_children;
    layout->publisher_ids = at;
    at = ES_ALIGN_UP(at + layout->npublisher_ids * 8, ES_LINE);
    layout->progress = at;
    at += (apr_uint64_t)rounded->max_children * 8;
    layout->ring = ES_ALIGN_UP(at, ES_LAYOUT_PAGE);
    layout->size = layout->ring + rounded->ring_bytes;
    return layout->size <= APR_SIZE_MAX / 2;
}
