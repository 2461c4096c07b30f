/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout: a line of facts, the outboxes, a line for each place. Waiting and
 * calling is the exchange of es_board.c:
 *
 *     who waits:   waits = 1; fence; outbox changed?   then sleep
 *     who sends:   outbox changes; fence; waits?       then ring
 *
 * so that at least one of the two sees the other's store.
 */
#include "grip/outbox_shm.h"

#include <errno.h>
#include <unistd.h>

#define MAGIC APR_UINT64_C(0x65736d61696c72f1)
#define VERSION 1
#define PLACES_MAX (1u << 16)

typedef struct facts_t {
    apr_uint64_t magic; /* written last */
    apr_uint32_t version;
    apr_uint32_t places;
    apr_uint64_t spare[6];
} facts_t;

typedef struct place_t {
    apr_uint32_t waits; /* atomic; 1 = to be called */
    apr_uint32_t spare[15];
} place_t;

typedef char assert_facts_size[sizeof(facts_t) == 64 ? 1 : -1];
typedef char assert_place_size[sizeof(place_t) == 64 ? 1 : -1];

struct es_mailroom_t {
    es_outbox_t *boxes;
    place_t *places;
    apr_uint32_t nplaces; /* of the caller, not of the segment */
    const int *bells;
};

apr_size_t es_mailroom_size(apr_uint32_t places)
{
    if (places == 0 || places > PLACES_MAX) {
        return 0;
    }
    return sizeof(facts_t) + ES_MAILROOM_BOXES * sizeof(es_outbox_t) +
           (apr_size_t)places * sizeof(place_t);
}

static es_outbox_t *boxes_of(void *mem)
{
    return (es_outbox_t *)((char *)mem + sizeof(facts_t));
}

apr_status_t es_mailroom_format(void *mem, apr_uint32_t places)
{
    facts_t *facts = mem;
    apr_status_t rv = APR_SUCCESS;
    apr_uint32_t i;

    for (i = 0; i < ES_MAILROOM_BOXES && rv == APR_SUCCESS; i++) {
        rv = es_outbox_format(&boxes_of(mem)[i]);
    }
    facts->version = VERSION;
    facts->places = places;
    if (rv == APR_SUCCESS) {
        facts->magic = MAGIC;
    }
    return rv;
}

apr_status_t es_mailroom_attach(es_mailroom_t **out, void *mem,
                                apr_uint32_t places, const int *bells,
                                apr_pool_t *pool)
{
    const facts_t *facts = mem;
    es_mailroom_t *room;

    if (es_mailroom_size(places) == 0 || facts->magic != MAGIC ||
        facts->version != VERSION || facts->places != places) {
        return APR_EMISMATCH;
    }
    room = apr_palloc(pool, sizeof(*room));
    room->boxes = boxes_of(mem);
    room->places = (place_t *)(room->boxes + ES_MAILROOM_BOXES);
    room->nplaces = places;
    room->bells = bells;
    *out = room;
    return APR_SUCCESS;
}

es_outbox_t *es_mailroom_box(const es_mailroom_t *room, apr_uint32_t box)
{
    return &room->boxes[box];
}

static int has_place(const es_mailroom_t *room, apr_uint32_t place)
{
    return place != 0 && place <= room->nplaces;
}

int es_mailroom_bell(const es_mailroom_t *room, apr_uint32_t place)
{
    return has_place(room, place) ? room->bells[place - 1] : -1;
}

void es_mailroom_waits(es_mailroom_t *room, apr_uint32_t place)
{
    if (has_place(room, place)) {
        __atomic_store_n(&room->places[place - 1].waits, 1, __ATOMIC_RELAXED);
        /* seq_cst: see the head of this file */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
}

void es_mailroom_wakes(es_mailroom_t *room, apr_uint32_t place)
{
    if (has_place(room, place)) {
        /* relaxed: a call too many does no harm */
        __atomic_store_n(&room->places[place - 1].waits, 0, __ATOMIC_RELAXED);
    }
}

void es_mailroom_ring(const es_mailroom_t *room, apr_uint32_t place)
{
    const apr_uint64_t one = 1;
    int before = errno;

    if (has_place(room, place) &&
        write(room->bells[place - 1], &one, sizeof(one)) < 0) {
        errno = before; /* full: it rings already */
    }
}

void es_mailroom_ring_all(es_mailroom_t *room)
{
    apr_uint32_t place;

    /* seq_cst: see the head of this file */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (place = 1; place <= room->nplaces; place++) {
        apr_uint32_t *waits = &room->places[place - 1].waits;

        /* relaxed: the fence has done it; of many who ring one writes */
        if (__atomic_load_n(waits, __ATOMIC_RELAXED) != 0 &&
            __atomic_exchange_n(waits, 0, __ATOMIC_RELAXED) != 0) {
            es_mailroom_ring(room, place);
        }
    }
}
