/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two numbers give the position of a client, its cursor and skip: see
 * deliver/reader.h. When the sink takes only a part of a write, the client
 * needs no list of what was in it: skip grows by the bytes that were taken.
 * skip 0 is the border between two frames; only there may a control frame or
 * another position follow. Of a control frame that was taken in part, the
 * client keeps the kind and the number of bytes, and makes the frame again.
 *
 * A sink may keep the last bytes that it has taken. Then it takes no more, and
 * the client is BLOCKED although it has nothing to write. So a step first lets
 * the sink send what it keeps.
 *
 * A step is a few turns. Each does what the state asks for (the drawing is in
 * client_priv.h): a write changes the state by what the sink answers.
 */
#include "deliver/client_priv.h"

#include "base/context.h"
#include "base/sigblock.h"
#include "journal/close.h"
#include "deliver/control_frame.h"

#include <stdlib.h>

#define TURNS_MAX 8 /* control frames and writes in a step */

/* Its silence before a keep-alive; 0 = none is sent. */
static apr_interval_time_t keepalive_of(const es_client_t *client)
{
    return client->opts.keepalive - client->earlier;
}

static int is_blocked(const es_client_t *client)
{
    return client->state == ES_CLIENT_BLOCKED ||
           client->state == ES_CLIENT_ENDING_BLOCKED;
}

static es_step_t fail(es_client_t *client, es_end_t why)
{
    es_client_because(client, why);
    es_client_change(client, ES_CLIENT_ON_FAIL);
    return ES_STEP_ENDED;
}

/* Of the kernel for a plain socket, of httpd for a held request. */
static int is_timeout(apr_status_t rv)
{
    return APR_STATUS_IS_ETIMEDOUT(rv) || APR_STATUS_IS_TIMEUP(rv);
}

/* Change the state by what the sink has answered. */
static inline void answered(es_client_t *client, apr_status_t rv,
                            apr_size_t taken, apr_time_t now)
{
    if (rv == APR_SUCCESS) {
        client->last = now;
        es_client_change(client, ES_CLIENT_ON_TAKEN);
    }
    else if (!APR_STATUS_IS_EAGAIN(rv)) {
        es_client_because(client,
                          is_timeout(rv) ? ES_END_TIMEOUT : ES_END_CLIENT);
        es_client_change(client, ES_CLIENT_ON_FAIL);
    }
    else if (!is_blocked(client) || taken > 0) {
        client->last = now;
        es_client_change(client, ES_CLIENT_ON_FULL);
    }
    else if (client->opts.send_timeout > 0 &&
             now - client->last >= client->opts.send_timeout) {
        es_client_because(client, ES_END_TIMEOUT);
        es_client_change(client, ES_CLIENT_ON_FAIL);
    }
}

static apr_status_t put(es_client_t *client, const struct iovec *iov, int count,
                        apr_time_t now, apr_size_t *taken)
{
    apr_status_t rv;

    *taken = 0;
    rv = client->sink->ops->write(client->sink, iov, count, taken);
    es_client_count_bytes(client, *taken);
    answered(client, rv, *taken, now);
    return rv;
}

/* Let the sink send what it keeps. */
static apr_status_t flush(es_client_t *client, apr_time_t now)
{
    apr_size_t sent = 0;
    apr_status_t rv;

    if (client->sink->ops->flush == NULL) {
        return APR_SUCCESS;
    }
    rv = client->sink->ops->flush(client->sink, &sent);
    if (APR_STATUS_IS_EOF(rv)) {
        es_client_because(client, ES_END_KEYS);
        es_client_end_spread(client);
        rv = APR_SUCCESS;
    }
    if (rv != APR_SUCCESS || sent > 0) {
        answered(client, rv, sent, now);
    }
    return rv;
}

/* The result of a step whose write is not complete. */
static es_step_t halted(const es_client_t *client)
{
    return client->state == ES_CLIENT_BROKEN ? ES_STEP_ENDED : ES_STEP_BLOCKED;
}

static apr_status_t make_control(const es_client_t *client,
                                 es_control_frame_t *frame)
{
    switch (client->control) {
    case ES_CONTROL_RESET:
        return es_control_frame_reset(frame, &client->reset_id, client->store,
                                      client->slots, client->nslots,
                                      client->sink->chunked);
    case ES_CONTROL_END:
        es_control_frame_end(frame, client->opts.retry_ms,
                             client->sink->chunked);
        return APR_SUCCESS;
    default:
        es_control_frame_keepalive(frame, client->opts.keepalive_as_comment,
                                   client->sink->chunked);
        return APR_SUCCESS;
    }
}

