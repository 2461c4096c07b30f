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
static apr_status_t look(es_pier_t *pier)
{
    struct epoll_event event = {0};

    event.events = EPOLLIN;
    event.data.ptr = pier;
    if (epoll_ctl(pier->epoll_fd, EPOLL_CTL_ADD, pier->boat_fd, &event) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    pier->full_since = 0;
    return APR_SUCCESS;
}

static void look_away(es_pier_t *pier, apr_time_t now)
{
    struct epoll_event unused = {0};

    pier->full_since = now;
    (void)epoll_ctl(pier->epoll_fd, EPOLL_CTL_DEL, pier->boat_fd, &unused);
}

apr_status_t es_pier_open(es_pier_t *pier, es_ferry_t *ferry, int epoll_fd,
                          int boat_fd)
{
    pier->ferry = ferry;
    pier->epoll_fd = epoll_fd;
    pier->boat_fd = boat_fd;
    pier->full_since = 0;
    return boat_fd >= 0 ? look(pier) : APR_SUCCESS;
}

void es_pier_on_boat(es_pier_t *pier, apr_time_t now)
{
    if (es_ferry_has_room(pier->ferry, ES_LIFEBOAT_SEATS)) {
        (void)es_ferry_arrive(pier->ferry, 1, now); /* epoll tells again */
    }
    else {
        look_away(pier, now);
    }
}

void es_pier_run(es_pier_t *pier, apr_time_t now)
{
    if (pier->full_since == 0) {
        return;
    }
    if (es_ferry_has_room(pier->ferry, ES_LIFEBOAT_SEATS)) {
        (void)look(pier);
    }
    else if (now - pier->full_since >= OTHERS_WITHIN &&
             es_ferry_has_room(pier->ferry, 0) &&
             es_ferry_arrive(pier->ferry, 1, now) == 0) {
        (void)look(pier); /* nobody is there: what comes next may wait again */
    }
}

apr_interval_time_t es_pier_wait(const es_pier_t *pier)
{
    return pier->full_since != 0 ? LOOK_AGAIN : -1;
}
