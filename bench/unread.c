/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unread: how long does the server take to write to clients that do not read?
 *
 * A program that reads needs as much processor time as the server that writes,
 * and of the same processors. So here the clients read nothing while the server
 * is measured: their kernel keeps what they get. Only the first one, the probe,
 * reads. When it has all that was published, the others must have as many bytes
 * in their queues. These sockets are asked in turn: a delivery writes in the
 * opposite order of connecting, so the first ones are the last to get theirs.
 * At the end all clients read, and each must have each event once and in order.
 *
 * The times of the server's threads are those of the kernel's scheduler, in
 * /proc/PID/task/TID/schedstat: on a processor, and waiting for one. The latter
 * tells whether the machine had processors for all threads.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/tcp.h> /* its tcp_info has the bytes received */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/client.h"
#include "bench/options.h"
#include "bench/payload.h"
#include "bench/pipeline.h"

#define BUFFER_BYTES (256 * 1024)
#define CONNECTING 100 /* connections under way at once */
#define LOCALS 8
#define QUEUE_BYTES (4 * 1024 * 1024) /* asked for; the kernel may give less */
#define WAIT_MS 10000
#define STEP_NS (10 * EB_NS_PER_MS)
#define PAUSE_NS (100 * EB_NS_PER_US)
#define MAX_TASKS 256
#define MAX_PATH 320

#define FIELD(name) offsetof(eb_load_options_t, name)

static const eb_options_row_t ROWS[] = {
    {"--servers", EB_OPTIONS_ADDRS, FIELD(servers), 0, 0, "ADDR:PORT"},
    {"--pid", EB_OPTIONS_COUNT, FIELD(pid), 1, 1 << 30,
     "process whose threads are measured"},
    {"--clients", EB_OPTIONS_COUNT, FIELD(clients), 2, 1e6, "(2000)"},
    {"--channels", EB_OPTIONS_COUNT, FIELD(channels), 1, 1000,
     "channels of the clients, in turns; all events are of the first (1)"},
    {"--events", EB_OPTIONS_COUNT, FIELD(events), 1, 1e6, "in all (100)"},
    {"--size", EB_OPTIONS_COUNT, FIELD(size), EB_PAYLOAD_TIMED_MIN,
     EB_PAYLOAD_TIMED_MAX, "bytes of an event's data (100)"},
    {"--burst", EB_OPTIONS_COUNT, FIELD(burst), 1, 100000,
     "events of one POST (1)"},
    {"--rate", EB_OPTIONS_REAL, FIELD(rate), 0, 1e7,
     "events per second; 0: the next burst when all have the last one (0)"},
};

static const eb_options_table_t TABLE = {"unread", ROWS,
                                         sizeof(ROWS) / sizeof(ROWS[0])};

/* A thread of the server. */
typedef struct {
    long tid;
    uint64_t run_ns;  /* on a processor */
    uint64_t wait_ns; /* runnable, but waiting for one */
} task_t;

typedef struct {
    task_t tasks[MAX_TASKS];
    size_t count;
} tasks_t;

typedef struct {
    eb_load_options_t opts;
    eb_load_options_t publisher; /* the same, with one channel */
    eb_counts_t counts;
    eb_client_shared_t shared;
    eb_client_t *clients; /* the first is the probe */
    eb_pipeline_t pipeline;
    uint64_t probe_bytes; /* of its socket when all were connected */
    uint64_t segments;    /* received by all clients */
    uint64_t busy_ns;     /* from a publish until all have it, all bursts */
} run_t;

/* ---- the server's threads ------------------------------------------------ */

static int read_task(task_t *task, uint32_t pid, const char *tid)
{
    char path[MAX_PATH];
    unsigned long long run_ns, wait_ns;
    FILE *file;
    int n;

    snprintf(path, sizeof(path), "/proc/%u/task/%s/schedstat",
             (unsigned int)pid, tid);
    file = fopen(path, "r");
    if (file == NULL) {
        return -1;
    }
    n = fscanf(file, "%llu %llu", &run_ns, &wait_ns);
    fclose(file);
    if (n != 2) {
        return -1;
    }
    task->tid = atol(tid);
    task->run_ns = run_ns;
    task->wait_ns = wait_ns;
    return 0;
}

static void read_tasks(tasks_t *tasks, uint32_t pid)
{
    char path[MAX_PATH];
    struct dirent *entry;
    DIR *dir;

    tasks->count = 0;
    snprintf(path, sizeof(path), "/proc/%u/task", (unsigned int)pid);
    dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    while (tasks->count < MAX_TASKS) {
        entry = readdir(dir);
        if (entry == NULL) {
            break;
        }
        if (entry->d_name[0] != '.' &&
            read_task(&tasks->tasks[tasks->count], pid, entry->d_name) == 0) {
            tasks->count++;
        }
    }
    closedir(dir);
}

static int by_run(const void *a, const void *b)
{
    const task_t *left = a, *right = b;

    return left->run_ns < right->run_ns   ? 1
           : left->run_ns > right->run_ns ? -1
                                          : 0;
}

