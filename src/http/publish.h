/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Publishing: from a request to events in the journal, at the GRIP proxies and
 * at the publishers of other modules; and GET and DELETE of a publish Location.
 *
 *     publish ─► publish_auth ─► body and its format ─► publish_store
 *                                                         │      │
 *                              publish_result ◄───────────┘      └─► publishers
 *
 * publish_ndjson and publish_items serve two formats in ways of their own;
 * channel_get and channel_delete serve the other methods.
 */
#ifndef ES_HTTP_PUBLISH_H
#define ES_HTTP_PUBLISH_H

#include <httpd.h>

#include "base/event.h"
#include "base/id.h"
#include "base/problem.h"
#include "journal/close.h"
#include "cluster/publisher.h"
#include "grip/sender.h"
#include "server/runtime.h"
#include "server/settings.h"
#include "http/body_formats.h"
#include "http/request_channels.h"

/* ---- The handler: publish.c --------------------------------------------- */

/**
 * The handler of SetHandler eventstream-publish, to which applications send
 * events. The formats of bodies are read by http/body_formats.h.
 *
 * @return DECLINED for another handler
 */
int es_publish_handler(request_rec *r);

/* ---- Access: publish_auth.c --------------------------------------------- */

/*
 * EventStreamPublishFrom: which requests may publish, in addition to Require.
 * A Location without the directive admits "local" only.
 */

/**
 * Note what shows that a request came through a proxy, before other modules
 * change its headers. Internal redirects and subrequests inherit it.
 *
 * @return DECLINED
 *
 * Context: hook post_read_request, before mod_headers (early) and mod_remoteip.
 */
int es_publish_auth_look(request_rec *r);

/**
 * Does anything show that the request came through a proxy? A header that other
 * modules have removed is known only if the peer is this host. Context: WORKER.
 */
int es_publish_auth_shows_proxy(const request_rec *r);

/**
 * Does the request name this server: a ServerName or ServerAlias, a loopback
 * name, or any address? A page of another site whose name was made to resolve
 * to this server (DNS rebinding) names that one. Context: WORKER.
 */
int es_publish_auth_names_server(const request_rec *r);

/**
 * Does one of the words of EventStreamPublishFrom admit the request?
 *
 *   local      the peer is on this host, and as it was received the request
 *              shows no proxy in between, neither by a header nor by HTTP/1.0:
 *              behind a proxy on the same host every client comes from
 *              127.0.0.1. A request that es_publish_auth_look has not seen is
 *              not local. A GET, a HEAD and what a browser sends must name a
 *              host of this server, because of DNS rebinding
 *   user       the request is authenticated
 *   any        every request
 *   addresses  the client's address matches, as with Require ip; the host is
 *              checked as for local, and may be any address
 *
 * Where the Location has keys, the key decides alone, except that "none" closes
 * to keys, too.
 *
 * @param why  403 with the remedy, which describes the request; 401 as
 *             es_publish_key_admits
 * @return 1, or 0 with why
 *
 * Context: WORKER; does not read the body.
 */
int es_publish_auth_admits(request_rec *r, const es_dir_t *conf,
                           es_problem_t *why);

/**
 * May the request control channels: close them, read their statistics, and
 * learn the addresses of GRIP proxies? EventStreamControlFrom has the same
 * words. Without it the words local and addresses of EventStreamPublishFrom
 * count: they name machines, while user and any name visitors of the site.
 *
 * @return 1 or 0
 *
 * Context: WORKER; does not read the body.
 */
int es_publish_auth_controls(request_rec *r, const es_dir_t *conf);

/**
 * The same, for a request that needs it.
 *
 * @param why  403 with the remedy
 * @return 1, or 0 with why
 */
int es_publish_auth_admits_control(request_rec *r, const es_dir_t *conf,
                                   es_problem_t *why);

/* ---- The keys of publishers: publish_key.c ------------------------------- */

/*
 * EventStreamPublishKey: the publisher shows that it has a key, in the header
 * Authorization: Bearer. Its address does not matter then.
 */

/**
 * Has the request one of the keys, or a token of one?
 *
 * @param keys  one or more
 * @param why   401 with the remedy; the header WWW-Authenticate is set
 * @return 1, or 0 with why
 *
 * Context: WORKER; does not read the body.
 */
int es_publish_key_admits(request_rec *r, const es_publish_keys_t *keys,
                          es_problem_t *why);

/* ---- Checks of a batch: publish_store.c --------------------------------- */

/*
 * The checks of a batch that was read from a request, by the settings of its
 * Location, before it is stored.
 */

