/* SPDX-License-Identifier: Apache-2.0 */
/* A page of code for two calls, so that they are in one place. */
#include "http/es_hush.h"

#include <httpd.h>
#include <ap_mpm.h>

#include <pthread.h>

void es_hush_begin(es_hush_t *hush)
{
    int threaded = AP_MPMQ_NOT_SUPPORTED;
    sigset_t ends;

    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    hush->is_on = threaded == AP_MPMQ_NOT_SUPPORTED;
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
