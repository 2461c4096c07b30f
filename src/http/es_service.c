/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One service in each process. The parent attaches to the kept memory after
 * each reading of the configuration; its children inherit that by fork, and
 * add a place and a delivery of their own.
 */
#include "http/es_service.h"

#include <sys/resource.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_main.h>

#include "http/es_hlog.h"
#include "http/es_memory.h"

/* how long a child that ends waits for its delivery */
#define JOIN_PATIENCE (3 * APR_USEC_PER_SEC)
/* descriptors that clients leave to the rest of a child: files, logs,
 * backends, listeners, the connections that workers serve */
#define SPARE_DESCRIPTORS 256

typedef struct es_service_t {
    es_board_t *board;
    es_census_t *census;
    es_census_limits_t limits;
    apr_hash_t *hubs;    /* name → es_hub_view_t */
    es_store_t **stores; /* by number; also of hubs no longer named */
    apr_uint32_t nhubs;
    apr_uint32_t place;      /* 0 in the parent */
    es_delivery_t *delivery; /* NULL in the parent */
} es_service_t;

/* of the configuration at hand; lives in its pool */
static es_service_t *service;

static apr_status_t forget_service(void *unused)
{
    (void)unused;
    service = NULL;
    return APR_SUCCESS;
}

/* All that is kept, so that a dead child's counts are cleared in hubs that
 * the configuration does not name for the time being, too. */
static int attach_hubs(es_service_t *made, const es_kept_t *kept, server_rec *s,
                       apr_pool_t *pool)
{
    apr_uint32_t i;
    int rc = OK;

    made->hubs = apr_hash_make(pool);
    made->stores = apr_pcalloc(pool, sizeof(*made->stores) * kept->nhubs);
    for (i = 0; i < kept->nhubs; i++) {
        const es_kept_hub_t *hub = &kept->hubs[i];
        es_hub_view_t *view = apr_pcalloc(pool, sizeof(*view));
        apr_status_t rv = es_store_attach(&view->store, hub->mem, hub->size,
                                          &hub->params, pool);

        if (rv != APR_SUCCESS) {
            es_slog(APLOG_ERR, rv, s, "ES0006",
                    "the shared memory of hub %s cannot be used; stop and "
                    "start httpd",
                    hub->name);
            rc = HTTP_INTERNAL_SERVER_ERROR;
            continue;
        }
        view->name = hub->name;
        view->number = made->nhubs;
        made->stores[made->nhubs++] = view->store;
        if (es_global_hub(es_global_of(s), hub->name)) {
            apr_hash_set(made->hubs, hub->name, APR_HASH_KEY_STRING, view);
        }
    }
    return rc;
}

static void set_limits(es_service_t *made, const es_global_t *global)
{
    struct rlimit files;

    made->limits.clients = (apr_uint32_t)global->max_clients;
    made->limits.address_clients = (apr_uint32_t)global->max_address_clients;
    made->limits.child_clients = 0;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
        files.rlim_cur < APR_INT32_MAX) {
        rlim_t spare = files.rlim_cur / 4 < SPARE_DESCRIPTORS
                           ? files.rlim_cur / 4
                           : SPARE_DESCRIPTORS;

        made->limits.child_clients = (apr_uint32_t)(files.rlim_cur - spare);
    }
}

/* An error of post_config at a restart would end the running server, with
 * all that does not need us. */
static int is_restart(void)
{
    int generation = 0;

    ap_mpm_query(AP_MPMQ_GENERATION, &generation);
    return generation > 0;
}

