/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each segment has a pool of its own under the process pool, by which it is
 * given back. What the parent relies on, it remembers itself: size, params and
 * birth; the segment is written by children.
 */
#include "server/hub_segments.h"

#include <apr_general.h>
#include <apr_strings.h>

#include "base/clock.h"
#include "shm/segment.h"
#include "journal/migrate.h"
#include "server/log.h"

/* ---- making ------------------------------------------------------------ */

static apr_status_t make_epoch(es_id_t *epoch)
{
    apr_uint32_t random;
    apr_status_t rv =
        apr_generate_random_bytes((unsigned char *)&random, sizeof(random));

    *epoch =
        es_id_epoch(random, (apr_uint64_t)apr_time_as_msec(apr_time_now()));
    return rv;
}

/**
 * @param birth  of the segment whose events are to come; NULL = a new one
 */
static apr_status_t make_hub(es_retained_hub_t *hub, const char *name,
                             const es_store_params_t *params,
                             const es_id_t *epoch, apr_pool_t *process)
{
    apr_status_t rv = APR_SUCCESS;

    memset(hub, 0, sizeof(*hub));
    hub->unnamed_since = ES_HUB_NAMED;
    apr_cpystrn(hub->name, name, sizeof(hub->name));
    hub->params = *params;
    hub->size = es_store_size(params);
    if (hub->size == 0) {
        return APR_EINVAL;
    }
    apr_pool_create(&hub->pool, process);
    if (epoch) {
        hub->epoch = *epoch;
    }
    else {
        rv = make_epoch(&hub->epoch);
    }
    if (rv == APR_SUCCESS) {
        rv = es_segment_create(&hub->mem, hub->size, hub->pool);
    }
    if (rv == APR_SUCCESS) {
        rv = es_store_format(hub->mem, params, &hub->epoch);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(hub->pool);
    }
    return rv;
}

