/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent and the processes share counters and a pipe. The parent alone has
 * the pipe's writing end, so the processes end with the parent, however it
 * ends.
 *
 * A process has one epoll set, edge-triggered. A client is watched for input
 * and output until it has sent its request, then for input. The next clients
 * are started when those under way have their stream, so that the server's
 * listen queue is never longer than `connecting`.
 *
 * A process that sleeps in epoll_wait() is woken by the server's send(), and
 * the server pays for that. One that pauses between polls finds many clients
 * ready and is woken by its own timer.
 */
#include "bench/readers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/client.h"
#include "bench/clock.h"

#define BUFFER_SIZE (256 * 1024)
#define MAX_READY 512
#define SPARE_FDS 64 /* of a process, for what is not a client */
#define STOP_NS (10 * EB_NS_PER_SEC)

typedef struct {
    eb_client_shared_t shared;
    eb_client_t *clients;
    uint32_t first; /* number of clients[0] among all */
    uint32_t count;
    uint32_t started;    /* clients that are not EB_CLIENT_NEW any more */
    uint32_t under_way;  /* started, and neither live nor closed */
    uint32_t connecting; /* ceiling of under_way */
    int epoll_fd;
} reader_t;

static int complain(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    return -1;
}

/* ---- one process --------------------------------------------------------- */

static int is_under_way(const eb_client_t *client)
{
    return client->state == EB_CLIENT_CONNECTING ||
           client->state == EB_CLIENT_REQUESTED ||
           client->state == EB_CLIENT_OPENING;
}

static int watch(reader_t *reader, eb_client_t *client, int op, uint32_t what)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = what;
    event.data.ptr = client;
    return epoll_ctl(reader->epoll_fd, op, client->conn.fd, &event);
}

static void start_some(reader_t *reader)
{
    eb_client_t *client;
    uint32_t index;

    while (reader->started < reader->count &&
           reader->under_way < reader->connecting) {
        client = &reader->clients[reader->started];
        index = reader->first + reader->started;
        reader->started++;
        if (eb_client_connect(client, &reader->shared, index) != 0) {
            continue;
        }
        if (watch(reader, client, EPOLL_CTL_ADD,
                  EPOLLIN | EPOLLOUT | EPOLLET) != 0) {
            abort(); /* no memory: the counts would be wrong */
        }
        reader->under_way++;
    }
}

static void serve(reader_t *reader, eb_client_t *client)
{
    int was_under_way = is_under_way(client);

    if (client->state == EB_CLIENT_CONNECTING) {
        if (eb_client_request(client, &reader->shared) == 1 &&
            watch(reader, client, EPOLL_CTL_MOD,
                  EPOLLIN | EPOLLRDHUP | EPOLLET) != 0) {
            abort();
        }
    }
    else if (client->state != EB_CLIENT_CLOSED) {
        eb_client_read(client, &reader->shared);
    }
    if (was_under_way && !is_under_way(client)) {
        reader->under_way--;
    }
}

static void run_loop(reader_t *reader)
{
    struct epoll_event ready[MAX_READY];
    int count;
    int i;

    for (;;) {
        start_some(reader);
        if (reader->shared.opts->poll_interval_ns != 0) {
            eb_clock_sleep(reader->shared.opts->poll_interval_ns);
        }
        count = epoll_wait(reader->epoll_fd, ready, MAX_READY, -1);
        if (count < 0 && errno != EINTR) {
            return;
        }
        for (i = 0; i < count; i++) {
            if (ready[i].data.ptr == NULL) {
                return; /* the pipe was closed */
            }
            serve(reader, ready[i].data.ptr);
        }
    }
}

static int reader_open(reader_t *reader, int stop_fd)
{
    const eb_load_options_t *opts = reader->shared.opts;
    struct epoll_event event;

    if (opts->tls != EB_TLS_NO) {
        reader->shared.tls =
            eb_tls_client((eb_tls_version_t)opts->tls, opts->cipher);
        if (reader->shared.tls == NULL) {
            return -1;
        }
    }
    reader->shared.buffer = malloc(BUFFER_SIZE);
    reader->shared.size = BUFFER_SIZE;
    reader->clients = calloc(reader->count, sizeof(*reader->clients));
    reader->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (reader->shared.buffer == NULL || reader->clients == NULL ||
        reader->epoll_fd < 0) {
        return -1;
    }
    memset(&event, 0, sizeof(event));
    event.events = EPOLLIN;
    return epoll_ctl(reader->epoll_fd, EPOLL_CTL_ADD, stop_fd, &event);
}

