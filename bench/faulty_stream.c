/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each stream has a position in the past and is brought forward from there,
 * live or resumed alike; lies are told on the way.
 */
#include "bench/faulty_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/payload.h"
#include "bench/stream_faults.h"

#define MAX_OUT (64u * 1024 * 1024)
#define FRAME_SIZE (EB_PAYLOAD_CHECKED_MAX * 2 + 1024)
#define RETRY_MS 100

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";

static eb_faulty_stream_t *all;

static void hang_up(eb_faulty_stream_t *stream, int by_reset)
{
    struct linger linger = {1, 0};

    if (by_reset) {
        setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    /* with a linger of 0 the owner's close() sends the reset */
    shutdown(stream->fd, by_reset ? SHUT_RD : SHUT_RDWR);
    stream->is_over = 1;
    eb_buf_clear(&stream->out);
}

void eb_faulty_stream_flush(eb_faulty_stream_t *stream)
{
    ssize_t sent;

    if (stream->out.len > 0) {
        sent = send(stream->fd, stream->out.bytes, stream->out.len,
                    MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            eb_buf_drop(&stream->out, (size_t)sent);
        }
        else if (errno != EAGAIN) {
            hang_up(stream, 0);
        }
    }
    if (stream->is_over && stream->out.len == 0) {
        shutdown(stream->fd, SHUT_WR);
    }
}

void eb_faulty_stream_write(eb_faulty_stream_t *stream, const char *bytes,
                            size_t len)
{
    if (eb_buf_add(&stream->out, bytes, len, MAX_OUT) != 0) {
        hang_up(stream, 0);
        return;
    }
    eb_faulty_stream_flush(stream);
}

static void write_chunk(eb_faulty_stream_t *stream, const char *bytes,
                        size_t len)
{
    char size[32];

    eb_faulty_stream_write(
        stream, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", len));
    eb_faulty_stream_write(stream, bytes, len);
    eb_faulty_stream_write(stream, "\r\n", 2);
}

/* Data with its line feeds as an event; returns its length. */
static size_t make_frame(char *frame, const eb_sse_id_t *id, const char *data,
                         size_t len)
{
    size_t at;
    size_t i;

    at = (size_t)snprintf(frame, FRAME_SIZE,
                          "id: %llu-%llu\ndata: ", (unsigned long long)id->ms,
                          (unsigned long long)id->n);
    for (i = 0; i < len; i++) {
        frame[at++] = data[i];
        if (data[i] == '\n') {
            memcpy(frame + at, "data: ", 6);
            at += 6;
        }
    }
    memcpy(frame + at, "\n\n", 2);
    return at + 2;
}

static void write_event(eb_faulty_stream_t *stream, const eb_sse_id_t *id,
                        const char *data, size_t len)
{
    static char frame[FRAME_SIZE];

    write_chunk(stream, frame, make_frame(frame, id, data, len));
}

static void write_reset(eb_faulty_stream_t *stream, const eb_sse_id_t *id,
                        const char *channel)
{
    char text[EB_STORE_NAME_SIZE + 128];
    int len;

    len = snprintf(text, sizeof(text),
                   "event: stream-reset\nid: %llu-%llu\n"
                   "data: {\"channels\":[\"%s\"]}\n\n",
                   (unsigned long long)id->ms, (unsigned long long)id->n,
                   channel);
    write_chunk(stream, text, (size_t)len);
}

static void write_torn(eb_faulty_stream_t *stream,
                       const eb_store_event_t *event)
{
    char data[EB_PAYLOAD_CHECKED_MAX];

    memcpy(data, event->data, event->len);
    data[event->len - 1] ^= 1;
    write_event(stream, &event->id, data, event->len);
}

/* A whole and proper event, of another number or channel. */
static void write_other(eb_faulty_stream_t *stream,
                        const eb_store_event_t *event, int is_forged)
{
    char data[EB_PAYLOAD_CHECKED_MAX];
    eb_payload_checked_t payload;
    eb_sse_id_t id = event->id;

    if (eb_payload_checked_read(&payload, event->data, event->len) != 0) {
        return;
    }
    payload.number += is_forged ? 1000000 : 0;
    payload.channel += is_forged ? 0 : 1;
    eb_payload_checked_write(data, &payload);
    write_event(stream, &id, data, event->len);
}

static void write_cut(eb_faulty_stream_t *stream, const eb_store_event_t *event,
                      int by_reset)
{
    static char frame[FRAME_SIZE];
    char size[32];
    size_t len = make_frame(frame, &event->id, event->data, event->len);

    eb_faulty_stream_write(
        stream, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", len));
    eb_faulty_stream_write(stream, frame, len / 2);
    hang_up(stream, by_reset);
}

/* A position behind the event before this one, and before this one. */
static eb_sse_id_t just_before(const eb_sse_id_t *id)
{
    eb_sse_id_t before = *id;

    if (before.n > 0) {
        before.n--;
    }
    else {
        before.ms--;
        before.n = 1000000000;
    }
    return before;
}

/* Returns 1: a lie was told in the event's place. */
static int inject_instead(eb_faulty_stream_t *stream,
                          const eb_store_event_t *event)
{
    eb_sse_id_t id = event->id;

    if (eb_stream_faults_is_due(EB_STREAM_FAULT_DROP)) {
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_TEAR)) {
        write_torn(stream, event);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_SHORT)) {
        write_event(stream, &id, event->data, event->len - 1);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_MISID)) {
        id.n += 1000;
        write_event(stream, &id, event->data, event->len);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_CUT)) {
        write_cut(stream, event, 0);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_RESET)) {
        write_cut(stream, event, 1);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_END)) {
        eb_faulty_stream_write(stream, "0\r\n\r\n", 5);
        stream->is_over = 1;
        eb_faulty_stream_flush(stream);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_SKIP)) {
        write_reset(stream, &id, event->channel);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_EARLY)) {
        id = just_before(&id);
        write_reset(stream, &id, event->channel);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_BLAME)) {
        write_reset(stream, &id, "room-of-nobody");
        return 1;
    }
    return 0;
}

