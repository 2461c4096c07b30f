/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the children of a node share about a hub of a cluster: which of them
 * leads, that is, reads the broker's stream into the journal; statistics for
 * the status page; and a futex by which workers wait until the journal has
 * more. It is in shared memory, made by the parent and kept over restarts:
 * plain values with a version. A process that is killed at any instruction
 * leaves it usable.
 */
#ifndef ES_CLUSTER_STATE_H
#define ES_CLUSTER_STATE_H

#include <apr.h>
#include <apr_time.h>

/** A leader that does not call es_cluster_state_lead for so long is not one
 * any more: it may have been stopped. */
#define ES_CLUSTER_LEASE (3 * APR_USEC_PER_SEC)

/** Room of the error and of the address, with NUL. */
#define ES_CLUSTER_STATE_TEXT_SIZE 128

/** Numbers of children are below this. */
#define ES_CLUSTER_STATE_CHILDREN (1u << 20)

typedef struct es_cluster_state_t es_cluster_state_t;

/** What is counted; of all children, since the state was made. */
enum {
    ES_CLUSTER_RECONNECTS,  /* links that the leaders have opened, but one */
    ES_CLUSTER_ENTRIES,     /* read from the stream */
    ES_CLUSTER_FILLS,       /* the journal's history was replaced */
    ES_CLUSTER_PUBLISHED,   /* events that the broker took from this node */
    ES_CLUSTER_UNAVAILABLE, /* events that it did not take */
    ES_CLUSTER_COUNTS       /* how many these are */
};

typedef struct es_cluster_stats_t {
    int is_up;                   /* the leader's link is open */
    int is_synced;               /* the journal follows the broker's stream */
    apr_uint32_t leader;         /* number of a child; 0 = none */
    apr_int64_t lag_ms;          /* of the last entry, as its leader saw it */
    apr_int64_t clock_offset_ms; /* the broker's clock - es_clock_ms */
    apr_uint64_t counts[ES_CLUSTER_COUNTS];
    char error[ES_CLUSTER_STATE_TEXT_SIZE];   /* the last one; "" = none; may
                                               * be torn, as the next */
    char address[ES_CLUSTER_STATE_TEXT_SIZE]; /* of the broker, last seen */
} es_cluster_stats_t;

/** Bytes of a state. */
apr_size_t es_cluster_state_size(void);

/**
 * Make a state.
 *
 * @param mem   es_cluster_state_size bytes, aligned as for 64 bits
 * @param node  a random number of this node, not 0
 * @return mem
 *
 * Context: PARENT.
 */
es_cluster_state_t *es_cluster_state_format(void *mem, apr_uint64_t node);

/** The state in mem; NULL if it is not one of this layout. Context: ANY. */
es_cluster_state_t *es_cluster_state_attach(void *mem, apr_size_t mem_size);

/** The random number of this node. Context: ANY. */
apr_uint64_t es_cluster_state_node(const es_cluster_state_t *state);

/* ---- who leads ----------------------------------------------------------- */

/**
 * Lead, or go on leading: the lease is the caller's for ES_CLUSTER_LEASE from
 * now. It is taken if no child has it, if that child is not there any more, or
 * if its lease has run out. With a new leader the link is down and the journal
 * not synced.
 *
 * @param child       number of the caller, from 1
 * @param now         es_clock_now; the clock is that of all processes
 * @param is_present  is a child there, and not stopping?
 * @return 1 = the caller leads
 *
 * Context: CLUSTER, once a second or more often; takes no lock.
 */
int es_cluster_state_lead(es_cluster_state_t *state, apr_uint32_t child,
                          apr_time_t now,
                          int (*is_present)(void *arg, apr_uint32_t child),
                          void *arg);

/** Lead no longer: another child may at once. Nothing happens unless the child
 * leads. Context: ANY. */
void es_cluster_state_resign(es_cluster_state_t *state, apr_uint32_t child);

/** The child that leads, or was the last one to; 0 = none. Context: ANY. */
apr_uint32_t es_cluster_state_leader(const es_cluster_state_t *state);

