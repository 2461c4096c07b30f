/* SPDX-License-Identifier: Apache-2.0 */
/* The names of proxies contain no secrets (see grip/proxy.h). But they are
 * addresses within the site, so they are sent only to those that may control
 * channels. */
#include "http/publish.h"

#include <apr_strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "server/grip_runtime.h"
#include "server/stats.h"

static void wait_until(es_publish_result_t *result, const es_runtime_hub_t *hub,
                       es_pos_t from, es_pos_t to, apr_time_t by)
{
    result->grip = hub->grip;
    memset(result->outcomes, 0, sizeof(result->outcomes)); /* = taken */
    if (result->grip && from < to) {
        es_grip_runtime_wait(hub, from, to, 0, by, result->outcomes);
    }
}

apr_time_t es_publish_result_deadline(const es_runtime_hub_t *hub)
{
    return hub->grip ? es_clock_now() + hub->grip->publish_timeout : 0;
}

static apr_time_t deadline_of(const es_publish_result_t *result,
                              const es_runtime_hub_t *hub)
{
    return result->by != 0 ? result->by : es_publish_result_deadline(hub);
}

/* Of events that were all stored earlier, on any server. */
static void set_earlier(es_publish_result_t *result)
{
    int i;

    for (i = 0; i < result->grip->proxies->nelts; i++) {
        result->outcomes[i] = ES_OUTCOME_EARLIER;
    }
}

/* Waits for the new events, then for those that were stored earlier. Of a
 * clustered hub, the server that has sent those may be another one. */
void es_publish_result_wait(es_publish_result_t *result,
                            const es_runtime_hub_t *hub,
                            const es_appended_t *done)
{
    apr_time_t by = deadline_of(result, hub);
    es_publish_result_t earlier = {.grip = hub->grip};

    wait_until(result, hub, done->from, done->head, by);
    if (result->grip && done->known_from != 0) {
        es_grip_runtime_wait(hub, done->known_from, done->known_to, 1, by,
                             earlier.outcomes);
        es_publish_result_add(result, &earlier);
    }
    if (result->grip && hub->cluster && done->known > 0 &&
        done->from == done->head) {
        set_earlier(result);
    }
}

void es_publish_result_wait_close(es_publish_result_t *result,
                                  const es_runtime_hub_t *hub, es_pos_t from,
                                  es_pos_t to)
{
    wait_until(result, hub, from, to, deadline_of(result, hub));
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
        if (es_outcome_is_failure(part->outcomes[i]) ||
            (part->outcomes[i] != ES_OUTCOME_TAKEN &&
             !es_outcome_is_failure(sum->outcomes[i]))) {
            sum->outcomes[i] = part->outcomes[i];
        }
    }
}

static const char *name_of(const es_publish_result_t *result, int i,
                           apr_pool_t *p)
{
    return result->shows_proxies
               ? APR_ARRAY_IDX(result->grip->proxies, i, const es_proxy_t *)
                     ->name
               : apr_psprintf(p, "proxy %d", i + 1);
}

/* "http://a: cannot connect; http://b: status 401"; NULL = none failed */
static const char *failures_of(const es_publish_result_t *result, apr_pool_t *p)
{
    const char *text = NULL;
    int i;

    for (i = 0; i < result->grip->proxies->nelts; i++) {
        if (es_outcome_is_failure(result->outcomes[i])) {
            text = apr_psprintf(p, "%s%s%s: %s", text ? text : "",
                                text ? "; " : "", name_of(result, i, p),
                                es_outcome_text(result->outcomes[i], p));
        }
    }
    return text;
}

static int has_too_many_waiting(const es_publish_result_t *result)
{
    int i;

    for (i = 0; i < result->grip->proxies->nelts; i++) {
        if (result->outcomes[i] == ES_OUTCOME_TOO_MANY_WAITING) {
            return 1;
        }
    }
    return 0;
}

int es_publish_result_check(const es_publish_result_t *result, apr_pool_t *p,
                            es_problem_t *why)
{
    const char *failures;

    if (!result->grip || result->grip->ignores_errors) {
        return 1;
    }
    failures = failures_of(result, p);
    if (!failures) {
        return 1;
    }
    es_problem_set(why, p, 502,
                   "Stored for local clients, but not taken by %s.", failures);
    if (has_too_many_waiting(result)) {
        es_stats_count_limit(ES_LIMIT_WAITING);
        why->retry_after = ES_RETRY_AFTER_S;
        es_problem_remedy(why, ES_REMEDY_GRIP_WAITING,
                          "EventStreamGripMaxWaiting is reached; raise it, or "
                          "look why the proxies are slow.");
    }
    return 0;
}

static const char *string(const char *text, apr_pool_t *p)
{
    return es_json_string(es_slice_of(text), p);
}

static const char *proxy_json(const es_publish_result_t *result, int i,
                              apr_pool_t *p)
{
    const char *name = string(name_of(result, i, p), p);
    int outcome = result->outcomes[i];
    const char *text = string(es_outcome_text(outcome, p), p);

    if (outcome == ES_OUTCOME_TAKEN) {
        return apr_psprintf(p, "{\"proxy\": %s, \"ok\": true}", name);
    }
    return apr_psprintf(p,
                        es_outcome_is_failure(outcome)
                            ? "{\"proxy\": %s, \"ok\": false, \"error\": %s}"
                            : "{\"proxy\": %s, \"ok\": null, \"why\": %s}",
                        name, text);
}

const char *es_publish_result_json(const es_publish_result_t *result,
                                   apr_pool_t *p)
{
    const char *list = "";
    int i;

    if (!result->grip) {
        return "";
    }
    for (i = 0; i < result->grip->proxies->nelts; i++) {
        list = apr_pstrcat(p, list, i > 0 ? ", " : "", proxy_json(result, i, p),
                           NULL);
    }
    return apr_pstrcat(p, ", \"grip\": [", list, "]", NULL);
}

const char *es_publish_result_error(const es_problem_t *why, apr_pool_t *p)
{
    return apr_pstrcat(p, ", \"error\": ", string(why->sentence, p), NULL);
}
