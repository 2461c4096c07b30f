/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Holding: a client that cannot be detached keeps its worker, within the
 * budget; beyond it, it is served in turns.
 */
#ifndef ES_HTTP_HOLD_H
#define ES_HTTP_HOLD_H

#include "http/stream.h"

/**
 * Serve the stream until it ends; its head and first frames are out.
 *
 * @return what the handler returns
 *
 * Context: WORKER, blocks.
 */
int es_hold_serve(es_stream_t *stream);

/**
 * Serve what waits for the client, then ask it to come back: a limit is
 * reached. No worker is kept longer than the client takes to read.
 *
 * @return what the handler returns
 */
int es_hold_briefly(es_stream_t *stream);

/**
 * Ask the client to come back and end the stream: the child stops, or there
 * is nothing to serve it with.
 *
 * @return what the handler returns
 */
int es_hold_send_away(es_stream_t *stream);

#endif
