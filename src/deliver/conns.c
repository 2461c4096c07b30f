/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round writes to a member without moving it or its timer: a timer that
 * fires too early, as something was written since it was set, is set again.
 * It is set earlier only when a member becomes blocked or lingers.
 *
 * A member's descriptor leaves the epoll set before it is closed, since the
 * open file description may live on in another process or thread, and epoll
 * would go on telling of it.
 */
#include "deliver/conns.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/context.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "deliver/client_priv.h"
#include "deliver/progress.h"
#include "deliver/sink_socket.h"

#define LINGER (2 * APR_USEC_PER_SEC)

struct es_crew_t {
    int epoll_fd;        /* not owned */
    apr_uint32_t count;  /* atomic: read by any thread */
    apr_uint64_t random; /* state of the generator */
    es_ring_t resting;   /* CURRENT, BLOCKED, LINGER */
    es_ring_t ready;     /* READY */
    es_ring_t dead;      /* DEAD */
    es_wheel_t wheel;
    apr_time_t complained; /* of es_seldom.h: clients not taken up */
    char scratch[ES_CLIENT_SCRATCH_MIN];
};

static es_member_t *member_of(es_ring_t *link)
{
    return ES_RING_OWNER(link, es_member_t, ring);
}

static es_member_t *first_of(es_ring_t *ring)
{
    return member_of(ring->next);
}

/* ---- the crew ---------------------------------------------------------- */

es_crew_t *es_crew_create(int epoll_fd, apr_time_t now)
{
    es_crew_t *crew = calloc(1, sizeof(*crew));

    if (crew == NULL) {
        return NULL;
    }
    crew->epoll_fd = epoll_fd;
    crew->random = ((apr_uint64_t)apr_time_now() ^ (apr_uintptr_t)crew) | 1;
    es_ring_init(&crew->resting);
    es_ring_init(&crew->ready);
    es_ring_init(&crew->dead);
    es_wheel_init(&crew->wheel, now);
    return crew;
}

apr_uint32_t es_crew_count(const es_crew_t *crew)
{
    /* relaxed: a figure to show, nothing hangs on it */
    return __atomic_load_n(&crew->count, __ATOMIC_RELAXED);
}

static void count_by(es_crew_t *crew, int n)
{
    __atomic_store_n(&crew->count, crew->count + (apr_uint32_t)n,
                     __ATOMIC_RELAXED);
}

static es_ring_t *ring_of(es_crew_t *crew, es_member_t *member)
{
    switch (member->state) {
    case ES_MEMBER_READY: return &crew->ready;
    case ES_MEMBER_AHEAD: return &member->hub->ahead;
    case ES_MEMBER_DEAD: return &crew->dead;
    default: return &crew->resting;
    }
}

static void enter(es_crew_t *crew, es_member_t *member, es_member_state_t state)
{
    es_ring_remove(&member->ring);
    member->state = (unsigned char)state;
    es_ring_append(ring_of(crew, member), &member->ring);
    es_headway_note(member);
}

/* It will be stepped. */
static void make_ready(es_crew_t *crew, es_member_t *member)
{
    if (member->state == ES_MEMBER_CURRENT) {
        /* It does not know itself how far it has come. */
        es_client_seek(member->client, member->hub->pos);
    }
    if (member->state != ES_MEMBER_READY) {
        enter(crew, member, ES_MEMBER_READY);
    }
}

static void die(es_crew_t *crew, es_member_t *member)
{
    enter(crew, member, ES_MEMBER_DEAD);
}

