/* SPDX-License-Identifier: Apache-2.0 */
/* A connection is freed here only, outside of its callbacks. */
#include "bench/multiplex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNS_OF_GROUP 4 /* on the average, those that end included */
#define SPARE_CONNS 16

static uint32_t group_of(const eb_multiplex_t *multiplex, uint32_t client)
{
    return client / multiplex->opts->streams;
}

int eb_multiplex_open(eb_multiplex_t *multiplex,
                      const eb_verify_options_t *opts, const eb_h2_ops_t *ops)
{
    uint32_t groups;

    multiplex->opts = opts;
    multiplex->ops = ops;
    groups = group_of(multiplex, opts->clients - 1) + 1;
    multiplex->nconns = groups * CONNS_OF_GROUP + SPARE_CONNS;
    multiplex->conns = calloc(multiplex->nconns, sizeof(*multiplex->conns));
    multiplex->current = calloc(groups, sizeof(*multiplex->current));
    multiplex->connects = calloc(groups, sizeof(*multiplex->connects));
    if (multiplex->conns == NULL || multiplex->current == NULL ||
        multiplex->connects == NULL) {
        fprintf(stderr, "verify: %s\n", strerror(errno));
        return -1;
    }
    if (opts->tls == EB_TLS_NO) {
        return 0;
    }
    multiplex->tls = eb_tls_client((eb_tls_version_t)opts->tls, opts->cipher);
    return multiplex->tls != NULL ? eb_tls_agree(multiplex->tls, EB_H2_PROTOCOL)
                                  : -1;
}

void eb_multiplex_close(eb_multiplex_t *multiplex)
{
    uint32_t i;

    for (i = 0; i < multiplex->nconns; i++) {
        if (multiplex->conns[i].h2 != NULL) {
            eb_h2_close(multiplex->conns[i].h2, 0);
        }
    }
    free(multiplex->conns);
    free(multiplex->current);
    free(multiplex->connects);
    eb_tls_close(multiplex->tls);
}

static eb_multiplex_conn_t *free_conn(eb_multiplex_t *multiplex)
{
    uint32_t i;

    for (i = 0; i < multiplex->nconns; i++) {
        if (multiplex->conns[i].h2 == NULL) {
            return &multiplex->conns[i];
        }
    }
    errno = ENOBUFS;
    return NULL;
}

eb_h2_t *eb_multiplex_conn(eb_multiplex_t *multiplex, uint32_t client)
{
    uint32_t *current = &multiplex->current[group_of(multiplex, client)];
    eb_h2_t *h2;

    if (*current == 0) {
        return NULL;
    }
    h2 = multiplex->conns[*current - 1].h2;
    if (h2 == NULL || eb_h2_is_leaving(h2)) {
        *current = 0;
        return NULL;
    }
    return h2;
}

int eb_multiplex_connect(eb_multiplex_t *multiplex, uint32_t client,
                         int buffer_bytes)
{
    const eb_net_addrs_t *servers = &multiplex->opts->servers;
    uint32_t group = group_of(multiplex, client);
    const struct sockaddr_in *server;
    eb_multiplex_conn_t *free;
    eb_conn_t conn;

    if (eb_multiplex_conn(multiplex, client) != NULL) {
        return 0;
    }
    server =
        &servers->addr[(group + multiplex->connects[group]++) % servers->count];
    free = free_conn(multiplex);
    if (free == NULL ||
        eb_conn_start(&conn,
                      buffer_bytes != 0
                          ? eb_net_connect_narrow(server, buffer_bytes)
                          : eb_net_connect(server, 0),
                      multiplex->tls) != 0) {
        return -1;
    }
    free->is_watched = 0;
    free->is_narrow = buffer_bytes != 0;
    free->h2 = eb_h2_open(&conn, 0, multiplex->ops, free);
    if (free->h2 == NULL) {
        return -1;
    }
    multiplex->current[group] = (uint32_t)(free - multiplex->conns) + 1;
    return 0;
}

int eb_multiplex_next(eb_multiplex_t *multiplex, int *fd)
{
    eb_multiplex_conn_t *conn;
    uint32_t i;

    for (i = 0; i < multiplex->nconns; i++) {
        conn = &multiplex->conns[i];
        if (conn->h2 != NULL && !conn->is_watched) {
            conn->is_watched = 1;
            *fd = eb_h2_fd(conn->h2);
            return (int)i;
        }
    }
    return -1;
}

/* Frees the slot; a group that has it as its own finds it empty, or, if it is
 * another one's by then, must not: so it is removed there. */
static void release(eb_multiplex_t *multiplex, eb_multiplex_conn_t *conn,
                    int by_reset)
{
    uint32_t groups = group_of(multiplex, multiplex->opts->clients - 1) + 1;
    uint32_t number = (uint32_t)(conn - multiplex->conns) + 1;
    uint32_t i;

    for (i = 0; i < groups; i++) {
        if (multiplex->current[i] == number) {
            multiplex->current[i] = 0;
        }
    }
    eb_h2_close(conn->h2, by_reset);
    conn->h2 = NULL;
}

void eb_multiplex_ready(eb_multiplex_t *multiplex, uint32_t number)
{
    eb_multiplex_conn_t *conn = &multiplex->conns[number];
    int rc = 0;

    if (conn->h2 != NULL) {
        rc = conn->is_narrow ? eb_h2_flush(conn->h2) : eb_h2_ready(conn->h2);
    }
    if (rc < 0) {
        release(multiplex, conn, 0);
    }
}

void eb_multiplex_flush(eb_multiplex_t *multiplex)
{
    eb_multiplex_conn_t *conn;
    uint32_t i;

    for (i = 0; i < multiplex->nconns; i++) {
        conn = &multiplex->conns[i];
        if (conn->h2 != NULL &&
            (eb_h2_flush(conn->h2) < 0 ||
             (eb_h2_is_leaving(conn->h2) && eb_h2_streams(conn->h2) == 0))) {
            release(multiplex, conn, 0);
        }
    }
}

int eb_multiplex_read(eb_multiplex_t *multiplex, eb_h2_t *h2, size_t size)
{
    eb_multiplex_conn_t *conn = eb_h2_arg(h2);
    int rc = eb_h2_read(h2, size);

    if (rc < 0) {
        release(multiplex, conn, 0);
    }
    return rc > 0;
}

void eb_multiplex_hang_up(eb_multiplex_t *multiplex, eb_h2_t *h2, int by_reset)
{
    release(multiplex, eb_h2_arg(h2), by_reset);
}
