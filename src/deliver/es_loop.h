/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The loop that the delivery's thread runs: notes, rounds, members, timers,
 * sockets. It is made and destroyed by other threads, before and after.
 */
#ifndef ES_LOOP_H
#define ES_LOOP_H

#include "deliver/es_delivery.h"
#include "deliver/es_inbox.h"

typedef struct es_loop_t es_loop_t;

/** What a note brings. */
enum {
    ES_NOTE_CLIENT, /* an es_member_t, by its note */
    ES_NOTE_WATCH,  /* an es_watch_t, by its come */
    ES_NOTE_UNWATCH /* an es_watch_t, by its go: it is destroyed */
};

/**
 * @param inbox     not owned, outlives the loop
 * @param stopping  atomic; 1 = the streams shall end; to be followed by a
 *                  poke of the inbox
 * @return APR_SUCCESS, or what could not be had
 */
apr_status_t es_loop_create(es_loop_t **out, const es_delivery_params_t *params,
                            es_inbox_t *inbox, int *stopping);

/** Run until all streams have ended after stopping. Context: DELIVERY. */
void es_loop_run(es_loop_t *loop);

/** Members just now. Context: ANY. */
apr_uint32_t es_loop_clients(const es_loop_t *loop);

/** Nobody runs it. NULL is nothing. */
void es_loop_destroy(es_loop_t *loop);

#endif
