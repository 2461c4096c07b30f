/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Publishing: from a request to events in the journal.
 */
#ifndef ES_HTTP_PUBLISH_H
#define ES_HTTP_PUBLISH_H

#include <httpd.h>

#include "base/event.h"
#include "base/id.h"
#include "base/problem.h"
#include "journal/close.h"
#include "grip/sender.h"
#include "server/runtime.h"
#include "server/settings.h"
#include "http/body_formats.h"

/* ---- The handler: publish.c --------------------------------------------- */

/*
 * SetHandler eventstream-publish: the application puts events in. This part
 * knows the request; formats are read by the body readers, es_body_*.h.
 */

/** The handler. @return DECLINED when the handler is another */
int es_publish_handler(request_rec *r);

/* ---- Access: publish_auth.c --------------------------------------------- */

/*
 * The gate: EventStreamPublishFrom, who may publish beside what Require
 * says. Closed unless opened.
 */

/**
 * Does one of the words of EventStreamPublishFrom let the request in?
 *
 *   local      the peer and, as mod_remoteip has it, the client are on this
 *              host, and no header tells of a proxy in between: behind a
 *              proxy on the same host everybody comes from 127.0.0.1
 *   user       authenticated
 *   any        everybody
 *   addresses  the client's address, as Require ip takes it
 *
 * @param why  403 with the remedy, which tells what was seen
 * @return 1, or 0 with why
 *
 * Context: WORKER; reads nothing of the body.
 */
int es_publish_auth_admits(request_rec *r, const es_dir_t *conf,
                           es_problem_t *why);

/* ---- Checks of a batch: publish_store.c --------------------------------- */

/*
 * The intake: what a Location has to say of a batch that was read from a
 * request, before it goes to the outlet.
 */

/**
 * Give events that name no channel those of the Location, the last resort.
 *
 * @param why  400: there are none either, or too many; or as
 * es_request_channels_expand
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_publish_check_channels(request_rec *r, const es_dir_t *conf,
                              es_batch_t *batch, es_problem_t *why);

/**
 * Is the event fit to be published, as es_event_check says, at this most of
 * bytes?
 *
 * @return 1, or 0 with why
 *
 * Context: ANY thread of a child.
 */
int es_publish_check_event(const es_event_t *event, apr_int64_t max_bytes,
                           apr_pool_t *p, es_problem_t *why);

/**
 * May each event be published here, and is it fit to be?
 *
 * @param why  403: EventStreamAllowChannel; else as es_event_check; with the
 *             event's place in the batch
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_publish_check(request_rec *r, const es_dir_t *conf,
                     const es_batch_t *batch, es_problem_t *why);

/* ---- The result at the GRIP proxies: publish_result.c ------------------- */

/*
 * A dispatch: what became of a publish at the GRIP proxies of its hub, as its
 * publisher is told.
 */

typedef struct es_publish_result_t {
    apr_time_t
        by; /* in: until when to wait, of es_publish_result_end; 0 = as long
                    * as the hub says, from now on */
    const es_grip_t *grip; /* NULL = the hub has no proxies */
    int outcomes[ES_GRIP_PROXIES_MAX];
} es_publish_result_t;

/**
 * When waiting is over that begins now: for a request that waits several
 * times, but not for longer. 0 without proxies.
 */
apr_time_t es_publish_result_end(const es_runtime_hub_t *hub);

/**
 * Wait for the proxies, when the hub has some. Of events that were known
 * before, those that a proxy has not taken are sent to it again.
 *
 * Context: WORKER; see es_grip_runtime_wait.
 */
void es_publish_result_wait(es_publish_result_t *dispatch,
                            const es_runtime_hub_t *hub,
                            const es_appended_t *done);

/** The same for the close of channels, from one position up to another. */
void es_publish_result_wait_close(es_publish_result_t *dispatch,
                                  const es_runtime_hub_t *hub, es_pos_t from,
                                  es_pos_t to);

/**
 * Add what became of another part of the same publish: a proxy that has not
 * taken one of them has failed, and the last failure counts.
 *
 * @param sum  begins as all 0: nothing was stored yet
 */
void es_publish_result_add(es_publish_result_t *sum,
                           const es_publish_result_t *part);

/**
 * Has every proxy taken it? With EventStreamGripOnError ignore that does not
 * matter.
 *
 * @param why  502 naming those that have not
 * @return 1, or 0 with why
 */
int es_publish_result_check(const es_publish_result_t *dispatch, apr_pool_t *p,
                            es_problem_t *why);

/** ", \"error\": …" with a problem's sentence, to go behind it; in p. */
const char *es_publish_result_error(const es_problem_t *why, apr_pool_t *p);

/** ", \"grip\": […]", to go into a JSON object; "" without proxies; in p. */
const char *es_publish_result_json(const es_publish_result_t *dispatch,
                                   apr_pool_t *p);

/* ---- Storing: publish_store.c ------------------------------------------- */

/*
 * The outlet: where a checked batch goes, whoever publishes it. Into the
 * hub's journal; the children that have clients of its channels are woken;
 * then GRIP proxies and other modules' publishers get it. It knows no request.
 */

