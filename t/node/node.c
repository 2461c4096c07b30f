/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A node of a cluster without httpd, for tests: a journal in shared memory,
 * and children with the threads of src/cluster. A child that dies is replaced.
 *
 *     node URL LOG [name=value...]
 *
 * It obeys lines on its standard input, and writes what happens to the file
 * LOG, a line each, with the time in microseconds of the monotonic clock:
 *
 *     TIME child NUMBER PID          a child has started
 *     TIME event ID DATA             what a client of the journal gets
 *     TIME close ID CHANNEL
 *     TIME reset                     it may have missed something
 *     TIME begin DATA                a worker publishes
 *     TIME ok ID KNOWN CLIENTS DATA  it was published; ID is that of the batch
 *     TIME failed STATUS MAYBE STORED DATA WHY
 *     TIME log TEXT                  of the error log
 *     TIME state UP SYNCED LAG RECONNECTS ENTRIES FILLS PUBLISHED UNAVAILABLE
 *     TIME last ID                   the journal's last id
 *     TIME clients NUMBER
 *
 * The data of events is "PREFIX-PID.WORKER-BATCH.NUMBER".
 *
 * Commands: "load PREFIX" (all workers publish until "rest"), "rest", "publish
 * DATA [ID]", "close CHANNEL SECONDS", "clients CHANNEL" (by a worker of the
 * first child), "subscribe CHANNEL" (the first child), "state", "last", "quit".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "base/log.h"
#include "shm/segment.h"
#include "journal/stream_append.h"
#include "cluster/publisher.h"
#include "cluster/reader.h"

#define CHILDREN_MAX 64
#define WORKERS_MAX 64
#define BATCH_MAX 1024
#define LINE_MAX_SIZE 8192

/** What all processes share. */
typedef struct shared_t {
    volatile int pids[CHILDREN_MAX + 1];
    volatile int is_loading; /* a number for each load; 0 = rest */
    volatile int is_over;
    char prefix[64];
} shared_t;

static struct {
    int children, workers, batch, size, channels;
    int pause_us, acks, lanes;
    apr_uint64_t ring, maxlen;
    apr_int64_t timeout_ms;
    const char *key, *hub, *random;
} option = {2, 2,        1,      20,   3,    1000, 0,
            0, 16 << 20, 100000, 5000, "es", "h",  NULL};

static int log_fd;
static shared_t *shared;
static es_store_t *store;
static es_cluster_state_t *state;
static const es_cluster_url_t *url;
static apr_pool_t *pool;
static es_cluster_publisher_t *publisher;

static void report(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void report(const char *fmt, ...)
{
    char line[LINE_MAX_SIZE];
    int len = snprintf(line, sizeof(line), "%lld ", (long long)es_clock_now());
    va_list args;

    va_start(args, fmt);
    len += vsnprintf(line + len, sizeof(line) - (size_t)len - 1, fmt, args);
    va_end(args);
    if (len > (int)sizeof(line) - 2) {
        len = (int)sizeof(line) - 2;
    }
    line[len++] = '\n';
    /* O_APPEND: whole lines, whoever writes */
    if (write(log_fd, line, (size_t)len) != len) {
        abort();
    }
}

static void on_log(int level, apr_status_t rv, const char *tag,
                   const char *text)
{
    if (level <= ES_LOG_INFO) {
        report("log %d %s %d %s", level, tag, rv, text);
    }
}

/* ---- a worker ------------------------------------------------------------ */

static void report_end(apr_status_t rv, const es_cluster_result_t *result,
                       const char *data)
{
    char id[ES_ID_TEXT_SIZE];

    es_id_format(id, &result->last_id);
    if (rv == APR_SUCCESS) {
        report("ok %s %d %llu %s", id, result->known,
               (unsigned long long)result->clients, data);
    }
    else {
        report("failed %d %d %d %s %s", rv, result->maybe_sent,
               result->is_stored, data, result->why);
    }
}

/** A batch while it is made. */
typedef struct made_t {
    es_event_t events[BATCH_MAX];
    es_slice_t names[BATCH_MAX];
    char data[BATCH_MAX][512];
    char text[128];
    es_batch_t batch;
} made_t;

static void make_batch(made_t *made, int worker, int number)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
    int i;

    snprintf(made->text, sizeof(made->text), "%s-%d.%d-%d", shared->prefix,
             (int)getpid(), worker, number);
    memset(&made->batch, 0, sizeof(made->batch));
    made->batch.events = made->events;
    made->batch.count = option.batch;
    for (i = 0; i < option.batch; i++) {
        es_event_t *event = &made->events[i];
        int len = snprintf(made->data[i], sizeof(made->data[i]), "%s.%d",
                           made->text, i);

        while (len < option.size && len < (int)sizeof(made->data[i])) {
            made->data[i][len++] = '_';
        }
        memset(event, 0, sizeof(*event));
        made->names[i] = es_slice_of(names[(worker + i) % option.channels]);
        event->channels = &made->names[i];
        event->nchannels = 1;
        event->data = es_slice(made->data[i], (apr_size_t)len);
        event->retry_ms = -1;
    }
}

