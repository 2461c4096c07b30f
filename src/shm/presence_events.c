/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a row is, and what is told of it:
 *
 *                  a client comes           take          told
 *      (no row) ──────────────────► due ──────────► join ──────┐
 *          ▲                                                   ▼
 *          │        told            take          grace over
 *          └────────────── leave ◄──────── due ◄──────────── present
 *
 * The event of a row has a serial from the take until the told, whatever
 * happens meanwhile. If the child that took it dies, the event is taken again
 * with that serial, of which its id is made; so the journal knows it if it was
 * stored. What has changed in between follows as the next event. A broker that
 * gets the first telling only after the second, and after what followed, knows
 * by the fence that it comes late.
 */
#include "shm/presence_priv.h"

#include <string.h>

#include "base/context.h"

/* The lock is released between two slices of so many rows. */
#define SWEEP_SLICE 256

/* A name is present also if its client went before it was told: who is served
 * in turns of some milliseconds is there. */
static es_presence_kind_t kind_now(const es_presence_t *presence,
                                   const es_presence_head_t *head,
                                   apr_uint32_t *clients, apr_time_t now)
{
    apr_time_t until;
    int is_present;

    *clients = es_presence_clients_of(presence, head, &until);
    is_present = *clients != 0 || until > now;
    if (is_present == head->is_told) {
        return ES_PRESENCE_NONE;
    }
    return is_present ? ES_PRESENCE_JOIN : ES_PRESENCE_LEAVE;
}

/* ---- the fence ---------------------------------------------------------- */

static void raise_fence(es_presence_t *presence)
{
    /* release: it is raised before an event is taken again. A child that dies
     * after it has raised a number that nobody has used. */
    __atomic_add_fetch(&presence->header->fence, 1, __ATOMIC_RELEASE);
}

apr_uint64_t es_presence_fence(const es_presence_t *presence)
{
    return __atomic_load_n(&presence->header->fence, __ATOMIC_ACQUIRE);
}

/* ---- taking ------------------------------------------------------------- */

int es_presence_is_due(const es_presence_t *presence)
{
    /* relaxed: a hint */
    return __atomic_load_n(&presence->header->due, __ATOMIC_RELAXED) != 0;
}

/* @return the first of the chain, out of it now; 0 = it is empty */
static apr_uint32_t take_first(es_presence_t *presence)
{
    es_presence_header_t *header = presence->header;
    apr_uint32_t row = header->due;
    es_presence_head_t *head = es_presence_head_at(presence, row);
    apr_uint32_t next = head != NULL ? head->next_due : 0;

    __atomic_store_n(&header->due, next, __ATOMIC_RELAXED);
    if (head != NULL) {
        head->is_due = 0;
    }
    return row;
}

static void copy_text(const es_presence_t *presence, apr_uint32_t row,
                      es_presence_event_t *event)
{
    const es_presence_head_t *head = es_presence_head_at(presence, row);
    const es_presence_text_t *text = es_presence_text_at(presence, row);

    event->epoch = head->epoch;
    event->channel_len = head->channel_len;
    event->name_len = head->name_len;
    memcpy(event->channel, text->channel, event->channel_len);
    memcpy(event->name, text->name, event->name_len);
    event->channel[event->channel_len] = '\0';
    event->name[event->name_len] = '\0';
}

/* @return 0 when nothing is to be told of it now */
static int take_row(es_presence_t *presence, apr_uint32_t row,
                    apr_uint32_t child, es_presence_event_t *event,
                    apr_time_t now)
{
    es_presence_head_t *head = es_presence_head_at(presence, row);
    es_presence_kind_t kind = kind_now(presence, head, &event->clients, now);

    if (!head->is_used || (head->serial == 0 && kind == ES_PRESENCE_NONE)) {
        return 0;
    }
    head->taken_at = now;
    __atomic_store_n(&head->teller, child, __ATOMIC_RELAXED);
    if (head->serial == 0) {
        head->kind = (unsigned char)kind;
        /* the kind first: a child may die in between */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        head->serial = ++presence->header->serial;
    }
    else {
        raise_fence(presence);
    }
    event->row = row;
    event->child = child;
    event->serial = head->serial;
    event->kind = head->kind;
    copy_text(presence, row, event);
    return 1;
}

