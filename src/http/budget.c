/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An array lists the HTTP/2 connections that have a grant. There are a few
 * dozen at most, so a walk under the lock is cheaper than any index.
 *
 * A stream of HTTP/2 occupies a worker of mod_http2, and its connection one of
 * the MPM as long as a stream runs. So both kinds share the workers of the MPM,
 * whose other half is left to the pages of the site.
 */
#include "http/budget.h"

#include <ap_mpm.h>
#include <apr_optional.h>
#include <apr_thread_mutex.h>
#include <mod_http2.h>

#include "server/log.h"

typedef struct quota_t {
    int max;   /* of held clients, and also of turns */
    int held;  /* guarded by lock */
    int turns; /* guarded by lock */
} quota_t;

static apr_thread_mutex_t *lock;
static quota_t quota_h1;
static quota_t quota_h2;
static const conn_rec **masters; /* nmasters of them; guarded by lock */
static int nmasters;             /* held and turns of HTTP/2 */
static int turns_within;         /* no turn begins if so many are occupied */

static int share_of(int workers, int max_held)
{
    int quarter = workers / 4;

    return max_held ? max_held : quarter;
}

void es_budget_init(apr_pool_t *pchild, server_rec *s, int max_held)
{
    APR_OPTIONAL_FN_TYPE(http2_get_num_workers) *get_num_workers =
        APR_RETRIEVE_OPTIONAL_FN(http2_get_num_workers);
    int threads = 1, low = 0, high = 0;

    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    if (get_num_workers) {
        get_num_workers(s, &low, &high);
    }
    memset(&quota_h1, 0, sizeof(quota_h1));
    memset(&quota_h2, 0, sizeof(quota_h2));
    quota_h1.max = share_of(threads, max_held);
    quota_h2.max =
        share_of(high > 0 && high < threads ? high : threads, max_held);
    turns_within = max_held ? 4 * max_held : threads / 2;
    masters = apr_pcalloc(pchild, sizeof(*masters) * (2 * quota_h2.max + 1));
    apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, pchild);
    es_slog(
        APLOG_INFO, 0, s, "ES0402",
        "clients that cannot be detached: at most %d are held over HTTP/1.1 "
        "and %d over HTTP/2, the others are served in turns; see "
        "EventStreamMaxHeld",
        quota_h1.max, quota_h2.max);
}

static int index_of(const conn_rec *master)
{
    int i;

    for (i = 0; i < nmasters; i++) {
        if (masters[i] == master) {
            return i;
        }
    }
    return -1;
}

static int occupied(void)
{
    return quota_h1.held + quota_h1.turns + quota_h2.held + quota_h2.turns;
}

/* A connection gets one grant at a time, because the pages of the same site
 * need its few workers. */
static es_grant_t grant_from(quota_t *quota, const conn_rec *c)
{
    if (c->master && index_of(c->master) >= 0) {
        return ES_GRANT_BRIEF;
    }
    if (quota->held < quota->max) {
        quota->held++;
        return ES_GRANT_HELD;
    }
    if (quota->turns < quota->max && occupied() < turns_within) {
        quota->turns++;
        return ES_GRANT_TURN;
    }
    return ES_GRANT_BRIEF;
}

es_grant_t es_budget_acquire(conn_rec *c)
{
    es_grant_t grant;

    apr_thread_mutex_lock(lock);
    grant = grant_from(c->master ? &quota_h2 : &quota_h1, c);
    if (c->master && grant != ES_GRANT_BRIEF) {
        masters[nmasters++] = c->master;
    }
    apr_thread_mutex_unlock(lock);
    return grant;
}

int es_budget_has_room(const conn_rec *c)
{
    const quota_t *quota = c->master ? &quota_h2 : &quota_h1;
    int has_room;

    apr_thread_mutex_lock(lock);
    has_room =
        quota->held < quota->max || (c->master && index_of(c->master) >= 0);
    apr_thread_mutex_unlock(lock);
    return has_room;
}

void es_budget_release(conn_rec *c, es_grant_t grant)
{
    quota_t *quota = c->master ? &quota_h2 : &quota_h1;
    int i;

    apr_thread_mutex_lock(lock);
    if (grant == ES_GRANT_TURN) {
        quota->turns--;
    }
    else if (grant == ES_GRANT_HELD) {
        quota->held--;
    }
    i = c->master && grant != ES_GRANT_BRIEF ? index_of(c->master) : -1;
    if (i >= 0) {
        masters[i] = masters[--nmasters];
    }
    apr_thread_mutex_unlock(lock);
}