static int attach(es_service_t *made, const es_kept_t *kept, server_rec *s,
                  apr_pool_t *pool)
{
    apr_status_t rv =
        es_board_attach(&made->board, kept->board, kept->board_size,
                        kept->places, kept->wake, pool);

    if (rv != APR_SUCCESS) {
        es_slog(APLOG_ERR, rv, s, "ES0012",
                "the children's board cannot be used, no events are served; "
                "stop and start httpd");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    made->census = es_census_attach(kept->census, kept->places, pool);
    set_limits(made, es_global_of(s));
    service = made;
    apr_pool_cleanup_register(pool, NULL, forget_service,
                              apr_pool_cleanup_null);
    return attach_hubs(made, kept, s, pool);
}

int es_service_open(apr_pool_t *pconf, server_rec *s)
{
    es_service_t *made = apr_pcalloc(pconf, sizeof(*made));
    es_kept_t *kept;
    int rc = es_memory_open(&kept, s);

    if (kept && attach(made, kept, s, pconf) != OK) {
        rc = HTTP_INTERNAL_SERVER_ERROR;
    }
    if (service) {
        es_slog(APLOG_NOTICE, 0, s, "ES0007",
                "event streams ready: %u hub(s), at most %u clients in a "
                "child",
                apr_hash_count(made->hubs), made->limits.child_clients);
    }
    return is_restart() ? OK : rc;
}

static apr_status_t leave(void *unused)
{
    apr_status_t rv;

    (void)unused;
    es_delivery_stop(service->delivery);
    rv = es_delivery_join(service->delivery, JOIN_PATIENCE);
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_WARNING, rv, ap_server_conf, "ES0008",
                "the delivery did not end in time; its streams are cut");
    }
    return APR_SUCCESS;
}

static apr_status_t start_delivery(apr_pool_t *pchild, server_rec *s)
{
    es_delivery_params_t params = {0};

    params.board = service->board;
    params.place = service->place;
    params.hubs = service->stores;
    params.nhubs = service->nhubs;
    params.drain_ms = es_global_of(s)->drain_us / 1000;
    return es_delivery_start(&service->delivery, &params, pchild);
}

void es_service_enter(apr_pool_t *pchild, server_rec *s)
{
    int generation = 0;
    apr_status_t rv;

    if (!service) {
        return;
    }
    ap_mpm_query(AP_MPMQ_GENERATION, &generation);
    service->place = es_board_claim(service->board, (apr_uint64_t)generation,
                                    (apr_uint64_t)getpid());
    if (service->place == 0) {
        es_slog(APLOG_CRIT, 0, s, "ES0009",
                "all %u places for children are taken; this child serves no "
                "events. ServerLimit was raised without a stop?",
                es_board_places(service->board));
        return;
    }
    rv = start_delivery(pchild, s);
    if (rv != APR_SUCCESS) {
        service->delivery = NULL;
        es_slog(APLOG_CRIT, rv, s, "ES0010",
                "cannot start the delivery; this child serves no events");
        return;
    }
    apr_pool_pre_cleanup_register(pchild, NULL, leave);
    es_slog(APLOG_INFO, 0, s, "ES0011", "place %u, delivery started",
            service->place);
}

void es_service_stop(void)
{
    if (service && service->delivery) {
        es_delivery_stop(service->delivery);
    }
}

void es_service_bury(pid_t pid)
{
    apr_uint32_t place, i, turns;

    if (!service) {
        return;
    }
    /* a bounded number of turns: the board is written by children */
    for (turns = es_board_places(service->board); turns > 0; turns--) {
        place = es_board_find(service->board, (apr_uint64_t)pid);
        if (place == 0) {
            return;
        }
        for (i = 0; i < service->nhubs; i++) {
            es_store_forget(service->stores[i], place);
        }
        es_census_forget(service->census, place);
        es_board_free(service->board, place);
    }
}

const es_hub_view_t *es_service_hub(const es_dir_t *conf)
{
    if (!service || !service->delivery) {
        return NULL;
    }
    return apr_hash_get(service->hubs, conf->hub ? conf->hub : "default",
                        APR_HASH_KEY_STRING);
}

es_delivery_t *es_service_delivery(void)
{
    return service ? service->delivery : NULL;
}

apr_uint32_t es_service_place(void)
{
    return service ? service->place : 0;
}

apr_uint32_t es_service_places(void)
{
    return service ? es_board_places(service->board) : 0;
}

es_census_t *es_service_census(es_census_limits_t *limits)
{
    *limits = service->limits;
    return service->census;
}

void es_service_wake(const apr_uint64_t *touched)
{
    apr_uint32_t places = es_service_places(), place;

    for (place = 1; place <= places; place++) {
        if (touched[(place - 1) / 64] >> ((place - 1) % 64) & 1) {
            es_board_wake(service->board, place);
        }
    }
}
