/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An outbox: up to where a hub's journal has been sent to one GRIP proxy, and
 * what of it the proxy did not take. The journal itself is the queue. It
 * stands in shared memory; all children send from it, one at a time: whoever
 * has taken it sends what comes next, in the order of the journal, also for
 * the others.
 *
 * It knows no proxy and no HTTP: an outcome is a number, 0 = taken.
 */
#ifndef ES_GRIP_OUTBOX_H
#define ES_GRIP_OUTBOX_H

#include "shm/lock.h"
#include "journal/store.h"

/** Failures that are remembered; of what is older nothing is known. */
#define ES_OUTBOX_RESULTS 64

enum {
    ES_OUTCOME_TAKEN = 0,
    ES_OUTCOME_OPEN = -1,   /* not sent yet */
    ES_OUTCOME_UNKNOWN = -2 /* too long ago */
};

/** What became of the records from one position up to another. */
typedef struct es_outbox_result_t {
    apr_uint64_t from; /* atomic, as the next three */
    apr_uint64_t to;
    apr_uint64_t sent;   /* the outbox's, when it was noted */
    apr_int64_t outcome; /* of the sender */
} es_outbox_result_t;

/** In shared memory. */
typedef struct es_outbox_t {
    union {
        es_lock_t lock; /* of who sends, for as long as it sends */
        char line[64];
    } guard;
    apr_uint64_t sent;     /* atomic; a position: all before it is done with */
    apr_uint64_t count;    /* atomic; notes ever made */
    apr_int64_t logged;    /* of who sends: when a failure was last logged, by a
                         * clock that all children share; 0 = all is well */
    apr_uint64_t unlogged; /* the same: failures since then */
    apr_uint64_t spare[4];
    es_outbox_result_t results[ES_OUTBOX_RESULTS]; /* note n at n % NOTES */
} es_outbox_t;

/** Make one in zeroed memory. Context: PARENT. */
apr_status_t es_outbox_format(es_outbox_t *outbox);

/**
 * What stands before pos is not to be sent: the proxy is new, or comes back.
 *
 * @param pos  the head of the journal
 *
 * Context: PARENT, when no child uses it; or who has taken it.
 */
void es_outbox_begin(es_outbox_t *outbox, es_pos_t pos);

/** All records before it are done with. Context: ANY. */
es_pos_t es_outbox_sent(const es_outbox_t *outbox);

/**
 * What became of the records from one position up to another?
 *
 * @param from  where the first starts
 * @param to    behind the last
 * @return ES_OUTCOME_TAKEN, _OPEN, _UNKNOWN, or the outcome of one of them
 *         that was not taken; for a single record the last that was noted
 *
 * Context: ANY, no lock.
 */
int es_outbox_outcome(const es_outbox_t *outbox, es_pos_t from, es_pos_t to);

/* ---- for who sends ----------------------------------------------------- */

/**
 * Become the one who sends. Not waiting: who has it may keep it for as long
 * as a proxy may take.
 *
 * @return APR_SUCCESS; APR_EBUSY: another does; APR_EGENERAL: not usable
 *
 * Context: one thread of each child, which gives it back itself. Should it
 * die, the next gets it; what was on its way may then be sent twice.
 */
apr_status_t es_outbox_acquire(es_outbox_t *outbox);

/**
 * Note what became of the records from one position up to another.
 *
 * @param from  mostly where sent stands, which then goes on to to; or all
 *              before it, when records are sent again
 *
 * Context: who has taken it.
 */
void es_outbox_report(es_outbox_t *outbox, es_pos_t from, es_pos_t to,
                      int outcome);

/** Let others send. */
void es_outbox_release(es_outbox_t *outbox);

#endif
