/* SPDX-License-Identifier: Apache-2.0 */
/**
 * For the tests of src/deliver: a small store, functions that publish to it,
 * and a sink that takes as many bytes as the test lets it.
 */
#ifndef T_UNIT_DELIVER_FIXTURE_H
#define T_UNIT_DELIVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/frame.h"
#include "journal/close.h"
#include "journal/store.h"
#include "journal/stream_append.h"
#include "deliver/conns.h"
#include "deliver/hub.h"
#include "deliver/sink.h"

#define UNUSED __attribute__((unused))

/* ---- a store ----------------------------------------------------------- */

typedef struct hub_t {
    apr_pool_t *pool;
    es_store_t *store;
    void *mem;
    apr_uint64_t now_ms;
    es_appended_t appended; /* result of the last publish */
} hub_t;

static UNUSED void hub_open_wide(hub_t *hub, apr_uint64_t ring_bytes,
                                 apr_uint32_t channels)
{
    es_store_params_t params = {0};
    apr_size_t size;
    es_id_t epoch;

    memset(hub, 0, sizeof(*hub));
    params.ring_bytes = ring_bytes;
    params.channels = channels;
    params.max_children = 2;
    size = es_store_size(&params);
    assert_true(size > 0);
    assert_int_equal(apr_pool_create(&hub->pool, NULL), APR_SUCCESS);
    assert_int_equal(posix_memalign(&hub->mem, 4096, size), 0);
    memset(hub->mem, 0, size);
    hub->now_ms = 1000;
    epoch = es_id_epoch(6, hub->now_ms);
    assert_int_equal(es_store_format(hub->mem, &params, &epoch), APR_SUCCESS);
    assert_int_equal(
        es_store_attach(&hub->store, hub->mem, size, &params, hub->pool),
        APR_SUCCESS);
}

static UNUSED void hub_open(hub_t *hub, apr_uint64_t ring_bytes)
{
    hub_open_wide(hub, ring_bytes, 256);
}

static UNUSED void hub_close(hub_t *hub)
{
    apr_pool_destroy(hub->pool);
    free(hub->mem);
}

/* Publish to channels, separated by commas. @return the head after it */
static UNUSED es_pos_t hub_publish(hub_t *hub, const char *channels,
                                   const char *data, apr_size_t len)
{
    es_slice_t names[ES_EVENT_CHANNELS_MAX];
    apr_uint64_t touched[1] = {0};
    es_event_t event = {0};
    es_entry_t entry = {0};
    es_frame_t frame;
    apr_pool_t *pool;
    const char *end;
    int n = 0;

    apr_pool_create(&pool, NULL);
    for (;; channels = end + 1) {
        end = strchr(channels, ',');
        names[n++] = end ? es_slice(channels, (apr_size_t)(end - channels))
                         : es_slice_of(channels);
        if (end == NULL) {
            break;
        }
    }
    event.channels = names;
    event.nchannels = n;
    event.data = es_slice(data, len);
    event.retry_ms = -1;
    es_frame_make(&frame, &event, pool);
    entry.channels = names;
    entry.nchannels = n;
    entry.frame = &frame;
    assert_int_equal(es_store_append(hub->store, &entry, 1, ++hub->now_ms,
                                     touched, &hub->appended),
                     APR_SUCCESS);
    apr_pool_destroy(pool);
    return hub->appended.head;
}

static UNUSED es_pos_t hub_say(hub_t *hub, const char *channels,
                               const char *text)
{
    return hub_publish(hub, channels, text, strlen(text));
}

static UNUSED void hub_shut(hub_t *hub, const char *channel)
{
    apr_uint64_t touched[1] = {0};
    es_closed_t closed;

    assert_int_equal(es_close_channel(hub->store, es_slice_of(channel),
                                      hub->now_ms, hub->now_ms, touched,
                                      &closed),
                     APR_SUCCESS);
}

/* Subscribe child 1 to channels, separated by commas. @return how many */
static UNUSED int hub_subscribe(hub_t *hub, const char *channels,
                                es_slot_t *slots, es_pos_t *pos)
{
    es_slice_t names[ES_EVENT_CHANNELS_MAX];
    es_start_t start;
    const char *end;
    int n = 0;

    for (;; channels = end + 1) {
        end = strchr(channels, ',');
        names[n++] = end ? es_slice(channels, (apr_size_t)(end - channels))
                         : es_slice_of(channels);
        if (end == NULL) {
            break;
        }
    }
    assert_int_equal(es_store_subscribe(hub->store, 1, names, n, slots, &start),
                     APR_SUCCESS);
    *pos = start.pos;
    return n;
}

