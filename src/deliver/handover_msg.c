/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message. Numbers have the machine's own form, since both ends are children
 * of one parent:
 *
 *     ┌──────┬────────┬─────────────────┬────────────┬─────────────────┬──
 *     │ head │ client │ 3 abc 5 hello … │ line, text │ tls, rest, part │ …
 *     └──────┴────────┴─────────────────┴────────────┴─────────────────┴──
 *                       its names, each   only if its  only of a client of
 *                       after a byte      stream is    TLS: its session,
 *                       with its length   logged       bytes to be sent,
 *                                                      bytes that have arrived
 *
 * The descriptors are sent as ancillary data (SCM_RIGHTS), one for each client
 * and in the same order. If the receiver can open too few, the kernel drops
 * the last ones.
 */
#include "deliver/handover_msg.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/utf8.h"
#include "shm/descriptor.h"

#define VERSION 0x65736c04u /* "esl" and a number, raised with each change */
#define TIME_MAX (APR_INT64_C(1) << 56)
#define OFFSET_MAX (APR_UINT64_C(1) << 40)

typedef struct head_t {
    apr_uint32_t version;
    apr_uint32_t count; /* clients */
} head_t;

typedef struct wire_t {
    apr_uint64_t cursor;
    apr_uint64_t skip;
    apr_uint64_t control_offset;
    apr_uint64_t reset_ms;
    apr_uint64_t reset_n;
    apr_uint64_t epoch_ms;
    apr_uint64_t epoch_n;
    apr_uint64_t segment_id;
    apr_uint64_t seen_ms;
    apr_uint64_t seen_n;
    apr_uint64_t address;
    apr_int64_t keepalive;
    apr_int64_t send_timeout;
    apr_int64_t lifetime;
    apr_int64_t retry_ms;
    apr_uint16_t nnames;
    unsigned char is_tls;
    unsigned char has_line;
    unsigned char chunked;
    unsigned char as_comment;
    unsigned char control;
    unsigned char is_counted;
} wire_t;

typedef char assert_wire_size[sizeof(wire_t) == 128 ? 1 : -1];

/* After the names of a client whose stream is logged; not aligned. */
typedef struct wire_line_t {
    apr_uint64_t bytes;
    apr_uint64_t events;
    apr_int64_t began;
    apr_uint32_t len;      /* bytes that follow */
    apr_uint32_t reserved; /* 0 */
} wire_line_t;

typedef char assert_wire_line_size[sizeof(wire_line_t) == 32 ? 1 : -1];

/* After these of a client of TLS; not aligned. */
typedef struct wire_tls_t {
    es_tls_session_t session;
    apr_uint32_t rest_len; /* bytes that follow */
    apr_uint32_t part_len; /* and bytes after these */
    apr_uint32_t is_update_asked;
    apr_uint32_t reserved; /* 0 */
} wire_tls_t;

/* another size: raise VERSION */
typedef char assert_wire_tls_size[sizeof(wire_tls_t) == 184 ? 1 : -1];

struct es_handover_msg_t {
    apr_size_t len; /* of bytes */
    apr_size_t at;  /* in bytes: the next client to be taken */
    int count;      /* clients in it, not taken yet */
    int nfds;       /* descriptors; those received are owned */
    int taken;      /* of fds, by the caller or closed */
    int fds[ES_HANDOVER_MSG_CLIENTS];
    apr_size_t secret;       /* bytes from the start that may have secrets */
    wire_tls_t wire_tls;     /* of the client that was taken last */
    es_sink_tls_saved_t tls; /* the same, for the caller */
    union {
        es_stream_line_t line;
        char room[sizeof(es_stream_line_t) + ES_STREAM_LINE_MAX];
    } line; /* of the client that was taken last */
    es_slice_t names[ES_HANDOVER_MSG_NAMES];
    char bytes[ES_HANDOVER_MSG_BYTES];
};

typedef union ancillary_t {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * ES_HANDOVER_MSG_CLIENTS)];
} ancillary_t;

es_handover_msg_t *es_handover_msg_create(void)
{
    es_handover_msg_t *msg = malloc(sizeof(*msg));

    if (msg != NULL) {
        msg->nfds = 0;
        msg->taken = 0;
        msg->secret = 0;
        memset(&msg->wire_tls, 0, sizeof(msg->wire_tls));
        es_handover_msg_begin(msg);
    }
    return msg;
}

static void close_rest(es_handover_msg_t *msg)
{
    while (msg->taken < msg->nfds) {
        close(msg->fds[msg->taken++]);
    }
}

static void wipe(es_handover_msg_t *msg)
{
    if (msg->secret > 0) {
        es_tls_session_wipe_copies(msg->bytes, msg->secret);
        es_tls_session_wipe_copies(&msg->wire_tls, sizeof(msg->wire_tls));
        msg->secret = 0;
    }
}

