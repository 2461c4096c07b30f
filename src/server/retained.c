/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of the retained data ends with a version of es_retained_t. A module
 * of another layout finds no data and makes its own, while children of the old
 * module continue with theirs.
 *
 * The handover sockets may hold connections while no child is alive to serve
 * them. So they must not outlive the module: if the next configuration does not
 * load it, none of our code runs any more. httpd clears plog after it has read
 * that configuration, which closes the descriptors registered there. If the
 * configuration does load the module, pre_config has made copies by then. If
 * only a later configuration loads it again, the retained numbers belong to
 * closed descriptors, or to someone else's. Then the parent makes a new socket
 * pair, and records that children of earlier generations have another one.
 */
#include "server/retained.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ap_mpm.h>
#include <http_core.h>
#include <http_main.h>
#include <apr_portable.h>
#include <apr_strings.h>

#include "shm/asks.h"
#include "shm/child_figures.h"
#include "shm/children.h"
#include "shm/counters.h"
#include "shm/descriptor.h"
#include "shm/rates.h"
#include "shm/samples.h"
#include "shm/segment.h"
#include "shm/wakeup.h"
#include "server/hub_files.h"
#include "server/log.h"
#include "server/threads.h"

#define KEY "mod_eventstream-9"

/* Apart from the rest: what is forgotten with another layout does little harm,
 * and must not make the rest be forgotten, too. */
#define ASKS_KEY "mod_eventstream-asks-1"
#define FIGURES_KEY "mod_eventstream-figures-2"
#define RATES_KEY "mod_eventstream-rates-1"
#define SAMPLES_KEY "mod_eventstream-samples-1"
#define USERS_KEY "mod_eventstream-users-1"

/* As the kernel counts them; plenty for 80,000 clients with one channel each.
 * Children receive while others still send, so this need not hold all. */
#define HANDOVER_BYTES (16 * 1024 * 1024)

/* More than ServerLimit, because an exiting child may still hold its numbers
 * when its successor starts. Each delivery thread of a child has one. */
static apr_uint32_t count_children(void)
{
    int children = 0;

    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &children);
    return (apr_uint32_t)(children > 0 ? children : 1) * 2 + 8;
}

/* @return a number that identifies the socket; 0 = fd is no socket */
static apr_uint64_t identity(int fd)
{
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode)
               ? (apr_uint64_t)st.st_ino
               : 0;
}

/* Children have little use for descriptors that no client gets. */
static int pairs_most(void)
{
    struct rlimit files;
    rlim_t most = ES_HANDOVER_PAIRS_MAX;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 32 < most) {
        most = files.rlim_cur / 32;
    }
    return most > 0 ? (int)most : 1;
}

/* Calls fn for each socket and its identity. */
static void foreach_socket(es_retained_t *retained,
                           void (*fn)(int *fd, apr_uint64_t *identity,
                                      void *baton),
                           void *baton)
{
    es_handover_sockets_t *sockets = &retained->handover;
    int i;

    for (i = 0; i < sockets->pairs; i++) {
        fn(&sockets->send[i], &retained->send_identity[i], baton);
        fn(&sockets->receive[i], &retained->receive_identity[i], baton);
    }
}

static void identify(int *fd, apr_uint64_t *its, void *unused)
{
    (void)unused;
    *its = identity(*fd);
}

/* A failure does not stop httpd: without the sockets the streams of a stopping
 * child end cleanly. */
static void make_handover(es_retained_t *retained, int generation,
                          server_rec *s)
{
    apr_status_t rv = es_handover_sockets_create(&retained->handover,
                                                 HANDOVER_BYTES, pairs_most());

    retained->handover_since = generation;
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_WARNING, rv, s, "ES0323",
                "cannot make the handover socket pair; when a child stops, "
                "its streams end and its clients reconnect");
        return;
    }
    foreach_socket(retained, identify, NULL);
    es_slog(APLOG_INFO, 0, s, "ES0324",
            "clients of children that stop wait in %d socket pair(s), which "
            "hold some %" APR_UINT64_T_FMT
            " clients with one channel each; the streams of more clients end",
            retained->handover.pairs,
            es_handover_sockets_clients(&retained->handover));
}

static void close_with(int *fd, apr_uint64_t *unused, void *plog)
{
    apr_os_file_t os_file = *fd;
    apr_file_t *file;

    (void)unused;
    (void)apr_os_pipe_put_ex(&file, &os_file, 1, plog);
}

/* See the head of this file. The children's copies close when they exit. */
static void tie_handover(es_retained_t *retained, apr_pool_t *plog)
{
    foreach_socket(retained, close_with, plog);
}

