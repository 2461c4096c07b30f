/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The limit of open files. httpd's processes get the hard limit as soft limit,
 * because each client needs a descriptor. Programs that they start (CGI, piped
 * loggers, the daemon of mod_cgid) get the soft limit that httpd was started
 * with: some of them close all descriptors up to it, or use select().
 */
#ifndef ES_SERVER_OPEN_FILES_H
#define ES_SERVER_OPEN_FILES_H

#include <httpd.h>

/**
 * Raise the soft limit of the parent while this configuration lasts, and
 * restore it in each process that is forked meanwhile.
 *
 * @param pconf  cleared when the configuration ends, which restores the limit
 *               of the parent, too
 *
 * Context: PARENT, post_config.
 */
void es_open_files_raise(apr_pool_t *pconf, server_rec *s);

/** Raise the soft limit of a child of httpd again. Context: CHILD_INIT. */
void es_open_files_child_init(void);

/** The most clients that a child has descriptors for; 0 = no limit. Context:
 * PARENT. */
apr_uint32_t es_open_files_clients(void);

#endif
