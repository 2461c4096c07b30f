/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Subscribing: from the request of a browser to a client that is served.
 */
#ifndef ES_HTTP_SUBSCRIBE_H
#define ES_HTTP_SUBSCRIBE_H

#include <httpd.h>

#include "base/channel.h"
#include "shm/client_count.h"
#include "journal/resume.h"
#include "deliver/sink.h"
#include "server/runtime.h"
#include "server/settings.h"
#include "http/identity.h"

/* ---- The handler: subscribe.c ------------------------------------------- */

/** The handler of SetHandler eventstream. @return DECLINED for another one */
int es_subscribe_handler(request_rec *r);

/**
 * Serve a request of another handler as a stream of channels that its module
 * has chosen. All else is as in es_subscribe_handler.
 *
 * @param channels  count C strings, see es_request_channels_take
 * @return what the handler returns
 *
 * Context: WORKER, not in a subrequest.
 */
int es_subscribe_run(request_rec *r, const char *const *channels, int count);

/**
 * Told when the client of a request is served: its socket was handed over, or a
 * worker begins to hold it. Nothing may be written to r.
 *
 * @param mode  how: "detached", "held", "turn", "brief"
 */
typedef void es_served_fn_t(request_rec *r, const char *mode, void *baton);

/**
 * Serve a request of another handler of ours as a stream.
 *
 * @param conf       the settings with which it is served, instead of those of
 *                   the request
 * @param channels   as es_subscribe_run
 * @param on_served  NULL = none
 * @return what the handler returns
 *
 * Context: WORKER; GET or HEAD, not in a subrequest.
 */
int es_subscribe_serve(request_rec *r, const es_dir_t *conf,
                       const char *const *channels, int count,
                       es_served_fn_t *on_served, void *baton);

/* ---- A stream about to be served: stream.c ------------------------------ */

/*
 * A stream: what subscribe_admit has found for a request, and what detach or
 * hold need to serve it.
 */

/* the media type of a stream, as in Accept: without a charset */
#define ES_STREAM_TYPE "text/event-stream"

typedef struct es_stream_t {
    request_rec *r;
    const es_dir_t *conf;
    const es_runtime_hub_t *hub;
    apr_uint32_t child; /* the number that is counted and subscribed */
    es_slot_t *slots;   /* subscribed at the hub's store; in r's pool */
    int nslots;         /* 0 = not subscribed: only the end is sent */
    es_start_t start;   /* where it starts; stream-open carries its id */
    es_slice_t reset;   /* stream-reset to begin with; empty = none */
    es_part_t *replay;  /* nslots of them, NULL = all from start on */
    int replays;        /* 1 = it begins with events of the past, if there are
                         * any */
    es_slice_t who;     /* as es_presence_name returns it */
    es_identified_t identified; /* who it is for */
    es_counted_t counted;
    es_hub_figures_t *figures; /* where a held client counts; NULL = where its
                                * delivery does */
    apr_size_t sent;           /* bytes of the body, with the head */
    const char *mode;          /* how it is served, for EventStreamLog */
    int has_copy;              /* of es_detach_announce */
    int copy;                  /* of the socket's descriptor, owned */
    es_served_fn_t *on_served; /* NULL = none */
    void *baton;               /* its last argument */
} es_stream_t;

/** Call on_served, if there is one, with the stream's mode. */
void es_stream_tell_served(const es_stream_t *stream);

/** Set the status and headers that each stream has. Context: WORKER. */
void es_stream_set_head(request_rec *r);

/**
 * Answer that all channels of the stream are closed: 204, on which an
 * EventSource stops reconnecting.
 *
 * @return what the handler returns
 */
int es_stream_refuse_closed(es_stream_t *stream);

/**
 * Make the stream's client, which takes over its subscription and its count.
 *
 * @param sink  owned by the client on success
 * @param kind  how it is counted
 * @return the client, or NULL if out of memory
 *
 * Context: WORKER.
 */
es_client_t *es_stream_client(es_stream_t *stream, es_sink_t *sink,
                              es_client_count_kind_t kind);

/** End the subscription and the count, and close the copy of the descriptor, if
 * the stream still has them. */
void es_stream_drop(es_stream_t *stream);

/** The retry: of stream-open, in milliseconds: EventStreamRetry, raised at
 * random by up to EventStreamRetrySpread. */
apr_int64_t es_stream_open_retry(const es_dir_t *conf);

/** EventStreamRetry, varied at random by 20 %, in milliseconds: the retry: of a
 * stream that the server ends. */
apr_int64_t es_stream_retry(const es_stream_t *stream);

/* ---- Admission: subscribe_admit.c --------------------------------------- */

/*
 * Admission: count the client of a request that has passed all checks,
 * subscribe it, and find its start: the present position, or where it stopped.
 */

