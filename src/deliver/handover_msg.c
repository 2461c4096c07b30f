/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message, all numbers as the machine has them, since both ends are
 * children of one parent:
 *
 *     ┌──────┬──────┬───────────────────────┬──────┬──────
 *     │ head │ seat │ 3 abc 5 hello …       │ seat │ …
 *     └──────┴──────┴───────────────────────┴──────┴──────
 *                     names, each behind a byte with its length
 *
 * The descriptors travel beside it, one for each seat and in their order.
 * Should the receiver have no room for all, the kernel drops the last ones.
 */
#include "deliver/handover_msg.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/utf8.h"

#define VERSION 0x65736c02u /* "esl" and a number, raised with each change */
#define TIME_MAX (APR_INT64_C(1) << 56)
#define OFFSET_MAX (APR_UINT64_C(1) << 40)

typedef struct head_t {
    apr_uint32_t version;
    apr_uint32_t count; /* seats */
} head_t;

typedef struct seat_t {
    apr_uint64_t cursor;
    apr_uint64_t skip;
    apr_uint64_t control_offset;
    apr_uint64_t reset_ms;
    apr_uint64_t reset_n;
    apr_uint64_t birth_ms;
    apr_uint64_t birth_n;
    apr_uint64_t life;
    apr_uint64_t known_ms;
    apr_uint64_t known_n;
    apr_uint64_t address;
    apr_int64_t keepalive;
    apr_int64_t send_timeout;
    apr_int64_t lifetime;
    apr_int64_t retry_ms;
    apr_uint32_t nnames;
    unsigned char chunked;
    unsigned char as_comment;
    unsigned char control;
    unsigned char is_counted;
} seat_t;

typedef char assert_seat_size[sizeof(seat_t) == 128 ? 1 : -1];

struct es_lifeboat_t {
    apr_size_t len; /* of bytes */
    apr_size_t at;  /* the next seat to be taken */
    int count;      /* seats */
    int nfds;       /* descriptors; those received are owned */
    int taken;      /* of them */
    int fds[ES_LIFEBOAT_SEATS];
    es_slice_t names[ES_LIFEBOAT_NAMES];
    char bytes[ES_LIFEBOAT_BYTES];
};

typedef union control_t {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * ES_LIFEBOAT_SEATS)];
} control_t;

es_lifeboat_t *es_lifeboat_create(void)
{
    es_lifeboat_t *boat = malloc(sizeof(*boat));

    if (boat != NULL) {
        boat->nfds = 0;
        boat->taken = 0;
        es_lifeboat_begin(boat);
    }
    return boat;
}

static void close_rest(es_lifeboat_t *boat)
{
    while (boat->taken < boat->nfds) {
        close(boat->fds[boat->taken++]);
    }
}

void es_lifeboat_destroy(es_lifeboat_t *boat)
{
    if (boat != NULL) {
        close_rest(boat);
        free(boat);
    }
}

void es_lifeboat_begin(es_lifeboat_t *boat)
{
    close_rest(boat);
    boat->len = sizeof(head_t);
    boat->at = sizeof(head_t);
    boat->count = 0;
    boat->nfds = 0;
    boat->taken = 0;
}

int es_lifeboat_count(const es_lifeboat_t *boat)
{
    return boat->count;
}

/* ---- sending ----------------------------------------------------------- */

/* Bytes of a passenger, or 0 if it cannot be told in any message. */
static apr_size_t size_of(const es_passenger_t *passenger)
{
    apr_size_t size = sizeof(seat_t);
    int i;

    if (passenger->nnames < 1 || passenger->nnames > ES_LIFEBOAT_NAMES) {
        return 0;
    }
    for (i = 0; i < passenger->nnames; i++) {
        if (passenger->names[i].len > ES_CHANNEL_NAME_MAX) {
            return 0;
        }
        size += 1 + passenger->names[i].len;
    }
    return size <= ES_LIFEBOAT_BYTES - sizeof(head_t) ? size : 0;
}

