/* SPDX-License-Identifier: Apache-2.0 */
/*
 *                    ┌────────────────────────────────────────┐
 *                    ▼                                        │ an error, or
 *     not leader ──> connect ──> hello ──> read ──> append ───┤ not leader
 *         ▲            │           │ ▲       │         │      │ any more
 *         └────────────┴───────────┼─┼───────┴─────────┼──────┘
 *                                  │ └── each second ──┤
 *                                  └──> fill <─────────┘ something is missing
 *
 * hello looks at the stream as a whole: it finds out that the broker is another
 * one, that the stream is gone, or that the journal is ahead of it. What is
 * missing between two entries is found by the entries themselves.
 *
 * The journal's last id is read again whenever something is not as expected:
 * another child may have led meanwhile. What both do at the same time does no
 * harm: the journal takes an entry only after the one before it.
 */
#include "cluster/reader.h"

#include <stdlib.h>

#include <apr_strings.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "base/thread.h"
#include "shm/lock.h"
#include "cluster/counts.h"
#include "cluster/fill.h"
#include "cluster/follow.h"
#include "cluster/leader_link.h"
#include "cluster/script.h"
#include "cluster/sending.h"

/** Between two hellos; longest XREAD. */
#define HELLO_EVERY APR_USEC_PER_SEC
/** Between two tries to lead. */
#define LEAD_EVERY (200 * 1000)
/** For an answer of the broker, beyond what it was asked to wait. */
#define ANSWER (3 * APR_USEC_PER_SEC)
/** For the lock of the store, less than the lease. */
#define LOCK_WAIT (500 * 1000)
/** Entries of one XREAD, of the first of a link and at most. */
#define COUNT_FIRST 32
#define COUNT_MAX 1024
/** About so many bytes of one XREAD. */
#define PAGE_BYTES (2 * 1024 * 1024)
/** Entries of a page of a fill, at most. */
#define FILL_PAGE 1024

struct es_cluster_reader_t {
    es_cluster_hub_t hub;
    es_cluster_script_t script;
    es_thread_t thread;
    apr_pool_t *pool; /* the thread's */
    volatile int stop;
    es_cluster_leader_link_t to; /* the broker */
    apr_time_t hello_at;         /* the next one */
    apr_time_t asked;            /* when the last one was sent */
    es_id_t stream_last;         /* as it was told */
    es_cluster_follow_t follow;
    es_cluster_counts_t *counts;
    int has_counts; /* more counts are to be sent */
    es_cluster_sending_t *sending;
    apr_uint64_t page; /* entries to ask for */
    int fill_page;
};

/* ---- leading ------------------------------------------------------------- */

static int is_stopping(const es_cluster_reader_t *reader)
{
    return __atomic_load_n(&reader->stop, __ATOMIC_ACQUIRE);
}

/* Go on leading, during a wait too. @return 0: stop, or another leads */
static int keep(void *arg)
{
    es_cluster_reader_t *reader = arg;

    return !is_stopping(reader) &&
           es_cluster_state_lead(reader->hub.state, reader->hub.child,
                                 es_clock_now(), reader->hub.is_present,
                                 reader->hub.arg);
}

static void sleep_for(es_cluster_reader_t *reader, apr_interval_time_t time)
{
    apr_time_t until = es_clock_now() + time;

    while (!is_stopping(reader) && es_clock_now() < until) {
        apr_interval_time_t left = until - es_clock_now();

        apr_sleep(left < LEAD_EVERY ? left : LEAD_EVERY);
    }
}

/* ---- the link ------------------------------------------------------------ */

static apr_status_t open_link(es_cluster_reader_t *reader)
{
    apr_status_t rv = es_cluster_leader_link_open(&reader->to);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    reader->hello_at = 0;
    /* a broker that limits replies may have closed it for a larger one */
    reader->page = COUNT_FIRST;
    es_cluster_counts_begin(reader->counts);
    return APR_SUCCESS;
}

static void close_link(es_cluster_reader_t *reader)
{
    es_cluster_leader_link_close(&reader->to);
    es_cluster_follow_from(&reader->follow, &reader->follow.last);
}

/* The link cannot be used, or the broker refuses. */
static void fail(es_cluster_reader_t *reader, apr_status_t rv)
{
    if (is_stopping(reader)) {
        close_link(reader);
        return;
    }
    es_cluster_follow_from(&reader->follow, &reader->follow.last);
    sleep_for(reader, es_cluster_leader_link_fail(&reader->to, rv));
}

/* A call of the broker has failed. @return APR_ECONNRESET: connect again */
static apr_status_t no_answer(es_cluster_reader_t *reader, apr_status_t rv)
{
    return es_cluster_leader_link_ask_why(&reader->to, rv);
}