/**
 * Give the events that name no channel the channels of the Location.
 *
 * @param rights  from es_request_channels_publish_rights
 * @param why     400: the Location has none either, or too many; else as
 *                es_request_channels_expand
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_publish_store_channels(const es_request_rights_t *rights,
                              es_batch_t *batch, es_problem_t *why);

/**
 * Check that events with so many channels can be stored as one batch.
 *
 * @param channels  of all events; one counts once for each of its events
 * @param why       413
 * @return 1, or 0 with why
 *
 * Context: ANY thread of a child.
 */
int es_publish_store_check_count(apr_size_t channels, apr_pool_t *p,
                                 es_problem_t *why);

/**
 * Check an event with es_event_check, and count a refusal because of its size.
 *
 * @param max_bytes  of its data
 * @param why        as es_event_check
 * @return 1, or 0 with why
 *
 * Context: ANY thread of a child.
 */
int es_publish_store_check_event(const es_event_t *event, apr_int64_t max_bytes,
                                 apr_pool_t *p, es_problem_t *why);

/**
 * Check each event of a batch: its channels and its contents.
 *
 * @param rights  from es_request_channels_publish_rights
 * @param why     403: a channel is not allowed; else as es_event_check. The
 *                sentence states the event's index in the batch
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_publish_store_check(const es_request_rights_t *rights,
                           const es_batch_t *batch, es_problem_t *why);

/* ---- The result at the GRIP proxies: publish_result.c ------------------- */

/*
 * What became of a publish at the GRIP proxies of its hub: waits for their
 * outcomes and puts them into the answer to the publisher.
 */

typedef struct es_publish_result_t {
    /* in: until when to wait, from es_publish_result_deadline; 0 = for the
     * timeout of the hub, from now on */
    apr_time_t by;
    int shows_proxies;     /* in: 1 = the answer may name proxies and modules;
                            * 0 = it numbers them, as "proxy 1" */
    const es_grip_t *grip; /* NULL = the hub has no proxies */
    int outcomes[ES_GRIP_PROXIES_MAX];
} es_publish_result_t;

/**
 * The end of a wait for proxies that begins now. A request that waits several
 * times passes it on, so that all its waits together take no longer than one.
 *
 * @return a time of es_clock_now; 0 without proxies
 */
apr_time_t es_publish_result_deadline(const es_runtime_hub_t *hub);

/**
 * Wait for the proxies, if the hub has any. If some events were stored earlier
 * already, they are sent again to each proxy that has not taken them.
 *
 * @param result  its by and shows_proxies are set; the rest is filled
 *
 * Context: WORKER; see es_grip_runtime_wait.
 */
void es_publish_result_wait(es_publish_result_t *result,
                            const es_runtime_hub_t *hub,
                            const es_appended_t *done);

/** The same for closes of channels, between the positions from and to. */
void es_publish_result_wait_close(es_publish_result_t *result,
                                  const es_runtime_hub_t *hub, es_pos_t from,
                                  es_pos_t to);

/**
 * Add the result of another part of the same publish. A proxy that did not take
 * one of the parts has failed; the outcome of its last failure is kept.
 *
 * @param sum  all 0 before the first part, except for shows_proxies
 */
void es_publish_result_add(es_publish_result_t *sum,
                           const es_publish_result_t *part);

/**
 * Has every proxy taken it? Always 1 with EventStreamGripOnError ignore.
 *
 * @param why  502, with the proxies that have not
 * @return 1, or 0 with why
 */
int es_publish_result_check(const es_publish_result_t *result, apr_pool_t *p,
                            es_problem_t *why);

/** ", \"grip\": […]" for a JSON object; "" without proxies; in p. */
const char *es_publish_result_json(const es_publish_result_t *result,
                                   apr_pool_t *p);

/** ", \"error\": …" with the problem's sentence, for the same object; in p. */
const char *es_publish_result_error(const es_problem_t *why, apr_pool_t *p);

/* ---- Storing: publish_store.c ------------------------------------------- */

/*
 * Stores a checked batch for a request or for another module: appends it to the
 * hub's journal, wakes the children that have clients of its channels, calls
 * the publishers of other modules and waits for GRIP proxies. It knows no
 * request.
 */

/**
 * Publish a batch: all of its events, or none.
 *
 * @param hub    from es_runtime_hub; NULL: this child serves no events
 * @param batch  passed es_event_check; each event has a channel
 * @param p      for temporary memory and for why
 * @param done   includes events stored earlier; valid on success and on 502,
 *               otherwise its head is 0
 * @param why    409: a publisher's id belongs to another event of a channel;
 *               413: the batch is more than half of the journal; 502: it is in
 *               the journal, but a GRIP proxy or a publisher of another module
 *               did not take it; 503: no slot for another channel, or the hub
 *               is out of service; 508: a publisher of another module called
 *               this from within its own call
 * @return 1, or 0 with why
 *
 * Context: WORKER; takes the store lock; blocks as long as publishers and
 * proxies do.
 */
