/* SPDX-License-Identifier: Apache-2.0 */
#include "server/stop_reason.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <httpd.h>
#include <ap_listen.h>
#include <scoreboard.h>

const int *es_stop_reason_generation(void)
{
    return ap_scoreboard_image
               ? &ap_scoreboard_image->global->running_generation
               : NULL;
}

static int is_listening(void)
{
    const ap_listen_rec *listener = ap_listeners;

    while (listener && !listener->active) {
        listener = listener->next;
    }
    return listener != NULL;
}

/* While a prefork child serves a request, httpd does not call it about a
 * graceful stop. The child sees that its generation is over or that its
 * listeners are closed. */
int es_stop_reason_is_due(int generation, int is_threaded)
{
    const int *running = es_stop_reason_generation();

    return (running && *running != generation) ||
           (!is_threaded && !is_listening());
}

/*
 * prefork does not pass on why a child stops. But stop and restart run in a
 * signal handler, where their signal is blocked, and a graceful restart has
 * closed the listeners. If neither is so, only this child exits: it has reached
 * MaxConnectionsPerChild, or there are too many idle children.
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
 * A threaded MPM passes on whether a stop is graceful. The main thread receives
 * the parent's orders; a child that has reached MaxConnectionsPerChild stops
 * from another thread.
 */
es_stop_t es_stop_reason(int graceful, int generation, int is_threaded)
{
    const int *running = es_stop_reason_generation();

    if (graceful) {
        return syscall(SYS_gettid) == getpid() ? ES_STOP_GRACEFUL : ES_STOP_OWN;
    }
    if (is_threaded && running && *running == generation) {
        return ES_STOP_FINAL;
    }
    return !is_threaded && is_alone() ? ES_STOP_OWN : ES_STOP_NOW;
}