static apr_status_t poll_for(es_crew_t *crew, es_member_t *member,
                             int operation)
{
    struct epoll_event event = {0};

    event.events = EPOLLIN | EPOLLRDHUP;
    if (member->wants_out) {
        event.events |= EPOLLOUT;
    }
    event.data.ptr = member;
    if (epoll_ctl(crew->epoll_fd, operation, es_sink_socket_fd(member->sink),
                  &event) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    return APR_SUCCESS;
}

/* Be told when the socket is writable, or no more. */
static void want_out(es_crew_t *crew, es_member_t *member, int wants)
{
    if (member->wants_out == wants) {
        return;
    }
    member->wants_out = (unsigned char)wants;
    if (poll_for(crew, member, EPOLL_CTL_MOD) != APR_SUCCESS) {
        die(crew, member); /* it would never be heard of again */
    }
}

/* See to it that the timer does not fire later than due. */
static void set_timer(es_crew_t *crew, es_member_t *member, apr_time_t due)
{
    if (due != 0 &&
        (!es_wheel_is_set(&member->timer) || member->timer.due > due)) {
        es_wheel_set(&crew->wheel, &member->timer, due);
    }
}

static void linger(es_crew_t *crew, es_member_t *member, apr_time_t now)
{
    enter(crew, member, ES_MEMBER_LINGER);
    member->deadline = now + LINGER;
    set_timer(crew, member, member->deadline);
    want_out(crew, member, 0);
}

/* A step or an offer came to this. */
static void react(es_crew_t *crew, es_member_t *member, es_step_t step,
                  apr_time_t now)
{
    switch (step) {
    case ES_STEP_CURRENT:
        enter(crew, member,
              es_client_pos(member->client) > member->hub->pos
                  ? ES_MEMBER_AHEAD
                  : ES_MEMBER_CURRENT);
        break;
    case ES_STEP_BLOCKED: enter(crew, member, ES_MEMBER_BLOCKED); break;
    case ES_STEP_MORE: enter(crew, member, ES_MEMBER_READY); break;
    default:
        if (es_client_is_finished(member->client)) {
            linger(crew, member, now);
        }
        else {
            die(crew, member);
        }
        return;
    }
    set_timer(crew, member, es_client_due(member->client));
    want_out(crew, member, step == ES_STEP_BLOCKED);
}

static void step(es_crew_t *crew, es_member_t *member, apr_time_t now)
{
    make_ready(crew, member);
    react(crew, member,
          es_client_step_to(member->client, member->hub->pos, now,
                            crew->scratch, sizeof(crew->scratch)),
          now);
}

static apr_status_t add_links(es_member_t *member)
{
    const es_slot_t *slots;
    apr_status_t rv;
    int nslots, i;

    slots = es_client_slots(member->client, &nslots);
    for (i = 0; i < nslots; i++) {
        rv = es_index_add(member->hub->clients, slots[i], &member->links[i]);
        if (rv != APR_SUCCESS) {
            return rv; /* those that are in are taken out with it */
        }
    }
    return APR_SUCCESS;
}

void es_crew_adopt(es_crew_t *crew, es_member_t *member, es_hub_t *hub,
                   apr_time_t now)
{
    apr_status_t rv;

    ES_CONTEXT(ES_DELIVERY);
    member->hub = hub;
    member->state = ES_MEMBER_READY;
    es_ring_append(&crew->ready, &member->ring);
    count_by(crew, 1);
    es_client_rebase(member->client, now);

    rv = add_links(member);
    if (rv == APR_SUCCESS) {
        rv = poll_for(crew, member, EPOLL_CTL_ADD);
        member->is_polled = rv == APR_SUCCESS;
    }
    if (rv != APR_SUCCESS) {
        es_log(es_seldom_level(&crew->complained, ES_LOG_ERR, now), rv,
               "ES0301",
               "cannot take up a client (%u are served); its connection is "
               "closed and it comes back",
               es_crew_count(crew) - 1);
        die(crew, member);
        return;
    }
    step(crew, member, now);
}

void es_crew_on_event(es_crew_t *crew, es_member_t *member, unsigned int events,
                      apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    if (member->state == ES_MEMBER_DEAD) {
        return;
    }
    if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
        die(crew, member);
        return;
    }
    if ((events & EPOLLIN) &&
        es_sink_socket_drain(member->sink) != APR_SUCCESS) {
        die(crew, member);
        return;
    }
    if ((events & EPOLLOUT) && member->state == ES_MEMBER_BLOCKED) {
        step(crew, member, now);
    }
}

void es_crew_left(es_crew_t *crew, es_member_t *member, es_step_t step,
                  apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    if (step == ES_STEP_MORE) {
        es_client_seek(member->client, member->hub->pos);
    }
    react(crew, member, step, now);
}

void es_crew_hub_moved(es_crew_t *crew, es_hub_t *hub)
{
    es_ring_t *at, *next;
    es_member_t *member;

    for (at = hub->ahead.next; at != &hub->ahead; at = next) {
        next = at->next;
        member = member_of(at);
        if (es_client_pos(member->client) <= hub->pos) {
            make_ready(crew, member);
        }
    }
}

void es_crew_hub_jumps(es_crew_t *crew, es_hub_t *hub)
{
    es_ring_t *at, *next;
    es_member_t *member;

    for (at = crew->resting.next; at != &crew->resting; at = next) {
        next = at->next;
        member = member_of(at);
        if (member->hub == hub && member->state == ES_MEMBER_CURRENT) {
            make_ready(crew, member);
        }
    }
}

int es_crew_run(es_crew_t *crew, int steps, apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    while (steps-- > 0 && !es_ring_is_empty(&crew->ready)) {
        step(crew, first_of(&crew->ready), now);
    }
    return !es_ring_is_empty(&crew->ready);
}

/* The timer has fired; it may have been set for an earlier state. */
static void on_timer(es_crew_t *crew, es_member_t *member, apr_time_t now)
{
    apr_time_t due;

    if (member->state == ES_MEMBER_DEAD) {
        return;
    }
    due = member->state == ES_MEMBER_LINGER ? member->deadline
                                            : es_client_due(member->client);
    if (due == 0 || due > now) {
        set_timer(crew, member, due);
        return;
    }
    switch (member->state) {
    case ES_MEMBER_LINGER: die(crew, member); break;
    case ES_MEMBER_READY:
        set_timer(crew, member, now + ES_WHEEL_TICK); /* its step comes */
        break;
    default: step(crew, member, now);
    }
}

