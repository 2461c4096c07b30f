/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The link: a connection to the primary of a broker (Redis, Valkey), used by
 * one thread. Commands are queued, sent together and answered in order.
 *
 * Each call that waits has a deadline, a time of es_clock_now, and keeps it
 * whatever the network, the resolver or the broker do. It also ends within
 * ES_CLUSTER_LINK_LOOK when *stopping is set. A deadline that has passed, such
 * as 0, means: do not wait. What a broker sends is bounded, and never trusted
 * to be what was asked for.
 *
 * A link that has failed stays failed: each further call returns the same
 * status at once, and es_cluster_link_why tells why. It is closed then, and
 * another one is opened.
 *
 * It knows no streams and no scripts.
 */
#ifndef ES_CLUSTER_LINK_H
#define ES_CLUSTER_LINK_H

#include <apr_errno.h>
#include <apr_time.h>

#include "base/slice.h"
#include "cluster/reply.h"
#include "cluster/url.h"

/** Microseconds after which a wait looks at *stopping again. */
#define ES_CLUSTER_LINK_LOOK (200 * 1000)

/** Bytes of queued commands that are not sent yet. */
#define ES_CLUSTER_LINK_QUEUE_MAX ((apr_size_t)64 << 20)

/** Room for any es_cluster_link_why with its NUL. */
#define ES_CLUSTER_LINK_WHY_SIZE 256

/** Room for any es_cluster_link_address with its NUL. */
#define ES_CLUSTER_LINK_ADDRESS_SIZE 128

typedef struct es_cluster_link_t es_cluster_link_t;

typedef struct es_cluster_link_params_t {
    const es_cluster_url_t *url;
    const char *password; /* from secret=; NULL = that of the URL */
    const char *ca_file;  /* PEM; NULL = the system's; as the next, TLS only */
    const char *cert_file, *key_file;    /* of this client, PEM; NULL = none */
    int verify;                          /* 0 = any certificate will do */
    apr_interval_time_t connect_timeout; /* for each server: its name, the
                                          * connection, TLS, AUTH … */
    apr_size_t reply_max;                /* bytes of one reply; 0 = preset */
    const volatile int *stopping;        /* atomic; 1 = waits end soon; NULL =
                                          * never */
} es_cluster_link_params_t;

/** 1 if a wait is to end. */
static inline int es_cluster_link_is_stopping(const volatile int *stopping)
{
    /* relaxed: nothing else depends on it */
    return stopping != NULL && __atomic_load_n(stopping, __ATOMIC_RELAXED);
}

/** Was the module built with hiredis? Without it no link can be opened. */
int es_cluster_link_is_built(void);

/**
 * Find the primary, connect, authenticate and select the database.
 *
 * With sentinels, each is asked until more than half of them name the same
 * server. The primaries that they name are tried, that of most votes first. A
 * server is taken only if it says itself that it is a primary (ROLE), and that
 * it serves (PING: not LOADING, not BUSY).
 *
 * @param out      NULL unless APR_SUCCESS is returned; close it
 * @param params   all that it points to lives as long as the link
 * @param by       bounds all of it
 * @param why      on failure: one sentence part for logs and the status page,
 *                 with the server's address and without any secret; else ""
 * @param why_size ES_CLUSTER_LINK_WHY_SIZE
 * @return APR_SUCCESS; APR_ENOTIMPL: not built; APR_EOF: closed by the broker,
 *         or stopping; APR_TIMEUP; APR_EACCES: user or password refused;
 *         APR_EMISMATCH: not a primary; APR_EBUSY: LOADING and the like;
 *         APR_ENOENT: no sentinel knows the name, or no such host; an error of
 *         connect(); APR_EGENERAL
 *
 * Context: CLUSTER; blocks.
 */
apr_status_t es_cluster_link_open(es_cluster_link_t **out,
                                  const es_cluster_link_params_t *params,
                                  apr_time_t by, char *why,
                                  apr_size_t why_size);

/** Close and free it; replies stay. NULL does nothing. Never blocks. */
void es_cluster_link_close(es_cluster_link_t *link);

/** The broker's run_id: another one each time that its process starts. */
const char *es_cluster_link_run(const es_cluster_link_t *link);

/** "host:port", for logs. */
const char *es_cluster_link_address(const es_cluster_link_t *link);

/** Why it has failed, without any secret; "" if it has not. */
const char *es_cluster_link_why(const es_cluster_link_t *link);

/**
 * Queue a command. It is sent by es_cluster_link_send, or by the next
 * es_cluster_link_receive.
 *
 * @param argv  argc (> 0) words; copied
 * @return APR_SUCCESS; APR_ENOSPC: more than ES_CLUSTER_LINK_QUEUE_MAX would
 *         wait, nothing is queued; that of a failed link
 */
apr_status_t es_cluster_link_add(es_cluster_link_t *link, int argc,
                                 const es_slice_t *argv);

/**
 * Send what is queued.
 *
 * @return APR_SUCCESS; APR_TIMEUP: some of it is still queued; APR_EOF: closed,
 *         or stopping; APR_EGENERAL
 *
 * Context: CLUSTER; blocks until by.
 */
apr_status_t es_cluster_link_send(es_cluster_link_t *link, apr_time_t by);

/**
 * Send what is queued and return the next reply in order.
 *
 * @param reply  the caller's until es_cluster_reply_free; it does not need the
 *               link; NULL unless APR_SUCCESS is returned
 * @return APR_SUCCESS, also if the reply is an error; APR_TIMEUP: call again;
 *         APR_EOF: closed, or stopping; APR_ENOSPC: the reply is larger than
 *         reply_max; APR_EGENERAL: what came is no reply, or none is expected
 *
 * Context: CLUSTER; blocks until by.
 */
apr_status_t es_cluster_link_receive(es_cluster_link_t *link,
                                     es_cluster_reply_t **reply, apr_time_t by);

/** Commands that were queued or sent, and have no reply yet. */
apr_uint64_t es_cluster_link_expected(const es_cluster_link_t *link);

/**
 * To wait for a link and for other descriptors: poll this one for
 * es_cluster_link_events (POLLIN, POLLOUT). Before it, receive with by = 0
 * until APR_TIMEUP: bytes that were read already do not make it readable.
 */
int es_cluster_link_fd(const es_cluster_link_t *link);
short es_cluster_link_events(const es_cluster_link_t *link);

#endif
