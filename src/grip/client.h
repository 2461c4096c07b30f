/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The HTTP client that publishes to GRIP proxies; only client.c includes
 * libcurl. It posts bodies to many proxies at once, and blocks in
 * es_grip_client_wait only.
 *
 * A line leads to one proxy. It has one request in flight at a time, and uses
 * its connection again if the proxy keeps it open. The environment has no
 * effect (no HTTP proxies, no .netrc), redirects are not followed, certificates
 * are checked.
 *
 * A client and its lines belong to one thread.
 */
#ifndef ES_GRIP_CLIENT_H
#define ES_GRIP_CLIENT_H

#include <apr_pools.h>
#include <apr_time.h>

#include "base/slice.h"
#include "grip/outcome.h"

typedef struct es_grip_client_t es_grip_client_t;
typedef struct es_grip_conn_t es_grip_conn_t;

/**
 * Initialize libcurl in this process, not before a fork.
 *
 * @return APR_SUCCESS: es_grip_client_teardown must follow; APR_EGENERAL
 *
 * Context: CHILD_INIT.
 */
apr_status_t es_grip_client_setup(void);

/** Undo es_grip_client_setup, after all clients were closed. */
void es_grip_client_teardown(void);

/**
 * @param lines  most lines that it will have, and connections that it keeps
 * @return APR_SUCCESS, APR_ENOMEM
 */
apr_status_t es_grip_client_open(es_grip_client_t **out, int lines);

/** All its lines must be closed before. */
void es_grip_client_close(es_grip_client_t *client);

typedef struct es_grip_conn_params_t {
    const char *uri; /* where to post; must outlive the line */
    apr_interval_time_t connect_timeout;
    apr_interval_time_t timeout; /* of a request, connecting included */
    void *owner;                 /* what es_grip_client_done returns */
} es_grip_conn_params_t;

/** @return APR_SUCCESS, APR_ENOMEM */
apr_status_t es_grip_conn_open(es_grip_conn_t **out, es_grip_client_t *client,
                               const es_grip_conn_params_t *params);

/** The request in flight, if there is one, is cancelled. */
void es_grip_conn_close(es_grip_conn_t *line);

/**
 * Begin a POST request. es_grip_client_done returns its outcome.
 *
 * @param line           has no request in flight
 * @param authorization  value of the header; NULL = none
 * @param body           JSON; must stay until the request has ended
 * @return APR_SUCCESS, APR_ENOMEM
 */
apr_status_t es_grip_conn_post(es_grip_conn_t *line, const char *authorization,
                               es_slice_t body);

/** Cancel the request in flight, if there is one; its connection closes. */
void es_grip_conn_cancel(es_grip_conn_t *line);

/**
 * Go on with all requests as far as possible without waiting. The caller
 * repeats the call until it returns NULL.
 *
 * @param outcome  of a request that has ended: 0 = the proxy took the body,
 *                 else as grip/outcome.h
 * @return the owner of its line; NULL: no other request has ended
 */
void *es_grip_client_done(es_grip_client_t *client, int *outcome);

/**
 * Wait until a request can go on, fd is readable, or the time is over.
 */
void es_grip_client_wait(es_grip_client_t *client, int fd,
                         apr_interval_time_t timeout);

#endif
