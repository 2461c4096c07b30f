/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll set. A client is watched for writability until it is connected,
 * then for what it receives, edge-triggered. The next clients are started
 * when those under way have their stream, so the server's listen queue is
 * never longer than `connecting`.
 *
 * A reader that sleeps in epoll_wait() is woken by the server's send(), and
 * the server pays for that. One that naps finds many clients ready and is
 * woken by its own timer.
 */
#include "bench/subscribers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/client.h"
#include "bench/clock.h"

#define BUFFER_SIZE (256 * 1024)
#define MAX_READY 512

typedef struct {
    eb_client_shared_t shared;
    eb_client_t *clients;
    uint32_t first; /* number of clients[0] among all */
    uint32_t count;
    uint32_t started;    /* clients that left EB_CLIENT_NEW */
    uint32_t under_way;  /* started, and neither live nor gone */
    uint32_t connecting; /* ceiling of under_way */
    int epoll_fd;
} reader_t;

static int is_under_way(const eb_client_t *client)
{
    return client->state == EB_CLIENT_CONNECTING ||
           client->state == EB_CLIENT_HEAD ||
           client->state == EB_CLIENT_WAITING;
}

static int watch(reader_t *reader, eb_client_t *client, int op, uint32_t what)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = what;
    event.data.ptr = client;
    return epoll_ctl(reader->epoll_fd, op, client->fd, &event);
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
        if (watch(reader, client, EPOLL_CTL_ADD, EPOLLOUT) != 0) {
            abort(); /* no memory: no figure would be right */
        }
        reader->under_way++;
    }
}

static void serve(reader_t *reader, eb_client_t *client)
{
    int was_under_way = is_under_way(client);

    if (client->state == EB_CLIENT_CONNECTING) {
        if (eb_client_ask(client, &reader->shared) == 0 &&
            watch(reader, client, EPOLL_CTL_MOD,
                  EPOLLIN | EPOLLRDHUP | EPOLLET) != 0) {
            abort();
        }
    }
    else if (client->state != EB_CLIENT_GONE) {
        eb_client_read(client, &reader->shared);
    }
    if (was_under_way && !is_under_way(client)) {
        reader->under_way--;
    }
}

static void loop(reader_t *reader)
{
    struct epoll_event ready[MAX_READY];
    int count;
    int i;

    for (;;) {
        start_some(reader);
        if (reader->shared.opts->nap_ns != 0) {
            eb_clock_sleep(reader->shared.opts->nap_ns);
        }
        count = epoll_wait(reader->epoll_fd, ready, MAX_READY, -1);
        if (count < 0 && errno != EINTR) {
            return;
        }
        for (i = 0; i < count; i++) {
            if (ready[i].data.ptr == NULL) {
                return; /* stop_fd hung up */
            }
            serve(reader, ready[i].data.ptr);
        }
    }
}

static int set_up(reader_t *reader, int stop_fd)
{
    struct epoll_event event;

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

int eb_subscribers_run(const eb_load_options_t *opts, eb_counts_t *counts,
                       uint32_t first, uint32_t count, uint32_t connecting,
                       int stop_fd)
{
    reader_t reader;
    uint32_t i;
    int rc;

    memset(&reader, 0, sizeof(reader));
    reader.shared.opts = opts;
    reader.shared.counts = counts;
    reader.first = first;
    reader.count = count;
    reader.connecting = connecting;
    rc = set_up(&reader, stop_fd);
    if (rc == 0) {
        loop(&reader);
        for (i = 0; i < reader.started; i++) {
            eb_client_close(&reader.clients[i]);
        }
    }
    if (reader.epoll_fd >= 0) {
        close(reader.epoll_fd);
    }
    free(reader.clients);
    free(reader.shared.buffer);
    return rc;
}
