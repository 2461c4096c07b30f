/* SPDX-License-Identifier: Apache-2.0 */
/** What runtime.c and runtime_child.c share: the runtime of this process. */
#ifndef ES_SERVER_RUNTIME_PRIV_H
#define ES_SERVER_RUNTIME_PRIV_H

#include <apr_hash.h>

#include "server/child_pids.h"
#include "server/runtime.h"

typedef struct es_runtime_t {
    es_children_t *children;
    es_client_count_t *client_count;
    es_counters_t *counters;
    const es_child_figures_t *figures; /* NULL = none could be made */
    es_asks_t *asks;                   /* NULL = none could be made */
    es_rates_t *rates;                 /* NULL = none could be made */
    es_client_limits_t limits;
    apr_hash_t *hubs;    /* name → es_runtime_hub_t */
    es_store_t **stores; /* by number; includes hubs no longer configured */
    const char **names;  /* by number */
    apr_uint32_t *hub_counters;        /* by number */
    const es_child_pids_t *child_pids; /* retained; of the parent */
    unsigned char *closed;             /* by number; 1 = no longer configured */
    es_handover_sockets_t handover;
    apr_uint32_t nhubs;
    int generation;             /* of this child */
    int is_threaded;            /* the MPM is */
    apr_uint32_t threads;       /* the deliveries that each child wants */
    es_deliveries_t deliveries; /* none in the parent */
    apr_time_t stopping;        /* es_clock_now when an ungraceful stop began;
                              * 0 = none began */
} es_runtime_t;

/** @return NULL: this process can serve no events. Context: ANY. */
es_runtime_t *es_runtime_own(void);

/** The generation of httpd: 0 at the start, one more at each restart. Context:
 * PARENT, CHILD_INIT. */
int es_runtime_generation(void);

#endif
