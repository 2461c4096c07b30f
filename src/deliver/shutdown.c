/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/shutdown.h"

#include <sys/epoll.h>

#include "base/context.h"
#include "base/log.h"
#include "deliver/fanout.h"

#define END_WITHIN (2 * APR_USEC_PER_SEC)
#define END_AT_LEAST (APR_USEC_PER_SEC / 4)
#define BOARD_WITHIN APR_USEC_PER_SEC     /* if the boat is full for now */
#define ASK_EVERY (APR_USEC_PER_SEC / 50) /* for a refuge */
#define MESSAGES_MAX 2                    /* of the boat in a step */

static es_stop_t stop_order(const es_retreat_t *retreat)
{
    /* relaxed: nothing is handed over by it, and the poke comes after */
    return (es_stop_t)__atomic_load_n(&retreat->orders->stop, __ATOMIC_RELAXED);
}

static int is_to_part(const es_retreat_t *retreat)
{
    return __atomic_load_n(&retreat->orders->part, __ATOMIC_RELAXED);
}

static es_where_t where_to(const es_retreat_t *retreat, apr_time_t now)
{
    return retreat->boat_fd < 0
               ? ES_WHERE_END
               : es_refuge_ask(&retreat->refuge, stop_order(retreat),
                               now - retreat->since);
}

/* How long clients may take their end. When the server stops it is to be over
 * within EventStreamDrain, and httpd needs up to a second to notice. */
static apr_interval_time_t patience(const es_retreat_t *retreat)
{
    apr_interval_time_t half = apr_time_from_msec(retreat->drain_ms) / 2;
    es_stop_t why = stop_order(retreat);

    if (half > END_WITHIN ||
        (why != ES_STOP_FINAL && !es_refuge_is_last(&retreat->refuge, why))) {
        return END_WITHIN;
    }
    return half > END_AT_LEAST ? half : END_AT_LEAST;
}

static void end_all(es_retreat_t *retreat, apr_time_t now)
{
    retreat->end_by = now + patience(retreat);
    es_crew_end_all(retreat->crew, retreat->hubs, retreat->nhubs,
                    retreat->drain_ms);
}

static void begin(es_retreat_t *retreat, apr_time_t now)
{
    apr_uint32_t i;

    retreat->phase = ES_PHASE_LEAVING;
    retreat->since = now;
    es_board_stops(retreat->board, retreat->refuge.place);
    if (retreat->boat_fd >= 0) {
        (void)epoll_ctl(retreat->epoll_fd, EPOLL_CTL_DEL, retreat->boat_fd,
                        NULL);
    }
    for (i = 0; i < retreat->nhubs; i++) {
        es_fanout_stop_watches(&retreat->hubs[i]);
    }
}

static void begin_end(es_retreat_t *retreat, apr_time_t now)
{
    if (es_ferry_gone(retreat->ferry) != 0) {
        es_log(ES_LOG_INFO, APR_SUCCESS, "ES0322",
               "this child stops: %u clients went to other children, %u are "
               "asked to come back",
               es_ferry_gone(retreat->ferry), es_crew_count(retreat->crew));
    }
    retreat->phase = ES_PHASE_ENDING;
    end_all(retreat, now);
}

static void leave(es_retreat_t *retreat, apr_time_t now)
{
    switch (where_to(retreat, now)) {
    case ES_WHERE_WAIT: break;
    case ES_WHERE_BOAT:
        retreat->was_boarded = 1;
        retreat->phase = ES_PHASE_BOARDING;
        retreat->end_by = now + BOARD_WITHIN;
        break;
    default: begin_end(retreat, now);
    }
}

static void board(es_retreat_t *retreat, apr_time_t now)
{
    apr_status_t rv = APR_EOF;

    if (stop_order(retreat) != ES_STOP_FINAL) {
        rv = es_ferry_leave(retreat->ferry, now);
        es_crew_bury(retreat->crew);
    }
    if (!APR_STATUS_IS_EAGAIN(rv) || now >= retreat->end_by) {
        begin_end(retreat, now);
    }
}

/* Those who are told to end have time until end_by. Should this child be the
 * last one, it ends those who are still in the boat, too. */
static void end(es_retreat_t *retreat, apr_time_t now)
{
    apr_uint32_t left;

    retreat->has_arrived =
        retreat->boat_fd >= 0 &&
        es_refuge_is_last(&retreat->refuge, stop_order(retreat)) &&
        es_ferry_arrive(retreat->ferry, MESSAGES_MAX, now) > 0;
    if (retreat->has_arrived) {
        end_all(retreat, now);
    }
    left = es_crew_count(retreat->crew);
    if (left != 0 && now >= retreat->end_by) {
        es_crew_cut_all(retreat->crew, retreat->hubs, retreat->nhubs);
        es_log(ES_LOG_INFO, APR_SUCCESS, "ES0305",
               "%u clients did not take the end of their stream in time; "
               "their connections were closed",
               left);
    }
}

void es_retreat_step(es_retreat_t *retreat, apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    if (retreat->phase == ES_PHASE_SERVING &&
        stop_order(retreat) != ES_STOP_NONE) {
        begin(retreat, now);
    }
    if (retreat->phase == ES_PHASE_LEAVING) {
        leave(retreat, now);
    }
    if (retreat->phase == ES_PHASE_BOARDING) {
        board(retreat, now);
    }
    if (retreat->phase == ES_PHASE_ENDING) {
        end(retreat, now);
    }
}

void es_retreat_follow(es_retreat_t *retreat, apr_time_t now)
{
    if (retreat->was_boarded && where_to(retreat, now) == ES_WHERE_BOAT) {
        (void)es_ferry_leave(retreat->ferry, now);
    }
    end_all(retreat, now);
}

int es_retreat_is_due(const es_retreat_t *retreat)
{
    return (retreat->phase == ES_PHASE_SERVING &&
            stop_order(retreat) != ES_STOP_NONE) ||
           retreat->has_arrived || es_retreat_is_over(retreat);
}

apr_interval_time_t es_retreat_wait(const es_retreat_t *retreat)
{
    if (retreat->phase == ES_PHASE_SERVING ||
        (retreat->phase == ES_PHASE_ENDING &&
         es_crew_count(retreat->crew) == 0)) {
        return -1;
    }
    return ASK_EVERY;
}

int es_retreat_is_over(const es_retreat_t *retreat)
{
    return retreat->phase == ES_PHASE_ENDING && is_to_part(retreat) &&
           !retreat->has_arrived && es_crew_count(retreat->crew) == 0;
}
