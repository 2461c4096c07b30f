/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What one journal hands to another: a head, then items. An exporter
 * (journal/export.h) or the reader of a file (journal/load.h) gives them, an
 * importer (journal/import.h) or the writer of a file (journal/save.h) takes
 * them. Whoever takes them checks them by es_transfer_accepts, as neither a
 * segment nor a file is trusted.
 *
 * The order of the items: events and closes, by their ids; one FORGOTTEN;
 * then the channels of which there is no event and no close.
 */
#ifndef ES_JOURNAL_TRANSFER_H
#define ES_JOURNAL_TRANSFER_H

#include "journal/layout.h"

typedef struct es_transfer_head_t {
    es_id_t epoch;       /* as es_store_epoch */
    es_span_set_t spans; /* which ids are valid; the last one is open */
    es_id_t last;        /* the last id that was given, of the last span */
} es_transfer_head_t;

/** The values are those of the file (journal/save.c). */
typedef enum es_transfer_kind_t {
    ES_TRANSFER_EVENT = 1,
    ES_TRANSFER_CLOSE = 2,     /* its one channel is closed */
    ES_TRANSFER_FORGOTTEN = 3, /* of channels that are not named: id */
    ES_TRANSFER_CHANNEL = 4,   /* one without event or close */
    ES_TRANSFER_AGAIN = 5      /* as EVENT, of ES_RECORD_AGAIN */
} es_transfer_kind_t;

typedef struct es_transfer_t {
    es_transfer_kind_t kind;
    es_id_t id; /* EVENT, CLOSE: its id; others: events up to it are evicted */
    apr_uint64_t until_ms; /* CLOSE, CHANNEL: closed until then, of
                            * es_store_set_clock; 0 = it is open */
    int nnames;            /* EVENT, AGAIN: 1..ES_EVENT_CHANNELS_MAX;
                            * FORGOTTEN: 0; others: 1 */
    es_slice_t names[ES_EVENT_CHANNELS_MAX];
    apr_uint64_t has_evicted; /* bit i: evicted[i] is set, since this is the
                               * first item of channel i */
    es_id_t evicted[ES_EVENT_CHANNELS_MAX]; /* its events up to it are evicted;
                                             * not checked, may be anything */
    es_frame_t frame;                       /* EVENT, AGAIN */
} es_transfer_t;

/** 1 if it is an event. */
static inline int es_transfer_is_event(es_transfer_kind_t kind)
{
    return kind == ES_TRANSFER_EVENT || kind == ES_TRANSFER_AGAIN;
}

/** Takes an item; its slices are valid during the call only. @return
 * APR_SUCCESS; on any other result the transfer ends with it */
typedef apr_status_t es_transfer_put_fn_t(void *baton,
                                          const es_transfer_t *item);

/** Where a transfer stands. */
typedef struct es_transfer_order_t {
    const es_transfer_head_t *head;
    es_id_t last;  /* of the event or close before; at first, all are above */
    int is_beyond; /* 1 = FORGOTTEN was there */
} es_transfer_order_t;

/** 1 if the head makes sense. Pure. */
int es_transfer_head_is_valid(const es_transfer_head_t *head);

/** Begin. @param head  valid; used while order is */
void es_transfer_begin(es_transfer_order_t *order,
                       const es_transfer_head_t *head);

/**
 * May this item come next? Its names have a length that channels may have, and
 * differ; ids of events and closes rise, and are within the spans.
 *
 * @return 1, and it counts as taken; 0: what gives it is damaged
 */
int es_transfer_accepts(es_transfer_order_t *order, const es_transfer_t *item);

#endif
