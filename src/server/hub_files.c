/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When httpd ends it has ended its children: the MPM has waited for them, and
 * killed the rest after nine seconds. But under prefork, if
 * GracefulShutdownTimeout is over, it has sent them a signal and not waited;
 * and it takes a child that is stopped for one that has exited. What these
 * would still publish must not be missing in the file.
 */
#include "server/hub_files.h"

#include <apr_strings.h>

#include "base/clock.h"
#include "base/context.h"
#include "server/log.h"

/** How long children may take to end; then they are killed, and get the same
 * time once more. */
#define CHILDREN_WAIT (5 * APR_USEC_PER_SEC)
#define CHILDREN_POLL (APR_USEC_PER_SEC / 100)

apr_status_t es_hub_files_open(es_hub_file_t *file,
                               const es_retained_t *retained,
                               const es_hub_conf_t *named, server_rec *s)
{
    apr_uint32_t i;

    for (i = 0; named->file && i < retained->nhubs; i++) {
        if (es_hub_file_is(&retained->hubs[i].file, named->file)) {
            es_slog(APLOG_ERR, 0, s, "ES0225",
                    "hub %s cannot use %s: hub %s has that file; each hub "
                    "needs a file= of its own",
                    named->name, named->file, retained->hubs[i].name);
            memset(file, 0, sizeof(*file));
            return APR_EEXIST;
        }
    }
    return es_hub_file_open(file, named, s);
}

int es_hub_files_use(es_retained_t *retained, server_rec *s)
{
    apr_uint32_t i;
    int rc = OK;

    for (i = 0; i < retained->nhubs; i++) {
        if (es_hub_file_use(&retained->hubs[i].file, s) != APR_SUCCESS) {
            rc = HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return rc;
}

/* ---- Saving -------------------------------------------------------------- */

static int is_to_be_saved(const es_retained_hub_t *hub)
{
    return hub->file.is_open && hub->file.is_used && !hub->is_replaced &&
           hub->unnamed_since == ES_HUB_NAMED;
}

static int has_to_save(const es_retained_t *retained)
{
    apr_uint32_t i;

    for (i = 0; i < retained->nhubs; i++) {
        if (is_to_be_saved(&retained->hubs[i])) {
            return 1;
        }
    }
    return 0;
}

/** @return how many have not ended in time */
static int wait_for_children(const es_child_pids_t *child_pids)
{
    apr_time_t by = es_clock_now() + CHILDREN_WAIT;
    int living = es_child_pids_count_before(child_pids, APR_INT32_MAX);

    while (living > 0 && es_clock_now() < by) {
        apr_sleep(CHILDREN_POLL);
        living = es_child_pids_count_before(child_pids, APR_INT32_MAX);
    }
    return living;
}

static int end_children(const es_child_pids_t *child_pids)
{
    int living = wait_for_children(child_pids);

    if (living == 0) {
        return 0;
    }
    es_child_pids_kill(child_pids);
    return wait_for_children(child_pids);
}

/** A store of another epoch than ours is a damaged one. */
static void save(const es_retained_hub_t *hub, server_rec *s)
{
    es_store_t *store;
    apr_pool_t *p;
    apr_status_t rv;
    es_id_t epoch;

    apr_pool_create(&p, hub->pool);
    rv = es_store_attach(&store, hub->mem, hub->size, &hub->params, p);
    if (rv == APR_SUCCESS) {
        epoch = es_store_epoch(store);
        rv = es_id_compare(&epoch, &hub->epoch) == 0 ? APR_SUCCESS
                                                     : APR_EGENERAL;
    }
    if (rv == APR_SUCCESS) {
        es_hub_file_save(&hub->file, store, s);
    }
    else {
        es_slog(APLOG_ERR, rv, s, "ES0226",
                "the journal of hub %s is damaged and was not saved; the hub "
                "starts empty next time, and clients that resume get "
                "stream-reset",
                hub->name);
    }
    apr_pool_destroy(p);
}

static void save_all(es_retained_t *retained, server_rec *s)
{
    int living = end_children(&retained->child_pids);
    apr_uint32_t i;

    if (living > 0) {
        es_slog(
            APLOG_WARNING, 0, s, "ES0224",
            "%d children cannot be ended; the events of hubs are not saved, "
            "and clients that resume get stream-reset",
            living);
        return;
    }
    for (i = 0; i < retained->nhubs; i++) {
        if (is_to_be_saved(&retained->hubs[i])) {
            save(&retained->hubs[i], s);
        }
    }
}

void es_hub_files_save(es_retained_t *retained, server_rec *s)
{
    es_context_enter(ES_PARENT);
    if (has_to_save(retained)) {
        save_all(retained, s);
    }
    es_hub_files_close(retained);
}

void es_hub_files_close(es_retained_t *retained)
{
    apr_uint32_t i;

    for (i = 0; i < retained->nhubs; i++) {
        es_hub_file_close(&retained->hubs[i].file);
    }
}