int es_publish_store(const es_runtime_hub_t *hub, const es_batch_t *batch,
                     apr_pool_t *p, es_appended_t *done, es_problem_t *why);

/** The same for events of our own: GRIP proxies get them, but nobody waits for
 * that. */
int es_publish_store_unwaited(const es_runtime_hub_t *hub,
                              const es_batch_t *batch, apr_pool_t *p,
                              es_appended_t *done, es_problem_t *why);

/**
 * The same; also returns the outcomes at the hub's GRIP proxies. If the result
 * does not show proxies, why does not name publishers of other modules either.
 *
 * @param result  its by and shows_proxies are set; the rest is filled. Its grip
 *                is NULL also if nothing was stored
 */
int es_publish_store_sent(const es_runtime_hub_t *hub, const es_batch_t *batch,
                          apr_pool_t *p, es_appended_t *done,
                          es_publish_result_t *result, es_problem_t *why);

/**
 * Close a channel: its streams end in all children.
 *
 * @param hub      as es_publish_store
 * @param name     checked
 * @param seconds  for which it stays closed; 0 = clients may reconnect at once
 * @param why      503: no slot for another channel, or the hub is out of
 *                 service
 * @return 1, or 0 with why
 *
 * Context: WORKER; takes the store lock.
 */
int es_publish_store_close(const es_runtime_hub_t *hub, es_slice_t name,
                           apr_int64_t seconds, apr_pool_t *p,
                           es_closed_t *done, es_problem_t *why);

/** 409: the publisher's id of an event belongs to another one. @return 0 */
int es_publish_store_refuse_clash(const es_batch_t *batch,
                                  const es_clash_t *clash, apr_pool_t *p,
                                  es_problem_t *why);

/** 413: the batch is larger than what the hub can take. @return 0 */
int es_publish_store_refuse_size(const es_runtime_hub_t *hub, apr_pool_t *p,
                                 es_problem_t *why);

/* ---- Storing in a clustered hub: publish_cluster.c ---------------------- */

/*
 * The same for a clustered hub, whose events go to its broker. They are stored
 * when the broker and the journal of this server have them. The broker may have
 * events of a publish that has failed: the sentence of the problem says so.
 *
 * Context of all: WORKER; they block as long as timeout= of EventStreamCluster
 * allows.
 */

/**
 * Publish a batch, all or none.
 *
 * @param hub   clustered
 * @param done  as es_publish_store; its clients are those of all servers
 * @param why   409, 413, 503 as es_publish_store
 * @return 1, or 0 with why
 */
int es_publish_cluster(const es_runtime_hub_t *hub, const es_batch_t *batch,
                       apr_pool_t *p, es_appended_t *done, es_problem_t *why);

/** Close a channel at all servers; as es_publish_store_close. */
int es_publish_cluster_close(const es_runtime_hub_t *hub, es_slice_t name,
                             apr_int64_t seconds, apr_pool_t *p,
                             es_closed_t *done, es_problem_t *why);

/** Revoke at all servers; as es_publish_store_close. */
int es_publish_cluster_revoke(const es_runtime_hub_t *hub,
                              const es_cluster_revoked_t *revoked,
                              apr_pool_t *p, es_problem_t *why);

/**
 * Clients of channels at all servers.
 *
 * @param clients  count of them; filled on success
 * @return 1; 0: the broker does not answer
 */
int es_publish_cluster_clients(const es_runtime_hub_t *hub,
                               const es_slice_t *names, int count,
                               apr_uint64_t *clients);

/**
 * Why a batch or a close was not stored; an outage is logged, once in a while.
 *
 * @param batch  NULL = it cannot clash
 * @param rv     of the call that has filled result
 * @return 0 with why
 */
int es_publish_cluster_refuse(const es_runtime_hub_t *hub,
                              const es_batch_t *batch, apr_status_t rv,
                              const es_cluster_result_t *result, apr_pool_t *p,
                              es_problem_t *why);

/**
 * Note that so many events are stored.
 *
 * @param before  the head of the journal before the batch was sent to the
 *                broker
 * @param done    filled from result; its positions are those of the events that
 *                are new
 */
void es_publish_cluster_done(const es_runtime_hub_t *hub, int events,
                             es_pos_t before, const es_cluster_result_t *result,
                             es_appended_t *done);

/* ---- A stream of batches to a broker: publish_pipe.c -------------------- */

/*
 * A pipe: batches of one stream that are on their way to the broker. The next
 * one is sent before the one before it is stored, in the same order, so that
 * the speed of the stream does not depend on how far away the broker is.
 */
typedef struct es_publish_pipe_t es_publish_pipe_t;

