/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A sink: where a client's frames are written. It is three functions in a
 * table; the client does not ask which. One sink is the plain socket
 * (deliver/sink_socket.h), the other the request that a worker holds
 * (http/hold.c).
 *
 * Context of all functions: the client's owner.
 */
#ifndef ES_DELIVER_SINK_H
#define ES_DELIVER_SINK_H

#include <sys/uio.h>

#include <apr.h>
#include <apr_errno.h>

typedef struct es_sink_t es_sink_t;

typedef struct es_sink_ops_t {
    /**
     * Write as many bytes as the sink takes now. They are the body as it
     * stands on the wire, with its chunks if the sink is chunked.
     *
     * @param iov    count parts; not changed, valid during the call only
     * @param taken  filled: bytes that were taken, also on an error
     * @return APR_SUCCESS: all were taken; APR_EAGAIN: the rest must wait
     *         until the sink is writable; else: the client is gone
     */
    apr_status_t (*write)(es_sink_t *sink, const struct iovec *iov, int count,
                          apr_size_t *taken);
    /** The body is complete: let the peer see that nothing follows. */
    void (*finish)(es_sink_t *sink);
    /** Free the sink and all that it holds. To be called once. */
    void (*close)(es_sink_t *sink);
} es_sink_ops_t;

struct es_sink_t {
    const es_sink_ops_t *ops;
    int chunked; /* 1 = we write the chunk framing, 0 = frames as they are */
};

#endif
