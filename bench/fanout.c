/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel's subscribers are one dense array of descriptor and flag, so that
 * the loop touches no other memory of a client whose socket takes its frame:
 * the baseline must be as cheap as can be.
 */
#include "bench/fanout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/clock.h"
#include "bench/payload.h"

#define MAX_CHANNELS 4096
#define MAX_OUT (64u * 1024 * 1024)
#define FRAME_SIZE (EB_PAYLOAD_TIMED_MAX + 256)

typedef enum {
    FAULT_NONE,
    FAULT_DROP,
    FAULT_DOUBLE,
    FAULT_SWAP,
    FAULT_SPOIL,
    FAULT_CUT
} fault_t;

typedef struct {
    int fd;
    int is_slow; /* conn keeps bytes: not by the fast path */
    eb_fanout_conn_t *conn;
} subscriber_t;

struct eb_fanout_channel {
    char name[EB_FANOUT_NAME_SIZE];
    subscriber_t *subscribers;
    uint32_t count;
    uint32_t size; /* allocated */
    int is_sealed; /* all of them use TLS */
};

static eb_fanout_channel_t *channels[MAX_CHANNELS];
static uint32_t nchannels;
static char frame[FRAME_SIZE];
static char records[FRAME_SIZE + (FRAME_SIZE / EB_SEALER_PLAIN_MAX + 1) *
                                     EB_SEALER_OVERHEAD];
static fault_t fault_kind;
static uint64_t fault_every;
static uint64_t fault_count; /* deliveries so far */

int eb_fanout_set_fault(const char *text)
{
    static const struct {
        const char *name;
        fault_t fault;
    } FAULTS[] = {
        {"drop:", FAULT_DROP}, {"double:", FAULT_DOUBLE},
        {"swap:", FAULT_SWAP}, {"spoil:", FAULT_SPOIL},
        {"cut:", FAULT_CUT},
    };
    size_t len;
    size_t i;

    for (i = 0; i < sizeof(FAULTS) / sizeof(FAULTS[0]); i++) {
        len = strlen(FAULTS[i].name);
        if (strncmp(text, FAULTS[i].name, len) == 0) {
            fault_kind = FAULTS[i].fault;
            fault_every = strtoull(text + len, NULL, 10);
            return fault_every > 0 ? 0 : -1;
        }
    }
    return -1;
}

/* Counted, not random, so that each run of a test has the same faults. */
static fault_t next_fault(void)
{
    if (fault_kind == FAULT_NONE) {
        return FAULT_NONE;
    }
    fault_count++;
    return fault_count % fault_every == 0 ? fault_kind : FAULT_NONE;
}

static eb_fanout_channel_t *find(const char *name)
{
    uint32_t i;

    for (i = 0; i < nchannels; i++) {
        if (strcmp(channels[i]->name, name) == 0) {
            return channels[i];
        }
    }
    return NULL;
}

static eb_fanout_channel_t *find_or_create(const char *name)
{
    eb_fanout_channel_t *channel = find(name);

    if (channel != NULL || nchannels == MAX_CHANNELS) {
        return channel;
    }
    channel = calloc(1, sizeof(*channel));
    if (channel != NULL) {
        snprintf(channel->name, sizeof(channel->name), "%s", name);
        channels[nchannels++] = channel;
    }
    return channel;
}

int eb_fanout_join(eb_fanout_conn_t *conn, const char *name)
{
    eb_fanout_channel_t *channel = find_or_create(name);
    subscriber_t *grown;
    uint32_t size;

    if (channel == NULL) {
        return -1;
    }
    if (channel->count == channel->size) {
        size = channel->size != 0 ? channel->size * 2 : 16;
        grown = realloc(channel->subscribers, size * sizeof(*grown));
        if (grown == NULL) {
            return -1;
        }
        channel->subscribers = grown;
        channel->size = size;
    }
    if (channel->count == 0) {
        channel->is_sealed = conn->sealer != NULL;
    }
    if (channel->is_sealed != (conn->sealer != NULL)) {
        return -1;
    }
    conn->channel = channel;
    conn->index = channel->count;
    channel->subscribers[channel->count].fd = conn->fd;
    channel->subscribers[channel->count].is_slow = 0;
    channel->subscribers[channel->count].conn = conn;
    channel->count++;
    return 0;
}

void eb_fanout_leave(eb_fanout_conn_t *conn)
{
    eb_fanout_channel_t *channel = conn->channel;
    subscriber_t *last;

    if (channel == NULL) {
        return;
    }
    last = &channel->subscribers[--channel->count];
    channel->subscribers[conn->index] = *last;
    last->conn->index = conn->index;
    conn->channel = NULL;
}

/* Returns how many bytes the socket took. A socket that fails is shut down. */
static size_t send_some(int fd, const char *bytes, size_t len)
{
    ssize_t sent;

    sent = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        shutdown(fd, SHUT_RDWR);
    }
    return sent > 0 ? (size_t)sent : 0;
}

