/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An outbox: the position up to which a hub's journal has been sent to one GRIP
 * proxy, and the records before it that the proxy did not take. The journal
 * itself is the queue. Outboxes are in shared memory. All children send, but
 * only one at a time: the child that has acquired the outbox sends what comes
 * next, in the order of the journal, also for the other children.
 *
 * An outbox knows no proxy and no HTTP: an outcome is a number, 0 = taken.
 */
#ifndef ES_GRIP_OUTBOX_H
#define ES_GRIP_OUTBOX_H

#include "shm/lock.h"
#include "journal/store.h"

/** How many results are kept; the outcome of older ones is unknown. */
#define ES_OUTBOX_RESULTS 64

enum {
    ES_OUTCOME_TAKEN = 0,
    ES_OUTCOME_OPEN = -1,   /* not sent yet */
    ES_OUTCOME_UNKNOWN = -2 /* too long ago */
};

/** May this process send now? If several servers have a hub in common, one of
 * them does. It is asked before each step that sends. */
typedef int es_may_send_fn_t(void *arg);

/** The outcome of the records from one position up to another. */
typedef struct es_outbox_result_t {
    apr_uint64_t from; /* atomic, as the next three */
    apr_uint64_t to;
    apr_uint64_t sent;   /* the outbox's, when the result was added */
    apr_int64_t outcome; /* ES_OUTCOME_... */
} es_outbox_result_t;

/** In shared memory. */
typedef struct es_outbox_t {
    union {
        es_lock_t lock; /* held by the child that sends, while it sends */
        char line[64];
    } guard;
    apr_uint64_t sent;  /* atomic; a position: all before it is final */
    apr_uint64_t count; /* atomic; results ever added */
    apr_int64_t logged; /* guarded by lock; when a failure was last logged, by
                         * a clock that all children share; 0 = the proxy takes
                         * events */
    apr_uint64_t unlogged;    /* guarded by lock; failures since then */
    apr_uint64_t failures;    /* atomic; in all */
    apr_int64_t last_failure; /* atomic; an outcome; 0 = none yet */
    apr_uint64_t spare[2];
    es_outbox_result_t results[ES_OUTBOX_RESULTS]; /* number n at n % RESULTS */
} es_outbox_t;

/**
 * Make one in zeroed memory.
 *
 * @return APR_SUCCESS, or why the lock could not be made
 *
 * Context: PARENT.
 */
apr_status_t es_outbox_format(es_outbox_t *outbox);

/**
 * Do not send the records before pos: the proxy is new, or configured again.
 *
 * @param pos  the head of the journal
 *
 * Context: PARENT, when no child uses the outbox; or the child that has
 * acquired it.
 */
void es_outbox_begin(es_outbox_t *outbox, es_pos_t pos);

/** The position before which all records have a final outcome. Context: ANY. */
es_pos_t es_outbox_sent(const es_outbox_t *outbox);

/**
 * The outcome of the records from one position up to another.
 *
 * @param from  where the first record starts
 * @param to    where the last record ends
 * @return ES_OUTCOME_TAKEN, _OPEN, _UNKNOWN, or the outcome of one of them
 *         that was not taken; for a single record the last that was reported
 *
 * Context: ANY, no lock.
 */
int es_outbox_outcome(const es_outbox_t *outbox, es_pos_t from, es_pos_t to);

/** What is told of an outbox. */
typedef struct es_outbox_stats_t {
    apr_uint64_t queued_bytes; /* of the journal, that are not final yet */
    apr_uint64_t failures;     /* posts that the proxy did not take */
    int last_failure;          /* the outcome of the last one; 0 = none */
    int is_failing;            /* 1 = it has taken nothing since then */
} es_outbox_stats_t;

/** @param head  of the journal. Context: ANY, no lock. */
void es_outbox_read(const es_outbox_t *outbox, es_pos_t head,
                    es_outbox_stats_t *stats);

/** Count a post that the proxy did not take. Context: as es_outbox_report. */
void es_outbox_count_failure(es_outbox_t *outbox, int outcome);

/* ---- for the child that sends ------------------------------------------ */

/**
 * Become the child that sends. Does not wait: the owner may keep the outbox for
 * as long as a proxy takes to answer.
 *
 * @return APR_SUCCESS; APR_EBUSY: another child has it; APR_EGENERAL: not
 *         usable
 *
 * Context: one thread of each child, which also releases it. If the child dies
 * first, the next one gets the outbox; what was in flight may then be sent
 * twice.
 */
apr_status_t es_outbox_acquire(es_outbox_t *outbox);

/**
 * Report the outcome of the records from one position up to another.
 *
 * @param from  sent, which then becomes to; or, if the records were sent again,
 *              a position before it
 * @param to    where the last record ends; if from is before sent, at most sent
 *
 * Context: the child that has acquired the outbox.
 */
void es_outbox_report(es_outbox_t *outbox, es_pos_t from, es_pos_t to,
                      int outcome);

/** The owner has moved on. It calls this once a second at least, also while it
 * waits for a proxy. Context: as es_outbox_report. */
void es_outbox_move_on(es_outbox_t *outbox);

/** How long an owner may not move. */
#define ES_OUTBOX_STALL (5 * APR_USEC_PER_SEC)

/** A child that waits for an outbox; all 0 when it does not. */
typedef struct es_outbox_wait_t {
    apr_uint32_t turn; /* of the owner */
    apr_time_t since;  /* the owner has not moved */
} es_outbox_wait_t;

/**
 * The outbox cannot be acquired: look whether its owner moves. If it has not
 * for ES_OUTBOX_STALL, es_outbox_stalled_by names it.
 *
 * Context: ANY, no lock.
 */
void es_outbox_watch_owner(es_outbox_t *outbox, es_outbox_wait_t *wait,
                           apr_time_t now);

/** As es_lock_stalled_by. Context: PARENT, no lock. */
apr_uint32_t es_outbox_stalled_by(const es_outbox_t *outbox);

/** Let other children send. Context: as es_outbox_report. */
void es_outbox_release(es_outbox_t *outbox);

#endif