int es_presence_take(es_presence_t *presence, apr_uint32_t child,
                     es_presence_event_t *events, int max, apr_time_t now)
{
    apr_uint32_t steps = presence->rows, row;
    int count = 0;

    ES_CONTEXT(ES_WORKER);
    if (!es_presence_is_due(presence) ||
        es_presence_acquire(presence) != APR_SUCCESS) {
        return 0;
    }
    while (count < max && steps-- > 0) {
        row = take_first(presence);
        if (es_presence_head_at(presence, row) == NULL) {
            break;
        }
        count += take_row(presence, row, child, &events[count], now);
    }
    for (steps = 0; steps < (apr_uint32_t)count; steps++) {
        events[steps].fence = presence->header->fence;
    }
    es_presence_release(presence);
    return count;
}

/* ---- told --------------------------------------------------------------- */

static void end_telling(es_presence_t *presence, es_presence_head_t *head,
                        apr_uint32_t row, apr_time_t now)
{
    apr_uint32_t clients;

    __atomic_store_n(&head->teller, 0, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    head->serial = 0;
    if (kind_now(presence, head, &clients, now) != ES_PRESENCE_NONE) {
        es_presence_note_due(presence, row);
    }
}

static int is_teller(const es_presence_head_t *head,
                     const es_presence_event_t *event)
{
    return __atomic_load_n(&head->teller, __ATOMIC_RELAXED) == event->child;
}

void es_presence_told(es_presence_t *presence, const es_presence_event_t *event,
                      es_presence_told_t told, apr_time_t now)
{
    es_presence_head_t *head = es_presence_head_at(presence, event->row);

    ES_CONTEXT(ES_WORKER);
    if (head == NULL || es_presence_acquire(presence) != APR_SUCCESS) {
        return; /* it is taken again, with the same serial */
    }
    if (head->is_used && head->serial == event->serial) {
        if (told == ES_PRESENCE_TOLD) {
            head->is_told = event->kind == ES_PRESENCE_JOIN;
            __atomic_signal_fence(__ATOMIC_SEQ_CST);
            end_telling(presence, head, event->row, now);
        }
        else if (is_teller(head, event)) {
            __atomic_store_n(&head->teller, 0, __ATOMIC_RELAXED);
            if (told == ES_PRESENCE_NOT_TOLD) {
                head->serial = 0;
            }
        }
    }
    es_presence_release(presence);
}

static void forget_row(es_presence_t *presence, apr_uint32_t row,
                       const es_id_t *epoch, apr_time_t now)
{
    es_presence_head_t *head = es_presence_head_at(presence, row);

    if (head->is_used && es_id_compare(&head->epoch, epoch) == 0) {
        head->is_told = 0;
        /* before the serial is given up: a child may die in between */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        end_telling(presence, head, row, now);
    }
}

apr_status_t es_presence_forget(es_presence_t *presence, const es_id_t *epoch,
                                apr_time_t now)
{
    apr_uint32_t row = 0, high, slice;
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    do {
        rv = es_presence_acquire(presence);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (row == 0) {
            raise_fence(presence);
        }
        high = es_presence_bounded(presence, presence->header->high_row);
        for (slice = 0; slice < SWEEP_SLICE && row < high; slice++) {
            forget_row(presence, ++row, epoch, now);
        }
        es_presence_release(presence);
    } while (row < high);
    return APR_SUCCESS;
}

/* ---- sweeping ----------------------------------------------------------- */

int es_presence_is_sweep_due(es_presence_t *presence, apr_time_t now)
{
    apr_time_t *next = &presence->header->next_sweep;
    apr_time_t due = __atomic_load_n(next, __ATOMIC_RELAXED);

    /* a due that is far away is no time that this code has written */
    return (now >= due || due > now + 2 * ES_PRESENCE_SWEEP_EVERY) &&
           __atomic_compare_exchange_n(next, &due,
                                       now + ES_PRESENCE_SWEEP_EVERY, 0,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static int is_told_by_nobody(const es_presence_head_t *head, apr_time_t now)
{
    return __atomic_load_n(&head->teller, __ATOMIC_RELAXED) == 0 ||
           now - head->taken_at >= ES_PRESENCE_TELL_WITHIN;
}

static void sweep_row(es_presence_t *presence, apr_uint32_t row, apr_time_t now)
{
    es_presence_head_t *head = es_presence_head_at(presence, row);
    apr_uint32_t clients;

    if (!head->is_used) {
        return;
    }
    es_presence_free_shares(presence, row);
    if (head->serial != 0) {
        if (is_told_by_nobody(head, now)) {
            es_presence_note_due(presence, row);
        }
    }
    else if (kind_now(presence, head, &clients, now) != ES_PRESENCE_NONE) {
        es_presence_note_due(presence, row);
    }
    else if (!head->is_told && !head->is_due) {
        es_presence_free_row(presence, row);
    }
}

void es_presence_sweep(es_presence_t *presence, apr_time_t now)
{
    apr_uint32_t row = 0, high, slice;

    ES_CONTEXT(ES_WORKER);
    do {
        if (es_presence_acquire(presence) != APR_SUCCESS) {
            return; /* the next sweep */
        }
        high = es_presence_bounded(presence, presence->header->high_row);
        for (slice = 0; slice < SWEEP_SLICE && row < high; slice++) {
            sweep_row(presence, ++row, now);
        }
        es_presence_release(presence);
    } while (row < high);
}

/* ---- who is there ------------------------------------------------------- */

/* Is a name without clients still present? Not while its leave is told: who
 * reads the list after the journal has the leave must not find the name. */
static int stays(const es_presence_head_t *head)
{
    return head->is_told &&
           (head->serial == 0 || head->kind != ES_PRESENCE_LEAVE);
}

/* @return 0 when the row is another channel's, or not present */
static int look_at(const es_presence_t *presence, apr_uint32_t row,
                   const es_id_t *epoch, es_slice_t channel,
                   es_presence_named_t *found)
{
    const es_presence_head_t *head = es_presence_head_at(presence, row);
    const es_presence_text_t *text = es_presence_text_at(presence, row);
    apr_time_t until;

    if (es_id_compare(&head->epoch, epoch) != 0 ||
        !es_slice_equal(es_slice(text->channel, head->channel_len), channel)) {
        return 0;
    }
    found->clients = es_presence_clients_of(presence, head, &until);
    if (found->clients == 0 && !stays(head)) {
        return 0;
    }
    found->len = head->name_len;
    memcpy(found->name, text->name, found->len);
    found->name[found->len] = '\0';
    return 1;
}

int es_presence_next(es_presence_t *presence, const es_id_t *epoch,
                     es_slice_t channel, apr_uint32_t *at,
                     es_presence_named_t *found, int max)
{
    apr_uint32_t hash = es_presence_channel_hash(presence, epoch, channel);
    apr_uint32_t row = *at, steps, high;
    int count = 0;

    ES_CONTEXT(ES_WORKER);
    if (es_presence_acquire(presence) != APR_SUCCESS) {
        return -1;
    }
    high = es_presence_bounded(presence, presence->header->high_row);
    for (steps = 0; steps < ES_PRESENCE_SLICE && row < high && count < max;
         steps++) {
        const es_presence_head_t *head = es_presence_head_at(presence, ++row);

        if (head->is_used && head->channel_hash == hash) {
            count += look_at(presence, row, epoch, channel, &found[count]);
        }
    }
    *at = row < high ? row : 0;
    es_presence_release(presence);
    return count;
}