static void publish_one(made_t *made)
{
    es_cluster_result_t result;
    apr_status_t rv;

    report("begin %s", made->text);
    rv = es_cluster_publish(publisher, &made->batch,
                            es_clock_now() + option.timeout_ms * 1000, &result);
    report_end(rv, &result, made->text);
}

/* As an NDJSON stream does: the next batch is begun before this one is done;
 * the stream ends with the first that fails. */
static void publish_lane(made_t *made, int worker, int *number)
{
    es_cluster_lane_t lane = ES_CLUSTER_LANE_INIT;
    es_cluster_job_t *jobs[8];
    char texts[8][128];
    int open = 0, first = 0, failed = 0;

    while (open > 0 || (!failed && shared->is_loading && !shared->is_over)) {
        apr_status_t rv;
        es_cluster_result_t result;

        if (!failed && open < 8 && shared->is_loading && !shared->is_over) {
            int at = (first + open) % 8;

            make_batch(made, worker, (*number)++);
            strcpy(texts[at], made->text);
            report("begin %s", made->text);
            rv = es_cluster_publish_begin(
                publisher, &lane, &made->batch,
                es_clock_now() + option.timeout_ms * 1000, &jobs[at]);
            if (rv == APR_SUCCESS) {
                open++;
                continue;
            }
            report("failed %d 0 0 %s -", rv, made->text);
            failed = 1;
        }
        if (open > 0) {
            rv = es_cluster_publish_finish(jobs[first], &result);
            report_end(rv, &result, texts[first]);
            failed |= rv != APR_SUCCESS;
            first = (first + 1) % 8;
            open--;
        }
    }
}

static void *on_worker(void *arg)
{
    int worker = (int)(intptr_t)arg;
    made_t *made = malloc(sizeof(*made));
    int number = 0, pause = option.pause_us;

    while (!shared->is_over) {
        if (!shared->is_loading) {
            usleep(2000);
            continue;
        }
        if (option.lanes) {
            publish_lane(made, worker, &number);
        }
        else {
            make_batch(made, worker, number++);
            publish_one(made);
        }
        if (pause > 0) {
            usleep((useconds_t)pause);
        }
    }
    free(made);
    return NULL;
}

/* ---- commands to a child ------------------------------------------------- */

static void command_publish(char *data, char *id)
{
    es_slice_t name = es_slice_of("a");
    es_event_t event = {&name, 1, {NULL, 0}, {NULL, 0}, {NULL, 0}, -1};
    es_batch_t batch = {&event, 1, 0, -1, NULL};
    es_cluster_result_t result;
    apr_status_t rv;

    event.data = es_slice_of(data);
    event.id = es_slice_of(id);
    report("begin %s", data);
    rv = es_cluster_publish(publisher, &batch,
                            es_clock_now() + option.timeout_ms * 1000, &result);
    report_end(rv, &result, data);
}

static void command(char *line)
{
    char *word = strtok(line, " ");
    char *one = strtok(NULL, " ");
    char *two = strtok(NULL, " ");
    es_slice_t name = es_slice_of(one);
    es_cluster_result_t result;
    apr_uint64_t clients = 0;
    apr_status_t rv;

    if (strcmp(word, "publish") == 0) {
        command_publish(one, two);
    }
    else if (strcmp(word, "close") == 0) {
        rv = es_cluster_close(publisher, name, atoi(two),
                              es_clock_now() + option.timeout_ms * 1000,
                              &result);
        report_end(rv, &result, one);
    }
    else if (strcmp(word, "clients") == 0) {
        rv = es_cluster_clients(publisher, &name, 1,
                                es_clock_now() + option.timeout_ms * 1000,
                                &clients);
        report("clients %d %llu", rv, (unsigned long long)clients);
    }
    else if (strcmp(word, "subscribe") == 0) {
        es_slot_t slot;
        es_start_t start;

        rv = es_store_subscribe(store, 1, &name, 1, &slot, &start);
        report("subscribed %d", rv);
    }
}

/* ---- a child ------------------------------------------------------------- */

static int is_present(void *arg, apr_uint32_t child)
{
    (void)arg;
    return child <= CHILDREN_MAX && shared->pids[child] != 0;
}

static void wake(void *arg, const apr_uint64_t *touched)
{
    (void)arg;
    (void)touched;
}