/* A number that belongs to someone else now is not ours to close. */
static void copy(int *fd, apr_uint64_t *its, void *failed)
{
    *fd = identity(*fd) == *its ? es_descriptor_copy(*fd) : -1;
    if (*fd < 0) {
        *(int *)failed = 1;
    }
}

static void close_copy(int *fd, apr_uint64_t *unused, void *none)
{
    (void)unused;
    (void)none;
    if (*fd >= 0) {
        close(*fd);
    }
}

void es_retained_copy_handover(void)
{
    es_retained_t *retained = ap_retained_data_get(KEY);
    int failed = 0;

    if (retained) {
        foreach_socket(retained, copy, &failed);
    }
    if (failed) { /* all or none: for lack of descriptors, or not loaded */
        foreach_socket(retained, close_copy, NULL);
        retained->handover.pairs = 0;
    }
}

/* Keeps the sockets of the previous configuration, or makes them. */
static void keep_handover(es_retained_t *retained, int generation,
                          server_rec *s)
{
    if (retained->handover.pairs == 0) {
        make_handover(retained, generation, s);
    }
}

/* ---- The end of httpd ---------------------------------------------------- */

/* A child of the process pool. httpd destroys it before all that is older: the
 * error logs and their programs, the segments, and the module itself. */
static apr_pool_t *exit_pool;

/* The process in which hubs are saved. */
static pid_t parent_pid;

static void save(void)
{
    es_retained_t *retained = ap_retained_data_get(KEY);

    if (retained && getpid() == parent_pid) {
        es_hub_files_save(retained, ap_server_conf);
    }
}

static apr_status_t on_exit_pool(void *unused)
{
    (void)unused;
    exit_pool = NULL;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_EXITING) {
        save();
    }
    return APR_SUCCESS;
}

/* The module is about to be unloaded. */
static apr_status_t end_exit_pool(void *unused)
{
    (void)unused;
    if (exit_pool) {
        apr_pool_destroy(exit_pool);
    }
    return APR_SUCCESS;
}

void es_retained_save_at_exit(apr_pool_t *pconf)
{
    if (exit_pool) {
        apr_pool_destroy(exit_pool);
    }
    else {
        /* pre: before mod_so's, which unloads the module */
        apr_pool_pre_cleanup_register(pconf, NULL, end_exit_pool);
    }
    parent_pid = getpid();
    apr_pool_create(&exit_pool, apr_pool_parent_get(pconf));
    apr_pool_pre_cleanup_register(exit_pool, NULL, on_exit_pool);
}

int es_retained_use_files(server_rec *s)
{
    es_retained_t *retained = ap_retained_data_get(KEY);

    return retained ? es_hub_files_use(retained, s) : OK;
}

void es_retained_close_files(void)
{
    es_retained_t *retained = ap_retained_data_get(KEY);

    if (retained && getpid() != parent_pid) {
        es_hub_files_close(retained);
    }
}

/* Under httpd -X the parent is its own child, and its end is that of httpd. */
static void note_exit(es_retained_t *retained, pid_t pid)
{
    es_child_pids_remove(&retained->child_pids, pid);
    if (pid == getpid()) {
        save();
    }
}

void es_retained_note_child(pid_t pid, int generation, int is_there)
{
    es_retained_t *retained = ap_retained_data_get(KEY);

    if (retained && is_there) {
        es_child_pids_add(&retained->child_pids, pid, generation);
    }
    else if (retained) {
        note_exit(retained, pid);
    }
}

/* A failure gives all back, because each restart tries again. */
static apr_status_t make_children(es_retained_t *retained,
                                  const es_settings_t *global,
                                  apr_pool_t *parent)
{
    apr_uint32_t most = ES_CHILDREN_MAX / count_children();
    apr_uint32_t threads = es_threads_wanted(global);
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, parent);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (threads > most) {
        threads = most > 0 ? most : 1;
    }
    retained->max_children = count_children() * threads;
    retained->children_size = es_children_size(retained->max_children);
    rv = es_segment_create(&retained->client_count,
                           es_client_count_size(retained->max_children), pool);
    if (rv == APR_SUCCESS) {
        rv = es_segment_create(&retained->counters, es_counters_size(), pool);
    }
    if (rv == APR_SUCCESS) {
        rv = es_segment_create(&retained->children, retained->children_size,
                               pool);
    }
    if (rv == APR_SUCCESS) {
        rv = es_wakeup_create(&retained->wake, retained->max_children, pool);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return rv;
    }
    es_children_format(retained->children, retained->max_children);
    return APR_SUCCESS;
}

