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
#include "deliver/shutdown.h"

#include "base/context.h"
#include "base/log.h"

#define END_WITHIN (2 * APR_USEC_PER_SEC)
#define END_AT_LEAST (APR_USEC_PER_SEC / 4)
#define HANDOVER_WITHIN APR_USEC_PER_SEC     /* if the boat is full for now */
#define DECIDE_EVERY (APR_USEC_PER_SEC / 50) /* for a refuge */
#define MESSAGES_MAX 2                       /* of the boat in a step */

/* for a child of the next generation to announce itself */
#define NEXT_GENERATION_WITHIN (3 * APR_USEC_PER_SEC)
/* for other children to say that they stop, too */
#define OTHERS_STOP_WITHIN (APR_USEC_PER_SEC / 3)

/* ---- who takes the clients over ----------------------------------------- */

static int is_restarted(const es_shutdown_server_t *server)
{
    /* relaxed: read again and again, and nothing else hangs on it */
    int now = server->running != NULL
                  ? __atomic_load_n(server->running, __ATOMIC_RELAXED)
                  : (int)server->generation;

    return now > 0 && (apr_uint64_t)now > server->generation;
}

/* The configuration after ours has the module, or there would be no hope. If
 * its children are gone again, another restart has come meanwhile, and the
 * parent waits for us. */
static es_shutdown_action_t choose_at_restart(
    const es_shutdown_server_t *server, es_stop_t why,
    apr_interval_time_t since)
{
    if (es_children_has_successor(server->children, server->child,
                                  server->generation + 1)) {
        return ES_SHUTDOWN_HAND_OVER;
    }
    if (why == ES_STOP_NOW) {
        return ES_SHUTDOWN_HAND_OVER; /* they come when we have gone */
    }
    if (since < NEXT_GENERATION_WITHIN) {
        return ES_SHUTDOWN_WAIT;
    }
    return es_children_opened(server->children) > server->generation
               ? ES_SHUTDOWN_HAND_OVER
               : ES_SHUTDOWN_END_STREAMS;
}

static es_shutdown_action_t choose_by_others(const es_shutdown_server_t *server,
                                             es_stop_t why,
                                             apr_interval_time_t since)
{
    int others = es_children_has_successor(server->children, server->child, 0);

    if (why == ES_STOP_OWN) {
        return others || since >= NEXT_GENERATION_WITHIN ? ES_SHUTDOWN_HAND_OVER
                                                         : ES_SHUTDOWN_WAIT;
    }
    if (!others) {
        return ES_SHUTDOWN_END_STREAMS;
    }
    return since < OTHERS_STOP_WITHIN ? ES_SHUTDOWN_WAIT
                                      : ES_SHUTDOWN_HAND_OVER;
}

es_shutdown_action_t es_shutdown_choose(const es_shutdown_server_t *server,
                                        es_stop_t why,
                                        apr_interval_time_t since)
{
    es_shutdown_action_t action;

    if (why == ES_STOP_FINAL) {
        return ES_SHUTDOWN_END_STREAMS;
    }
    action = is_restarted(server) ? choose_at_restart(server, why, since)
                                  : choose_by_others(server, why, since);
    if (action == ES_SHUTDOWN_HAND_OVER &&
        es_children_handover_since(server->children) > server->generation) {
        action = ES_SHUTDOWN_END_STREAMS;
    }
    return action;
}

int es_shutdown_is_last(const es_shutdown_server_t *server, es_stop_t why)
{
    return why != ES_STOP_OWN && !is_restarted(server) &&
           !es_children_has_successor(server->children, server->child, 0);
}

/* ---- its steps --------------------------------------------------------- */

static es_stop_t stop_order(const es_shutdown_t *shutdown)
{
    /* relaxed: nothing is handed over by it, and the poke comes after */
    return (es_stop_t)__atomic_load_n(&shutdown->orders->stop,
                                      __ATOMIC_RELAXED);
}

static int is_to_finish(const es_shutdown_t *shutdown)
{
    return __atomic_load_n(&shutdown->orders->finish, __ATOMIC_RELAXED);
}

static es_shutdown_action_t choose(const es_shutdown_t *shutdown,
                                   apr_time_t now)
{
    return !es_handover_is_open(shutdown->handover)
               ? ES_SHUTDOWN_END_STREAMS
               : es_shutdown_choose(&shutdown->server, stop_order(shutdown),
                                    now - shutdown->since);
}

/* How long clients may take their end. When the server stops it is to be over
 * within EventStreamDrain, and httpd needs up to a second to notice. */
