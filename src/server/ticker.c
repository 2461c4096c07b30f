/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each child wakes at the beginning of each second of the monotonic clock,
 * which all processes share, and claims that second. A child that is about to
 * stop claims none: at graceful its configuration is an old one.
 *
 * All state is static, like that of the log thread: a thread that does not end
 * in time may use it until the process exits.
 */
#include "server/ticker.h"

#include "base/clock.h"
#include "base/context.h"
#include "base/thread.h"
#include "shm/lock.h"
#include "shm/samples.h"
#include "server/log.h"
#include "server/retained.h"
#include "server/runtime.h"

#define FUNCTIONS_MAX 4
/* in a call of a function: as the sender does */
#define LOCK_WAIT (10 * APR_USEC_PER_SEC / 1000)
/* A turn takes milliseconds. */
#define JOIN_TIMEOUT (APR_USEC_PER_SEC / 2)

static struct {
    es_samples_t *samples; /* NULL = there is no ticker */
    es_ticker_fn_t *functions[FUNCTIONS_MAX];
    int count; /* of them; the next fields are those of a child */
    es_thread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond; /* is_ending has been set */
    int is_ending;       /* guarded by lock */
} ticker;

int es_ticker_open(server_rec *s)
{
    void *mem = es_retained_samples(s);

    ticker.count = 0;
    ticker.samples = mem ? es_samples_attach(mem) : NULL;
    return mem != NULL;
}

void es_ticker_add(es_ticker_fn_t *fn)
{
    if (ticker.samples && ticker.count < FUNCTIONS_MAX) {
        ticker.functions[ticker.count++] = fn;
    }
}

es_samples_t *es_ticker_samples(void)
{
    return ticker.samples;
}

/* @return 0: the child ends */
static int wait_until(apr_time_t by)
{
    int error = 0;
    int is_ending;

    pthread_mutex_lock(&ticker.lock);
    while (!ticker.is_ending && error == 0) {
        error = es_thread_cond_wait(&ticker.cond, &ticker.lock, by);
    }
    is_ending = ticker.is_ending;
    pthread_mutex_unlock(&ticker.lock);
    return !is_ending;
}

static void tick(apr_uint64_t second, apr_pool_t *p)
{
    int is_first, i;

    if (es_runtime_is_stopping()) {
        return;
    }
    is_first = es_samples_claim(ticker.samples, second);
    for (i = 0; i < ticker.count; i++) {
        ticker.functions[i](is_first, p);
        apr_pool_clear(p);
    }
}

static void run(void *unused)
{
    apr_pool_t *pool;
    apr_time_t second;

    (void)unused;
    es_context_enter(ES_TICKER);
    es_lock_limit_wait(LOCK_WAIT);
    if (es_thread_pool_create(&pool) != APR_SUCCESS) {
        return;
    }
    do {
        second = apr_time_sec(es_clock_now()) + 1;
        if (!wait_until(apr_time_from_sec(second))) {
            break;
        }
        tick((apr_uint64_t)second, pool);
    } while (1);
    apr_pool_destroy(pool);
}

static void keep(void *unused)
{
    (void)unused; /* the ticker is static */
}

static apr_status_t stop(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&ticker.lock);
    ticker.is_ending = 1;
    pthread_cond_signal(&ticker.cond);
    pthread_mutex_unlock(&ticker.lock);
    (void)es_thread_join(&ticker.thread, JOIN_TIMEOUT);
    return APR_SUCCESS;
}

void es_ticker_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_status_t rv;

    if (ticker.count == 0 || !es_runtime_is_serving()) {
        return;
    }
    ticker.is_ending = 0;
    pthread_mutex_init(&ticker.lock, NULL);
    es_thread_cond_init(&ticker.cond);
    rv = es_thread_start(&ticker.thread, run, keep, NULL, pchild);
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_WARNING, rv, s, "ES0028",
                "cannot start the ticker thread of this child; the status page "
                "is live as long as another child has one");
        return;
    }
    apr_pool_pre_cleanup_register(pchild, NULL, stop);
}
