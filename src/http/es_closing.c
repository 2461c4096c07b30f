/* SPDX-License-Identifier: Apache-2.0 */
#include "http/es_closing.h"

#include <apr_strings.h>

#include "base/es_query.h"
#include "http/es_hlog.h"
#include "http/es_names.h"
#include "http/es_outlet.h"
#include "http/es_reply.h"
#include "http/es_service.h"

#define FOR_PRESET 60
#define FOR_MAX (31 * 24 * 3600)

/* ?for= in seconds. */
static int read_for(request_rec *r, apr_int64_t *seconds, es_problem_t *why)
{
    es_slice_t text;

    *seconds = FOR_PRESET;
    if (!es_query_value(&text, es_slice_of(r->args), "for", r->pool)) {
        return 1;
    }
    *seconds = es_query_number(text, FOR_MAX);
    if (*seconds < 0) {
        return es_problem_set(why, r->pool, HTTP_BAD_REQUEST,
                              "The query's 'for' is no number of seconds from "
                              "0 to %d.",
                              FOR_MAX);
    }
    return 1;
}

static int close_all(request_rec *r, const es_dir_t *conf,
                     const es_channels_t *names, apr_int64_t seconds,
                     es_closed_t *done, es_problem_t *why)
{
    const es_hub_view_t *hub = es_service_hub(conf);
    es_closed_t one;
    int i;

    memset(done, 0, sizeof(*done));
    for (i = 0; i < es_channels_count(names); i++) {
        if (!es_outlet_close(hub, es_channels_names(names)[i], seconds, r->pool,
                             &one, why)) {
            return 0;
        }
        done->id = one.id;
        done->clients += one.clients;
    }
    return 1;
}

int es_closing_handler(request_rec *r, const es_dir_t *conf)
{
    es_channels_t *names;
    apr_int64_t seconds;
    es_closed_t done;
    es_problem_t why;
    char id[ES_ID_TEXT_SIZE];

    if (!es_names_asked(r, conf, &names, &why) ||
        !read_for(r, &seconds, &why) ||
        !close_all(r, conf, names, seconds, &done, &why)) {
        return es_reply_problem(r, &why);
    }
    es_id_format(id, &done.id);
    es_rlog(APLOG_DEBUG, 0, r, "ES0510",
            "closed %d channels with %" APR_UINT64_T_FMT
            " clients, for %" APR_INT64_T_FMT " seconds",
            es_channels_count(names), done.clients, seconds);
    return es_reply_json(r, apr_psprintf(r->pool,
                                         "{\"closed\": %d, \"id\": \"%s\", "
                                         "\"clients\": %" APR_UINT64_T_FMT "}",
                                         es_channels_count(names), id,
                                         done.clients));
}
