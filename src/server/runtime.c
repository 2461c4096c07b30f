/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One service in each process. The parent attaches to the kept memory after
 * each reading of the configuration; its children inherit that by fork, and
 * add a place and a delivery of their own.
 */
#include "server/runtime.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ap_listen.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <http_main.h>
#include <scoreboard.h>

#include "base/context.h"
#include "base/clock.h"
#include "server/log.h"
#include "base/sigblock.h"
#include "server/grip_runtime.h"
#include "server/retained.h"

/* How long a child that ends waits for its threads, which stop side by side:
 * both are reckoned from the same moment, as httpd kills after 9 s. Delivery
 * has 3 s for other children to come, then 1 s for the lifeboat and 2 s for
 * its clients to read the end (es_refuge.c, es_retreat.c); the courier 2 s for
 * posts on their way. */
#define DELIVERY_PATIENCE (13 * APR_USEC_PER_SEC / 2)
#define COURIER_PATIENCE (5 * APR_USEC_PER_SEC / 2)
/* For delivery's last turn, when workers have taken all of that time to go. */
#define LAST_TURN (APR_USEC_PER_SEC / 2)
/* descriptors that clients leave to the rest of a child: files, logs,
 * backends, listeners, the connections that workers serve */
#define SPARE_DESCRIPTORS 256

