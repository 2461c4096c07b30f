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
#ifndef ES_CENSUS_H
#define ES_CENSUS_H

#include <apr_pools.h>

typedef struct es_census_t es_census_t;

/** What a client has taken from the census, to be given back. */
typedef struct es_ticket_t {
    es_census_t *census; /* NULL = took nothing */
    apr_uint32_t place;
    apr_uint64_t address;
} es_ticket_t;

typedef enum es_census_result_t {
    ES_CENSUS_OK,
    ES_CENSUS_FULL,         /* max_clients are there */
    ES_CENSUS_ADDRESS_FULL, /* max_address_clients of this address */
    ES_CENSUS_PROCESS_FULL  /* this child's descriptors are used up */
} es_census_result_t;

typedef struct es_census_limits_t {
    apr_uint32_t clients;         /* in all; 0 = no limit */
    apr_uint32_t address_clients; /* of one address; 0 = no limit */
    apr_uint32_t child_clients;   /* of one child; 0 = no limit */
} es_census_limits_t;

/** Bytes for so many places (1..2^16). */
apr_size_t es_census_size(apr_uint32_t places);

/** Use mem, which was all zero when it was made. Lives in pool. */
es_census_t *es_census_attach(void *mem, apr_uint32_t places, apr_pool_t *pool);

/**
 * Count a client in, unless a limit is reached.
 *
 * @param address  any number that stands for its address (es_census_key)
 * @param ticket   filled; on a limit it holds nothing
 *
 * Context: WORKER or DELIVERY; takes no lock. Two at once for the last place
 * may both be refused, never both let in.
 */
es_census_result_t es_census_enter(es_census_t *census, apr_uint32_t place,
                                   apr_uint64_t address,
                                   const es_census_limits_t *limits,
                                   es_ticket_t *ticket);

/** Count it out again. Context: ANY thread of the child. */
void es_census_leave(const es_ticket_t *ticket);

/** The clients of one child, or of all (place 0). Context: ANY. */
apr_uint32_t es_census_clients(const es_census_t *census, apr_uint32_t place);

/** Zero the row of a child that is gone. Context: PARENT. */
void es_census_forget(es_census_t *census, apr_uint32_t place);

/** Make a key of an address's bytes. */
apr_uint64_t es_census_key(const void *bytes, apr_size_t len);

#endif
