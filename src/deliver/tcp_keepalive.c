/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP's two ways to find a peer that vanished are one, once TCP_USER_TIMEOUT
 * is set: the kernel then ends the connection by that time also when it is
 * keep-alive that gets no answer, and TCP_KEEPCNT counts only without it. So
 * keep-alive begins early enough to have asked three times by then, as a
 * single lost packet proves nothing.
 *
 * Failure is of no matter: the descriptor may be no TCP socket.
 */
#include "deliver/tcp_keepalive.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* without a limit: silence, then so many questions that far apart */
#define SILENCE_S 60
#define EVERY_S 10
#define TIMES 6

/* what the kernel takes is less than 32768; longer makes no sense to it */
#define SECONDS_MAX 7200

static const struct {
    int level;
    int name;
} options[] = {
    {SOL_SOCKET, SO_KEEPALIVE},      {IPPROTO_TCP, TCP_KEEPIDLE},
    {IPPROTO_TCP, TCP_KEEPINTVL},    {IPPROTO_TCP, TCP_KEEPCNT},
    {IPPROTO_TCP, TCP_USER_TIMEOUT},
};

#define OPTIONS ((int)(sizeof(options) / sizeof(options[0])))

typedef char assert_options[sizeof(((es_tcp_keepalive_t *)0)->values) ==
                                    OPTIONS * sizeof(int)
                                ? 1
                                : -1];

static int seconds_of(apr_interval_time_t time)
{
    apr_int64_t seconds = apr_time_sec(time);

    if (seconds < 1) {
        return 1;
    }
    return seconds < SECONDS_MAX ? (int)seconds : SECONDS_MAX;
}

static int milliseconds_of(apr_interval_time_t time)
{
    apr_int64_t ms = (time + 999) / 1000;

    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void set(int fd, const int *values)
{
    int i;

    for (i = 0; i < OPTIONS; i++) {
        (void)setsockopt(fd, options[i].level, options[i].name, &values[i],
                         sizeof(values[i]));
    }
}

void es_tcp_keepalive_set(int fd, apr_interval_time_t patience)
{
    int values[OPTIONS] = {1, SILENCE_S, EVERY_S, TIMES, 0};

    if (patience > 0) {
        values[1] = seconds_of(patience / 2);
        values[2] = seconds_of(patience / 6);
        values[4] = milliseconds_of(patience);
    }
    set(fd, values);
}

void es_tcp_keepalive_save(int fd, es_tcp_keepalive_t *saved)
{
    socklen_t size;
    int i;

    for (i = 0; i < OPTIONS; i++) {
        size = sizeof(saved->values[i]);
        saved->known[i] = getsockopt(fd, options[i].level, options[i].name,
                                     &saved->values[i], &size) == 0;
    }
}

void es_tcp_keepalive_restore(int fd, const es_tcp_keepalive_t *saved)
{
    int i;

    for (i = 0; i < OPTIONS; i++) {
        if (saved->known[i]) {
            (void)setsockopt(fd, options[i].level, options[i].name,
                             &saved->values[i], sizeof(saved->values[i]));
        }
    }
}
