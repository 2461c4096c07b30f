/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The ticker: a thread of each child that calls functions once a second, for
 * what is done now and then for all children and belongs to no request. It runs
 * only if a function was added.
 */
#ifndef ES_SERVER_TICKER_H
#define ES_SERVER_TICKER_H

#include <httpd.h>

#include "shm/samples.h"

/**
 * A function that is called once a second.
 *
 * @param is_first  1 in one child of all: what is done once a second in all is
 *                  done by it. A second may pass in which no child is first
 * @param p         cleared after the call
 *
 * Context: TICKER; waits for no lock in shared memory longer than 10 ms.
 */
typedef void es_ticker_fn_t(int is_first, apr_pool_t *p);

/**
 * Make or find what all children share.
 *
 * @return 1; 0 after a warning was logged: there is no memory, and nothing is
 *         called
 *
 * Context: PARENT, post_config, before es_ticker_add.
 */
int es_ticker_open(server_rec *s);

/** Call fn once a second in each child. Context: PARENT, post_config. */
void es_ticker_add(es_ticker_fn_t *fn);

/** Start the thread, if a function was added. Context: CHILD_INIT, after
 * es_runtime_child_init. */
void es_ticker_child_init(apr_pool_t *pchild, server_rec *s);

/** What all children share; NULL if there is no ticker. Context: ANY. */
es_samples_t *es_ticker_samples(void);

#endif