/* ---- hello, fill --------------------------------------------------------- */

static void use_hello(es_cluster_reader_t *reader,
                      const es_cluster_hello_t *hello)
{
    const es_cluster_hub_t *hub = &reader->hub;

    reader->stream_last = hello->last;
    reader->follow.clock_offset_ms = hello->now_ms - (apr_int64_t)es_clock_ms();
    es_cluster_state_set_clock(hub->state, hub->child,
                               reader->follow.clock_offset_ms);
    reader->hello_at = es_clock_now() + HELLO_EVERY;
    if (hello->began[0] != '\0') {
        es_log(ES_LOG_NOTICE, APR_SUCCESS, "ES0844",
               "hub %s: a new epoch of the broker's stream has begun: %s",
               hub->name, hello->began);
    }
}

/* The journal follows the stream; it may have all that hello told of. */
static void set_synced(es_cluster_reader_t *reader, apr_int64_t lag_ms)
{
    const es_cluster_hub_t *hub = &reader->hub;

    es_cluster_state_set_lag(hub->state, hub->child, lag_ms > 0 ? lag_ms : 0);
    es_cluster_state_set_synced(hub->state, hub->child, 1);
    if (es_id_compare(&reader->follow.last, &reader->stream_last) >= 0) {
        es_cluster_state_set_complete(hub->state, hub->child, reader->asked);
    }
}

/* @param last  the journal's last id */
static apr_status_t say_hello(es_cluster_reader_t *reader, es_id_t *last)
{
    es_cluster_hello_t hello;
    apr_time_t now = es_clock_now();
    apr_status_t rv = es_store_last(reader->hub.store, last);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = es_cluster_script_hello(&reader->script, reader->to.link, last,
                                 es_clock_now() + ANSWER, keep, reader, &hello,
                                 reader->to.why, sizeof(reader->to.why));
    if (rv == APR_SUCCESS) {
        reader->asked = now;
        use_hello(reader, &hello);
        return APR_SUCCESS;
    }
    return rv == APR_EGENERAL ? APR_ECONNRESET : no_answer(reader, rv);
}

/* @return APR_ECONNRESET, with why: connect again; or rv */
static apr_status_t not_filled(es_cluster_reader_t *reader, apr_status_t rv)
{
    if (rv == APR_ECONNREFUSED) {
        return APR_ECONNRESET; /* it has said why; all pages were read */
    }
    if (rv == APR_ECONNRESET) {
        /* perhaps as a page was larger than any reply may be */
        reader->fill_page = reader->fill_page / 4 + 1;
        return no_answer(reader, rv);
    }
    return rv;
}

/* Something is missing after the journal's last id: tell the broker, who may
 * have lost it, and take what it has. */
static apr_status_t fill(es_cluster_reader_t *reader)
{
    const es_cluster_hub_t *hub = &reader->hub;
    es_cluster_fill_params_t params = {0};
    es_id_t last;
    apr_status_t rv = say_hello(reader, &params.after);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    es_cluster_sending_pause(reader->sending);
    rv = es_cluster_sending_lowest(reader->sending, reader->to.link, keep,
                                   reader, &params.sent);
    if (rv != APR_SUCCESS) {
        return no_answer(reader, rv);
    }
    params.hub = hub;
    params.script = &reader->script;
    params.last = reader->stream_last;
    params.clock_offset_ms = reader->follow.clock_offset_ms;
    params.page_max = reader->fill_page;
    params.touched = reader->follow.touched;
    params.keep = keep;
    params.arg = reader;
    params.why = reader->to.why;
    params.why_size = sizeof(reader->to.why);
    memset(params.touched, 0,
           (hub->max_children + 63) / 64 * sizeof(*params.touched));
    rv = es_cluster_fill(&params, reader->to.link, &last);
    if (rv != APR_SUCCESS) {
        return not_filled(reader, rv);
    }
    reader->fill_page = FILL_PAGE;
    es_cluster_follow_from(&reader->follow, &last);
    es_cluster_state_add(hub->state, ES_CLUSTER_FILLS, 1);
    set_synced(reader, 0);
    es_cluster_state_advance(hub->state);
    hub->wake(hub->arg, params.touched);
    return APR_SUCCESS;
}

