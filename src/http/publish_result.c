/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of proxies have nothing secret (grip/proxy.h).
 */
#include "http/publish.h"

#include <apr_strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "server/grip_runtime.h"
#include "server/stats.h"

static void wait_until(es_publish_result_t *dispatch,
                       const es_runtime_hub_t *hub, es_pos_t from, es_pos_t to,
                       apr_time_t by)
{
    dispatch->grip = hub->grip;
    memset(dispatch->outcomes, 0, sizeof(dispatch->outcomes)); /* taken */
    if (dispatch->grip && from < to) {
        es_grip_runtime_wait(hub, from, to, 0, by, dispatch->outcomes);
    }
}

apr_time_t es_publish_result_end(const es_runtime_hub_t *hub)
{
    return hub->grip ? es_clock_now() + hub->grip->publish_timeout : 0;
}

static apr_time_t end_of(const es_publish_result_t *dispatch,
                         const es_runtime_hub_t *hub)
{
    return dispatch->by != 0 ? dispatch->by : es_publish_result_end(hub);
}

/* What is new, then what was known. */
void es_publish_result_wait(es_publish_result_t *dispatch,
                            const es_runtime_hub_t *hub,
                            const es_appended_t *done)
{
    apr_time_t by = end_of(dispatch, hub);
    es_publish_result_t known = {.grip = hub->grip};

    wait_until(dispatch, hub, done->from, done->head, by);
    if (dispatch->grip && done->known_from != 0) {
        es_grip_runtime_wait(hub, done->known_from, done->known_to, 1, by,
                             known.outcomes);
        es_publish_result_add(dispatch, &known);
    }
}

void es_publish_result_wait_close(es_publish_result_t *dispatch,
                                  const es_runtime_hub_t *hub, es_pos_t from,
                                  es_pos_t to)
{
    wait_until(dispatch, hub, from, to, end_of(dispatch, hub));
}

void es_publish_result_add(es_publish_result_t *sum,
                           const es_publish_result_t *part)
{
    int i;

    if (!part->grip) {
        return;
    }
    sum->grip = part->grip;
    for (i = 0; i < part->grip->proxies->nelts; i++) {
        if (part->outcomes[i] != ES_OUTCOME_TAKEN) {
            sum->outcomes[i] = part->outcomes[i];
        }
    }
}

static const char *name_of(const es_publish_result_t *dispatch, int i)
{
    return APR_ARRAY_IDX(dispatch->grip->proxies, i, const es_proxy_t *)->name;
}

/* "http://a: cannot connect; http://b: status 401", NULL = all took it */
static const char *failures_of(const es_publish_result_t *dispatch,
                               apr_pool_t *p)
{
    const char *text = NULL;
    int i;

    for (i = 0; i < dispatch->grip->proxies->nelts; i++) {
        if (dispatch->outcomes[i] != ES_OUTCOME_TAKEN) {
            text = apr_psprintf(p, "%s%s%s: %s", text ? text : "",
                                text ? "; " : "", name_of(dispatch, i),
                                es_outcome_text(dispatch->outcomes[i], p));
        }
    }
    return text;
}

static int is_crowded(const es_publish_result_t *dispatch)
{
    int i;

    for (i = 0; i < dispatch->grip->proxies->nelts; i++) {
        if (dispatch->outcomes[i] == ES_OUTCOME_CROWDED) {
            return 1;
        }
    }
    return 0;
}

int es_publish_result_check(const es_publish_result_t *dispatch, apr_pool_t *p,
                            es_problem_t *why)
{
    const char *failures;

    if (!dispatch->grip || dispatch->grip->ignores_errors) {
        return 1;
    }
    failures = failures_of(dispatch, p);
    if (!failures) {
        return 1;
    }
    es_problem_set(why, p, 502,
                   "Stored, and local clients have it, but not taken by %s.",
                   failures);
    if (is_crowded(dispatch)) {
        es_stats_limit(ES_LIMIT_WAITING);
        why->retry_after = ES_RETRY_AFTER_S;
        why->remedy = "EventStreamGripMaxWaiting is reached.";
    }
    return 0;
}

static const char *string(const char *text, apr_pool_t *p)
{
    return es_json_string(es_slice_of(text), p);
}

static const char *proxy_json(const es_publish_result_t *dispatch, int i,
                              apr_pool_t *p)
{
    const char *name = string(name_of(dispatch, i), p);

    if (dispatch->outcomes[i] == ES_OUTCOME_TAKEN) {
        return apr_psprintf(p, "{\"proxy\": %s, \"ok\": true}", name);
    }
    return apr_psprintf(p, "{\"proxy\": %s, \"ok\": false, \"error\": %s}",
                        name,
                        string(es_outcome_text(dispatch->outcomes[i], p), p));
}

const char *es_publish_result_json(const es_publish_result_t *dispatch,
                                   apr_pool_t *p)
{
    const char *list = "";
    int i;

    if (!dispatch->grip) {
        return "";
    }
    for (i = 0; i < dispatch->grip->proxies->nelts; i++) {
        list = apr_pstrcat(p, list, i > 0 ? ", " : "",
                           proxy_json(dispatch, i, p), NULL);
    }
    return apr_pstrcat(p, ", \"grip\": [", list, "]", NULL);
}

const char *es_publish_result_error(const es_problem_t *why, apr_pool_t *p)
{
    return apr_pstrcat(p, ", \"error\": ", string(why->sentence, p), NULL);
}
