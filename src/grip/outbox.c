/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     journal   tail ── taken ── failed ── taken ──┬── to be sent ── head
 *                                                 sent
 *
 * Only failures are noted, and that a record which had failed was taken after
 * all. Notes stand in a ring; a reader copies one, and it is good if the
 * count tells afterwards that nobody can have begun to write over it.
 *
 * What is seen when the sender dies: before the count, the note is not there
 * and sent is where it was, so the next one sends these records again. Between
 * count and sent the note is there, and so it is when an older one was made to
 * cover them; but what counts is what becomes of them then, so the next one
 * takes that note back. sent is what tells that an outcome is final, and is
 * stored last.
 */
#include "grip/outbox.h"

/* Readings of all notes, each of which the sender may spoil. */
#define SCANS 4

typedef char assert_result_size[sizeof(es_outbox_result_t) == 32 ? 1 : -1];
typedef char assert_outbox_size
    [sizeof(es_outbox_t) == 128 + ES_OUTBOX_RESULTS * 32 ? 1 : -1];

apr_status_t es_outbox_format(es_outbox_t *outbox)
{
    return es_lock_init(&outbox->guard.lock);
}

void es_outbox_begin(es_outbox_t *outbox, es_pos_t pos)
{
    __atomic_store_n(&outbox->sent, pos, __ATOMIC_RELEASE);
}

es_pos_t es_outbox_sent(const es_outbox_t *outbox)
{
    /* acquire: the notes about all before it are seen, too */
    return __atomic_load_n(&outbox->sent, __ATOMIC_ACQUIRE);
}

static void read_result(const es_outbox_t *outbox, apr_uint64_t n,
                        es_outbox_result_t *result)
{
    const es_outbox_result_t *at = &outbox->results[n % ES_OUTBOX_RESULTS];

    /* relaxed: whether it is good is found out by the fence and the count */
    result->from = __atomic_load_n(&at->from, __ATOMIC_RELAXED);
    result->to = __atomic_load_n(&at->to, __ATOMIC_RELAXED);
    result->sent = __atomic_load_n(&at->sent, __ATOMIC_RELAXED);
    result->outcome = __atomic_load_n(&at->outcome, __ATOMIC_RELAXED);
}

/** The first note that nobody can be writing over when count are made. */
static apr_uint64_t oldest_of(apr_uint64_t count)
{
    return count >= ES_OUTBOX_RESULTS ? count - ES_OUTBOX_RESULTS + 1 : 0;
}

/** A note about all of a range replaces those before it; one about a part of
 * it that has failed is a failure of the range. */
static void weigh(const es_outbox_result_t *result, es_pos_t from, es_pos_t to,
                  int *outcome)
{
    if (result->to <= from || result->from >= to) {
        return;
    }
    if (result->outcome != ES_OUTCOME_TAKEN ||
        (result->from <= from && result->to >= to)) {
        *outcome = (int)result->outcome;
    }
}

/** Read the notes. @return 0 when one may have been written over meanwhile */
static int scan(const es_outbox_t *outbox, es_pos_t from, es_pos_t to,
                int *outcome)
{
    /* acquire: the notes up to this count are whole */
    apr_uint64_t count = __atomic_load_n(&outbox->count, __ATOMIC_ACQUIRE);
    apr_uint64_t oldest = oldest_of(count), n;
    es_pos_t known = 0; /* of what stands before it notes may be lost */
    es_outbox_result_t result;

    *outcome = ES_OUTCOME_TAKEN;
    for (n = oldest; n < count; n++) {
        read_result(outbox, n, &result);
        if (n == oldest && oldest != 0) {
            known = result.sent;
        }
        weigh(&result, from, to, outcome);
    }
    if (from < known) {
        *outcome = ES_OUTCOME_UNKNOWN;
    }
    /* acquire: see the head of this file */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    count = __atomic_load_n(&outbox->count, __ATOMIC_RELAXED);
    return oldest_of(count) == oldest;
}