/* hello, and from where to read on. */
static apr_status_t greet(es_cluster_reader_t *reader)
{
    es_cluster_follow_t *follow = &reader->follow;
    es_id_t last;
    apr_status_t rv = say_hello(reader, &last);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (last.ms == 0 || es_id_compare(&last, &reader->stream_last) > 0) {
        return APR_INCOMPLETE;
    }
    if (es_id_compare(&last, &follow->last) != 0) {
        es_cluster_follow_from(follow, &last);
    }
    /* a leader may have died between an append and this */
    es_cluster_state_advance(reader->hub.state);
    if (es_id_compare(&last, &reader->stream_last) == 0) {
        set_synced(reader, 0);
    }
    return APR_SUCCESS;
}

/* ---- reading ------------------------------------------------------------- */

/* The broker has nothing after what was seen. */
static apr_status_t idle(es_cluster_reader_t *reader)
{
    if (es_id_compare(&reader->follow.at, &reader->stream_last) < 0) {
        return APR_INCOMPLETE; /* but it should have */
    }
    set_synced(reader, 0);
    return APR_SUCCESS;
}

static void adapt_page(es_cluster_reader_t *reader, apr_uint64_t bytes,
                       int count)
{
    apr_uint64_t fits = PAGE_BYTES / (bytes / (apr_uint64_t)count + 1) + 1;

    fits = fits < COUNT_MAX ? fits : COUNT_MAX;
    reader->page = reader->page * 2 < fits ? reader->page * 2 : fits;
}

/* Use what XREAD has answered; the reply is freed. */
static apr_status_t use_reply(es_cluster_reader_t *reader,
                              es_cluster_reply_t *reply)
{
    const es_cluster_reply_t *entries =
        es_cluster_reply_at(es_cluster_reply_at(reply, 0), 1);
    int count = es_cluster_reply_count(entries);
    apr_uint64_t bytes = es_cluster_reply_bytes(entries);
    apr_status_t rv;

    if (count == 0) {
        int is_nil = es_cluster_reply_is_nil(reply);

        if (!is_nil) {
            es_cluster_script_error(reader->to.why, sizeof(reader->to.why),
                                    reply);
        }
        es_cluster_reply_free(reply);
        return is_nil ? idle(reader) : APR_ECONNRESET;
    }
    rv = es_cluster_follow_take(&reader->follow, reply, entries);
    if (rv == APR_SUCCESS) {
        adapt_page(reader, bytes, count);
        set_synced(reader, (apr_int64_t)es_clock_ms() +
                               reader->follow.clock_offset_ms -
                               (apr_int64_t)reader->follow.seen.ms);
    }
    return rv;
}

/* How long there is nothing else to do. */
static apr_interval_time_t idle_time(const es_cluster_reader_t *reader)
{
    apr_time_t due = es_cluster_sending_due(reader->sending);
    apr_time_t until = due < reader->hello_at ? due : reader->hello_at;

    return reader->has_counts ? 0 : until - es_clock_now();
}

static apr_status_t read_entries(es_cluster_reader_t *reader)
{
    char id[ES_ID_TEXT_SIZE], count[24], block[24];
    apr_interval_time_t wait = idle_time(reader);
    es_slice_t argv[8] = {es_slice_of("XREAD"), es_slice_of("COUNT"),
                          es_slice_of(count),   es_slice_of("BLOCK"),
                          es_slice_of(block),   es_slice_of("STREAMS"),
                          reader->script.events};
    es_cluster_reply_t *reply;
    apr_status_t rv;

    wait = wait < 1000 ? 1000 : wait; /* 0 = forever */
    apr_snprintf(count, sizeof(count), "%" APR_UINT64_T_FMT, reader->page);
    apr_snprintf(block, sizeof(block), "%" APR_TIME_T_FMT, wait / 1000);
    argv[2] = es_slice_of(count);
    argv[4] = es_slice_of(block);
    argv[7] = es_slice(id, es_id_format(id, &reader->follow.seen));
    rv = es_cluster_script_ask(reader->to.link, 8, argv,
                               es_clock_now() + wait + ANSWER, keep, reader,
                               &reply);
    if (rv == APR_ENOSPC) {
        reader->page = 1; /* the reply was too large */
    }
    return rv == APR_SUCCESS ? use_reply(reader, reply) : no_answer(reader, rv);
}

/* What the broker is told from time to time. */
static apr_status_t tell(es_cluster_reader_t *reader)
{
    apr_time_t now = es_clock_now();
    apr_status_t rv = es_cluster_counts_step(reader->counts, reader->to.link,
                                             now, keep, reader);

    reader->has_counts = rv == APR_EAGAIN;
    if ((rv == APR_SUCCESS || rv == APR_EAGAIN) &&
        now >= es_cluster_sending_due(reader->sending)) {
        rv = es_cluster_sending_step(reader->sending, reader->to.link, keep,
                                     reader);
    }
    return rv == APR_SUCCESS || rv == APR_EAGAIN ? APR_SUCCESS
                                                 : no_answer(reader, rv);
}

