/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A job, what a worker gives to the publisher's thread: a call of the script
 * and, later, its outcome; and the queue in which jobs wait. See
 * cluster/publisher.h for what workers see of it.
 *
 *                  take                 stored       answer
 *     QUEUED ─────────────────> SENT ───────> STORED ───> DONE
 *        ▲ ▲ └──────────────────┼───────────────────────────▲
 *        └─┴────────────────────┘ again      the worker leaves, or it fails
 *
 * The queue's lock guards all that both threads use. A worker may leave before
 * its job is answered; the job lives until both have let go of it.
 */
#ifndef ES_CLUSTER_JOB_H
#define ES_CLUSTER_JOB_H

#include <pthread.h>

#include "base/list.h"
#include "cluster/presence.h"
#include "cluster/publisher.h"
#include "cluster/script.h"

/** Jobs that wait or are sent, and their bytes; more wait for room. */
#define ES_CLUSTER_QUEUE_JOBS 4096
#define ES_CLUSTER_QUEUE_BYTES ((apr_size_t)32 << 20)

enum {
    ES_CLUSTER_JOB_QUEUED,
    ES_CLUSTER_JOB_SENT,
    ES_CLUSTER_JOB_STORED, /* the broker has it; a replica has to confirm */
    ES_CLUSTER_JOB_DONE
};

typedef struct es_cluster_queue_t {
    pthread_mutex_t lock;
    es_list_t again;   /* guarded by lock, as the next; sent first */
    es_list_t jobs;    /* that wait */
    int count;         /* of jobs that are not answered */
    apr_size_t bytes;  /* of these */
    int is_closed;     /* no more jobs */
    apr_uint32_t room; /* atomic, a futex: raised when a job is answered */
    int wake_fd;       /* of the publisher's thread */
} es_cluster_queue_t;

struct es_cluster_job_t {
    es_list_t link; /* of the queue, or of the publisher's thread */
    es_cluster_publisher_t *publisher;
    es_cluster_lane_t *lane; /* guarded by lock; NULL = none */
    apr_time_t by;
    apr_uint32_t state; /* ES_CLUSTER_JOB_…; atomic, a futex; changes with
                         * lock */
    int refs;           /* guarded by lock */
    int tries;          /* of the publisher's thread */
    int is_fenced;      /* of the same: the reply to WAIT comes next */
    int adds_entries;   /* it is not only a question */
    int nevents;        /* for statistics */
    apr_status_t rv;    /* guarded by lock, as the next */
    es_cluster_result_t result;
    apr_uint64_t *clients; /* of a question: nclients of them */
    int nclients;
    es_cluster_named_t *named; /* the same of a question for names */
    int nnamed;
    int max_named;
    apr_size_t bytes;
    int argc;
    es_slice_t *argv; /* a call of the script; [argc] */
};

/** The words of a job that adds entries which are not the same with each try,
 * after the head and the name of the operation. */
enum {
    ES_CLUSTER_JOB_EPOCH = ES_CLUSTER_SCRIPT_HEAD + 1,
    ES_CLUSTER_JOB_FLOOR
};

/* ---- jobs ---------------------------------------------------------------- */

/**
 * Make a job.
 *
 * @param argc   words; argv is not filled
 * @param bytes  of the texts of the words
 * @param text   room for them
 * @return it, with two references; NULL without memory
 */
es_cluster_job_t *es_cluster_job_create(int argc, apr_size_t bytes,
                                        char **text);

/** Free a job that was not queued. */
void es_cluster_job_free(es_cluster_job_t *job);

/** ES_CLUSTER_JOB_…. Context: ANY. */
int es_cluster_job_state(const es_cluster_job_t *job);

/** Wait until the job is done, or until by. @return its state. Context: WORKER.
 */
int es_cluster_job_wait(es_cluster_job_t *job, apr_time_t by);

/* ---- workers ------------------------------------------------------------- */

void es_cluster_queue_init(es_cluster_queue_t *queue, int wake_fd);

/** There must be no job in it. */
void es_cluster_queue_clear(es_cluster_queue_t *queue);

/**
 * Queue a job, and wake the publisher's thread. If the queue is full, wait for
 * room.
 *
 * @return APR_SUCCESS; APR_TIMEUP; APR_EOF: closed. On failure the job is freed
 *
 * Context: WORKER.
 */
apr_status_t es_cluster_queue_put(es_cluster_queue_t *queue,
                                  es_cluster_job_t *job);

/**
 * The worker lets go of its job, which need not be done.
 *
 * @param result  of the job; if it was not done: what is known of it
 * @return its status; APR_TIMEUP: it was not done
 *
 * Context: WORKER.
 */
apr_status_t es_cluster_queue_leave(es_cluster_queue_t *queue,
                                    es_cluster_job_t *job,
                                    es_cluster_result_t *result);

/* ---- the publisher's thread ---------------------------------------------- */

/**
 * Take jobs that may be sent: no job of their lane is.
 *
 * @param taken      an empty list; they are appended
 * @param max_jobs   at most
 * @param max_bytes  at most, but one in any case
 */
void es_cluster_queue_take(es_cluster_queue_t *queue, es_list_t *taken,
                           int max_jobs, apr_size_t max_bytes);

/** The broker has not executed the job: it is to be sent again, before others
 * and in the order of these calls. */
void es_cluster_queue_again(es_cluster_queue_t *queue, es_cluster_job_t *job);

/** The job is stored, and has to be confirmed. */
void es_cluster_queue_store(es_cluster_queue_t *queue, es_cluster_job_t *job);

/**
 * Answer a job, and let go of it.
 *
 * @param result  copied; NULL = that of the job
 */
void es_cluster_queue_answer(es_cluster_queue_t *queue, es_cluster_job_t *job,
                             apr_status_t rv,
                             const es_cluster_result_t *result);

/** Answer all jobs that wait. */
void es_cluster_queue_refuse(es_cluster_queue_t *queue, apr_status_t rv,
                             const char *why);

/** Take no more jobs. */
void es_cluster_queue_close(es_cluster_queue_t *queue);

/** 1 if no job waits. */
int es_cluster_queue_is_empty(es_cluster_queue_t *queue);

#endif
