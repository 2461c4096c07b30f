/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At graceful, children with clients hand them over once es_children_open was
 * called, and exit within milliseconds. An MPM replaces at once the children
 * that have exited when it looks first; if none has, it sleeps for a second,
 * and for another one if it finds no place for new children. The site would
 * stop meanwhile. So it is called when they have exited, unless that takes too
 * long: workers may be busy with long requests.
 */
#include "server/exits.h"

#include <httpd.h>
#include <ap_mpm.h>

#include "base/clock.h"

/* How long the parent waits for children to exit at graceful, and for others
 * when there is a place for a new one and no client is left. */
#define EXITS_WITHIN (APR_USEC_PER_SEC / 2)
#define OTHER_EXITS_WITHIN (APR_USEC_PER_SEC / 10)
#define LOOK_EVERY (APR_USEC_PER_SEC / 200)

/* Whether a child that has not exited has clients. */
static int have_clients(const es_children_t *children,
                        const es_client_count_t *client_count)
{
    apr_uint32_t child;

    for (child = es_children_max(children); child > 0; child--) {
        pid_t pid = (pid_t)es_children_pid(children, child);

        if (pid != 0 && !es_child_pids_has_exited(pid) &&
            es_client_count_total(client_count, child) != 0) {
            return 1;
        }
    }
    return 0;
}

void es_exits_wait(const es_children_t *children,
                   const es_client_count_t *client_count,
                   const es_child_pids_t *child_pids, int generation)
{
    apr_time_t now = es_clock_now();
    apr_time_t until = now + EXITS_WITHIN;
    int is_held_up = 1; /* by our clients, or as there is no place */
    int limit = 0;
    int left = es_child_pids_count_before(child_pids, generation);

    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &limit);
    if (left < limit && !have_clients(children, client_count)) {
        return;
    }
    while (left > 0 && now < until) {
        apr_sleep(LOOK_EVERY);
        now = es_clock_now();
        left = es_child_pids_count_before(child_pids, generation);
        if (is_held_up && left < limit &&
            !have_clients(children, client_count)) {
            is_held_up = 0;
            until = now + OTHER_EXITS_WITHIN;
        }
    }
}
