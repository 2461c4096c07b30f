/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The children of a server elect which of their readers reads from the broker
 * (cluster/state.h). It is a child of the newest generation, and one that does
 * not stop, if there is any: a new configuration may name another broker. At
 * graceful the old children read on until then, since they still have clients.
 *
 * What waits for the broker occupies a worker. Half of a child's workers may do
 * so for as long as EventStreamCluster allows.
 */
#include "server/cluster_runtime.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ap_mpm.h>
#include <apr_siphash.h>

#include "base/clock.h"
#include "base/log.h"
#include "cluster/reader.h"
#include "journal/stream_append.h"
#include "server/grip_runtime.h"
#include "server/log.h"
#include "server/revocation_runtime.h"

/* How long a worker waits when others wait already; how long any waits for a
 * reader that joins the broker's stream, and until when after the segment was
 * made; in microseconds. */
#define SHORT_WAIT (250 * 1000)
#define SYNC_WAIT (2 * APR_USEC_PER_SEC)
#define SYNC_WITHIN (5 * APR_USEC_PER_SEC)
/* Longest wait without a look whether the child stops; microseconds. */
#define STOP_CHECK (100 * 1000)
/* How long a client's event that is not there yet is waited for, and between
 * two looks for it; microseconds. */
#define BEHIND_WAIT (2 * APR_USEC_PER_SEC)
#define BEHIND_LOOK (10 * 1000)
/* How long after a failure publishers may publish an event again; in ms. */
#define AGAIN_WITHIN_MS (60 * 1000)
/* How long one server may take for a connection; another is tried then. */
#define CONNECT_TIMEOUT (2 * APR_USEC_PER_SEC)

typedef struct hub_t {
    es_cluster_state_t *state;   /* NULL = not clustered */
    apr_time_t made;             /* the state */
    es_cluster_hub_t params;     /* for the threads, as long as they run */
    es_cluster_reader_t *reader; /* NULL in the parent, as the next */
    es_cluster_publisher_t *publisher;
} hub_t;

typedef struct es_cluster_runtime_t {
    const es_children_t *children;
    apr_uint32_t child; /* of this process; 0 in the parent */
    hub_t *hubs;        /* by number */
    apr_uint32_t nhubs;
    int waiting_max;
    int waiting; /* workers of this child that wait; atomic */
} es_cluster_runtime_t;

/* Of the current configuration; lives in its pool. */
static es_cluster_runtime_t *runtime;

static apr_status_t forget_runtime(void *unused)
{
    (void)unused;
    runtime = NULL;
    return APR_SUCCESS;
}

/* ---- The parent -------------------------------------------------------- */

void es_cluster_runtime_open(const es_children_t *children, apr_uint32_t nhubs,
                             apr_pool_t *pconf)
{
    runtime = apr_pcalloc(pconf, sizeof(*runtime));
    runtime->children = children;
    runtime->hubs = apr_pcalloc(pconf, sizeof(*runtime->hubs) * (nhubs + 1));
    apr_pool_cleanup_register(pconf, NULL, forget_runtime,
                              apr_pool_cleanup_null);
}

static void fill_link(es_cluster_link_params_t *link,
                      const es_cluster_conf_t *conf)
{
    link->url = conf->url;
    link->password = conf->password;
    link->ca_file = conf->ca_file;
    link->cert_file = conf->cert_file;
    link->key_file = conf->key_file;
    link->verify = conf->verifies;
    link->connect_timeout =
        conf->timeout < CONNECT_TIMEOUT ? conf->timeout : CONNECT_TIMEOUT;
}

static void fill(hub_t *hub, const es_runtime_hub_t *view)
{
    const es_cluster_conf_t *conf = view->cluster;
    es_cluster_hub_t *params = &hub->params;

    params->name = view->name;
    params->key = conf->key;
    params->store = view->store;
    params->state = hub->state;
    fill_link(&params->link, conf);
    params->maxlen = conf->maxlen;
    params->acks_replica = conf->acks_replica;
    params->timeout = conf->timeout;
}

