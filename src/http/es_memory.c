/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of the retained data ends with a version of es_kept_t: a module of
 * another layout finds nothing and makes its own, while the children of the
 * old one go on with theirs.
 *
 * The lifeboat may hold connections while no child is there to see to them.
 * So it must not outlive the module: should the next configuration be without
 * it, nobody of ours is called any more. httpd clears plog after it has read
 * that configuration, and so closes the descriptors that were registered
 * there; if we are part of it, we have made copies in pre_config by then.
 */
#include "http/es_memory.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <ap_mpm.h>
#include <apr_general.h>
#include <apr_portable.h>
#include <apr_strings.h>

#include "http/es_hlog.h"
#include "store/es_meter.h"
#include "store/es_shm.h"

#define KEY "mod_eventstream-4"

/* Room for some 20,000 clients; more have no seat, and end. */
#define LIFEBOAT_BYTES (16 * 1024 * 1024)

/* More than ServerLimit: a child that is on its way out may still hold its
 * place when its successor comes. */
static apr_uint32_t count_places(void)
{
    int children = 0;

    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &children);
    return (apr_uint32_t)(children > 0 ? children : 1) * 2 + 8;
}

/* Each client takes a descriptor, and so does each place. */
static void raise_descriptors(server_rec *s)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            es_slog(APLOG_WARNING, errno, s, "ES0001",
                    "cannot raise the limit of open files");
        }
    }
}

static apr_status_t make_wake(es_kept_t *kept, apr_pool_t *pool)
{
    apr_uint32_t i;

    kept->wake = apr_palloc(pool, sizeof(int) * kept->places);
    for (i = 0; i < kept->places; i++) {
        kept->wake[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (kept->wake[i] < 0) {
            return errno;
        }
    }
    return APR_SUCCESS;
}

/* Without it streams end cleanly when a child stops; so it is not missed as
 * much as to stop httpd. */
static void make_lifeboat(es_kept_t *kept, server_rec *s)
{
    int bytes = LIFEBOAT_BYTES;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   kept->lifeboat) != 0) {
        kept->lifeboat[0] = kept->lifeboat[1] = -1;
        es_slog(APLOG_WARNING, errno, s, "ES0323",
                "cannot make the socket pair for clients of a child that "
                "stops; their streams end, and they come back");
        return;
    }
    if (setsockopt(kept->lifeboat[0], SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
                   sizeof(bytes)) != 0) {
        /* not root: as much as everybody may have */
        (void)setsockopt(kept->lifeboat[0], SOL_SOCKET, SO_SNDBUF, &bytes,
                         sizeof(bytes));
    }
}

/* See the head of this file. Children inherit no obligation: their copies
 * close when they exit. */
static void tie_lifeboat(const es_kept_t *kept, apr_pool_t *plog)
{
    int i;

    for (i = 0; i < 2; i++) {
        apr_os_file_t fd = kept->lifeboat[i];
        apr_file_t *file;

        if (fd >= 0) {
            (void)apr_os_pipe_put_ex(&file, &fd, 1, plog);
        }
    }
}

void es_memory_hold_lifeboat(void)
{
    es_kept_t *kept = ap_retained_data_get(KEY);
    int i;

    for (i = 0; kept && i < 2; i++) {
        if (kept->lifeboat[i] >= 0) {
            kept->lifeboat[i] = fcntl(kept->lifeboat[i], F_DUPFD_CLOEXEC, 0);
        }
    }
}

static apr_status_t make_board(es_kept_t *kept, apr_pool_t *pool)
{
    apr_status_t rv;

    kept->places = count_places();
    kept->board_size = es_board_size(kept->places);
    rv = make_wake(kept, pool);
    if (rv == APR_SUCCESS) {
        rv = es_shm_create(&kept->census, es_census_size(kept->places), pool);
    }
    if (rv == APR_SUCCESS) {
        rv = es_shm_create(&kept->meter, es_meter_size(), pool);
    }
    if (rv == APR_SUCCESS) {
        rv = es_shm_create(&kept->board, kept->board_size, pool);
    }
    if (rv == APR_SUCCESS) {
        es_board_format(kept->board, kept->places);
    }
    return rv;
}

