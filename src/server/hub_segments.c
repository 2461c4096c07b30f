/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each segment has a pool of its own under the process pool; destroying that
 * pool frees it. The parent keeps size, params and epoch itself and does not
 * read them from the segment, because children can write there.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/clock.h"
#include "shm/segment.h"
#include "journal/migrate.h"
#include "server/log.h"
#include "server/retained.h"

/* ---- Making ------------------------------------------------------------ */

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
 * @param is_populated  1 = all pages now
 * @param epoch  of the segment whose events will be migrated; NULL = a new one
 */
static apr_status_t make_hub(es_retained_hub_t *hub, const char *name,
                             const es_store_params_t *params, int is_populated,
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
    if (rv == APR_SUCCESS && is_populated) {
        rv = es_segment_populate(hub->mem, hub->size);
    }
    if (rv == APR_SUCCESS) {
        rv = es_store_format(hub->mem, params, &hub->epoch);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(hub->pool);
    }
    return rv;
}

static int is_populated(const char *name, server_rec *s)
{
    const es_hub_conf_t *named = es_settings_hub(es_settings_of(s), name);

    return named && named->is_populated;
}

static int fail_to_make(const char *name, const es_store_params_t *params,
                        apr_status_t rv, server_rec *s)
{
    es_slog(APLOG_ERR, rv, s, "ES0004",
            "cannot make %" APR_UINT64_T_FMT " bytes of shared memory "
            "for hub %s; lower EventStreamHub size= or EventStreamMaxChannels",
            (apr_uint64_t)es_store_size(params), name);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int make_first(es_retained_t *retained, const char *name,
                      const es_store_params_t *params, server_rec *s)
{
    apr_status_t rv;

    if (retained->nhubs == ES_HUBS_MAX) {
        es_slog(
            APLOG_ERR, 0, s, "ES0003",
            "cannot add hub %s: there are %d hubs, with those of the previous "
            "configuration; restart httpd once more",
            name, ES_HUBS_MAX);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    rv = make_hub(&retained->hubs[retained->nhubs], name, params,
                  is_populated(name, s), NULL, s->process->pool);
    if (rv != APR_SUCCESS) {
        return fail_to_make(name, params, rv, s);
    }
    retained->hubs[retained->nhubs++].counter = retained->next_counter++;
    return OK;
}

/* ---- Changing ---------------------------------------------------------- */

static apr_status_t attach(es_store_t **store, const es_retained_hub_t *hub,
                           apr_pool_t *p)
{
    return es_store_attach(store, hub->mem, hub->size, &hub->params, p);
}

/* A segment of another layout, or a damaged one, is of no use to children. */
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

static apr_status_t migrate(const es_retained_hub_t *to,
                            const es_retained_hub_t *from,
                            es_migrated_t *migrated)
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
        es_store_set_clock(new, es_clock_ms());
        rv = es_store_migrate(new, old, migrated);
    }
    apr_pool_destroy(p);
    return rv;
}

static void take_over(es_retained_hub_t *hub, es_retained_hub_t *made)
{
    made->counter = hub->counter;
    apr_pool_destroy(hub->pool);
    *hub = *made;
}

/* Its events are lost: an empty journal of another epoch takes its place, so
 * that clients which resume get stream-reset. */
static int replace(es_retained_hub_t *hub, const es_store_params_t *params,
                   apr_status_t why, server_rec *s)
{
    es_retained_hub_t made;
    apr_status_t rv =
        make_hub(&made, hub->name, params, is_populated(hub->name, s), NULL,
                 s->process->pool);

    if (rv != APR_SUCCESS) {
        return fail_to_make(hub->name, params, rv, s);
    }
    es_slog(APLOG_WARNING, why, s, "ES0207",
            "cannot read the journal of hub %s: it is damaged, or a module of "
            "another version has made it; it starts empty, and clients that "
            "resume get stream-reset",
            hub->name);
    take_over(hub, &made);
    return OK;
}

static int resize(es_retained_hub_t *hub, const es_store_params_t *params,
                  server_rec *s)
{
    es_retained_hub_t made;
    es_migrated_t migrated;
    apr_status_t rv =
        make_hub(&made, hub->name, params, is_populated(hub->name, s),
                 &hub->epoch, s->process->pool);

    if (rv != APR_SUCCESS) {
        /* the hub continues as it is */
        return fail_to_make(hub->name, params, rv, s);
    }
    rv = migrate(&made, hub, &migrated);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(made.pool);
        return replace(hub, params, rv, s);
    }
    es_slog(APLOG_NOTICE, 0, s, "ES0206",
            "hub %s has a new size: %" APR_UINT64_T_FMT " events were "
            "migrated, the oldest %" APR_UINT64_T_FMT " did not fit",
            hub->name, migrated.events, migrated.lost);
    take_over(hub, &made);
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
            "hub %s keeps its size while children use it; EventStreamHub "
            "size= and EventStreamMaxChannels take effect at the next restart "
            "that is not graceful, which migrates its events",
            hub->name);
    return OK;
}

/* ---- All hubs ---------------------------------------------------------- */

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

/* Frees hubs that no child can use, and notes which are not configured now. */
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
                    "hub %s is no longer configured; its memory was freed",
                    hub->name);
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
