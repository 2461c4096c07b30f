/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a watch is beside deliver/watch.h to the delivery that signals it.
 */
#ifndef ES_DELIVER_WATCH_PRIV_H
#define ES_DELIVER_WATCH_PRIV_H

#include "deliver/channel_index.h"
#include "deliver/inbox.h"
#include "deliver/watch.h"

/** The delivery's part of a watch; its thread's, but for the notes. */
typedef struct es_watch_part_t {
    es_note_t come; /* take it up */
    es_note_t go;   /* let it go, and destroy it */
    apr_uint32_t hub;
    int nslots;
    int is_known;     /* it is in the lists */
    es_watch_t *next; /* list of all that are known of a hub */
    es_watch_t *prev;
    es_channel_link_t *links; /* nslots, owner is the watch, slots are set */
} es_watch_part_t;

/** @return the watch, unknown to all lists, or NULL without memory */
es_watch_t *es_watch_create(apr_uint32_t hub, const es_slot_t *slots,
                            int nslots);

/** Nobody may wait on it. */
void es_watch_destroy(es_watch_t *watch);

es_watch_part_t *es_watch_part(es_watch_t *watch);

/** The watch to which a note belongs. */
es_watch_t *es_watch_of_come(es_note_t *note);
es_watch_t *es_watch_of_go(es_note_t *note);

/** The channel that link i is for; it stands in the index or not. */
es_slot_t es_watch_slot(const es_watch_t *watch, int i);

/**
 * Where its client stands.
 *
 * @return 0 when it has seen all, or was not stepped since then
 */
es_pos_t es_watch_behind(const es_watch_t *watch, apr_time_t since);

/** There is news. */
void es_watch_signal(es_watch_t *watch);

/** The child stops: all waits end, now and later. */
void es_watch_stop(es_watch_t *watch);

#endif