/** What has become of the batches of a pipe, in order. */
typedef struct es_publish_piped_t {
    apr_uint64_t published; /* events, up to the first batch that failed */
    es_appended_t done;     /* of the last of these batches */
} es_publish_piped_t;

/** Make a pipe. @return NULL: the hub is not clustered, or hub is NULL */
es_publish_pipe_t *es_publish_pipe_create(const es_runtime_hub_t *hub,
                                          apr_pool_t *pool);

/**
 * May the batch be sent before the batches before it are stored? Not if it can
 * clash with another event, since the events before that one are to be stored;
 * nor if publishers of other modules must get it afterwards.
 */
int es_publish_pipe_takes(const es_batch_t *batch);

/**
 * Send a batch, which is copied. Waits for the oldest if there are many.
 *
 * @param piped  what is known by now is added
 * @param p      for why
 * @param why    503 of this batch or of an earlier one, which ends the pipe
 * @return 1, or 0 with why: nothing is on its way any more
 */
int es_publish_pipe_send(es_publish_pipe_t *pipe, const es_batch_t *batch,
                         es_publish_piped_t *piped, apr_pool_t *p,
                         es_problem_t *why);

/**
 * Wait until all batches are stored.
 *
 * @return 1, or 0 with why
 */
int es_publish_pipe_finish(es_publish_pipe_t *pipe, es_publish_piped_t *piped,
                           apr_pool_t *p, es_problem_t *why);

/* ---- NDJSON: publish_ndjson.c ------------------------------------------- */

/*
 * A publish request whose body is a stream of events, one on each line
 * (application/x-ndjson). Lines are published as they arrive, and the body may
 * be endless.
 *
 *     bytes ─► body_stream ─► lines ─► es_body_json ─► batch ─► publish_store
 *
 * Lines that arrive together make one batch, because a batch costs little more
 * than an event. Nothing is read while a batch waits to be stored. So TCP slows
 * the publisher down while deliveries are behind (flow_control), and while
 * es_publish_store waits, for example for a slow proxy.
 *
 * The stream ends at the end of the body, at a line that is no event, when no
 * line has arrived for EventStreamPublishTimeout, when the publisher has
 * disconnected, and when the child stops. What was published by then remains,
 * and the answer states how many events that are. To a clustered hub the next
 * batch is sent before the last one is stored (publish_pipe.c).
 */

/**
 * Serve an NDJSON request: read, publish, answer. It occupies its worker as
 * long as the body lasts; afterwards the connection ends.
 *
 * @return what the handler returns
 *
 * Context: WORKER; the access checks have passed, nothing was read.
 */
int es_publish_ndjson_serve(request_rec *r, const es_dir_t *conf);

/* ---- GRIP items: publish_items.c ---------------------------------------- */

/*
 * GRIP items, which a GRIP library would otherwise publish to a proxy. Their
 * events go to the clients of this hub, and the answers are those of a proxy,
 * so that the library sees no difference.
 */

/**
 * Publish items and answer.
 *
 * @return what the handler returns
 *
 * Context: WORKER; the access checks have passed. Takes the store lock.
 */
int es_publish_items_serve(request_rec *r, const es_dir_t *conf,
                           const es_body_items_t *json);

/* ---- Publishers of other modules: publishers.c -------------------------- */

/*
 * The publishers that other modules have registered (mod_eventstream.h, the
 * provider group). Each is called with every batch after it was appended to the
 * journal.
 */

/**
 * Find the registered publishers. One that cannot be called is logged as an
 * error and left out.
 *
 * Context: PARENT, post_config.
 */
void es_publishers_find(apr_pool_t *pconf, server_rec *s);

/**
 * Call each publisher with a batch, even if one of them fails.
 *
 * @param why  502, naming the last one that did not take it; already logged
 * @return 1, or 0 with why
 *
 * Context: WORKER; blocks as long as they do.
 */
int es_publishers_call(const char *hub, const es_batch_t *batch,
                       const es_id_t *last_id, apr_pool_t *p,
                       es_problem_t *why);

/** Are there any? Context: ANY thread of a child. */
int es_publishers_exist(void);

/** Is this thread within the call of a publisher? Context: ANY. */
int es_publishers_is_calling(void);

/* ---- DELETE on a publish Location: channel_delete.c --------------------- */

/*
 * DELETE closes channels. Their streams end, and for some time clients that
 * reconnect get 204, on which an EventSource stops.
 */

/**
 * Close the channels of ?channel=, or those of the Location, one after the
 * other; ?for= is the number of seconds for which they stay closed.
 *
 * @return what the handler returns
 *
 * Context: WORKER; the access checks have passed. Takes the store lock.
 */
int es_channel_delete_handler(request_rec *r, const es_dir_t *conf);

#endif
