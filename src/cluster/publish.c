/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers do: make a job of a batch, queue it, wait for its answer, then
 * for the journal of this node. The thread that sends the jobs is in
 * publisher.c.
 *
 * All workers of a child wait for the last id of the journal. To read it takes
 * the store lock, so one of them reads it for all.
 */
#include <apr_strings.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/sigblock.h"
#include "journal/stream_append.h"
#include "cluster/entry.h"
#include "cluster/futex.h"
#include "cluster/publisher_priv.h"

/** Bytes of a job at most. */
#define JOB_BYTES_MAX ((apr_size_t)16 << 20)
#define FIXED_WORDS ES_CLUSTER_PUBLISH_WORDS
#define NUMBER_SIZE 21
/** For the journal to get what the broker has, once the child stops. */
#define STOP_WAIT (2 * APR_USEC_PER_SEC)
/** Between two looks at the journal. */
#define LOOK_WAIT (200 * 1000)

/* ---- does it fit? -------------------------------------------------------- */

/* Bytes that an event takes in the journal, at most; each byte of data may be a
 * line of its own. */
static apr_uint64_t bound_of(const es_event_t *event)
{
    return 8 * (apr_uint64_t)event->data.len + event->type.len + event->id.len +
           64 * (apr_uint64_t)event->nchannels + 512;
}

static apr_uint64_t exact_size(const es_batch_t *batch)
{
    apr_uint64_t sum = 0;
    apr_pool_t *p;
    int i;

    apr_pool_create(&p, NULL);
    for (i = 0; i < batch->count; i++) {
        es_stream_entry_t entry;
        es_frame_t frame;

        memset(&entry, 0, sizeof(entry));
        es_frame_make(&frame, &batch->events[i], p);
        entry.entry.channels = batch->events[i].channels;
        entry.entry.nchannels = batch->events[i].nchannels;
        entry.entry.frame = &frame;
        sum += es_store_entry_size(&entry);
        apr_pool_clear(p);
    }
    apr_pool_destroy(p);
    return sum;
}

static int fits(const es_cluster_publisher_t *publisher,
                const es_batch_t *batch)
{
    apr_uint64_t max = es_store_fill_max(publisher->hub.store);
    apr_uint64_t bound = 0;
    apr_size_t channels = 0;
    int i;

    for (i = 0; i < batch->count; i++) {
        bound += bound_of(&batch->events[i]);
        channels += (apr_size_t)batch->events[i].nchannels;
    }
    return channels <= ES_STORE_BATCH_CHANNELS_MAX &&
           (bound <= max || exact_size(batch) <= max);
}

/* ---- making a job -------------------------------------------------------- */

void es_cluster_publish_head(es_cluster_job_t *job,
                             es_cluster_publisher_t *publisher,
                             const char *operation)
{
    es_slice_t *words = job->argv + ES_CLUSTER_SCRIPT_HEAD;

    memcpy(job->argv, publisher->script.head, sizeof(publisher->script.head));
    words[0] = es_slice_of(operation);
    words[3] = es_slice_of(publisher->hub.acks_replica ? "replica" : "primary");
    words[4] = es_slice_of(publisher->node);
    words[5] = es_slice_of(publisher->maxlen);
    job->publisher = publisher;
    job->adds_entries = 1;
}

static char *write_number(es_slice_t *word, apr_uint64_t number, char *text)
{
    *word = es_slice(text, es_decimal_write(text, number));
    return text + word->len;
}

static es_cluster_job_t *job_of_batch(es_cluster_publisher_t *publisher,
                                      const es_batch_t *batch)
{
    int argc = FIXED_WORDS + 1 + batch->count * ES_CLUSTER_ENTRY_WORDS;
    apr_size_t bytes = NUMBER_SIZE;
    es_cluster_job_t *job;
    es_slice_t *words;
    char *text;
    int i;

    for (i = 0; i < batch->count; i++) {
        bytes += es_cluster_entry_size(&batch->events[i]);
    }
    job = es_cluster_job_create(argc, bytes, &text);
    if (job == NULL) {
        return NULL;
    }
    es_cluster_publish_head(job, publisher, "publish");
    words = job->argv + FIXED_WORDS;
    text = write_number(words++, (apr_uint64_t)batch->count, text);
    for (i = 0; i < batch->count; i++, words += ES_CLUSTER_ENTRY_WORDS) {
        text = es_cluster_entry_write(words, &batch->events[i], text);
    }
    job->nevents = batch->count;
    return job;
}

static es_cluster_job_t *job_of_close(es_cluster_publisher_t *publisher,
                                      es_slice_t channel, apr_int64_t seconds)
{
    char *text;
    es_cluster_job_t *job = es_cluster_job_create(
        FIXED_WORDS + 2, channel.len + NUMBER_SIZE, &text);

    if (job == NULL) {
        return NULL;
    }
    es_cluster_publish_head(job, publisher, "close");
    memcpy(text, channel.data, channel.len);
    job->argv[FIXED_WORDS] = es_slice(text, channel.len);
    write_number(&job->argv[FIXED_WORDS + 1], (apr_uint64_t)seconds,
                 text + channel.len);
    job->nevents = 1;
    return job;
}

