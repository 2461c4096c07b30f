/* SPDX-License-Identifier: Apache-2.0 */
/** The publisher, as publish.c and publisher.c see it. */
#ifndef ES_CLUSTER_PUBLISHER_PRIV_H
#define ES_CLUSTER_PUBLISHER_PRIV_H

#include "base/thread.h"
#include "cluster/counts.h"
#include "cluster/job.h"

struct es_cluster_publisher_t {
    es_cluster_hub_t hub;
    es_cluster_script_t script;
    es_thread_t thread;
    apr_pool_t *pool; /* the thread's */
    es_cluster_queue_t queue;
    char node[ES_CLUSTER_NODE_SIZE];
    char maxlen[ES_DECIMAL_MAX + 1];
    int wake_fd;            /* an eventfd */
    volatile int stop;      /* atomic */
    volatile int link_stop; /* atomic; the link's waits end */
    /* the last id of the journal, as it was read after a turn of the state;
     * guarded by look_lock, except looks */
    pthread_mutex_t look_lock;
    es_id_t look_last;
    apr_uint32_t look_turn;
    int has_looked;
    int is_looking;     /* a thread reads it now */
    apr_uint32_t looks; /* atomic, a futex: raised when it was read */

    int nsent; /* atomic; jobs that are sent or stored */

    /* of the thread: */
    es_cluster_link_t *link;        /* NULL = not connected */
    char epoch[ES_DECIMAL_MAX + 1]; /* ""= hello comes first */
    char floor[ES_ID_TEXT_SIZE];    /* the last id of the journal */
    es_list_t sent;                 /* jobs, in the order of their replies */
    es_list_t stored;               /* jobs that WAIT is to confirm */
    int is_fenced;                  /* the next reply is that to WAIT */
    int has_again;         /* a job is to be sent again, after all replies */
    int is_elsewhere;      /* and over another link */
    apr_time_t progress;   /* of the last reply, or of what was sent first */
    apr_time_t down_since; /* the broker is unavailable; 0 = it is not */
    apr_time_t next_try;   /* to connect */
    apr_interval_time_t backoff;
    char why[ES_CLUSTER_LINK_WHY_SIZE]; /* of the last failure */
};

/** Before the next try to connect, at first. */
#define ES_CLUSTER_BACKOFF_MIN (50 * 1000)

/**
 * The last id of the journal. Whatever the number of threads that ask, one of
 * them reads it in each turn of the state: it takes the store lock.
 *
 * @param turn     es_cluster_state_turn, read before
 * @param last     filled also on failure: one that was read before, or 0-0
 * @param at_most  to wait for another thread that reads it
 * @return APR_SUCCESS; APR_EAGAIN: another thread has read it, ask again; why
 *         it could not be read
 *
 * Context: WORKER, CLUSTER.
 */
apr_status_t es_cluster_publisher_look(es_cluster_publisher_t *publisher,
                                       apr_uint32_t turn, es_id_t *last,
                                       apr_interval_time_t at_most);

/* publish.c, for those who make jobs: */

/** Words of a job that adds entries, before what it adds. */
#define ES_CLUSTER_PUBLISH_WORDS (ES_CLUSTER_SCRIPT_HEAD + 6)

/** Write these words; EPOCH and FLOOR are filled in when the job is sent. */
void es_cluster_publish_head(es_cluster_job_t *job,
                             es_cluster_publisher_t *publisher,
                             const char *operation);

/**
 * Queue a job. es_cluster_publish_finish, or es_cluster_queue_leave, lets go of
 * it.
 *
 * @param job  NULL = there was no memory
 * @return as es_cluster_publish_begin
 *
 * Context: WORKER.
 */
apr_status_t es_cluster_publish_put(es_cluster_publisher_t *publisher,
                                    es_cluster_job_t *job,
                                    es_cluster_lane_t *lane, apr_time_t by);

/** Fill the result of a job that es_cluster_publish_put has refused. */
void es_cluster_publish_not_put(es_cluster_result_t *result, apr_status_t rv);

/* answers.c; all of it is of the thread: */

/** Use the next reply; a job or a WAIT has been sent. */
void es_cluster_answers_use(es_cluster_publisher_t *publisher,
                            const es_cluster_reply_t *reply);

/** No more replies come: nobody knows what became of the jobs without one. */
void es_cluster_answers_lose(es_cluster_publisher_t *publisher);

/** Log why the broker is unavailable, not too often. */
void es_cluster_answers_log(const es_cluster_publisher_t *publisher);

#endif