/* After minus before, for each thread; the busiest one comes first. */
static void subtract(tasks_t *after, const tasks_t *before)
{
    size_t i, k;

    for (i = 0; i < after->count; i++) {
        for (k = 0; k < before->count; k++) {
            if (after->tasks[i].tid == before->tasks[k].tid) {
                after->tasks[i].run_ns -= before->tasks[k].run_ns;
                after->tasks[i].wait_ns -= before->tasks[k].wait_ns;
            }
        }
    }
    qsort(after->tasks, after->count, sizeof(after->tasks[0]), by_run);
}

/* ---- connecting ---------------------------------------------------------- */

static int wait_for(int fd, short events)
{
    struct pollfd at = {0};

    at.fd = fd;
    at.events = events;
    return poll(&at, 1, WAIT_MS) == 1 ? 0 : -1;
}

static int open_stream(run_t *run, eb_client_t *client)
{
    while (client->state != EB_CLIENT_LIVE) {
        if (client->state == EB_CLIENT_CLOSED ||
            wait_for(client->conn.fd, POLLIN) != 0) {
            return -1;
        }
        eb_client_read(client, &run->shared);
    }
    return 0;
}

static int connect_some(run_t *run, uint32_t from, uint32_t to)
{
    int bytes = QUEUE_BYTES;
    uint32_t i;

    for (i = from; i < to; i++) {
        if (eb_client_connect(&run->clients[i], &run->shared, i) != 0) {
            return -1;
        }
        setsockopt(run->clients[i].conn.fd, SOL_SOCKET, SO_RCVBUF, &bytes,
                   sizeof(bytes));
    }
    for (i = from; i < to; i++) {
        if (wait_for(run->clients[i].conn.fd, POLLOUT) != 0 ||
            eb_client_request(&run->clients[i], &run->shared) != 1) {
            return -1;
        }
    }
    for (i = from; i < to; i++) {
        if (open_stream(run, &run->clients[i]) != 0) {
            return -1;
        }
    }
    return 0;
}

