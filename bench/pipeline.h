/* SPDX-License-Identifier: Apache-2.0 */
/**
 * pipeline: the connection of load that publishes: HTTP/1.1, kept alive, with
 * pipelined POSTs.
 *
 * Event k (from 0) goes to channel k % channels and has the number k / channels
 * there. The pipeline knows neither time nor deliveries; its caller decides
 * when an event is due.
 */
#ifndef EB_PIPELINE_H
#define EB_PIPELINE_H

#include "bench/buf.h"
#include "bench/load_options.h"

typedef struct {
    const eb_load_options_t *opts;
    char *payload;     /* ours: one event's data */
    eb_buf_t out;      /* bytes that the socket did not take */
    eb_buf_t in;       /* an incomplete response */
    uint32_t queued;   /* events in all requests that were made */
    uint32_t answered; /* events that were answered with 2xx */
    int fd;
} eb_pipeline_t;

/**
 * Connect to the first server.
 *
 * @return 0, or -1 (logged to stderr); call eb_pipeline_close() in either case
 */
int eb_pipeline_open(eb_pipeline_t *pipeline, const eb_load_options_t *opts);

/**
 * Make requests for the next events; a single one with --format batch.
 *
 * @param stamp_ns  the publisher's stamp of these events
 * @return 0, or -1: no memory
 */
int eb_pipeline_offer(eb_pipeline_t *pipeline, uint32_t events,
                      uint64_t stamp_ns);

/**
 * Send what the socket takes, wait for a response, and read it.
 * When the server closes the connection between two requests, queued is set
 * back to answered, and the pipeline reconnects: the caller must offer the
 * events again.
 *
 * @param wait_ns  timeout
 * @return 0, or -1 (logged to stderr): an error response, or no connection
 */
int eb_pipeline_step(eb_pipeline_t *pipeline, uint64_t wait_ns);

void eb_pipeline_close(eb_pipeline_t *pipeline);

#endif
