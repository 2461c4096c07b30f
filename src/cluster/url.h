/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The address of a broker, as EventStreamCluster has it:
 *
 *     redis://[user:password@]host[:port][/db]
 *     rediss://…                                   the same over TLS
 *     redis+sentinel://[user:password@]host[:port],host[:port]…/name[/db]
 *     rediss+sentinel://…                          sentinels, too, over TLS
 *     redis+unix://[user:password@]/path[?db=N]
 *
 * User, password, name and path are percent-decoded; an IPv6 address stands in
 * brackets. Pure.
 */
#ifndef ES_CLUSTER_URL_H
#define ES_CLUSTER_URL_H

#include <apr_pools.h>

#define ES_CLUSTER_HOSTS_MAX 16
#define ES_CLUSTER_PORT 6379           /* unless the URL has one */
#define ES_CLUSTER_SENTINEL_PORT 26379 /* the same of a sentinel */
#define ES_CLUSTER_DB_MAX 999999

typedef struct es_cluster_host_t {
    const char *host; /* name or address, without brackets */
    int port;         /* 1..65535 */
} es_cluster_host_t;

typedef struct es_cluster_url_t {
    int is_tls;
    int is_sentinel;      /* the hosts are sentinels */
    const char *path;     /* of a Unix socket; NULL = TCP; then no hosts */
    const char *user;     /* NULL = none, as the next; never empty */
    const char *password; /* never logged */
    es_cluster_host_t hosts[ES_CLUSTER_HOSTS_MAX];
    int nhosts;          /* more than one only with sentinels */
    const char *name;    /* of the primary, as sentinels know it; or NULL */
    int db;              /* 0..ES_CLUSTER_DB_MAX */
    const char *display; /* for logs: the URL without user and password */
} es_cluster_url_t;

/**
 * Parse the URL of a broker.
 *
 * @param out  in p; not set if it is wrong
 * @return NULL, or what is wrong ("the URL …"), static or in p: it names the
 *         part at fault and shows neither user nor password
 */
const char *es_cluster_url_parse(const es_cluster_url_t **out, const char *text,
                                 apr_pool_t *p);

#endif
