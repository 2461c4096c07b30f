/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The bytes of a handover message, for the files that write and read them.
 * Numbers have the machine's own form, since both ends are children of one
 * parent:
 *
 *     ┌──────┬────────┬─────────────────┬─────┬────────────┬────────────┬──
 *     │ head │ client │ 3 abc 5 hello … │ who │ line, text │ tls, …     │ …
 *     └──────┴────────┴─────────────────┴─────┴────────────┴────────────┴──
 *                       its names, each   │     only if its  only of a
 *                       after a byte      │     stream is    client of TLS:
 *                       with its length   │     logged       its session,
 *                                         │                  bytes to be sent,
 *                       its name in the table                bytes that have
 *                       of presence, who_len bytes           arrived
 *
 * The descriptors are sent as ancillary data (SCM_RIGHTS), one for each client
 * and in the same order. If the receiver can open too few, the kernel drops
 * the last ones.
 */
#ifndef ES_DELIVER_HANDOVER_MSG_PRIV_H
#define ES_DELIVER_HANDOVER_MSG_PRIV_H

#include <sys/socket.h>

#include "deliver/handover_msg.h"

#define ES_HANDOVER_MSG_VERSION \
    0x65736c06u /* "esl" and a number, raised with each change */

typedef struct es_handover_head_t {
    apr_uint32_t version;
    apr_uint32_t count; /* clients */
} es_handover_head_t;

typedef struct es_handover_wire_t {
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
    apr_uint64_t user;
    apr_uint64_t token;
    apr_int64_t keepalive;
    apr_int64_t send_timeout;
    apr_int64_t lifetime;
    apr_int64_t retry_ms;
    apr_int64_t grace_ms;
    apr_uint16_t nnames;
    unsigned char is_tls;
    unsigned char has_line;
    unsigned char chunked;
    unsigned char as_comment;
    unsigned char control;
    unsigned char is_counted;
    unsigned char who_len;
    unsigned char reserved[3]; /* 0 */
    apr_uint32_t checked;
} es_handover_wire_t;

typedef char es_assert_wire_size[sizeof(es_handover_wire_t) == 160 ? 1 : -1];

/* After the names of a client whose stream is logged; not aligned. */
typedef struct es_handover_wire_line_t {
    apr_uint64_t bytes;
    apr_uint64_t events;
    apr_int64_t began;
    apr_uint32_t len;      /* bytes that follow */
    apr_uint32_t reserved; /* 0 */
} es_handover_wire_line_t;

typedef char
    es_assert_wire_line_size[sizeof(es_handover_wire_line_t) == 32 ? 1 : -1];

/* After these of a client of TLS; not aligned. */
typedef struct es_handover_wire_tls_t {
    es_tls_session_t session;
    apr_uint32_t rest_len; /* bytes that follow */
    apr_uint32_t part_len; /* and bytes after these */
    apr_uint32_t is_update_asked;
    apr_uint32_t reserved; /* 0 */
} es_handover_wire_tls_t;

/* another size: raise the version */
typedef char
    es_assert_wire_tls_size[sizeof(es_handover_wire_tls_t) == 184 ? 1 : -1];

struct es_handover_msg_t {
    apr_size_t len; /* of bytes */
    apr_size_t at;  /* in bytes: the next client to be taken */
    int count;      /* clients in it, not taken yet */
    int nfds;       /* descriptors; those received are owned */
    int taken;      /* of fds, by the caller or closed */
    int fds[ES_HANDOVER_MSG_CLIENTS];
    apr_size_t secret; /* bytes from the start that may have secrets */
    es_handover_wire_tls_t wire_tls; /* of the client that was taken last */
    es_sink_tls_saved_t tls;         /* the same, for the caller */
    es_slice_t who; /* in bytes, of the client that was taken last */
    es_slice_t names[ES_HANDOVER_MSG_NAMES];
    char bytes[ES_HANDOVER_MSG_BYTES];
    union {
        es_stream_line_t line;
        char room[sizeof(es_stream_line_t) + ES_STREAM_LINE_MAX];
    } line; /* of the client that was taken last */
};

typedef union es_handover_ancillary_t {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * ES_HANDOVER_MSG_CLIENTS)];
} es_handover_ancillary_t;

#endif
