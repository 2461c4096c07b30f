/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Subscribing: from the request of a browser to a client that is served.
 */
#ifndef ES_HTTP_SUBSCRIBE_H
#define ES_HTTP_SUBSCRIBE_H

#include <httpd.h>

#include "base/channel.h"
#include "shm/client_count.h"
#include "journal/replay.h"
#include "journal/resume.h"
#include "deliver/sink.h"
#include "server/runtime.h"
#include "server/settings.h"

/* ---- The handler: subscribe.c ------------------------------------------- */

/*
 * SetHandler eventstream: a browser subscribes, and becomes a client.
 */

/** The handler. @return DECLINED when the handler is another */
int es_subscribe_handler(request_rec *r);

/**
 * Serve a request of another handler as a stream of channels that its module
 * has chosen. All else is as in this one.
 *
 * @param channels  count C strings, see es_request_channels_take
 * @return what the handler returns
 *
 * Context: WORKER, not in a subrequest.
 */
int es_subscribe_run(request_rec *r, const char *const *channels, int count);

/* ---- A stream about to be served: stream.c ------------------------------ */

/*
 * A stream about to be served: what subscribe has found out of a request and
 * what detach or hold need to serve it.
 */

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

/* ---- Admission: subscribe_admit.c --------------------------------------- */

/*
 * Entering: a request that has passed all checks is counted in, subscribed,
 * and put at its position: the present one, or where it has left off.
 */

typedef enum es_admit_result_t {
    ES_ADMIT_DONE,  /* to be served */
    ES_ADMIT_BRIEF, /* a limit is reached: what waits for it, then the end */
    ES_ADMIT_NONE,  /* no hub or channel to be had: nothing but the end */
    ES_ADMIT_CLOSED /* all of its channels are closed: it is to stay away */
} es_admit_result_t;

/**
 * Enter with a limit in mind: clients in all, for an address, of this child,
 * channels of the hub.
 *
 * @param stream  r and conf are set; gets all the rest
 * @param names   one or more, checked; those that are closed are left out
 *
 * Context: WORKER.
 */
es_admit_result_t es_subscribe_admit(es_stream_t *stream,
                                     const es_channel_set_t *names);

/**
 * Subscribe and find the start only, for who reads and goes: nothing is
 * counted, and no limit on clients is looked at.
 *
 * @param stream  r, conf and hub are set; to be dropped with es_stream_drop
 * @param names   one or more; become those that are not closed
 * @return ES_ADMIT_DONE, ES_ADMIT_NONE or ES_ADMIT_CLOSED
 *
 * Context: WORKER.
 */
es_admit_result_t es_subscribe_admit_uncounted(es_stream_t *stream,
                                               const es_channel_set_t **names);

/**
 * How far back a hub gives events to who comes again: EventStreamHub history=
 * and age=, from now on.
 *
 * Context: ANY.
 */
es_resume_reach_t es_subscribe_admit_reach(const es_runtime_hub_t *hub);

/* ---- Detaching: detach.c ------------------------------------------------ */

/*
 * Detaching: a plain HTTP/1.x client's socket goes to delivery, and httpd's
 * worker, connection and memory are free at once.
 */

/**
 * Can this request's client be detached? Only if what stands between the
 * handler and the socket is known to leave bytes alone. To be asked when the
 * head is out: filters that act on the head only have gone by then.
 */
int es_detach_is_possible(request_rec *r);

/**
 * Hand the client over. On success nothing may be written to r any more.
 *
 * @return APR_SUCCESS, or an error: the stream has then nothing subscribed
 *         any more or still all, and is the caller's to end
 *
 * Context: WORKER.
 */
apr_status_t es_detach(es_stream_t *stream);

/* ---- Holding: hold.c ---------------------------------------------------- */

/*
 * Holding: a client that cannot be detached keeps its worker, within the
 * budget; beyond it, it is served in turns.
 */

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

/* ---- The sink of a held request: hold.c --------------------------------- */

/*
 * A sink that is a request held by its worker: TLS, HTTP/2, or other filters
 * in the output chain. Each write goes through all of the request's filters
 * and is flushed; it blocks as httpd's writes do, up to Timeout.
 */

/** A sink in r's pool, which goes with it; close and finish do nothing. */
es_sink_t *es_sink_held_create(request_rec *r);

/**
 * Has the client of a held request gone? Also noticed while nothing is
 * written: a reset stream, a connection that was closed by the peer.
 */
int es_sink_held_is_gone(const es_sink_t *sink);

#endif
