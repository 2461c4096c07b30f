/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receives a message and takes the clients out of it. It comes from another
 * process, so each field is checked before it is used. What is malformed ends
 * the message: the descriptors that are left are closed.
 */
#include "deliver/handover_msg_priv.h"

#include <errno.h>
#include <unistd.h>

#include "base/utf8.h"
#include "shm/descriptor.h"

#define TIME_MAX (APR_INT64_C(1) << 56)
#define OFFSET_MAX (APR_UINT64_C(1) << 40)

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
    es_handover_ancillary_t control;
    struct iovec iov;
    es_handover_head_t head;
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
    if (head.version != ES_HANDOVER_MSG_VERSION ||
        head.count > ES_HANDOVER_MSG_CLIENTS) {
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

static int is_valid(const es_handover_wire_t *wire)
{
    return wire->nnames >= 1 && wire->nnames <= ES_HANDOVER_MSG_NAMES &&
           is_time(wire->keepalive) && is_time(wire->send_timeout) &&
           is_time(wire->lifetime) && is_time(wire->retry_ms) &&
           is_time(wire->grace_ms) && wire->skip < OFFSET_MAX &&
           wire->control_offset < OFFSET_MAX &&
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
static int take_who(es_handover_msg_t *msg, apr_size_t len)
{
    if (len > msg->len - msg->at) {
        return 0;
    }
    msg->who = es_slice(msg->bytes + msg->at, len);
    msg->at += len;
    return es_utf8_is_valid(msg->who);
}

/* @return 0 if it is not valid, or exceeds the message */
static int take_line(es_handover_msg_t *msg)
{
    es_stream_line_t *line = &msg->line.line;
    apr_size_t left = msg->len - msg->at;
    es_handover_wire_line_t wire;

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
    es_handover_wire_tls_t *wire = &msg->wire_tls;
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

static void fill_handed(es_handed_t *handed, const es_handover_wire_t *wire,
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
    handed->user = wire->user;
    handed->token = wire->token;
    handed->checked = wire->checked;
    handed->is_counted = wire->is_counted != 0;
    handed->opts.keepalive = wire->keepalive;
    handed->opts.keepalive_as_comment = wire->as_comment != 0;
    handed->opts.send_timeout = wire->send_timeout;
    handed->opts.lifetime = wire->lifetime;
    handed->opts.retry_ms = wire->retry_ms;
    handed->chunked = wire->chunked != 0;
    handed->who = msg->who;
    handed->grace_ms = wire->grace_ms;
    handed->names = msg->names;
    handed->nnames = (int)wire->nnames;
    handed->tls = wire->is_tls ? &msg->tls : NULL;
    handed->line = wire->has_line ? &msg->line.line : NULL;
    handed->fd = msg->fds[msg->taken++];
}

apr_status_t es_handover_msg_take(es_handover_msg_t *msg, es_handed_t *handed)
{
    es_handover_wire_t wire;

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
        !take_who(msg, wire.who_len) || (wire.has_line && !take_line(msg)) ||
        (wire.is_tls && !take_tls(msg))) {
        es_handover_msg_begin(msg);
        return APR_EINVAL;
    }
    msg->count--;
    fill_handed(handed, &wire, msg);
    return APR_SUCCESS;
}