/* Fill the journal anew, with one event of the channel as history. The ids are
 * lower than before. */
static UNUSED void hub_fill(hub_t *hub, const char *channel)
{
    es_slice_t name = es_slice_of(channel);
    es_frame_t frame = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    es_id_t first = es_id_epoch(77, 10);
    es_stream_entry_t entry = {{&name, 1, &frame}, es_id_next(&first, 0), 0, 0};
    es_span_t span = {first, entry.id};
    es_history_t history = {&entry, 1, &span, 1, 0};
    apr_uint64_t touched[1] = {0};
    es_id_t after;

    frame.tail = es_slice_of("data: HISTORY\n\n");
    assert_int_equal(es_store_last(hub->store, &after), APR_SUCCESS);
    assert_int_equal(es_store_fill(hub->store, &after, &history, touched),
                     APR_SUCCESS);
}

/* The delivery's view of this hub. */
static UNUSED void hub_begin(const hub_t *hub, es_hub_t *own)
{
    assert_int_equal(es_hub_init(own, hub->store, 0), APR_SUCCESS);
}

/* ---- a sink ------------------------------------------------------------ */

typedef struct fake_sink_t {
    es_sink_t sink;
    char *got; /* all bytes that were taken */
    apr_size_t len;
    apr_size_t room;
    apr_size_t budget; /* bytes it takes before it returns EAGAIN */
    int writes;        /* calls that took something */
    int finished;
    int closed;
    int broken; /* 1 = the peer is gone */
    /* of a sink that keeps a rest: fake_init_keeping */
    char rest[16]; /* bytes that were taken and not sent */
    apr_size_t rest_len;
    int says_end; /* the next flush returns APR_EOF */
    int ended;    /* FAKE_END was taken */
} fake_sink_t;

static UNUSED apr_status_t fake_write(es_sink_t *sink, const struct iovec *iov,
                                      int count, apr_size_t *taken)
{
    fake_sink_t *fake = (fake_sink_t *)sink;
    apr_size_t n;
    int i;

    *taken = 0;
    if (fake->broken) {
        return APR_EGENERAL;
    }
    for (i = 0; i < count; i++) {
        n = iov[i].iov_len < fake->budget ? iov[i].iov_len : fake->budget;
        if (fake->len + n + 1 > fake->room) {
            fake->room = (fake->len + n + 1) * 2;
            fake->got = realloc(fake->got, fake->room);
        }
        if (n > 0) {
            memcpy(fake->got + fake->len, iov[i].iov_base, n);
        }
        fake->len += n;
        fake->got[fake->len] = '\0';
        fake->budget -= n;
        *taken += n;
        if (n < iov[i].iov_len) {
            fake->writes += *taken > 0;
            return APR_EAGAIN;
        }
    }
    fake->writes++;
    return APR_SUCCESS;
}

static UNUSED apr_status_t fake_finish(es_sink_t *sink)
{
    ((fake_sink_t *)sink)->finished++;
    return APR_SUCCESS;
}

static UNUSED void fake_close(es_sink_t *sink)
{
    ((fake_sink_t *)sink)->closed++;
}

static const es_sink_ops_t fake_ops UNUSED = {fake_write, NULL, fake_finish,
                                              NULL, fake_close};

static UNUSED void fake_init(fake_sink_t *fake, int chunked)
{
    memset(fake, 0, sizeof(*fake));
    fake->sink.ops = &fake_ops;
    fake->sink.chunked = chunked;
    fake->budget = (apr_size_t)-1;
    fake->got = calloc(1, 1);
}

/* ---- a sink that keeps a rest ------------------------------------------- */

/* It takes pieces of up to this many bytes. One of which a byte is sent is
 * taken as a whole. */
#define FAKE_PIECE 7
#define FAKE_END "END!" /* what finish sends */

