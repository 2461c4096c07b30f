/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How many delivery threads each child has: EventStreamThreads, and what auto
 * means on this machine with this MPM.
 */
#ifndef ES_SERVER_THREADS_H
#define ES_SERVER_THREADS_H

#include <httpd.h>

#include "server/settings.h"

/**
 * The number of threads that auto stands for: as many as are needed for a
 * thread on each core, 8 at most.
 *
 * @param cores     on which this process may run
 * @param children  that httpd keeps
 */
apr_uint32_t es_threads_auto(int cores, int children);

/**
 * The number that the configuration asks for; with prefork always 1.
 *
 * Context: PARENT, post_config.
 */
apr_uint32_t es_threads_wanted(const es_settings_t *global);

/**
 * Limit the number to what the shared memory has child numbers for, and log it,
 * beside the number of cores and of the children that httpd keeps.
 *
 * @param most  at least 1
 * @return the number for the children that start now
 *
 * Context: PARENT, post_config.
 */
apr_uint32_t es_threads_decide(server_rec *s, apr_uint32_t most);

#endif
