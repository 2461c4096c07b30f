/* SPDX-License-Identifier: Apache-2.0 */
#include "grip/waiters.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/context.h"
#include "base/clock.h"
#include "grip/outcome.h"
#include "base/sigblock.h"

void es_tickets_init(es_tickets_t *tickets)
{
    es_ring_init(&tickets->waiting);
    pthread_mutex_init(&tickets->lock, NULL);
    tickets->is_closed = 0;
}

void es_tickets_destroy(es_tickets_t *tickets)
{
    pthread_mutex_destroy(&tickets->lock);
}

/* ---- The courier ------------------------------------------------------- */

static void tell(es_ticket_t *ticket)
{
    const apr_uint64_t one = 1;

    ticket->is_told = 1;
    (void)!write(ticket->bell, &one, sizeof(one)); /* its first and only */
}

static void refuse(es_ticket_t *ticket)
{
    int i;

    for (i = 0; i < ticket->count; i++) {
        if (ticket->outcomes[i] == ES_OUTCOME_OPEN) {
            ticket->outcomes[i] = ES_OUTCOME_STOPPING;
        }
    }
    tell(ticket);
}

static void look_at(es_ticket_t *ticket, es_tickets_look_fn_t *look, void *arg)
{
    int open = 0;
    int i;

    for (i = 0; i < ticket->count; i++) {
        if (ticket->outcomes[i] == ES_OUTCOME_OPEN) {
            ticket->outcomes[i] = look(arg, ticket, i);
            open += ticket->outcomes[i] == ES_OUTCOME_OPEN;
        }
    }
    if (open == 0) {
        tell(ticket);
    }
}

int es_tickets_tell(es_tickets_t *tickets, es_tickets_look_fn_t *look,
                    void *arg)
{
    es_ring_t *at;
    int waiting = 0;

    ES_CONTEXT(ES_COURIER);
    pthread_mutex_lock(&tickets->lock);
    for (at = tickets->waiting.next; at != &tickets->waiting; at = at->next) {
        es_ticket_t *ticket = ES_RING_OWNER(at, es_ticket_t, link);

        if (!ticket->is_told) {
            look_at(ticket, look, arg);
        }
        waiting += !ticket->is_told;
    }
    pthread_mutex_unlock(&tickets->lock);
    return waiting;
}

void es_tickets_close(es_tickets_t *tickets)
{
    es_ring_t *at;

    pthread_mutex_lock(&tickets->lock);
    tickets->is_closed = 1;
    for (at = tickets->waiting.next; at != &tickets->waiting; at = at->next) {
        es_ticket_t *ticket = ES_RING_OWNER(at, es_ticket_t, link);

        if (!ticket->is_told) {
            refuse(ticket);
        }
    }
    pthread_mutex_unlock(&tickets->lock);
}

/* ---- Workers ----------------------------------------------------------- */

static void hand_in(es_tickets_t *tickets, es_ticket_t *ticket)
{
    es_hush_t hush;

    es_hush_begin(&hush);
    pthread_mutex_lock(&tickets->lock);
    es_ring_append(&tickets->waiting, &ticket->link);
    if (tickets->is_closed) {
        refuse(ticket);
    }
    pthread_mutex_unlock(&tickets->lock);
    es_hush_end(&hush);
}

static void take_back(es_tickets_t *tickets, es_ticket_t *ticket)
{
    es_hush_t hush;

    es_hush_begin(&hush);
    pthread_mutex_lock(&tickets->lock);
    es_ring_remove(&ticket->link);
    pthread_mutex_unlock(&tickets->lock);
    es_hush_end(&hush);
}

static void wait_for_bell(int bell, apr_interval_time_t timeout)
{
    apr_time_t by = es_clock_now() + timeout;
    struct pollfd fd = {bell, POLLIN, 0};
    apr_interval_time_t left = timeout;

    while (left > 0 && poll(&fd, 1, (int)(left / 1000) + 1) < 0 &&
           errno == EINTR) {
        left = by - es_clock_now();
    }
}

int es_tickets_wait(es_tickets_t *tickets, es_ticket_t *ticket,
                    apr_interval_time_t timeout, void (*ring)(void *arg),
                    void *arg)
{
    ticket->is_told = 0;
    ticket->bell = eventfd(0, EFD_CLOEXEC);
    if (ticket->bell < 0) {
        return 0;
    }
    hand_in(tickets, ticket);
    ring(arg);
    wait_for_bell(ticket->bell, timeout);
    take_back(tickets, ticket);
    close(ticket->bell);
    return ticket->is_told;
}
