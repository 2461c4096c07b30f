/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The check that each {token} of a template can be set by something.
 * Context of all: PARENT, while the configuration is read.
 */
#ifndef ES_CONFIG_TOKENS_H
#define ES_CONFIG_TOKENS_H

#include <httpd.h>
#include <http_config.h>

#include "base/path.h"
#include "base/template.h"

/** Forget the notes of an earlier reading. */
void es_tokens_begin(apr_pool_t *pconf);

/** Note a template of the directive at hand. */
void es_tokens_note_template(cmd_parms *cmd, const es_template_t *template);

/** Note a path of the directive at hand. */
void es_tokens_note_path(cmd_parms *cmd, const es_path_t *path);

/**
 * Compare all notes.
 *
 * @return NULL, or the error with file and line, in p
 */
const char *es_tokens_check(apr_pool_t *p);

#endif
