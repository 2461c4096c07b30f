/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The table of presence: a shared segment that knows which names have clients
 * in which channels, in all children. A child counts its clients in shares of
 * its own, so that a child that dies takes nothing with it: the parent gives
 * its shares back.
 *
 * A name is present from its first client on, and until it has had no client
 * for a grace period, since browsers reconnect. When a name comes or goes, an
 * event is due; any child takes it (es_presence_take), publishes it, and says
 * so (es_presence_told). A child that dies in between leaves an event that
 * another child takes again, with the same number.
 *
 * It knows no hubs, but the epoch of a hub's store; it publishes nothing.
 * Times are of es_clock_now and passed in.
 */
#ifndef ES_SHM_PRESENCE_H
#define ES_SHM_PRESENCE_H

#include <apr_pools.h>
#include <apr_time.h>

#include "base/channel.h"
#include "base/id.h"
#include "base/slice.h"

typedef struct es_presence_t es_presence_t;

/** The number of a share, from 1; 0 = none. */
typedef apr_uint32_t es_share_t;

/** Most bytes of a name. */
#define ES_PRESENCE_NAME_MAX 255

/** Most rows of a table. */
#define ES_PRESENCE_ROWS_MAX (1u << 18)

/** Bytes of a table of so many rows, 1..ES_PRESENCE_ROWS_MAX; 0 = out of
 * range. */
apr_size_t es_presence_size(apr_uint32_t rows);

/**
 * Make mem, which is all zero, an empty table.
 *
 * @return APR_SUCCESS, or why there are no random numbers or no lock
 *
 * Context: PARENT.
 */
apr_status_t es_presence_format(void *mem, apr_uint32_t rows);

/**
 * Use a table.
 *
 * @param out  lives in pool
 * @return APR_SUCCESS; APR_EMISMATCH: mem has no table of this layout and size
 *
 * Context: PARENT.
 */
apr_status_t es_presence_attach(es_presence_t **out, void *mem,
                                apr_size_t mem_size, apr_uint32_t rows,
                                apr_pool_t *pool);

/** Its rows, those in use, and how often a row was missing. Context: ANY. */
typedef struct es_presence_use_t {
    apr_uint32_t rows;
    apr_uint32_t used; /* of names or of shares, whichever are more */
    apr_uint64_t refused;
} es_presence_use_t;

es_presence_use_t es_presence_use(const es_presence_t *presence);

/** A number that the events of this table have in common: random. */
apr_uint64_t es_presence_random(const es_presence_t *presence);

/* ---- clients ------------------------------------------------------------ */

/** A client that is counted. */
typedef struct es_presence_who_t {
    es_id_t epoch;   /* of its hub's store */
    es_slice_t name; /* 1..ES_PRESENCE_NAME_MAX bytes */
    apr_uint32_t child;
    apr_int64_t grace_ms; /* how long it may be away without a leave */
} es_presence_who_t;

/** What came of it. */
typedef struct es_presence_entered_t {
    int is_due;  /* 1 = an event is due now */
    int refused; /* channels for which no row was free */
} es_presence_entered_t;

/** Most channels of one call of es_presence_enter. */
#define ES_PRESENCE_ENTER_MAX 128

/**
 * Count a client in channels: the child has one more of this name in each.
 *
 * @param channels  count of them, at most ES_PRESENCE_ENTER_MAX; one that is
 *                  empty or too long is passed over
 * @param shares     count of them, filled: es_presence_leave gives them back;
 *                  0 = not counted, since no row was free
 * @param entered   filled, also on an error
 * @return APR_SUCCESS; APR_TIMEUP: another process has the lock; APR_EGENERAL:
 *         the lock can never be taken again. On an error no share was taken
 *
 * Context: WORKER or DELIVERY; takes the lock of the table, for which a worker
 * waits a second at most.
 */
apr_status_t es_presence_enter(es_presence_t *presence,
                               const es_presence_who_t *who,
                               const es_slice_t *channels, int count,
                               es_share_t *shares,
                               es_presence_entered_t *entered);

/**
 * The client has gone. Without other clients its name stays present for
 * grace_ms, or for as long as es_presence_enter was told, whichever is longer.
 *
 * @param child  of es_presence_enter
 *
 * Context: ANY thread of the child; takes no lock.
 */
void es_presence_leave(es_presence_t *presence, apr_uint32_t child,
                       es_share_t share, apr_int64_t grace_ms, apr_time_t now);

/**
 * A child has ended, and with it its clients: their names stay present for
 * their grace. What it was about to tell is told by another.
 *
 * Context: PARENT; takes no lock. No address that it uses depends on anything
 * that a child can write.
 */
void es_presence_clear(es_presence_t *presence, apr_uint32_t child,
                       apr_time_t now);