static void run_child(int number, int command_fd)
{
    es_cluster_hub_t hub = {0};
    es_cluster_reader_t *reader;
    pthread_t workers[WORKERS_MAX];
    FILE *commands = fdopen(command_fd, "r");
    char line[LINE_MAX_SIZE];
    int i;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    es_jitter_seed();
    report("child %d %d", number, (int)getpid());
    hub.name = option.hub;
    hub.key = option.key;
    hub.store = store;
    hub.state = state;
    hub.link.url = url;
    hub.link.connect_timeout = APR_USEC_PER_SEC;
    hub.child = (apr_uint32_t)number;
    hub.max_children = CHILDREN_MAX;
    hub.maxlen = option.maxlen;
    hub.acks_replica = option.acks;
    hub.timeout = option.timeout_ms * 1000;
    hub.is_present = is_present;
    hub.wake = wake;
    if (es_cluster_reader_start(&reader, &hub, pool) != APR_SUCCESS ||
        es_cluster_publisher_start(&publisher, &hub, pool) != APR_SUCCESS) {
        abort();
    }
    for (i = 0; i < option.workers; i++) {
        pthread_create(&workers[i], NULL, on_worker, (void *)(intptr_t)i);
    }
    while (!shared->is_over && fgets(line, sizeof(line), commands)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0') {
            command(line);
        }
    }
    es_cluster_publisher_stop(publisher);
    for (i = 0; i < option.workers; i++) {
        pthread_join(workers[i], NULL);
    }
    es_cluster_reader_stop(reader);
    if (es_cluster_publisher_join(publisher, 10 * APR_USEC_PER_SEC) != 0 ||
        es_cluster_reader_join(reader, 10 * APR_USEC_PER_SEC) != 0) {
        report("hangs");
        _exit(1);
    }
    apr_pool_destroy(pool);
    _exit(0);
}

static int command_fds[CHILDREN_MAX + 1];

static void start_child(int number)
{
    int fds[2];
    pid_t pid;

    if (command_fds[number] > 0) {
        close(command_fds[number]);
    }
    if (pipe2(fds, O_CLOEXEC) != 0) {
        abort();
    }
    pid = fork();
    if (pid == 0) {
        close(fds[1]);
        run_child(number, fds[0]);
    }
    close(fds[0]);
    command_fds[number] = fds[1];
    shared->pids[number] = pid;
}

static void replace_dead(void)
{
    int status, i;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (i = 1; i <= option.children; i++) {
            if (shared->pids[i] == pid) {
                shared->pids[i] = 0;
                report("died %d %d", i, status);
                es_store_reap(store, (apr_uint32_t)i);
                if (!shared->is_over) {
                    start_child(i);
                }
            }
        }
    }
}

/* ---- a client ------------------------------------------------------------ */

static es_pos_t client_pos;

/* @return 0: it was overwritten meanwhile */
static int report_record(const es_record_t *record)
{
    static char wire[1 << 20];
    char id[ES_ID_TEXT_SIZE];
    char *data;

    es_id_format(id, &record->id);
    if (record->closes) {
        report("close %s", id);
        return 1;
    }
    if (record->chunk_len >= sizeof(wire) ||
        es_store_copy(store, record, 0, wire) != APR_SUCCESS) {
        return 0;
    }
    wire[record->chunk_len] = '\0';
    data = strstr(wire, "data: ");
    data = data ? data + strlen("data: ") : wire;
    data[strcspn(data, "\n_")] = '\0';
    report("event %s %s", id, data);
    return 1;
}

/* @return 0: there is nothing new */
static int read_some(void)
{
    es_record_t record;
    int i;

    for (i = 0; i < 1000; i++) {
        apr_status_t rv = es_store_look(store, client_pos, &record);

        if (rv == APR_EOF) {
            return i > 0;
        }
        if (rv != APR_SUCCESS || !report_record(&record)) {
            client_pos = es_store_head(store);
            report("reset");
            return 1;
        }
        client_pos = record.next;
    }
    return 1;
}

static void report_state(void)
{
    es_cluster_stats_t is;

    es_cluster_state_read(state, &is);
    report("state %d %d %lld %llu %llu %llu %llu %llu %s", is.is_up,
           is.is_synced, (long long)is.lag_ms,
           (unsigned long long)is.counts[ES_CLUSTER_RECONNECTS],
           (unsigned long long)is.counts[ES_CLUSTER_ENTRIES],
           (unsigned long long)is.counts[ES_CLUSTER_FILLS],
           (unsigned long long)is.counts[ES_CLUSTER_PUBLISHED],
           (unsigned long long)is.counts[ES_CLUSTER_UNAVAILABLE], is.error);
}