/* The end is written: let the peer see it. */
static es_step_t finish(es_client_t *client, apr_time_t now)
{
    apr_status_t rv = client->sink->ops->finish(client->sink);

    answered(client, rv, 0, now);
    if (rv != APR_SUCCESS) {
        return halted(client);
    }
    es_client_change(client, ES_CLIENT_ON_DONE);
    return ES_STEP_ENDED;
}

/* Write the control frame that is due, or its rest. */
static es_step_t step_control(es_client_t *client, apr_time_t now)
{
    es_control_frame_t frame;
    apr_status_t rv = APR_SUCCESS;
    apr_size_t taken;
    int is_whole;

    if (make_control(client, &frame) != APR_SUCCESS) {
        return fail(client, ES_END_ERROR);
    }
    es_control_frame_skip(&frame, client->control_offset);
    if (frame.count > 0) {
        rv = put(client, &frame.iov[frame.first], frame.count, now, &taken);
        client->control_offset += taken;
        es_control_frame_skip(&frame, taken);
    }
    is_whole = frame.count == 0;
    es_control_frame_clear(&frame);
    if (client->control == ES_CONTROL_END) {
        return rv == APR_SUCCESS ? finish(client, now) : halted(client);
    }
    if (is_whole) {
        client->control = ES_CONTROL_NONE;
        client->control_offset = 0;
    }
    return rv == APR_SUCCESS ? ES_STEP_CURRENT : halted(client);
}

/* In a step, whole events. */
static void got_events(es_client_t *client, apr_uint64_t events)
{
    es_client_count_events(client, events);
    if (client->replay == ES_CLIENT_REPLAY_RUNS) {
        client->noted += (apr_uint32_t)events;
    }
}

/* The same, of what was collected. */
static void got_collected(es_client_t *client, const es_collected_t *got)
{
    got_events(client, (apr_uint64_t)got->events);
    if (client->replay == ES_CLIENT_REPLAY_NONE && got->events > 0) {
        client->replay = ES_CLIENT_REPLAY_LIVE;
        client->noted = got->appended_us;
    }
}

/* @param scan  see es_reader_settle */
static apr_status_t settle(es_client_t *client, es_scan_t *scan)
{
    es_reader_t reader;
    apr_uint64_t events = 0;
    apr_status_t rv;

    if (client->skip == 0) {
        return APR_SUCCESS;
    }
    reader = es_client_reader(client);
    rv = es_reader_settle(&reader, scan, &client->cursor, &client->skip,
                          &events);
    got_events(client, events);
    return rv;
}

/* All records up to the cursor are written; the backlog may be over. */
static es_step_t caught_up(es_client_t *client)
{
    if (client->backlog != NULL && client->cursor >= client->backlog->end) {
        free(client->backlog);
        client->backlog = NULL;
    }
    if (client->replay == ES_CLIENT_REPLAY_RUNS && client->backlog == NULL) {
        client->replay = ES_CLIENT_REPLAY_OVER;
    }
    return ES_STEP_CURRENT;
}

static int has_lost(const es_client_t *client, es_pos_t *tail)
{
    return client->backlog != NULL
               ? es_reader_backlog_has_lost(client->backlog, client->store,
                                            client->cursor, tail)
               : es_store_has_lost(client->store, client->slots, client->nslots,
                                   client->cursor, tail);
}

/* Where a client continues that has lost events. The store lock may be taken,
 * for long if its owner is stopped: the delivery does not wait for it. A worker
 * may be the thread in which prefork ends the child: not while it has the
 * lock. */
static apr_status_t find_present(const es_client_t *client, es_start_t *start)
{
    es_sigblock_t sigblock;
    apr_status_t rv;

    es_sigblock_begin(&sigblock);
    rv = es_store_current(client->store, start);
    es_sigblock_end(&sigblock);
    if (rv == APR_TIMEUP &&
        es_store_latest(client->store, client->slots, client->nslots, start) ==
            APR_SUCCESS) {
        rv = APR_SUCCESS;
    }
    return rv;
}

/* The ring has overtaken the client, or the journal is damaged where the
 * client stands. */
