/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A publisher that waits for a proxy occupies a worker. Healthy proxies answer
 * within milliseconds, so every publisher may wait for a moment. Only
 * EventStreamGripMaxWaiting publishers may wait longer, so that a proxy that is
 * down does not occupy the workers that serve pages.
 */
#include "server/grip_runtime.h"

#include <ap_mpm.h>
#include <httpd.h>
#include <apr_md5.h>
#include <apr_strings.h>

#include "base/clock.h"
#include "server/cluster_runtime.h"
#include "server/lock_watch.h"
#include "server/log.h"

/* How long every publisher may wait, in microseconds. */
#define SHORT_WAIT (250 * 1000)

typedef struct es_grip_runtime_t {
    es_outbox_shm_t *outbox_shm;  /* NULL = no hub has proxies */
    es_outbox_owners_t *outboxes; /* the parent's; children leave it alone */
    es_sender_hub_t *hubs;        /* by number */
    apr_uint32_t nhubs;
    es_sender_t *sender; /* NULL in the parent */
    int waiting_max;     /* of this child */
    int waiting;         /* publishers in a long wait; atomic */
} es_grip_runtime_t;

/* Of the current configuration; lives in its pool. */
static es_grip_runtime_t *runtime;

static apr_status_t forget_runtime(void *unused)
{
    (void)unused;
    runtime = NULL;
    return APR_SUCCESS;
}

/* ---- The parent -------------------------------------------------------- */

static int has_proxies(const es_settings_t *global)
{
    int i;

    for (i = 0; i < global->hubs->nelts; i++) {
        if (APR_ARRAY_IDX(global->hubs, i, es_hub_conf_t).grip) {
            return 1;
        }
    }
    return 0;
}

int es_grip_runtime_open(es_outbox_owners_t *outboxes,
                         apr_uint32_t max_children, apr_uint32_t nhubs,
                         server_rec *s, apr_pool_t *pconf)
{
    int wanted = has_proxies(es_settings_of(s));
    apr_status_t rv = es_outbox_owners_begin(outboxes, wanted, max_children,
                                             s->process->pool);

    runtime = apr_pcalloc(pconf, sizeof(*runtime));
    apr_pool_cleanup_register(pconf, NULL, forget_runtime,
                              apr_pool_cleanup_null);
    runtime->outboxes = outboxes;
    runtime->hubs = apr_pcalloc(pconf, sizeof(*runtime->hubs) * (nhubs + 1));
    if (wanted && rv == APR_SUCCESS) {
        rv = es_outbox_shm_attach(&runtime->outbox_shm, outboxes->mem,
                                  outboxes->max_children, outboxes->wake_fds,
                                  pconf);
    }
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_ERR, rv, s, "ES0632",
                "cannot make or use the shared memory and descriptors for GRIP "
                "proxies; nothing is published to them; check ServerLimit and "
                "the limit of open files");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* @param start  of outboxes that are new */
static apr_status_t find_outboxes(es_sender_hub_t *hub, es_pos_t start)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < hub->grip->proxies->nelts && rv == APR_SUCCESS; i++) {
        const es_proxy_t *proxy =
            APR_ARRAY_IDX(hub->grip->proxies, i, const es_proxy_t *);

        rv = es_outbox_owners_find(runtime->outboxes, runtime->outbox_shm,
                                   hub->name, hub->store, start,
                                   proxy->publish_uri, &hub->outboxes[i]);
    }
    return rv;
}

static int may_send(void *arg)
{
    return es_cluster_runtime_may_send(arg);
}

