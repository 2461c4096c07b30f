/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that are detached occupy no worker. So httpd takes a child with
 * thousands of them for idle, and ends children until no more workers are idle
 * than MaxSpareThreads says. What it keeps then, and not StartServers or
 * ServerLimit, is the number of children that deliver. A limit of CPU time
 * (cgroups) is not visible here: such a server sets the number itself.
 */
#include "server/threads.h"

#include <ap_mpm.h>
#include <sched.h>
#include <unistd.h>

#include "server/advice.h"
#include "server/deliveries.h"
#include "server/log.h"

/* More would divide the clients into parts that are too small to share writes,
 * and each thread claims memory in the segment of each hub. */
#define AUTO_MOST 8

apr_uint32_t es_threads_auto(int cores, int children)
{
    int threads = children > 0 ? (cores + children - 1) / children : 1;

    if (threads > AUTO_MOST) {
        return AUTO_MOST;
    }
    return threads > 1 ? (apr_uint32_t)threads : 1;
}

static int count_cores(void)
{
    cpu_set_t allowed;
    long cores;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
        return CPU_COUNT(&allowed);
    }
    cores = sysconf(_SC_NPROCESSORS_ONLN); /* more than a cpu_set_t holds */
    return cores > 0 ? (int)cores : 1;
}

static int ask_mpm(int what)
{
    int value = 0;

    return ap_mpm_query(what, &value) == APR_SUCCESS && value > 0 ? value : 0;
}

static int is_threaded(void)
{
    return ask_mpm(AP_MPMQ_IS_THREADED) != AP_MPMQ_NOT_SUPPORTED;
}

static int most_children(void)
{
    int most = ask_mpm(AP_MPMQ_MAX_DAEMONS);

    return most > 0 ? most : 1;
}

/* The idle workers that the MPM allows, which raises MaxSpareThreads to this */
static int spare_threads(int of_child)
{
    int most = ask_mpm(AP_MPMQ_MAX_SPARE_THREADS);
    int least = ask_mpm(AP_MPMQ_MIN_SPARE_THREADS) + of_child;

    return most > least ? most : least;
}

/* The children that httpd keeps when all their workers are idle. */
static int kept_children(void)
{
    int of_child = ask_mpm(AP_MPMQ_MAX_THREADS);
    int kept = !is_threaded() ? ask_mpm(AP_MPMQ_MAX_SPARE_DAEMONS)
               : of_child > 0 ? spare_threads(of_child) / of_child
                              : 1;

    if (kept > most_children()) {
        kept = most_children();
    }
    return kept > 0 ? kept : 1;
}

apr_uint32_t es_threads_wanted(const es_settings_t *global)
{
    if (!is_threaded()) {
        return 1; /* a child serves one request at a time */
    }
    return global->threads > 0
               ? (apr_uint32_t)global->threads
               : es_threads_auto(count_cores(), kept_children());
}

static void log_number(server_rec *s, apr_uint32_t threads)
{
    int cores = count_cores(), kept = kept_children();

    if (is_threaded() && (int)threads * kept < cores) {
        es_advise(APLOG_NOTICE, s, "ES0017",
                  "event streams use %d of %d cores: httpd keeps %d of %d "
                  "child(ren) while workers are idle, with %u delivery "
                  "thread(s) each; set EventStreamThreads %d, or raise "
                  "MaxSpareThreads (%d)",
                  (int)threads * kept, cores, kept, most_children(), threads,
                  (cores + kept - 1) / kept < ES_DELIVERIES_MAX
                      ? (cores + kept - 1) / kept
                      : ES_DELIVERIES_MAX,
                  ask_mpm(AP_MPMQ_MAX_SPARE_THREADS));
        return;
    }
    es_slog(APLOG_INFO, 0, s, "ES0018",
            "%u delivery thread(s) in each child, for %d core(s): httpd keeps "
            "%d of %d child(ren) while workers are idle",
            threads, cores, kept, most_children());
}

apr_uint32_t es_threads_decide(server_rec *s, apr_uint32_t most)
{
    apr_uint32_t threads = es_threads_wanted(es_settings_of(s));

    if (threads > most) {
        es_advise(APLOG_NOTICE, s, "ES0020",
                  "EventStreamThreads: children have %u delivery thread(s) and "
                  "not %u until httpd is stopped and started, since the shared "
                  "memory was made for so many",
                  most, threads);
        threads = most;
    }
    log_number(s, threads);
    return threads;
}
