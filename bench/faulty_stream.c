/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each stream has a position in the store and is brought forward from there,
 * whether it is live or resumed. Faults are injected on the way.
 */
#include "bench/faulty_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/faulty_h2.h"
#include "bench/payload.h"

#define MAX_OUT (64u * 1024 * 1024)
#define FRAME_SIZE (EB_PAYLOAD_CHECKED_MAX * 2 + 1024)
#define RETRY_MS 100

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n";

static eb_faulty_stream_t *all;

/* ---- faults -------------------------------------------------------------- */

static const char *const NAMES[EB_FAULTY_STREAM_FAULTS] = {
    [EB_FAULTY_STREAM_DROP] = "drop",
    [EB_FAULTY_STREAM_DOUBLE] = "double",
    [EB_FAULTY_STREAM_SWAP] = "swap",
    [EB_FAULTY_STREAM_TEAR] = "tear",
    [EB_FAULTY_STREAM_TRUNCATE] = "truncate",
    [EB_FAULTY_STREAM_FORGE] = "forge",
    [EB_FAULTY_STREAM_WRONG_CHANNEL] = "wrong-channel",
    [EB_FAULTY_STREAM_WRONG_ID] = "wrong-id",
    [EB_FAULTY_STREAM_CUT] = "cut",
    [EB_FAULTY_STREAM_RST] = "rst",
    [EB_FAULTY_STREAM_NO_NOTIFY] = "no-notify",
    [EB_FAULTY_STREAM_SPOIL] = "spoil",
    [EB_FAULTY_STREAM_RESET_STREAM] = "reset-stream",
    [EB_FAULTY_STREAM_GOAWAY] = "goaway",
    [EB_FAULTY_STREAM_END] = "end",
    [EB_FAULTY_STREAM_NEEDLESS_RESET] = "needless-reset",
    [EB_FAULTY_STREAM_SKIP] = "skip",
    [EB_FAULTY_STREAM_EARLY_RESET] = "early-reset",
    [EB_FAULTY_STREAM_WRONG_RESET] = "wrong-reset",
    [EB_FAULTY_STREAM_RESUME_GAP] = "resume-gap",
    [EB_FAULTY_STREAM_RESUME_DOUBLE] = "resume-double",
    [EB_FAULTY_STREAM_RESUME_REFUSE] = "resume-refuse",
    [EB_FAULTY_STREAM_ASK] = "ask",
    [EB_FAULTY_STREAM_ACK_DROP] = "ack-drop",
    [EB_FAULTY_STREAM_NACK_DROP] = "nack-drop",
    [EB_FAULTY_STREAM_NACK_SEND] = "nack-send",
    [EB_FAULTY_STREAM_FORGET] = "forget",
};

static struct {
    uint64_t every; /* 0: never */
    uint64_t occasions;
    uint64_t injected;
} faults[EB_FAULTY_STREAM_FAULTS];

int eb_faulty_stream_set_fault(const char *text)
{
    size_t len = strcspn(text, ":");
    int i;

    for (i = 0; i < EB_FAULTY_STREAM_FAULTS; i++) {
        if (text[len] == ':' && strlen(NAMES[i]) == len &&
            strncmp(text, NAMES[i], len) == 0) {
            faults[i].every = strtoull(text + len + 1, NULL, 10);
            return faults[i].every > 0 ? 0 : -1;
        }
    }
    return -1;
}

/* Counted, not random, so that each run of a test has the same faults. */
int eb_faulty_stream_has_fault(eb_faulty_stream_fault_t fault)
{
    if (faults[fault].every == 0 ||
        ++faults[fault].occasions % faults[fault].every != 0) {
        return 0;
    }
    faults[fault].injected++;
    return 1;
}

void eb_faulty_stream_print_faults(void)
{
    int i;

    for (i = 0; i < EB_FAULTY_STREAM_FAULTS; i++) {
        if (faults[i].every != 0) {
            printf("fault %s %llu\n", NAMES[i],
                   (unsigned long long)faults[i].injected);
        }
    }
    fflush(stdout);
}

/* ---- bytes --------------------------------------------------------------- */

