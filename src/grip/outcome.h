/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The outcome of a request that publishes to a GRIP proxy, as a number that
 * fits into shared memory: 0 = taken, 100..999 = the HTTP status of the
 * refusal, or one of those below. Pure.
 */
#ifndef ES_GRIP_OUTCOME_H
#define ES_GRIP_OUTCOME_H

#include <apr_pools.h>

enum {
    ES_OUTCOME_NAME = 1000, /* the name cannot be resolved */
    ES_OUTCOME_CONNECT,     /* no connection */
    ES_OUTCOME_TLS,         /* no TLS, or the certificate is not valid */
    ES_OUTCOME_TIMEOUT,     /* no answer in time */
    ES_OUTCOME_BROKEN,      /* the connection ended before the answer */
    ES_OUTCOME_TOKEN,       /* no token could be made */
    ES_OUTCOME_OVERTAKEN,   /* evicted from the journal before it was sent */
    ES_OUTCOME_STOPPING,    /* the child stops; another child may send it */
    ES_OUTCOME_TOO_MANY_WAITING, /* too many publishers wait; it is sent */
    ES_OUTCOME_UNSENT, /* nothing is sent to it; the error log has why */
    ES_OUTCOME_LOST,   /* the record was damaged */
    /* of a hub that several servers share; no failures */
    ES_OUTCOME_ELSEWHERE, /* another server sends it */
    ES_OUTCOME_EARLIER    /* it was published earlier, by any of them */
};

/**
 * 1 if the proxy itself answered, so that it may take other records; 0 if it
 * was not reached.
 */
int es_outcome_is_answer(int outcome);

/** 1 if the proxy has not taken it, or it is not known that it has, and this
 * server is to know. */
int es_outcome_is_failure(int outcome);

/** 1 if the proxy refuses the body: then one item that is bad or too large may
 * have spoiled the others. */
int es_outcome_blames_body(int outcome);

/** In words, to follow "the proxy did not take it: ".
 * @return in p or static */
const char *es_outcome_text(int outcome, apr_pool_t *p);

#endif
