/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The table of revocations: whose streams were ended by an administrator, and
 * until when who has that name gets no new ones. It is in a shared segment that
 * the parent keeps over restarts, and serves all hubs.
 *
 * A user or the id of a token is known here by a keyed hash, so that a client
 * needs 8 bytes for each, and nobody outside can choose a name with the hash of
 * another one. The key is made with the table.
 *
 * Each revocation has a number, higher than all before it. Whoever owns a
 * client remembers up to which number the client was looked at:
 *
 *     a request  reads the number N, then asks whether it is refused ──┐
 *                a revocation up to N is seen here                     │
 *     a client   begins with N: one above N ends it  ◄─────────────────┘
 *
 * So a revocation that comes in the same moment either refuses the request or
 * ends the stream.
 */
#ifndef ES_SHM_REVOCATIONS_H
#define ES_SHM_REVOCATIONS_H

#include <apr_pools.h>
#include <apr_time.h>

#include "base/id.h"
#include "base/slice.h"

/** Who a client is: keyed hashes; 0 = none. */
typedef struct es_identity_t {
    apr_uint64_t user;  /* of r->user */
    apr_uint64_t token; /* of the jti of its token */
} es_identity_t;

typedef enum es_identity_kind_t {
    ES_IDENTITY_USER,
    ES_IDENTITY_TOKEN
} es_identity_kind_t;

/** Revocations of which the table has room for at once: those that hold. */
#define ES_REVOCATIONS_MAX 4096

/** So many of them are for revocations of all channels only. */
#define ES_REVOCATIONS_RESERVED 1024

/** For es_revocation_t: until it is revoked again, with another time. */
#define ES_REVOCATION_ALWAYS APR_INT64_MAX

typedef struct es_revocation_t {
    es_id_t epoch;        /* of its hub's store */
    apr_uint64_t who;     /* of es_revocations_hash */
    apr_uint64_t channel; /* of es_revocations_channel; 0 = all of the hub */
    apr_time_t until;     /* by es_clock_now: new streams are refused */
    apr_uint64_t number;
} es_revocation_t;

/** What was counted since the table was made. */
typedef struct es_revocations_use_t {
    apr_uint64_t added;
    apr_uint64_t ended;   /* clients */
    apr_uint64_t refused; /* requests */
    apr_uint64_t held;    /* those that hold now */
} es_revocations_use_t;

typedef struct es_revocations_t es_revocations_t;

/** Bytes of the segment. */
apr_size_t es_revocations_size(void);

/** Make mem, which is all zero, an empty table. Context: PARENT. */
apr_status_t es_revocations_format(void *mem);

/** Use mem. @return lives in pool; NULL: it has no table of this layout */
es_revocations_t *es_revocations_attach(void *mem, apr_pool_t *pool);

/** The hash of a name; 0 for an empty one only. Context: ANY. */
apr_uint64_t es_revocations_hash(const es_revocations_t *table,
                                 es_identity_kind_t kind, es_slice_t name);

/** The hash of a channel's name, never 0. Context: ANY. */
apr_uint64_t es_revocations_channel(const es_revocations_t *table,
                                    es_slice_t name);

/** The number of the last revocation; 0 = there was none. Context: ANY. */
apr_uint64_t es_revocations_number(const es_revocations_t *table);

/**
 * The number whose lower half was kept.
 *
 * @param number  a number that is not lower, and less than 2^31 higher
 */
static inline apr_uint64_t es_revocations_widen(apr_uint64_t number,
                                                apr_uint32_t low)
{
    apr_int32_t above = (apr_int32_t)((apr_uint32_t)number - low);

    /* a kept one that is newer than number: nothing was missed */
    return above > 0 ? number - (apr_uint32_t)above : number;
}

/**
 * Revoke. One of the same hub, name and channel is replaced, whatever its time.
 *
 * @param revocation  all but number is set; it ends the clients that are there.
 *                    An until that is over refuses nobody
 * @return APR_SUCCESS; APR_ENOSPC: all rows are of others that hold;
 *         APR_TIMEUP: another process has the lock; APR_EGENERAL: the table is
 *         unusable
 *
 * Context: WORKER or CLUSTER; takes the lock of the table. The caller wakes all
 * children.
 */
apr_status_t es_revocations_add(es_revocations_t *table,
                                const es_revocation_t *revocation,
                                apr_time_t now);

/**
 * The next revocation of a client, in no order.
 *
 * @param who    NULL = of all
 * @param since  only with a number above it
 * @param at     0 before the first
 * @return 1 with out; 0: there is no other one
 *
 * Context: ANY; takes no lock.
 */
int es_revocations_next(const es_revocations_t *table, const es_identity_t *who,
                        apr_uint64_t since, apr_uint32_t *at,
                        es_revocation_t *out);

/**
 * May a revocation above this number have been forgotten, since its row was
 * needed for another one? One that holds is never forgotten.
 *
 * Context: ANY; takes no lock.
 */
int es_revocations_has_lost(const es_revocations_t *table, apr_uint64_t since);

/** Count clients that were ended, and requests that were refused. Context:
 * ANY. */
void es_revocations_count_ended(es_revocations_t *table);
void es_revocations_count_refused(es_revocations_t *table);

/** Context: ANY; takes no lock. */
es_revocations_use_t es_revocations_use(const es_revocations_t *table,
                                        apr_time_t now);

#endif