static UNUSED apr_status_t fake_send_rest(fake_sink_t *fake, apr_size_t *sent)
{
    struct iovec iov = {fake->rest, fake->rest_len};
    apr_status_t rv = APR_SUCCESS;

    *sent = 0;
    if (fake->rest_len > 0) {
        rv = fake_write(&fake->sink, &iov, 1, sent);
        fake->rest_len -= *sent;
        memmove(fake->rest, fake->rest + *sent, fake->rest_len);
    }
    return rv;
}

static UNUSED apr_status_t fake_flush(es_sink_t *sink, apr_size_t *sent)
{
    fake_sink_t *fake = (fake_sink_t *)sink;
    apr_status_t rv = fake_send_rest(fake, sent);

    if (rv == APR_SUCCESS && fake->says_end) {
        fake->says_end = 0;
        rv = APR_EOF;
    }
    return rv;
}

/* Send a piece; keep its rest if a byte of it was sent. */
static UNUSED apr_status_t fake_send_piece(fake_sink_t *fake, const char *piece,
                                           apr_size_t len, apr_size_t *taken)
{
    struct iovec iov = {(char *)piece, len};
    apr_size_t sent;
    apr_status_t rv = fake_write(&fake->sink, &iov, 1, &sent);

    if (rv == APR_SUCCESS || (APR_STATUS_IS_EAGAIN(rv) && sent > 0)) {
        fake->rest_len = len - sent;
        memcpy(fake->rest, piece + sent, len - sent);
        *taken += len;
    }
    return rv;
}

static UNUSED apr_status_t fake_write_keeping(es_sink_t *sink,
                                              const struct iovec *iov,
                                              int count, apr_size_t *taken)
{
    fake_sink_t *fake = (fake_sink_t *)sink;
    apr_size_t at, len, sent;
    apr_status_t rv;
    int i;

    *taken = 0;
    rv = fake_send_rest(fake, &sent);
    for (i = 0; i < count; i++) {
        for (at = 0; rv == APR_SUCCESS && at < iov[i].iov_len; at += len) {
            len = iov[i].iov_len - at;
            len = len < FAKE_PIECE ? len : FAKE_PIECE;
            rv =
                fake_send_piece(fake, (char *)iov[i].iov_base + at, len, taken);
        }
    }
    return rv == APR_SUCCESS && fake->says_end ? APR_EAGAIN : rv;
}

static UNUSED apr_status_t fake_finish_keeping(es_sink_t *sink)
{
    fake_sink_t *fake = (fake_sink_t *)sink;
    apr_size_t taken = 0;
    apr_status_t rv = fake_send_rest(fake, &taken);

    if (rv == APR_SUCCESS && !fake->ended) {
        taken = 0;
        rv = fake_send_piece(fake, FAKE_END, strlen(FAKE_END), &taken);
        fake->ended = taken > 0;
    }
    fake->finished += rv == APR_SUCCESS;
    return rv;
}

static const es_sink_ops_t fake_keeping_ops UNUSED = {
    fake_write_keeping, fake_flush, fake_finish_keeping, NULL, fake_close};

static UNUSED void fake_init_keeping(fake_sink_t *fake, int chunked)
{
    fake_init(fake, chunked);
    fake->sink.ops = &fake_keeping_ops;
}

static UNUSED void fake_clear(fake_sink_t *fake)
{
    free(fake->got);
}

/* ---- bytes ------------------------------------------------------------- */

/*
 * Remove the chunk framing, in place.
 *
 * @return 1: the last chunk is there; 0: the body is cut between chunks; -1:
 *         it is cut within one; -2: it is malformed
 */
static UNUSED int unchunk(char *body, apr_size_t *len)
{
    const char *from = body;
    const char *end = body + *len;
    char *to = body;
    char *digits_end;
    unsigned long size;
    int result = 0;

    while (from < end) {
        size = strtoul(from, &digits_end, 16);
        if (digits_end + 2 > end) {
            result = -1;
            break;
        }
        if (digits_end[0] != '\r' || digits_end[1] != '\n') {
            return -2;
        }
        from = digits_end + 2;
        if (size + 2 > (unsigned long)(end - from)) {
            result = -1;
            break;
        }
        if (from[size] != '\r' || from[size + 1] != '\n') {
            return -2;
        }
        memmove(to, from, size);
        to += size;
        from += size + 2;
        if (size == 0) {
            result = from == end ? 1 : -2;
            break;
        }
    }
    *len = (apr_size_t)(to - body);
    *to = '\0';
    return result;
}

#endif
