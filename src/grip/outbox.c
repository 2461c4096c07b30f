/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     journal   tail ── taken ── failed ── taken ──┬── to be sent ── head
 *                                                 sent
 *
 * A result is added only for failures, and when a record that had failed was
 * taken after all. The array of results is circular. A reader copies a result;
 * the copy is valid if count shows afterwards that the sender cannot have begun
 * to overwrite the result.
 *
 * What is left if the sender dies: before count is stored, the result is not
 * there and sent is unchanged, so the next sender sends these records again.
 * Between count and sent the result is there, and so it is if an older one was
 * extended to them. The outcome of the next try is the one that counts, so the
 * next sender withdraws that result. An outcome is final once sent is beyond
 * its records; sent is stored last.
 */
#include "grip/outbox.h"

/* Attempts to read all results, each of which the sender may disturb. */
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
    /* acquire: the results of all records before it are seen, too */
    return __atomic_load_n(&outbox->sent, __ATOMIC_ACQUIRE);
}

static void read_result(const es_outbox_t *outbox, apr_uint64_t n,
                        es_outbox_result_t *result)
{
    const es_outbox_result_t *stored = &outbox->results[n % ES_OUTBOX_RESULTS];

    /* relaxed: the fence and the count show whether the copy is valid */
    result->from = __atomic_load_n(&stored->from, __ATOMIC_RELAXED);
    result->to = __atomic_load_n(&stored->to, __ATOMIC_RELAXED);
    result->sent = __atomic_load_n(&stored->sent, __ATOMIC_RELAXED);
    result->outcome = __atomic_load_n(&stored->outcome, __ATOMIC_RELAXED);
}

/** The first result that the sender cannot be overwriting, if count results
 * were added. */
static apr_uint64_t oldest_of(apr_uint64_t count)
{
    return count >= ES_OUTBOX_RESULTS ? count - ES_OUTBOX_RESULTS + 1 : 0;
}

/** A result for the whole range replaces those before it; the failure of a part
 * is a failure of the range. */
static void apply(const es_outbox_result_t *result, es_pos_t from, es_pos_t to,
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

/** Read all results. @return 0 if one may have been overwritten meanwhile */
static int scan(const es_outbox_t *outbox, es_pos_t from, es_pos_t to,
                int *outcome)
{
    /* acquire: the results up to this count are complete */
    apr_uint64_t count = __atomic_load_n(&outbox->count, __ATOMIC_ACQUIRE);
    apr_uint64_t oldest = oldest_of(count), n;
    es_pos_t known = 0; /* results of records before it may be lost */
    es_outbox_result_t result;

    *outcome = ES_OUTCOME_TAKEN;
    for (n = oldest; n < count; n++) {
        read_result(outbox, n, &result);
        if (n == oldest && oldest != 0) {
            known = result.sent;
        }
        apply(&result, from, to, outcome);
    }
    if (from < known) {
        *outcome = ES_OUTCOME_UNKNOWN;
    }
    /* acquire: count is read after the results, see the head of this file */
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
 * Withdraw what the last result states of records beyond sent. If they are
 * taken next time, no result is added, and they would count as failed for ever.
 * If this sender dies in here, the next one does the same.
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
    /* relaxed, both: no reader asks for records beyond sent. The result stays,
     * because readers rely on a count that only rises. */
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

/** A proxy that is down for long fails in the same way again and again: that is
 * one result. @return 1 if the last result was extended */
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
    /* relaxed: no reader asks for these records before sent is stored */
    __atomic_store_n(&last->to, to, __ATOMIC_RELAXED);
    return 1;
}

static void add_result(es_outbox_t *outbox, es_pos_t from, es_pos_t to,
                       int outcome)
{
    apr_uint64_t count = __atomic_load_n(&outbox->count, __ATOMIC_RELAXED);
    es_outbox_result_t *result = &outbox->results[count % ES_OUTBOX_RESULTS];

    /* release: a reader that sees a byte of this result also sees a count by
     * which the result that was here before is no longer good */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&result->from, from, __ATOMIC_RELAXED);
    __atomic_store_n(&result->to, to, __ATOMIC_RELAXED);
    __atomic_store_n(&result->sent,
                     __atomic_load_n(&outbox->sent, __ATOMIC_RELAXED),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&result->outcome, outcome, __ATOMIC_RELAXED);
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

/* Only the owner of the lock writes; all of it is for reading by others, and no
 * other data depends on it. */
void es_outbox_count_failure(es_outbox_t *outbox, int outcome)
{
    __atomic_store_n(&outbox->last_failure, outcome, __ATOMIC_RELAXED);
    __atomic_store_n(&outbox->failures, outbox->failures + 1, __ATOMIC_RELAXED);
}

void es_outbox_read(const es_outbox_t *outbox, es_pos_t head,
                    es_outbox_stats_t *stats)
{
    es_pos_t sent = es_outbox_sent(outbox);

    stats->queued_bytes = head > sent ? head - sent : 0;
    stats->failures = __atomic_load_n(&outbox->failures, __ATOMIC_RELAXED);
    stats->last_failure =
        (int)__atomic_load_n(&outbox->last_failure, __ATOMIC_RELAXED);
    stats->is_failing = __atomic_load_n(&outbox->logged, __ATOMIC_RELAXED) != 0;
}

void es_outbox_release(es_outbox_t *outbox)
{
    es_lock_release(&outbox->guard.lock);
}

/* ---- an owner that does not move ---------------------------------------- */

void es_outbox_move_on(es_outbox_t *outbox)
{
    es_lock_move_on(&outbox->guard.lock);
}

void es_outbox_watch_owner(es_outbox_t *outbox, es_outbox_wait_t *wait,
                           apr_time_t now)
{
    apr_uint32_t turn = es_lock_turn(&outbox->guard.lock);

    if (wait->since == 0 || wait->turn != turn) {
        wait->turn = turn;
        wait->since = now;
    }
    else if (now - wait->since >= ES_OUTBOX_STALL) {
        es_lock_note_stall(&outbox->guard.lock, turn);
    }
}

apr_uint32_t es_outbox_stalled_by(const es_outbox_t *outbox)
{
    return es_lock_stalled_by(&outbox->guard.lock);
}
