/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd does not report to its children why they stop. Two things show it:
 *
 * The generation in the scoreboard rises before children are asked to stop for
 * a restart, graceful or not, and does not change when the server stops. So if
 * it is above that of this child, there will be other children. Clients are
 * then sent while there is no other child yet, since the parent keeps the
 * handover socket. To wait for one would stop the site where the new children
 * have no place until the old ones exit (ServerLimit). If the new configuration
 * is without this module, its children never take clients: the parent does not
 * call es_children_open for its generation, so at graceful a child waits for
 * that call. If yet another configuration loads the module again meanwhile, its
 * children have another handover socket, and messages in the old one would be
 * lost.
 *
 * If the generation is that of this child, either only this child stops (it has
 * served its connections, or there are too many idle children), or all do. In
 * that case all mark it in shm/children within a moment. A child that decides
 * too early does no harm: the last child to stop ends the streams of clients
 * that are in the handover socket. A child that stops alone (ES_STOP_OWN) does
 * not wait for the marks of the others: they may stop for the same reason at
 * the same moment, and the parent makes new ones, as soon as there is a place.
 *
 * A child without clients need not know any of this: as soon as no worker can
 * submit one, it exits.
 */
#include "deliver/shutdown.h"

#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "deliver/deadline.h"

#define END_WITHIN (2 * APR_USEC_PER_SEC)
#define END_AT_LEAST (APR_USEC_PER_SEC / 4)
/* In addition, until the end was written to all, however many they are. */
#define END_WRITTEN_WITHIN (2 * APR_USEC_PER_SEC)
#define HANDOVER_WITHIN APR_USEC_PER_SEC /* if the handover socket is full */
/* In addition, as long as it is not full, however many clients there are. */
#define SENT_WITHIN (2 * APR_USEC_PER_SEC)
/* What sending may take of a turn; microseconds. Clients that are left are
 * served in between. */
#define SEND_TIME (10 * 1000)
#define SENDS_EVERY 8                        /* a client takes 2 us */
#define DECIDE_EVERY (APR_USEC_PER_SEC / 50) /* while DECIDING or SENDING */
#define MESSAGES_MAX 2                       /* received in a step */

/* Time for the parent to read the next configuration. */
#define NEXT_CONFIGURATION_WITHIN (3 * APR_USEC_PER_SEC)
/* Time for other children to say that they stop, too. */
#define OTHERS_STOP_WITHIN (APR_USEC_PER_SEC / 3)

/* ---- who takes the clients over ----------------------------------------- */

static int is_restarted(const es_shutdown_server_t *server)
{
    /* relaxed: it is read again and again, no other memory depends on it */
    int now = server->running != NULL
                  ? __atomic_load_n(server->running, __ATOMIC_RELAXED)
                  : (int)server->generation;

    return now > 0 && (apr_uint64_t)now > server->generation;
}

/* The server restarts. A child that has to stop now cannot wait until the
 * parent has read the next configuration. */
static es_shutdown_action_t choose_at_restart(
    const es_shutdown_server_t *server, es_stop_t why,
    apr_interval_time_t since)
{
    if (why == ES_STOP_NOW ||
        es_children_opened(server->children) > server->generation) {
        return ES_SHUTDOWN_HAND_OVER;
    }
    return since < NEXT_CONFIGURATION_WITHIN ? ES_SHUTDOWN_WAIT
                                             : ES_SHUTDOWN_END_STREAMS;
}

static es_shutdown_action_t choose_by_others(const es_shutdown_server_t *server,
                                             es_stop_t why,
                                             apr_interval_time_t since)
{
    if (why == ES_STOP_OWN) {
        return ES_SHUTDOWN_HAND_OVER;
    }
    if (!es_children_has_successor(server->children, server->child, 0)) {
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
    /* relaxed: no other memory depends on it, and a poke follows it */
    return (es_stop_t)__atomic_load_n(&shutdown->orders->stop,
                                      __ATOMIC_RELAXED);
}

/* acquire: what workers have submitted before it is in the inbox */
static int is_to_finish(const es_shutdown_t *shutdown)
{
    return __atomic_load_n(&shutdown->orders->finish, __ATOMIC_ACQUIRE);
}

static int has_nothing_left(const es_shutdown_t *shutdown)
{
    return is_to_finish(shutdown) && es_conns_count(shutdown->conns) == 0;
}

static es_shutdown_action_t choose(const es_shutdown_t *shutdown,
                                   apr_time_t now)
{
    return !es_handover_is_open(shutdown->handover)
               ? ES_SHUTDOWN_END_STREAMS
               : es_shutdown_choose(&shutdown->server, stop_order(shutdown),
                                    now - shutdown->since);
}

/* How long clients may take to read their end. A stop of the server is to be
 * over within EventStreamDrain, and httpd needs up to a second to notice it. */
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
    es_children_set_stopping(shutdown->server.children, shutdown->server.child);
    es_handover_stop_listening(shutdown->handover);
    for (i = 0; i < shutdown->nhubs; i++) {
        es_hub_stop_watches(&shutdown->hubs[i]);
    }
}

