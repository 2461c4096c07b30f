/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The refuge: where the clients of a child that stops can go. It decides from
 * the board, the server's generation and what httpd has said; it moves
 * nobody.
 */
#ifndef ES_DELIVER_SUCCESSOR_H
#define ES_DELIVER_SUCCESSOR_H

#include <apr_time.h>

#include "shm/children.h"

/** Why a child stops, as far as it knows; a higher one overrules. */
typedef enum es_stop_t {
    ES_STOP_NONE,
    ES_STOP_GRACEFUL, /* the parent wishes it, in peace */
    ES_STOP_OWN,      /* it has served its share; the parent goes on */
    ES_STOP_NOW,      /* at once: a restart, or who knows what */
    ES_STOP_FINAL     /* the server stops: nobody is left to go to */
} es_stop_t;

typedef enum es_successor_answer_t {
    ES_WHERE_WAIT,     /* go on serving, ask again soon */
    ES_WHERE_HANDOVER, /* into the lifeboat */
    ES_WHERE_END       /* nowhere: the streams end */
} es_successor_answer_t;

typedef struct es_successor_t {
    const es_children_t *children;
    apr_uint32_t child;      /* of this child */
    const int *running;      /* atomic; the server's generation, that of the
                              * children it makes now; NULL = never changes */
    apr_uint64_t generation; /* of this child */
} es_successor_t;

/**
 * @param since  how long it has been stopping
 *
 * Context: DELIVERY.
 */
es_successor_answer_t es_successor_ask(const es_successor_t *successor,
                                       es_stop_t why,
                                       apr_interval_time_t since);

/**
 * Is it upon this child to bring ashore those that are still in the boat, as
 * nobody comes who would?
 */
int es_successor_is_last(const es_successor_t *successor, es_stop_t why);

#endif