static int connect_all(run_t *run)
{
    uint32_t from, to;

    for (from = 0; from < run->opts.clients; from = to) {
        to = from + CONNECTING;
        if (to > run->opts.clients) {
            to = run->opts.clients;
        }
        if (connect_some(run, from, to) != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- the measurement ----------------------------------------------------- */

static struct tcp_info info_of(const eb_client_t *client)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);

    getsockopt(client->conn.fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info;
}

/* Segments with data that all clients have received. */
static uint64_t count_segments(const run_t *run)
{
    uint64_t segments = 0;
    uint32_t i;

    for (i = 0; i < run->opts.clients; i++) {
        segments += info_of(&run->clients[i]).tcpi_data_segs_in;
    }
    return segments;
}

static int publish(run_t *run)
{
    eb_pipeline_t *pipeline = &run->pipeline;
    uint64_t limit_ns = eb_clock_ns() + WAIT_MS * EB_NS_PER_MS;

    if (eb_pipeline_offer(pipeline, run->opts.burst, eb_clock_ns()) != 0) {
        return -1;
    }
    while (pipeline->answered < pipeline->queued) {
        if (eb_pipeline_step(pipeline, STEP_NS) != 0 ||
            eb_clock_ns() > limit_ns) {
            return -1;
        }
    }
    return 0;
}

/* Wait until all clients have all that was published. end_ns is the time at
 * which the last one had it: the others are asked without a pause. */
static int wait_for_all(run_t *run, uint64_t *end_ns)
{
    eb_client_t *probe = &run->clients[0];
    uint64_t limit_ns = eb_clock_ns() + WAIT_MS * EB_NS_PER_MS;
    uint64_t bytes;
    uint32_t i;
    int queued;

    while (probe->received.next < run->pipeline.queued) {
        if (probe->state != EB_CLIENT_LIVE ||
            wait_for(probe->conn.fd, POLLIN) != 0) {
            return -1;
        }
        eb_client_read(probe, &run->shared);
    }
    *end_ns = eb_clock_ns();
    bytes = info_of(probe).tcpi_bytes_received - run->probe_bytes;
    for (i = run->opts.channels; i < run->opts.clients;
         i += run->opts.channels) {
        while (ioctl(run->clients[i].conn.fd, FIONREAD, &queued) != 0 ||
               (uint64_t)queued < bytes) {
            if (eb_clock_ns() > limit_ns) {
                fprintf(stderr, "unread: client %u has %d of %llu bytes\n",
                        (unsigned int)i, queued, (unsigned long long)bytes);
                return -1;
            }
            eb_clock_sleep(PAUSE_NS);
            *end_ns = eb_clock_ns();
        }
    }
    return 0;
}

static int in_turns(run_t *run)
{
    uint64_t start_ns, end_ns;

    while (run->pipeline.queued < run->opts.events) {
        start_ns = eb_clock_ns();
        if (publish(run) != 0 || wait_for_all(run, &end_ns) != 0) {
            return -1;
        }
        run->busy_ns += end_ns - start_ns;
    }
    return 0;
}

static int by_the_clock(run_t *run)
{
    uint64_t start_ns = eb_clock_ns(), due_ns, end_ns;

    while (run->pipeline.queued < run->opts.events) {
        due_ns = start_ns + (uint64_t)(run->pipeline.queued *
                                       (double)EB_NS_PER_SEC / run->opts.rate);
        if (due_ns > eb_clock_ns()) {
            eb_clock_sleep(due_ns - eb_clock_ns());
        }
        if (publish(run) != 0) {
            return -1;
        }
    }
    if (wait_for_all(run, &end_ns) != 0) {
        return -1;
    }
    run->busy_ns = end_ns - start_ns;
    return 0;
}

static uint64_t deliveries(const run_t *run)
{
    uint32_t clients =
        (run->opts.clients + run->opts.channels - 1) / run->opts.channels;

    return (uint64_t)clients * run->pipeline.queued;
}

/* All clients read what their kernel has. @return deliveries that are wrong */
static uint64_t check(run_t *run)
{
    static const eb_counts_kind_t FAULTS[] = {
        EB_COUNTS_DOUBLED, EB_COUNTS_REORDERED, EB_COUNTS_MALFORMED,
        EB_COUNTS_RESETS, EB_COUNTS_CUT};
    uint64_t faults;
    size_t i;

    for (i = 0; i < run->opts.clients; i++) {
        if (run->clients[i].state == EB_CLIENT_LIVE) {
            eb_client_read(&run->clients[i], &run->shared);
        }
    }
    faults = deliveries(run) - eb_counts_get(&run->counts, EB_COUNTS_DELIVERED);
    for (i = 0; i < sizeof(FAULTS) / sizeof(FAULTS[0]); i++) {
        faults += eb_counts_get(&run->counts, FAULTS[i]);
    }
    return faults;
}

static void report(const run_t *run, const tasks_t *tasks, uint64_t faults)
{
    double due = (double)deliveries(run);
    uint64_t run_ns = 0, wait_ns = 0;
    size_t i;

    for (i = 0; i < tasks->count; i++) {
        run_ns += tasks->tasks[i].run_ns;
        wait_ns += tasks->tasks[i].wait_ns;
    }
    printf("unread deliveries=%.0f seconds=%.4f cpu_us=%.3f first=%.3f"
           " second=%.3f waited=%.3f segments=%.3f faults=%llu\n",
           due, (double)run->busy_ns / (double)EB_NS_PER_SEC,
           (double)run_ns / (double)EB_NS_PER_US / due,
           (double)tasks->tasks[0].run_ns / (double)EB_NS_PER_SEC,
           (double)tasks->tasks[1].run_ns / (double)EB_NS_PER_SEC,
           (double)wait_ns / (double)EB_NS_PER_SEC, (double)run->segments / due,
           (unsigned long long)faults);
}

static int measure(run_t *run)
{
    static tasks_t before, after;
    uint64_t faults;
    int rc;

    run->probe_bytes = info_of(&run->clients[0]).tcpi_bytes_received;
    run->segments = count_segments(run);
    read_tasks(&before, run->opts.pid);
    rc = run->opts.rate > 0 ? by_the_clock(run) : in_turns(run);
    read_tasks(&after, run->opts.pid);
    run->segments = count_segments(run) - run->segments;
    faults = check(run);
    if (rc != 0 || after.count < 2) {
        fputs("unread: not all clients have got all events\n", stderr);
        return -1;
    }
    subtract(&after, &before);
    report(run, &after, faults);
    return faults == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    static run_t run;

    run.opts.subscribe = "/events/c{}";
    run.opts.publish = "/publish";
    run.opts.channel = "room-c{}";
    run.opts.channels = 1;
    run.opts.locals = LOCALS;
    run.opts.format = EB_LOAD_OPTIONS_BATCH;
    run.opts.clients = 2000;
    run.opts.events = 100;
    run.opts.size = 100;
    run.opts.burst = 1;
    if (eb_options_read(&run.opts, &TABLE, argc, argv) != 0) {
        return 2;
    }
    if (run.opts.servers.count == 0 || run.opts.pid == 0) {
        eb_options_usage(&TABLE);
        return 2;
    }
    run.publisher = run.opts;
    run.publisher.channels = 1;
    signal(SIGPIPE, SIG_IGN);
    eb_net_raise_limit();
    run.shared.opts = &run.opts;
    run.shared.counts = &run.counts;
    run.shared.size = BUFFER_BYTES;
    run.shared.buffer = malloc(BUFFER_BYTES);
    run.clients = calloc(run.opts.clients, sizeof(*run.clients));
    if (run.shared.buffer == NULL || run.clients == NULL ||
        connect_all(&run) != 0 ||
        eb_pipeline_open(&run.pipeline, &run.publisher) != 0) {
        fputs("unread: the clients have no streams\n", stderr);
        return 2;
    }
    return measure(&run) == 0 ? 0 : 1;
}