static es_step_t overtaken(es_client_t *client, apr_status_t why)
{
    es_start_t start;
    es_pos_t tail;
    apr_status_t rv;
    int is_filled;

    if (why == APR_ENOENT && client->skip == 0 && !has_lost(client, &tail)) {
        client->cursor = tail;
        return ES_STEP_MORE;
    }
    if (client->skip == 0 &&
        es_close_exists_after(client->store, client->slots, client->nslots,
                              client->cursor)) {
        es_client_because(client, ES_END_CHANNEL);
        es_client_end_spread(client); /* the record of the close is gone */
        return ES_STEP_MORE;
    }
    if (client->skip > 0) {
        /* cut: the client sees that it is no clean end */
        return fail(client, ES_END_OVERTAKEN);
    }
    rv = find_present(client, &start);
    if (rv == APR_TIMEUP) {
        /* it reconnects, and is asked again for what it has missed */
        es_client_change(client, ES_CLIENT_ON_END);
        return ES_STEP_MORE;
    }
    if (rv != APR_SUCCESS) {
        return fail(client, ES_END_ERROR);
    }
    is_filled = es_store_is_reset(client->store, client->cursor);
    client->cursor = start.pos;
    es_client_reset(client, &start.id,
                    why != APR_ENOENT ? ES_RESET_DAMAGED
                    : is_filled       ? ES_RESET_FILLED
                                      : ES_RESET_OVERTAKEN);
    return ES_STEP_MORE;
}

/* The sink took the first bytes of what was collected. @param rv  of writing */
static es_step_t took(es_client_t *client, es_collected_t *got,
                      apr_size_t taken, apr_status_t rv)
{
    if (taken < got->len) {
        client->cursor = got->start;
        client->skip += taken;
        /* on an error, the next step fails */
        (void)settle(client, &got->scan);
        return halted(client);
    }
    client->skip = 0;
    client->cursor = got->end;
    got_collected(client, got);
    if (got->closes) {
        es_client_because(client, ES_END_CHANNEL);
        /* A client is one stream: it ends, and comes back for the other
         * channels. */
        es_client_end_spread(client);
    }
    if (rv != APR_SUCCESS) {
        return halted(client);
    }
    return got->more || got->closes ? ES_STEP_MORE : caught_up(client);
}

/* A new client may be ahead of its hub, which has not looked for a while: what
 * is in the journal by now is its replay as well. */
static int is_replay_beyond(const es_client_t *client,
                            const es_reader_t *reader)
{
    return client->replay == ES_CLIENT_REPLAY_RUNS &&
           client->cursor < es_store_head(client->store) &&
           !es_reader_is_all_seen(reader, client->cursor);
}

/* Write once of the records below limit that the client has not seen. */
static es_step_t catch_up(es_client_t *client, es_pos_t limit, apr_time_t now,
                          char *scratch, apr_size_t scratch_size)
{
    es_pos_t stop = es_store_head(client->store);
    es_reader_t reader = es_client_reader(client);
    es_collected_t got;
    struct iovec iov;
    apr_size_t taken = 0;
    apr_status_t rv;

    if (limit < stop) {
        stop = limit;
    }
    if (client->cursor >= stop) {
        return is_replay_beyond(client, &reader) ? ES_STEP_CURRENT
                                                 : caught_up(client);
    }
    if (client->skip == 0 && es_reader_is_all_seen(&reader, client->cursor)) {
        client->cursor = stop;
        return caught_up(client);
    }
    rv = es_reader_collect(&reader, &got, client->cursor, client->skip, stop,
                           !es_client_is_open(client), scratch, scratch_size);
    client->search_from = got.scan.params.search_from;
    if (rv == APR_ENOMEM) {
        /* it reconnects; by then there may be memory */
        return fail(client, ES_END_ERROR);
    }
    if (rv != APR_SUCCESS) {
        return overtaken(client, rv);
    }
    if (got.len > 0) {
        iov.iov_base = got.data;
        iov.iov_len = got.len;
        rv = put(client, &iov, 1, now, &taken);
        free(got.big);
        if (client->backlog != NULL && taken > 0) {
            client->backlog->is_begun = 1;
        }
    }
    return took(client, &got, taken, rv);
}

/* Within a frame nothing else may be written. Its rest is due when the hub
 * reaches its record: the child that handed the client over was ahead. */
static int is_within_frame(const es_client_t *client)
{
    return client->skip > 0;
}

static int is_silent(const es_client_t *client, apr_time_t now)
{
    apr_interval_time_t keepalive = keepalive_of(client);

    return keepalive > 0 && !is_within_frame(client) &&
           now - client->last >= keepalive;
}

/* Write the control frame that is due; pass over records that are written as a
 * whole. */
static es_step_t step_frame(es_client_t *client, apr_time_t now)
{
    es_step_t step = ES_STEP_CURRENT;

    if (client->control != ES_CONTROL_NONE) {
        step = step_control(client, now);
    }
    if (step == ES_STEP_CURRENT && settle(client, NULL) != APR_SUCCESS) {
        step = fail(client, ES_END_OVERTAKEN); /* within a frame */
    }
    return step;
}

