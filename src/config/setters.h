/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Setters of the directives that take more than one number. Each has the
 * form that httpd wants and returns NULL, or the error that httpd prints
 * behind file and line.
 */
#ifndef ES_CONFIG_SETTERS_H
#define ES_CONFIG_SETTERS_H

#include <httpd.h>
#include <http_config.h>

#include "server/settings.h"

const char *es_setters_channel(cmd_parms *cmd, void *dir, const char *text);
const char *es_setters_channel_list(cmd_parms *cmd, void *dir,
                                    const char *separator, const char *text);
const char *es_setters_path(cmd_parms *cmd, void *dir, const char *pattern);
const char *es_setters_allow(cmd_parms *cmd, void *dir, const char *pattern);
const char *es_setters_from(cmd_parms *cmd, void *dir, const char *who);
const char *es_setters_origin(cmd_parms *cmd, void *dir, const char *origin);
const char *es_setters_use_hub(cmd_parms *cmd, void *dir, const char *name);
const char *es_setters_hub(cmd_parms *cmd, void *dir, int argc,
                           char *const argv[]);

/** Read a number of bytes: digits and at most one of k, m, g. */
const char *es_setters_read_bytes(apr_int64_t *out, const char *text);

/** Forget the hubs that were used so far. Context: pre_config. */
void es_setters_begin(apr_pool_t *pconf);

/**
 * Check that each hub that EventStreamUseHub names exists.
 *
 * @return NULL, or the error with file and line, in p
 */
const char *es_setters_check(const es_settings_t *global, apr_pool_t *p);

#endif