static void tell(eb_faulty_stream_t *stream, const eb_store_event_t *event)
{
    static char frame[FRAME_SIZE];
    eb_sse_id_t before;

    if (inject_instead(stream, event)) {
        return;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_SWAP) &&
        stream->late.len == 0) {
        eb_buf_add(&stream->late, frame,
                   make_frame(frame, &event->id, event->data, event->len),
                   MAX_OUT);
        return;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_MOAN)) {
        before = just_before(&event->id);
        write_reset(stream, &before, event->channel);
    }
    write_event(stream, &event->id, event->data, event->len);
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_DOUBLE)) {
        write_event(stream, &event->id, event->data, event->len);
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_FORGE)) {
        write_other(stream, event, 1);
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_STRAY)) {
        write_other(stream, event, 0);
    }
    if (stream->late.len != 0) {
        write_chunk(stream, stream->late.bytes, stream->late.len);
        eb_buf_clear(&stream->late);
    }
}

static int has_channel(const eb_faulty_stream_t *stream, const char *channel)
{
    int i;

    for (i = 0; i < stream->nchannels; i++) {
        if (strcmp(stream->channels[i], channel) == 0) {
            return 1;
        }
    }
    return 0;
}

static void catch_up(eb_faulty_stream_t *stream)
{
    const eb_store_event_t *event;

    while (!stream->is_over) {
        event = eb_store_after(&stream->at);
        if (event == NULL) {
            return;
        }
        stream->at = event->id;
        if (!event->is_hidden && has_channel(stream, event->channel)) {
            tell(stream, event);
        }
    }
}

void eb_faulty_stream_send_new(void)
{
    eb_faulty_stream_t *stream;

    for (stream = all; stream != NULL; stream = stream->next) {
        catch_up(stream);
    }
}

void eb_faulty_stream_begin(eb_faulty_stream_t *stream, const eb_sse_id_t *id)
{
    const eb_store_event_t *last;
    char text[160];
    int len;

    stream->at = id != NULL ? *id : eb_store_last_id();
    stream->next = all;
    stream->prev = &all;
    if (all != NULL) {
        all->prev = &stream->next;
    }
    all = stream;
    eb_faulty_stream_write(stream, HEAD, sizeof(HEAD) - 1);
    len = snprintf(text, sizeof(text),
                   "retry: %d\n\nevent: stream-open\nid: %llu-%llu\ndata: "
                   "\n\n",
                   RETRY_MS, (unsigned long long)stream->at.ms,
                   (unsigned long long)stream->at.n);
    write_chunk(stream, text, (size_t)len);
    if (id != NULL && eb_stream_faults_is_due(EB_STREAM_FAULT_GAP)) {
        stream->at = eb_store_last_id();
    }
    if (id != NULL && eb_stream_faults_is_due(EB_STREAM_FAULT_AGAIN)) {
        last = eb_store_at(id);
        if (last != NULL && has_channel(stream, last->channel)) {
            write_event(stream, &last->id, last->data, last->len);
        }
    }
    catch_up(stream);
}

void eb_faulty_stream_end(eb_faulty_stream_t *stream)
{
    if (stream->prev != NULL) {
        *stream->prev = stream->next;
        if (stream->next != NULL) {
            stream->next->prev = stream->prev;
        }
    }
    stream->prev = NULL;
    eb_buf_clear(&stream->in);
    eb_buf_clear(&stream->out);
    eb_buf_clear(&stream->late);
}