int es_grip_runtime_add(const es_runtime_hub_t *view, server_rec *s)
{
    es_sender_hub_t *hub = &runtime->hubs[runtime->nhubs++];

    hub->name = view->name;
    hub->store = view->store;
    hub->grip = runtime->outbox_shm ? view->grip : NULL;
    hub->may_send = view->cluster ? may_send : NULL;
    hub->arg = (void *)view;
    if (hub->grip &&
        find_outboxes(hub, view->cluster ? 0 : es_store_head(view->store)) !=
            APR_SUCCESS) {
        es_slog(APLOG_ERR, 0, s, "ES0633",
                "hub %s: nothing is published to its GRIP proxies, because all "
                "%d outboxes have been used since httpd started; stop and "
                "start httpd",
                hub->name, ES_OUTBOX_SHM_MAX);
        hub->grip = NULL;
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

void es_grip_runtime_watch(const es_child_pids_t *child_pids, server_rec *s)
{
    apr_uint32_t i;
    int k;

    for (i = 0; runtime && i < runtime->nhubs; i++) {
        const es_sender_hub_t *hub = &runtime->hubs[i];

        for (k = 0; hub->grip && k < hub->grip->proxies->nelts; k++) {
            const es_proxy_t *proxy =
                APR_ARRAY_IDX(hub->grip->proxies, k, const es_proxy_t *);

            es_lock_watch_look_at_outbox(
                es_outbox_shm_at(runtime->outbox_shm, hub->outboxes[k]),
                hub->outboxes[k], hub->name, proxy->name, child_pids, s);
        }
    }
}

/* ---- The child --------------------------------------------------------- */

static int waiting_max_of(const es_settings_t *global)
{
    int threads = 1;

    if (global->max_grip_waiting > 0) {
        return (int)global->max_grip_waiting;
    }
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    return threads > 1 ? threads / 2 : 1;
}

void es_grip_runtime_child_init(apr_uint32_t child, apr_pool_t *pchild,
                                server_rec *s)
{
    es_sender_params_t params = {0};
    apr_status_t rv;

    if (!runtime || !runtime->outbox_shm) {
        return;
    }
    runtime->waiting_max = waiting_max_of(es_settings_of(s));
    params.outbox_shm = runtime->outbox_shm;
    params.child = child;
    params.hubs = runtime->hubs;
    params.nhubs = runtime->nhubs;
    rv = es_sender_start(&runtime->sender, &params, pchild);
    if (rv != APR_SUCCESS) {
        runtime->sender = NULL;
        es_slog(APLOG_CRIT, rv, s, "ES0634",
                "cannot start the GRIP sender thread; other children send "
                "this child's events to the GRIP proxies, and its publishers "
                "get 502");
    }
}

void es_grip_runtime_stop(void)
{
    if (runtime && runtime->sender) {
        es_sender_stop(runtime->sender);
    }
}

void es_grip_runtime_join(apr_time_t by, server_rec *s)
{
    if (!runtime || !runtime->sender) {
        return;
    }
    es_sender_stop(runtime->sender);
    if (es_sender_join(runtime->sender, by - es_clock_now()) != APR_SUCCESS) {
        es_slog(APLOG_WARNING, 0, s, "ES0635",
                "the GRIP sender thread did not exit in time; another child "
                "sends the rest to the GRIP proxies, unless the server stops");
    }
}

/* ---- For the leader of a cluster's node --------------------------------- */

static es_outbox_t *outbox_at(const es_sender_hub_t *hub, int i)
{
    return es_outbox_shm_at(runtime->outbox_shm, hub->outboxes[i]);
}

static es_pos_t on_sent(void *arg, int i)
{
    return es_outbox_sent(outbox_at(arg, i));
}

static apr_status_t on_skip(void *arg, int i, es_pos_t pos)
{
    es_outbox_t *outbox = outbox_at(arg, i);
    apr_status_t rv = es_outbox_acquire(outbox);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (pos > es_outbox_sent(outbox)) {
        es_outbox_report(outbox, es_outbox_sent(outbox), pos,
                         ES_OUTCOME_ELSEWHERE);
    }
    es_outbox_release(outbox);
    es_outbox_shm_wake_all(runtime->outbox_shm);
    return APR_SUCCESS;
}

static int on_is_stalled(void *arg)
{
    const es_sender_hub_t *hub = arg;
    int i;

    for (i = 0; i < hub->grip->proxies->nelts; i++) {
        if (es_outbox_stalled_by(outbox_at(hub, i)) != 0) {
            return 1;
        }
    }
    return 0;
}

static void on_news(void *unused)
{
    (void)unused;
    es_sender_wake(runtime->sender);
}

/* The same word on all nodes; a URI may have secrets in its query. */
static const char *word_of(const char *uri, apr_pool_t *p)
{
    unsigned char digest[APR_MD5_DIGESTSIZE];
    char *word = apr_palloc(p, 2 * sizeof(digest) + 1);

    apr_md5(digest, uri, strlen(uri));
    ap_bin2hex(digest, sizeof(digest), word);
    return word;
}

es_cluster_outboxes_t *es_grip_runtime_outboxes(apr_uint32_t number,
                                                apr_pool_t *pchild)
{
    es_sender_hub_t *hub = runtime ? &runtime->hubs[number] : NULL;
    es_cluster_outboxes_t *outboxes;
    int i;

    if (!hub || !hub->grip || !runtime->sender) {
        return NULL;
    }
    outboxes = apr_pcalloc(pchild, sizeof(*outboxes));
    outboxes->count = hub->grip->proxies->nelts;
    for (i = 0; i < outboxes->count; i++) {
        outboxes->names[i] =
            word_of(APR_ARRAY_IDX(hub->grip->proxies, i, const es_proxy_t *)
                        ->publish_uri,
                    pchild);
    }
    outboxes->sent = on_sent;
    outboxes->skip = on_skip;
    outboxes->is_stalled = on_is_stalled;
    outboxes->wake = on_news;
    outboxes->arg = hub;
    return outboxes;
}

/* ---- For workers ------------------------------------------------------- */

void es_grip_runtime_wake(const es_runtime_hub_t *hub)
{
    if (hub->grip && runtime->sender) {
        es_sender_wake(runtime->sender);
    }
}

static void fill_open(const es_runtime_hub_t *hub, int *outcomes, int outcome)
{
    int i;

    for (i = 0; i < hub->grip->proxies->nelts; i++) {
        if (outcomes[i] == ES_OUTCOME_OPEN) {
            outcomes[i] = outcome;
        }
    }
}

/* @return 1 if one more publisher of this child may wait longer */
static int start_waiting(void)
{
    /* relaxed: no other memory depends on this number */
    if (__atomic_add_fetch(&runtime->waiting, 1, __ATOMIC_RELAXED) <=
        runtime->waiting_max) {
        return 1;
    }
    __atomic_sub_fetch(&runtime->waiting, 1, __ATOMIC_RELAXED);
    return 0;
}

static void end_waiting(void)
{
    __atomic_sub_fetch(&runtime->waiting, 1, __ATOMIC_RELAXED);
}

void es_grip_runtime_wait(const es_runtime_hub_t *hub, es_pos_t from,
                          es_pos_t to, int again, apr_time_t by, int *outcomes)
{
    apr_time_t soon = es_clock_now() + SHORT_WAIT;
    int i;

    for (i = 0; i < hub->grip->proxies->nelts; i++) {
        outcomes[i] = ES_OUTCOME_OPEN;
    }
    if (!runtime->sender || !runtime->hubs[hub->number].grip) {
        fill_open(hub, outcomes, ES_OUTCOME_UNSENT);
        return;
    }
    if (hub->cluster && !es_cluster_runtime_may_send(hub)) {
        fill_open(hub, outcomes, ES_OUTCOME_ELSEWHERE);
        return;
    }
    if (es_sender_wait(runtime->sender, hub->number, from, to, again,
                       by < soon ? by : soon, outcomes)) {
        return;
    }
    if (!start_waiting()) {
        fill_open(hub, outcomes, ES_OUTCOME_TOO_MANY_WAITING);
        return;
    }
    es_sender_wait(runtime->sender, hub->number, from, to, again, by, outcomes);
    fill_open(hub, outcomes, ES_OUTCOME_TIMEOUT);
    end_waiting();
}

const es_proxy_t *es_grip_runtime_stats(const es_runtime_hub_t *view,
                                        int number, es_outbox_stats_t *stats)
{
    const es_sender_hub_t *hub;

    if (!runtime || view->number >= runtime->nhubs) {
        return NULL;
    }
    hub = &runtime->hubs[view->number];
    if (!hub->grip || number >= hub->grip->proxies->nelts) {
        return NULL;
    }
    es_outbox_read(es_outbox_shm_at(runtime->outbox_shm, hub->outboxes[number]),
                   es_store_head(view->store), stats);
    return APR_ARRAY_IDX(hub->grip->proxies, number, const es_proxy_t *);
}
