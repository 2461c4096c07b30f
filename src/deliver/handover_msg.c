/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a message, adds clients to it and sends it. The private header has its
 * bytes; handover_msg_receive.c reads them.
 */
#include "deliver/handover_msg_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/channel.h"

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
    msg->len = sizeof(es_handover_head_t);
    msg->at = sizeof(es_handover_head_t);
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
    apr_size_t size = sizeof(es_handover_wire_t);
    int i;

    if (handed->nnames < 1 || handed->nnames > ES_HANDOVER_MSG_NAMES ||
        handed->who.len > ES_PRESENCE_NAME_MAX) {
        return 0;
    }
    for (i = 0; i < handed->nnames; i++) {
        if (handed->names[i].len > ES_CHANNEL_NAME_MAX) {
            return 0;
        }
        size += 1 + handed->names[i].len;
    }
    size += handed->who.len;
    if (handed->line != NULL) {
        size += sizeof(es_handover_wire_line_t) + handed->line->len;
    }
    if (handed->tls != NULL) {
        size += sizeof(es_handover_wire_tls_t) + handed->tls->rest.len +
                handed->tls->part.len;
    }
    return size <= ES_HANDOVER_MSG_BYTES - sizeof(es_handover_head_t) ? size
                                                                      : 0;
}

static void fill_wire(es_handover_wire_t *wire, const es_handed_t *handed)
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
    wire->user = handed->user;
    wire->token = handed->token;
    wire->checked = handed->checked;
    wire->is_counted = handed->is_counted != 0;
    wire->keepalive = handed->opts.keepalive;
    wire->as_comment = handed->opts.keepalive_as_comment != 0;
    wire->send_timeout = handed->opts.send_timeout;
    wire->lifetime = handed->opts.lifetime;
    wire->retry_ms = handed->opts.retry_ms;
    wire->grace_ms = handed->grace_ms;
    wire->who_len = (unsigned char)handed->who.len;
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
    es_handover_wire_line_t wire;

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
    es_handover_wire_tls_t wire;

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
    es_handover_wire_t wire;
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
    to = put_bytes(to, handed->who.data, handed->who.len);
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
    es_handover_ancillary_t control;
    struct iovec iov;
    es_handover_head_t head;
    ssize_t n;

    if (msg->count == 0) {
        return APR_SUCCESS;
    }
    head.version = ES_HANDOVER_MSG_VERSION;
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
