/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A stream about to be served: what subscribe has found out of a request and
 * what detach or hold need to serve it.
 */
#ifndef ES_HTTP_STREAM_H
#define ES_HTTP_STREAM_H

#include <httpd.h>

#include "shm/client_count.h"
#include "journal/replay.h"
#include "server/runtime.h"
#include "server/settings.h"

#define ES_STREAM_TYPE "text/event-stream"

typedef struct es_stream_t {
    request_rec *r;
    const es_dir_t *conf;
    const es_runtime_hub_t *hub;
    es_slot_t *slots;    /* subscribed at the hub's store; in r's pool */
    int nslots;          /* 0 = not subscribed: only the end is to be told */
    es_start_t start;    /* where it begins; id is told in stream-open */
    es_slice_t reset;    /* stream-reset to begin with; empty = none */
    es_replay_t *replay; /* nslots of them, NULL = all from start on */
    es_counted_t counted;
} es_stream_t;

/** Set what the head of each stream has. Context: WORKER. */
void es_stream_set_head(request_rec *r);

/**
 * Answer that all of its channels are closed: on 204 an EventSource stops for
 * good.
 *
 * @return what the handler returns
 */
int es_stream_stay_away(es_stream_t *stream);

/**
 * Make the stream's client; its subscription and ticket go to the client.
 *
 * @param sink  owned by the client on success
 * @return the client, or NULL without memory
 *
 * Context: WORKER.
 */
es_client_t *es_stream_client(es_stream_t *stream, es_sink_t *sink);

/** Give back subscription and ticket, if the stream still has them. */
void es_stream_drop(es_stream_t *stream);

/** EventStreamRetry, varied at random by a fifth, in milliseconds. */
apr_int64_t es_stream_retry(const es_stream_t *stream);

#endif
