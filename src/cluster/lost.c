/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event of the journal is lost if none of the spans has its id, and it comes
 * after the joint: the last id that journal and stream are known to have in
 * common, behind which the history begins or goes on.
 *
 *     journal   e1 ── e2 ── e3 ── e4 ── e5        (e4, e5: lost)
 *     stream          e2 ── e3 ── marker ── f1    (e3: the joint)
 *
 * If nothing is known about how the two belong together, all is told. That may
 * be more than was lost: the broker leaves out what it has, and to be told of
 * what it has dropped does no harm, as that gets another place, too.
 */
#include "cluster/lost.h"

#include <apr_strings.h>

#include "base/clock.h"

/** Words of a call after the head and the name: an event in a channel each. */
#define TOLD_MAX 1024
#define WORDS_MAX (ES_CLUSTER_SCRIPT_HEAD + 1 + TOLD_MAX)
/** For a call. */
#define ANSWER (5 * APR_USEC_PER_SEC)

typedef struct lost_t {
    const es_cluster_fill_params_t *params;
    es_cluster_link_t *link;
    const es_span_t *spans;
    int nspans;
    es_id_t joint; /* {0, 0}: not known */
    int argc;
    es_slice_t argv[WORDS_MAX];
    es_published_t found[TOLD_MAX];
} lost_t;

static int is_lost(const lost_t *lost, const es_id_t *id)
{
    int i;

    for (i = 0; i < lost->nspans; i++) {
        if (es_id_is_same_epoch(id, &lost->spans[i].last) &&
            es_id_compare(id, &lost->spans[i].first) >= 0 &&
            es_id_compare(id, &lost->spans[i].last) <= 0) {
            return 0;
        }
    }
    return es_id_compare(id, &lost->joint) > 0;
}

static void start_call(lost_t *lost)
{
    memcpy(lost->argv, lost->params->script->head,
           sizeof(lost->params->script->head));
    lost->argc = ES_CLUSTER_SCRIPT_HEAD;
    lost->argv[lost->argc++] = es_slice_of("lost");
}

static void add(lost_t *lost, const es_published_t *event, apr_pool_t *pool)
{
    apr_size_t channel_len = event->channel.len;
    apr_size_t len = channel_len + 1 + event->publisher_id.len;
    char *word = apr_palloc(pool, len);

    memcpy(word, event->channel.data, channel_len);
    word[channel_len] = '\n';
    memcpy(word + channel_len + 1, event->publisher_id.data,
           event->publisher_id.len);
    lost->argv[lost->argc++] = es_slice(word, len);
}

/* @return APR_EGENERAL never: that is for the journal alone */
static apr_status_t call(lost_t *lost)
{
    const es_cluster_fill_params_t *params = lost->params;
    es_cluster_reply_t *reply = NULL;
    apr_status_t rv = es_cluster_script_call(lost->link, lost->argc, lost->argv,
                                             es_clock_now() + ANSWER,
                                             params->keep, params->arg, &reply);

    if (rv != APR_SUCCESS) {
        return rv == APR_EINTR ? rv : APR_ECONNRESET;
    }
    if (es_cluster_reply_is_error(reply)) {
        es_cluster_script_error(params->why, params->why_size, reply);
        rv = APR_ECONNREFUSED;
    }
    es_cluster_reply_free(reply);
    return rv;
}

/* One call with the next events of the journal.
 * @return APR_EOF: all were told */
static apr_status_t tell_some(lost_t *lost, es_pos_t *at, apr_pool_t *pool)
{
    apr_status_t rv, called = APR_SUCCESS;
    int i, count;

    start_call(lost);
    rv = es_store_next_published(lost->params->hub->store, at, lost->found,
                                 TOLD_MAX, &count, pool);
    for (i = 0; i < count; i++) {
        if (is_lost(lost, &lost->found[i].id)) {
            add(lost, &lost->found[i], pool);
        }
    }
    if ((rv == APR_SUCCESS || rv == APR_EOF) &&
        lost->argc > ES_CLUSTER_SCRIPT_HEAD + 1) {
        called = call(lost);
    }
    return called != APR_SUCCESS ? called : rv;
}

/* An epoch is of one stream: if journal and id have it in common, they have all
 * up to the lower of both. */
static int is_common(const es_cluster_fill_params_t *params, const es_id_t *id)
{
    return id->ms != 0 && (es_id_is_same_epoch(id, &params->after) ||
                           es_store_has_span_of(params->hub->store, id));
}

static es_id_t joint_of(const es_cluster_fill_params_t *params,
                        const es_id_t *before, const es_id_t *first)
{
    es_id_t none = {0, 0};

    return is_common(params, before)  ? *before
           : is_common(params, first) ? *first
                                      : none;
}

apr_status_t es_cluster_lost_tell(const es_cluster_fill_params_t *params,
                                  es_cluster_link_t *link,
                                  const es_id_t *before, const es_span_t *spans,
                                  int nspans)
{
    apr_status_t rv = APR_SUCCESS;
    es_pos_t at = 0;
    apr_pool_t *pool;
    lost_t *lost;

    apr_pool_create(&pool, NULL);
    lost = apr_pcalloc(pool, sizeof(*lost));
    lost->params = params;
    lost->link = link;
    lost->spans = spans;
    lost->nspans = nspans;
    lost->joint = joint_of(params, before, &spans[0].first);
    while (rv == APR_SUCCESS) {
        apr_pool_t *call_pool;

        apr_pool_create(&call_pool, pool);
        rv = tell_some(lost, &at, call_pool);
        apr_pool_destroy(call_pool);
    }
    apr_pool_destroy(pool);
    return rv == APR_EOF ? APR_SUCCESS : rv;
}
