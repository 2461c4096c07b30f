/* SPDX-License-Identifier: Apache-2.0 */
/**
 * pipeline: POSTs the events over one kept-alive HTTP/1.1 connection.
 *
 * Event k (from 0) goes to channel k % channels and has the number
 * k / channels there. Requests may be pipelined. Knows nothing of time or
 * of what is delivered; its caller decides when an event is due.
 */
#ifndef EB_PIPELINE_H
#define EB_PIPELINE_H

#include "bench/buf.h"
#include "bench/load_options.h"

typedef struct {
    const eb_load_options_t *opts;
    char *payload;     /* ours: one event's data */
    eb_buf_t out;      /* requests the socket has not taken yet */
    eb_buf_t in;       /* an answer that has not come whole */
    uint32_t queued;   /* events in requests that were made, in all */
    uint32_t answered; /* events the server has answered with 200, in all */
    int fd;
} eb_pipeline_t;

/**
 * Connect to the first server.
 *
 * @return 0, or -1 (said on stderr); eb_pipeline_close() either way
 */
int eb_pipeline_open(eb_pipeline_t *pipeline, const eb_load_options_t *opts);

/**
 * Make requests for the next events. In batch format all go into one.
 *
 * @param stamp_ns  the publisher's stamp of these events
 * @return 0, or -1: no memory
 */
int eb_pipeline_offer(eb_pipeline_t *pipeline, uint32_t events,
                      uint64_t stamp_ns);

/**
 * Write what can be written, wait for an answer, and read what has come.
 * When the server closes the connection in good order, queued falls back to
 * answered and a new connection is made: offer again.
 *
 * @param wait_ns  how long to wait at most
 * @return 0, or -1 (said on stderr): refused, or the connection was lost
 */
int eb_pipeline_step(eb_pipeline_t *pipeline, uint64_t wait_ns);

void eb_pipeline_close(eb_pipeline_t *pipeline);

#endif
