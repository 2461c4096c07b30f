/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Channel templates: "room-{room}", "user-%{REMOTE_USER}", "{?topic}". A
 * template consists of literal text; {token}; {?name}, the values of a query
 * parameter; and %{…}, an expression of httpd, which callbacks compile and
 * evaluate, so that this file stays pure. "{{" is a literal "{", "}}" a literal
 * "}"; a single "}" stands for itself, and so does a '%' before anything but
 * '{'. The end of %{…} is the matching '}': braces nest. base/pattern.h
 * describes the names.
 *
 * What a client sends is data: expanded values are never expanded again. They
 * are not trimmed either, because httpd has authorised them as they are; blanks
 * at the ends of the template's own text are.
 *
 * A pattern of EventStreamAllowChannel is a template, too, without {?name}. Its
 * literal text has the wildcards of es_channel_match; values have none.
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
 * @param err  on failure, what is wrong, in words
 * @return what es_template_values_t.expression gets, or NULL with *err
 */
typedef void *es_template_compile_fn_t(void *baton, const char *text,
                                       const char **err);

/**
 * Parse a template.
 *
 * @param out      lives in p
 * @param compile  called for each %{…}
 * @return NULL, or the error with the template and the column (from 1), for
 *         example: "room-{room": column 6: '{' is never closed; {{ is a literal
 *         one
 */
const char *es_template_parse(const es_template_t **out, const char *text,
                              es_template_compile_fn_t *compile, void *baton,
                              apr_pool_t *p);

/** Parse a pattern of EventStreamAllowChannel. As es_template_parse. */
const char *es_template_parse_allow(const es_template_t **out, const char *text,
                                    es_template_compile_fn_t *compile,
                                    void *baton, apr_pool_t *p);

/** The text that it was parsed from. */
const char *es_template_text(const es_template_t *template);

/**
 * The name of the i-th {token} (from 0; query names do not count), and its
 * column (characters, from 1); NULL if there are no more, *column is unchanged
 * then. For checks at configuration time.
 */
const char *es_template_token(const es_template_t *template, int i,
                              int *column);

/**
 * Does it have a {token} or a %{…}: values that the server's configuration has
 * taken from the request? A {?name} is no such value: the client names it.
 */
int es_template_has_values(const es_template_t *template);

/** Most combinations in one expansion that give no new name. */
#define ES_TEMPLATE_REPEATS_MAX 4096

/** Where values come from; each function gets baton. */
typedef struct es_template_values_t {
    void *baton;
    /** The value of a {token}; empty if it has none. */
    es_slice_t (*token)(void *baton, const char *name);
    /** The values of a query parameter: array of es_slice_t, maybe empty. */
    const apr_array_header_t *(*query)(void *baton, const char *name);
    /** The value of an expression; empty removes the channel. */
    es_slice_t (*expression)(void *baton, void *compiled);
} es_template_values_t;

/**
 * Expand into names and add each to the set. Each value of a parameter gives a
 * name, and each combination of the values of several parameters; a parameter
 * that occurs twice has the same value in both positions. A token or parameter
 * without value is replaced by nothing; an expression without value gives no
 * channel. The expansion stops at a new name if the set is full, and after
 * ES_TEMPLATE_REPEATS_MAX combinations that gave no new name, since a client
 * can ask for any number of combinations. It stops, too, at a name with a value
 * that begins or ends with a blank or tab, wherever the value stands in it.
 *
 * @param p    the bytes of the names live in p
 * @param why  at APR_EINVAL: 400, naming the channel
 * @return APR_SUCCESS; it has stopped early: APR_ENOSPC, APR_EINVAL (a blank)
 */
apr_status_t es_template_expand(const es_template_t *template,
                                const es_template_values_t *values,
                                es_channel_set_t *set, apr_pool_t *p,
                                es_problem_t *why);

/**
 * Expand a pattern of EventStreamAllowChannel for es_channel_match: each '*'
 * and '\' of a value stands for itself.
 *
 * @param template  from es_template_parse_allow
 * @param values    its query is not called
 * @param p         the bytes of the pattern live in p, or as long as template
 * @return the pattern; an empty one, which allows no channel, if a token or an
 *         expression has no value: else "{team}*" would allow everything
 */
es_slice_t es_template_expand_allow(const es_template_t *template,
                                    const es_template_values_t *values,
                                    apr_pool_t *p);

#endif
