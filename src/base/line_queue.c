/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines in an array of bytes, in a circle, under a lock, and a condition. The
 * thread copies as many whole lines as a pipe takes at once, and writes the
 * copy without the lock. When none is left and some were lost, it logs their
 * number.
 *
 * The queue is never freed: a thread that hangs in a write, and those that add
 * to the queue, may use it until the process exits.
 */
#include "base/line_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/queue_thread.h"

static struct {
    es_queue_thread_t thread; /* and the lock */
    int fd;
    char *bytes;       /* ES_LINE_QUEUE_BYTES, guarded by lock */
    apr_size_t first;  /* guarded by lock; index of the oldest byte */
    apr_size_t used;   /* guarded by lock; bytes that wait */
    apr_uint32_t lost; /* guarded by lock; lines since ES0025 was logged */
} queue = {.thread = ES_QUEUE_THREAD_INIT};

/* ---- the thread --------------------------------------------------------- */

static void copy_out(char *to, apr_size_t len)
{
    apr_size_t until_end = ES_LINE_QUEUE_BYTES - queue.first;
    apr_size_t part = len < until_end ? len : until_end;

    memcpy(to, queue.bytes + queue.first, part);
    memcpy(to + part, queue.bytes, len - part);
}

/* Take the oldest lines, as a whole. @return their bytes */
static apr_size_t take_locked(char *lines)
{
    apr_size_t len =
        queue.used < ES_LINE_QUEUE_LINE ? queue.used : ES_LINE_QUEUE_LINE;

    copy_out(lines, len);
    while (len > 0 && lines[len - 1] != '\n') {
        len--;
    }
    queue.first = (queue.first + len) % ES_LINE_QUEUE_BYTES;
    queue.used -= len;
    return len;
}

/* Wait for lines. @return 0: there are none, since the thread is to end or lost
 * lines are to be reported */
static apr_size_t take(char *lines, apr_uint32_t *lost)
{
    apr_size_t len;

    pthread_mutex_lock(&queue.thread.lock);
    while (queue.used == 0 && queue.lost == 0 && queue.thread.is_running) {
        pthread_cond_wait(&queue.thread.cond, &queue.thread.lock);
    }
    len = take_locked(lines);
    *lost = 0;
    if (len == 0) {
        *lost = queue.lost;
        queue.lost = 0;
    }
    pthread_mutex_unlock(&queue.thread.lock);
    return len;
}

static apr_uint32_t count_lines(const char *at, apr_size_t len)
{
    apr_uint32_t count = 0;

    while (len-- > 0) {
        count += *at++ == '\n';
    }
    return count;
}

static void write_lines(const char *at, apr_size_t len)
{
    ssize_t n;

    while (len > 0) {
        n = write(queue.fd, at, len);
        if (n < 0 && errno != EINTR) {
            pthread_mutex_lock(&queue.thread.lock);
            queue.lost += count_lines(at, len);
            pthread_mutex_unlock(&queue.thread.lock);
            return;
        }
        if (n > 0) {
            at += n;
            len -= (apr_size_t)n;
        }
    }
}

static void run(void *unused)
{
    char lines[ES_LINE_QUEUE_LINE];
    apr_uint32_t lost;
    apr_size_t len;

    (void)unused;
    for (;;) {
        len = take(lines, &lost);
        if (len > 0) {
            write_lines(lines, len);
        }
        else if (lost != 0) {
            es_log(ES_LOG_WARNING, APR_SUCCESS, "ES0025",
                   "%u lines of EventStreamLog are lost: the file or the "
                   "program of the log was full, slow, stopped or gone",
                   lost);
        }
        else {
            return;
        }
    }
}

/* ---- other threads ------------------------------------------------------ */

apr_status_t es_line_queue_start(int fd, apr_pool_t *pool)
{
    if (queue.bytes == NULL) { /* they stay until the process ends */
        queue.bytes = malloc(ES_LINE_QUEUE_BYTES);
    }
    if (queue.bytes == NULL) {
        return APR_ENOMEM;
    }
    queue.fd = fd;
    return es_queue_thread_start(&queue.thread, run, pool);
}

void es_line_queue_add(const char *line, apr_size_t len)
{
    apr_size_t at, part;

    pthread_mutex_lock(&queue.thread.lock);
    if (queue.thread.is_running && len > ES_LINE_QUEUE_BYTES - queue.used) {
        queue.lost++;
    }
    else if (queue.thread.is_running) {
        at = (queue.first + queue.used) % ES_LINE_QUEUE_BYTES;
        part = ES_LINE_QUEUE_BYTES - at;
        part = len < part ? len : part;
        memcpy(queue.bytes + at, line, part);
        memcpy(queue.bytes, line + part, len - part);
        queue.used += len;
        pthread_cond_signal(&queue.thread.cond);
    }
    pthread_mutex_unlock(&queue.thread.lock);
}

apr_status_t es_line_queue_stop(apr_interval_time_t timeout)
{
    return es_queue_thread_stop(&queue.thread, timeout);
}
