/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A stub of src/server for the tests of src/http: what a child serves with, as
 * a test sets it, and what was counted and woken. A test that needs a store
 * makes one with t/unit/store_kit.h.
 */
#ifndef T_UNIT_RUNTIME_STUB_H
#define T_UNIT_RUNTIME_STUB_H

#include "cluster/publisher.h"
#include "server/runtime.h"
#include "server/stats.h"

#define STUB_CHILD 3 /* the number of this child */
/* The end of each wait for the broker, of es_clock_now: in thousands of years.
 */
#define STUB_WAIT_BY (APR_INT64_C(1) << 60)

typedef struct runtime_stub_t {
    /* set by a test */
    const es_runtime_hub_t *hub;     /* NULL = no events are served */
    es_client_count_t *client_count; /* as the next, for admission only */
    es_client_limits_t limits;
    es_asks_t *asks;
    apr_uint32_t max_children;
    /* of es_grip_runtime_wait, for events that are sent and sent again */
    int outcomes[2][ES_GRIP_PROXIES_MAX];
    es_cluster_publisher_t *publisher; /* of a clustered hub; NULL = none */
    int is_up;                         /* the link to its broker */
    apr_uint64_t broker_now_ms;
    apr_time_t behind_by; /* of es_cluster_runtime_behind_by; 0 = do not wait */
    int behind_looks;     /* for which es_cluster_runtime_wait_behind waits */
    void (*on_behind)(void); /* called by it; NULL = nothing comes */
    int is_behind;
    int is_doubtful;

    /* what was called */
    int reached[ES_LIMITS];      /* by es_stats_count_limit */
    int paths[ES_STATS_PATHS];   /* by es_stats_count_path */
    int published;               /* events, by es_stats_count_events */
    int batches;                 /* by es_stats_note_publish */
    es_hub_figures_t delivered;  /* of es_stats_of_delivery */
    es_hub_figures_t by_workers; /* by es_stats_count_stream and _reset */
    apr_uint64_t woken;          /* the first word of es_runtime_wake; or-ed */
    int sender_wakes;            /* of es_grip_runtime_wake */
    /* of es_grip_runtime_wait, by again: how often, and the last time */
    int waits[2];
    es_pos_t wait_from[2], wait_to[2];
    apr_time_t wait_by[2];
    int broker_waits; /* that have begun and not ended */
    int sync_waits;   /* of es_cluster_runtime_wait_synced */
} runtime_stub_t;

/** A test clears it. */
extern runtime_stub_t runtime_stub;

#endif