static void hang_up(eb_faulty_stream_t *stream, int by_reset)
{
    struct linger linger = {1, 0};

    if (stream->h2 != NULL) {
        eb_faulty_h2_cut(stream->h2,
                         by_reset ? EB_FAULTY_H2_RESET : EB_FAULTY_H2_CLOSE);
        stream->is_over = 1;
        return;
    }
    if (by_reset) {
        setsockopt(stream->conn.fd, SOL_SOCKET, SO_LINGER, &linger,
                   sizeof(linger));
    }
    /* with a linger of 0 the caller's close() sends the reset */
    shutdown(stream->conn.fd, by_reset ? SHUT_RD : SHUT_RDWR);
    stream->is_over = 1;
    eb_buf_clear(&stream->out);
}

void eb_faulty_stream_flush(eb_faulty_stream_t *stream)
{
    ssize_t sent;

    while (stream->out.len > 0) {
        sent = eb_conn_write(&stream->conn, stream->out.bytes, stream->out.len);
        if (sent > 0) {
            eb_buf_drop(&stream->out, (size_t)sent);
        }
        else if (errno == EAGAIN) {
            return;
        }
        else {
            hang_up(stream, 0);
        }
    }
    if (stream->is_over) {
        eb_conn_finish(&stream->conn);
    }
}

static void write_bytes(eb_faulty_stream_t *stream, const char *bytes,
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

    if (stream->h2 != NULL) {
        eb_h2_write(stream->h2, bytes, len);
        return;
    }
    write_bytes(stream, size,
                (size_t)snprintf(size, sizeof(size), "%zx\r\n", len));
    write_bytes(stream, bytes, len);
    write_bytes(stream, "\r\n", 2);
}

void eb_faulty_stream_respond(eb_faulty_stream_t *stream, int status,
                              const char *body)
{
    char text[512];
    int len;

    if (stream->h2 != NULL) {
        snprintf(text, sizeof(text), "%d", status);
        eb_h2_respond(stream->h2, text, "application/json");
        eb_h2_write(stream->h2, body, strlen(body));
        eb_h2_finish(stream->h2);
        return;
    }
    len = snprintf(text, sizeof(text),
                   "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   status, status == 200 ? "OK" : "Error", strlen(body), body);
    write_bytes(stream, text, (size_t)len);
}

/* ---- events -------------------------------------------------------------- */

/* Makes an event; data may have line feeds. Returns the frame's length. */
static size_t make_frame(char *frame, const eb_sse_id_t *id, const char *data,
                         size_t len)
{
    const eb_store_event_t *event = eb_store_at(id);
    size_t at;
    size_t i;

    if (event != NULL && eb_sse_id_compare(&event->id, id) == 0 &&
        event->own_id[0] != '\0') {
        at = (size_t)snprintf(frame, FRAME_SIZE,
                              "id: %s\ndata: ", event->own_id);
    }
    else {
        at = (size_t)snprintf(frame, FRAME_SIZE, "id: %llu-%llu\ndata: ",
                              (unsigned long long)id->ms,
                              (unsigned long long)id->n);
    }
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

/* Writes a well-formed event with another number or channel. */
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

/* Writes the first half of an event. */
static void write_half(eb_faulty_stream_t *stream,
                       const eb_store_event_t *event)
{
    static char frame[FRAME_SIZE];
    char size[32];
    size_t len = make_frame(frame, &event->id, event->data, event->len);

    if (stream->h2 != NULL) {
        eb_h2_write(stream->h2, frame, len / 2);
        return;
    }
    write_bytes(stream, size,
                (size_t)snprintf(size, sizeof(size), "%zx\r\n", len));
    write_bytes(stream, frame, len / 2);
}

static void write_cut(eb_faulty_stream_t *stream, const eb_store_event_t *event,
                      int by_reset)
{
    write_half(stream, event);
    hang_up(stream, by_reset);
}

/* The plain bytes have left, so this is a whole record to the client. */
static void write_spoilt_record(eb_faulty_stream_t *stream)
{
    static const char RECORD[5 + 32] = {23, 3, 3, 0, 32};

    if (stream->h2 != NULL) {
        eb_faulty_h2_cut(stream->h2, EB_FAULTY_H2_SPOIL);
        stream->is_over = 1;
        return;
    }
    if (stream->out.len == 0) {
        send(stream->conn.fd, RECORD, sizeof(RECORD),
             MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    hang_up(stream, 0);
}

static void write_end(eb_faulty_stream_t *stream, int has_notify)
{
    if (stream->h2 != NULL) {
        eb_h2_finish(stream->h2);
        stream->is_over = 1;
        return;
    }
    write_bytes(stream, "0\r\n\r\n", 5);
    if (has_notify) {
        stream->is_over = 1;
        eb_faulty_stream_flush(stream);
    }
    else {
        hang_up(stream, 0);
    }
}

/* Faults that only HTTP/2 has. Returns 1: one replaced the event. */
static int end_by_http2(eb_faulty_stream_t *stream,
                        const eb_store_event_t *event)
{
    if (stream->h2 == NULL) {
        return 0;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_RESET_STREAM)) {
        write_half(stream, event);
        eb_h2_break(stream->h2);
        stream->is_over = 1;
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_GOAWAY)) {
        eb_h2_leave(stream->h2->h2);
        write_end(stream, 1);
        return 1;
    }
    return 0;
}

/* A position before this id, but not before the event that precedes it. */
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

/* Returns 1: a fault replaced the event. */
static int replace_event(eb_faulty_stream_t *stream,
                         const eb_store_event_t *event)
{
    eb_sse_id_t id = event->id;

    if (end_by_http2(stream, event)) {
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_DROP)) {
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_TEAR)) {
        write_torn(stream, event);
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_TRUNCATE)) {
        write_event(stream, &id, event->data, event->len - 1);
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_WRONG_ID)) {
        id.n += 1000;
        write_event(stream, &id, event->data, event->len);
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_CUT)) {
        write_cut(stream, event, 0);
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_RST)) {
        write_cut(stream, event, 1);
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_END)) {
        write_end(stream, 1);
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_NO_NOTIFY)) {
        write_end(stream, 0);
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_SPOIL)) {
        write_spoilt_record(stream);
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_SKIP)) {
        write_reset(stream, &id, event->channel);
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_EARLY_RESET)) {
        id = just_before(&id);
        write_reset(stream, &id, event->channel);
        return 1;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_WRONG_RESET)) {
        write_reset(stream, &id, "room-none");
        return 1;
    }
    return 0;
}

