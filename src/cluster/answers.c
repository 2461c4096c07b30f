/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the replies of the broker mean for the jobs that were sent. They come in
 * the order of the jobs; after a job that is fenced comes the reply to WAIT,
 * which is for all jobs that are stored.
 */
#include <apr_strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "cluster/publisher_priv.h"

/** Times that a job is sent. */
#define TRIES_MAX 10

static es_cluster_job_t *job_at(es_list_t *link)
{
    return ES_LIST_OWNER(link, es_cluster_job_t, link);
}

static int is_stopping(const es_cluster_publisher_t *publisher)
{
    return __atomic_load_n(&publisher->stop, __ATOMIC_ACQUIRE);
}

/* ---- answering ----------------------------------------------------------- */

static void answer(es_cluster_publisher_t *publisher, es_cluster_job_t *job,
                   apr_status_t rv, const es_cluster_result_t *result)
{
    if (rv == APR_SUCCESS && job->adds_entries) {
        es_cluster_state_add(publisher->hub.state, ES_CLUSTER_PUBLISHED,
                             (apr_uint64_t)(job->nevents - result->known));
    }
    __atomic_sub_fetch(&publisher->nsent, 1, __ATOMIC_RELEASE);
    es_cluster_queue_answer(&publisher->queue, job, rv, result);
}

/* Answer a job that has failed. */
static void fail(es_cluster_publisher_t *publisher, es_cluster_job_t *job,
                 apr_status_t rv, int maybe_sent, const char *why)
{
    es_cluster_result_t result = job->result;

    result.maybe_sent = maybe_sent;
    apr_cpystrn(result.why, why, sizeof(result.why));
    answer(publisher, job, rv, &result);
}

static void send_again(es_cluster_publisher_t *publisher, es_cluster_job_t *job)
{
    publisher->has_again = 1;
    __atomic_sub_fetch(&publisher->nsent, 1, __ATOMIC_RELEASE);
    es_cluster_queue_again(&publisher->queue, job);
}

/* Answer jobs that are stored. */
static void answer_stored(es_cluster_publisher_t *publisher, int is_confirmed)
{
    while (!es_list_is_empty(&publisher->stored)) {
        es_cluster_job_t *job = job_at(publisher->stored.next);

        if (is_confirmed) {
            answer(publisher, job, APR_SUCCESS, &job->result);
            continue;
        }
        job->result.is_stored = 1;
        fail(publisher, job, APR_EGENERAL, 1, "no replica has confirmed it");
    }
}

void es_cluster_answers_lose(es_cluster_publisher_t *publisher)
{
    answer_stored(publisher, 0);
    while (!es_list_is_empty(&publisher->sent)) {
        fail(publisher, job_at(publisher->sent.next), APR_EOF, 1,
             publisher->why);
    }
}

void es_cluster_answers_log(const es_cluster_publisher_t *publisher)
{
    static apr_time_t last_logged; /* atomic */

    es_log(es_log_limit_level(&last_logged, ES_LOG_WARNING, es_clock_now()),
           APR_SUCCESS, "ES0846",
           "hub %s: cannot publish: %s; publishers get 503 until that is over",
           publisher->hub.name, publisher->why);
}

/* ---- replies ------------------------------------------------------------- */

/* What an error of the broker means for the job. */
enum {
    AGAIN,        /* not executed: after hello */
    ELSEWHERE,    /* not executed: the link is to be opened again */
    NOT_EXECUTED, /* and it would not be the next time */
    UNKNOWN
};

static int meaning_of(const es_cluster_reply_t *reply)
{
    static const struct {
        const char *code;
        int meaning;
    } codes[] = {
        {"ESEPOCH", AGAIN},           {"NOSCRIPT", AGAIN},
        {"READONLY", ELSEWHERE},      {"LOADING", ELSEWHERE},
        {"MASTERDOWN", ELSEWHERE},    {"OOM", NOT_EXECUTED},
        {"NOREPLICAS", NOT_EXECUTED}, {"MISCONF", NOT_EXECUTED},
        {"BUSY", NOT_EXECUTED},       {"WRONGTYPE", NOT_EXECUTED},
        {"NOPERM", NOT_EXECUTED},     {"NOAUTH", NOT_EXECUTED},
        {"MOVED", NOT_EXECUTED},      {"ESIDS", NOT_EXECUTED},
        {"ESOP", NOT_EXECUTED},       {"ESREVOKED", NOT_EXECUTED},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (es_cluster_reply_is_code(reply, codes[i].code)) {
            return codes[i].meaning;
        }
    }
    return UNKNOWN;
}

