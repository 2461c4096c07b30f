/* SPDX-License-Identifier: Apache-2.0 */
/* A page of code for two calls, so that they are in one place. */
#include "base/sigblock.h"

static int needed; /* written before threads start */

void es_hush_need(int is_needed)
{
    needed = is_needed;
}

void es_hush_begin(es_hush_t *hush)
{
    sigset_t ends;

    hush->is_on = needed;
    if (hush->is_on) {
        sigemptyset(&ends);
        sigaddset(&ends, SIGTERM);
        sigaddset(&ends, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &ends, &hush->before);
    }
}

void es_hush_end(const es_hush_t *hush)
{
    if (hush->is_on) {
        pthread_sigmask(SIG_SETMASK, &hush->before, NULL);
    }
}
