/* SPDX-License-Identifier: Apache-2.0 */
/**
 * grip/client.h without a network. A test that includes this header is linked
 * with these functions instead of grip/client.c. A request stays in flight
 * until the test decides its outcome.
 *
 * The lock makes it usable with a sender's thread: the test's thread decides
 * while the sender's waits in es_grip_client_wait.
 */
#ifndef T_UNIT_FAKE_CLIENT_H
#define T_UNIT_FAKE_CLIENT_H

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "grip/client.h"
#include "grip/outbox.h"
#include "t/unit/unit.h"

#define FAKE_LINES_MAX 8
/* A test that waits this long has failed. */
#define FAKE_DEADLINE (60 * APR_USEC_PER_SEC)

struct es_grip_client_t {
    int max_lines;
};

struct es_grip_conn_t {
    es_grip_conn_params_t params;
    int requests;        /* made so far */
    int is_busy;         /* the last of them is in flight */
    int is_closed;       /* the fields stay for the test to look at */
    int outcome;         /* decided by the test; ES_OUTCOME_OPEN = not yet */
    char *body;          /* of the last request, as the next */
    char *authorization; /* NULL = none */
};

typedef struct fake_t {
    pthread_mutex_t lock;
    pthread_cond_t cond; /* a request was made, or a wait began */
    es_grip_conn_t *lines[FAKE_LINES_MAX];
    int count;
    int wake_fd;                 /* an outcome was decided */
    int waits;                   /* calls of es_grip_client_wait */
    apr_interval_time_t timeout; /* of the last of them */
    int answers_at_wait; /* from this wait on, requests in flight get the
 * outcome 0; 0 = at none */
    int can_post;        /* 0: es_grip_conn_post returns APR_ENOMEM */
} fake_t;

static fake_t fake;

/* ---- for tests --------------------------------------------------------- */

/** For each test, before the first line is opened. */
static __attribute__((unused)) void fake_open(void)
{
    memset(&fake, 0, sizeof(fake));
    pthread_mutex_init(&fake.lock, NULL);
    es_thread_cond_init(&fake.cond);
    fake.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    fake.can_post = 1;
}

static __attribute__((unused)) void fake_close(void)
{
    int i;

    for (i = 0; i < fake.count; i++) {
        free(fake.lines[i]->body);
        free(fake.lines[i]->authorization);
        free(fake.lines[i]);
    }
    close(fake.wake_fd);
    pthread_cond_destroy(&fake.cond);
    pthread_mutex_destroy(&fake.lock);
}

/** Decide the outcome of the request in flight. */
static __attribute__((unused)) void fake_answer(int line, int outcome)
{
    const apr_uint64_t one = 1;

    pthread_mutex_lock(&fake.lock);
    assert_true(fake.lines[line]->is_busy);
    fake.lines[line]->outcome = outcome;
    pthread_mutex_unlock(&fake.lock);
    assert_int_equal(write(fake.wake_fd, &one, sizeof(one)), sizeof(one));
}

/** Wait until a line has made this many requests in all. */
static __attribute__((unused)) void fake_await(int line, int requests)
{
    apr_time_t by = es_clock_now() + FAKE_DEADLINE;
    int error = 0;

    pthread_mutex_lock(&fake.lock);
    while (fake.lines[line]->requests < requests && error == 0) {
        error = es_thread_cond_wait(&fake.cond, &fake.lock, by);
    }
    pthread_mutex_unlock(&fake.lock);
    assert_int_equal(error, 0);
}

/** Wait until the sender's thread has begun this many waits in all. */
static __attribute__((unused)) void fake_await_waits(int waits)
{
    apr_time_t by = es_clock_now() + FAKE_DEADLINE;
    int error = 0;

    pthread_mutex_lock(&fake.lock);
    while (fake.waits < waits && error == 0) {
        error = es_thread_cond_wait(&fake.cond, &fake.lock, by);
    }
    pthread_mutex_unlock(&fake.lock);
    assert_int_equal(error, 0);
}

/**
 * Wait until the sender's thread has begun a wait of less than limit. It sleeps
 * for a shorter time while a publisher waits.
 */
static __attribute__((unused)) void fake_await_wait_below(
    apr_interval_time_t limit)
{
    apr_time_t by = es_clock_now() + FAKE_DEADLINE;
    int error = 0;

    pthread_mutex_lock(&fake.lock);
    while ((fake.waits == 0 || fake.timeout >= limit) && error == 0) {
        error = es_thread_cond_wait(&fake.cond, &fake.lock, by);
    }
    pthread_mutex_unlock(&fake.lock);
    assert_int_equal(error, 0);
}

/** From the next wait on, requests in flight are taken. */
static __attribute__((unused)) void fake_answer_at_next_wait(void)
{
    pthread_mutex_lock(&fake.lock);
    fake.answers_at_wait = fake.waits + 1;
    pthread_mutex_unlock(&fake.lock);
}

