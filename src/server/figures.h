/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The figures: all that is counted and measured of event streams, of all
 * children, in one struct that any child can fill. mod_status, the status page
 * and the metrics show them; none of them reads shared memory by itself.
 *
 * They are not read at one moment. What is counted since httpd was started
 * never goes back, also when children die or restart; what is there now
 * (clients, events retained) goes up and down, and is that of living children.
 */
#ifndef ES_SERVER_FIGURES_H
#define ES_SERVER_FIGURES_H

#include "shm/revocations.h"
#include "server/advice.h"
#include "server/cluster_runtime.h"
#include "server/runtime.h"
#include "server/stats.h"

/** Clients that are there now, by how they are served. */
typedef struct es_figures_clients_t {
    apr_uint64_t total; /* those of no kind yet, too */
    apr_uint64_t detached;
    apr_uint64_t detached_tls;
    apr_uint64_t held;  /* by a worker, for long or in turns */
    apr_uint64_t turns; /* of those held: in turns */
} es_figures_clients_t;

/** Those whose kind is not known yet. */
static inline apr_uint64_t es_figures_clients_starting(
    const es_figures_clients_t *clients)
{
    apr_uint64_t known =
        clients->detached + clients->detached_tls + clients->held;

    return clients->total > known ? clients->total - known : 0;
}

/** A clustered hub's link to its broker. */
typedef struct es_figures_cluster_t {
    es_cluster_stats_t stats; /* error and address: see the next two */
    int sends; /* 1 = this server sends to the GRIP proxies of the hub */
    apr_uint64_t leader_pid; /* of the child that reads; 0 = none */
    const char *error;       /* printable: control characters are escaped; */
    const char *address;     /* they may hold < and quotes */
} es_figures_cluster_t;

/** A GRIP proxy of a hub. */
typedef struct es_figures_proxy_t {
    const char *hub;
    const char *name; /* its address, without secrets */
    int is_up;        /* 0 = it has taken nothing since its last
                                * failure */
    apr_uint64_t
        queued_bytes;      /* of the journal, that were not sent to it yet */
    apr_uint64_t failures; /* posts that it did not take, since the start */
    const char *error;     /* its last failure, in words; "" = none */
} es_figures_proxy_t;

/** How long things took, and how long replays were, since the start. */
typedef struct es_figures_times_t {
    es_histogram_t publish;  /* of es_histogram_times: of a batch that is
                              * stored, from when its body was checked */
    es_histogram_t lag;      /* the same: of a round of a delivery */
    es_histogram_t held_lag; /* the same: of a write to a client that a worker
                              * holds and that does not replay */
    es_histogram_t replay;   /* of es_histogram_records: events of the past that
                              * a client got before it was live */
} es_figures_times_t;

/** A hub of the configuration. */
typedef struct es_figures_hub_t {
    const char *name;           /* letters, digits, '-' and '_' */
    apr_uint64_t clients;       /* now; not those behind GRIP proxies */
    apr_uint64_t subscriptions; /* now; a client counts in each channel */
    apr_uint64_t channels;      /* now known: with a subscription, a retained
                                 * event or a close */
    apr_uint64_t retained;      /* events; one counts in each of its channels */
    apr_uint64_t published;     /* events, since the start */
    apr_uint64_t deliveries;    /* since the start: events that clients got as a
                              * whole; not through GRIP proxies */
    apr_uint64_t sent_bytes;    /* since the start: of streams, before TLS */
    apr_uint64_t streams;       /* that began since the start */
    apr_uint64_t resets[ES_RESETS]; /* since the start, by es_reset_t */
    apr_int64_t oldest_age_ms;      /* of the oldest event that is retained, by
                                     * its id; -1 = there is none */
    apr_uint64_t used_bytes;        /* of the journal */
    apr_uint64_t bytes;             /* of the journal, at most */
    es_figures_times_t times;
    const es_figures_cluster_t *cluster; /* NULL = the hub is not clustered */
} es_figures_hub_t;

/** A number of a child: with EventStreamThreads above 1, a process has several
 * of these, with the same pid. */
typedef struct es_figures_child_t {
    apr_uint32_t number; /* from 1 */
    apr_uint64_t pid;
    apr_uint64_t generation; /* of the configuration, from 0 */
    int is_stopping;         /* 1 = it takes no new clients */
    es_figures_clients_t clients;
    apr_uint64_t subscriptions; /* in all hubs */
    apr_uint64_t deliveries;    /* of this number, since the start */
    apr_uint64_t sent_bytes;    /* of this number, since the start */
    apr_int64_t lag_us;         /* of its last round: from the append of the
                                 * oldest event to the last write; -1 = none */
    apr_int64_t lag_age_ms;     /* so long ago was that round; -1 = none */
    apr_int64_t cpu_us;         /* of its process; -1 = not measured, as the
                                 * next: see es_figures_tick */
    apr_int64_t open_files;     /* of its process */
} es_figures_child_t;

typedef struct es_figures_limit_t {
    const char *name;      /* a directive, or a description in English */
    const char *directive; /* the one that sets it; NULL = several */
    apr_int64_t value;     /* 0 = no limit, -1 = each section has its own */
    apr_int64_t used;      /* now, of what is nearest to it; -1 = it is one of
                            * a request or an address */
    apr_uint64_t reached;  /* times, since the start */
} es_figures_limit_t;

typedef struct es_figures_t {
    apr_uint64_t generation; /* that serves new requests */
    es_figures_clients_t clients;
    const es_figures_hub_t *hubs; /* "default" first, as configured */
    int nhubs;
    const es_figures_child_t *children; /* by number; those there are */
    int nchildren;
    const es_figures_proxy_t *proxies; /* of all hubs */
    int nproxies;
    const es_advice_t *advice; /* of the start */
    int nadvice;
    es_figures_limit_t limits[ES_LIMITS];
    es_revocations_use_t revocations;   /* all 0 if there is no table */
    apr_uint64_t paths[ES_STATS_PATHS]; /* clients that were not detached: see
                                         * http/not_detached.h for the names */
    apr_uint64_t obstacles[ES_STATS_OBSTACLES];
    int is_counted;           /* 0 = there was no memory for what children
                               * deliver: it is 0, as the next */
    es_figures_times_t times; /* of all hubs that there were, but for the one of
                               * the status page */
} es_figures_t;

/**
 * Measure the CPU time and the open files of this process, for
 * es_figures_child_t, if that was not done in the last half of a second.
 *
 * @param now  es_clock_now
 *
 * Context: a thread of a child that may be late, for example its ticker; with
 * 20,000 open files it takes some milliseconds.
 */
void es_figures_tick(apr_time_t now);

/** A word for programs, in lower case. */
const char *es_figures_reset_name(es_reset_t why);

/**
 * Read all figures.
 *
 * @param out  filled; what it points to lives in p, or as long as the
 *             configuration
 * @return 1; 0: this child cannot serve events (it logged why at its start)
 *
 * Context: WORKER, or another thread of a child; takes no lock. Its time and
 * memory grow with the channels of all hubs (some ns each) and with the
 * children there can be.
 */
int es_figures_read(es_figures_t *out, apr_pool_t *p);

#endif