void es_cluster_runtime_add(const es_runtime_hub_t *view,
                            es_cluster_state_t *state, apr_time_t made,
                            server_rec *s)
{
    hub_t *hub = &runtime->hubs[runtime->nhubs++];

    if (!view->cluster) {
        return;
    }
    hub->state = state;
    hub->made = made;
    fill(hub, view);
    es_slog(
        APLOG_NOTICE, 0, s, "ES0803",
        "hub %s is clustered: its events go through the broker %s, with "
        "keys that begin with {%s:%s}; a publish is acknowledged by %s",
        view->name, view->cluster->url->display, view->cluster->key, view->name,
        view->cluster->acks_replica ? "a replica of it, too" : "the primary");
}

/* ---- Threads of a child ------------------------------------------------- */

/* A killed child keeps its number until the parent has seen that it is gone,
 * which may take a second. */
static int has_exited(apr_uint64_t pid)
{
#ifdef SYS_pidfd_open
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    struct pollfd poller = {fd, POLLIN, 0};
    int exited;

    if (fd < 0) {
        return errno == ESRCH;
    }
    exited = poll(&poller, 1, 0) == 1;
    close(fd);
    return exited;
#else
    (void)pid;
    return 0;
#endif
}

/* Whether child can read for the caller's server, see the head. */
static int is_present(void *unused, apr_uint32_t child)
{
    const es_children_t *children = runtime->children;
    apr_uint64_t pid = es_children_pid(children, child);

    (void)unused;
    if (pid == 0 || has_exited(pid) ||
        es_children_generation(children, child) <
            es_children_generation(children, runtime->child)) {
        return 0;
    }
    return !es_children_is_stopping(children, child) ||
           es_children_is_stopping(children, runtime->child);
}

static void on_events(void *arg, const apr_uint64_t *touched)
{
    const hub_t *hub = arg;

    es_runtime_wake(touched);
    if (hub->params.outboxes) {
        hub->params.outboxes->wake(hub->params.outboxes->arg);
    }
}

static void on_revoked(void *arg, const es_cluster_revoked_t *revoked,
                       apr_time_t until)
{
    const hub_t *hub = arg;
    apr_status_t rv =
        es_revocation_runtime_revoke(hub->params.store, revoked->kind,
                                     revoked->name, revoked->channel, until);

    if (rv != APR_SUCCESS) {
        es_log(ES_LOG_ERR, rv, "ES0923",
               "hub %s: cannot revoke a user or a token that another server of "
               "the cluster has revoked: %s; its streams of this server go on",
               hub->params.name,
               rv == APR_ENOSPC ? "the table is full of revocations that hold"
                                : "the table cannot be used");
    }
}

/* Not all that are present for is_present may lead on: some of them stop, too.
 */
static int is_last(void *unused)
{
    const es_children_t *children = runtime->children;
    apr_uint32_t child;

    (void)unused;
    for (child = 1; child <= es_children_max(children); child++) {
        if (child != runtime->child && is_present(NULL, child) &&
            !es_children_is_stopping(children, child)) {
            return 0;
        }
    }
    return 1;
}

static const es_cluster_outboxes_t *outboxes_of(const hub_t *hub,
                                                apr_pool_t *pchild)
{
    es_cluster_outboxes_t *outboxes =
        es_grip_runtime_outboxes((apr_uint32_t)(hub - runtime->hubs), pchild);

    if (outboxes) {
        outboxes->is_last = is_last;
    }
    return outboxes;
}

static int waiting_max(void)
{
    int threads = 1;

    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    return threads > 1 ? threads / 2 : 1;
}