static void keep(eb_fanout_conn_t *conn, eb_buf_t *where, const char *bytes,
                 size_t len)
{
    if (eb_buf_add(where, bytes, len, MAX_OUT) != 0) {
        shutdown(conn->fd, SHUT_RDWR);
    }
}

/* Seals bytes into records. Returns their length. */
static size_t seal(eb_sealer_t *sealer, const char *bytes, size_t len)
{
    char piece[EB_SEALER_PLAIN_MAX + 1];
    size_t sealed = 0;
    size_t size;

    while (len > 0) {
        size = len < EB_SEALER_PLAIN_MAX ? len : EB_SEALER_PLAIN_MAX;
        memcpy(piece, bytes, size);
        piece[size] = EB_SEALER_TYPE;
        sealed += eb_sealer_seal(sealer, piece, size, records + sealed);
        bytes += size;
        len -= size;
    }
    return sealed;
}

void eb_fanout_write(eb_fanout_conn_t *conn, const char *bytes, size_t len)
{
    size_t sent;

    if (conn->sealer != NULL) {
        len = seal(conn->sealer, bytes, len);
        bytes = records;
    }
    sent = conn->out.len == 0 ? send_some(conn->fd, bytes, len) : 0;

    if (sent < len) {
        keep(conn, &conn->out, bytes + sent, len - sent);
    }
}

static int has_kept(const eb_fanout_conn_t *conn)
{
    return conn->out.len != 0 || conn->late.len != 0;
}

void eb_fanout_flush(eb_fanout_conn_t *conn)
{
    if (conn->out.len > 0) {
        eb_buf_drop(&conn->out,
                    send_some(conn->fd, conn->out.bytes, conn->out.len));
    }
    if (conn->channel != NULL) {
        conn->channel->subscribers[conn->index].is_slow = has_kept(conn);
    }
}

/* Makes the frame as the module does: one chunk with id and data. */
static size_t make_frame(const char *data, size_t len)
{
    static uint64_t last_ms;
    static unsigned int number;
    char id[64];
    uint64_t ms = eb_clock_ns() / EB_NS_PER_MS;
    int id_len;
    int head_len;

    number = ms == last_ms ? number + 1 : 0;
    last_ms = ms;
    id_len = snprintf(id, sizeof(id),
                      "id: %013llu-%u\ndata: ", (unsigned long long)ms, number);
    head_len = snprintf(frame, sizeof(frame), "%zx\r\n%s",
                        (size_t)id_len + len + 2, id);
    memcpy(frame + head_len, data, len);
    memcpy(frame + head_len + len, "\n\n\r\n", 4);
    frame[head_len + len + 4] = EB_SEALER_TYPE;
    return (size_t)head_len + len + 4;
}

/* For a client that keeps bytes, or gets a fault. */
static void send_specially(subscriber_t *to, fault_t fault, size_t len)
{
    eb_fanout_conn_t *conn = to->conn;

    switch (fault) {
    case FAULT_DROP: break;
    case FAULT_CUT: shutdown(conn->fd, SHUT_RDWR); break;
    case FAULT_SWAP: keep(conn, &conn->late, frame, len); break;
    case FAULT_SPOIL:
        frame[len - 5] ^= 1;
        eb_fanout_write(conn, frame, len);
        frame[len - 5] ^= 1;
        break;
    case FAULT_DOUBLE:
        eb_fanout_write(conn, frame, len);
        eb_fanout_write(conn, frame, len);
        break;
    default:
        eb_fanout_write(conn, frame, len);
        if (conn->late.len != 0) {
            eb_fanout_write(conn, conn->late.bytes, conn->late.len);
            eb_buf_clear(&conn->late);
        }
        break;
    }
    to->is_slow = has_kept(conn);
}

/* The frame as one record, for a client that keeps nothing. */
static void send_sealed(subscriber_t *to, size_t len)
{
    size_t sealed = len <= EB_SEALER_PLAIN_MAX
                        ? eb_sealer_seal(to->conn->sealer, frame, len, records)
                        : seal(to->conn->sealer, frame, len);
    size_t sent = send_some(to->fd, records, sealed);

    if (sent < sealed) {
        keep(to->conn, &to->conn->out, records + sent, sealed - sent);
        to->is_slow = 1;
    }
}

uint32_t eb_fanout_send(const char *name, const char *data, size_t len)
{
    eb_fanout_channel_t *channel = find(name);
    size_t frame_len = make_frame(data, len);
    subscriber_t *to;
    fault_t fault;
    uint32_t i;
    size_t sent;

    for (i = 0; channel != NULL && i < channel->count; i++) {
        to = &channel->subscribers[i];
        fault = next_fault();
        if (fault != FAULT_NONE || to->is_slow) {
            send_specially(to, fault, frame_len);
            continue;
        }
        if (channel->is_sealed) {
            send_sealed(to, frame_len);
            continue;
        }
        sent = send_some(to->fd, frame, frame_len);
        if (sent < frame_len) {
            keep(to->conn, &to->conn->out, frame + sent, frame_len - sent);
            to->is_slow = 1;
        }
    }
    return channel != NULL ? channel->count : 0;
}
