/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes where the sections of a segment start. All sums are done in 64
 * bits: with the largest params they stay below 2^41.
 */
#include "store/es_layout.h"

int es_layout_of(es_layout_t *layout, const es_store_params_t *params)
{
    apr_uint64_t at = sizeof(es_segment_t);
    es_store_params_t *own = &layout->params;

    if (params->ring_bytes == 0 || params->ring_bytes > ES_LAYOUT_RING_MAX ||
        params->channels == 0 || params->channels > ES_LAYOUT_CHANNELS_MAX ||
        params->places == 0 || params->places > ES_LAYOUT_PLACES_MAX) {
        return 0;
    }
    *own = *params;
    own->ring_bytes = ES_ALIGN_UP(own->ring_bytes, ES_LAYOUT_PAGE);

    layout->nbuckets = 1;
    while (layout->nbuckets < own->channels) {
        layout->nbuckets *= 2;
    }
    layout->buckets = at;
    at = ES_ALIGN_UP(at + (apr_uint64_t)layout->nbuckets * 4, ES_LINE);
    layout->slots = at;
    at += (apr_uint64_t)own->channels * sizeof(es_chan_t);
    layout->totals = at;
    at = ES_ALIGN_UP(at + (apr_uint64_t)own->places * 4, ES_LINE);
    layout->counts = at;
    layout->row_bytes = ES_ALIGN_UP((apr_uint64_t)own->channels * 4, ES_LINE);
    at += layout->row_bytes * own->places;
    layout->ring = ES_ALIGN_UP(at, ES_LAYOUT_PAGE);
    layout->size = layout->ring + own->ring_bytes;
    return layout->size <= APR_SIZE_MAX / 2;
}