static apr_status_t be_born(es_id_t *birth)
{
    apr_uint32_t random;
    apr_status_t rv =
        apr_generate_random_bytes((unsigned char *)&random, sizeof(random));

    *birth =
        es_id_birth(random, (apr_uint64_t)apr_time_as_msec(apr_time_now()));
    return rv;
}

static apr_status_t make_hub(es_kept_hub_t *hub, const char *name,
                             const es_store_params_t *params, apr_pool_t *pool)
{
    es_id_t birth;
    apr_status_t rv;

    apr_cpystrn(hub->name, name, sizeof(hub->name));
    hub->params = *params;
    hub->size = es_store_size(params);
    if (hub->size == 0) {
        return APR_EINVAL;
    }
    rv = es_shm_create(&hub->mem, hub->size, pool);
    if (rv == APR_SUCCESS) {
        rv = be_born(&birth);
    }
    if (rv == APR_SUCCESS) {
        rv = es_store_format(hub->mem, params, &birth);
    }
    return rv;
}

/* The kept hub with this name, or NULL. */
static const es_kept_hub_t *find_hub(const es_kept_t *kept, const char *name)
{
    apr_uint32_t i;

    for (i = 0; i < kept->nhubs; i++) {
        if (!strcmp(kept->hubs[i].name, name)) {
            return &kept->hubs[i];
        }
    }
    return NULL;
}

static int open_hub(es_kept_t *kept, const es_hub_t *hub,
                    const es_global_t *global, server_rec *s)
{
    const es_kept_hub_t *old = find_hub(kept, hub->name);
    es_store_params_t params = {0};
    apr_status_t rv;

    params.ring_bytes = hub->size_bytes;
    params.channels = (apr_uint32_t)global->max_channels;
    params.places = kept->places;
    if (old) {
        if (old->params.ring_bytes != params.ring_bytes ||
            old->params.channels != params.channels) {
            es_slog(APLOG_NOTICE, 0, s, "ES0002",
                    "hub %s keeps the size that it was started with; stop "
                    "and start httpd to let EventStreamHub size= and "
                    "EventStreamMaxChannels take effect",
                    hub->name);
        }
        return OK;
    }
    if (kept->nhubs == ES_HUBS_MAX) {
        es_slog(APLOG_ERR, 0, s, "ES0003",
                "no room for hub %s: %d hubs were in use since httpd was "
                "started; stop and start it",
                hub->name, ES_HUBS_MAX);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    rv = make_hub(&kept->hubs[kept->nhubs], hub->name, &params,
                  s->process->pool);
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_ERR, rv, s, "ES0004",
                "cannot make %" APR_UINT64_T_FMT " bytes of shared memory "
                "for hub %s; lower EventStreamHub size=",
                params.ring_bytes, hub->name);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    kept->nhubs++;
    return OK;
}

int es_memory_open(es_kept_t **out, apr_pool_t *plog, server_rec *s)
{
    es_kept_t *kept = ap_retained_data_get(KEY);
    const es_global_t *global = es_global_of(s);
    apr_status_t rv;
    int i, rc = OK;

    *out = NULL;
    raise_descriptors(s);
    if (!kept) {
        es_kept_t made = {0};

        rv = make_board(&made, s->process->pool);
        if (rv != APR_SUCCESS) {
            es_slog(APLOG_ERR, rv, s, "ES0005",
                    "cannot make shared memory and wake descriptors for %u "
                    "children; see ServerLimit and the limit of open files",
                    made.places);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        make_lifeboat(&made, s);
        kept = ap_retained_data_create(KEY, sizeof(*kept));
        *kept = made;
    }
    for (i = 0; i < global->hubs->nelts; i++) {
        if (open_hub(kept, &APR_ARRAY_IDX(global->hubs, i, es_hub_t), global,
                     s) != OK) {
            rc = HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    tie_lifeboat(kept, plog);
    *out = kept;
    return rc;
}
