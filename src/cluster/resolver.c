/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lookup is shared by the thread and by the one that waits for it; the last
 * of the two frees it. The thread is detached, since the resolver cannot be
 * ended: one that hangs goes on until the resolver's own limits. It uses
 * nothing but its lookup. As many as ES_CLUSTER_RESOLVER_THREADS may hang.
 */
#include "cluster/resolver.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "cluster/link.h"

#define HOST_SIZE 256
#define PORT_SIZE 8

typedef struct lookup_t {
    pthread_mutex_t lock;
    pthread_cond_t cond;          /* is_done has been set */
    int is_done;                  /* guarded by lock, as the next two */
    int is_left;                  /* no one waits: the thread frees it */
    int error;                    /* of getaddrinfo */
    es_cluster_addresses_t found; /* once it is done */
    char host[HOST_SIZE];
    char port[PORT_SIZE];
} lookup_t;

static int threads; /* atomic; in the resolver at this time */

static int ask(es_cluster_addresses_t *found, const char *host,
               const char *port, int flags)
{
    struct addrinfo hints, *list = NULL, *at;
    int error;

    memset(&hints, 0, sizeof(hints));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    error = getaddrinfo(host, port, &hints, &list);
    if (error != 0) {
        return error;
    }
    found->count = 0;
    for (at = list; at && found->count < ES_CLUSTER_ADDRESSES_MAX;
         at = at->ai_next) {
        if (at->ai_addrlen <= sizeof(found->list[0].addr)) {
            memcpy(&found->list[found->count].addr, at->ai_addr,
                   at->ai_addrlen);
            found->list[found->count++].len = at->ai_addrlen;
        }
    }
    freeaddrinfo(list);
    return found->count != 0 ? 0 : EAI_NONAME;
}

static void lookup_free(lookup_t *lookup)
{
    pthread_cond_destroy(&lookup->cond);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup);
}

static void *on_thread(void *arg)
{
    lookup_t *lookup = arg;
    es_cluster_addresses_t found;
    int error = ask(&found, lookup->host, lookup->port, 0);
    int is_left;

    __atomic_sub_fetch(&threads, 1, __ATOMIC_RELAXED);
    pthread_mutex_lock(&lookup->lock);
    lookup->error = error;
    if (error == 0) {
        lookup->found = found;
    }
    lookup->is_done = 1;
    is_left = lookup->is_left;
    pthread_cond_signal(&lookup->cond);
    pthread_mutex_unlock(&lookup->lock);
    if (is_left) {
        lookup_free(lookup);
    }
    return NULL;
}

static int create_thread(lookup_t *lookup)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, before;
    int error;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all); /* signals are for httpd's threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attr, on_thread, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return error;
}

static apr_status_t lookup_start(lookup_t **out, const char *host,
                                 const char *port)
{
    lookup_t *lookup;
    int error;

    if (__atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED) >
        ES_CLUSTER_RESOLVER_THREADS) {
        __atomic_sub_fetch(&threads, 1, __ATOMIC_RELAXED);
        return APR_EBUSY;
    }
    lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL) {
        __atomic_sub_fetch(&threads, 1, __ATOMIC_RELAXED);
        return APR_ENOMEM;
    }
    pthread_mutex_init(&lookup->lock, NULL);
    es_thread_cond_init(&lookup->cond);
    snprintf(lookup->host, sizeof(lookup->host), "%s", host);
    snprintf(lookup->port, sizeof(lookup->port), "%s", port);
    error = create_thread(lookup);
    if (error != 0) {
        __atomic_sub_fetch(&threads, 1, __ATOMIC_RELAXED);
        lookup_free(lookup);
        return APR_FROM_OS_ERROR(error);
    }
    *out = lookup;
    return APR_SUCCESS;
}

static apr_status_t result_of(int error)
{
    switch (error) {
    case 0: return APR_SUCCESS;
    case EAI_NONAME:
    case EAI_NODATA: return APR_ENOENT;
    case EAI_MEMORY: return APR_ENOMEM;
    default: return APR_EGENERAL;
    }
}

/* Until it is done, or there is no more time; lock held. */
static apr_status_t wait_done(lookup_t *lookup, const volatile int *stopping,
                              apr_time_t by)
{
    apr_time_t now = es_clock_now();

    while (!lookup->is_done) {
        if (es_cluster_link_is_stopping(stopping)) {
            return APR_EOF;
        }
        if (now >= by) {
            return APR_TIMEUP;
        }
        es_thread_cond_wait(
            &lookup->cond, &lookup->lock,
            by - now < ES_CLUSTER_LINK_LOOK ? by : now + ES_CLUSTER_LINK_LOOK);
        now = es_clock_now();
    }
    return result_of(lookup->error);
}

apr_status_t es_cluster_resolver_find(es_cluster_addresses_t *out,
                                      const char *host, int port,
                                      const volatile int *stopping,
                                      apr_time_t by)
{
    char text[PORT_SIZE];
    lookup_t *lookup;
    apr_status_t rv;
    int is_done;

    if (port < 1 || port > 65535 || strlen(host) >= HOST_SIZE) {
        return APR_ENOENT;
    }
    snprintf(text, sizeof(text), "%d", port);
    if (ask(out, host, text, AI_NUMERICHOST) == 0) {
        return APR_SUCCESS;
    }
    rv = lookup_start(&lookup, host, text);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    pthread_mutex_lock(&lookup->lock);
    rv = wait_done(lookup, stopping, by);
    is_done = lookup->is_done;
    lookup->is_left = 1;
    if (rv == APR_SUCCESS) {
        *out = lookup->found;
    }
    pthread_mutex_unlock(&lookup->lock);
    if (is_done) {
        lookup_free(lookup);
    }
    return rv;
}
