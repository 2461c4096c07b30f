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

#include "bench/checksum.h"
#include "bench/stream_faults.h"

#define MAX_OUT (64u * 1024 * 1024)
#define FRAME_SIZE (EB_CHECKSUM_MAX * 2 + 1024)
#define RETRY_MS 100

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";

static eb_stream_out_t *all;

static void hang_up(eb_stream_out_t *talk, int by_reset)
{
    struct linger linger = {1, 0};

    if (by_reset) {
        setsockopt(talk->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    /* with a linger of 0 the owner's close() sends the reset */
    shutdown(talk->fd, by_reset ? SHUT_RD : SHUT_RDWR);
    talk->is_over = 1;
    eb_held_bytes_clear(&talk->out);
}

void eb_stream_out_flush(eb_stream_out_t *talk)
{
    ssize_t sent;

    if (talk->out.len > 0) {
        sent = send(talk->fd, talk->out.bytes, talk->out.len,
                    MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            eb_held_bytes_drop(&talk->out, (size_t)sent);
        }
        else if (errno != EAGAIN) {
            hang_up(talk, 0);
        }
    }
    if (talk->is_over && talk->out.len == 0) {
        shutdown(talk->fd, SHUT_WR);
    }
}

void eb_stream_out_write(eb_stream_out_t *talk, const char *bytes, size_t len)
{
    if (eb_held_bytes_add(&talk->out, bytes, len, MAX_OUT) != 0) {
        hang_up(talk, 0);
        return;
    }
    eb_stream_out_flush(talk);
}

static void write_chunk(eb_stream_out_t *talk, const char *bytes, size_t len)
{
    char size[32];

    eb_stream_out_write(talk, size,
                        (size_t)snprintf(size, sizeof(size), "%zx\r\n", len));
    eb_stream_out_write(talk, bytes, len);
    eb_stream_out_write(talk, "\r\n", 2);
}

/* Data with its line feeds as an event; returns its length. */
static size_t make_frame(char *frame, const eb_id_t *id, const char *data,
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

static void write_event(eb_stream_out_t *talk, const eb_id_t *id,
                        const char *data, size_t len)
{
    static char frame[FRAME_SIZE];

    write_chunk(talk, frame, make_frame(frame, id, data, len));
}

static void write_reset(eb_stream_out_t *talk, const eb_id_t *id,
                        const char *channel)
{
    char text[EB_ID_INDEX_NAME + 128];
    int len;

    len = snprintf(text, sizeof(text),
                   "event: stream-reset\nid: %llu-%llu\n"
                   "data: {\"channels\":[\"%s\"]}\n\n",
                   (unsigned long long)id->ms, (unsigned long long)id->n,
                   channel);
    write_chunk(talk, text, (size_t)len);
}

static void write_torn(eb_stream_out_t *talk, const eb_indexed_t *deed)
{
    char data[EB_CHECKSUM_MAX];

    memcpy(data, deed->data, deed->len);
    data[deed->len - 1] ^= 1;
    write_event(talk, &deed->id, data, deed->len);
}

/* A whole and proper event, of another number or channel. */
static void write_other(eb_stream_out_t *talk, const eb_indexed_t *deed,
                        int is_forged)
{
    char data[EB_CHECKSUM_MAX];
    eb_checksum_t proof;
    eb_id_t id = deed->id;

    if (eb_checksum_read(&proof, deed->data, deed->len) != 0) {
        return;
    }
    proof.number += is_forged ? 1000000 : 0;
    proof.channel += is_forged ? 0 : 1;
    eb_checksum_write(data, &proof);
    write_event(talk, &id, data, deed->len);
}

static void write_cut(eb_stream_out_t *talk, const eb_indexed_t *deed,
                      int by_reset)
{
    static char frame[FRAME_SIZE];
    char size[32];
    size_t len = make_frame(frame, &deed->id, deed->data, deed->len);

    eb_stream_out_write(talk, size,
                        (size_t)snprintf(size, sizeof(size), "%zx\r\n", len));
    eb_stream_out_write(talk, frame, len / 2);
    hang_up(talk, by_reset);
}

/* A position behind the event before this one, and before this one. */
static eb_id_t just_before(const eb_id_t *id)
{
    eb_id_t before = *id;

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
static int tells_instead(eb_stream_out_t *talk, const eb_indexed_t *deed)
{
    eb_id_t id = deed->id;

    if (eb_stream_faults_is_due(EB_STREAM_FAULT_DROP)) {
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_TEAR)) {
        write_torn(talk, deed);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_SHORT)) {
        write_event(talk, &id, deed->data, deed->len - 1);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_MISID)) {
        id.n += 1000;
        write_event(talk, &id, deed->data, deed->len);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_CUT)) {
        write_cut(talk, deed, 0);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_RESET)) {
        write_cut(talk, deed, 1);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_END)) {
        eb_stream_out_write(talk, "0\r\n\r\n", 5);
        talk->is_over = 1;
        eb_stream_out_flush(talk);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_SKIP)) {
        write_reset(talk, &id, deed->channel);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_EARLY)) {
        id = just_before(&id);
        write_reset(talk, &id, deed->channel);
        return 1;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_BLAME)) {
        write_reset(talk, &id, "room-of-nobody");
        return 1;
    }
    return 0;
}

