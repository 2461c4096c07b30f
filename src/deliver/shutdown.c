/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/shutdown.h"

#include <sys/epoll.h>

#include "base/context.h"
#include "base/log.h"

#define END_WITHIN (2 * APR_USEC_PER_SEC)
#define END_AT_LEAST (APR_USEC_PER_SEC / 4)
#define HANDOVER_WITHIN APR_USEC_PER_SEC  /* if the boat is full for now */
#define ASK_EVERY (APR_USEC_PER_SEC / 50) /* for a refuge */
#define MESSAGES_MAX 2                    /* of the boat in a step */

static es_stop_t stop_order(const es_shutdown_t *shutdown)
{
    /* relaxed: nothing is handed over by it, and the poke comes after */
    return (es_stop_t)__atomic_load_n(&shutdown->orders->stop,
                                      __ATOMIC_RELAXED);
}

static int is_to_part(const es_shutdown_t *shutdown)
{
    return __atomic_load_n(&shutdown->orders->part, __ATOMIC_RELAXED);
}

static es_successor_answer_t where_to(const es_shutdown_t *shutdown,
                                      apr_time_t now)
{
    return shutdown->handover_fd < 0
               ? ES_WHERE_END
               : es_successor_ask(&shutdown->successor, stop_order(shutdown),
                                  now - shutdown->since);
}

/* How long clients may take their end. When the server stops it is to be over
 * within EventStreamDrain, and httpd needs up to a second to notice. */
static apr_interval_time_t patience(const es_shutdown_t *shutdown)
{
    apr_interval_time_t half = apr_time_from_msec(shutdown->drain_ms) / 2;
    es_stop_t why = stop_order(shutdown);

    if (half > END_WITHIN ||
        (why != ES_STOP_FINAL &&
         !es_successor_is_last(&shutdown->successor, why))) {
        return END_WITHIN;
    }
    return half > END_AT_LEAST ? half : END_AT_LEAST;
}

static void end_all(es_shutdown_t *shutdown, apr_time_t now)
{
    shutdown->end_by = now + patience(shutdown);
    es_conns_end_all(shutdown->conns, shutdown->hubs, shutdown->nhubs,
                     shutdown->drain_ms);
}

static void begin(es_shutdown_t *shutdown, apr_time_t now)
{
    apr_uint32_t i;

    shutdown->phase = ES_PHASE_LEAVING;
    shutdown->since = now;
    es_children_stops(shutdown->children, shutdown->successor.child);
    if (shutdown->handover_fd >= 0) {
        (void)epoll_ctl(shutdown->epoll_fd, EPOLL_CTL_DEL,
                        shutdown->handover_fd, NULL);
    }
    for (i = 0; i < shutdown->nhubs; i++) {
        es_hub_stop_watches(&shutdown->hubs[i]);
    }
}

static void begin_end(es_shutdown_t *shutdown, apr_time_t now)
{
    if (es_handover_sent(shutdown->handover) != 0) {
        es_log(ES_LOG_INFO, APR_SUCCESS, "ES0322",
               "this child stops: %u clients went to other children, %u are "
               "asked to come back",
               es_handover_sent(shutdown->handover),
               es_conns_count(shutdown->conns));
    }
    shutdown->phase = ES_PHASE_ENDING;
    end_all(shutdown, now);
}

static void leave(es_shutdown_t *shutdown, apr_time_t now)
{
    switch (where_to(shutdown, now)) {
    case ES_WHERE_WAIT: break;
    case ES_WHERE_HANDOVER:
        shutdown->was_handed_over = 1;
        shutdown->phase = ES_PHASE_HANDOVER;
        shutdown->end_by = now + HANDOVER_WITHIN;
        break;
    default: begin_end(shutdown, now);
    }
}

static void children(es_shutdown_t *shutdown, apr_time_t now)
{
    apr_status_t rv = APR_EOF;

    if (stop_order(shutdown) != ES_STOP_FINAL) {
        rv = es_handover_send(shutdown->handover, now);
        es_conns_reap(shutdown->conns);
    }
    if (!APR_STATUS_IS_EAGAIN(rv) || now >= shutdown->end_by) {
        begin_end(shutdown, now);
    }
}

/* Those who are told to end have time until end_by. Should this child be the
 * last one, it ends those who are still in the boat, too. */
static void end(es_shutdown_t *shutdown, apr_time_t now)
{
    apr_uint32_t left;

    shutdown->has_arrived =
        shutdown->handover_fd >= 0 &&
        es_successor_is_last(&shutdown->successor, stop_order(shutdown)) &&
        es_handover_receive(shutdown->handover, MESSAGES_MAX, now) > 0;
    if (shutdown->has_arrived) {
        end_all(shutdown, now);
    }
    left = es_conns_count(shutdown->conns);
    if (left != 0 && now >= shutdown->end_by) {
        es_conns_close_all(shutdown->conns, shutdown->hubs, shutdown->nhubs);
        es_log(ES_LOG_INFO, APR_SUCCESS, "ES0305",
               "%u clients did not take the end of their stream in time; "
               "their connections were closed",
               left);
    }
}

void es_shutdown_step(es_shutdown_t *shutdown, apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    if (shutdown->phase == ES_PHASE_SERVING &&
        stop_order(shutdown) != ES_STOP_NONE) {
        begin(shutdown, now);
    }
    if (shutdown->phase == ES_PHASE_LEAVING) {
        leave(shutdown, now);
    }
    if (shutdown->phase == ES_PHASE_HANDOVER) {
        children(shutdown, now);
    }
    if (shutdown->phase == ES_PHASE_ENDING) {
        end(shutdown, now);
    }
}

void es_shutdown_follow(es_shutdown_t *shutdown, apr_time_t now)
{
    if (shutdown->was_handed_over &&
        where_to(shutdown, now) == ES_WHERE_HANDOVER) {
        (void)es_handover_send(shutdown->handover, now);
    }
    end_all(shutdown, now);
}

int es_shutdown_is_due(const es_shutdown_t *shutdown)
{
    return (shutdown->phase == ES_PHASE_SERVING &&
            stop_order(shutdown) != ES_STOP_NONE) ||
           shutdown->has_arrived || es_shutdown_is_over(shutdown);
}

apr_interval_time_t es_shutdown_wait(const es_shutdown_t *shutdown)
{
    if (shutdown->phase == ES_PHASE_SERVING ||
        (shutdown->phase == ES_PHASE_ENDING &&
         es_conns_count(shutdown->conns) == 0)) {
        return -1;
    }
    return ASK_EVERY;
}

int es_shutdown_is_over(const es_shutdown_t *shutdown)
{
    return shutdown->phase == ES_PHASE_ENDING && is_to_part(shutdown) &&
           !shutdown->has_arrived && es_conns_count(shutdown->conns) == 0;
}
