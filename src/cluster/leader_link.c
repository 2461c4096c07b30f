/* SPDX-License-Identifier: Apache-2.0 */
/*
 *                   open             a failure
 *     not connected ────► connected ───────────► not connected, for a pause
 *         ▲                                           │  twice as long as the
 *         └───────────────────────────────────────────┘  last one
 *
 * That it has opened says little: the broker may close it at once, or refuse.
 * So the pause begins anew only when es_cluster_leader_link_works was called.
 */
#include "cluster/leader_link.h"

#include <apr_strings.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "base/log.h"

/** To find a broker and to connect. */
#define CONNECT (10 * APR_USEC_PER_SEC)
/** Before the next try to connect, at first and at most. */
#define PAUSE_MIN (100 * 1000)
#define PAUSE_MAX (2 * APR_USEC_PER_SEC)

void es_cluster_leader_link_init(es_cluster_leader_link_t *leader,
                                 const es_cluster_hub_t *hub)
{
    memset(leader, 0, sizeof(*leader));
    leader->hub = hub;
    leader->pause = PAUSE_MIN;
}

static void log_up(const es_cluster_leader_link_t *leader)
{
    static apr_time_t last_logged; /* atomic */

    es_log(es_log_limit_level(&last_logged, ES_LOG_NOTICE, es_clock_now()),
           APR_SUCCESS, "ES0842", "hub %s: the link to the broker at %s is up",
           leader->hub->name, es_cluster_link_address(leader->link));
}

static void log_down(const es_cluster_leader_link_t *leader, apr_status_t rv)
{
    static apr_time_t last_logged; /* atomic */

    es_log(es_log_limit_level(&last_logged, ES_LOG_WARNING, es_clock_now()), rv,
           "ES0843",
           "hub %s: the link to the broker is down: %s; streams stay open, "
           "events of other servers come when it is up again",
           leader->hub->name, leader->why);
}

apr_status_t es_cluster_leader_link_open(es_cluster_leader_link_t *leader)
{
    const es_cluster_hub_t *hub = leader->hub;
    apr_status_t rv = es_cluster_link_open(&leader->link, &hub->link,
                                           es_clock_now() + CONNECT,
                                           leader->why, sizeof(leader->why));

    if (rv != APR_SUCCESS) {
        leader->link = NULL;
        return rv;
    }
    if (leader->was_up) {
        es_cluster_state_add(hub->state, ES_CLUSTER_RECONNECTS, 1);
    }
    leader->was_up = 1;
    es_cluster_state_set_up(hub->state, hub->child,
                            es_cluster_link_address(leader->link));
    log_up(leader);
    return APR_SUCCESS;
}

void es_cluster_leader_link_close(es_cluster_leader_link_t *leader)
{
    if (leader->link != NULL) {
        es_cluster_link_close(leader->link);
        leader->link = NULL;
    }
}

apr_status_t es_cluster_leader_link_ask_why(es_cluster_leader_link_t *leader,
                                            apr_status_t rv)
{
    const char *why = es_cluster_link_why(leader->link);

    if (rv == APR_EINTR) {
        return rv;
    }
    apr_cpystrn(leader->why,
                why[0] != '\0' ? why : "the broker does not answer",
                sizeof(leader->why));
    return APR_ECONNRESET;
}

apr_interval_time_t es_cluster_leader_link_fail(
    es_cluster_leader_link_t *leader, apr_status_t rv)
{
    const es_cluster_hub_t *hub = leader->hub;
    apr_interval_time_t pause = leader->pause;

    es_cluster_state_set_down(hub->state, hub->child, leader->why);
    log_down(leader, rv);
    es_cluster_leader_link_close(leader);
    leader->pause = pause < PAUSE_MAX / 2 ? pause * 2 : PAUSE_MAX;
    return es_jitter_around(pause, 25);
}

void es_cluster_leader_link_works(es_cluster_leader_link_t *leader)
{
    leader->pause = PAUSE_MIN;
}
