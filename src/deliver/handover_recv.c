/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All children wait at the boat and all wake up. EPOLLEXCLUSIVE would wake
 * one; should that one just stop, the others never hear of it. Looking away
 * is to take the boat out of the epoll set, which would else tell of it again
 * and again.
 *
 * Those that are above the limit take descriptors until they have read their
 * end. So of them there is one boatload at a time.
 */
#include "deliver/handover_recv.h"

#include "deliver/handover_msg.h"

#include <errno.h>
#include <sys/epoll.h>

/* New children may be on their way. */
#define OTHERS_WITHIN (3 * APR_USEC_PER_SEC)
#define LOOK_AGAIN (APR_USEC_PER_SEC / 10)

/* If epoll refuses (max_user_watches), it tries again by and by. */
static apr_status_t look(es_handover_recv_t *recv)
{
    struct epoll_event event = {0};

    event.events = EPOLLIN;
    event.data.ptr = recv;
    if (epoll_ctl(recv->epoll_fd, EPOLL_CTL_ADD, recv->handover_fd, &event) !=
        0) {
        return APR_FROM_OS_ERROR(errno);
    }
    recv->full_since = 0;
    return APR_SUCCESS;
}

static void look_away(es_handover_recv_t *recv, apr_time_t now)
{
    struct epoll_event unused = {0};

    recv->full_since = now;
    (void)epoll_ctl(recv->epoll_fd, EPOLL_CTL_DEL, recv->handover_fd, &unused);
}

apr_status_t es_handover_recv_open(es_handover_recv_t *recv,
                                   es_handover_t *handover, int epoll_fd,
                                   int handover_fd)
{
    recv->handover = handover;
    recv->epoll_fd = epoll_fd;
    recv->handover_fd = handover_fd;
    recv->full_since = 0;
    return handover_fd >= 0 ? look(recv) : APR_SUCCESS;
}

void es_handover_recv_on_event(es_handover_recv_t *recv, apr_time_t now)
{
    if (es_handover_has_room(recv->handover, ES_HANDOVER_MSG_CLIENTS)) {
        (void)es_handover_receive(recv->handover, 1,
                                  now); /* epoll tells again */
    }
    else {
        look_away(recv, now);
    }
}

void es_handover_recv_run(es_handover_recv_t *recv, apr_time_t now)
{
    if (recv->full_since == 0) {
        return;
    }
    if (es_handover_has_room(recv->handover, ES_HANDOVER_MSG_CLIENTS)) {
        (void)look(recv);
    }
    else if (now - recv->full_since >= OTHERS_WITHIN &&
             es_handover_has_room(recv->handover, 0) &&
             es_handover_receive(recv->handover, 1, now) == 0) {
        (void)look(recv); /* nobody is there: what comes next may wait again */
    }
}

apr_interval_time_t es_handover_recv_wait(const es_handover_recv_t *recv)
{
    return recv->full_since != 0 ? LOOK_AGAIN : -1;
}
