/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A path pattern, as in EventStreamPath "/events/{room}/{topic}". It matches a
 * whole decoded path; each {token} matches a segment or a part of one, at least
 * one byte and never a '/'. Where there is a choice, the earlier token takes
 * less: "{a}-{b}" matches "1-2-3" as "1" and "2-3". "{{" and "}}" are literal
 * braces, '%' is a literal. A pattern starts with '/'; two tokens may not touch
 * or have the same name, in whatever case. Pure.
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

/** The number of the token with this name, in whatever case; -1 = none. */
int es_path_find(const es_path_t *path, const char *name);

/**
 * Match a path.
 *
 * @param values  es_path_count slices, set to parts of subject; undefined
 *                without a match
 * @return 1 if the pattern matches the whole subject
 */
int es_path_match(const es_path_t *path, es_slice_t subject,
                  es_slice_t *values);

#endif