/* ---- who sends to GRIP proxies (cluster/sending.h) ----------------------- */

/** What links are sealed with: the same on all nodes. */
typedef struct es_cluster_seal_t {
    apr_uint64_t words[2];
} es_cluster_seal_t;

/** This node may send until then, a time of es_clock_now; 0 = it may not.
 * Nothing happens unless the child leads. Context: CLUSTER. */
void es_cluster_state_set_sending(es_cluster_state_t *state, apr_uint32_t child,
                                  apr_time_t until);

/**
 * May the senders of this node send? Asked immediately before each step that
 * sends: the process may have been stopped, or the node cut off.
 *
 * @param now  of es_clock_now, read after whatever may have taken time
 *
 * Context: ANY.
 */
int es_cluster_state_may_send(const es_cluster_state_t *state, apr_time_t now);

/** Context: CLUSTER, the leader. */
void es_cluster_state_set_seal(es_cluster_state_t *state,
                               const es_cluster_seal_t *seal);

/** @return 0: the broker has not told it yet. Context: ANY. */
int es_cluster_state_seal(const es_cluster_state_t *state,
                          es_cluster_seal_t *seal);

/* ---- waiting for the journal --------------------------------------------- */

/**
 * The journal has more: wake all who wait. Context: ANY; never blocks.
 */
void es_cluster_state_advance(es_cluster_state_t *state);

/** Read it before looking at the journal. Context: ANY. */
apr_uint32_t es_cluster_state_turn(const es_cluster_state_t *state);

/**
 * Wait until es_cluster_state_advance was called after turn was read; may also
 * return without cause.
 *
 * @param at_most  in microseconds; <= 0 returns at once
 *
 * Context: any thread that may block for so long.
 */
void es_cluster_state_wait(es_cluster_state_t *state, apr_uint32_t turn,
                           apr_interval_time_t at_most);

/* ---- statistics ---------------------------------------------------------- */

/** Context of all: ANY; never block. Those with a child do nothing unless it
 * leads: one that was stopped, and lost its lease meanwhile, must not overwrite
 * what its successor wrote. */
void es_cluster_state_set_up(es_cluster_state_t *state, apr_uint32_t child,
                             const char *address);
void es_cluster_state_set_down(es_cluster_state_t *state, apr_uint32_t child,
                               const char *why);
void es_cluster_state_set_synced(es_cluster_state_t *state, apr_uint32_t child,
                                 int is_synced);
void es_cluster_state_set_lag(es_cluster_state_t *state, apr_uint32_t child,
                              apr_int64_t lag_ms);
void es_cluster_state_set_clock(es_cluster_state_t *state, apr_uint32_t child,
                                apr_int64_t offset_ms);

/** The last error, of a publisher's link. */
void es_cluster_state_set_error(es_cluster_state_t *state, const char *why);

/** @param count  ES_CLUSTER_RECONNECTS … */
void es_cluster_state_add(es_cluster_state_t *state, int count, apr_uint64_t n);

/** The broker's clock - es_clock_ms; 0 before the first hello. */
apr_int64_t es_cluster_state_clock_offset(const es_cluster_state_t *state);

/**
 * The journal has all that the broker had at this time of es_clock_now. So an
 * id that was given before it, and that the journal does not know, is not on
 * its way.
 */
void es_cluster_state_set_complete(es_cluster_state_t *state,
                                   apr_uint32_t child, apr_time_t at);

/** The last such time; 0 = there was none yet. */
apr_time_t es_cluster_state_complete_at(const es_cluster_state_t *state);

/**
 * Another history replaces that of the journal, up to an id with this time.
 * Written before it does.
 */
void es_cluster_state_set_replaced(es_cluster_state_t *state, apr_uint64_t ms);

/** The last such time; 0 = there was none. */
apr_uint64_t es_cluster_state_replaced_ms(const es_cluster_state_t *state);

/** Read all of them. */
void es_cluster_state_read(const es_cluster_state_t *state,
                           es_cluster_stats_t *stats);

#endif
