/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of a publisher has the number of the directive in it, so that each
 * directive counts for itself, and its values, so that what is known of a rate
 * is not taken for another one after a restart.
 */
#include "http/publish_rate.h"

#include <apr_strings.h>

#include "base/clock.h"
#include "server/runtime.h"
#include "server/stats.h"
#include "http/client_address.h"

/* The head of the bytes that a key is made of. */
typedef struct prefix_t {
    es_rate_t rate;
    apr_uint32_t number;
    apr_uint32_t is_user;
} prefix_t;

static int has_user(const request_rec *r)
{
    return r->user && *r->user;
}

static apr_uint64_t key_of(const es_rates_t *rates,
                           const es_publish_rate_conf_t *conf, int is_user,
                           es_slice_t who, apr_pool_t *p)
{
    apr_size_t len = sizeof(prefix_t) + who.len;
    char *bytes = apr_pcalloc(p, len);
    prefix_t *prefix = (prefix_t *)bytes; /* padding is 0 */

    prefix->rate.interval = conf->rate.interval;
    prefix->rate.burst = conf->rate.burst;
    prefix->number = conf->number;
    prefix->is_user = (apr_uint32_t)is_user;
    if (who.len != 0) {
        memcpy(bytes + sizeof(*prefix), who.data, who.len);
    }
    return es_rates_key(rates, bytes, len);
}

void es_publish_rate_of(es_publish_rate_t *rate, const request_rec *r,
                        const es_dir_t *conf)
{
    const es_publish_rate_conf_t *limit = conf->publish_rate;
    const es_rates_t *rates = es_runtime_rates();
    es_slice_t who = es_slice(NULL, 0);
    int is_user = 0;

    memset(rate, 0, sizeof(*rate));
    if (!limit || limit->number == 0 || !rates) {
        return;
    }
    rate->who = "all publishers together";
    if (limit->per == ES_RATE_PER_USER && has_user(r)) {
        is_user = 1;
        who = es_slice_of(r->user);
        rate->who = apr_psprintf(r->pool, "user '%s'", r->user);
    }
    else if (limit->per != ES_RATE_PER_ALL) {
        who = es_client_address(r);
        rate->who = apr_psprintf(r->pool, "address %s", r->useragent_ip);
    }
    rate->conf = limit;
    rate->key = key_of(rates, limit, is_user, who, r->pool);
}

static apr_interval_time_t take(const es_publish_rate_t *rate, int events)
{
    return es_rates_take(es_runtime_rates(), rate->key, &rate->conf->rate,
                         (apr_uint32_t)events, es_clock_now());
}

apr_interval_time_t es_publish_rate_take(const es_publish_rate_t *rate)
{
    return rate->conf ? take(rate, 1) : 0;
}

static int add_remedy(const es_publish_rate_t *rate, apr_pool_t *p,
                      es_problem_t *why)
{
    es_stats_count_limit(ES_LIMIT_PUBLISH_RATE);
    return es_problem_remedy(
        why, ES_REMEDY_PUBLISH_RATE,
        apr_psprintf(p, "EventStreamPublishRate %s of this Location: %s.",
                     rate->conf->text, rate->who));
}

int es_publish_rate_refuse(const es_publish_rate_t *rate,
                           apr_interval_time_t wait, apr_pool_t *p,
                           es_problem_t *why)
{
    apr_int64_t seconds = (wait + APR_USEC_PER_SEC - 1) / APR_USEC_PER_SEC;

    es_problem_set(why, p, HTTP_TOO_MANY_REQUESTS,
                   "Too many events; try again in %" APR_INT64_T_FMT
                   " second%s.",
                   seconds, seconds == 1 ? "" : "s");
    why->retry_after = (int)seconds;
    return add_remedy(rate, p, why);
}

static int refuse_size(const es_publish_rate_t *rate, int events, apr_pool_t *p,
                       es_problem_t *why)
{
    es_problem_set(why, p, HTTP_REQUEST_ENTITY_TOO_LARGE,
                   "The body has %d events, and at most %u may be published "
                   "at once. Send them in parts, or as NDJSON.",
                   events, rate->conf->rate.burst);
    return add_remedy(rate, p, why);
}

int es_publish_rate_admits(const es_publish_rate_t *rate, int events,
                           apr_pool_t *p, es_problem_t *why)
{
    apr_interval_time_t wait;

    if (!rate->conf || events < 1) {
        return 1;
    }
    if ((apr_uint32_t)events > rate->conf->rate.burst) {
        return refuse_size(rate, events, p, why);
    }
    wait = take(rate, events);
    return wait == 0 || es_publish_rate_refuse(rate, wait, p, why);
}
