/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that sends what workers publish.
 *
 *     queue ── take ──> sent ── reply ──> stored ── reply to WAIT ──> answered
 *       ▲                │        │                                     ▲
 *       └─── again ──────┘        └── no replica is asked for ──────────┘
 *
 * Jobs are sent as they come, up to a limit, without a wait for the replies to
 * those before; so one write has many of them when there are many. If a replica
 * has to confirm, one WAIT follows all that were sent together, and the next
 * jobs wait for its reply.
 *
 * A broker that does not execute a job, as another epoch has begun or as it is
 * no primary any more, says so. When all replies have come, the thread does
 * what is to be done, hello or a new link, and such jobs are sent again, first
 * and in order. If the link breaks, jobs without a reply fail: they may have
 * been stored.
 */
#include "cluster/publisher.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <apr_strings.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/jitter.h"
#include "base/log.h"
#include "journal/stream_append.h"
#include "shm/descriptor.h"
#include "shm/lock.h"
#include "shm/wakeup.h"
#include "cluster/publisher_priv.h"

/** Jobs that have no reply yet, and bytes that are sent at once. */
#define SENT_MAX 256
#define SEND_BYTES ((apr_size_t)8 << 20)
/** For hello. */
#define ANSWER (2 * APR_USEC_PER_SEC)
/** To find the broker and connect; jobs wait meanwhile. */
#define CONNECT (4 * APR_USEC_PER_SEC)
#define BACKOFF_MAX (1 * APR_USEC_PER_SEC)
/** A link that is not used is closed after this. */
#define IDLE (60 * APR_USEC_PER_SEC)
/** For jobs that are sent when the child stops. */
#define STOP_WAIT (2 * APR_USEC_PER_SEC)
#define LOCK_WAIT (100 * 1000)
#define POLL_MAX (200 * 1000)

static es_cluster_job_t *job_at(es_list_t *link)
{
    return ES_LIST_OWNER(link, es_cluster_job_t, link);
}

static int is_stopping(const es_cluster_publisher_t *publisher)
{
    return __atomic_load_n(&publisher->stop, __ATOMIC_ACQUIRE);
}

/* ---- the link ------------------------------------------------------------ */

static void close_link(es_cluster_publisher_t *publisher)
{
    es_cluster_link_close(publisher->link);
    publisher->link = NULL;
    publisher->epoch[0] = '\0';
    publisher->is_fenced = 0;
}

/* The broker is unavailable: try again after a while. */
static void set_down(es_cluster_publisher_t *publisher, const char *why)
{
    apr_time_t now = es_clock_now();

    if (why != publisher->why) {
        apr_cpystrn(publisher->why, why, sizeof(publisher->why));
    }
    if (publisher->down_since == 0) {
        publisher->down_since = now;
    }
    publisher->next_try = now + es_jitter_around(publisher->backoff, 25);
    publisher->backoff *= 2;
    if (publisher->backoff > BACKOFF_MAX) {
        publisher->backoff = BACKOFF_MAX;
    }
    if (!is_stopping(publisher)) {
        es_cluster_state_set_error(publisher->hub.state, publisher->why);
        es_cluster_answers_log(publisher);
    }
}

/* The link has failed: nobody knows what became of the jobs without reply. */
static void lose_link(es_cluster_publisher_t *publisher, const char *why)
{
    set_down(publisher, why);
    es_cluster_answers_lose(publisher);
    close_link(publisher);
}

/* ---- receiving ----------------------------------------------------------- */

static int is_waiting(const es_cluster_publisher_t *publisher)
{
    return !es_list_is_empty(&publisher->sent) || publisher->is_fenced;
}

/* Use the replies that have come. */
static void receive(es_cluster_publisher_t *publisher)
{
    apr_status_t rv = APR_SUCCESS;

    while (publisher->link != NULL && is_waiting(publisher) &&
           rv == APR_SUCCESS) {
        es_cluster_reply_t *reply;

        rv = es_cluster_link_receive(publisher->link, &reply, 0);
        if (rv == APR_SUCCESS) {
            publisher->progress = es_clock_now();
            es_cluster_answers_use(publisher, reply);
            es_cluster_reply_free(reply);
        }
    }
    if (rv != APR_SUCCESS && rv != APR_TIMEUP) {
        lose_link(publisher, es_cluster_link_why(publisher->link));
    }
    else if (is_waiting(publisher) &&
             es_clock_now() - publisher->progress > publisher->hub.timeout) {
        lose_link(publisher, "the broker does not answer");
    }
}

/* ---- sending ------------------------------------------------------------- */

/* The journal's last id, or the last that is known. */
static es_id_t read_floor(es_cluster_publisher_t *publisher)
{
    apr_uint32_t turn = es_cluster_state_turn(publisher->hub.state);
    es_id_t last;

    (void)es_cluster_publisher_look(publisher, turn, &last, 0);
    es_id_format(publisher->floor, &last);
    return last;
}