static es_cluster_job_t *job_of_question(es_cluster_publisher_t *publisher,
                                         const es_slice_t *channels, int count)
{
    int argc = ES_CLUSTER_SCRIPT_HEAD + 1 + count;
    apr_size_t numbers = sizeof(apr_uint64_t) * (apr_size_t)count;
    apr_size_t bytes = numbers + sizeof(apr_uint64_t);
    es_cluster_job_t *job;
    char *text;
    int i;

    for (i = 0; i < count; i++) {
        bytes += channels[i].len;
    }
    job = es_cluster_job_create(argc, bytes, &text);
    if (job == NULL) {
        return NULL;
    }
    job->clients = (apr_uint64_t *)(void *)APR_ALIGN_DEFAULT((apr_size_t)text);
    job->nclients = count;
    text = (char *)job->clients + numbers;
    memcpy(job->argv, publisher->script.head, sizeof(publisher->script.head));
    job->argv[ES_CLUSTER_SCRIPT_HEAD] = es_slice_of("clients");
    for (i = 0; i < count; i++) {
        memcpy(text, channels[i].data, channels[i].len);
        job->argv[argc - count + i] = es_slice(text, channels[i].len);
        text += channels[i].len;
    }
    job->publisher = publisher;
    return job;
}

/* ---- waiting ------------------------------------------------------------- */

/** What a thread that wants to know the last id does. */
enum {
    KNOWN, /* nothing: it was read in this turn */
    WAIT,  /* another thread reads it */
    READ
};

static int what_to_do(es_cluster_publisher_t *publisher, apr_uint32_t turn,
                      es_id_t *last, apr_uint32_t *looks)
{
    es_sigblock_t sigblock;
    int what;

    es_sigblock_begin(&sigblock);
    pthread_mutex_lock(&publisher->look_lock);
    *last = publisher->look_last;
    *looks = __atomic_load_n(&publisher->looks, __ATOMIC_RELAXED);
    what = publisher->has_looked && publisher->look_turn == turn ? KNOWN
           : publisher->is_looking                               ? WAIT
                                                                 : READ;
    if (what == READ) {
        publisher->is_looking = 1;
    }
    pthread_mutex_unlock(&publisher->look_lock);
    es_sigblock_end(&sigblock);
    return what;
}

static apr_status_t read_last(es_cluster_publisher_t *publisher,
                              apr_uint32_t turn, es_id_t *last)
{
    es_id_t found;
    apr_status_t rv = es_store_last(publisher->hub.store, &found);
    es_sigblock_t sigblock;

    es_sigblock_begin(&sigblock);
    pthread_mutex_lock(&publisher->look_lock);
    publisher->is_looking = 0;
    if (rv == APR_SUCCESS) {
        *last = publisher->look_last = found;
        publisher->look_turn = turn;
        publisher->has_looked = 1;
    }
    __atomic_add_fetch(&publisher->looks, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&publisher->look_lock);
    es_sigblock_end(&sigblock);
    es_cluster_futex_wake(&publisher->looks);
    return rv;
}

apr_status_t es_cluster_publisher_look(es_cluster_publisher_t *publisher,
                                       apr_uint32_t turn, es_id_t *last,
                                       apr_interval_time_t at_most)
{
    apr_uint32_t looks;
    int what = what_to_do(publisher, turn, last, &looks);

    if (what == WAIT) {
        es_cluster_futex_wait(&publisher->looks, looks, at_most);
        return APR_EAGAIN;
    }
    return what == KNOWN ? APR_SUCCESS : read_last(publisher, turn, last);
}

/* Is id in the history of the journal, whose last id is last? An epoch that has
 * ended may have lost its last entries. */
static int is_kept(const es_cluster_publisher_t *publisher, const es_id_t *last,
                   const es_id_t *id)
{
    return es_id_is_same_epoch(last, id) ||
           es_store_has_span_of(publisher->hub.store, id);
}

static apr_status_t not_arrived(es_cluster_result_t *result, apr_status_t rv,
                                const char *why)
{
    result->maybe_sent = 1;
    result->is_stored = rv != APR_EGENERAL;
    apr_cpystrn(result->why, why, sizeof(result->why));
    return rv;
}

/* Wait until this node has what the broker had. Not only the last event: one
 * that was known may be of an epoch that has ended, and a restart of the broker
 * may stand between. */
static apr_status_t wait_for_journal(es_cluster_publisher_t *publisher,
                                     apr_time_t by, es_cluster_result_t *result)
{
    es_cluster_state_t *state = publisher->hub.state;
    apr_status_t late = APR_TIMEUP;

    for (;;) {
        apr_uint32_t turn = es_cluster_state_turn(state);
        apr_interval_time_t left = by - es_clock_now();
        apr_interval_time_t part = left < LOOK_WAIT ? left : LOOK_WAIT;
        es_id_t last;
        apr_status_t rv =
            es_cluster_publisher_look(publisher, turn, &last, part);

        if (rv == APR_SUCCESS &&
            es_id_compare(&last, &result->stream_last) >= 0) {
            return is_kept(publisher, &last, &result->stream_last)
                       ? APR_SUCCESS
                       : not_arrived(result, APR_EGENERAL,
                                     "another history has replaced it");
        }
        if (left <= 0) {
            return not_arrived(result, late,
                               "this server has not received it yet");
        }
        if (late == APR_TIMEUP &&
            __atomic_load_n(&publisher->stop, __ATOMIC_ACQUIRE)) {
            late = APR_EOF;
            by = left < STOP_WAIT ? by : es_clock_now() + STOP_WAIT;
        }
        if (rv != APR_EAGAIN) {
            es_cluster_state_wait(state, turn, part);
        }
    }
}

