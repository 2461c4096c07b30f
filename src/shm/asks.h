/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The table of browsers that were asked to use HTTP/1.1: a browser that ignores
 * this must not be asked again and again, and one that complies uses HTTP/1.1
 * from then on, for all of a host. It is in a shared segment, because a browser
 * that was asked by one child comes back to any other one.
 *
 * A browser is a number here; its address, name and host are in it. The table
 * has room for some thousands of them and forgets those that were not seen for
 * the longest time. It knows nothing of HTTP.
 */
#ifndef ES_SHM_ASKS_H
#define ES_SHM_ASKS_H

#include <apr.h>
#include <apr_time.h>

/** A browser that does not comply is asked once in this time. */
#define ES_ASKS_PAUSE (60 * APR_USEC_PER_SEC)

/** A browser that is neither asked nor seen for this time is forgotten. */
#define ES_ASKS_KEPT (24 * 3600 * APR_USEC_PER_SEC)

typedef struct es_asks_t es_asks_t;

/** Bytes of the segment. */
apr_size_t es_asks_size(void);

/** Use mem, which is all zero when it is made. */
es_asks_t *es_asks_attach(void *mem);

/**
 * May this browser be asked now? Then it is noted as asked.
 *
 * @param browser  a number whose bits are all random
 * @param now      es_clock_now
 * @return 1 = ask it; 0 = it was asked within ES_ASKS_PAUSE and has not been
 *         seen over HTTP/1.1 since, or there is no room to note it: the entries
 *         are all of browsers that were asked within that time
 *
 * Context: WORKER; takes no lock. Of several at the same time one gets 1.
 */
int es_asks_take(es_asks_t *asks, apr_uint64_t browser, apr_time_t now);

/**
 * This browser is seen over HTTP/1.1: it complies, if it was asked.
 *
 * @return 1 = it was, and not so long ago that it is forgotten
 *
 * Context: WORKER; takes no lock.
 */
int es_asks_note_seen(es_asks_t *asks, apr_uint64_t browser, apr_time_t now);

#endif
