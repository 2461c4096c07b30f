/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Channel templates: "room-{room}", "user-%{REMOTE_USER}", "{?topic}".
 * Literal text; {token}; {?name}, the values of a query parameter; %{…}, an
 * expression of httpd, which is compiled and evaluated by callbacks, so that
 * this part stays pure. "{{" is a literal "{", "}}" a literal "}"; a lone "}"
 * stands for itself. A '%' that is not followed by '{' is a '%'. The end of
 * %{…} is the matching '}', braces nest. Names are as base/pattern.h tells.
 *
 * What a client sends is data: expanded values are never scanned again.
 */
#ifndef ES_BASE_TEMPLATE_H
#define ES_BASE_TEMPLATE_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "base/channel.h"
#include "base/slice.h"

typedef struct es_template_t es_template_t;

/**
 * Compile the expression text ("%{…}" whole) at configuration time.
 *
 * @param err  on failure what is wrong, in words
 * @return what es_template_values_t.expression gets, or NULL with *err
 */
typedef void *es_template_compile_fn_t(void *baton, const char *text,
                                       const char **err);

/**
 * Parse a template.
 *
 * @param out      lives in p
 * @param compile  called for each %{…}
 * @return NULL, or the error with the template and the column (from 1), such
 *         as: "room-{room": column 6: '{' is never closed; {{ is a literal one
 */
const char *es_template_parse(const es_template_t **out, const char *text,
                              es_template_compile_fn_t *compile, void *baton,
                              apr_pool_t *p);

/** The text it was made of. */
const char *es_template_text(const es_template_t *template);

/**
 * The name of the i-th {token} (from 0; query names do not count), and its
 * column (characters, from 1); NULL when there are no more, *column untouched.
 * For checks at configuration time.
 */
const char *es_template_token(const es_template_t *template, int i,
                              int *column);

/** Most combinations of one expansion that may give no new name. */
#define ES_TEMPLATE_REPEATS_MAX 4096

/** Where values come from; baton is handed to each. */
typedef struct es_template_values_t {
    void *baton;
    /** The value of a {token}; empty when it has none. */
    es_slice_t (*token)(void *baton, const char *name);
    /** The values of a query parameter: array of es_slice_t, maybe empty. */
    const apr_array_header_t *(*query)(void *baton, const char *name);
    /** The value of an expression; empty removes the channel. */
    es_slice_t (*expression)(void *baton, void *compiled);
} es_template_values_t;

/**
 * Expand into names, each added to the set. A parameter with several values
 * gives a name each, several parameters all combinations; the same parameter
 * twice in one template takes the same value in both places. A token or
 * parameter without value gives nothing; an expression without value gives
 * no channel. Stops at the first new name that finds the set full, and after
 * ES_TEMPLATE_REPEATS_MAX combinations that gave no new name, however many
 * more there would be.
 *
 * @param p  the bytes of the names live in p
 * @return APR_SUCCESS, or APR_ENOSPC when it stopped early
 */
apr_status_t es_template_expand(const es_template_t *template,
                                const es_template_values_t *values,
                                es_channel_set_t *set, apr_pool_t *p);

#endif
