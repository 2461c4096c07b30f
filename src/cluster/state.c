/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lease is one word, changed by compare-and-swap:
 *
 *     ┌─ child, 20 bits ─┬─ time of the last beat in ms, 44 bits ─┐
 *
 * so there is no moment at which it is half taken. A process that dies holding
 * it is found by is_present; one that is stopped, by the time.
 *
 * A new leader writes is_up = is_synced = 0 after it has the lease. If it dies
 * in between, the next one takes the lease from it, and does the same. The two
 * belong to the leader that wrote them (up_child), so a reader that looks in
 * between sees the link down, too.
 *
 * Statistics are single words. Texts are copied byte by byte; a reader may see
 * a part of the old and of the new one, but never more than their room: the
 * last byte is always NUL.
 *
 * Waiting is a futex on turn, shared between processes. Who waits counts itself
 * in waiters, so that a leader without waiters makes no system call; one that
 * is killed while it waits leaves the count too high, which costs system calls
 * and nothing else.
 */
#include "cluster/state.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/context.h"

#define STATE_MAGIC APR_UINT64_C(0x6573636c75737401)
#define STATE_VERSION 2

/* A time to send that is further ahead than this was not written by us. */
#define SENDING_MAX (10 * APR_USEC_PER_SEC)

#define BEAT_BITS 44
#define BEAT_MASK ((APR_UINT64_C(1) << BEAT_BITS) - 1)

struct es_cluster_state_t {
    apr_uint64_t magic; /* written last */
    apr_uint32_t version;
    apr_uint32_t spare0;
    apr_uint64_t node;
    apr_uint64_t lease;        /* atomic, as all below */
    apr_uint32_t up_child;     /* the leader whose link is open; 0 = none */
    apr_uint32_t synced_child; /* the leader that follows the stream */
    apr_uint64_t lag_ms;       /* signed, as the next */
    apr_uint64_t clock_offset_ms;
    apr_uint64_t complete_at; /* of es_clock_now */
    apr_uint64_t counts[ES_CLUSTER_COUNTS];
    apr_uint64_t spare2[8 - ES_CLUSTER_COUNTS];
    char error[ES_CLUSTER_STATE_TEXT_SIZE];
    char address[ES_CLUSTER_STATE_TEXT_SIZE];
    apr_uint32_t turn; /* a line of its own: all workers look at it */
    apr_uint32_t waiters;
    apr_uint32_t spare3[14];
    apr_uint64_t sending_until; /* of es_clock_now */
    apr_uint64_t has_seal;      /* written after the seal */
    es_cluster_seal_t seal;
    apr_uint64_t replaced_ms; /* of the broker's clock; 0 = never */
    apr_uint64_t spare4[3];
};

typedef char assert_state_size[sizeof(es_cluster_state_t) == 512 ? 1 : -1];

apr_size_t es_cluster_state_size(void)
{
    return sizeof(es_cluster_state_t);
}

es_cluster_state_t *es_cluster_state_format(void *mem, apr_uint64_t node)
{
    es_cluster_state_t *state = mem;

    ES_CONTEXT(ES_PARENT);
    memset(mem, 0, sizeof(*state));
    state->version = STATE_VERSION;
    state->node = node;
    state->magic = STATE_MAGIC;
    return state;
}

es_cluster_state_t *es_cluster_state_attach(void *mem, apr_size_t mem_size)
{
    es_cluster_state_t *state = mem;

    return mem_size >= sizeof(*state) && state->magic == STATE_MAGIC &&
                   state->version == STATE_VERSION
               ? state
               : NULL;
}

apr_uint64_t es_cluster_state_node(const es_cluster_state_t *state)
{
    return state->node;
}

/* ---- who leads ----------------------------------------------------------- */

static apr_uint64_t lease_of(apr_uint32_t child, apr_time_t now)
{
    return (apr_uint64_t)child << BEAT_BITS |
           ((apr_uint64_t)(now / 1000) & BEAT_MASK);
}

static apr_uint32_t child_of(apr_uint64_t lease)
{
    return (apr_uint32_t)(lease >> BEAT_BITS);
}

/* Also if the beat is in the future, as no clock of ours can have made it. */
static int is_over(apr_uint64_t lease, apr_time_t now)
{
    apr_int64_t age = now / 1000 - (apr_int64_t)(lease & BEAT_MASK);

    return age > ES_CLUSTER_LEASE / 1000 || age < -ES_CLUSTER_LEASE / 1000;
}

static int leads(const es_cluster_state_t *state, apr_uint32_t child)
{
    return child != 0 && es_cluster_state_leader(state) == child;
}

static void begin_lead(es_cluster_state_t *state)
{
    __atomic_store_n(&state->up_child, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&state->synced_child, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&state->lag_ms, 0, __ATOMIC_RELAXED);
}

