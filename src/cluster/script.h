/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The script that runs at the broker (cluster/script/): how it is loaded and
 * called, and its operation hello. The operations publish, close, clients,
 * counts, presence and who are called where their arguments are known.
 */
#ifndef ES_CLUSTER_SCRIPT_H
#define ES_CLUSTER_SCRIPT_H

#include <apr_pools.h>

#include "base/decimal.h"
#include "base/id.h"
#include "base/slice.h"
#include "cluster/link.h"

/** The text of the script; made from cluster/script/. */
extern const char es_cluster_script_text[];

/** Words of a call before the name of the operation. */
#define ES_CLUSTER_SCRIPT_HEAD 8

/** How the script is called for a hub. */
typedef struct es_cluster_script_t {
    es_slice_t head[ES_CLUSTER_SCRIPT_HEAD]; /* of each call */
    es_slice_t events;                       /* the key of the stream */
    char digest[41];                         /* SHA-1 of the text, in hex */
} es_cluster_script_t;

/**
 * Prepare calls of the script.
 *
 * @param key   what the names of keys begin with
 * @param hub   name of the hub
 * @param pool  the names live in it
 */
void es_cluster_script_init(es_cluster_script_t *script, const char *key,
                            const char *hub, apr_pool_t *pool);

/** Called between parts of a wait. @return 0 = wait no longer */
typedef int es_cluster_keep_fn_t(void *arg);

/** Between two calls of es_cluster_keep_fn_t. */
#define ES_CLUSTER_KEEP (500 * 1000)

/**
 * Send a command and wait for its reply. No other reply may be expected on the
 * link.
 *
 * @param keep   NULL = none
 * @param reply  the caller's; NULL unless APR_SUCCESS is returned
 * @return APR_SUCCESS, also if the reply is an error; APR_TIMEUP; APR_EINTR:
 *         keep has returned 0; another error of the link
 *
 * Context: CLUSTER; blocks until by.
 */
apr_status_t es_cluster_script_ask(es_cluster_link_t *link, int argc,
                                   const es_slice_t *argv, apr_time_t by,
                                   es_cluster_keep_fn_t *keep, void *arg,
                                   es_cluster_reply_t **reply);

/**
 * Call the script; the broker gets its text if it has not got it yet. The rest
 * is as for es_cluster_script_ask.
 *
 * @param argv  head, the name of an operation and its arguments
 */
apr_status_t es_cluster_script_call(es_cluster_link_t *link, int argc,
                                    const es_slice_t *argv, apr_time_t by,
                                    es_cluster_keep_fn_t *keep, void *arg,
                                    es_cluster_reply_t **reply);

/** Room for why an epoch began, with NUL. */
#define ES_CLUSTER_EPOCH_WHY_SIZE 32

/** What hello has found. */
typedef struct es_cluster_hello_t {
    char epoch[ES_DECIMAL_MAX + 1]; /* the present one, for publish and close */
    es_id_t last;                   /* of the stream */
    apr_int64_t now_ms;             /* the broker's clock, since 1970 */
    char began[ES_CLUSTER_EPOCH_WHY_SIZE]; /* why an epoch began with this
                                            * call; "" = none did */
} es_cluster_hello_t;

/**
 * Look at the stream; if a new epoch has to begin, begin it.
 *
 * @param last      the last id in the journal, 0-0 = none from a broker
 * @param hello     filled on APR_SUCCESS
 * @param why       on failure: a sentence part for logs, without secrets
 * @param why_size  bytes
 * @return APR_SUCCESS; as es_cluster_script_ask; APR_EGENERAL: the broker
 *         refuses, or has answered something else
 */
apr_status_t es_cluster_script_hello(const es_cluster_script_t *script,
                                     es_cluster_link_t *link,
                                     const es_id_t *last, apr_time_t by,
                                     es_cluster_keep_fn_t *keep, void *arg,
                                     es_cluster_hello_t *hello, char *why,
                                     apr_size_t why_size);

/** The text of an error reply, printable and cut to size. */
void es_cluster_script_error(char *why, apr_size_t size,
                             const es_cluster_reply_t *reply);

#endif