/* Open the link and say hello, if that is due. @return 0: unavailable */
static int prepare(es_cluster_publisher_t *publisher)
{
    es_cluster_hello_t hello;
    es_id_t last;
    apr_status_t rv;

    if (publisher->link == NULL &&
        es_cluster_link_open(&publisher->link, &publisher->hub.link,
                             es_clock_now() + CONNECT, publisher->why,
                             sizeof(publisher->why)) != APR_SUCCESS) {
        publisher->link = NULL;
        set_down(publisher, publisher->why);
        return 0;
    }
    if (publisher->epoch[0] != '\0') {
        return 1;
    }
    last = read_floor(publisher);
    rv = es_cluster_script_hello(&publisher->script, publisher->link, &last,
                                 es_clock_now() + ANSWER, NULL, NULL, &hello,
                                 publisher->why, sizeof(publisher->why));
    if (rv != APR_SUCCESS) {
        set_down(publisher, publisher->why);
        close_link(publisher);
        return 0;
    }
    memcpy(publisher->epoch, hello.epoch, sizeof(publisher->epoch));
    return 1;
}

static apr_status_t add_wait(es_cluster_publisher_t *publisher)
{
    char ms[24];
    es_slice_t argv[3] = {es_slice_of("WAIT"), es_slice_of("1")};

    /* it answers before the jobs' deadlines are over */
    apr_snprintf(ms, sizeof(ms), "%" APR_TIME_T_FMT,
                 publisher->hub.timeout * 3 / 4 / 1000 + 1);
    argv[2] = es_slice_of(ms);
    return es_cluster_link_add(publisher->link, 3, argv);
}

static apr_status_t add_job(es_cluster_publisher_t *publisher,
                            es_cluster_job_t *job)
{
    if (job->adds_entries) {
        job->argv[ES_CLUSTER_JOB_EPOCH] = es_slice_of(publisher->epoch);
        job->argv[ES_CLUSTER_JOB_FLOOR] = es_slice_of(publisher->floor);
    }
    job->tries++;
    job->is_fenced = 0;
    return es_cluster_link_add(publisher->link, job->argc, job->argv);
}

/* Add the jobs that were taken to the link. */
static void add_all(es_cluster_publisher_t *publisher, es_list_t *taken)
{
    apr_status_t rv = APR_SUCCESS;
    es_cluster_job_t *job = NULL;

    if (!is_waiting(publisher)) {
        publisher->progress = es_clock_now();
    }
    (void)read_floor(publisher);
    while (!es_list_is_empty(taken)) {
        job = job_at(taken->next);
        rv = rv == APR_SUCCESS ? add_job(publisher, job) : rv;
        es_list_remove(&job->link);
        es_list_append(&publisher->sent, &job->link);
        __atomic_add_fetch(&publisher->nsent, 1, __ATOMIC_RELEASE);
    }
    if (rv == APR_SUCCESS && publisher->hub.acks_replica) {
        job->is_fenced = 1;
        rv = add_wait(publisher);
    }
    if (rv == APR_SUCCESS) {
        rv = es_cluster_link_send(publisher->link, 0);
    }
    if (rv != APR_SUCCESS && rv != APR_TIMEUP) {
        lose_link(publisher, es_cluster_link_why(publisher->link));
    }
}

static int count_sent(const es_cluster_publisher_t *publisher)
{
    return __atomic_load_n(&publisher->nsent, __ATOMIC_RELAXED);
}

/* May jobs be sent now? */
static int may_send(es_cluster_publisher_t *publisher)
{
    if (is_stopping(publisher) ||
        es_cluster_queue_is_empty(&publisher->queue)) {
        return 0;
    }
    if (publisher->hub.acks_replica || publisher->has_again ||
        publisher->epoch[0] == '\0') {
        return !is_waiting(publisher);
    }
    return count_sent(publisher) < SENT_MAX;
}

/* The broker has been away for long: do not let workers wait. */
static void refuse_if_down(es_cluster_publisher_t *publisher)
{
    if (publisher->down_since != 0 &&
        es_clock_now() - publisher->down_since > publisher->hub.timeout) {
        es_cluster_queue_refuse(&publisher->queue, APR_EGENERAL,
                                publisher->why);
    }
}

static void send_jobs(es_cluster_publisher_t *publisher)
{
    es_list_t taken;

    if (!may_send(publisher)) {
        return;
    }
    if (publisher->is_elsewhere) {
        publisher->is_elsewhere = 0;
        lose_link(publisher, publisher->why); /* no reply is missing */
    }
    if (es_clock_now() < publisher->next_try || !prepare(publisher)) {
        refuse_if_down(publisher);
        return;
    }
    publisher->has_again = 0;
    es_list_init(&taken);
    es_cluster_queue_take(&publisher->queue, &taken,
                          SENT_MAX - count_sent(publisher), SEND_BYTES);
    if (!es_list_is_empty(&taken)) {
        add_all(publisher, &taken);
    }
}

/* ---- the thread ---------------------------------------------------------- */

