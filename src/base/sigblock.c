/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child of prefork exits in its handlers of SIGTERM and SIGHUP. On SIGUSR1
 * (graceful) it only closes its listeners, so that signal is not blocked.
 */
#include "base/sigblock.h"

static int needed; /* set before threads start */

void es_sigblock_need(int is_needed)
{
    needed = is_needed;
}

void es_sigblock_begin(es_sigblock_t *sigblock)
{
    sigset_t ends;

    sigblock->is_on = needed;
    if (sigblock->is_on) {
        sigemptyset(&ends);
        sigaddset(&ends, SIGTERM);
        sigaddset(&ends, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &ends, &sigblock->before);
    }
}

void es_sigblock_end(const es_sigblock_t *sigblock)
{
    if (sigblock->is_on) {
        pthread_sigmask(SIG_SETMASK, &sigblock->before, NULL);
    }
}