static void tell(eb_stream_out_t *talk, const eb_indexed_t *deed)
{
    static char frame[FRAME_SIZE];
    eb_id_t before;

    if (tells_instead(talk, deed)) {
        return;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_SWAP) && talk->late.len == 0) {
        eb_held_bytes_add(&talk->late, frame,
                          make_frame(frame, &deed->id, deed->data, deed->len),
                          MAX_OUT);
        return;
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_MOAN)) {
        before = just_before(&deed->id);
        write_reset(talk, &before, deed->channel);
    }
    write_event(talk, &deed->id, deed->data, deed->len);
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_DOUBLE)) {
        write_event(talk, &deed->id, deed->data, deed->len);
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_FORGE)) {
        write_other(talk, deed, 1);
    }
    if (eb_stream_faults_is_due(EB_STREAM_FAULT_STRAY)) {
        write_other(talk, deed, 0);
    }
    if (talk->late.len != 0) {
        write_chunk(talk, talk->late.bytes, talk->late.len);
        eb_held_bytes_clear(&talk->late);
    }
}

static int listens_to(const eb_stream_out_t *talk, const char *channel)
{
    int i;

    for (i = 0; i < talk->nchannels; i++) {
        if (strcmp(talk->channels[i], channel) == 0) {
            return 1;
        }
    }
    return 0;
}

static void bring_forward(eb_stream_out_t *talk)
{
    const eb_indexed_t *deed;

    while (!talk->is_over) {
        deed = eb_id_index_after(&talk->at);
        if (deed == NULL) {
            return;
        }
        talk->at = deed->id;
        if (!deed->is_hidden && listens_to(talk, deed->channel)) {
            tell(talk, deed);
        }
    }
}

void eb_stream_out_spread(void)
{
    eb_stream_out_t *talk;

    for (talk = all; talk != NULL; talk = talk->next) {
        bring_forward(talk);
    }
}

void eb_stream_out_begin(eb_stream_out_t *talk, const eb_id_t *id)
{
    const eb_indexed_t *last;
    char text[160];
    int len;

    talk->at = id != NULL ? *id : eb_id_index_present();
    talk->next = all;
    talk->prev = &all;
    if (all != NULL) {
        all->prev = &talk->next;
    }
    all = talk;
    eb_stream_out_write(talk, HEAD, sizeof(HEAD) - 1);
    len = snprintf(text, sizeof(text),
                   "retry: %d\n\nevent: stream-open\nid: %llu-%llu\ndata: "
                   "\n\n",
                   RETRY_MS, (unsigned long long)talk->at.ms,
                   (unsigned long long)talk->at.n);
    write_chunk(talk, text, (size_t)len);
    if (id != NULL && eb_stream_faults_is_due(EB_STREAM_FAULT_GAP)) {
        talk->at = eb_id_index_present();
    }
    if (id != NULL && eb_stream_faults_is_due(EB_STREAM_FAULT_AGAIN)) {
        last = eb_id_index_at(id);
        if (last != NULL && listens_to(talk, last->channel)) {
            write_event(talk, &last->id, last->data, last->len);
        }
    }
    bring_forward(talk);
}

void eb_stream_out_end(eb_stream_out_t *talk)
{
    if (talk->prev != NULL) {
        *talk->prev = talk->next;
        if (talk->next != NULL) {
            talk->next->prev = talk->prev;
        }
    }
    talk->prev = NULL;
    eb_held_bytes_clear(&talk->in);
    eb_held_bytes_clear(&talk->out);
    eb_held_bytes_clear(&talk->late);
}