/* A segment of its own, made when it is first needed. */
static apr_status_t keep_segment(void **mem, const char *key, apr_size_t size,
                                 server_rec *s)
{
    void **retained = ap_retained_data_get(key);
    apr_status_t rv = APR_SUCCESS;

    *mem = retained ? *retained : NULL;
    if (!retained) {
        rv = es_segment_create(mem, size, s->process->pool);
    }
    if (!retained && rv == APR_SUCCESS) {
        retained = ap_retained_data_create(key, sizeof(*retained));
        *retained = *mem;
    }
    return rv;
}

void *es_retained_asks(server_rec *s)
{
    void *mem;
    apr_status_t rv = keep_segment(&mem, ASKS_KEY, es_asks_size(), s);

    if (rv != APR_SUCCESS) {
        es_slog(APLOG_WARNING, rv, s, "ES0024",
                "cannot make shared memory for the browsers that are asked to "
                "use HTTP/1.1; none is asked, see EventStreamHttp2");
        return NULL;
    }
    return mem;
}

void *es_retained_rates(server_rec *s)
{
    void *mem;
    apr_status_t rv = keep_segment(&mem, RATES_KEY, es_rates_size(), s);

    if (rv == APR_SUCCESS) {
        rv = es_rates_open(es_rates_attach(mem));
    }
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_WARNING, rv, s, "ES0703",
                "cannot make shared memory for the rates of publishers; "
                "EventStreamPublishRate limits nobody");
        return NULL;
    }
    return mem;
}

void *es_retained_samples(server_rec *s)
{
    void *mem;
    apr_status_t rv = keep_segment(&mem, SAMPLES_KEY, es_samples_size(), s);

    if (rv != APR_SUCCESS) {
        es_slog(APLOG_WARNING, rv, s, "ES0029",
                "cannot make shared memory for the samples of the last ten "
                "minutes; the status page has no plots and is not live");
        return NULL;
    }
    return mem;
}

/** Plain values, as es_retained_t. */
typedef struct figures_t {
    void *mem;
    apr_uint32_t max_children;
} figures_t;

void *es_retained_figures(apr_uint32_t max_children, server_rec *s)
{
    figures_t *retained = ap_retained_data_get(FIGURES_KEY);
    void *mem;
    apr_status_t rv;

    if (retained && retained->max_children == max_children) {
        return retained->mem;
    }
    rv = es_segment_create(&mem, es_child_figures_size(max_children),
                           s->process->pool);
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_WARNING, rv, s, "ES0034",
                "cannot make shared memory for what children have delivered; "
                "it is not counted");
        return NULL;
    }
    if (!retained) {
        retained = ap_retained_data_create(FIGURES_KEY, sizeof(*retained));
    }
    retained->mem = mem; /* old children go on with theirs */
    retained->max_children = max_children;
    return mem;
}

void *es_retained_users(apr_uint32_t max_children, server_rec *s)
{
    void *mem = NULL;
    apr_status_t rv = APR_SUCCESS;

    if (es_settings_of(s)->max_user_clients > 0 ||
        ap_retained_data_get(USERS_KEY)) {
        rv = keep_segment(&mem, USERS_KEY,
                          es_client_count_users_size(max_children), s);
    }
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_WARNING, rv, s, "ES0922",
                "cannot make shared memory for the count of users; "
                "EventStreamMaxClientsPerUser limits nobody");
        return NULL;
    }
    return mem;
}

/* ServerLimit does not change at a restart, either. */
apr_uint32_t es_retained_threads(const es_retained_t *retained)
{
    apr_uint32_t threads = retained->max_children / count_children();

    return threads > 0 ? threads : 1;
}

int es_retained_open(es_retained_t **out, int generation, apr_pool_t *plog,
                     server_rec *s)
{
    es_retained_t *retained = ap_retained_data_get(KEY);
    apr_status_t rv;
    int rc;

    *out = NULL;
    if (!retained) {
        es_retained_t made = {0};

        rv = make_children(&made, es_settings_of(s), s->process->pool);
        if (rv != APR_SUCCESS) {
            es_slog(APLOG_ERR, rv, s, "ES0005",
                    "cannot make shared memory and wake-up descriptors for %u "
                    "children; check ServerLimit and the limit of open files",
                    made.max_children);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        es_child_pids_init(&made.child_pids, s->process->pool);
        retained = ap_retained_data_create(KEY, sizeof(*retained));
        *retained = made;
    }
    rc = es_hub_segments_open(retained, generation, s);
    keep_handover(retained, generation, s);
    tie_handover(retained, plog);
    *out = retained;
    return rc;
}
