/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parent and readers share the tallies and a pipe. The parent alone holds
 * the pipe's writing end, so its end, wanted or not, is theirs too.
 */
#include "bench/readers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/subscribers.h"

#define SPARE_FDS 64 /* of a reader, for what is not a client */
#define STOP_NS (10 * EB_NS_PER_SEC)

static int complain(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    return -1;
}

/* As few as hold all clients, or as many as were asked for. */
static uint32_t needed(const eb_load_options_t *opts)
{
    size_t limit = eb_net_raise_limit();
    size_t each = limit > 2 * SPARE_FDS ? limit - SPARE_FDS : SPARE_FDS;
    size_t count = (opts->clients + each - 1) / each;

    return count > opts->procs ? (uint32_t)count : opts->procs;
}

static void run_reader(eb_readers_t *readers, const eb_load_options_t *opts,
                       uint32_t me, int stop_fd)
{
    uint64_t clients = opts->clients;
    uint32_t first = (uint32_t)(clients * me / readers->count);
    uint32_t behind = (uint32_t)(clients * (me + 1) / readers->count);
    uint32_t connecting = opts->connecting / readers->count;
    int rc;

    rc = eb_subscribers_run(opts, &readers->counts[me], first, behind - first,
                            connecting > 0 ? connecting : 1, stop_fd);
    if (rc != 0) {
        complain("a reading process cannot start");
    }
    _exit(rc == 0 ? 0 : 1);
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

uint64_t eb_readers_sum(const eb_readers_t *readers, eb_counts_kind_t which)
{
    uint64_t sum = 0;
    uint64_t value;
    uint32_t i;

    for (i = 0; i < readers->count; i++) {
        value = eb_counts_get(&readers->counts[i], which);
        if (which != EB_COUNTS_LAST_NS) {
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