static void send_event(eb_faulty_stream_t *stream,
                       const eb_store_event_t *event)
{
    static char frame[FRAME_SIZE];
    eb_sse_id_t before;

    if (replace_event(stream, event)) {
        return;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_SWAP) &&
        stream->late.len == 0) {
        eb_buf_add(&stream->late, frame,
                   make_frame(frame, &event->id, event->data, event->len),
                   MAX_OUT);
        return;
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_NEEDLESS_RESET)) {
        before = just_before(&event->id);
        write_reset(stream, &before, event->channel);
    }
    write_event(stream, &event->id, event->data, event->len);
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_DOUBLE)) {
        write_event(stream, &event->id, event->data, event->len);
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_FORGE)) {
        write_other(stream, event, 1);
    }
    if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_WRONG_CHANNEL)) {
        write_other(stream, event, 0);
    }
    if (stream->late.len != 0) {
        write_chunk(stream, stream->late.bytes, stream->late.len);
        eb_buf_clear(&stream->late);
    }
}

/* ---- streams ------------------------------------------------------------- */

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
            send_event(stream, event);
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
    if (stream->h2 != NULL) {
        eb_h2_respond(stream->h2, "200", "text/event-stream");
    }
    else {
        write_bytes(stream, HEAD, sizeof(HEAD) - 1);
    }
    len = snprintf(text, sizeof(text),
                   "event: stream-open\nid: %llu-%llu\ndata: \n"
                   "retry: %d\n\n",
                   (unsigned long long)stream->at.ms,
                   (unsigned long long)stream->at.n, RETRY_MS);
    write_chunk(stream, text, (size_t)len);
    if (id != NULL && eb_faulty_stream_has_fault(EB_FAULTY_STREAM_RESUME_GAP)) {
        stream->at = eb_store_last_id();
    }
    if (id != NULL &&
        eb_faulty_stream_has_fault(EB_FAULTY_STREAM_RESUME_DOUBLE)) {
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
