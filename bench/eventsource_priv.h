/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eventsource_priv: for the files of eventsource only. eventsource.c has the
 * client and HTTP/1.1, eventsource_h2.c HTTP/2.
 */
#ifndef EB_EVENTSOURCE_PRIV_H
#define EB_EVENTSOURCE_PRIV_H

#include "bench/eventsource.h"

#define EB_EVENTSOURCE_SLOW_BUFFER 4096 /* SO_RCVBUF of a slow client */

#define EB_EVENTSOURCE_AGENT_SIZE 24

/* ---- of eventsource.c ---- */

/** Its User-Agent with --browser: each client is a browser of its own. */
void eb_eventsource_agent(const eb_eventsource_t *client,
                          char agent[EB_EVENTSOURCE_AGENT_SIZE]);

/** The path of its request, truncated to size. */
void eb_eventsource_path(const eb_eventsource_t *client, char *dst,
                         size_t size);

/**
 * The head of the response is complete: its stream begins, or is refused.
 *
 * @param type  value of Content-Type, with what follows; or NULL
 */
void eb_eventsource_head(eb_eventsource_t *client, int status,
                         const char *type);

/** The server, or the network, ended the stream; the client is closed. */
void eb_eventsource_end(eb_eventsource_t *client, int is_clean,
                        const char *why);

/** The server asks for HTTP/1.1: it is used from now on, at once. */
void eb_eventsource_asked(eb_eventsource_t *client);

/* ---- of eventsource_h2.c ---- */

/** Is its next request one of HTTP/2? */
int eb_eventsource_uses_h2(const eb_eventsource_t *client);

/** Connect, unless there is a connection, and request. */
void eb_eventsource_h2_connect(eb_eventsource_t *client);

/** While connecting: request once there is a connection. */
void eb_eventsource_h2_request(eb_eventsource_t *client);

/** Reset the stream, if there is one. */
void eb_eventsource_h2_drop(eb_eventsource_t *client);

/** Before a client closes: some close their whole connection. */
void eb_eventsource_h2_disconnect(eb_eventsource_t *client);

/** Read as much as a slow client reads now. */
void eb_eventsource_h2_read_slowly(eb_eventsource_t *client);

#endif
