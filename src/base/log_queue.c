/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages in an array, in a circle, under a lock, and a condition. The thread
 * copies a message out of it and writes the copy without the lock. When none is
 * left and some were dropped, it writes their number: the dropped ones came
 * after those that it has written.
 *
 * The queue is static memory: a thread that hangs in a write, and those that
 * add to the queue, may use it until the process exits.
 */
#include "base/log_queue.h"

#include <apr_strings.h>

#include "base/queue_thread.h"

typedef struct message_t {
    int level;
    apr_status_t rv;
    const char *tag;
    char text[ES_LOG_TEXT_SIZE];
} message_t;

static struct {
    es_queue_thread_t thread; /* and the lock */
    es_log_fn_t *write;
    apr_uint32_t first;   /* guarded by lock; index of the oldest message */
    apr_uint32_t count;   /* guarded by lock; messages that wait */
    apr_uint32_t dropped; /* guarded by lock; since ES0016 was written */
    message_t messages[ES_LOG_QUEUE_MAX]; /* guarded by lock */
} queue = {.thread = ES_QUEUE_THREAD_INIT};

/* Wait for a message. @return 0: there is none, since the thread is to end or
 * dropped messages are to be reported */
static int take(message_t *message, apr_uint32_t *dropped)
{
    int taken = 0;

    pthread_mutex_lock(&queue.thread.lock);
    while (queue.count == 0 && queue.dropped == 0 && queue.thread.is_running) {
        pthread_cond_wait(&queue.thread.cond, &queue.thread.lock);
    }
    *dropped = 0;
    if (queue.count != 0) {
        *message = queue.messages[queue.first];
        queue.first = (queue.first + 1) % ES_LOG_QUEUE_MAX;
        queue.count--;
        taken = 1;
    }
    else {
        *dropped = queue.dropped;
        queue.dropped = 0;
    }
    pthread_mutex_unlock(&queue.thread.lock);
    return taken;
}

static void run(void *unused)
{
    message_t message;
    apr_uint32_t dropped;

    (void)unused;
    for (;;) {
        if (take(&message, &dropped)) {
            queue.write(message.level, message.rv, message.tag, message.text);
        }
        else if (dropped != 0) {
            es_log(ES_LOG_WARNING, APR_SUCCESS, "ES0016",
                   "the error log was not written in time: %u messages of the "
                   "delivery and of the GRIP sender were dropped; is the "
                   "program of a piped ErrorLog stopped or slow?",
                   dropped);
        }
        else {
            return;
        }
    }
}

apr_status_t es_log_queue_start(es_log_fn_t *write, apr_pool_t *pool)
{
    queue.write = write;
    return es_queue_thread_start(&queue.thread, run, pool);
}

/* The place of a message of this level. @return NULL: it is dropped */
static message_t *place_for(int level)
{
    apr_uint32_t most =
        level >= ES_LOG_DEBUG ? ES_LOG_QUEUE_MAX / 2 : ES_LOG_QUEUE_MAX;

    if (queue.count >= most) {
        queue.dropped++;
        return NULL;
    }
    return &queue.messages[(queue.first + queue.count++) % ES_LOG_QUEUE_MAX];
}

int es_log_queue_add(int level, apr_status_t rv, const char *tag,
                     const char *text)
{
    message_t *message;
    int is_running;

    pthread_mutex_lock(&queue.thread.lock);
    is_running = queue.thread.is_running;
    message = is_running ? place_for(level) : NULL;
    if (message != NULL) {
        message->level = level;
        message->rv = rv;
        message->tag = tag;
        apr_cpystrn(message->text, text, sizeof(message->text));
        pthread_cond_signal(&queue.thread.cond);
    }
    pthread_mutex_unlock(&queue.thread.lock);
    return is_running;
}

apr_status_t es_log_queue_stop(apr_interval_time_t timeout)
{
    return es_queue_thread_stop(&queue.thread, timeout);
}
