/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The body of the next request to a GRIP proxy, made from the records that come
 * next in the journal: one item for each channel of a record, as many as a
 * proxy takes in one body. Sends nothing.
 */
#ifndef ES_GRIP_SENDER_BODY_H
#define ES_GRIP_SENDER_BODY_H

#include "journal/store.h"
#include "grip/proxy.h"

/** How far the journal was sent to a proxy. */
typedef struct es_sent_pos_t {
    es_pos_t pos; /* of a record */
    int link;     /* how many of its channels were sent; mostly 0 */
} es_sent_pos_t;

typedef struct es_sender_body_t {
    es_slice_t text;    /* JSON; in p of es_sender_body_make */
    es_sent_pos_t from; /* where it begins */
    es_sent_pos_t to;   /* where the next one begins */
    es_pos_t end;       /* where the last record of which it has an item ends */
    int records;        /* of which it has an item */
} es_sender_body_t;

/**
 * Make the body from the records that come next.
 *
 * @param out   from is set; the rest is filled
 * @param head  no record at or beyond this position
 * @param most  records, 1 or more
 * @param p     for the body and for what is needed to make it
 * @return APR_SUCCESS: it has one item or more; APR_EOF: from is head;
 *         APR_ENOENT: overtaken, the record at from is no longer retained;
 *         APR_TIMEUP: another process has the store lock; APR_EGENERAL: the
 *         record at from is damaged
 *
 * Context: the sender's thread; may take the store lock.
 */
apr_status_t es_sender_body_make(es_sender_body_t *out, es_store_t *store,
                                 const es_grip_t *grip, es_pos_t head, int most,
                                 apr_pool_t *p);

#endif
