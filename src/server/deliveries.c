/* SPDX-License-Identifier: Apache-2.0 */
/* They share nothing but the stores, whose positions and counts are atomic or
 * are of one child number. Nothing here has a lock: workers only read it. */
#include "server/deliveries.h"

#include "base/clock.h"
#include "base/context.h"
#include "base/jitter.h"

apr_uint32_t es_deliveries_claim(es_deliveries_t *deliveries,
                                 es_children_t *children, apr_uint32_t wanted,
                                 apr_uint64_t generation, apr_uint64_t pid)
{
    apr_uint32_t child = 1;

    ES_CONTEXT(ES_CHILD_INIT);
    deliveries->table = children;
    while (deliveries->count < wanted && child != 0) {
        child = es_children_claim(children, generation, pid);
        if (child != 0) {
            deliveries->children[deliveries->count++] = child;
        }
    }
    return deliveries->count;
}

apr_status_t es_deliveries_start(es_deliveries_t *deliveries,
                                 const es_delivery_params_t *params,
                                 apr_pool_t *pool)
{
    es_delivery_params_t one = *params;
    apr_uint32_t claimed = deliveries->count, i;
    apr_status_t failed = APR_SUCCESS;

    ES_CONTEXT(ES_CHILD_INIT);
    deliveries->count = 0;
    for (i = 0; i < claimed; i++) {
        apr_uint32_t at = deliveries->count;
        apr_status_t rv;

        one.child = deliveries->children[i];
        rv = es_delivery_start(&deliveries->deliveries[at], &one, pool);
        if (rv == APR_SUCCESS) {
            deliveries->children[at] = one.child;
            deliveries->count++;
        }
        else {
            es_children_set_stopping(params->children, one.child);
            failed = rv;
        }
    }
    return failed;
}

/* While all of them stop, each still takes clients, to hand them over. Among
 * equals chance decides. If the first of them always won, clients of two
 * channels that come in turns, as those of a page with two streams do, would
 * go to one delivery each, and one thread would write all events of a channel.
 */
apr_uint32_t es_deliveries_choose(const es_deliveries_t *deliveries,
                                  const es_client_count_t *client_count)
{
    int is_stopping = es_deliveries_is_stopping(deliveries);
    apr_uint32_t least = APR_UINT32_MAX, equals = 0, child = 0, i;

    for (i = 0; i < deliveries->count; i++) {
        apr_uint32_t clients =
            es_client_count_total(client_count, deliveries->children[i]);

        if (clients > least ||
            (!is_stopping &&
             es_delivery_is_stopping(deliveries->deliveries[i]))) {
            continue;
        }
        equals = clients < least ? 1 : equals + 1;
        least = clients;
        if (es_jitter_below(equals) == 0) { /* each of them equally likely */
            child = deliveries->children[i];
        }
    }
    return child;
}

es_delivery_t *es_deliveries_of(const es_deliveries_t *deliveries,
                                apr_uint32_t child)
{
    apr_uint32_t i;

    for (i = 0; i < deliveries->count; i++) {
        if (deliveries->children[i] == child) {
            return deliveries->deliveries[i];
        }
    }
    return NULL;
}

int es_deliveries_is_stopping(const es_deliveries_t *deliveries)
{
    apr_uint32_t i;

    for (i = 0; i < deliveries->count; i++) {
        if (!es_delivery_is_stopping(deliveries->deliveries[i])) {
            return 0;
        }
    }
    return deliveries->count > 0;
}

void es_deliveries_leave(const es_deliveries_t *deliveries, es_stop_t why)
{
    apr_uint32_t i;

    for (i = 0; i < deliveries->count; i++) {
        es_children_set_stopping(deliveries->table, deliveries->children[i]);
    }
    for (i = 0; i < deliveries->count; i++) {
        es_delivery_leave(deliveries->deliveries[i], why);
    }
}

/* All are told first, so that they end at the same time. */
apr_status_t es_deliveries_join(const es_deliveries_t *deliveries,
                                apr_time_t by)
{
    apr_status_t rv = APR_SUCCESS;
    apr_uint32_t i;

    for (i = 0; i < deliveries->count; i++) {
        es_delivery_finish(deliveries->deliveries[i]);
    }
    for (i = 0; i < deliveries->count; i++) {
        if (es_delivery_join(deliveries->deliveries[i], by - es_clock_now()) !=
            APR_SUCCESS) {
            rv = APR_TIMEUP;
        }
    }
    return rv;
}
