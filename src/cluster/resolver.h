/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The addresses of a host. The system's resolver has no deadline, and may hang
 * for minutes when a name server does not answer; so a thread of its own asks
 * it, and is left alone when the time is over.
 */
#ifndef ES_CLUSTER_RESOLVER_H
#define ES_CLUSTER_RESOLVER_H

#include <apr_errno.h>
#include <apr_time.h>

#include <sys/socket.h>

#define ES_CLUSTER_ADDRESSES_MAX 8

/** Threads that hang in the resolver at the same time, of a process. */
#define ES_CLUSTER_RESOLVER_THREADS 8

typedef struct es_cluster_addresses_t {
    struct {
        struct sockaddr_storage addr;
        socklen_t len;
    } list[ES_CLUSTER_ADDRESSES_MAX]; /* further ones are not used */
    int count;
} es_cluster_addresses_t;

/**
 * Find the addresses of a host. An address needs no resolver, and no thread.
 *
 * @param host      a name or an address; at most 255 bytes
 * @param stopping  1 = give up soon; NULL = never
 * @param by        deadline, as of es_clock_now
 * @return APR_SUCCESS: there is at least one; APR_ENOENT: no such host;
 *         APR_TIMEUP; APR_EOF: stopping; APR_EBUSY: too many threads hang;
 *         APR_EGENERAL, or why there is no thread
 *
 * Context: CLUSTER; blocks until by.
 */
apr_status_t es_cluster_resolver_find(es_cluster_addresses_t *out,
                                      const char *host, int port,
                                      const volatile int *stopping,
                                      apr_time_t by);

#endif