/* @return 0: quit */
static int obey(char *line)
{
    static int loads;
    char id[ES_ID_TEXT_SIZE];
    es_id_t last;

    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "load ", 5) == 0) {
        apr_cpystrn(shared->prefix, line + 5, sizeof(shared->prefix));
        shared->is_loading = ++loads;
    }
    else if (strcmp(line, "rest") == 0) {
        shared->is_loading = 0;
    }
    else if (strcmp(line, "state") == 0) {
        report_state();
    }
    else if (strcmp(line, "last") == 0) {
        if (es_store_last(store, &last) == APR_SUCCESS) {
            es_id_format(id, &last);
            report("last %s", id);
        }
    }
    else if (strcmp(line, "quit") == 0) {
        return 0;
    }
    else {
        dprintf(command_fds[1], "%s\n", line);
    }
    return 1;
}

static void quit(void)
{
    apr_time_t by = es_clock_now() + 15 * APR_USEC_PER_SEC;
    int i, left;

    shared->is_over = 1;
    for (i = 1; i <= option.children; i++) {
        dprintf(command_fds[i], "\n");
    }
    do {
        usleep(5000);
        replace_dead();
        for (left = 0, i = 1; i <= option.children; i++) {
            left += shared->pids[i] != 0;
        }
    } while (left > 0 && es_clock_now() < by);
    while (read_some()) {
    }
    report("end %d", left);
    _exit(left != 0);
}

static void run_parent(void)
{
    char line[LINE_MAX_SIZE];
    size_t used = 0;

    for (;;) {
        struct pollfd fd = {0, POLLIN, 0};
        char *end;
        ssize_t got;

        replace_dead();
        if (poll(&fd, 1, read_some() ? 0 : 1) > 0) {
            got = read(0, line + used, sizeof(line) - 1 - used);
            if (got <= 0) {
                quit();
            }
            used += (size_t)got;
            line[used] = '\0';
            while ((end = strchr(line, '\n')) != NULL) {
                size_t len = (size_t)(end + 1 - line);

                *end = '\0';
                if (!obey(line)) {
                    quit();
                }
                used -= len;
                memmove(line, line + len, used + 1);
            }
        }
    }
}

/* ---- start --------------------------------------------------------------- */

static void set_option(const char *text)
{
    const char *value = strchr(text, '=');
    size_t len = value ? (size_t)(value - text) : 0;

#define INT_OPTION(name)                                          \
    if (len == strlen(#name) && strncmp(text, #name, len) == 0) { \
        option.name = (__typeof__(option.name))atoll(value + 1);  \
        return;                                                   \
    }
#define TEXT_OPTION(name)                                         \
    if (len == strlen(#name) && strncmp(text, #name, len) == 0) { \
        option.name = value + 1;                                  \
        return;                                                   \
    }
    INT_OPTION(children)
    INT_OPTION(workers)
    INT_OPTION(batch)
    INT_OPTION(size)
    INT_OPTION(channels)
    INT_OPTION(pause_us)
    INT_OPTION(acks)
    INT_OPTION(lanes)
    INT_OPTION(ring)
    INT_OPTION(maxlen)
    INT_OPTION(timeout_ms)
    TEXT_OPTION(key)
    TEXT_OPTION(hub)
    fprintf(stderr, "node: unknown option %s\n", text);
    exit(2);
}

static void make_memory(void)
{
    es_store_params_t params = {0};
    es_id_t epoch =
        es_id_epoch((apr_uint32_t)es_jitter_below(1 << 24), 1700000000000u);
    apr_size_t size;
    void *mem, *state_mem, *shared_mem;

    params.ring_bytes = option.ring;
    params.channels = 1000;
    params.max_children = CHILDREN_MAX;
    size = es_store_size(&params);
    if (es_segment_create(&mem, size, pool) != APR_SUCCESS ||
        es_segment_create(&state_mem, es_cluster_state_size(), pool) !=
            APR_SUCCESS ||
        es_segment_create(&shared_mem, sizeof(*shared), pool) != APR_SUCCESS ||
        es_store_format(mem, &params, &epoch) != APR_SUCCESS ||
        es_store_attach(&store, mem, size, &params, pool) != APR_SUCCESS) {
        abort();
    }
    es_store_set_lock_wait(store, 2 * APR_USEC_PER_SEC);
    shared = shared_mem;
    state = es_cluster_state_format(
        state_mem, (apr_uint64_t)es_jitter_below(1LL << 40) + 1);
    client_pos = es_store_head(store);
}

int main(int argc, char **argv)
{
    const char *why;
    int i;

    if (argc < 3) {
        fputs("node URL LOG [name=value...]\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    apr_initialize();
    apr_pool_create(&pool, NULL);
    es_jitter_seed();
    why = es_cluster_url_parse(&url, argv[1], pool);
    log_fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (why || log_fd < 0) {
        fprintf(stderr, "node: %s\n", why ? why : argv[2]);
        return 2;
    }
    for (i = 3; i < argc; i++) {
        set_option(argv[i]);
    }
    es_log_set_handler(on_log);
    make_memory();
    for (i = 1; i <= option.children; i++) {
        start_child(i);
    }
    run_parent();
}