static void fill_seat(seat_t *seat, const es_passenger_t *passenger)
{
    const es_client_state_t *state = &passenger->state;

    memset(seat, 0, sizeof(*seat));
    seat->cursor = state->cursor;
    seat->skip = state->skip;
    seat->control_offset = state->control_offset;
    seat->reset_ms = state->reset_id.ms;
    seat->reset_n = state->reset_id.n;
    seat->control = state->control;
    seat->birth_ms = passenger->birth.ms;
    seat->birth_n = passenger->birth.n;
    seat->life = passenger->life;
    seat->known_ms = passenger->known.ms;
    seat->known_n = passenger->known.n;
    seat->address = passenger->address;
    seat->is_counted = passenger->is_counted != 0;
    seat->keepalive = passenger->keepalive;
    seat->as_comment = passenger->keepalive_as_comment != 0;
    seat->send_timeout = passenger->send_timeout;
    seat->lifetime = passenger->lifetime;
    seat->retry_ms = passenger->retry_ms;
    seat->chunked = passenger->chunked != 0;
    seat->nnames = (apr_uint32_t)passenger->nnames;
}

apr_status_t es_lifeboat_add(es_lifeboat_t *boat,
                             const es_passenger_t *passenger)
{
    apr_size_t size = size_of(passenger);
    seat_t seat;
    char *to;
    int i;

    if (size == 0) {
        return APR_EINVAL;
    }
    if (boat->count == ES_LIFEBOAT_SEATS ||
        size > ES_LIFEBOAT_BYTES - boat->len) {
        return APR_ENOSPC;
    }
    fill_seat(&seat, passenger);
    to = boat->bytes + boat->len;
    memcpy(to, &seat, sizeof(seat));
    to += sizeof(seat);
    for (i = 0; i < passenger->nnames; i++) {
        es_slice_t name = passenger->names[i];

        *to++ = (char)(unsigned char)name.len;
        memcpy(to, name.data, name.len);
        to += name.len;
    }
    boat->len += size;
    boat->fds[boat->count++] = passenger->fd;
    return APR_SUCCESS;
}

apr_status_t es_lifeboat_send(es_lifeboat_t *boat, int fd)
{
    apr_size_t bytes = sizeof(int) * (apr_size_t)boat->count;
    struct msghdr msg = {0};
    struct cmsghdr *header;
    control_t control;
    struct iovec iov;
    head_t head;
    ssize_t n;

    if (boat->count == 0) {
        return APR_SUCCESS;
    }
    head.version = VERSION;
    head.count = (apr_uint32_t)boat->count;
    memcpy(boat->bytes, &head, sizeof(head));
    iov.iov_base = boat->bytes;
    iov.iov_len = boat->len;
    memset(&control, 0, sizeof(control));
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.bytes;
    msg.msg_controllen = CMSG_SPACE(bytes);
    header = CMSG_FIRSTHDR(&msg);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(header), boat->fds, bytes);
    do {
        n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        /* each is a boat that holds no more just now: its buffer, or the
         * descriptors that a user may have in flight */
        return errno == EWOULDBLOCK || errno == ENOBUFS || errno == ETOOMANYREFS
                   ? APR_EAGAIN
                   : APR_FROM_OS_ERROR(errno);
    }
    return APR_SUCCESS;
}

/* ---- receiving --------------------------------------------------------- */