static void start(hub_t *hub, apr_pool_t *pchild, server_rec *s)
{
    apr_status_t rv;

    hub->params.child = runtime->child;
    hub->params.max_children = es_runtime_max_children();
    hub->params.is_present = is_present;
    hub->params.wake = on_events;
    hub->params.revoke = on_revoked;
    hub->params.arg = hub;
    hub->params.outboxes = outboxes_of(hub, pchild);
    rv = es_cluster_publisher_start(&hub->publisher, &hub->params, pchild);
    if (rv != APR_SUCCESS) {
        hub->publisher = NULL;
        es_slog(APLOG_CRIT, rv, s, "ES0804",
                "cannot start the thread that publishes to the broker of hub "
                "%s; publishers of this child get 503",
                hub->params.name);
    }
    rv = es_cluster_reader_start(&hub->reader, &hub->params, pchild);
    if (rv != APR_SUCCESS) {
        hub->reader = NULL;
        es_slog(APLOG_CRIT, rv, s, "ES0805",
                "cannot start the thread that reads from the broker of hub "
                "%s; other children must read for this one",
                hub->params.name);
    }
}

void es_cluster_runtime_child_init(apr_uint32_t child, apr_pool_t *pchild,
                                   server_rec *s)
{
    apr_uint32_t i;

    if (!runtime) {
        return;
    }
    runtime->child = child;
    runtime->waiting_max = waiting_max();
    for (i = 0; i < runtime->nhubs; i++) {
        if (runtime->hubs[i].state) {
            start(&runtime->hubs[i], pchild, s);
        }
    }
}

void es_cluster_runtime_stop(void)
{
    apr_uint32_t i;

    for (i = 0; runtime && i < runtime->nhubs; i++) {
        if (runtime->hubs[i].publisher) {
            es_cluster_publisher_stop(runtime->hubs[i].publisher);
        }
        if (runtime->hubs[i].reader) {
            es_cluster_reader_stop(runtime->hubs[i].reader);
        }
    }
}

static int has_joined(const hub_t *hub, apr_time_t by)
{
    int joined = 1;

    if (hub->publisher) {
        joined = es_cluster_publisher_join(hub->publisher,
                                           by - es_clock_now()) == APR_SUCCESS;
    }
    if (hub->reader) {
        joined = es_cluster_reader_join(hub->reader, by - es_clock_now()) ==
                     APR_SUCCESS &&
                 joined;
    }
    return joined;
}

void es_cluster_runtime_join(apr_time_t by, server_rec *s)
{
    apr_uint32_t i;

    es_cluster_runtime_stop();
    for (i = 0; runtime && i < runtime->nhubs; i++) {
        if (!has_joined(&runtime->hubs[i], by)) {
            es_slog(APLOG_WARNING, 0, s, "ES0806",
                    "a thread that uses the broker of hub %s did not exit "
                    "in time; it ends with the child",
                    runtime->hubs[i].params.name);
        }
    }
}

/* ---- For workers ------------------------------------------------------- */

static const hub_t *hub_of(const es_runtime_hub_t *hub)
{
    return &runtime->hubs[hub->number];
}

es_cluster_publisher_t *es_cluster_runtime_publisher(
    const es_runtime_hub_t *hub)
{
    return hub_of(hub)->publisher;
}

/* @return 1 if fewer workers wait than may */
static int begin_wait(void)
{
    /* relaxed: no other memory depends on this number */
    return __atomic_add_fetch(&runtime->waiting, 1, __ATOMIC_RELAXED) <=
           runtime->waiting_max;
}

apr_time_t es_cluster_runtime_wait_by(const es_runtime_hub_t *hub)
{
    apr_interval_time_t timeout = hub->cluster->timeout;

    if (!begin_wait() && timeout > SHORT_WAIT) {
        timeout = SHORT_WAIT;
    }
    return es_clock_now() + timeout;
}

void es_cluster_runtime_waited(void)
{
    __atomic_sub_fetch(&runtime->waiting, 1, __ATOMIC_RELAXED);
}