/* ---- what workers call --------------------------------------------------- */

/* Count events of which a publisher is told that they are not published. */
static apr_status_t count_failed(const es_cluster_publisher_t *publisher,
                                 apr_status_t rv, int events)
{
    if (rv != APR_SUCCESS && rv != APR_EEXIST) {
        es_cluster_state_add(publisher->hub.state, ES_CLUSTER_UNAVAILABLE,
                             (apr_uint64_t)events);
    }
    return rv;
}

apr_status_t es_cluster_publish_put(es_cluster_publisher_t *publisher,
                                    es_cluster_job_t *job,
                                    es_cluster_lane_t *lane, apr_time_t by)
{
    int events;

    if (job == NULL) {
        return APR_ENOMEM;
    }
    events = job->nevents;
    job->lane = lane;
    job->by = by;
    return count_failed(publisher, es_cluster_queue_put(&publisher->queue, job),
                        events);
}

void es_cluster_publish_not_put(es_cluster_result_t *result, apr_status_t rv)
{
    memset(result, 0, sizeof(*result));
    apr_cpystrn(result->why,
                rv == APR_EOF      ? "the child stops"
                : rv == APR_TIMEUP ? "too much waits to be published"
                : rv == APR_ENOSPC ? "it is too large"
                                   : "there is no memory",
                sizeof(result->why));
}

apr_status_t es_cluster_publish_begin(es_cluster_publisher_t *publisher,
                                      es_cluster_lane_t *lane,
                                      const es_batch_t *batch, apr_time_t by,
                                      es_cluster_job_t **job)
{
    es_cluster_job_t *made;
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    *job = NULL;
    if (!fits(publisher, batch)) {
        return APR_ENOSPC;
    }
    made = job_of_batch(publisher, batch);
    if (made != NULL && made->bytes > JOB_BYTES_MAX) {
        es_cluster_job_free(made);
        return APR_ENOSPC;
    }
    rv = es_cluster_publish_put(publisher, made, lane, by);
    if (rv == APR_SUCCESS) {
        *job = made;
    }
    return rv;
}

int es_cluster_publish_is_answered(const es_cluster_job_t *job)
{
    return es_cluster_job_state(job) == ES_CLUSTER_JOB_DONE;
}

apr_status_t es_cluster_publish_finish(es_cluster_job_t *job,
                                       es_cluster_result_t *result)
{
    es_cluster_publisher_t *publisher = job->publisher;
    apr_time_t by = job->by;
    int events = job->nevents;
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    es_cluster_job_wait(job, by);
    rv = es_cluster_queue_leave(&publisher->queue, job, result);
    if (rv == APR_SUCCESS) {
        rv = wait_for_journal(publisher, by, result);
    }
    return count_failed(publisher, rv, events);
}

apr_status_t es_cluster_publish(es_cluster_publisher_t *publisher,
                                const es_batch_t *batch, apr_time_t by,
                                es_cluster_result_t *result)
{
    es_cluster_job_t *job;
    apr_status_t rv =
        es_cluster_publish_begin(publisher, NULL, batch, by, &job);

    if (rv != APR_SUCCESS) {
        es_cluster_publish_not_put(result, rv);
        return rv;
    }
    return es_cluster_publish_finish(job, result);
}

apr_status_t es_cluster_close(es_cluster_publisher_t *publisher,
                              es_slice_t channel, apr_int64_t seconds,
                              apr_time_t by, es_cluster_result_t *result)
{
    es_cluster_job_t *job = job_of_close(publisher, channel, seconds);
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    rv = es_cluster_publish_put(publisher, job, NULL, by);
    if (rv != APR_SUCCESS) {
        es_cluster_publish_not_put(result, rv);
        return rv;
    }
    return es_cluster_publish_finish(job, result);
}

apr_status_t es_cluster_clients(es_cluster_publisher_t *publisher,
                                const es_slice_t *channels, int count,
                                apr_time_t by, apr_uint64_t *clients)
{
    es_cluster_result_t result;
    es_cluster_job_t *job;
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    if (count < 1 || count > ES_CLUSTER_CLIENTS_MAX) {
        return APR_EINVAL;
    }
    job = job_of_question(publisher, channels, count);
    rv = es_cluster_publish_put(publisher, job, NULL, by);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (es_cluster_job_wait(job, by) == ES_CLUSTER_JOB_DONE) {
        memcpy(clients, job->clients, sizeof(*clients) * (apr_size_t)count);
    }
    return es_cluster_queue_leave(&publisher->queue, job, &result);
}
