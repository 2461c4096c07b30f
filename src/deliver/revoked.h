/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which clients a revocation ends (shm/revocations.h). A client remembers up to
 * which number it was looked at. A delivery looks at all of its conns when the
 * number has risen, in parts, and at a conn whenever it is stepped; so also at
 * one that has just come, from a worker or from another child. A worker looks
 * at the client that it holds.
 */
#ifndef ES_DELIVER_REVOKED_H
#define ES_DELIVER_REVOKED_H

#include "shm/revocations.h"
#include "deliver/conns.h"

/**
 * Look at a client.
 *
 * @param number  of es_revocations_number, read before
 * @return 1: it is to end. 0: no revocation up to number concerns it, which it
 *         remembers
 *
 * Context: the client's owner; takes no lock.
 */
int es_revoked_check(es_client_t *client, const es_revocations_t *table,
                     apr_uint64_t number);

/* ---- the conns of a delivery --------------------------------------------- */

/* Context of all: DELIVERY, unless another is named. */

/** Revocations that a walk has at hand; with more it looks into the table. */
#define ES_REVOKED_LIST 256

/** Of a set of conns. */
typedef struct es_revoked_t {
    es_revocations_t *table; /* NULL = none */
    apr_uint64_t done;       /* all conns were looked at up to it */
    apr_uint64_t target;     /* of the walk; done if there is none */
    apr_uint32_t clean;      /* conns in a row that had been looked at */
    int count;               /* of list; -1 = there are more */
    es_revocation_t list[ES_REVOKED_LIST]; /* above done, up to target */
} es_revoked_t;

/** @param table  NULL = none; outlives conns. Context: the thread that makes
 * the loop. */
void es_revoked_init(es_conns_t *conns, es_revocations_t *table);

/** 1 when there are revocations that no walk knows. Takes no lock. */
int es_revoked_is_new(const es_conns_t *conns);

/** Begin a walk, if there is none. Workers are to look at their clients. */
void es_revoked_begin(es_conns_t *conns);

/**
 * Look at conns, if there is a walk, and end the streams of those that are
 * revoked: es_conns_run writes the ends.
 *
 * @param deadline  NULL = all
 * @return 1 when some are left
 */
int es_revoked_run(es_conns_t *conns, es_deadline_t *deadline);

/** Look at a conn that the walk has not looked at yet. @return 1 = so it was */
int es_revoked_look(es_conns_t *conns, es_conn_t *conn);

#endif