void es_cluster_runtime_stats(const es_runtime_hub_t *hub,
                              es_cluster_stats_t *stats)
{
    es_cluster_state_read(hub_of(hub)->state, stats);
}

apr_uint64_t es_cluster_runtime_leader(const es_cluster_stats_t *stats)
{
    return es_children_pid(runtime->children, stats->leader);
}

apr_uint64_t es_cluster_runtime_now_ms(const es_runtime_hub_t *hub)
{
    apr_int64_t offset = es_cluster_state_clock_offset(hub_of(hub)->state);

    return offset == 0 ? (apr_uint64_t)apr_time_as_msec(apr_time_now())
                       : es_clock_ms() + (apr_uint64_t)offset;
}

int es_cluster_runtime_may_send(const es_runtime_hub_t *hub)
{
    return es_cluster_state_may_send(hub_of(hub)->state, es_clock_now());
}

int es_cluster_runtime_seal(const es_runtime_hub_t *hub, es_slice_t text,
                            apr_uint64_t *seal)
{
    es_cluster_seal_t key;

    if (!es_cluster_state_seal(hub_of(hub)->state, &key)) {
        return 0;
    }
    *seal = apr_siphash24(text.data, text.len, (unsigned char *)&key);
    return 1;
}

static int is_synced(const hub_t *hub)
{
    es_cluster_stats_t stats;

    es_cluster_state_read(hub->state, &stats);
    return stats.is_synced;
}

static void wait_synced(const hub_t *hub, apr_time_t by)
{
    apr_time_t now = es_clock_now();

    while (now < by && !es_runtime_is_stopping()) {
        apr_uint32_t turn = es_cluster_state_turn(hub->state);

        if (is_synced(hub)) {
            break;
        }
        es_cluster_state_wait(hub->state, turn,
                              by - now < STOP_CHECK ? by - now : STOP_CHECK);
        now = es_clock_now();
    }
}

void es_cluster_runtime_wait_synced(const es_runtime_hub_t *view)
{
    const hub_t *hub = hub_of(view);
    apr_time_t now = es_clock_now();
    apr_time_t end = hub->made + SYNC_WITHIN;

    if (now >= end || is_synced(hub)) {
        return;
    }
    if (begin_wait()) {
        wait_synced(hub, now + SYNC_WAIT < end ? now + SYNC_WAIT : end);
    }
    es_cluster_runtime_waited();
}

/* A publisher's id tells nothing about its place. */
static int may_be_ahead(const es_runtime_hub_t *hub, es_slice_t id)
{
    es_id_t at;
    es_id_t last;

    return !es_id_parse(&at, id) ||
           (es_store_last(hub->store, &last) == APR_SUCCESS &&
            es_id_compare(&at, &last) > 0);
}

apr_time_t es_cluster_runtime_behind_by(const es_runtime_hub_t *hub,
                                        es_slice_t id)
{
    apr_interval_time_t timeout = begin_wait() ? BEHIND_WAIT : SHORT_WAIT;

    return may_be_ahead(hub, id) ? es_clock_now() + timeout : 0;
}

int es_cluster_runtime_wait_behind(apr_time_t by)
{
    if (es_clock_now() >= by || es_runtime_is_stopping()) {
        return 0;
    }
    apr_sleep(BEHIND_LOOK);
    return 1;
}

int es_cluster_runtime_is_doubtful(const es_runtime_hub_t *hub,
                                   const es_id_t *id)
{
    apr_uint64_t ms = es_cluster_state_replaced_ms(hub_of(hub)->state);

    return ms != 0 && id->ms < ms + AGAIN_WITHIN_MS;
}

int es_cluster_runtime_is_behind(const es_runtime_hub_t *hub, apr_time_t since)
{
    es_id_t last;

    return es_cluster_state_complete_at(hub_of(hub)->state) < since &&
           es_store_last(hub->store, &last) == APR_SUCCESS && last.ms != 0;
}