typedef struct es_service_t {
    es_board_t *board;
    es_census_t *census;
    es_meter_t *meter;
    es_census_limits_t limits;
    apr_hash_t *hubs;      /* name → es_hub_view_t */
    es_store_t **stores;   /* by number; also of hubs no longer named */
    unsigned char *closed; /* by number; 1 = the configuration names it no
                            * more */
    int lifeboat[2];       /* -1 = there is none */
    apr_uint32_t nhubs;
    int generation;          /* of this child */
    int is_threaded;         /* the MPM is */
    apr_uint32_t place;      /* 0 in the parent */
    es_delivery_t *delivery; /* NULL in the parent */
    apr_time_t stopping;     /* since when, by es_clock_now; 0 = it was not
                              * told, or it was graceful */
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
static int attach_hubs(es_service_t *made, es_kept_t *kept, server_rec *s,
                       apr_pool_t *pool)
{
    apr_uint32_t i;
    int rc = es_mailing_open(&kept->boxes, kept->places, kept->nhubs, s, pool);

    made->hubs = apr_hash_make(pool);
    made->stores = apr_pcalloc(pool, sizeof(*made->stores) * kept->nhubs);
    made->closed = apr_pcalloc(pool, kept->nhubs);
    for (i = 0; i < kept->nhubs; i++) {
        const es_kept_hub_t *hub = &kept->hubs[i];
        const es_hub_t *named = es_global_hub(es_global_of(s), hub->name);
        es_hub_view_t *view = apr_pcalloc(pool, sizeof(*view));
        apr_status_t rv = es_store_attach(&view->store, hub->mem, hub->size,
                                          &hub->params, pool);

        if (rv != APR_SUCCESS) {
            es_slog(APLOG_ERR, rv, s, "ES0006",
                    "the shared memory of hub %s cannot be used; restart "
                    "httpd, not gracefully",
                    hub->name);
            rc = HTTP_INTERNAL_SERVER_ERROR;
            continue;
        }
        view->name = hub->name;
        view->counter = hub->counter;
        view->number = made->nhubs;
        view->grip = named ? named->grip : NULL;
        made->closed[made->nhubs] = !named;
        made->stores[made->nhubs++] = view->store;
        if (named) {
            view->grip_prefix = named->grip_prefix;
            view->history = named->history;
            view->age_us = named->age_us;
            apr_hash_set(made->hubs, hub->name, APR_HASH_KEY_STRING, view);
        }
        if (es_mailing_add(view, s) != OK) {
            rc = HTTP_INTERNAL_SERVER_ERROR;
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

static int generation_now(void)
{
    int generation = 0;

    ap_mpm_query(AP_MPMQ_GENERATION, &generation);
    return generation;
}

/* An error of post_config at a restart would end the running server, with
 * all that does not need us. */
static int is_restart(void)
{
    return generation_now() > 0;
}

static int attach(es_service_t *made, es_kept_t *kept, server_rec *s,
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
    made->meter = es_meter_attach(kept->meter);
    set_limits(made, es_global_of(s));
    memcpy(made->lifeboat, kept->lifeboat, sizeof(made->lifeboat));
    es_board_open(made->board, (apr_uint64_t)generation_now(),
                  (apr_uint64_t)kept->afloat);
    service = made;
    apr_pool_cleanup_register(pool, NULL, forget_service,
                              apr_pool_cleanup_null);
    return attach_hubs(made, kept, s, pool);
}

/* Children whose end nobody has told us: a configuration without the module
 * was in between. */
static void bury_unseen(const es_brood_t *brood)
{
    apr_uint32_t place;

    for (place = es_board_places(service->board); place > 0; place--) {
        apr_uint64_t pid = es_board_holder(service->board, place);

        if (pid != 0 && !es_brood_has(brood, pid)) {
            es_service_bury((pid_t)pid);
        }
    }
}

int es_service_open(apr_pool_t *pconf, apr_pool_t *plog, server_rec *s)
{
    es_service_t *made = apr_pcalloc(pconf, sizeof(*made));
    es_kept_t *kept;
    int rc = es_memory_open(&kept, generation_now(), plog, s);

    ES_CONTEXT(ES_PARENT);
    if (kept && attach(made, kept, s, pconf) != OK) {
        rc = HTTP_INTERNAL_SERVER_ERROR;
    }
    if (service) {
        bury_unseen(&kept->brood);
    }
    if (service) {
        es_slog(APLOG_NOTICE, 0, s, "ES0007",
                "event streams ready: %u hub(s), at most %u clients in a "
                "child",
                apr_hash_count(made->hubs), made->limits.child_clients);
    }
    return is_restart() ? OK : rc;
}

static apr_status_t join_delivery(apr_time_t by)
{
    apr_interval_time_t left = by - es_clock_now();

    return es_delivery_join(service->delivery,
                            left > LAST_TURN ? left : LAST_TURN);
}

static apr_status_t leave(void *unused)
{
    apr_time_t since;
    apr_status_t rv;

    (void)unused;
    if (!es_delivery_is_stopping(service->delivery)) {
        es_service_stop(0);
    }
    es_mailing_stop(); /* beside the delivery */
    since = service->stopping != 0 ? service->stopping : es_clock_now();
    rv = join_delivery(since + DELIVERY_PATIENCE);
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_WARNING, rv, ap_server_conf, "ES0008",
                "the delivery did not end in time; its streams are cut");
    }
    es_mailing_leave(since + COURIER_PATIENCE, ap_server_conf);
    return APR_SUCCESS;
}

/* Raised by the parent before it tells its children of a restart. */
static const int *running_generation(void)
{
    return ap_scoreboard_image
               ? &ap_scoreboard_image->global->running_generation
               : NULL;
}

static apr_status_t start_delivery(apr_pool_t *pchild, server_rec *s)
{
    es_delivery_params_t params = {0};

    params.board = service->board;
    params.place = service->place;
    params.hubs = service->stores;
    params.nhubs = service->nhubs;
    params.drain_ms = es_global_of(s)->drain_us / 1000;
    params.closed = service->closed;
    params.census = service->census;
    params.clients_max = service->limits.child_clients;
    if (service->lifeboat[0] >= 0 && service->lifeboat[1] >= 0) {
        params.lifeboat = service->lifeboat;
    }
    params.running = running_generation();
    params.generation = (apr_uint64_t)service->generation;
    return es_delivery_start(&service->delivery, &params, pchild);
}

void es_service_enter(apr_pool_t *pchild, server_rec *s)
{
    apr_status_t rv;

    ES_CONTEXT(ES_CHILD_INIT);
    if (!service) {
        return;
    }
    service->generation = generation_now();
    ap_mpm_query(AP_MPMQ_IS_THREADED, &service->is_threaded);
    es_hush_need(service->is_threaded == AP_MPMQ_NOT_SUPPORTED);
    service->place =
        es_board_claim(service->board, (apr_uint64_t)service->generation,
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
        es_board_stops(service->board, service->place);
        es_slog(APLOG_CRIT, rv, s, "ES0010",
                "cannot start the delivery; this child serves no events");
        return;
    }
    es_mailing_enter(service->place, pchild, s);
    apr_pool_pre_cleanup_register(pchild, NULL, leave);
    es_slog(APLOG_INFO, 0, s, "ES0011", "place %u, delivery started",
            service->place);
}

static int is_listening(void)
{
    const ap_listen_rec *listener = ap_listeners;

    while (listener && !listener->active) {
        listener = listener->next;
    }
    return listener != NULL;
}

/*
 * prefork says nothing of its reasons. But stop and restart come in a signal
 * handler, in which its signal is blocked; and a graceful one has closed the
 * listeners. What remains is that this child alone has to go: it has served
 * its share, or there are too many idle ones.
 */
static int is_alone(void)
{
    sigset_t blocked;

    if (pthread_sigmask(SIG_BLOCK, NULL, &blocked) != 0 ||
        sigismember(&blocked, SIGTERM) || sigismember(&blocked, SIGHUP)) {
        return 0;
    }
    return is_listening();
}

/*
 * A threaded MPM tells graceful from not; a child whose connections are used
 * up finds out in another thread than the main one, which hears the parent.
 */
static es_stop_t why_stop(int graceful)
{
    const int *running = running_generation();

    if (graceful) {
        return syscall(SYS_gettid) == getpid() ? ES_STOP_GRACEFUL : ES_STOP_OWN;
    }
    if (service->is_threaded && running && *running == service->generation) {
        return ES_STOP_FINAL;
    }
    return !service->is_threaded && is_alone() ? ES_STOP_OWN : ES_STOP_NOW;
}

void es_service_stop(int graceful)
{
    if (service && service->delivery) {
        es_delivery_leave(service->delivery, why_stop(graceful));
        if (!graceful) {
            service->stopping = es_clock_now();
            es_mailing_stop();
        }
    }
}

/* A child of prefork that is to end gracefully is told nothing while it
 * serves a request; but its generation is over, or it listens no more. */
int es_service_is_stopping(void)
{
    const int *running = running_generation();

    if (!service || !service->delivery) {
        return 0;
    }
    return es_delivery_is_stopping(service->delivery) ||
           (running && *running != service->generation) ||
           (!service->is_threaded && !is_listening());
}

void es_service_bury(pid_t pid)
{
    apr_uint32_t place, i, turns;

    ES_CONTEXT(ES_PARENT);
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

const es_hub_view_t *es_service_hub_named(const char *name)
{
    if (!service || !service->delivery) {
        return NULL;
    }
    return apr_hash_get(service->hubs, name, APR_HASH_KEY_STRING);
}

const es_hub_view_t *es_service_hub(const es_dir_t *conf)
{
    return es_service_hub_named(es_dir_hub(conf));
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

es_meter_t *es_service_meter(void)
{
    return service ? service->meter : NULL;
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
