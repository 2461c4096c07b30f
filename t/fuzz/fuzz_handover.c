/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handover message, as another child may send it. The first byte is the
 * number of its descriptors, the second tells whether a right head precedes the
 * rest. Each client that is taken is within bounds and can be sent again; every
 * descriptor is either taken or closed.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deliver/handover_msg_priv.h"

#define FDS_MAX 4

static int pair[2];
static int idle = -1;
static es_handover_msg_t *received, *again;

static void prepare(void)
{
    if (idle < 0) {
        PROMISE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ==
                0);
        idle = open("/dev/null", O_RDONLY | O_CLOEXEC);
        PROMISE(idle >= 0);
        received = es_handover_msg_create();
        again = es_handover_msg_create();
    }
}

static void send_bytes(es_slice_t bytes, int nfds)
{
    es_handover_ancillary_t control;
    struct iovec iov = {(void *)(uintptr_t)bytes.data, bytes.len};
    struct msghdr hdr = {0};
    struct cmsghdr *header;
    int i;

    hdr.msg_iov = &iov;
    hdr.msg_iovlen = 1;
    if (nfds > 0) {
        memset(&control, 0, sizeof(control));
        hdr.msg_control = control.bytes;
        hdr.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
        header = CMSG_FIRSTHDR(&hdr);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
        for (i = 0; i < nfds; i++) {
            memcpy(CMSG_DATA(header) + sizeof(int) * (size_t)i, &idle,
                   sizeof(int));
        }
    }
    PROMISE(sendmsg(pair[0], &hdr, MSG_DONTWAIT) == (ssize_t)bytes.len);
}

static void check_client(const es_handed_t *handed)
{
    int i;

    PROMISE(fcntl(handed->fd, F_GETFD) & FD_CLOEXEC);
    PROMISE(handed->nnames >= 1 && handed->nnames <= ES_HANDOVER_MSG_NAMES);
    for (i = 0; i < handed->nnames; i++) {
        PROMISE(handed->names[i].len > 0);
        PROMISE(es_utf8_is_valid(handed->names[i]));
    }
    PROMISE(es_utf8_is_valid(handed->who));
    PROMISE(handed->opts.keepalive >= 0 && handed->opts.lifetime >= 0);
    PROMISE(handed->line == NULL || handed->line->len <= ES_STREAM_LINE_MAX);
    PROMISE(handed->tls == NULL ||
            (es_tls_session_is_valid(handed->tls->session) &&
             handed->tls->rest.len <= ES_TLS_RECORD_MAX));
    es_handover_msg_begin(again);
    PROMISE(es_handover_msg_add(again, handed) == APR_SUCCESS);
    es_handover_msg_begin(again);
}

/* The lowest free number rises with each descriptor that is left open. */
static int lowest_free(void)
{
    int fd = dup(idle);

    close(fd);
    return fd;
}

static void receive(int nfds)
{
    es_handed_t handed;
    int taken = 0;

    if (es_handover_msg_receive(received, pair[1]) != APR_SUCCESS) {
        PROMISE(es_handover_msg_count(received) == 0);
        return;
    }
    PROMISE(es_handover_msg_count(received) <= ES_HANDOVER_MSG_CLIENTS);
    while (es_handover_msg_take(received, &handed) == APR_SUCCESS) {
        PROMISE(++taken <= nfds);
        check_client(&handed);
        close(handed.fd);
    }
    PROMISE(es_handover_msg_count(received) == 0);
}

FUZZ(text, p)
{
    es_handover_head_t head = {ES_HANDOVER_MSG_VERSION, 0};
    es_slice_t bytes;
    char *whole;
    int nfds, free_fd;

    if (text.len < 3 || text.len > 32768) {
        return;
    }
    prepare();
    free_fd = lowest_free();
    nfds = (unsigned char)text.data[0] % (FDS_MAX + 1);
    head.count = (apr_uint32_t)nfds;
    bytes = es_slice(text.data + 2, text.len - 2);
    if (text.data[1] & 1) {
        whole = fuzz_alloc(sizeof(head) + bytes.len, p);
        memcpy(whole, &head, sizeof(head));
        memcpy(whole + sizeof(head), bytes.data, bytes.len);
        bytes = es_slice(whole, sizeof(head) + bytes.len);
    }
    send_bytes(bytes, nfds);
    receive(nfds);
    PROMISE(lowest_free() == free_fd);
}
