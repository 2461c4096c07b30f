/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A sink: where a client's frames are written. It is a table of functions; the
 * client does not ask which. One sink is the plain socket
 * (deliver/sink_socket.h), one seals records of TLS (deliver/sink_tls.h), one
 * is the request that a worker holds (http/hold.c).
 *
 * A sink may keep a rest: bytes that it has taken and not sent. It keeps one
 * only while it is not writable, and no more than one write made necessary.
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
     * @return APR_SUCCESS: all were taken and sent; APR_EAGAIN: what was not
     *         taken must wait until the sink is writable. If all were taken,
     *         the sink keeps a rest, or its flush has something to say; else:
     *         the client is gone
     */
    apr_status_t (*write)(es_sink_t *sink, const struct iovec *iov, int count,
                          apr_size_t *taken);
    /**
     * Send the rest. NULL: this sink keeps none.
     *
     * @param sent  filled: bytes of the rest that were sent, also on an error
     * @return APR_SUCCESS: there is none any more; APR_EAGAIN: the sink is not
     *         writable; APR_EOF: there is none any more, and the stream must
     *         end soon (returned once); else: the client is gone
     */
    apr_status_t (*flush)(es_sink_t *sink, apr_size_t *sent);
    /**
     * The body is complete: send the rest, then let the peer see that nothing
     * follows.
     *
     * @return APR_SUCCESS: the peer will see it; APR_EAGAIN: call it again when
     *         the sink is writable; else: the client is gone
     */
    apr_status_t (*finish)(es_sink_t *sink);
    /**
     * Read and drop what the peer sends. NULL: the sink has no descriptor.
     *
     * @return APR_SUCCESS: nothing more for now; APR_EOF: the peer sends no
     *         more, or nothing that is of use; APR_ENOSPC: it has sent too
     *         much; else the connection is broken
     */
    apr_status_t (*drain)(es_sink_t *sink);
    /** Free the sink and all that it holds. To be called once. */
    void (*close)(es_sink_t *sink);
} es_sink_ops_t;

/** Bytes of a large sink that are worth a prefetch. */
#define ES_SINK_LARGE 192

struct es_sink_t {
    const es_sink_ops_t *ops;
    int chunked;  /* 1 = we write the chunk framing, 0 = frames as they are */
    int is_large; /* 1 = a write touches ES_SINK_LARGE bytes of the sink */
};

#endif