static __attribute__((unused)) int fake_requests(int line)
{
    int requests;

    pthread_mutex_lock(&fake.lock);
    requests = fake.lines[line]->requests;
    pthread_mutex_unlock(&fake.lock);
    return requests;
}

static __attribute__((unused)) int fake_waits(void)
{
    int waits;

    pthread_mutex_lock(&fake.lock);
    waits = fake.waits;
    pthread_mutex_unlock(&fake.lock);
    return waits;
}

/** The body of the last request. @return in the test's pool */
static __attribute__((unused)) const char *fake_body(int line)
{
    const char *body;

    pthread_mutex_lock(&fake.lock);
    body = apr_pstrdup(pool, fake.lines[line]->body);
    pthread_mutex_unlock(&fake.lock);
    return body;
}

/* ---- grip/client.h ----------------------------------------------------- */

apr_status_t es_grip_client_setup(void)
{
    return APR_SUCCESS;
}

void es_grip_client_teardown(void)
{
}

apr_status_t es_grip_client_open(es_grip_client_t **out, int lines)
{
    *out = calloc(1, sizeof(**out));
    assert_non_null(*out);
    (*out)->max_lines = lines;
    return APR_SUCCESS;
}

void es_grip_client_close(es_grip_client_t *client)
{
    free(client);
}

apr_status_t es_grip_conn_open(es_grip_conn_t **out, es_grip_client_t *client,
                               const es_grip_conn_params_t *params)
{
    es_grip_conn_t *line = calloc(1, sizeof(*line));

    assert_non_null(client);
    assert_non_null(line);
    line->params = *params;
    pthread_mutex_lock(&fake.lock);
    assert_true(fake.count < FAKE_LINES_MAX);
    fake.lines[fake.count++] = line;
    pthread_mutex_unlock(&fake.lock);
    *out = line;
    return APR_SUCCESS;
}

void es_grip_conn_close(es_grip_conn_t *line)
{
    es_grip_conn_cancel(line);
    line->is_closed = 1;
}

apr_status_t es_grip_conn_post(es_grip_conn_t *line, const char *authorization,
                               es_slice_t body)
{
    apr_status_t rv = APR_ENOMEM;

    pthread_mutex_lock(&fake.lock);
    assert_false(line->is_busy);
    if (fake.can_post) {
        rv = APR_SUCCESS;
        free(line->body);
        free(line->authorization);
        line->body = strndup(body.data, body.len);
        line->authorization = authorization ? strdup(authorization) : NULL;
        line->outcome = ES_OUTCOME_OPEN;
        line->is_busy = 1;
        line->requests++;
        pthread_cond_broadcast(&fake.cond);
    }
    pthread_mutex_unlock(&fake.lock);
    return rv;
}

void es_grip_conn_cancel(es_grip_conn_t *line)
{
    pthread_mutex_lock(&fake.lock);
    line->is_busy = 0;
    pthread_mutex_unlock(&fake.lock);
}

void *es_grip_client_done(es_grip_client_t *client, int *outcome)
{
    void *owner = NULL;
    int i;

    assert_non_null(client);
    pthread_mutex_lock(&fake.lock);
    for (i = 0; i < fake.count && owner == NULL; i++) {
        es_grip_conn_t *line = fake.lines[i];

        if (line->is_busy && line->outcome != ES_OUTCOME_OPEN) {
            line->is_busy = 0;
            *outcome = line->outcome;
            owner = line->params.owner;
        }
    }
    pthread_mutex_unlock(&fake.lock);
    return owner;
}

/* @return 1 if a request has an outcome */
static int begin_wait(apr_interval_time_t timeout)
{
    int is_decided = 0;
    int i;

    pthread_mutex_lock(&fake.lock);
    fake.waits++;
    fake.timeout = timeout;
    pthread_cond_broadcast(&fake.cond);
    for (i = 0; i < fake.count; i++) {
        es_grip_conn_t *line = fake.lines[i];

        if (line->is_busy && fake.answers_at_wait != 0 &&
            fake.waits >= fake.answers_at_wait) {
            line->outcome = 0;
        }
        is_decided |= line->is_busy && line->outcome != ES_OUTCOME_OPEN;
    }
    pthread_mutex_unlock(&fake.lock);
    return is_decided;
}

void es_grip_client_wait(es_grip_client_t *client, int fd,
                         apr_interval_time_t timeout)
{
    struct pollfd fds[] = {{fd, POLLIN, 0}, {fake.wake_fd, POLLIN, 0}};
    apr_uint64_t count;

    assert_non_null(client);
    if (!begin_wait(timeout)) {
        poll(fds, 2, (int)apr_time_as_msec(timeout));
    }
    (void)!read(fake.wake_fd, &count, sizeof(count));
}

#endif
