/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for a proxy keeps a worker. Proxies that are well answer within
 * milliseconds, so everybody may wait for a moment; longer than that only
 * EventStreamGripMaxWaiting at a time, so that a proxy that is down does not
 * take the workers that serve pages.
 */
#include "server/grip_runtime.h"

#include <ap_mpm.h>

#include "base/clock.h"
#include "server/log.h"

/* How long everybody may wait. */
#define MOMENT (250 * 1000)

typedef struct es_mailing_t {
    es_mailroom_t *room;    /* NULL = no hub has proxies */
    es_boxes_t *boxes;      /* the parent's; not touched by children */
    es_courier_hub_t *hubs; /* by number */
    apr_uint32_t nhubs;
    es_courier_t *courier; /* NULL in the parent */
    int waiting_max;       /* of this child */
    int waiting;           /* atomic */
} es_mailing_t;

/* of the configuration at hand; lives in its pool */
static es_mailing_t *mailing;

static apr_status_t forget_mailing(void *unused)
{
    (void)unused;
    mailing = NULL;
    return APR_SUCCESS;
}

/* ---- The parent -------------------------------------------------------- */

static int has_proxies(const es_global_t *global)
{
    int i;

    for (i = 0; i < global->hubs->nelts; i++) {
        if (APR_ARRAY_IDX(global->hubs, i, es_hub_t).grip) {
            return 1;
        }
    }
    return 0;
}

int es_mailing_open(es_boxes_t *boxes, apr_uint32_t places, apr_uint32_t nhubs,
                    server_rec *s, apr_pool_t *pconf)
{
    int wanted = has_proxies(es_global_of(s));
    apr_status_t rv = es_boxes_begin(boxes, wanted, places, s->process->pool);

    mailing = apr_pcalloc(pconf, sizeof(*mailing));
    apr_pool_cleanup_register(pconf, NULL, forget_mailing,
                              apr_pool_cleanup_null);
    mailing->boxes = boxes;
    mailing->hubs = apr_pcalloc(pconf, sizeof(*mailing->hubs) * (nhubs + 1));
    if (wanted && rv == APR_SUCCESS) {
        rv = es_mailroom_attach(&mailing->room, boxes->mem, boxes->places,
                                boxes->bells, pconf);
    }
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_ERR, rv, s, "ES0632",
                "cannot make the shared memory and descriptors for GRIP "
                "proxies: nothing is published to them; see ServerLimit and "
                "the limit of open files");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

static apr_status_t find_boxes(es_courier_hub_t *hub)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < hub->grip->proxies->nelts && rv == APR_SUCCESS; i++) {
        const es_proxy_t *proxy =
            APR_ARRAY_IDX(hub->grip->proxies, i, const es_proxy_t *);

        rv = es_boxes_find(mailing->boxes, mailing->room, hub->name, hub->store,
                           proxy->publish_uri, &hub->boxes[i]);
    }
    return rv;
}

int es_mailing_add(const es_hub_view_t *view, server_rec *s)
{
    es_courier_hub_t *hub = &mailing->hubs[mailing->nhubs++];

    hub->name = view->name;
    hub->store = view->store;
    hub->grip = mailing->room ? view->grip : NULL;
    if (hub->grip && find_boxes(hub) != APR_SUCCESS) {
        es_slog(APLOG_ERR, 0, s, "ES0633",
                "hub %s: nothing is published to its GRIP proxies, since %d "
                "were in use since httpd was started; stop and start it",
                hub->name, ES_MAILROOM_BOXES);
        hub->grip = NULL;
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* ---- The child --------------------------------------------------------- */

static int waiting_max_of(const es_global_t *global)
{
    int threads = 1;

    if (global->max_grip_waiting > 0) {
        return (int)global->max_grip_waiting;
    }
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    return threads > 1 ? threads / 2 : 1;
}

void es_mailing_enter(apr_uint32_t place, apr_pool_t *pchild, server_rec *s)
{
    es_courier_params_t params = {0};
    apr_status_t rv;

    if (!mailing || !mailing->room) {
        return;
    }
    mailing->waiting_max = waiting_max_of(es_global_of(s));
    params.room = mailing->room;
    params.place = place;
    params.hubs = mailing->hubs;
    params.nhubs = mailing->nhubs;
    rv = es_courier_start(&mailing->courier, &params, pchild);
    if (rv != APR_SUCCESS) {
        mailing->courier = NULL;
        es_slog(APLOG_CRIT, rv, s, "ES0634",
                "cannot start the courier: other children send to GRIP "
                "proxies what this one publishes, and its publishers are "
                "answered with 502");
    }
}

void es_mailing_stop(void)
{
    if (mailing && mailing->courier) {
        es_courier_leave(mailing->courier);
    }
}

void es_mailing_leave(apr_time_t by, server_rec *s)
{
    if (!mailing || !mailing->courier) {
        return;
    }
    es_courier_leave(mailing->courier);
    if (es_courier_join(mailing->courier, by - es_clock_now()) != APR_SUCCESS) {
        es_slog(APLOG_WARNING, 0, s, "ES0635",
                "the courier did not end in time; another child sends to "
                "GRIP proxies what it has left");
    }
}

/* ---- For workers ------------------------------------------------------- */

void es_mailing_call(const es_hub_view_t *hub)
{
    if (hub->grip && mailing->courier) {
        es_courier_call(mailing->courier);
    }
}

static void fill_open(const es_hub_view_t *hub, int *outcomes, int outcome)
{
    int i;

    for (i = 0; i < hub->grip->proxies->nelts; i++) {
        if (outcomes[i] == ES_OUTCOME_OPEN) {
            outcomes[i] = outcome;
        }
    }
}

/* @return 1 when this child has room for another who waits for long */
static int take_room(void)
{
    /* relaxed: a number, nothing hangs on it */
    if (__atomic_add_fetch(&mailing->waiting, 1, __ATOMIC_RELAXED) <=
        mailing->waiting_max) {
        return 1;
    }
    __atomic_sub_fetch(&mailing->waiting, 1, __ATOMIC_RELAXED);
    return 0;
}

static void give_room(void)
{
    __atomic_sub_fetch(&mailing->waiting, 1, __ATOMIC_RELAXED);
}

void es_mailing_wait(const es_hub_view_t *hub, es_pos_t from, es_pos_t to,
                     int again, apr_time_t by, int *outcomes)
{
    apr_interval_time_t left = by - es_clock_now();
    int i;

    for (i = 0; i < hub->grip->proxies->nelts; i++) {
        outcomes[i] = ES_OUTCOME_OPEN;
    }
    if (!mailing->courier || !mailing->hubs[hub->number].grip) {
        fill_open(hub, outcomes, ES_OUTCOME_UNSENT);
        return;
    }
    if (es_courier_wait(mailing->courier, hub->number, from, to, again,
                        left < MOMENT ? left : MOMENT, outcomes)) {
        return;
    }
    if (!take_room()) {
        fill_open(hub, outcomes, ES_OUTCOME_CROWDED);
        return;
    }
    es_courier_wait(mailing->courier, hub->number, from, to, again,
                    by - es_clock_now(), outcomes);
    fill_open(hub, outcomes, ES_OUTCOME_TIMEOUT);
    give_room();
}
