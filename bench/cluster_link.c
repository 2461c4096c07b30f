/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast is the link of a node of a cluster to its broker? Without httpd:
 *
 *     cluster_link URL [EVENTS [BYTES [BATCH]]]
 *
 * publishes so many events in batches (preset: 200,000 of 50 bytes, 1,000 a
 * batch), then has a reader fetch all of them and append them to a journal, and
 * at last publishes single events, each after the one before has arrived. Times
 * are of the wall clock and, of this process, of the CPU; on a machine that
 * does other things as well, the latter counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "shm/segment.h"
#include "journal/stream_append.h"
#include "cluster/publisher_priv.h"
#include "cluster/reader.h"

#define RING ((apr_uint64_t)256 << 20)
#define SINGLES 2000
#define WAIT (60 * APR_USEC_PER_SEC)

static apr_pool_t *pool;
static es_cluster_hub_t hub;
static es_batch_t batch;
static es_slice_t channel;

static void check(apr_status_t rv, const char *what)
{
    char text[120];

    if (rv != APR_SUCCESS) {
        fprintf(stderr, "cluster_link: %s: %s\n", what,
                apr_strerror(rv, text, sizeof(text)));
        exit(1);
    }
}

static int is_present(void *arg, apr_uint32_t child)
{
    (void)arg;
    (void)child;
    return 1;
}

static void wake(void *arg, const apr_uint64_t *touched)
{
    (void)arg;
    (void)touched;
}

static void make_hub(const char *url)
{
    es_store_params_t params = {RING, 100, 4};
    es_id_t epoch = es_id_epoch(1, 1);
    apr_size_t size = es_store_size(&params);
    const es_cluster_url_t *parsed;
    void *mem, *state;
    const char *why = es_cluster_url_parse(&parsed, url, pool);

    if (why) {
        fprintf(stderr, "cluster_link: %s\n", why);
        exit(1);
    }
    check(es_segment_create(&mem, size, pool), "segment");
    check(es_segment_create(&state, es_cluster_state_size(), pool), "segment");
    check(es_store_format(mem, &params, &epoch), "format");
    check(es_store_attach(&hub.store, mem, size, &params, pool), "attach");
    hub.state = es_cluster_state_format(
        state, (apr_uint64_t)es_jitter_below(1LL << 40) + 1);
    hub.name = "bench";
    hub.key = apr_psprintf(pool, "bench%d", (int)getpid());
    hub.link.url = parsed;
    hub.link.connect_timeout = APR_USEC_PER_SEC;
    hub.child = 1;
    hub.max_children = 4;
    hub.maxlen = 10000000;
    hub.timeout = WAIT;
    hub.is_present = is_present;
    hub.wake = wake;
}

static void make_batch(int count, int bytes)
{
    char *data = apr_palloc(pool, (apr_size_t)bytes);
    int i;

    memset(data, 'x', (apr_size_t)bytes);
    channel = es_slice_of("channel");
    batch.events = apr_pcalloc(pool, sizeof(es_event_t) * (apr_size_t)count);
    batch.count = count;
    for (i = 0; i < count; i++) {
        batch.events[i].channels = &channel;
        batch.events[i].nchannels = 1;
        batch.events[i].data = es_slice(data, (apr_size_t)bytes);
        batch.events[i].retry_ms = -1;
    }
}

/* ---- measuring ----------------------------------------------------------- */

/** A moment. */
typedef struct moment_t {
    apr_time_t wall, cpu;
} moment_t;