typedef enum es_admit_result_t {
    ES_ADMIT_DONE,  /* serve it */
    ES_ADMIT_BRIEF, /* a limit is reached: send missed events, then the end */
    ES_ADMIT_NONE,  /* no hub or no slot for a channel: send only the end */
    ES_ADMIT_CLOSED /* all channels are closed: es_stream_refuse_closed */
} es_admit_result_t;

/**
 * Wait for what a clustered hub does not have yet: the history, because this
 * server has just been started, or the event whose id the client of this
 * request has, because another server got it sooner.
 *
 * @return 1; 0: this server does not follow the broker, so the client should
 *         come back, perhaps to another one
 *
 * Context: WORKER; blocks for four seconds at most, with signals open, see
 * es_cluster_runtime_wait_synced and es_cluster_runtime_behind_by.
 */
int es_subscribe_admit_wait(request_rec *r, const es_dir_t *conf,
                            const es_channel_set_t *names);

/**
 * Admit a client within the limits: clients in total, of an address, of a user
 * and of this child, channels of an address and of the hub.
 *
 * @param stream  r and conf are set; the rest is filled
 * @param names   one or more, checked; closed ones are left out
 *
 * Context: WORKER.
 */
es_admit_result_t es_subscribe_admit(es_stream_t *stream,
                                     const es_channel_set_t *names);

/**
 * Only subscribe and find the start, for a request that reads what is there and
 * ends. It is not counted, and no limit on clients applies.
 *
 * @param stream  r, conf and hub are set; release it with es_stream_drop
 * @param names   one or more; set to those that are not closed
 * @return ES_ADMIT_DONE, ES_ADMIT_NONE or ES_ADMIT_CLOSED
 *
 * Context: WORKER.
 */
es_admit_result_t es_subscribe_admit_uncounted(es_stream_t *stream,
                                               const es_channel_set_t **names);

/**
 * How far back clients of the hub may resume: history= and age= of
 * EventStreamHub, as of now.
 *
 * Context: ANY.
 */
es_resume_reach_t es_subscribe_admit_reach(const es_runtime_hub_t *hub);

/* ---- Detaching: detach.c ------------------------------------------------ */

/*
 * Detaching: the socket of an HTTP/1.x client moves to the delivery, over TLS
 * with its session, and httpd's worker, connection and memory are free at once.
 */

/**
 * Put "Connection: close" into the head if the client may be detached, because
 * its connection ends with the stream. httpd then closes the connection also if
 * the client is held after all, for filters of the request. A client that is
 * surely held (HTTP/2, TLS with an obstacle) may use its connection again.
 *
 * The stream gets its copy of the socket's descriptor now: at an ungraceful
 * restart httpd closes its own at any time, and a client that has got its head
 * must not be cut.
 *
 * Context: WORKER, before the head was sent.
 */
void es_detach_announce(es_stream_t *stream);

/** The note of r, "1", once its client is detached: for the access log, whose
 * line is written at that moment and not at the end of the stream. */
#define ES_DETACHED_NOTE "es-detached"

/** The note of r, in words, of a client that is not detached: why. */
#define ES_NOT_DETACHED_NOTE "es-not-detached"

/**
 * Submit the client to the delivery if it can be detached: all filters between
 * the handler and the socket are known to leave bytes alone
 * (http/output_path.h), and its TLS can go on (http/tls_server.h). Call it
 * after the head was sent: filters that act on the head have removed themselves
 * by then.
 *
 * The copy of the descriptor is the delivery's then, or closed.
 *
 * @return APR_SUCCESS: nothing may be written to r any more, and r has
 *         ES_DETACHED_NOTE; APR_ENOTIMPL: it cannot be detached, nothing has
 *         changed, and the caller holds it; another error: the caller ends the
 *         stream, whose subscription is either complete or ended
 *
 * Context: WORKER.
 */
apr_status_t es_detach(es_stream_t *stream);

/* ---- Holding: hold.c ---------------------------------------------------- */

/*
 * Holding: a client that cannot be detached keeps its worker, within the
 * budget; beyond the budget it is served in turns.
 */

/**
 * Serve the stream until it ends; its head and first frames were sent.
 *
 * @return what the handler returns
 *
 * Context: WORKER, blocks.
 */
int es_hold_serve(es_stream_t *stream);

/**
 * Send the events the client missed, then ask it to reconnect: a limit is
 * reached. The worker is free once the client has read them.
 *
 * @return what the handler returns
 */
int es_hold_briefly(es_stream_t *stream);

/**
 * Ask the client to reconnect and end the stream: the child stops, or cannot
 * serve it.
 *
 * @return what the handler returns
 */
int es_hold_end(es_stream_t *stream);

#endif
