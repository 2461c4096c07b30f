/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The count of clients, in all children and from each address, and of the
 * channels that the clients of an address have together, so that limits hold
 * for the server and not only for a child. A shared segment with a row for each
 * child; the parent zeroes the row of a child that is gone, so that the clients
 * of a killed child count no longer.
 *
 * Addresses are counted in a count-min sketch: an address never counts too few
 * clients or channels; it may count too many when several thousand addresses
 * have clients. A client may also be counted for its browser, in the same way,
 * and for its user, in a wider sketch of a segment of its own.
 */
#ifndef ES_SHM_CLIENT_COUNT_H
#define ES_SHM_CLIENT_COUNT_H

#include <apr_pools.h>

typedef struct es_client_count_t es_client_count_t;

/** How a client is served. */
typedef enum es_client_count_kind_t {
    ES_CLIENT_COUNT_NO_KIND,  /* not known yet */
    ES_CLIENT_COUNT_DETACHED, /* without a worker, over a plain socket */
    ES_CLIENT_COUNT_DETACHED_TLS,
    ES_CLIENT_COUNT_HELD,  /* by a worker */
    ES_CLIENT_COUNT_TURNS, /* by a worker, for a moment only */
    ES_CLIENT_COUNT_KINDS
} es_client_count_kind_t;

/** How a client was counted, for es_client_count_remove. */
typedef struct es_counted_t {
    es_client_count_t *client_count; /* NULL = it is not counted */
    apr_uint64_t address; /* and browser, as es_client_count_add got it */
    apr_uint64_t user;    /* of es_client_count_add_user; 0 = none. Also of a
                        * client that is not counted */
    apr_uint32_t child;
    apr_uint32_t kind : 3;      /* by es_client_count_add_kind */
    apr_uint32_t channels : 29; /* by es_client_count_add_channels */
} es_counted_t;

typedef enum es_client_count_result_t {
    ES_CLIENT_COUNT_OK,
    ES_CLIENT_COUNT_FULL,         /* limits.clients is reached */
    ES_CLIENT_COUNT_ADDRESS_FULL, /* limits.address_clients is reached */
    ES_CLIENT_COUNT_CHILD_FULL, /* limits.child_clients: no descriptors left */
    ES_CLIENT_COUNT_CHANNELS_FULL, /* limits.address_channels is reached */
    ES_CLIENT_COUNT_BROWSER_FULL,  /* limits.browser_clients is reached */
    ES_CLIENT_COUNT_USER_FULL      /* limits.user_clients is reached */
} es_client_count_result_t;

typedef struct es_client_limits_t {
    apr_uint32_t clients;          /* in all; 0 = no limit */
    apr_uint32_t address_clients;  /* of one address; 0 = no limit */
    apr_uint32_t child_clients;    /* of one child; 0 = no limit */
    apr_uint32_t address_channels; /* of one address; 0 = no limit */
    apr_uint32_t browser_clients;  /* of one browser; 0 = no limit */
    apr_uint32_t user_clients;     /* of one user; 0 = no limit */
} es_client_limits_t;

/** Bytes of the segment (max_children 1..ES_CHILDREN_MAX). */
apr_size_t es_client_count_size(apr_uint32_t max_children);

/** Use mem, which is all zero when it is made. The result lives in pool. */
es_client_count_t *es_client_count_attach(void *mem, apr_uint32_t max_children,
                                          apr_pool_t *pool);

/** Bytes of the segment in which users are counted. */
apr_size_t es_client_count_users_size(apr_uint32_t max_children);

/** Count users from now on, in mem, which is all zero when it is made. Without
 * it no limit of users is ever reached. Context: PARENT. */
void es_client_count_attach_users(es_client_count_t *client_count, void *mem);

/**
 * Count a client, unless a limit is reached.
 *
 * @param child    the caller's number; if it is invalid, CHILD_FULL is returned
 * @param address  a number for the client's address (es_client_count_key), with
 *                 a browser or without
 * @param counted  filled; if a limit is reached, the client is not counted
 *
 * Context: WORKER or DELIVERY; takes no lock. If two clients arrive at the same
 * time and the limit allows one more, both may be refused, but never are both
 * counted.
 */
es_client_count_result_t es_client_count_add(es_client_count_t *client_count,
                                             apr_uint32_t child,
                                             apr_uint64_t address,
                                             const es_client_limits_t *limits,
                                             es_counted_t *counted);

/**
 * Count the channels of a client: a channel of two clients counts twice.
 *
 * @param counted  of es_client_count_add; if the client is not counted, its
 *                 channels are not, either
 * @return ES_CLIENT_COUNT_OK; ES_CLIENT_COUNT_CHANNELS_FULL: they are counted
 *         all the same, until es_client_count_remove
 *
 * Context: as es_client_count_add.
 */
es_client_count_result_t es_client_count_add_channels(
    es_counted_t *counted, apr_uint32_t channels,
    const es_client_limits_t *limits);

/**
 * Count a client for its user.
 *
 * @param counted  of es_client_count_add; if the client is not counted, only
 *                 the user is noted
 * @param user     a keyed hash of its name; 0 = it has none
 * @return ES_CLIENT_COUNT_OK; ES_CLIENT_COUNT_USER_FULL: it is counted all the
 *         same, until es_client_count_remove
 *
 * Context: as es_client_count_add.
 */
es_client_count_result_t es_client_count_add_user(
    es_counted_t *counted, apr_uint64_t user, const es_client_limits_t *limits);

/** How many clients a user has; never too few. Context: ANY. */
apr_uint32_t es_client_count_of_user(const es_client_count_t *client_count,
                                     apr_uint64_t user);

/**
 * Count how a client is served, once.
 *
 * @param counted  of es_client_count_add; if the client is not counted, nothing
 *                 happens
 *
 * Context: as es_client_count_add.
 */
void es_client_count_add_kind(es_counted_t *counted,
                              es_client_count_kind_t kind);

/** The clients of a child, or of all (child 0), that are served so. Context:
 * ANY. */
apr_uint32_t es_client_count_of_kind(const es_client_count_t *client_count,
                                     apr_uint32_t child,
                                     es_client_count_kind_t kind);

/**
 * Stop counting a client, if it is counted, its channels and its kind.
 *
 * Context: ANY thread of the child.
 */
void es_client_count_remove(const es_counted_t *counted);

/** The clients of a child, or of all (child 0). Context: ANY. */
apr_uint32_t es_client_count_total(const es_client_count_t *client_count,
                                   apr_uint32_t child);

/** Forget the clients of a child that is gone. Context: PARENT. */
void es_client_count_clear(es_client_count_t *client_count, apr_uint32_t child);

/** A number for an address, made of its bytes. */
apr_uint64_t es_client_count_key(const void *bytes, apr_size_t len);

/**
 * The same with a number for the client's browser (0 = none): the client counts
 * for both. What is handed over to another child keeps both.
 */
apr_uint64_t es_client_count_with_browser(apr_uint64_t address,
                                          apr_uint32_t browser);

/** How many clients a browser has; never too few. Context: ANY. */
apr_uint32_t es_client_count_of_browser(const es_client_count_t *client_count,
                                        apr_uint32_t browser);

#endif