static apr_interval_time_t end_timeout(const es_shutdown_t *shutdown)
{
    apr_interval_time_t half = apr_time_from_msec(shutdown->drain_ms) / 2;
    es_stop_t why = stop_order(shutdown);

    if (half > END_WITHIN || (why != ES_STOP_FINAL &&
                              !es_shutdown_is_last(&shutdown->server, why))) {
        return END_WITHIN;
    }
    return half > END_AT_LEAST ? half : END_AT_LEAST;
}

static void end_all(es_shutdown_t *shutdown, apr_time_t now)
{
    shutdown->end_by = now + end_timeout(shutdown);
    es_conns_end_all(shutdown->conns, shutdown->hubs, shutdown->nhubs,
                     shutdown->drain_ms);
}

static void begin_stop(es_shutdown_t *shutdown, apr_time_t now)
{
    apr_uint32_t i;

    shutdown->phase = ES_SHUTDOWN_DECIDING;
    shutdown->since = now;
    es_children_stops(shutdown->children, shutdown->server.child);
    es_handover_stop_listening(shutdown->handover);
    for (i = 0; i < shutdown->nhubs; i++) {
        es_hub_stop_watches(&shutdown->hubs[i]);
    }
}

static void begin_ending(es_shutdown_t *shutdown, apr_time_t now)
{
    if (es_handover_sent(shutdown->handover) != 0) {
        es_log(ES_LOG_INFO, APR_SUCCESS, "ES0322",
               "this child stops: %u clients went to other children, %u are "
               "asked to come back",
               es_handover_sent(shutdown->handover),
               es_conns_count(shutdown->conns));
    }
    shutdown->phase = ES_SHUTDOWN_ENDING;
    end_all(shutdown, now);
}

static void decide(es_shutdown_t *shutdown, apr_time_t now)
{
    switch (choose(shutdown, now)) {
    case ES_SHUTDOWN_WAIT: break;
    case ES_SHUTDOWN_HAND_OVER:
        shutdown->hands_over = 1;
        shutdown->phase = ES_SHUTDOWN_SENDING;
        shutdown->end_by = now + HANDOVER_WITHIN;
        break;
    default: begin_ending(shutdown, now);
    }
}

static void send_clients(es_shutdown_t *shutdown, apr_time_t now)
{
    apr_status_t rv = APR_EOF;

    if (stop_order(shutdown) != ES_STOP_FINAL) {
        rv = es_handover_send(shutdown->handover, now);
        es_conns_reap(shutdown->conns);
    }
    if (!APR_STATUS_IS_EAGAIN(rv) || now >= shutdown->end_by) {
        begin_ending(shutdown, now);
    }
}

/* Those who are told to end have time until end_by. Should this child be the
 * last one, it ends those who are still in the boat, too. */
static void end_streams(es_shutdown_t *shutdown, apr_time_t now)
{
    apr_uint32_t left;

    shutdown->has_received =
        es_shutdown_is_last(&shutdown->server, stop_order(shutdown)) &&
        es_handover_receive(shutdown->handover, MESSAGES_MAX, now) > 0;
    if (shutdown->has_received) {
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
    if (shutdown->phase == ES_SHUTDOWN_SERVING &&
        stop_order(shutdown) != ES_STOP_NONE) {
        begin_stop(shutdown, now);
    }
    if (shutdown->phase == ES_SHUTDOWN_DECIDING) {
        decide(shutdown, now);
    }
    if (shutdown->phase == ES_SHUTDOWN_SENDING) {
        send_clients(shutdown, now);
    }
    if (shutdown->phase == ES_SHUTDOWN_ENDING) {
        end_streams(shutdown, now);
    }
}

void es_shutdown_on_client(es_shutdown_t *shutdown, apr_time_t now)
{
    if (shutdown->hands_over &&
        choose(shutdown, now) == ES_SHUTDOWN_HAND_OVER) {
        (void)es_handover_send(shutdown->handover, now);
    }
    end_all(shutdown, now);
}

int es_shutdown_is_due(const es_shutdown_t *shutdown)
{
    return (shutdown->phase == ES_SHUTDOWN_SERVING &&
            stop_order(shutdown) != ES_STOP_NONE) ||
           shutdown->has_received || es_shutdown_is_over(shutdown);
}

apr_interval_time_t es_shutdown_wait(const es_shutdown_t *shutdown)
{
    if (shutdown->phase == ES_SHUTDOWN_SERVING ||
        (shutdown->phase == ES_SHUTDOWN_ENDING &&
         es_conns_count(shutdown->conns) == 0)) {
        return -1;
    }
    return DECIDE_EVERY;
}

int es_shutdown_is_over(const es_shutdown_t *shutdown)
{
    return shutdown->phase == ES_SHUTDOWN_ENDING && is_to_finish(shutdown) &&
           !shutdown->has_received && es_conns_count(shutdown->conns) == 0;
}