void es_handover_msg_destroy(es_handover_msg_t *msg)
{
    if (msg != NULL) {
        es_handover_msg_begin(msg);
        free(msg);
    }
}

void es_handover_msg_begin(es_handover_msg_t *msg)
{
    close_rest(msg);
    wipe(msg);
    msg->len = sizeof(head_t);
    msg->at = sizeof(head_t);
    msg->count = 0;
    msg->nfds = 0;
    msg->taken = 0;
}

int es_handover_msg_count(const es_handover_msg_t *msg)
{
    return msg->count;
}

/* ---- sending ----------------------------------------------------------- */

/* Bytes of a client, or 0 if it fits into no message. */
static apr_size_t size_of(const es_handed_t *handed)
{
    apr_size_t size = sizeof(wire_t);
    int i;

    if (handed->nnames < 1 || handed->nnames > ES_HANDOVER_MSG_NAMES) {
        return 0;
    }
    for (i = 0; i < handed->nnames; i++) {
        if (handed->names[i].len > ES_CHANNEL_NAME_MAX) {
            return 0;
        }
        size += 1 + handed->names[i].len;
    }
    if (handed->line != NULL) {
        size += sizeof(wire_line_t) + handed->line->len;
    }
    if (handed->tls != NULL) {
        size +=
            sizeof(wire_tls_t) + handed->tls->rest.len + handed->tls->part.len;
    }
    return size <= ES_HANDOVER_MSG_BYTES - sizeof(head_t) ? size : 0;
}

static void fill_wire(wire_t *wire, const es_handed_t *handed)
{
    const es_client_saved_t *saved = &handed->saved;

    memset(wire, 0, sizeof(*wire));
    wire->cursor = saved->cursor;
    wire->skip = saved->skip;
    wire->control_offset = saved->control_offset;
    wire->reset_ms = saved->reset_id.ms;
    wire->reset_n = saved->reset_id.n;
    wire->control = saved->control;
    wire->epoch_ms = handed->epoch.ms;
    wire->epoch_n = handed->epoch.n;
    wire->segment_id = handed->segment_id;
    wire->seen_ms = handed->seen_id.ms;
    wire->seen_n = handed->seen_id.n;
    wire->address = handed->address;
    wire->is_counted = handed->is_counted != 0;
    wire->keepalive = handed->opts.keepalive;
    wire->as_comment = handed->opts.keepalive_as_comment != 0;
    wire->send_timeout = handed->opts.send_timeout;
    wire->lifetime = handed->opts.lifetime;
    wire->retry_ms = handed->opts.retry_ms;
    wire->chunked = handed->chunked != 0;
    wire->nnames = (apr_uint16_t)handed->nnames;
    wire->is_tls = handed->tls != NULL;
    wire->has_line = handed->line != NULL;
}

static char *put_bytes(char *to, const void *bytes, apr_size_t len)
{
    if (len > 0) {
        memcpy(to, bytes, len);
    }
    return to + len;
}

static char *put_line(char *to, const es_stream_line_t *line)
{
    wire_line_t wire;

    memset(&wire, 0, sizeof(wire));
    wire.bytes = line->bytes;
    wire.events = line->events;
    wire.began = line->began;
    wire.len = line->len;
    to = put_bytes(to, &wire, sizeof(wire));
    return put_bytes(to, line->text, line->len);
}

static char *put_tls(char *to, const es_sink_tls_saved_t *tls)
{
    wire_tls_t wire;

    memset(&wire, 0, sizeof(wire));
    wire.session = *tls->session;
    wire.rest_len = (apr_uint32_t)tls->rest.len;
    wire.part_len = (apr_uint32_t)tls->part.len;
    wire.is_update_asked = tls->is_update_asked != 0;
    to = put_bytes(to, &wire, sizeof(wire));
    es_tls_session_wipe_copies(&wire, sizeof(wire));
    to = put_bytes(to, tls->rest.data, tls->rest.len);
    return put_bytes(to, tls->part.data, tls->part.len);
}

apr_status_t es_handover_msg_add(es_handover_msg_t *msg,
                                 const es_handed_t *handed)
{
    apr_size_t size = size_of(handed);
    wire_t wire;
    char *to;
    int i;

    if (size == 0) {
        return APR_EINVAL;
    }
    if (msg->count == ES_HANDOVER_MSG_CLIENTS ||
        size > ES_HANDOVER_MSG_BYTES - msg->len) {
        return APR_ENOSPC;
    }
    fill_wire(&wire, handed);
    to = msg->bytes + msg->len;
    to = put_bytes(to, &wire, sizeof(wire));
    for (i = 0; i < handed->nnames; i++) {
        es_slice_t name = handed->names[i];

        *to++ = (char)(unsigned char)name.len;
        to = put_bytes(to, name.data, name.len);
    }
    msg->len += size;
    if (handed->line != NULL) {
        to = put_line(to, handed->line);
    }
    if (handed->tls != NULL) {
        (void)put_tls(to, handed->tls);
        msg->secret = msg->len;
    }
    msg->fds[msg->count++] = handed->fd;
    return APR_SUCCESS;
}

