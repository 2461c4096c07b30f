/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The delivery's side of a watch. It is a header of its own since a worker
 * must not see it: the delivery's thread may signal a watch until it has taken
 * the note that gives it back.
 *
 * Context of all, unless stated otherwise: DELIVERY.
 */
#ifndef ES_DELIVER_WATCH_PRIV_H
#define ES_DELIVER_WATCH_PRIV_H

#include "deliver/channel_index.h"
#include "deliver/inbox.h"
#include "deliver/progress.h"
#include "deliver/watch.h"

/** What the delivery knows of a watch. A worker posts the two notes; the rest
 * is the delivery thread's. */
typedef struct es_watch_part_t {
    es_note_t add_note;    /* add it to its hub */
    es_note_t remove_note; /* remove it from its hub, and destroy it */
    apr_uint32_t hub;
    int nslots;
    int is_added;     /* 1 = it is in the lists */
    es_watch_t *next; /* list of all watches of a hub */
    es_watch_t *prev;
    es_channel_link_t *links;     /* nslots; their owner is the watch */
    es_flow_control_budget_t use; /* of the time that publishers wait for it */
} es_watch_part_t;

/**
 * Make a watch that is in no list.
 *
 * @param slots  nslots of them, copied
 * @return the watch, or NULL if out of memory
 *
 * Context: WORKER.
 */
es_watch_t *es_watch_create(apr_uint32_t hub, const es_slot_t *slots,
                            int nslots);

/**
 * Free a watch that is in no list and that no worker waits on.
 *
 * Context: DELIVERY; WORKER once the delivery's thread has ended.
 */
void es_watch_destroy(es_watch_t *watch);

/** The delivery's part; lives as long as the watch. */
es_watch_part_t *es_watch_part(es_watch_t *watch);

/** The watch to which a note belongs. */
es_watch_t *es_watch_of_add_note(es_note_t *note);
es_watch_t *es_watch_of_remove_note(es_note_t *note);

/** The channel of link i, whether the link is in the index or not. */
es_slot_t es_watch_slot(const es_watch_t *watch, int i);

/**
 * Where the client of the watch stands, as its worker has reported.
 *
 * @return 0: it has seen all, or has reported nothing since then
 */
es_pos_t es_watch_reported_pos(const es_watch_t *watch, apr_time_t since);

/** Wake the worker, or let its next wait return at once: there is news. */
void es_watch_signal(es_watch_t *watch);

/** The child stops: all waits return, now and later. */
void es_watch_stop(es_watch_t *watch);

#endif