int es_cluster_state_lead(es_cluster_state_t *state, apr_uint32_t child,
                          apr_time_t now,
                          int (*is_present)(void *arg, apr_uint32_t child),
                          void *arg)
{
    /* acquire: what the last leader wrote comes before what this one writes */
    apr_uint64_t lease = __atomic_load_n(&state->lease, __ATOMIC_ACQUIRE);
    apr_uint32_t leader = child_of(lease);

    ES_CONTEXT(ES_CLUSTER);
    if (child == 0 || child >= ES_CLUSTER_STATE_CHILDREN ||
        (leader != 0 && leader != child && !is_over(lease, now) &&
         is_present(arg, leader))) {
        return 0;
    }
    /* In vain only if another has changed it since: it leads, or has resigned,
     * which the next call will find. */
    if (!__atomic_compare_exchange_n(&state->lease, &lease,
                                     lease_of(child, now), 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED)) {
        return 0;
    }
    if (leader != child) {
        begin_lead(state);
    }
    return 1;
}

void es_cluster_state_resign(es_cluster_state_t *state, apr_uint32_t child)
{
    apr_uint64_t lease = __atomic_load_n(&state->lease, __ATOMIC_ACQUIRE);

    /* In vain if another child has it by now: then there is nothing to do. The
     * caller's own thread is the only one that could beat meanwhile. */
    if (child != 0 && child_of(lease) == child) {
        __atomic_compare_exchange_n(&state->lease, &lease, 0, 0,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }
}

apr_uint32_t es_cluster_state_leader(const es_cluster_state_t *state)
{
    return child_of(__atomic_load_n(&state->lease, __ATOMIC_ACQUIRE));
}

/* ---- who sends to GRIP proxies ------------------------------------------- */

void es_cluster_state_set_sending(es_cluster_state_t *state, apr_uint32_t child,
                                  apr_time_t until)
{
    if (leads(state, child)) {
        /* release: the outboxes are at their places */
        __atomic_store_n(&state->sending_until, (apr_uint64_t)until,
                         __ATOMIC_RELEASE);
    }
}

int es_cluster_state_may_send(const es_cluster_state_t *state, apr_time_t now)
{
    apr_time_t until =
        (apr_time_t)__atomic_load_n(&state->sending_until, __ATOMIC_ACQUIRE);

    return now < until && until - now < SENDING_MAX;
}

/* It stays the same as long as one node lives that knows it, so that a reader
 * which meets a change, and finds a link invalid, is rare and does no harm. */
void es_cluster_state_set_seal(es_cluster_state_t *state,
                               const es_cluster_seal_t *seal)
{
    __atomic_store_n(&state->seal.words[0], seal->words[0], __ATOMIC_RELAXED);
    __atomic_store_n(&state->seal.words[1], seal->words[1], __ATOMIC_RELAXED);
    __atomic_store_n(&state->has_seal, 1, __ATOMIC_RELEASE);
}

int es_cluster_state_seal(const es_cluster_state_t *state,
                          es_cluster_seal_t *seal)
{
    if (__atomic_load_n(&state->has_seal, __ATOMIC_ACQUIRE) != 1) {
        return 0;
    }
    seal->words[0] = __atomic_load_n(&state->seal.words[0], __ATOMIC_RELAXED);
    seal->words[1] = __atomic_load_n(&state->seal.words[1], __ATOMIC_RELAXED);
    return 1;
}

/* ---- waiting for the journal --------------------------------------------- */

static long futex(const apr_uint32_t *word, int op, apr_uint32_t value,
                  const struct timespec *timeout)
{
    return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

/* Dekker's exchange: the turn, then the waiters; a waiter the other way round
 * (the kernel looks at the turn). Sequentially consistent on both sides, so
 * that one of the two sees the other. */
void es_cluster_state_advance(es_cluster_state_t *state)
{
    __atomic_add_fetch(&state->turn, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&state->waiters, __ATOMIC_SEQ_CST) != 0) {
        futex(&state->turn, FUTEX_WAKE, 0x7fffffff, NULL);
    }
}

apr_uint32_t es_cluster_state_turn(const es_cluster_state_t *state)
{
    /* acquire: the look at the journal comes after it */
    return __atomic_load_n(&state->turn, __ATOMIC_ACQUIRE);
}

void es_cluster_state_wait(es_cluster_state_t *state, apr_uint32_t turn,
                           apr_interval_time_t at_most)
{
    struct timespec timeout;

    if (at_most <= 0) {
        return;
    }
    timeout.tv_sec = (time_t)apr_time_sec(at_most);
    timeout.tv_nsec = (long)apr_time_usec(at_most) * 1000;
    __atomic_add_fetch(&state->waiters, 1, __ATOMIC_SEQ_CST);
    /* whatever it returns, the caller looks at the journal again */
    futex(&state->turn, FUTEX_WAIT, turn, &timeout);
    __atomic_sub_fetch(&state->waiters, 1, __ATOMIC_SEQ_CST);
}

/* ---- statistics ---------------------------------------------------------- */

/* The last byte stays NUL. */
static void write_text(char to[ES_CLUSTER_STATE_TEXT_SIZE], const char *from)
{
    apr_size_t i;

    for (i = 0; i < ES_CLUSTER_STATE_TEXT_SIZE - 1; i++) {
        __atomic_store_n(&to[i], *from, __ATOMIC_RELAXED);
        from += *from != '\0';
    }
}

static void read_text(char to[ES_CLUSTER_STATE_TEXT_SIZE], const char *from)
{
    apr_size_t i;

    for (i = 0; i < ES_CLUSTER_STATE_TEXT_SIZE - 1; i++) {
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
    to[i] = '\0';
}

void es_cluster_state_set_up(es_cluster_state_t *state, apr_uint32_t child,
                             const char *address)
{
    if (leads(state, child)) {
        write_text(state->address, address);
        /* relaxed: the address may be torn anyway */
        __atomic_store_n(&state->up_child, child, __ATOMIC_RELAXED);
    }
}

void es_cluster_state_set_down(es_cluster_state_t *state, apr_uint32_t child,
                               const char *why)
{
    if (leads(state, child)) {
        __atomic_store_n(&state->synced_child, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&state->up_child, 0, __ATOMIC_RELAXED);
        write_text(state->error, why);
    }
}

void es_cluster_state_set_synced(es_cluster_state_t *state, apr_uint32_t child,
                                 int is_synced)
{
    if (leads(state, child)) {
        __atomic_store_n(&state->synced_child, is_synced ? child : 0,
                         __ATOMIC_RELAXED);
    }
}

void es_cluster_state_set_lag(es_cluster_state_t *state, apr_uint32_t child,
                              apr_int64_t lag_ms)
{
    if (leads(state, child)) {
        __atomic_store_n(&state->lag_ms, (apr_uint64_t)lag_ms,
                         __ATOMIC_RELAXED);
    }
}

void es_cluster_state_set_clock(es_cluster_state_t *state, apr_uint32_t child,
                                apr_int64_t offset_ms)
{
    if (leads(state, child)) {
        __atomic_store_n(&state->clock_offset_ms, (apr_uint64_t)offset_ms,
                         __ATOMIC_RELAXED);
    }
}

void es_cluster_state_set_complete(es_cluster_state_t *state,
                                   apr_uint32_t child, apr_time_t at)
{
    if (leads(state, child)) {
        /* release: the journal has it */
        __atomic_store_n(&state->complete_at, (apr_uint64_t)at,
                         __ATOMIC_RELEASE);
    }
}

apr_time_t es_cluster_state_complete_at(const es_cluster_state_t *state)
{
    /* acquire: the look at the journal comes after it */
    return (apr_time_t)__atomic_load_n(&state->complete_at, __ATOMIC_ACQUIRE);
}

void es_cluster_state_set_replaced(es_cluster_state_t *state, apr_uint64_t ms)
{
    /* relaxed: the journal's lock orders it before the new history */
    __atomic_store_n(&state->replaced_ms, ms, __ATOMIC_RELAXED);
}

apr_uint64_t es_cluster_state_replaced_ms(const es_cluster_state_t *state)
{
    return __atomic_load_n(&state->replaced_ms, __ATOMIC_RELAXED);
}

void es_cluster_state_set_error(es_cluster_state_t *state, const char *why)
{
    write_text(state->error, why);
}

void es_cluster_state_add(es_cluster_state_t *state, int count, apr_uint64_t n)
{
    if (count >= 0 && count < ES_CLUSTER_COUNTS) {
        __atomic_add_fetch(&state->counts[count], n, __ATOMIC_RELAXED);
    }
}

apr_int64_t es_cluster_state_clock_offset(const es_cluster_state_t *state)
{
    return (apr_int64_t)__atomic_load_n(&state->clock_offset_ms,
                                        __ATOMIC_RELAXED);
}

void es_cluster_state_read(const es_cluster_state_t *state,
                           es_cluster_stats_t *stats)
{
    int i;

    stats->leader = es_cluster_state_leader(state);
    stats->is_up =
        leads(state, __atomic_load_n(&state->up_child, __ATOMIC_RELAXED));
    stats->is_synced =
        stats->is_up &&
        leads(state, __atomic_load_n(&state->synced_child, __ATOMIC_RELAXED));
    stats->lag_ms =
        (apr_int64_t)__atomic_load_n(&state->lag_ms, __ATOMIC_RELAXED);
    stats->clock_offset_ms = es_cluster_state_clock_offset(state);
    for (i = 0; i < ES_CLUSTER_COUNTS; i++) {
        stats->counts[i] = __atomic_load_n(&state->counts[i], __ATOMIC_RELAXED);
    }
    read_text(stats->error, state->error);
    read_text(stats->address, state->address);
}
