/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A path pattern, EventStreamPath "/events/{room}/{topic}": it matches a
 * whole decoded path; each {token} takes one non-empty segment or a part of
 * one, never a '/'; where there is a choice, the earlier token takes less:
 * "{a}-{b}" takes "1-2-3" as "1" and "2-3". "{{" and "}}" are literal braces,
 * '%' is a literal. A pattern starts with '/'; two tokens may not touch nor
 * bear the same name (case counts not). Pure.
 */
#ifndef ES_BASE_PATH_H
#define ES_BASE_PATH_H

#include <apr_pools.h>

#include "base/slice.h"

typedef struct es_path_t es_path_t;

/** @return NULL, or the error with pattern and column as es_template_parse */
const char *es_path_parse(const es_path_t **out, const char *pattern,
                          apr_pool_t *p);

/** Number of tokens. */
int es_path_count(const es_path_t *path);

/** Name of token i, from 0. */
const char *es_path_token(const es_path_t *path, int i);

/** Place of the token with this name (case counts not), or -1. */
int es_path_find(const es_path_t *path, const char *name);

/**
 * Match a path.
 *
 * @param values  es_path_count slices into subject; their contents count only
 *                on a match
 * @return 1 when the pattern matches the whole subject
 */
int es_path_match(const es_path_t *path, es_slice_t subject,
                  es_slice_t *values);

#endif
