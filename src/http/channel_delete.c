/* SPDX-License-Identifier: Apache-2.0 */
/*
 * If a channel cannot be closed, the channels before it stay closed, and the
 * answer is the problem.
 */
#include "http/publish.h"

#include <apr_strings.h>

#include "base/query.h"
#include "server/log.h"
#include "server/runtime.h"
#include "http/publish_log.h"
#include "http/reply.h"
#include "http/request_channels.h"

#define FOR_PRESET 60
#define FOR_MAX (31 * 24 * 3600)

/* The seconds of ?for=. */
static int read_seconds(request_rec *r, apr_int64_t *seconds, es_problem_t *why)
{
    es_slice_t text;

    *seconds = FOR_PRESET;
    if (!es_query_value(&text, es_slice_of(r->args), "for", r->pool)) {
        return 1;
    }
    *seconds = es_query_number(text, FOR_MAX);
    if (*seconds < 0) {
        return es_problem_set(
            why, r->pool, HTTP_BAD_REQUEST,
            "The query's 'for' is not a number of seconds from "
            "0 to %d.",
            FOR_MAX);
    }
    return 1;
}

/* @param result  its grip stays NULL if a channel could not be closed */
static int close_all(request_rec *r, const es_dir_t *conf,
                     const es_channel_set_t *names, apr_int64_t seconds,
                     es_closed_t *done, es_publish_result_t *result,
                     es_problem_t *why)
{
    const es_runtime_hub_t *hub = es_runtime_hub(conf);
    es_publish_log_t *log = es_publish_log_of(r);
    es_closed_t one = {0};
    int i;

    memset(done, 0, sizeof(*done));
    es_publish_log_channels(log, es_channel_set_names(names),
                            es_channel_set_count(names));
    for (i = 0; i < es_channel_set_count(names); i++) {
        if (!es_publish_store_close(hub, es_channel_set_names(names)[i],
                                    seconds, r->pool, &one, why)) {
            return 0;
        }
        done->from = i == 0 ? one.from : done->from;
        done->head = one.head;
        done->id = one.id;
        done->clients += one.clients;
        es_publish_log_closed(log, 1, &one.id, done->clients);
    }
    es_publish_result_wait_close(result, hub, done->from, done->head);
    return es_publish_result_check(result, r->pool, why);
}

/* @param why  the 502 of channels that were closed; NULL = success */
static int reply_closed(request_rec *r, const es_channel_set_t *names,
                        apr_int64_t seconds, const es_closed_t *done,
                        const es_publish_result_t *result,
                        const es_problem_t *why)
{
    char id[ES_ID_TEXT_SIZE];
    const char *json;

    es_id_format(id, &done->id);
    es_rlog(APLOG_DEBUG, 0, r, "ES0510",
            "closed %d channels with %" APR_UINT64_T_FMT
            " clients, for %" APR_INT64_T_FMT " seconds",
            es_channel_set_count(names), done->clients, seconds);
    json = apr_psprintf(r->pool,
                        "{\"closed\": %d, \"id\": \"%s\", "
                        "\"clients\": %" APR_UINT64_T_FMT "%s%s}",
                        es_channel_set_count(names), id, done->clients,
                        es_publish_result_json(result, r->pool),
                        why ? es_publish_result_error(why, r->pool) : "");
    return why ? es_reply_json_problem(r, why, json) : es_reply_json(r, json);
}

int es_channel_delete_handler(request_rec *r, const es_dir_t *conf)
{
    es_request_rights_t rights;
    es_channel_set_t *names;
    apr_int64_t seconds;
    es_publish_result_t result = {.shows_proxies = 1}; /* it may control */
    es_closed_t done;
    es_problem_t why;

    if (!es_request_channels_publish_rights(&rights, r, conf, &why) ||
        !es_request_channels_queried(&rights, &names, &why) ||
        !read_seconds(r, &seconds, &why)) {
        return es_reply_problem(r, &why);
    }
    if (close_all(r, conf, names, seconds, &done, &result, &why)) {
        return reply_closed(r, names, seconds, &done, &result, NULL);
    }
    return result.grip ? reply_closed(r, names, seconds, &done, &result, &why)
                       : es_reply_problem(r, &why);
}