apr_status_t es_handover_msg_send(es_handover_msg_t *msg, int fd)
{
    apr_size_t bytes = sizeof(int) * (apr_size_t)msg->count;
    struct msghdr hdr = {0};
    struct cmsghdr *header;
    ancillary_t control;
    struct iovec iov;
    head_t head;
    ssize_t n;

    if (msg->count == 0) {
        return APR_SUCCESS;
    }
    head.version = VERSION;
    head.count = (apr_uint32_t)msg->count;
    memcpy(msg->bytes, &head, sizeof(head));
    iov.iov_base = msg->bytes;
    iov.iov_len = msg->len;
    memset(&control, 0, sizeof(control));
    hdr.msg_iov = &iov;
    hdr.msg_iovlen = 1;
    hdr.msg_control = control.bytes;
    hdr.msg_controllen = CMSG_SPACE(bytes);
    header = CMSG_FIRSTHDR(&hdr);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(header), msg->fds, bytes);
    do {
        n = sendmsg(fd, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        /* all mean that the socket is full at present: its buffer, or the
         * number of descriptors that a user may have in flight */
        return errno == EWOULDBLOCK || errno == ENOBUFS || errno == ETOOMANYREFS
                   ? APR_EAGAIN
                   : APR_FROM_OS_ERROR(errno);
    }
    return APR_SUCCESS;
}

/* ---- receiving --------------------------------------------------------- */

