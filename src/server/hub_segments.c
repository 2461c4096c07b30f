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
#include "server/hub_files.h"
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

/* Pages of the state are few, so it is not populated. */
static apr_status_t make_cluster(es_retained_hub_t *hub,
                                 const es_cluster_conf_t *conf)
{
    apr_size_t size = es_cluster_state_size();
    apr_uint64_t node;
    void *mem;
    apr_status_t rv =
        apr_generate_random_bytes((unsigned char *)&node, sizeof(node));

    if (rv == APR_SUCCESS) {
        rv = es_segment_create(&mem, size, hub->pool);
    }
    if (rv == APR_SUCCESS) {
        hub->cluster = es_cluster_state_format(mem, node | 1); /* not 0 */
        hub->cluster_size = size;
        apr_cpystrn(hub->key, conf->key, sizeof(hub->key));
    }
    return rv;
}

/** @param epoch  of the segment whose events will be migrated; NULL = a new one
 */
static apr_status_t make_hub(es_retained_hub_t *hub, const es_hub_conf_t *named,
                             const es_store_params_t *params,
                             const es_id_t *epoch, apr_pool_t *process)
{
    apr_status_t rv = APR_SUCCESS;

    memset(hub, 0, sizeof(*hub));
    hub->unnamed_since = ES_HUB_NAMED;
    apr_cpystrn(hub->name, named->name, sizeof(hub->name));
    hub->made = es_clock_now();
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
    if (rv == APR_SUCCESS && named->is_populated) {
        rv = es_segment_populate(hub->mem, hub->size);
    }
    if (rv == APR_SUCCESS) {
        rv = es_store_format(hub->mem, params, &hub->epoch);
    }
    if (rv == APR_SUCCESS && named->cluster) {
        rv = make_cluster(hub, named->cluster);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(hub->pool);
    }
    return rv;
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

static apr_status_t attach(es_store_t **store, const es_retained_hub_t *hub,
                           apr_pool_t *p)
{
    return es_store_attach(store, hub->mem, hub->size, &hub->params, p);
}

static apr_status_t load(const es_retained_hub_t *hub,
                         const es_hub_file_t *file, server_rec *s)
{
    es_store_t *store;
    apr_pool_t *p;
    apr_status_t rv;

    apr_pool_create(&p, hub->pool);
    rv = attach(&store, hub, p);
    if (rv == APR_SUCCESS) {
        rv = es_hub_file_load(file, store, s);
    }
    apr_pool_destroy(p);
    return rv;
}

/** Make a hub with the events of its file, if there are any. */
static apr_status_t make_loaded(es_retained_hub_t *hub,
                                const es_hub_conf_t *named,
                                const es_store_params_t *params,
                                const es_hub_file_t *file, server_rec *s)
{
    apr_pool_t *process = s->process->pool;
    apr_status_t rv;

    if (!file->is_open || file->found != ES_HUB_FILE_EVENTS) {
        return make_hub(hub, named, params, NULL, process);
    }
    rv = make_hub(hub, named, params, &file->head.epoch, process);
    if (rv == APR_SUCCESS && load(hub, file, s) != APR_SUCCESS) {
        apr_pool_destroy(hub->pool);
        rv = make_hub(hub, named, params, NULL, process);
    }
    return rv;
}

/** @param counter  of the hub
 * @param file     of the hub; taken over on success */
static int make_first(es_retained_t *retained, const es_hub_conf_t *named,
                      const es_store_params_t *params, apr_uint32_t counter,
                      const es_hub_file_t *file, server_rec *s)
{
    es_retained_hub_t *hub = &retained->hubs[retained->nhubs];
    apr_status_t rv;

    if (retained->nhubs == ES_HUBS_MAX) {
        es_slog(
            APLOG_ERR, 0, s, "ES0003",
            "cannot add hub %s: there are %d hubs, with those of the previous "
            "configuration; restart httpd once more",
            named->name, ES_HUBS_MAX);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    rv = make_loaded(hub, named, params, file, s);
    if (rv != APR_SUCCESS) {
        return fail_to_make(named->name, params, rv, s);
    }
    hub->counter = counter;
    hub->file = *file;
    retained->nhubs++;
    return OK;
}

/* ---- Changing ---------------------------------------------------------- */

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
    made->file = hub->file;
    apr_pool_destroy(hub->pool);
    *hub = *made;
}

/* Its events are lost: an empty journal of another epoch takes its place, so
 * that clients which resume get stream-reset. */
static int start_empty(es_retained_hub_t *hub, const es_hub_conf_t *named,
                       const es_store_params_t *params, server_rec *s)
{
    es_retained_hub_t made;
    apr_status_t rv = make_hub(&made, named, params, NULL, s->process->pool);

    if (rv != APR_SUCCESS) {
        return fail_to_make(hub->name, params, rv, s);
    }
    take_over(hub, &made);
    return OK;
}

static int replace(es_retained_hub_t *hub, const es_hub_conf_t *named,
                   const es_store_params_t *params, apr_status_t why,
                   server_rec *s)
{
    if (start_empty(hub, named, params, s) != OK) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    es_slog(APLOG_WARNING, why, s, "ES0207",
            "cannot read the journal of hub %s: it is damaged, or a module of "
            "another version has made it; it starts empty, and clients that "
            "resume get stream-reset",
            hub->name);
    return OK;
}

static int resize(es_retained_hub_t *hub, const es_hub_conf_t *named,
                  const es_store_params_t *params, server_rec *s)
{
    es_retained_hub_t made;
    es_migrated_t migrated;
    apr_status_t rv =
        make_hub(&made, named, params, &hub->epoch, s->process->pool);

    if (rv != APR_SUCCESS) {
        /* the hub continues as it is */
        return fail_to_make(hub->name, params, rv, s);
    }
    rv = migrate(&made, hub, &migrated);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(made.pool);
        return replace(hub, named, params, rv, s);
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

static int keep_hub(es_retained_hub_t *hub, const es_hub_conf_t *named,
                    const es_store_params_t *params, int is_idle, server_rec *s)
{
    hub->unnamed_since = ES_HUB_NAMED;
    if (is_idle && !is_usable(hub)) {
        return replace(hub, named, params, APR_SUCCESS, s);
    }
    if (!is_other(&hub->params, params)) {
        return OK;
    }
    if (is_idle) {
        return resize(hub, named, params, s);
    }
    es_slog(APLOG_NOTICE, 0, s, "ES0002",
            "hub %s keeps its size while children use it; EventStreamHub "
            "size= and EventStreamMaxChannels take effect at the next restart "
            "that is not graceful, which migrates its events",
            hub->name);
    return OK;
}

/* ---- Clustered or not -------------------------------------------------- */

/* A state of another layout cannot be used, and old children may still write
 * to it, so it is another stream, too. */
static int is_same_stream(const es_retained_hub_t *hub,
                          const es_hub_conf_t *named)
{
    if (!named->cluster || !hub->cluster) {
        return !named->cluster && !hub->cluster;
    }
    return !strcmp(hub->key, named->cluster->key) &&
           es_cluster_state_attach(hub->cluster, hub->cluster_size);
}

const es_hub_conf_t *es_hub_segments_conf(const es_retained_hub_t *hub,
                                          const es_settings_t *global)
{
    const es_hub_conf_t *named =
        hub->is_replaced ? NULL : es_settings_hub(global, hub->name);

    return named && is_same_stream(hub, named) ? named : NULL;
}

static const es_hub_file_t no_file;

/* Old children may still append to the segment. So it is theirs from now on,
 * unless there are none. */
static int change_stream(es_retained_t *retained, es_retained_hub_t *hub,
                         const es_hub_conf_t *named,
                         const es_store_params_t *params, int generation,
                         int is_idle, server_rec *s)
{
    int rc = is_idle ? start_empty(hub, named, params, s)
                     : make_first(retained, named, params, hub->counter,
                                  &no_file, s);

    if (rc != OK) {
        return rc;
    }
    if (!is_idle) {
        retained->hubs[retained->nhubs - 1].file = hub->file;
        hub->file = no_file;
        hub->is_replaced = 1;
        hub->unnamed_since = generation;
    }
    es_slog(APLOG_NOTICE, 0, s, "ES0802",
            "hub %s %s; its journal starts empty, and its clients get "
            "stream-reset",
            named->name,
            named->cluster ? "is clustered with this key= from now on"
                           : "is no longer clustered");
    return OK;
}

/* ---- All hubs ---------------------------------------------------------- */

static es_retained_hub_t *find_hub(es_retained_t *retained, const char *name)
{
    apr_uint32_t i;

    for (i = 0; i < retained->nhubs; i++) {
        if (!retained->hubs[i].is_replaced &&
            !strcmp(retained->hubs[i].name, name)) {
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

        if (!hub->is_replaced && es_settings_hub(global, hub->name)) {
            i++;
        }
        else if (hub->unnamed_since != ES_HUB_NAMED &&
                 es_child_pids_is_since(&retained->child_pids,
                                        hub->unnamed_since)) {
            es_slog(APLOG_INFO, 0, s, "ES0208",
                    "hub %s is no longer configured; its memory was freed",
                    hub->name);
            es_hub_file_remove(&hub->file);
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

/* ---- Files --------------------------------------------------------------- */

/* A hub that is there already: its configuration may name another file than
 * before, or none. */
static int follow_file(const es_retained_t *retained, es_retained_hub_t *hub,
                       const es_hub_conf_t *named, server_rec *s)
{
    if (hub->file.is_open ? named->file && !strcmp(hub->file.path, named->file)
                          : !named->file) {
        es_hub_file_set_cluster(&hub->file, named->cluster);
        return OK;
    }
    es_hub_file_remove(&hub->file);
    if (es_hub_files_open(&hub->file, retained, named, s) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (hub->file.is_open && hub->file.found == ES_HUB_FILE_EVENTS) {
        es_slog(APLOG_NOTICE, 0, s, "ES0223",
                "hub %s does not use the events of %s, as it has its own",
                hub->name, hub->file.path);
    }
    return OK;
}

static void drop_last(es_retained_t *retained)
{
    es_retained_hub_t *hub = &retained->hubs[--retained->nhubs];

    es_hub_file_close(&hub->file);
    apr_pool_destroy(hub->pool);
}

/* A new hub. If its file cannot be used it must not be there, either: a later
 * start would find old events. */
static int open_first(es_retained_t *retained, const es_hub_conf_t *named,
                      const es_store_params_t *params, int generation,
                      server_rec *s)
{
    es_hub_file_t file;
    int rc;

    if (es_hub_files_open(&file, retained, named, s) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    rc = make_first(retained, named, params, retained->next_counter, &file, s);
    if (rc != OK) {
        es_hub_file_close(&file);
        return rc;
    }
    if (generation > 0 &&
        es_hub_file_use(&retained->hubs[retained->nhubs - 1].file, s) !=
            APR_SUCCESS) {
        drop_last(retained);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    retained->next_counter++;
    return OK;
}

static int open_hub(es_retained_t *retained, const es_hub_conf_t *named,
                    const es_store_params_t *params, int generation,
                    int is_idle, server_rec *s)
{
    es_retained_hub_t *hub = find_hub(retained, named->name);
    int rc;

    if (!hub) {
        return open_first(retained, named, params, generation, s);
    }
    rc = is_same_stream(hub, named)
             ? keep_hub(hub, named, params, is_idle, s)
             : change_stream(retained, hub, named, params, generation, is_idle,
                             s);
    if (rc == OK) {
        hub = find_hub(retained, named->name);
        rc = follow_file(retained, hub, named, s);
    }
    if (rc == OK && es_hub_file_use(&hub->file, s) != APR_SUCCESS) {
        rc = HTTP_INTERNAL_SERVER_ERROR;
    }
    return rc;
}

int es_hub_segments_open(es_retained_t *retained, int generation, server_rec *s)
{
    const es_settings_t *global = es_settings_of(s);
    int is_idle = es_child_pids_is_since(&retained->child_pids, APR_INT32_MAX);
    es_store_params_t params = {0};
    int i, rc = OK;

    release(retained, global, generation, s);
    params.max_children = retained->max_children;
    for (i = 0; i < global->hubs->nelts; i++) {
        const es_hub_conf_t *named =
            &APR_ARRAY_IDX(global->hubs, i, es_hub_conf_t);

        params.ring_bytes = named->size_bytes;
        params.channels = named->channels != 0
                              ? named->channels
                              : (apr_uint32_t)global->max_channels;
        if (open_hub(retained, named, &params, generation, is_idle, s) != OK) {
            rc = HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return rc;
}
