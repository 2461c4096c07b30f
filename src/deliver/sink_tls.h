/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A sink of a socket whose bytes go out as records of a TLS session
 * (tls/session.h). The client does not know that it is another one.
 *
 * A write makes records of up to 16 KB each. If the socket takes a part of a
 * record, the sink keeps its rest; a record of which it takes nothing is made
 * again by a later write. So a slow client holds one record at most, and each
 * record number stands on the wire once.
 *
 * What the peer sends is opened and dropped. If it asks for new keys, the sink
 * sends its own KeyUpdate before its next data. The sink also sends one when
 * its keys are at their limit; with TLS 1.2, which has none, the stream ends
 * instead.
 */
#ifndef ES_DELIVER_SINK_TLS_H
#define ES_DELIVER_SINK_TLS_H

#include "base/slice.h"
#include "tls/incoming.h"
#include "tls/session.h"
#include "deliver/sink_socket.h"

/** Where a TLS connection stands, for a sink that continues there. */
typedef struct es_sink_tls_saved_t {
    const es_tls_session_t *session; /* copied by who needs it; it is secret */
    es_slice_t rest;     /* of the record that is sent in part; may be empty */
    es_slice_t part;     /* of the record that has arrived in part; may be
                             empty */
    int is_update_asked; /* a KeyUpdate is due before the next data */
} es_sink_tls_saved_t;

/**
 * Make a sink of a socket and a session.
 *
 * @param fd, chunked, timeout  as es_sink_socket_create
 * @param saved    copied; the caller's copy of the session must not seal any
 *                 more. A new connection has only the session, the others are
 *                 empty
 * @return the sink, or NULL: out of memory, or part is malformed; fd is closed
 */
es_sink_t *es_sink_tls_create(int fd, int chunked, apr_interval_time_t timeout,
                              const es_sink_tls_saved_t *saved);

/**
 * Save where a connection stands, for an owner in another process. The sink
 * stays as it is; when the other owner continues, it is closed without a write
 * or a read.
 *
 * @param saved  filled; all of it points into the sink
 * @return 0: it is no TLS sink
 */
int es_sink_tls_save(const es_sink_t *sink, es_sink_tls_saved_t *saved);

#endif
