/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Cargo: what goes to a GRIP proxy in one post. Items are made of the records
 * of the journal that come next: one for each channel of a record, as many as
 * a proxy takes in one body. It sends nothing.
 */
#ifndef ES_GRIP_SENDER_BODY_H
#define ES_GRIP_SENDER_BODY_H

#include "journal/store.h"
#include "grip/proxy.h"

/** Where in the journal a proxy stands. */
typedef struct es_sent_pos_t {
    es_pos_t pos; /* of a record */
    int link;     /* of its channels so many are sent; mostly 0 */
} es_sent_pos_t;

typedef struct es_sender_body_t {
    es_slice_t text; /* in the pool given */
    es_sent_pos_t from;
    es_sent_pos_t to;
    es_pos_t end; /* behind the last record of which something is in it */
    int records;  /* of which something is in it */
} es_sender_body_t;

/**
 * Load what comes next.
 *
 * @param cargo  from says where; the rest is filled
 * @param head   up to here at most
 * @param most   records, 1 or more
 * @param p      for the body and what is needed meanwhile
 * @return APR_SUCCESS, with a record or more; APR_EOF: there is none;
 *         APR_ENOENT: overtaken, what stood at from is no longer retained;
 *         APR_EGENERAL: what stands there is damaged
 *
 * Context: the courier's thread; may take the store lock.
 */
apr_status_t es_sender_body_make(es_sender_body_t *out, es_store_t *store,
                                 const es_grip_t *grip, es_pos_t head, int most,
                                 apr_pool_t *p);

#endif