/* How long to sleep, if nothing comes. */
static apr_interval_time_t sleep_of(es_cluster_publisher_t *publisher)
{
    apr_interval_time_t left;

    if (is_waiting(publisher)) {
        return POLL_MAX;
    }
    if (es_cluster_queue_is_empty(&publisher->queue)) {
        return publisher->link != NULL ? IDLE : 10 * IDLE;
    }
    left = publisher->next_try - es_clock_now();
    return left < 0 ? 0 : left < POLL_MAX ? left : POLL_MAX;
}

static void wait_for_news(es_cluster_publisher_t *publisher)
{
    struct pollfd fds[2] = {{publisher->wake_fd, POLLIN, 0}};
    int count = 1;

    if (publisher->link != NULL) {
        fds[1].fd = es_cluster_link_fd(publisher->link);
        fds[1].events = es_cluster_link_events(publisher->link);
        count = 2;
    }
    (void)poll(fds, (nfds_t)count, (int)(sleep_of(publisher) / 1000) + 1);
    es_wakeup_drain(publisher->wake_fd);
}

/* A link that has been closed by the broker, or was not used for long. */
static void close_if_idle(es_cluster_publisher_t *publisher)
{
    es_cluster_reply_t *reply;

    if (publisher->link == NULL || is_waiting(publisher)) {
        return;
    }
    if (es_cluster_link_receive(publisher->link, &reply, 0) != APR_TIMEUP ||
        es_clock_now() - publisher->progress > IDLE) {
        es_cluster_reply_free(reply);
        close_link(publisher);
    }
}

static void run(es_cluster_publisher_t *publisher)
{
    apr_time_t stop_by = 0;

    for (;;) {
        receive(publisher);
        close_if_idle(publisher);
        send_jobs(publisher);
        if (is_stopping(publisher)) {
            stop_by = stop_by != 0 ? stop_by : es_clock_now() + STOP_WAIT;
            es_cluster_queue_close(&publisher->queue);
            if (!is_waiting(publisher) || es_clock_now() >= stop_by) {
                return;
            }
        }
        wait_for_news(publisher);
    }
}

static void on_thread(void *arg)
{
    es_cluster_publisher_t *publisher = arg;

    es_context_enter(ES_CLUSTER);
    es_lock_limit_wait(LOCK_WAIT);
    run(publisher);
    es_cluster_queue_close(&publisher->queue);
    lose_link(publisher, "the child stops");
    es_cluster_queue_refuse(&publisher->queue, APR_EOF, "the child stops");
}

/* ---- start and end ------------------------------------------------------- */

static void destroy(void *arg)
{
    es_cluster_publisher_t *publisher = arg;

    es_cluster_queue_clear(&publisher->queue);
    pthread_mutex_destroy(&publisher->look_lock);
    close(publisher->wake_fd);
    apr_pool_destroy(publisher->pool);
    free(publisher);
}

static void init(es_cluster_publisher_t *publisher, const es_cluster_hub_t *hub)
{
    publisher->hub = *hub;
    publisher->hub.link.stopping = &publisher->link_stop;
    publisher->backoff = ES_CLUSTER_BACKOFF_MIN;
    es_cluster_counts_node(publisher->node, hub);
    apr_snprintf(publisher->maxlen, sizeof(publisher->maxlen),
                 "%" APR_UINT64_T_FMT, hub->maxlen);
    pthread_mutex_init(&publisher->look_lock, NULL);
    es_list_init(&publisher->sent);
    es_list_init(&publisher->stored);
    es_cluster_queue_init(&publisher->queue, publisher->wake_fd);
    es_cluster_script_init(&publisher->script, hub->key, hub->name,
                           publisher->pool);
}

apr_status_t es_cluster_publisher_start(es_cluster_publisher_t **out,
                                        const es_cluster_hub_t *hub,
                                        apr_pool_t *pool)
{
    es_cluster_publisher_t *publisher = calloc(1, sizeof(*publisher));
    apr_status_t rv =
        publisher ? es_thread_pool_create(&publisher->pool) : APR_ENOMEM;

    ES_CONTEXT(ES_CHILD_INIT);
    if (rv != APR_SUCCESS) {
        free(publisher);
        return rv;
    }
    publisher->wake_fd =
        es_descriptor_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (publisher->wake_fd < 0) {
        rv = APR_FROM_OS_ERROR(errno);
        apr_pool_destroy(publisher->pool);
        free(publisher);
        return rv;
    }
    init(publisher, hub);
    rv = es_thread_start(&publisher->thread, on_thread, destroy, publisher,
                         pool);
    if (rv != APR_SUCCESS) {
        destroy(publisher);
        return rv;
    }
    *out = publisher;
    return APR_SUCCESS;
}

void es_cluster_publisher_stop(es_cluster_publisher_t *publisher)
{
    __atomic_store_n(&publisher->stop, 1, __ATOMIC_RELEASE);
    if (count_sent(publisher) == 0) {
        __atomic_store_n(&publisher->link_stop, 1, __ATOMIC_RELEASE);
    }
    es_wakeup_signal(publisher->wake_fd);
}

apr_status_t es_cluster_publisher_join(es_cluster_publisher_t *publisher,
                                       apr_interval_time_t timeout)
{
    return es_thread_join(&publisher->thread, timeout);
}
