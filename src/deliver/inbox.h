/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The inbox: any thread puts notes in, one thread takes them all out in
 * order. It has a descriptor that becomes readable when there is something.
 *
 * A note is embedded in what it hands over; what it means is settled between
 * those who post and take.
 */
#ifndef ES_DELIVER_INBOX_H
#define ES_DELIVER_INBOX_H

#include <apr_errno.h>

typedef struct es_inbox_t es_inbox_t;

typedef struct es_note_t {
    struct es_note_t *next; /* the inbox's, then the taker's */
    int kind;               /* set by who posts it */
} es_note_t;

/** @return APR_SUCCESS, or why there is no memory or descriptor */
apr_status_t es_inbox_open(es_inbox_t **out);

/** Readable = there are notes, or it was poked. Lives as long as it. */
int es_inbox_fd(const es_inbox_t *inbox);

/**
 * Put a note in.
 *
 * @return APR_SUCCESS: it belongs to the taker; APR_EOF: the inbox was shut,
 *         the note is still the caller's
 *
 * Context: ANY; takes the inbox lock.
 */
apr_status_t es_inbox_post(es_inbox_t *inbox, es_note_t *note);

/**
 * Make the descriptor readable.
 *
 * Context: ANY, also a signal handler: writes to the descriptor only.
 */
void es_inbox_poke(es_inbox_t *inbox);

/** Make the descriptor unreadable again, before es_inbox_take. */
void es_inbox_calm(es_inbox_t *inbox);

/** A hint without lock: 1 when nothing is in it. Context: ANY. */
int es_inbox_is_empty(const es_inbox_t *inbox);

/** All notes, oldest first, linked by next; NULL = none. */
es_note_t *es_inbox_take(es_inbox_t *inbox);

/** From now on posts are refused; what is in it can still be taken. */
void es_inbox_shut(es_inbox_t *inbox);

/** Give back all. Nobody may know it any more; notes in it are forgotten. */
void es_inbox_close(es_inbox_t *inbox);

#endif