/* ---- a turn -------------------------------------------------------------- */

static apr_status_t take_turn(es_cluster_reader_t *reader)
{
    apr_status_t rv = APR_SUCCESS;

    es_store_set_clock(reader->hub.store, es_clock_ms());
    if (es_clock_now() >= reader->hello_at) {
        rv = greet(reader);
    }
    if (rv == APR_SUCCESS) {
        rv = tell(reader);
    }
    if (rv == APR_SUCCESS) {
        rv = read_entries(reader);
    }
    return rv == APR_INCOMPLETE ? fill(reader) : rv;
}

static void log_store(const es_cluster_reader_t *reader, apr_status_t rv)
{
    static apr_time_t last_logged; /* atomic */

    es_log(es_log_limit_level(&last_logged, ES_LOG_ERR, es_clock_now()), rv,
           "ES0845",
           "hub %s: cannot append to the journal what the broker's stream has; "
           "it is tried again",
           reader->hub.name);
}

/* After a turn. */
static void end_turn(es_cluster_reader_t *reader, apr_status_t rv)
{
    if (rv == APR_SUCCESS) {
        es_cluster_leader_link_works(&reader->to);
        return;
    }
    /* the broker's entries are read again from the journal's last id */
    reader->hello_at = 0;
    es_cluster_follow_from(&reader->follow, &reader->follow.last);
    if (rv == APR_EMISMATCH) {
        return; /* another child has led */
    }
    if (rv == APR_EINTR) {
        close_link(reader); /* stop, or another leads */
    }
    else if (rv == APR_ECONNRESET) {
        fail(reader, APR_SUCCESS); /* why says more */
    }
    else {
        log_store(reader, rv);
        sleep_for(reader, LEAD_EVERY);
    }
}

static void run(es_cluster_reader_t *reader)
{
    apr_status_t rv;

    while (!is_stopping(reader)) {
        if (!keep(reader)) {
            close_link(reader);
            sleep_for(reader, LEAD_EVERY);
        }
        else if (reader->to.link != NULL) {
            end_turn(reader, take_turn(reader));
        }
        else {
            rv = open_link(reader);
            if (rv != APR_SUCCESS) {
                fail(reader, rv);
            }
        }
    }
}

static void on_thread(void *arg)
{
    es_cluster_reader_t *reader = arg;

    es_context_enter(ES_CLUSTER);
    es_lock_limit_wait(LOCK_WAIT);
    run(reader);
    close_link(reader);
    es_cluster_sending_leave(reader->sending);
    es_cluster_state_resign(reader->hub.state, reader->hub.child);
}

/* ---- start and end ------------------------------------------------------- */

static void destroy(void *arg)
{
    es_cluster_reader_t *reader = arg;

    es_cluster_follow_clear(&reader->follow);
    apr_pool_destroy(reader->pool);
    free(reader);
}

apr_status_t es_cluster_reader_start(es_cluster_reader_t **out,
                                     const es_cluster_hub_t *hub,
                                     apr_pool_t *pool)
{
    es_cluster_reader_t *reader = calloc(1, sizeof(*reader));
    apr_status_t rv;

    ES_CONTEXT(ES_CHILD_INIT);
    if (reader == NULL) {
        return APR_ENOMEM;
    }
    rv = es_thread_pool_create(&reader->pool);
    if (rv != APR_SUCCESS) {
        free(reader);
        return rv;
    }
    reader->hub = *hub;
    reader->hub.link.stopping = &reader->stop;
    es_cluster_leader_link_init(&reader->to, &reader->hub);
    reader->fill_page = FILL_PAGE;
    es_cluster_script_init(&reader->script, hub->key, hub->name, reader->pool);
    es_cluster_follow_init(&reader->follow, &reader->hub, reader->pool);
    reader->counts =
        es_cluster_counts_create(&reader->hub, &reader->script, reader->pool);
    reader->sending =
        es_cluster_sending_create(&reader->hub, &reader->script, reader->pool);
    rv = es_thread_start(&reader->thread, on_thread, destroy, reader, pool);
    if (rv != APR_SUCCESS) {
        destroy(reader);
        return rv;
    }
    *out = reader;
    return APR_SUCCESS;
}

void es_cluster_reader_stop(es_cluster_reader_t *reader)
{
    __atomic_store_n(&reader->stop, 1, __ATOMIC_RELEASE);
}

apr_status_t es_cluster_reader_join(es_cluster_reader_t *reader,
                                    apr_interval_time_t timeout)
{
    return es_thread_join(&reader->thread, timeout);
}
