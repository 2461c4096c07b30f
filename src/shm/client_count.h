/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The census: how many clients there are, in all children and from each
 * address, so that the limits hold for the server and not only for a child.
 * A shared segment with a row for each place; a row is zeroed when its child
 * is gone, so that a killed child takes its clients with it.
 *
 * Addresses are counted in a count-min sketch: it never counts too few; it
 * may count too many when several thousand addresses are there at once.
 */
#ifndef ES_SHM_CLIENT_COUNT_H
#define ES_SHM_CLIENT_COUNT_H

#include <apr_pools.h>

typedef struct es_client_count_t es_client_count_t;

/** What a client has taken from the census, to be given back. */
typedef struct es_counted_t {
    es_client_count_t *client_count; /* NULL = took nothing */
    apr_uint32_t child;
    apr_uint64_t address;
} es_counted_t;

typedef enum es_client_count_result_t {
    ES_CLIENT_COUNT_OK,
    ES_CLIENT_COUNT_FULL,         /* max_clients are there */
    ES_CLIENT_COUNT_ADDRESS_FULL, /* max_address_clients of this address */
    ES_CLIENT_COUNT_CHILD_FULL    /* this child's descriptors are used up */
} es_client_count_result_t;

typedef struct es_client_limits_t {
    apr_uint32_t clients;         /* in all; 0 = no limit */
    apr_uint32_t address_clients; /* of one address; 0 = no limit */
    apr_uint32_t child_clients;   /* of one child; 0 = no limit */
} es_client_limits_t;

/** Bytes for so many places (1..2^16). */
apr_size_t es_client_count_size(apr_uint32_t max_children);

/** Use mem, which was all zero when it was made. Lives in pool. */
es_client_count_t *es_client_count_attach(void *mem, apr_uint32_t max_children,
                                          apr_pool_t *pool);

/**
 * Count a client in, unless a limit is reached.
 *
 * @param address  any number that stands for its address (es_client_count_key)
 * @param ticket   filled; on a limit it holds nothing
 *
 * Context: WORKER or DELIVERY; takes no lock. Two at once for the last place
 * may both be refused, never both let in.
 */
es_client_count_result_t es_client_count_enter(es_client_count_t *client_count,
                                               apr_uint32_t child,
                                               apr_uint64_t address,
                                               const es_client_limits_t *limits,
                                               es_counted_t *counted);

/** Count it out again. Context: ANY thread of the child. */
void es_client_count_leave(const es_counted_t *counted);

/** The clients of one child, or of all (place 0). Context: ANY. */
apr_uint32_t es_client_count_total(const es_client_count_t *client_count,
                                   apr_uint32_t child);

/** Zero the row of a child that is gone. Context: PARENT. */
void es_client_count_forget(es_client_count_t *client_count,
                            apr_uint32_t child);

/** Make a key of an address's bytes. */
apr_uint64_t es_client_count_key(const void *bytes, apr_size_t len);

#endif