int es_outbox_outcome(const es_outbox_t *outbox, es_pos_t from, es_pos_t to)
{
    int outcome, turns;

    if (es_outbox_sent(outbox) < to) {
        return ES_OUTCOME_OPEN;
    }
    for (turns = 0; turns < SCANS; turns++) {
        if (scan(outbox, from, to, &outcome)) {
            return outcome;
        }
    }
    return ES_OUTCOME_UNKNOWN;
}

/**
 * Take back what the last note says of records beyond sent. Should they be
 * taken next time, nothing would be noted, and they would count as failed for
 * ever. Death in here: the next one does the same.
 */
static void withdraw_result(es_outbox_t *outbox)
{
    apr_uint64_t count = __atomic_load_n(&outbox->count, __ATOMIC_RELAXED);
    es_pos_t sent = __atomic_load_n(&outbox->sent, __ATOMIC_RELAXED);
    es_outbox_result_t *last =
        &outbox->results[(count + ES_OUTBOX_RESULTS - 1) % ES_OUTBOX_RESULTS];

    if (count == 0 || last->to <= sent) {
        return;
    }
    /* relaxed, both: nobody asks about what is beyond sent. The note stays,
     * as readers rely on a count that only rises. */
    if (last->from < sent) {
        __atomic_store_n(&last->to, sent, __ATOMIC_RELAXED);
    }
    else {
        __atomic_store_n(&last->outcome, ES_OUTCOME_TAKEN, __ATOMIC_RELAXED);
    }
}

apr_status_t es_outbox_acquire(es_outbox_t *outbox)
{
    apr_status_t rv = es_lock_try(&outbox->guard.lock);

    if (rv == APR_INCOMPLETE) {
        withdraw_result(outbox);
        es_lock_repaired(&outbox->guard.lock);
        rv = APR_SUCCESS;
    }
    return rv;
}

/** A proxy that is down for long fails the same way again and again: that is
 * one note. @return 1 when the last one was made to cover it */
static int extend_result(es_outbox_t *outbox, es_pos_t from, es_pos_t to,
                         int outcome)
{
    apr_uint64_t count = __atomic_load_n(&outbox->count, __ATOMIC_RELAXED);
    es_outbox_result_t *last =
        &outbox->results[(count + ES_OUTBOX_RESULTS - 1) % ES_OUTBOX_RESULTS];

    if (count == 0 || last->to != from || last->outcome != outcome ||
        from != __atomic_load_n(&outbox->sent, __ATOMIC_RELAXED)) {
        return 0;
    }
    /* relaxed: nobody asks about it before sent is stored */
    __atomic_store_n(&last->to, to, __ATOMIC_RELAXED);
    return 1;
}

static void add_result(es_outbox_t *outbox, es_pos_t from, es_pos_t to,
                       int outcome)
{
    apr_uint64_t count = __atomic_load_n(&outbox->count, __ATOMIC_RELAXED);
    es_outbox_result_t *at = &outbox->results[count % ES_OUTBOX_RESULTS];

    /* release: who sees a byte of this note sees a count by which the one
     * that stood here is no longer good */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&at->from, from, __ATOMIC_RELAXED);
    __atomic_store_n(&at->to, to, __ATOMIC_RELAXED);
    __atomic_store_n(&at->sent,
                     __atomic_load_n(&outbox->sent, __ATOMIC_RELAXED),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&at->outcome, outcome, __ATOMIC_RELAXED);
    __atomic_store_n(&outbox->count, count + 1, __ATOMIC_RELEASE);
}

void es_outbox_report(es_outbox_t *outbox, es_pos_t from, es_pos_t to,
                      int outcome)
{
    es_pos_t sent = __atomic_load_n(&outbox->sent, __ATOMIC_RELAXED);

    if ((outcome != ES_OUTCOME_TAKEN || from < sent) &&
        !extend_result(outbox, from, to, outcome)) {
        add_result(outbox, from, to, outcome);
    }
    if (to > sent) {
        __atomic_store_n(&outbox->sent, to, __ATOMIC_RELEASE);
    }
}

void es_outbox_release(es_outbox_t *outbox)
{
    es_lock_give(&outbox->guard.lock);
}