static void reader_close(reader_t *reader)
{
    uint32_t i;

    for (i = 0; i < reader->started; i++) {
        eb_client_close(&reader->clients[i]);
    }
    if (reader->epoll_fd >= 0) {
        close(reader->epoll_fd);
    }
    free(reader->clients);
    free(reader->shared.buffer);
    eb_tls_close(reader->shared.tls);
}

/* Process `index` of all; does not return. */
static void run_reader(eb_readers_t *readers, const eb_load_options_t *opts,
                       uint32_t index, int stop_fd)
{
    uint64_t clients = opts->clients;
    reader_t reader;
    int rc;

    memset(&reader, 0, sizeof(reader));
    reader.shared.opts = opts;
    reader.shared.counts = &readers->counts[index];
    reader.first = (uint32_t)(clients * index / readers->count);
    reader.count =
        (uint32_t)(clients * (index + 1) / readers->count) - reader.first;
    reader.connecting = opts->connecting / readers->count;
    if (reader.connecting == 0) {
        reader.connecting = 1;
    }
    rc = reader_open(&reader, stop_fd);
    if (rc == 0) {
        run_loop(&reader);
    }
    else {
        complain("a reading process cannot start");
    }
    reader_close(&reader);
    _exit(rc == 0 ? 0 : 1);
}

/* ---- all processes ------------------------------------------------------- */

/* As few as hold all clients, or --procs. */
static uint32_t needed(const eb_load_options_t *opts)
{
    size_t limit = eb_net_raise_limit();
    size_t each = limit > 2 * SPARE_FDS ? limit - SPARE_FDS : SPARE_FDS;
    size_t count = (opts->clients + each - 1) / each;

    return count > opts->procs ? (uint32_t)count : opts->procs;
}

int eb_readers_start(eb_readers_t *readers, const eb_load_options_t *opts)
{
    uint32_t count = needed(opts);
    int ends[2];
    uint32_t i;

    memset(readers, 0, sizeof(*readers));
    readers->stop_fd = -1;
    if (count > EB_READERS_MAX) {
        fprintf(stderr, "load: %u clients need %u processes, %d at most\n",
                (unsigned int)opts->clients, (unsigned int)count,
                EB_READERS_MAX);
        return -1;
    }
    readers->counts =
        mmap(NULL, count * sizeof(*readers->counts), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (readers->counts == MAP_FAILED || pipe(ends) != 0) {
        return complain("shared memory or pipe");
    }
    readers->stop_fd = ends[1];
    readers->count = count;
    for (i = 0; i < count; i++) {
        readers->pids[i] = fork();
        if (readers->pids[i] == 0) {
            close(ends[1]);
            run_reader(readers, opts, i, ends[0]);
        }
        if (readers->pids[i] < 0) {
            readers->count = i;
            close(ends[0]);
            return complain("fork");
        }
    }
    close(ends[0]);
    return 0;
}

uint64_t eb_readers_sum(const eb_readers_t *readers, eb_counts_kind_t kind)
{
    uint64_t sum = 0;
    uint64_t value;
    uint32_t i;

    for (i = 0; i < readers->count; i++) {
        value = eb_counts_get(&readers->counts[i], kind);
        if (kind != EB_COUNTS_LAST_NS) {
            sum += value;
        }
        else if (value > sum) {
            sum = value;
        }
    }
    return sum;
}

static int wait_for(pid_t pid, uint64_t deadline_ns)
{
    int status = 0;
    pid_t ended;

    for (;;) {
        ended = waitpid(pid, &status, WNOHANG);
        if (ended != 0) {
            return ended == pid && status == 0 ? 0 : -1;
        }
        if (eb_clock_ns() > deadline_ns) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
        eb_clock_sleep(EB_NS_PER_MS);
    }
}

int eb_readers_stop(eb_readers_t *readers)
{
    uint64_t deadline_ns = eb_clock_ns() + STOP_NS;
    uint32_t i;
    int rc = 0;

    if (readers->stop_fd >= 0) {
        close(readers->stop_fd);
        readers->stop_fd = -1;
    }
    for (i = 0; i < readers->count; i++) {
        if (wait_for(readers->pids[i], deadline_ns) != 0) {
            rc = -1;
        }
    }
    return rc;
}
