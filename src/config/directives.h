/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The directives: their names, the contexts that allow them, and how their
 * values merge. A directive is one row; those that take more than one value
 * have a setter in config/setters.c or config/grip_setters.c.
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

/** Register the provider of "Require eventstream-channel" (config/require.c).
 * Context: register_hooks. */
void es_require_register(apr_pool_t *p);

/** Forget what was noted while an earlier configuration was read. Context:
 * PARENT, pre_config. */
void es_directives_begin(apr_pool_t *pconf);

/**
 * Check what depends on the whole configuration: tokens that nothing can set,
 * streams that cannot have a channel, hubs that do not exist, mpm_itk. After it
 * no directive is taken any more, from .htaccess for example.
 *
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after an error was logged
 *
 * Context: PARENT, check_config; httpd -t runs that hook, but not post_config.
 */
int es_directives_check(apr_pool_t *ptemp, server_rec *s);

/**
 * Give each scalar that no directive has set its preset.
 *
 * Context: PARENT, post_config.
 */
void es_directives_finish(server_rec *s);

/**
 * Log what may not be meant, but is no error (config/warnings.c):
 *
 *   notice   LimitRequestBody is not 0 in Locations that publish: it counts all
 *            bytes of a body, and an NDJSON body has no end
 *   notice   several virtual hosts publish into the hub "default", and no
 *            EventStreamUseHub says that it is meant
 *   warning  ChrootDir, while GRIP proxies have names or certificates, which
 *            children look up in that folder
 *
 * Context: PARENT, post_config.
 */
void es_warnings_log(apr_pool_t *ptemp, server_rec *s);

#endif
