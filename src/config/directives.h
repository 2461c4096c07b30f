/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The directives: which there are, where they may stand, how their values
 * are merged. One row each; the setters of those that take more than one
 * number are in config/setters.c.
 */
#ifndef ES_CONFIG_DIRECTIVES_H
#define ES_CONFIG_DIRECTIVES_H

#include <httpd.h>
#include <http_config.h>

/** For the module record. */
extern const command_rec es_directives_table[];

void *es_directives_create_dir(apr_pool_t *p, char *path);
void *es_directives_merge_dir(apr_pool_t *p, void *outer, void *inner);
void *es_directives_create_server(apr_pool_t *p, server_rec *s);

/** Forget what an earlier reading of the configuration has left. Context:
 * PARENT, pre_config. */
void es_directives_begin(apr_pool_t *pconf);

/**
 * Check what can only be checked when all is read: tokens that nothing can
 * set, hubs that do not exist.
 *
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after telling the error log
 *
 * Context: PARENT, check_config (which httpd -t comes to, post_config not).
 */
int es_directives_check(apr_pool_t *ptemp, server_rec *s);

/**
 * Give each scalar that no directive has set its preset.
 *
 * Context: PARENT, post_config.
 */
void es_directives_finish(server_rec *s);

#endif