void es_crew_expire(es_crew_t *crew, apr_time_t now)
{
    es_wheel_entry_t *entry = es_wheel_pop(&crew->wheel, now);

    ES_CONTEXT(ES_DELIVERY);
    while (entry != NULL) {
        on_timer(crew,
                 (es_member_t *)((char *)entry - offsetof(es_member_t, timer)),
                 now);
        entry = es_wheel_pop(&crew->wheel, now);
    }
}

apr_interval_time_t es_crew_wait(const es_crew_t *crew, apr_time_t now)
{
    return es_wheel_wait(&crew->wheel, now);
}

/* xorshift64*: spreads clients, keeps no secret. */
static apr_int64_t random_below(es_crew_t *crew, apr_int64_t limit)
{
    apr_uint64_t x = crew->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    crew->random = x;
    x *= APR_UINT64_C(2685821657736338717);
    return limit > 0 ? (apr_int64_t)((x >> 1) % (apr_uint64_t)limit) : 0;
}

void es_crew_end(es_crew_t *crew, es_member_t *member, apr_int64_t drain_ms)
{
    if (member->state != ES_MEMBER_LINGER && member->state != ES_MEMBER_DEAD) {
        es_client_end(member->client, es_client_retry_ms(member->client) +
                                          random_below(crew, drain_ms + 1));
        make_ready(crew, member);
    }
}

static int each_of(es_ring_t *ring,
                   int (*visit)(void *baton, es_member_t *member), void *baton)
{
    es_ring_t *at, *next;
    es_ring_t *last = ring->prev;

    for (at = ring->next; at != ring; at = next) {
        next = at == last ? ring : at->next; /* it may move to the end */
        if (!visit(baton, member_of(at))) {
            return 0;
        }
    }
    return 1;
}

void es_crew_each(es_crew_t *crew, es_hub_t *hubs, apr_uint32_t nhubs,
                  int (*visit)(void *baton, es_member_t *member), void *baton)
{
    int goes_on = each_of(&crew->ready, visit, baton) &&
                  each_of(&crew->resting, visit, baton);
    apr_uint32_t i;

    for (i = 0; goes_on && i < nhubs; i++) {
        goes_on = each_of(&hubs[i].ahead, visit, baton);
    }
}

typedef struct end_t {
    es_crew_t *crew;
    apr_int64_t drain_ms;
} end_t;

static int on_end(void *baton, es_member_t *member)
{
    const end_t *end = baton;

    es_crew_end(end->crew, member, end->drain_ms);
    return 1;
}

void es_crew_end_all(es_crew_t *crew, es_hub_t *hubs, apr_uint32_t nhubs,
                     apr_int64_t drain_ms)
{
    end_t end = {crew, drain_ms};

    es_crew_each(crew, hubs, nhubs, on_end, &end);
}

int es_crew_part(es_crew_t *crew, es_member_t *member)
{
    ES_CONTEXT(ES_DELIVERY);
    if (member->state == ES_MEMBER_LINGER || !member->is_polled) {
        return 0;
    }
    if (member->state == ES_MEMBER_CURRENT) {
        es_client_seek(member->client, member->hub->pos);
    }
    (void)epoll_ctl(crew->epoll_fd, EPOLL_CTL_DEL,
                    es_sink_socket_fd(member->sink), NULL);
    member->is_polled = 0;
    return 1;
}

void es_crew_drop(es_crew_t *crew, es_member_t *member)
{
    die(crew, member);
}

void es_crew_keep(es_crew_t *crew, es_member_t *member)
{
    ES_CONTEXT(ES_DELIVERY);
    member->is_polled = poll_for(crew, member, EPOLL_CTL_ADD) == APR_SUCCESS;
    if (!member->is_polled) {
        die(crew, member); /* it would never be heard of again */
    }
}

static void cut_ring(es_crew_t *crew, es_ring_t *ring)
{
    while (!es_ring_is_empty(ring)) {
        die(crew, first_of(ring));
    }
}

void es_crew_cut_all(es_crew_t *crew, es_hub_t *hubs, apr_uint32_t nhubs)
{
    apr_uint32_t i;

    cut_ring(crew, &crew->ready);
    cut_ring(crew, &crew->resting);
    for (i = 0; i < nhubs; i++) {
        cut_ring(crew, &hubs[i].ahead);
    }
    es_crew_bury(crew);
}

static void bury(es_crew_t *crew, es_member_t *member)
{
    apr_uint32_t i;

    for (i = 0; i < member->nslots; i++) {
        es_index_remove(member->hub->clients, &member->links[i]);
    }
    es_wheel_unset(&crew->wheel, &member->timer);
    if (member->is_polled) {
        (void)epoll_ctl(crew->epoll_fd, EPOLL_CTL_DEL,
                        es_sink_socket_fd(member->sink), NULL);
    }
    es_client_close(member->client);
    es_member_destroy(member);
    count_by(crew, -1);
}

void es_crew_bury(es_crew_t *crew)
{
    es_member_t *member;

    ES_CONTEXT(ES_DELIVERY);
    while (!es_ring_is_empty(&crew->dead)) {
        member = first_of(&crew->dead);
        es_ring_remove(&member->ring);
        bury(crew, member);
    }
}

void es_crew_destroy(es_crew_t *crew)
{
    free(crew);
}
