/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd does not tell its children why they have to go. Two things do:
 *
 * The generation in the scoreboard rises before children are told of a
 * restart, graceful or not, and stays when the server stops. So if it is
 * above ours, there will be other children, and the boat, which the parent
 * keeps, may be filled even while there is none. Should the new
 * configuration be without this module, its children will never come: at
 * graceful we see that the parent has not opened the board for them. Should
 * another configuration bring the module back meanwhile, its children have a
 * new boat, and ours leads nowhere.
 *
 * If it is ours, either only this child has to go (its connections are used
 * up, or there are too many idle ones), or all: then they say so on the board
 * within moments of each other. Those who are too hasty are no harm: the last
 * one to go brings ashore who is left in the boat. A child that knows to be
 * alone in this (ES_STOP_OWN) need not look at the others: they may be used
 * up at the same moment, and the parent makes new ones.
 */
#include "deliver/successor.h"

/* for a child of the next generation to announce itself */
#define NEXT_WITHIN (3 * APR_USEC_PER_SEC)
/* for other children to say that they stop, too */
#define OTHERS_WITHIN (APR_USEC_PER_SEC / 3)

static int is_reborn(const es_successor_t *successor)
{
    /* relaxed: read again and again, and nothing else hangs on it */
    int now = successor->running != NULL
                  ? __atomic_load_n(successor->running, __ATOMIC_RELAXED)
                  : (int)successor->generation;

    return now > 0 && (apr_uint64_t)now > successor->generation;
}

/* The configuration after ours has the module, or there would be no hope. If
 * its children are gone again, another restart has come meanwhile, and the
 * parent waits for us. */
static es_successor_answer_t ask_next(const es_successor_t *successor,
                                      es_stop_t why, apr_interval_time_t since)
{
    if (es_children_has_successor(successor->children, successor->child,
                                  successor->generation + 1)) {
        return ES_WHERE_HANDOVER;
    }
    if (why == ES_STOP_NOW) {
        return ES_WHERE_HANDOVER; /* they come when we have gone */
    }
    if (since < NEXT_WITHIN) {
        return ES_WHERE_WAIT;
    }
    return es_children_opened(successor->children) > successor->generation
               ? ES_WHERE_HANDOVER
               : ES_WHERE_END;
}

static es_successor_answer_t ask_others(const es_successor_t *successor,
                                        es_stop_t why,
                                        apr_interval_time_t since)
{
    int others =
        es_children_has_successor(successor->children, successor->child, 0);

    if (why == ES_STOP_OWN) {
        return others || since >= NEXT_WITHIN ? ES_WHERE_HANDOVER
                                              : ES_WHERE_WAIT;
    }
    if (!others) {
        return ES_WHERE_END;
    }
    return since < OTHERS_WITHIN ? ES_WHERE_WAIT : ES_WHERE_HANDOVER;
}

es_successor_answer_t es_successor_ask(const es_successor_t *successor,
                                       es_stop_t why, apr_interval_time_t since)
{
    es_successor_answer_t where;

    if (why == ES_STOP_FINAL) {
        return ES_WHERE_END;
    }
    where = is_reborn(successor) ? ask_next(successor, why, since)
                                 : ask_others(successor, why, since);
    if (where == ES_WHERE_HANDOVER &&
        es_children_handover_since(successor->children) >
            successor->generation) {
        where = ES_WHERE_END;
    }
    return where;
}

int es_successor_is_last(const es_successor_t *successor, es_stop_t why)
{
    return why != ES_STOP_OWN && !is_reborn(successor) &&
           !es_children_has_successor(successor->children, successor->child, 0);
}