/**
 * Publish a batch: all of its events, or none.
 *
 * @param hub    from es_runtime_hub; NULL: this child serves no events
 * @param batch  passed es_event_check, each event has a channel
 * @param p      for what is needed meanwhile, and for why
 * @param done   the batch's part that was there already counts in it, too;
 *               filled also at 502, else its head is 0
 * @param why    409: a publisher's id stands for another event of a channel;
 *               413: more than half of the journal; 502: in the journal, but
 *               a GRIP proxy or a publisher of another module did not take it;
 *               503: no room for another channel, or the hub is out of
 *               service; 508: called by such a publisher
 * @return 1, or 0 with why
 *
 * Context: WORKER; takes the store lock; blocks as long as publishers and
 * proxies do.
 */
int es_publish_store(const es_runtime_hub_t *hub, const es_batch_t *batch,
                     apr_pool_t *p, es_appended_t *done, es_problem_t *why);

/**
 * The same, and tell what became of it at the hub's GRIP proxies.
 *
 * @param dispatch  its by is set, the rest filled; its grip is NULL when
 *                  nothing was stored, too
 */
int es_publish_store_sent(const es_runtime_hub_t *hub, const es_batch_t *batch,
                          apr_pool_t *p, es_appended_t *done,
                          es_publish_result_t *dispatch, es_problem_t *why);

/**
 * Close a channel for some seconds: its streams end, over all children.
 *
 * @param hub   as es_publish_store
 * @param name  checked
 * @param why   503: no room for another channel, or the hub is out of service
 * @return 1, or 0 with why
 *
 * Context: WORKER; takes the store lock.
 */
int es_publish_store_close(const es_runtime_hub_t *hub, es_slice_t name,
                           apr_int64_t seconds, apr_pool_t *p,
                           es_closed_t *done, es_problem_t *why);

/* ---- NDJSON: publish_ndjson.c ------------------------------------------- */

/*
 * The feed: a publish request whose body is a stream of events, one on each
 * line (application/x-ndjson). Lines are published as they come, and the body
 * may be endless.
 *
 *     bytes ─► body_stream ─► lines ─► es_body_json ─► batch ─► publish_store
 *
 * Lines that are there together are one batch, so that it is fast. Nothing is
 * read while a batch waits to be stored, so TCP pushes back to the writer:
 * while deliveries are behind (flow_control), and as long as es_publish_store
 * takes, be it for a proxy that is slow.
 *
 * It ends at the end of the body, at a line that is no event, when no line
 * has come for EventStreamPublishTimeout, when the writer has gone, and when
 * the child stops. What was published by then stays, and is told.
 */

/**
 * Serve such a request: read, publish, answer. It keeps its worker as long as
 * the body lasts; the connection ends with it.
 *
 * @return what the handler returns
 *
 * Context: WORKER; who may publish has been checked, nothing was read.
 */
int es_publish_ndjson_serve(request_rec *r, const es_dir_t *conf);

/* ---- GRIP items: publish_items.c ---------------------------------------- */

/*
 * GRIP items that are published here as to a proxy, so that GRIP libraries
 * need not know the difference: their events go to the clients of this hub,
 * and the answers are a proxy's.
 */

/**
 * Publish items and answer.
 *
 * @return what the handler returns
 *
 * Context: WORKER, who may publish here; takes the store lock.
 */
int es_publish_items_serve(request_rec *r, const es_dir_t *conf,
                           const es_body_items_t *json);

/* ---- Publishers of other modules: publishers.c -------------------------- */

/*
 * The publishers that other modules have registered (mod_eventstream.h, the
 * provider group): each hears of what was published, after the journal took
 * it.
 */

/**
 * Look which there are; one that cannot be called is told in the error log.
 *
 * Context: PARENT, post_config.
 */
void es_publishers_find(apr_pool_t *pconf, server_rec *s);

/**
 * Call each of them with a batch, also when one of them fails.
 *
 * @param why  502, naming the last that did not take it; told in the error log
 *             already
 * @return 1, or 0 with why
 *
 * Context: WORKER; blocks as long as they do.
 */
int es_publishers_call(const char *hub, const es_batch_t *batch,
                       const es_id_t *last_id, apr_pool_t *p,
                       es_problem_t *why);

/** 1 within a call of this thread. Context: ANY. */
int es_publishers_is_calling(void);

/* ---- GET on a publish Location: channel_get.c --------------------------- */

/*
 * GET on a publish Location: the figures of channels, as JSON. Of those that
 * are named, or a page of those whose names begin alike.
 */

/**
 * Answer with figures.
 *
 *   ?channel=a&channel=b   of these; without, of the Location's own channels
 *   ?list=prefix           a page of all known ones: limit=, after=
 *
 * @return what the handler returns
 *
 * Context: WORKER, who may publish here; takes the store lock, for short
 * times.
 */
int es_channel_get_handler(request_rec *r, const es_dir_t *conf);

/* ---- DELETE on a publish Location: channel_delete.c --------------------- */

/*
 * DELETE on a publish Location: closes channels. Their streams end, and who
 * comes again within a time is told to stay away.
 */

/**
 * Close the channels of ?channel=, or of the Location, one after the other;
 * ?for= are the seconds for which they stay closed.
 *
 * @return what the handler returns
 *
 * Context: WORKER, who may publish here; takes the store lock.
 */
int es_channel_delete_handler(request_rec *r, const es_dir_t *conf);

#endif