/* ---- what is to be told ------------------------------------------------- */

typedef enum es_presence_kind_t {
    ES_PRESENCE_NONE,
    ES_PRESENCE_JOIN,
    ES_PRESENCE_LEAVE
} es_presence_kind_t;

/** An event that is due. */
typedef struct es_presence_event_t {
    apr_uint32_t row;
    apr_uint32_t child;      /* that has taken it */
    apr_uint64_t serial;     /* of this event alone, from 1 */
    apr_uint64_t fence;      /* es_presence_fence when it was taken */
    es_presence_kind_t kind; /* a join or a leave */
    es_id_t epoch;
    apr_uint32_t clients; /* of the name in the channel, when it was taken */
    apr_size_t channel_len;
    apr_size_t name_len;
    char channel[ES_CHANNEL_NAME_MAX + 1];
    char name[ES_PRESENCE_NAME_MAX + 1];
} es_presence_event_t;

/** Is an event due? Without the lock: a hint. Context: ANY. */
int es_presence_is_due(const es_presence_t *presence);

/**
 * Take events that are due. Each is the caller's alone until it calls
 * es_presence_told, or ES_PRESENCE_TELL_WITHIN is over, or its child is
 * cleared.
 *
 * @return how many, 0..max; also 0 if the lock cannot be taken now
 *
 * Context: WORKER; takes the lock.
 */
int es_presence_take(es_presence_t *presence, apr_uint32_t child,
                     es_presence_event_t *events, int max, apr_time_t now);

#define ES_PRESENCE_TELL_WITHIN (30 * APR_USEC_PER_SEC)

/** What became of an event. */
typedef enum es_presence_told_t {
    ES_PRESENCE_TOLD,     /* it is published */
    ES_PRESENCE_NOT_TOLD, /* it is certain that it was not published */
    ES_PRESENCE_UNKNOWN   /* it may be published: it comes again, with the same
                           * serial */
} es_presence_told_t;

/**
 * A number that is raised when an event is taken again of which nobody knows
 * whether it was told, and by es_presence_forget. It goes along with what is
 * told: who has seen a higher one knows that this comes late, and that it was,
 * or will be, told once more. Context: ANY.
 */
apr_uint64_t es_presence_fence(const es_presence_t *presence);

/** Say what became of a taken event. Context: WORKER; takes the lock. */
void es_presence_told(es_presence_t *presence, const es_presence_event_t *event,
                      es_presence_told_t told, apr_time_t now);

/**
 * What was told of the names of a hub is forgotten by those that were told: all
 * that are present are due again, as joins, and an event that is taken now does
 * not count any more.
 *
 * @return APR_SUCCESS; APR_TIMEUP, APR_EGENERAL: not all are
 *
 * Context: WORKER; takes the lock for one slice of the rows after another.
 */
apr_status_t es_presence_forget(es_presence_t *presence, const es_id_t *epoch,
                                apr_time_t now);

/** Is it time to sweep? One child is told so in each period. Context: ANY. */
int es_presence_is_sweep_due(es_presence_t *presence, apr_time_t now);

#define ES_PRESENCE_SWEEP_EVERY APR_USEC_PER_SEC

/**
 * Look at all rows: whose grace is over, what was taken by a child that is
 * gone, which rows can be given to others.
 *
 * Context: WORKER; takes the lock for one slice of the rows after another.
 */
void es_presence_sweep(es_presence_t *presence, apr_time_t now);

/* ---- who is there ------------------------------------------------------- */

/** A name that is present in a channel. */
typedef struct es_presence_named_t {
    apr_uint32_t clients; /* 0 = none now, but its grace is not over */
    apr_size_t len;
    char name[ES_PRESENCE_NAME_MAX + 1];
} es_presence_named_t;

/** Rows that one call of es_presence_next looks at. */
#define ES_PRESENCE_SLICE 1024

/**
 * The names that are present in a channel: those that have clients, and those
 * whose join was told and not their leave. A name that is present all the time
 * is found once.
 *
 * @param at     where to continue; 0 at first. Set to 0 when all were seen
 * @param found  filled
 * @return how many, 0..max; -1: the lock cannot be taken now
 *
 * Context: WORKER; takes the lock.
 */
int es_presence_next(es_presence_t *presence, const es_id_t *epoch,
                     es_slice_t channel, apr_uint32_t *at,
                     es_presence_named_t *found, int max);

/* ---- for the parent and for tests --------------------------------------- */

/** As es_lock_stalled_by. Context: PARENT; takes no lock. */
apr_uint32_t es_presence_stalled_by(const es_presence_t *presence);

/**
 * Walk all chains and compare them with the rows.
 *
 * @return NULL, or what is wrong
 *
 * Context: no other thread uses the table.
 */
const char *es_presence_check(es_presence_t *presence);

#endif