static int tell_not_made(const char *name, const es_store_params_t *params,
                         apr_status_t rv, server_rec *s)
{
    es_slog(APLOG_ERR, rv, s, "ES0004",
            "cannot make %" APR_UINT64_T_FMT " bytes of shared memory "
            "for hub %s; lower EventStreamHub size=",
            params->ring_bytes, name);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int make_first(es_retained_t *retained, const char *name,
                      const es_store_params_t *params, server_rec *s)
{
    apr_status_t rv;

    if (retained->nhubs == ES_HUBS_MAX) {
        es_slog(APLOG_ERR, 0, s, "ES0003",
                "no room for hub %s: there are %d hubs, with those that the "
                "configuration before has named; restart httpd",
                name, ES_HUBS_MAX);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    rv = make_hub(&retained->hubs[retained->nhubs], name, params, NULL,
                  s->process->pool);
    if (rv != APR_SUCCESS) {
        return tell_not_made(name, params, rv, s);
    }
    retained->hubs[retained->nhubs++].counter = retained->next_counter++;
    return OK;
}

/* ---- changing ---------------------------------------------------------- */

static apr_status_t attach(es_store_t **store, const es_retained_hub_t *hub,
                           apr_pool_t *p)
{
    return es_store_attach(store, hub->mem, hub->size, &hub->params, p);
}

/* Else it is of another layout, or damaged: no child could use it. */
static int is_usable(const es_retained_hub_t *hub)
{
    es_store_t *store;
    apr_pool_t *p;
    int usable;

    apr_pool_create(&p, hub->pool);
    usable = attach(&store, hub, p) == APR_SUCCESS && es_store_is_sound(store);
    apr_pool_destroy(p);
    return usable;
}

static apr_status_t fill(const es_retained_hub_t *to,
                         const es_retained_hub_t *from, es_migrated_t *migrated)
{
    es_store_t *old, *new;
    apr_pool_t *p;
    apr_status_t rv;

    apr_pool_create(&p, from->pool);
    rv = attach(&old, from, p);
    if (rv == APR_SUCCESS) {
        rv = attach(&new, to, p);
    }
    if (rv == APR_SUCCESS) {
        es_store_clock(new, es_clock_ms());
        rv = es_store_migrate(new, old, migrated);
    }
    apr_pool_destroy(p);
    return rv;
}

static void put_in_place(es_retained_hub_t *hub, es_retained_hub_t *made)
{
    made->counter = hub->counter;
    apr_pool_destroy(hub->pool);
    *hub = *made;
}

/* Its events cannot be had: an empty journal of another epoch, so that clients
 * are told. */
static int replace(es_retained_hub_t *hub, const es_store_params_t *params,
                   apr_status_t why, server_rec *s)
{
    es_retained_hub_t made;
    apr_status_t rv =
        make_hub(&made, hub->name, params, NULL, s->process->pool);

    if (rv != APR_SUCCESS) {
        return tell_not_made(hub->name, params, rv, s);
    }
    es_slog(APLOG_WARNING, why, s, "ES0207",
            "the journal of hub %s cannot be read, or is of another build; it "
            "begins anew, and clients that resume are told that events are "
            "missing",
            hub->name);
    put_in_place(hub, &made);
    return OK;
}

static int resize(es_retained_hub_t *hub, const es_store_params_t *params,
                  server_rec *s)
{
    es_retained_hub_t made;
    es_migrated_t migrated;
    apr_status_t rv =
        make_hub(&made, hub->name, params, &hub->epoch, s->process->pool);

    if (rv != APR_SUCCESS) {
        /* it goes on as it is */
        return tell_not_made(hub->name, params, rv, s);
    }
    rv = fill(&made, hub, &migrated);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(made.pool);
        return replace(hub, params, rv, s);
    }
    es_slog(APLOG_NOTICE, 0, s, "ES0206",
            "hub %s has got another size: %" APR_UINT64_T_FMT " events were "
            "carried over, for the oldest %" APR_UINT64_T_FMT " there was no "
            "room",
            hub->name, migrated.events, migrated.lost);
    put_in_place(hub, &made);
    return OK;
}

static int is_other(const es_store_params_t *a, const es_store_params_t *b)
{
    return a->ring_bytes != b->ring_bytes || a->channels != b->channels ||
           a->max_children != b->max_children;
}

static int keep_hub(es_retained_hub_t *hub, const es_store_params_t *params,
                    int is_idle, server_rec *s)
{
    hub->unnamed_since = ES_HUB_NAMED;
    if (is_idle && !is_usable(hub)) {
        return replace(hub, params, APR_SUCCESS, s);
    }
    if (!is_other(&hub->params, params)) {
        return OK;
    }
    if (is_idle) {
        return resize(hub, params, s);
    }
    es_slog(APLOG_NOTICE, 0, s, "ES0002",
            "hub %s keeps its size for now, as children use it; EventStreamHub "
            "size= and EventStreamMaxChannels take effect at the next restart "
            "that is not graceful, which carries its events over",
            hub->name);
    return OK;
}

/* ---- all of them ------------------------------------------------------- */

static es_retained_hub_t *find_hub(es_retained_t *retained, const char *name)
{
    apr_uint32_t i;

    for (i = 0; i < retained->nhubs; i++) {
        if (!strcmp(retained->hubs[i].name, name)) {
            return &retained->hubs[i];
        }
    }
    return NULL;
}

/* Give back hubs that no child can use, and note which are not named now. */
static void release(es_retained_t *retained, const es_settings_t *global,
                    int generation, server_rec *s)
{
    apr_uint32_t i = 0;

    while (i < retained->nhubs) {
        es_retained_hub_t *hub = &retained->hubs[i];

        if (es_settings_hub(global, hub->name)) {
            i++;
        }
        else if (hub->unnamed_since != ES_HUB_NAMED &&
                 es_child_pids_is_since(&retained->child_pids,
                                        hub->unnamed_since)) {
            es_slog(APLOG_INFO, 0, s, "ES0208",
                    "the memory of hub %s is given back", hub->name);
            apr_pool_destroy(hub->pool);
            retained->nhubs--;
            memmove(hub, hub + 1, sizeof(*hub) * (retained->nhubs - i));
        }
        else {
            if (hub->unnamed_since == ES_HUB_NAMED) {
                hub->unnamed_since = generation;
            }
            i++;
        }
    }
}

int es_hub_segments_open(es_retained_t *retained, int generation, server_rec *s)
{
    const es_settings_t *global = es_settings_of(s);
    int is_idle = es_child_pids_is_since(&retained->child_pids, APR_INT32_MAX);
    int i, rc = OK;

    release(retained, global, generation, s);
    for (i = 0; i < global->hubs->nelts; i++) {
        const es_hub_conf_t *named =
            &APR_ARRAY_IDX(global->hubs, i, es_hub_conf_t);
        es_retained_hub_t *hub = find_hub(retained, named->name);
        es_store_params_t params = {0};

        params.ring_bytes = named->size_bytes;
        params.channels = (apr_uint32_t)global->max_channels;
        params.max_children = retained->max_children;
        if (hub ? keep_hub(hub, &params, is_idle, s) != OK
                : make_first(retained, named->name, &params, s) != OK) {
            rc = HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return rc;
}