/* All descriptors become ours, whatever the rest of the message is like. */
static void take_descriptors(es_lifeboat_t *boat, struct msghdr *msg)
{
    struct cmsghdr *header;
    apr_size_t count, i;
    int fd;

    for (header = CMSG_FIRSTHDR(msg); header != NULL;
         header = CMSG_NXTHDR(msg, header)) {
        if (header->cmsg_level != SOL_SOCKET ||
            header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (i = 0; i < count; i++) {
            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
            if (boat->nfds < ES_LIFEBOAT_SEATS) {
                boat->fds[boat->nfds++] = fd;
            }
            else {
                close(fd);
            }
        }
    }
}

apr_status_t es_lifeboat_receive(es_lifeboat_t *boat, int fd)
{
    struct msghdr msg = {0};
    control_t control;
    struct iovec iov;
    head_t head;
    ssize_t n;

    es_lifeboat_begin(boat);
    iov.iov_base = boat->bytes;
    iov.iov_len = sizeof(boat->bytes);
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.bytes;
    msg.msg_controllen = sizeof(control.bytes);
    do {
        n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EWOULDBLOCK ? APR_EAGAIN : APR_FROM_OS_ERROR(errno);
    }
    if (n == 0 && msg.msg_controllen == 0) {
        return APR_EOF; /* nobody can send any more */
    }
    take_descriptors(boat, &msg);
    if ((apr_size_t)n < sizeof(head) || (msg.msg_flags & MSG_TRUNC) != 0) {
        es_lifeboat_begin(boat);
        return APR_EINVAL;
    }
    memcpy(&head, boat->bytes, sizeof(head));
    if (head.version != VERSION || head.count > ES_LIFEBOAT_SEATS) {
        es_lifeboat_begin(boat);
        return APR_EINVAL;
    }
    boat->len = (apr_size_t)n;
    boat->count = (int)head.count;
    return APR_SUCCESS;
}

static int is_time(apr_int64_t value)
{
    return value >= 0 && value < TIME_MAX;
}

static int is_sound(const seat_t *seat)
{
    return seat->nnames >= 1 && seat->nnames <= ES_LIFEBOAT_NAMES &&
           is_time(seat->keepalive) && is_time(seat->send_timeout) &&
           is_time(seat->lifetime) && is_time(seat->retry_ms) &&
           seat->skip < OFFSET_MAX && seat->control_offset < OFFSET_MAX &&
           seat->control <= ES_CLIENT_CONTROL_MAX;
}

/* @return 0 if they are not names, or not all in the message */
static int take_names(es_lifeboat_t *boat, apr_uint32_t count)
{
    const char *at = boat->bytes + boat->at;
    const char *end = boat->bytes + boat->len;
    apr_uint32_t i;

    for (i = 0; i < count; i++) {
        apr_size_t len;

        if (at == end) {
            return 0;
        }
        len = (unsigned char)*at++;
        if (len > (apr_size_t)(end - at)) {
            return 0;
        }
        boat->names[i] = es_slice(at, len);
        if (len == 0 || !es_utf8_is_valid(boat->names[i])) {
            return 0;
        }
        at += len;
    }
    boat->at = (apr_size_t)(at - boat->bytes);
    return 1;
}

static void fill_passenger(es_passenger_t *passenger, const seat_t *seat,
                           es_lifeboat_t *boat)
{
    es_client_state_t *state = &passenger->state;

    memset(passenger, 0, sizeof(*passenger));
    state->cursor = seat->cursor;
    state->skip = (apr_size_t)seat->skip;
    state->control_offset = (apr_size_t)seat->control_offset;
    state->reset_id.ms = seat->reset_ms;
    state->reset_id.n = seat->reset_n;
    state->control = seat->control;
    passenger->birth.ms = seat->birth_ms;
    passenger->birth.n = seat->birth_n;
    passenger->life = seat->life;
    passenger->known.ms = seat->known_ms;
    passenger->known.n = seat->known_n;
    passenger->address = seat->address;
    passenger->is_counted = seat->is_counted != 0;
    passenger->keepalive = seat->keepalive;
    passenger->keepalive_as_comment = seat->as_comment != 0;
    passenger->send_timeout = seat->send_timeout;
    passenger->lifetime = seat->lifetime;
    passenger->retry_ms = seat->retry_ms;
    passenger->chunked = seat->chunked != 0;
    passenger->names = boat->names;
    passenger->nnames = (int)seat->nnames;
    passenger->fd = boat->fds[boat->taken++];
}

apr_status_t es_lifeboat_take(es_lifeboat_t *boat, es_passenger_t *passenger)
{
    seat_t seat;

    if (boat->count == 0 || boat->taken == boat->nfds) {
        es_lifeboat_begin(boat);
        return APR_EOF;
    }
    if (boat->len - boat->at < sizeof(seat)) {
        es_lifeboat_begin(boat);
        return APR_EINVAL;
    }
    memcpy(&seat, boat->bytes + boat->at, sizeof(seat));
    boat->at += sizeof(seat);
    if (!is_sound(&seat) || !take_names(boat, seat.nnames)) {
        es_lifeboat_begin(boat);
        return APR_EINVAL;
    }
    boat->count--;
    fill_passenger(passenger, &seat, boat);
    return APR_SUCCESS;
}
