/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of presence. That of a change adds entries, as publish does, so it is
 * made again with another epoch; but it can also be made again when nobody
 * knows what became of it.
 */
#include "cluster/presence.h"

#include "base/context.h"
#include "cluster/publisher_priv.h"

#define TOLD_WORDS 5
#define NUMBER_SIZE 21

/* ---- telling ------------------------------------------------------------- */

static char *write_text(es_slice_t *word, es_slice_t from, char *text)
{
    memcpy(text, from.data, from.len);
    *word = es_slice(text, from.len);
    return text + from.len;
}

static char *write_number(es_slice_t *word, apr_uint64_t number, char *text)
{
    *word = es_slice(text, es_decimal_write(text, number));
    return text + word->len;
}

static char *write_told(es_slice_t words[TOLD_WORDS],
                        const es_cluster_told_t *told, char *text)
{
    words[0] = es_slice_of(told->is_join ? "join" : "leave");
    text = write_text(&words[1], told->channel, text);
    text = write_text(&words[2], told->name, text);
    text = write_number(&words[3], told->clients, text);
    return write_number(&words[4], told->serial, text);
}

static es_cluster_job_t *job_of_told(es_cluster_publisher_t *publisher,
                                     int begins, apr_uint64_t fence,
                                     const es_cluster_told_t *told, int count)
{
    es_cluster_job_t *job;
    es_slice_t *words;
    apr_size_t bytes = NUMBER_SIZE;
    char *text;
    int i;

    for (i = 0; i < count; i++) {
        bytes += told[i].channel.len + told[i].name.len + 2 * NUMBER_SIZE;
    }
    job = es_cluster_job_create(
        ES_CLUSTER_PUBLISH_WORDS + 3 + TOLD_WORDS * count, bytes, &text);
    if (job == NULL) {
        return NULL;
    }
    es_cluster_publish_head(job, publisher, "presence");
    words = job->argv + ES_CLUSTER_PUBLISH_WORDS;
    *words++ = es_slice_of(ES_CLUSTER_PRESENCE_TTL);
    *words++ = es_slice_of(begins ? "1" : "0");
    text = write_number(words++, fence, text);
    for (i = 0; i < count; i++, words += TOLD_WORDS) {
        text = write_told(words, &told[i], text);
    }
    return job;
}

/* What the script returns instead of subscriptions. */
static es_cluster_heard_t use_number(es_cluster_publisher_t *publisher,
                                     es_cluster_result_t *result)
{
    apr_int64_t number = (apr_int64_t)result->clients;

    result->clients = number > 0 ? result->clients - 1 : 0;
    es_cluster_state_add(publisher->hub.state, ES_CLUSTER_PUBLISHED,
                         result->clients);
    return number > 0    ? ES_CLUSTER_HEARD
           : number == 0 ? ES_CLUSTER_NOT_KNOWN
                         : ES_CLUSTER_TOLD_LATE;
}

apr_status_t es_cluster_presence_tell(es_cluster_publisher_t *publisher,
                                      int begins, apr_uint64_t fence,
                                      const es_cluster_told_t *told, int count,
                                      apr_time_t by, es_cluster_heard_t *heard,
                                      es_cluster_result_t *result)
{
    es_cluster_job_t *job = job_of_told(publisher, begins, fence, told, count);
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    *heard = ES_CLUSTER_NOT_KNOWN;
    rv = es_cluster_publish_put(publisher, job, NULL, by);
    if (rv != APR_SUCCESS) {
        es_cluster_publish_not_put(result, rv);
        return rv;
    }
    rv = es_cluster_publish_finish(job, result);
    if (rv == APR_SUCCESS) {
        *heard = use_number(publisher, result);
    }
    return rv;
}

/* ---- who is there -------------------------------------------------------- */

static es_cluster_job_t *job_of_who(es_cluster_publisher_t *publisher,
                                    es_slice_t channel, es_slice_t after,
                                    int max)
{
    apr_size_t room = sizeof(es_cluster_named_t) * (apr_size_t)max;
    es_cluster_job_t *job;
    es_slice_t *words;
    char *text;

    job = es_cluster_job_create(ES_CLUSTER_SCRIPT_HEAD + 4,
                                room + sizeof(apr_uint64_t) + channel.len +
                                    after.len + NUMBER_SIZE,
                                &text);
    if (job == NULL) {
        return NULL;
    }
    job->named =
        (es_cluster_named_t *)(void *)APR_ALIGN_DEFAULT((apr_size_t)text);
    job->max_named = max;
    text = (char *)job->named + room;
    memcpy(job->argv, publisher->script.head, sizeof(publisher->script.head));
    words = job->argv + ES_CLUSTER_SCRIPT_HEAD;
    words[0] = es_slice_of("who");
    text = write_text(&words[1], channel, text);
    text = write_text(&words[2], after, text);
    write_number(&words[3], (apr_uint64_t)max, text);
    job->publisher = publisher;
    return job;
}

apr_status_t es_cluster_presence_who(es_cluster_publisher_t *publisher,
                                     es_slice_t channel, es_slice_t after,
                                     es_cluster_named_t *named, int max,
                                     apr_time_t by, int *count)
{
    es_cluster_result_t result;
    es_cluster_job_t *job;
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    *count = 0;
    if (max < 1 || max > ES_CLUSTER_WHO_MAX) {
        return APR_EINVAL;
    }
    job = job_of_who(publisher, channel, after, max);
    rv = es_cluster_publish_put(publisher, job, NULL, by);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (es_cluster_job_wait(job, by) == ES_CLUSTER_JOB_DONE) {
        *count = job->nnamed;
        memcpy(named, job->named, sizeof(*named) * (apr_size_t)job->nnamed);
    }
    return es_cluster_queue_leave(&publisher->queue, job, &result);
}