static void begin_ending(es_shutdown_t *shutdown, apr_time_t now)
{
    if (es_handover_sent(shutdown->handover) != 0) {
        es_log(ES_LOG_INFO, APR_SUCCESS, "ES0322",
               "this child stops: %u clients were handed over to other "
               "children, %u are asked to reconnect",
               es_handover_sent(shutdown->handover),
               es_conns_count(shutdown->conns));
    }
    shutdown->phase = ES_SHUTDOWN_ENDING;
    end_all(shutdown, now);
}

static void decide(es_shutdown_t *shutdown, apr_time_t now)
{
    es_handover_continue(shutdown->handover, now);
    if (es_handover_is_waiting(shutdown->handover)) {
        return; /* sending would close them: there is one message for both */
    }
    switch (choose(shutdown, now)) {
    case ES_SHUTDOWN_WAIT:
        if (has_nothing_left(shutdown)) {
            begin_ending(shutdown, now);
        }
        break;
    case ES_SHUTDOWN_HAND_OVER:
        shutdown->hands_over = 1;
        shutdown->phase = ES_SHUTDOWN_SENDING;
        shutdown->end_by = now + HANDOVER_WITHIN;
        break;
    default: begin_ending(shutdown, now);
    }
}

static apr_status_t send_some(es_shutdown_t *shutdown, apr_time_t now)
{
    es_deadline_t deadline =
        es_deadline_in(es_clock_now, SEND_TIME, SENDS_EVERY);
    apr_status_t rv = es_handover_send(shutdown->handover, &deadline, now);

    (void)es_conns_reap(shutdown->conns, NULL); /* those that were sent */
    return rv;
}

static void send_clients(es_shutdown_t *shutdown, apr_time_t now)
{
    apr_status_t rv = stop_order(shutdown) != ES_STOP_FINAL
                          ? send_some(shutdown, now)
                          : APR_EOF;

    shutdown->has_unsent =
        rv == APR_INCOMPLETE && now < shutdown->end_by + SENT_WITHIN;
    if (!shutdown->has_unsent &&
        (!APR_STATUS_IS_EAGAIN(rv) || now >= shutdown->end_by)) {
        begin_ending(shutdown, now);
    }
}

/* @return 1 when clients have come */
static int receive_last(es_shutdown_t *shutdown, apr_time_t now)
{
    apr_uint32_t before = es_conns_count(shutdown->conns);

    es_handover_continue(shutdown->handover, now);
    if (es_shutdown_is_last(&shutdown->server, stop_order(shutdown))) {
        (void)es_handover_receive(shutdown->handover, MESSAGES_MAX, now);
    }
    return es_conns_count(shutdown->conns) > before;
}

/* Clients have until end_by to read their end. If this child is the last one,
 * it also ends the streams of those that are in the handover socket. */
static void end_streams(es_shutdown_t *shutdown, apr_time_t now)
{
    apr_uint32_t left;

    shutdown->has_received = receive_last(shutdown, now);
    if (shutdown->has_received) {
        end_all(shutdown, now);
    }
    left = es_conns_count(shutdown->conns);
    if (left != 0 && now >= shutdown->end_by &&
        (!es_conns_has_ready(shutdown->conns) ||
         now >= shutdown->end_by + END_WRITTEN_WITHIN)) {
        es_conns_close_all(shutdown->conns, shutdown->hubs, shutdown->nhubs);
        es_log(ES_LOG_INFO, APR_SUCCESS, "ES0305",
               "%u clients did not read the end of their stream in time; "
               "their connections are closed and they reconnect",
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

void es_shutdown_on_clients(es_shutdown_t *shutdown, apr_time_t now)
{
    if (shutdown->hands_over &&
        choose(shutdown, now) == ES_SHUTDOWN_HAND_OVER) {
        (void)send_some(shutdown, now);
    }
    end_all(shutdown, now);
}

int es_shutdown_is_due(const es_shutdown_t *shutdown)
{
    return (shutdown->phase == ES_SHUTDOWN_SERVING &&
            stop_order(shutdown) != ES_STOP_NONE) ||
           shutdown->has_received || shutdown->has_unsent ||
           es_shutdown_is_over(shutdown);
}

apr_interval_time_t es_shutdown_wait(const es_shutdown_t *shutdown)
{
    if (shutdown->phase == ES_SHUTDOWN_SERVING ||
        (shutdown->phase == ES_SHUTDOWN_ENDING &&
         es_conns_count(shutdown->conns) == 0 &&
         !es_handover_is_waiting(shutdown->handover))) {
        return -1;
    }
    return DECIDE_EVERY;
}

int es_shutdown_is_over(const es_shutdown_t *shutdown)
{
    return shutdown->phase == ES_SHUTDOWN_ENDING &&
           has_nothing_left(shutdown) && !shutdown->has_received &&
           !es_handover_is_waiting(shutdown->handover);
}