static moment_t take_time(void)
{
    struct rusage used;
    moment_t now;

    getrusage(RUSAGE_SELF, &used);
    now.wall = es_clock_now();
    now.cpu = apr_time_from_sec(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
              used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    return now;
}

static void print(const char *what, int events, const moment_t *from)
{
    moment_t now = take_time();
    double wall = (double)(now.wall - from->wall);
    double cpu = (double)(now.cpu - from->cpu);

    printf("%-28s %8.0f events/s, %6.2f us of CPU each (%.0f events/s)\n", what,
           events * 1e6 / wall, cpu / events, events * 1e6 / cpu);
}

static es_cluster_reader_t *start_reader(apr_pool_t *p)
{
    es_cluster_reader_t *reader;

    check(es_cluster_reader_start(&reader, &hub, p), "reader");
    return reader;
}

static void stop_reader(es_cluster_reader_t *reader)
{
    es_cluster_reader_stop(reader);
    check(es_cluster_reader_join(reader, WAIT), "the reader does not end");
}

static void wait_synced(void)
{
    es_cluster_stats_t is;
    apr_time_t by = es_clock_now() + WAIT;

    do {
        usleep(1000);
        es_cluster_state_read(hub.state, &is);
    } while (!is.is_synced && es_clock_now() < by);
    if (!is.is_synced) {
        fprintf(stderr, "cluster_link: no link: %s\n", is.error);
        exit(1);
    }
}

/* All batches at once, as many publishers do; their journal stands still, so
 * each is over when the broker has it. */
static void publish_all(es_cluster_publisher_t *publisher, int events)
{
    es_cluster_job_t *jobs[64];
    es_cluster_result_t result;
    int batches = events / batch.count;
    int begun = 0, ended = 0;

    while (ended < batches) {
        if (begun < batches && begun - ended < 64) {
            check(es_cluster_publish_begin(publisher, NULL, &batch,
                                           es_clock_now() + WAIT,
                                           &jobs[begun % 64]),
                  "begin");
            begun++;
            continue;
        }
        while (!es_cluster_publish_is_answered(jobs[ended % 64])) {
            usleep(50);
        }
        check(es_cluster_queue_leave(&publisher->queue, jobs[ended % 64],
                                     &result),
              "publish");
        ended++;
    }
}

static int compare(const void *a, const void *b)
{
    apr_time_t x = *(const apr_time_t *)a, y = *(const apr_time_t *)b;

    return (x > y) - (x < y);
}

static void publish_singles(es_cluster_publisher_t *publisher)
{
    static apr_time_t times[SINGLES];
    es_cluster_result_t result;
    int i;

    batch.count = 1;
    for (i = 0; i < SINGLES; i++) {
        apr_time_t began = es_clock_now();

        check(es_cluster_publish(publisher, &batch, began + WAIT, &result),
              result.why);
        times[i] = es_clock_now() - began;
    }
    qsort(times, SINGLES, sizeof(times[0]), compare);
    printf("%-28s median %d us, p99 %d us, most %d us\n",
           "publish to the journal", (int)times[SINGLES / 2],
           (int)times[SINGLES * 99 / 100], (int)times[SINGLES - 1]);
}

static void wait_for(apr_uint64_t entries)
{
    es_cluster_stats_t is;
    apr_time_t by = es_clock_now() + WAIT;

    do {
        usleep(200);
        es_cluster_state_read(hub.state, &is);
    } while (is.counts[ES_CLUSTER_ENTRIES] < entries && es_clock_now() < by);
    if (is.counts[ES_CLUSTER_ENTRIES] < entries) {
        fputs("cluster_link: entries are missing\n", stderr);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    int events = argc > 2 ? atoi(argv[2]) : 200000;
    int bytes = argc > 3 ? atoi(argv[3]) : 50;
    int count = argc > 4 ? atoi(argv[4]) : 1000;
    es_cluster_publisher_t *publisher;
    es_cluster_reader_t *reader;
    moment_t from;

    if (argc < 2 || events < count || count < 1 || bytes < 1) {
        fputs("cluster_link URL [EVENTS [BYTES [BATCH]]]\n", stderr);
        return 2;
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    es_jitter_seed();
    make_hub(argv[1]);
    make_batch(count, bytes);
    events -= events % count;
    check(es_cluster_publisher_start(&publisher, &hub, pool), "publisher");
    reader = start_reader(pool); /* the journal begins where the stream does */
    wait_synced();
    stop_reader(reader);

    from = take_time();
    publish_all(publisher, events);
    print("publish batches", events, &from);

    from = take_time();
    reader = start_reader(pool);
    wait_for((apr_uint64_t)events);
    print("read and append", events, &from);

    publish_singles(publisher);
    stop_reader(reader);
    es_cluster_publisher_stop(publisher);
    check(es_cluster_publisher_join(publisher, WAIT), "join");
    return 0;
}
