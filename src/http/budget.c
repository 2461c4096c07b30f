/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Held clients of HTTP/2 connections stand in a list, by their connection:
 * there are at most a few dozen, so that walking it under the lock is
 * cheaper than any index.
 */
#include "http/budget.h"

#include <ap_mpm.h>
#include <apr_optional.h>
#include <apr_thread_mutex.h>
#include <mod_http2.h>

#include "server/log.h"

typedef struct pot_t {
    int max;   /* clients that may be held, and turns besides */
    int held;  /* guarded by lock */
    int turns; /* guarded by lock */
} pot_t;

static apr_thread_mutex_t *lock;
static pot_t pot_h1;
static pot_t pot_h2;
static const conn_rec **masters; /* nmasters of them; guarded by lock */
static int nmasters;             /* held and turns of HTTP/2 */

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
    memset(&pot_h1, 0, sizeof(pot_h1));
    memset(&pot_h2, 0, sizeof(pot_h2));
    pot_h1.max = share_of(threads, max_held);
    pot_h2.max = share_of(high > 0 ? high : threads, max_held);
    masters = apr_pcalloc(pchild, sizeof(*masters) * (2 * pot_h2.max + 1));
    apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, pchild);
    es_slog(APLOG_INFO, 0, s, "ES0402",
            "clients that cannot be detached: %d held over HTTP/1.1, %d over "
            "HTTP/2, the others served in turns",
            pot_h1.max, pot_h2.max);
}

static int place_of(const conn_rec *master)
{
    int i;

    for (i = 0; i < nmasters; i++) {
        if (masters[i] == master) {
            return i;
        }
    }
    return -1;
}

/* A connection that has a grant gets no other: its few workers are wanted
 * for the pages that go with the stream. */
static es_grant_t grant_from(pot_t *pot, const conn_rec *c)
{
    if (c->master && place_of(c->master) >= 0) {
        return ES_GRANT_BRIEF;
    }
    if (pot->held < pot->max) {
        pot->held++;
        return ES_GRANT_HELD;
    }
    if (pot->turns < pot->max) {
        pot->turns++;
        return ES_GRANT_TURN;
    }
    return ES_GRANT_BRIEF;
}

es_grant_t es_budget_take(conn_rec *c)
{
    es_grant_t grant;

    apr_thread_mutex_lock(lock);
    grant = grant_from(c->master ? &pot_h2 : &pot_h1, c);
    if (c->master && grant != ES_GRANT_BRIEF) {
        masters[nmasters++] = c->master;
    }
    apr_thread_mutex_unlock(lock);
    return grant;
}

void es_budget_give(conn_rec *c, es_grant_t grant)
{
    pot_t *pot = c->master ? &pot_h2 : &pot_h1;
    int place;

    apr_thread_mutex_lock(lock);
    if (grant == ES_GRANT_TURN) {
        pot->turns--;
    }
    else if (grant == ES_GRANT_HELD) {
        pot->held--;
    }
    place = c->master && grant != ES_GRANT_BRIEF ? place_of(c->master) : -1;
    if (place >= 0) {
        masters[place] = masters[--nmasters];
    }
    apr_thread_mutex_unlock(lock);
}
