/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An inbox: any thread posts notes, one thread takes them all, in order. It
 * has a descriptor that becomes readable when there are notes.
 *
 * A note is embedded in what it hands over. The inbox does not know what a
 * note means; the thread that posts and the thread that takes it do.
 */
#ifndef ES_DELIVER_INBOX_H
#define ES_DELIVER_INBOX_H

#include <apr_errno.h>

typedef struct es_inbox_t es_inbox_t;

typedef struct es_note_t {
    struct es_note_t *next; /* the inbox's, then the taking thread's */
    int kind;               /* set by the thread that posts it */
} es_note_t;

/**
 * @param out  to be closed by es_inbox_close
 * @return APR_SUCCESS; APR_ENOMEM; else why there is no descriptor
 */
apr_status_t es_inbox_open(es_inbox_t **out);

/** The descriptor: readable = there are notes, or es_inbox_wake was called. It
 * lives as long as the inbox. */
int es_inbox_fd(const es_inbox_t *inbox);

/**
 * Post a note.
 *
 * @return APR_SUCCESS: it belongs to the thread that takes it; APR_EOF: the
 *         inbox is shut, the note is still the caller's
 *
 * Context: ANY; takes the inbox lock.
 */
apr_status_t es_inbox_post(es_inbox_t *inbox, es_note_t *note);

/**
 * Make the descriptor readable.
 *
 * Context: ANY, also a signal handler: it only writes to the descriptor.
 */
void es_inbox_wake(es_inbox_t *inbox);

/** Make the descriptor unreadable again, before es_inbox_take. */
void es_inbox_drain(es_inbox_t *inbox);

/** A hint without a lock: 1 when it holds no note. Context: ANY. */
int es_inbox_is_empty(const es_inbox_t *inbox);

/** All notes, oldest first, linked by next; NULL = none. */
es_note_t *es_inbox_take(es_inbox_t *inbox);

/** Refuse posts from now on; notes that it holds can still be taken. */
void es_inbox_shut(es_inbox_t *inbox);

/** Free the inbox, but not the notes in it. No thread may use it any more. */
void es_inbox_close(es_inbox_t *inbox);

#endif
