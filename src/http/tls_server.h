/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The TLS of the server, by the public hooks of mod_ssl: what is captured of
 * each connection from its handshake on, whether its client can be detached,
 * and the session with which it goes on then. Without mod_ssl's header
 * (configure says so) all of this answers that the client must be held.
 */
#ifndef ES_HTTP_TLS_SERVER_H
#define ES_HTTP_TLS_SERVER_H

#include <httpd.h>

#include "tls/session.h"

#ifdef ES_HAVE_MOD_SSL

/** Register the hooks; mod_ssl need not be there. */
void es_tls_server_register(void);

/**
 * After mod_ssl has made its contexts: test with which protocols and ciphers
 * clients can be detached, and capture connections from now on, unless
 * EventStreamDetachTLS is off in all servers with TLS.
 *
 * Context: PARENT, in post_config, settings complete.
 */
void es_tls_server_start(apr_pool_t *ptemp, server_rec *s);

/**
 * Are clients over TLS and HTTP/1.1 of this server detached, as far as is known
 * without one of them?
 *
 * Context: PARENT, after es_tls_server_start; WORKER.
 */
int es_tls_server_detaches(const server_rec *s);

/**
 * How clients over TLS and HTTP/1.1 are served, for the line at the start.
 *
 * @return static text; NULL: no server has TLS, as far as is known
 *
 * Context: PARENT, after es_tls_server_start.
 */
const char *es_tls_server_describe(void);

/**
 * The obstacles for which clients over TLS are not detached, from 1 on; how
 * often each was met is es_stats_obstacle_count.
 *
 * @param text  filled: in words, after "because "; static
 * @return in one word, for programs; NULL: there are no more
 *
 * Context: ANY.
 */
const char *es_tls_server_obstacle(unsigned int obstacle, const char **text);

/**
 * Before this client of TLS is detached: read and drop what it has sent after
 * its request. If it cannot be detached, the reason is in the error log, each
 * reason once for each child.
 *
 * @param r  the connection is not one of HTTP/2; it has a filter of mod_ssl
 * @return 1: the connection ends with the stream, because the client can be
 *         detached, or because something was dropped; 0: it is held, and may
 *         send another request later
 *
 * Context: WORKER, before the head is sent.
 */
int es_tls_server_prepare(request_rec *r);

/**
 * Take the session over, if this client can be detached. Nothing is read.
 * OpenSSL takes the connection for one that was closed properly, so that the
 * client can resume its TLS session. mod_ssl must write no more: the caller
 * marks the connection as aborted before httpd closes it.
 *
 * @param session  filled; all zero on 0; the caller wipes it
 * @return 1; 0: it cannot, which is counted and logged; nothing has changed
 *
 * Context: WORKER, after the head was sent.
 */
int es_tls_server_take(request_rec *r, es_tls_session_t *session);

/** mod_ssl goes on after all: no record was sealed with the session. */
void es_tls_server_give_back(request_rec *r);

/** The session goes on elsewhere: what was captured is wiped. */
void es_tls_server_forget(request_rec *r);

#else

/* http/tls_unbuilt.c: clients over TLS are held, and that is told. */

const char *es_tls_server_describe(void);
const char *es_tls_server_obstacle(unsigned int obstacle, const char **text);
int es_tls_server_take(request_rec *r, es_tls_session_t *session);

static inline void es_tls_server_register(void)
{
}

static inline void es_tls_server_start(apr_pool_t *ptemp, server_rec *s)
{
    (void)ptemp, (void)s;
}

static inline int es_tls_server_detaches(const server_rec *s)
{
    (void)s;
    return 0;
}

static inline int es_tls_server_prepare(request_rec *r)
{
    (void)r;
    return 0;
}

static inline void es_tls_server_give_back(request_rec *r)
{
    (void)r;
}

static inline void es_tls_server_forget(request_rec *r)
{
    (void)r;
}

#endif

#endif
