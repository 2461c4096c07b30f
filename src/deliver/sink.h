/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A sink: where a client's frames are written. Three functions in a table; the
 * client does not ask which. The plain socket (deliver/sink_socket.h) is one,
 * the request that a worker holds (http/sink_held.h) another; a suspended TLS
 * connection will be the third.
 */
#ifndef ES_DELIVER_SINK_H
#define ES_DELIVER_SINK_H

#include <sys/uio.h>

#include <apr.h>
#include <apr_errno.h>

typedef struct es_sink_t es_sink_t;

typedef struct es_sink_ops_t {
    /**
     * Write what the sink takes now. The bytes are the body as it stands on
     * the wire: within chunks if the sink frames its body itself.
     *
     * @param iov    count parts; not changed, valid during the call only
     * @param taken  bytes that were taken, also when an error is returned
     * @return APR_SUCCESS: all was taken; APR_EAGAIN: the rest must wait
     *         until the sink is writable; else: the client is gone
     */
    apr_status_t (*write)(es_sink_t *sink, const struct iovec *iov, int count,
                          apr_size_t *taken);
    /** The body is complete: tell the client that nothing follows. */
    void (*finish)(es_sink_t *sink);
    /** Give back all that the sink holds, itself too. Exactly once. */
    void (*close)(es_sink_t *sink);
} es_sink_ops_t;

struct es_sink_t {
    const es_sink_ops_t *ops;
    int chunked; /* 1 = we write the chunk framing, 0 = frames as they are */
};

#endif