/* LIVE, BEHIND, BLOCKED: the records below limit, or a keep-alive. */
static es_step_t step_open(es_client_t *client, es_pos_t limit, apr_time_t now,
                           char *scratch, apr_size_t scratch_size)
{
    es_step_t step = step_frame(client, now);

    if (step == ES_STEP_CURRENT) {
        step = catch_up(client, limit, now, scratch, scratch_size);
    }
    if (step == ES_STEP_MORE) {
        es_client_change(client, ES_CLIENT_ON_DUE);
    }
    if (step == ES_STEP_CURRENT) {
        /* its frame or its backlog may go on beyond limit */
        es_client_change(client, client->skip == 0 && client->backlog == NULL
                                     ? ES_CLIENT_ON_SEEN
                                     : ES_CLIENT_ON_TAKEN);
        if (is_silent(client, now)) {
            es_client_schedule_control(client, ES_CONTROL_KEEPALIVE);
        }
    }
    return step;
}

/* ENDING, ENDING_BLOCKED: the rest of a frame, then the end. */
static es_step_t step_ending(es_client_t *client, es_pos_t limit,
                             apr_time_t now, char *scratch,
                             apr_size_t scratch_size)
{
    es_step_t step = step_frame(client, now);

    if (step != ES_STEP_CURRENT) {
        return step;
    }
    if (client->skip > 0) {
        return catch_up(client, limit, now, scratch, scratch_size);
    }
    es_client_schedule_control(client, ES_CONTROL_END);
    return ES_STEP_MORE;
}

/* Is a control frame due, be it the one that ends the stream? */
static int is_owing(const es_client_t *client)
{
    return client->control != ES_CONTROL_NONE || !es_client_is_open(client);
}

es_step_t es_client_step_to(es_client_t *client, es_pos_t limit, apr_time_t now,
                            char *scratch, apr_size_t scratch_size)
{
    es_step_t step;
    int turn;

    if (client->end_at != 0 && now >= client->end_at) {
        es_client_because(client, ES_END_LIFETIME);
        es_client_change(client, ES_CLIENT_ON_END);
    }
    if (flush(client, now) != APR_SUCCESS) {
        return halted(client);
    }
    for (turn = 0; turn < TURNS_MAX; turn++) {
        switch (client->state) {
        case ES_CLIENT_LIVE:
        case ES_CLIENT_BEHIND:
        case ES_CLIENT_BLOCKED:
            step = step_open(client, limit, now, scratch, scratch_size);
            break;
        case ES_CLIENT_ENDING:
        case ES_CLIENT_ENDING_BLOCKED:
            step = step_ending(client, limit, now, scratch, scratch_size);
            break;
        default: return ES_STEP_ENDED; /* FINISHED, BROKEN */
        }
        if (step == ES_STEP_BLOCKED || step == ES_STEP_ENDED ||
            !is_owing(client)) {
            return step;
        }
    }
    return ES_STEP_MORE;
}

es_step_t es_client_step(es_client_t *client, apr_time_t now, char *scratch,
                         apr_size_t scratch_size)
{
    return es_client_step_to(client, ~(es_pos_t)0, now, scratch, scratch_size);
}

es_step_t es_client_offer(es_client_t *client, es_pos_t round_start,
                          es_pos_t round_end, const es_round_frames_t *frames,
                          apr_time_t now)
{
    apr_size_t taken;

    if (client->state == ES_CLIENT_LIVE && client->cursor >= round_end) {
        return ES_STEP_CURRENT; /* it has read these records itself */
    }
    if (client->state != ES_CLIENT_LIVE || client->cursor > round_start) {
        return ES_STEP_MORE;
    }
    if (put(client, frames->iov, frames->count, now, &taken) == APR_SUCCESS) {
        client->cursor = round_end;
        es_client_count_events(client, frames->events);
        return ES_STEP_CURRENT;
    }
    if (taken == frames->total) { /* the sink keeps a part of it */
        client->cursor = round_end;
        es_client_count_events(client, frames->events);
    }
    else {
        client->cursor = round_start;
        client->skip = taken;
    }
    return halted(client);
}

apr_time_t es_client_due(const es_client_t *client)
{
    apr_interval_time_t wait =
        is_blocked(client) ? client->opts.send_timeout : keepalive_of(client);
    apr_time_t due = wait > 0 ? client->last + wait : 0;

    if (is_within_frame(client) && !is_blocked(client)) {
        due = 0;
    }
    if (client->end_at != 0 && es_client_is_open(client) &&
        (due == 0 || client->end_at < due)) {
        due = client->end_at;
    }
    return due;
}

void es_client_seek(es_client_t *client, es_pos_t pos)
{
    if (client->cursor < pos && client->skip == 0) {
        client->cursor = pos;
    }
}
