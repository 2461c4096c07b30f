/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The publishing client: the one door to libcurl. It posts bodies to GRIP
 * proxies, to many at once, without blocking but in es_grip_client_wait.
 *
 * A line is what leads to one proxy: one post at a time, whose connection is
 * used again if the proxy keeps it. Nothing of the environment counts (no
 * proxies, no .netrc); no redirect is followed; certificates are checked.
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
typedef struct es_grip_line_t es_grip_line_t;

/**
 * Make libcurl ready, in this process and not before a fork.
 *
 * @return APR_SUCCESS, APR_EGENERAL
 *
 * Context: CHILD_INIT. To be undone by es_grip_client_teardown.
 */
apr_status_t es_grip_client_setup(void);

/** Context: after all clients were closed. */
void es_grip_client_teardown(void);

/**
 * @param lines  most lines it will have: as many connections are kept
 * @return APR_SUCCESS, APR_ENOMEM
 */
apr_status_t es_grip_client_open(es_grip_client_t **out, int lines);

/** Posts on their way are given up. All lines must be closed before. */
void es_grip_client_close(es_grip_client_t *client);

typedef struct es_grip_line_params_t {
    const char *uri; /* where to post; must outlive the line */
    apr_interval_time_t connect_timeout;
    apr_interval_time_t timeout; /* of a post, connecting included */
    void *owner;                 /* what es_grip_client_done gives back */
} es_grip_line_params_t;

/** @return APR_SUCCESS, APR_ENOMEM */
apr_status_t es_grip_line_open(es_grip_line_t **out, es_grip_client_t *client,
                               const es_grip_line_params_t *params);

void es_grip_line_close(es_grip_line_t *line);

/**
 * Begin a post. es_grip_client_done tells how it ended.
 *
 * @param authorization  value of the header; NULL = none
 * @param body           JSON; must stay until it is done or given up
 * @return APR_SUCCESS, APR_ENOMEM; the line must have none on its way
 */
apr_status_t es_grip_line_post(es_grip_line_t *line, const char *authorization,
                               es_slice_t body);

/** Give up the post on its way, if there is one; its connection closes. */
void es_grip_line_give_up(es_grip_line_t *line);

/**
 * Go on with all posts, as far as that goes without waiting.
 *
 * @param outcome  of a post that has ended
 * @return the line's owner, or NULL: no other has ended; to be called until
 *         then
 */
void *es_grip_client_done(es_grip_client_t *client, int *outcome);

/**
 * Wait until a post can go on, fd is readable, or the time is over.
 */
void es_grip_client_wait(es_grip_client_t *client, int fd,
                         apr_interval_time_t timeout);

#endif