static void use_error(es_cluster_publisher_t *publisher, es_cluster_job_t *job,
                      const es_cluster_reply_t *reply)
{
    char why[ES_CLUSTER_WHY_SIZE];
    int meaning = meaning_of(reply);

    es_cluster_script_error(why, sizeof(why), reply);
    if ((meaning == AGAIN || meaning == ELSEWHERE) && job->tries < TRIES_MAX &&
        !is_stopping(publisher)) {
        publisher->epoch[0] = '\0';
        if (meaning == ELSEWHERE) {
            apr_cpystrn(publisher->why, why, sizeof(publisher->why));
            publisher->is_elsewhere = 1;
        }
        send_again(publisher, job);
        return;
    }
    apr_cpystrn(publisher->why, why, sizeof(publisher->why));
    es_cluster_state_set_error(publisher->hub.state, why);
    es_cluster_answers_log(publisher);
    fail(publisher, job, APR_EGENERAL, meaning == UNKNOWN, why);
}

static int read_clash(es_cluster_result_t *result,
                      const es_cluster_reply_t *reply)
{
    result->clash.event =
        (int)es_cluster_reply_number(es_cluster_reply_at(reply, 1));
    result->clash.channel =
        (int)es_cluster_reply_number(es_cluster_reply_at(reply, 2));
    return es_slice_is(es_cluster_reply_text(es_cluster_reply_at(reply, 0)),
                       "clash");
}

static int read_ok(es_cluster_result_t *result, const es_cluster_reply_t *reply)
{
    result->known = (int)es_cluster_reply_number(es_cluster_reply_at(reply, 2));
    result->clients =
        (apr_uint64_t)es_cluster_reply_number(es_cluster_reply_at(reply, 3));
    return es_slice_is(es_cluster_reply_text(es_cluster_reply_at(reply, 0)),
                       "ok") &&
           es_id_parse(&result->last_id,
                       es_cluster_reply_text(es_cluster_reply_at(reply, 1))) &&
           es_id_parse(&result->stream_last,
                       es_cluster_reply_text(es_cluster_reply_at(reply, 4)));
}

static void use_entries(es_cluster_publisher_t *publisher,
                        es_cluster_job_t *job, const es_cluster_reply_t *reply)
{
    if (read_clash(&job->result, reply) &&
        job->result.clash.event < job->nevents) {
        answer(publisher, job, APR_EEXIST, &job->result);
    }
    else if (!read_ok(&job->result, reply)) {
        fail(publisher, job, APR_EGENERAL, 1,
             "the broker's answer is not understood");
    }
    else if (publisher->hub.acks_replica) {
        es_list_remove(&job->link);
        es_list_append(&publisher->stored, &job->link);
        es_cluster_queue_store(&publisher->queue, job);
    }
    else {
        answer(publisher, job, APR_SUCCESS, &job->result);
    }
}

static void use_numbers(es_cluster_publisher_t *publisher,
                        es_cluster_job_t *job, const es_cluster_reply_t *reply)
{
    int i;

    for (i = 0; i < job->nclients; i++) {
        job->clients[i] = (apr_uint64_t)es_cluster_reply_number(
            es_cluster_reply_at(reply, i));
    }
    answer(publisher, job, APR_SUCCESS, &job->result);
}

/* What is no name is passed over. */
static void use_names(es_cluster_publisher_t *publisher, es_cluster_job_t *job,
                      const es_cluster_reply_t *reply)
{
    int count = (int)es_cluster_reply_count(reply) / 2;
    int i;

    for (i = 0; i < count && job->nnamed < job->max_named; i++) {
        es_cluster_named_t *to = &job->named[job->nnamed];
        es_slice_t name =
            es_cluster_reply_text(es_cluster_reply_at(reply, 2 * i));

        if (name.len > 0 && name.len <= ES_CLUSTER_NAMED_MAX) {
            memcpy(to->name, name.data, name.len);
            to->len = name.len;
            to->servers = (int)es_cluster_reply_number(
                es_cluster_reply_at(reply, 2 * i + 1));
            job->nnamed++;
        }
    }
    answer(publisher, job, APR_SUCCESS, &job->result);
}

static void set_available(es_cluster_publisher_t *publisher)
{
    publisher->down_since = 0;
    publisher->next_try = 0;
    publisher->backoff = ES_CLUSTER_BACKOFF_MIN;
}

void es_cluster_answers_use(es_cluster_publisher_t *publisher,
                            const es_cluster_reply_t *reply)
{
    es_cluster_job_t *job;

    if (publisher->is_fenced) {
        publisher->is_fenced = 0;
        answer_stored(publisher, !es_cluster_reply_is_error(reply) &&
                                     es_cluster_reply_number(reply) >= 1);
        return;
    }
    job = job_at(publisher->sent.next);
    publisher->is_fenced = job->is_fenced;
    if (es_cluster_reply_is_error(reply)) {
        use_error(publisher, job, reply);
        return;
    }
    set_available(publisher);
    if (job->adds_entries) {
        use_entries(publisher, job, reply);
    }
    else if (job->max_named > 0) {
        use_names(publisher, job, reply);
    }
    else {
        use_numbers(publisher, job, reply);
    }
}
