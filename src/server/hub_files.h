/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The files of all hubs (server/hub_file.h): when they are marked, saved and
 * closed.
 *
 *     post_config     opened, and loaded into new segments
 *     pre_mpm         marked as in use, before the first child; at a restart
 *                     already in post_config, since children may live
 *     end of httpd    saved, after the last child has ended
 *
 * A start that fails before pre_mpm leaves the files as they are. A restart
 * saves nothing, as the parent retains the segments.
 */
#ifndef ES_SERVER_HUB_FILES_H
#define ES_SERVER_HUB_FILES_H

#include <httpd.h>

#include "server/retained.h"

/**
 * Open the file of a hub, unless another hub has it.
 *
 * @return as es_hub_file_open
 *
 * Context: PARENT, post_config.
 */
apr_status_t es_hub_files_open(es_hub_file_t *file,
                               const es_retained_t *retained,
                               const es_hub_conf_t *named, server_rec *s);

/**
 * Children will be started: es_hub_file_use for all.
 *
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after an error was logged: httpd
 *         must not start
 *
 * Context: PARENT, pre_mpm.
 */
int es_hub_files_use(es_retained_t *retained, server_rec *s);

/**
 * Save all hubs that have a file and were used, and close the files. Waits for
 * children that are about to end, and kills those that do not; if one cannot be
 * killed, nothing is saved, and a warning is logged.
 *
 * @param s  may be NULL: no configuration was read completely
 *
 * Context: PARENT, when httpd ends; waits for the disk.
 */
void es_hub_files_save(es_retained_t *retained, server_rec *s);

/** Close the files. Context: CHILD_INIT. */
void es_hub_files_close(es_retained_t *retained);

#endif