/* Own all descriptors, even if the rest of the message is malformed. */
static void take_descriptors(es_handover_msg_t *msg, struct msghdr *hdr)
{
    struct cmsghdr *header;
    apr_size_t count, i;
    int fd;

    for (header = CMSG_FIRSTHDR(hdr); header != NULL;
         header = CMSG_NXTHDR(hdr, header)) {
        if (header->cmsg_level != SOL_SOCKET ||
            header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (i = 0; i < count; i++) {
            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
            if (msg->nfds < ES_HANDOVER_MSG_CLIENTS) {
                msg->fds[msg->nfds++] = es_descriptor_raise(fd);
            }
            else {
                close(fd);
            }
        }
    }
}

apr_status_t es_handover_msg_receive(es_handover_msg_t *msg, int fd)
{
    struct msghdr hdr = {0};
    ancillary_t control;
    struct iovec iov;
    head_t head;
    ssize_t n;

    es_handover_msg_begin(msg);
    iov.iov_base = msg->bytes;
    iov.iov_len = sizeof(msg->bytes);
    hdr.msg_iov = &iov;
    hdr.msg_iovlen = 1;
    hdr.msg_control = control.bytes;
    hdr.msg_controllen = sizeof(control.bytes);
    do {
        n = recvmsg(fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EWOULDBLOCK ? APR_EAGAIN : APR_FROM_OS_ERROR(errno);
    }
    if (n == 0 && hdr.msg_controllen == 0) {
        return APR_EOF; /* no process can send any more */
    }
    msg->secret = (apr_size_t)n;
    take_descriptors(msg, &hdr);
    if ((apr_size_t)n < sizeof(head) || (hdr.msg_flags & MSG_TRUNC) != 0) {
        es_handover_msg_begin(msg);
        return APR_EINVAL;
    }
    memcpy(&head, msg->bytes, sizeof(head));
    if (head.version != VERSION || head.count > ES_HANDOVER_MSG_CLIENTS) {
        es_handover_msg_begin(msg);
        return APR_EINVAL;
    }
    msg->len = (apr_size_t)n;
    msg->count = (int)head.count;
    return APR_SUCCESS;
}

static int is_time(apr_int64_t value)
{
    return value >= 0 && value < TIME_MAX;
}

static int is_valid(const wire_t *wire)
{
    return wire->nnames >= 1 && wire->nnames <= ES_HANDOVER_MSG_NAMES &&
           is_time(wire->keepalive) && is_time(wire->send_timeout) &&
           is_time(wire->lifetime) && is_time(wire->retry_ms) &&
           wire->skip < OFFSET_MAX && wire->control_offset < OFFSET_MAX &&
           wire->control <= ES_CLIENT_CONTROL_MAX && wire->is_tls <= 1 &&
           wire->has_line <= 1;
}

/* @return 0 if they are not valid names, or exceed the message */
static int take_names(es_handover_msg_t *msg, int count)
{
    const char *at = msg->bytes + msg->at;
    const char *end = msg->bytes + msg->len;
    int i;

    for (i = 0; i < count; i++) {
        apr_size_t len;

        if (at == end) {
            return 0;
        }
        len = (unsigned char)*at++;
        if (len > (apr_size_t)(end - at)) {
            return 0;
        }
        msg->names[i] = es_slice(at, len);
        if (len == 0 || !es_utf8_is_valid(msg->names[i])) {
            return 0;
        }
        at += len;
    }
    msg->at = (apr_size_t)(at - msg->bytes);
    return 1;
}

/* @return 0 if it is not valid, or exceeds the message */
static int take_line(es_handover_msg_t *msg)
{
    es_stream_line_t *line = &msg->line.line;
    apr_size_t left = msg->len - msg->at;
    wire_line_t wire;

    if (left < sizeof(wire)) {
        return 0;
    }
    memcpy(&wire, msg->bytes + msg->at, sizeof(wire));
    msg->at += sizeof(wire);
    left -= sizeof(wire);
    if (wire.len > ES_STREAM_LINE_MAX || wire.len > left ||
        !is_time(wire.began)) {
        return 0;
    }
    line->bytes = wire.bytes;
    line->events = wire.events;
    line->began = wire.began;
    line->len = wire.len;
    memcpy(line->text, msg->bytes + msg->at, wire.len);
    msg->at += wire.len;
    return 1;
}

/* @return 0 if it is not valid, or exceeds the message */
static int take_tls(es_handover_msg_t *msg)
{
    wire_tls_t *wire = &msg->wire_tls;
    apr_size_t left = msg->len - msg->at;

    if (left < sizeof(*wire)) {
        return 0;
    }
    memcpy(wire, msg->bytes + msg->at, sizeof(*wire));
    msg->at += sizeof(*wire);
    left -= sizeof(*wire);
    if (!es_tls_session_is_valid(&wire->session) ||
        wire->rest_len > ES_TLS_RECORD_MAX ||
        wire->part_len > ES_TLS_READ_MAX ||
        left < wire->rest_len + wire->part_len) {
        return 0;
    }
    msg->tls.session = &wire->session;
    msg->tls.is_update_asked = wire->is_update_asked != 0;
    msg->tls.rest = es_slice(msg->bytes + msg->at, wire->rest_len);
    msg->at += wire->rest_len;
    msg->tls.part = es_slice(msg->bytes + msg->at, wire->part_len);
    msg->at += wire->part_len;
    return 1;
}

static void fill_handed(es_handed_t *handed, const wire_t *wire,
                        es_handover_msg_t *msg)
{
    es_client_saved_t *saved = &handed->saved;

    memset(handed, 0, sizeof(*handed));
    saved->cursor = wire->cursor;
    saved->skip = (apr_size_t)wire->skip;
    saved->control_offset = (apr_size_t)wire->control_offset;
    saved->reset_id.ms = wire->reset_ms;
    saved->reset_id.n = wire->reset_n;
    saved->control = wire->control;
    handed->epoch.ms = wire->epoch_ms;
    handed->epoch.n = wire->epoch_n;
    handed->segment_id = wire->segment_id;
    handed->seen_id.ms = wire->seen_ms;
    handed->seen_id.n = wire->seen_n;
    handed->address = wire->address;
    handed->is_counted = wire->is_counted != 0;
    handed->opts.keepalive = wire->keepalive;
    handed->opts.keepalive_as_comment = wire->as_comment != 0;
    handed->opts.send_timeout = wire->send_timeout;
    handed->opts.lifetime = wire->lifetime;
    handed->opts.retry_ms = wire->retry_ms;
    handed->chunked = wire->chunked != 0;
    handed->names = msg->names;
    handed->nnames = (int)wire->nnames;
    handed->tls = wire->is_tls ? &msg->tls : NULL;
    handed->line = wire->has_line ? &msg->line.line : NULL;
    handed->fd = msg->fds[msg->taken++];
}

apr_status_t es_handover_msg_take(es_handover_msg_t *msg, es_handed_t *handed)
{
    wire_t wire;

    es_tls_session_wipe(&msg->wire_tls.session);
    if (msg->count == 0 || msg->taken == msg->nfds) {
        es_handover_msg_begin(msg);
        return APR_EOF;
    }
    if (msg->len - msg->at < sizeof(wire)) {
        es_handover_msg_begin(msg);
        return APR_EINVAL;
    }
    memcpy(&wire, msg->bytes + msg->at, sizeof(wire));
    msg->at += sizeof(wire);
    if (!is_valid(&wire) || !take_names(msg, wire.nnames) ||
        (wire.has_line && !take_line(msg)) || (wire.is_tls && !take_tls(msg))) {
        es_handover_msg_begin(msg);
        return APR_EINVAL;
    }
    msg->count--;
    fill_handed(handed, &wire, msg);
    return APR_SUCCESS;
}
