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
    eb_reading_t reading;
    eb_client_t *clients;
    uint32_t first; /* number of clients[0] among all */
    uint32_t count;
    uint32_t started;    /* clients that left EB_CLIENT_NEW */
    uint32_t under_way;  /* started, and neither live nor gone */
    uint32_t connecting; /* ceiling of under_way */
    int epoll_fd;
} crowd_t;

static int is_under_way(const eb_client_t *client)
{
    return client->stage == EB_CLIENT_CONNECTING ||
           client->stage == EB_CLIENT_HEAD ||
           client->stage == EB_CLIENT_WAITING;
}

static int watch(crowd_t *crowd, eb_client_t *client, int op, uint32_t what)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = what;
    event.data.ptr = client;
    return epoll_ctl(crowd->epoll_fd, op, client->fd, &event);
}

static void start_some(crowd_t *crowd)
{
    eb_client_t *client;
    uint32_t index;

    while (crowd->started < crowd->count &&
           crowd->under_way < crowd->connecting) {
        client = &crowd->clients[crowd->started];
        index = crowd->first + crowd->started;
        crowd->started++;
        if (eb_client_connect(client, &crowd->reading, index) != 0) {
            continue;
        }
        if (watch(crowd, client, EPOLL_CTL_ADD, EPOLLOUT) != 0) {
            abort(); /* no memory: no figure would be right */
        }
        crowd->under_way++;
    }
}

static void serve(crowd_t *crowd, eb_client_t *client)
{
    int was_under_way = is_under_way(client);

    if (client->stage == EB_CLIENT_CONNECTING) {
        if (eb_client_ask(client, &crowd->reading) == 0 &&
            watch(crowd, client, EPOLL_CTL_MOD,
                  EPOLLIN | EPOLLRDHUP | EPOLLET) != 0) {
            abort();
        }
    }
    else if (client->stage != EB_CLIENT_GONE) {
        eb_client_read(client, &crowd->reading);
    }
    if (was_under_way && !is_under_way(client)) {
        crowd->under_way--;
    }
}

static void loop(crowd_t *crowd)
{
    struct epoll_event ready[MAX_READY];
    int count;
    int i;

    for (;;) {
        start_some(crowd);
        if (crowd->reading.opts->nap_ns != 0) {
            eb_clock_sleep(crowd->reading.opts->nap_ns);
        }
        count = epoll_wait(crowd->epoll_fd, ready, MAX_READY, -1);
        if (count < 0 && errno != EINTR) {
            return;
        }
        for (i = 0; i < count; i++) {
            if (ready[i].data.ptr == NULL) {
                return; /* stop_fd hung up */
            }
            serve(crowd, ready[i].data.ptr);
        }
    }
}

static int set_up(crowd_t *crowd, int stop_fd)
{
    struct epoll_event event;

    crowd->reading.buffer = malloc(BUFFER_SIZE);
    crowd->reading.size = BUFFER_SIZE;
    crowd->clients = calloc(crowd->count, sizeof(*crowd->clients));
    crowd->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (crowd->reading.buffer == NULL || crowd->clients == NULL ||
        crowd->epoll_fd < 0) {
        return -1;
    }
    memset(&event, 0, sizeof(event));
    event.events = EPOLLIN;
    return epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, stop_fd, &event);
}

int eb_subscribers_run(const eb_options_t *opts, eb_counts_t *tally,
                       uint32_t first, uint32_t count, uint32_t connecting,
                       int stop_fd)
{
    crowd_t crowd;
    uint32_t i;
    int rc;

    memset(&crowd, 0, sizeof(crowd));
    crowd.reading.opts = opts;
    crowd.reading.tally = tally;
    crowd.first = first;
    crowd.count = count;
    crowd.connecting = connecting;
    rc = set_up(&crowd, stop_fd);
    if (rc == 0) {
        loop(&crowd);
        for (i = 0; i < crowd.started; i++) {
            eb_client_close(&crowd.clients[i]);
        }
    }
    if (crowd.epoll_fd >= 0) {
        close(crowd.epoll_fd);
    }
    free(crowd.clients);
    free(crowd.reading.buffer);
    return rc;
}
