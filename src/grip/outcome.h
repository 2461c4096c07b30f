/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What became of a publish to a GRIP proxy, as a number that fits into shared
 * memory: 0 = taken, 100..999 = the status that refused it, or one of those
 * below. Pure.
 */
#ifndef ES_GRIP_OUTCOME_H
#define ES_GRIP_OUTCOME_H

#include <apr_pools.h>

enum {
    ES_OUTCOME_NAME = 1000, /* its name has no address */
    ES_OUTCOME_CONNECT,     /* no connection */
    ES_OUTCOME_TLS,         /* its certificate, or TLS at all */
    ES_OUTCOME_TIMEOUT,     /* no answer in time */
    ES_OUTCOME_BROKEN,      /* the connection ended before the answer */
    ES_OUTCOME_TOKEN,       /* no token could be made */
    ES_OUTCOME_OVERTAKEN,   /* the journal has lost it before it was sent */
    ES_OUTCOME_STOPPING,    /* the child stops; another one may send it */
    ES_OUTCOME_CROWDED,     /* too many wait; it is sent all the same */
    ES_OUTCOME_UNSENT,      /* nothing is sent, as the error log has told */
    ES_OUTCOME_LOST         /* its record was damaged */
};

/**
 * 1 when the proxy itself said no, so that it may take something else; 0 when
 * it could not be asked.
 */
int es_outcome_is_answer(int outcome);

/** 1 when it refuses the body: one bad or large item spoils all of them. */
int es_outcome_blames_body(int outcome);

/** In words, as the end of "the proxy did not take it: …"; in p or static. */
const char *es_outcome_text(int outcome, apr_pool_t *p);

#endif
