/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A walk writes a round to the conns of each of its channels. It stops when its
 * time is over, in the middle of a channel too, and resumes there later. In
 * between conns may be added, stepped and freed, and other rounds of other
 * channels may be walked: each conn gets each record once and in order.
 *
 * Context of all: DELIVERY.
 */
#ifndef ES_DELIVER_WALK_H
#define ES_DELIVER_WALK_H

#include "deliver/conns.h"
#include "deliver/round.h"

typedef struct es_walk_t {
    /* filled by the owner */
    es_round_t *round; /* owned */
    es_hub_t *hub;     /* whose conns get the round */
    apr_uint32_t mark; /* of its channels in the channel index */
    /* its own */
    int is_walking;       /* begun and not finished */
    unsigned present;     /* bit w = it has channels of weight w */
    int weight;           /* channels of this weight are visited, */
    int channel;          /* this one of the round, */
    int is_begun;         /* whose list is being visited: */
    apr_uint32_t left;    /* conns that are left */
    apr_uint64_t conns;   /* of all its channels, at the beginning */
    apr_uint64_t visited; /* conns of channels that have been visited */
    unsigned char weights[ES_ROUND_CHANNELS_MAX];
} es_walk_t;

/** The round was taken. hub->pos is at its end, or beyond. */
void es_walk_begin(es_walk_t *walk);

/**
 * Write the round, light channels first.
 *
 * @param deadline  NULL = never
 * @return 1 when all conns have been visited; 0: call again
 */
int es_walk_run(es_walk_t *walk, es_conns_t *conns, es_deadline_t *deadline,
                apr_time_t now);

/** 1 when it visits channels whose walk takes less than 0.5 ms. */
int es_walk_is_light(const es_walk_t *walk);

/** 1 when all conns of channel i of the round have been visited. */
int es_walk_has_visited(const es_walk_t *walk, int channel);

/** Up to where the round is offered, estimated by the conns that have been
 * visited; for reports only. */
es_pos_t es_walk_reached(const es_walk_t *walk);

#endif
