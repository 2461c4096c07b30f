/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A URI template is matched without backtracking. After each part of it there
 * is a set of places in the name where the match may be, one bit a place:
 *
 *   "https://x/"     each place moves on by 10 bytes, or is dropped
 *   {id}             each place spreads, up to the next reserved byte
 */
#include "token/topic.h"

#include "base/channel.h"

#define PLACES (ES_CHANNEL_NAME_MAX + 1)
#define NAMES_MAX 4

/* Where in a name the match may be. */
typedef struct places_t {
    unsigned char is_here[PLACES];
} places_t;

static int is_reserved(char c)
{
    return memchr("/?#[]@!$&'()*+,;=:", c, 18) != NULL;
}

/* ---- Parts of a template ------------------------------------------------- */

static void take_literal(places_t *places, es_slice_t name, es_slice_t literal)
{
    places_t next = {{0}};
    apr_size_t i;

    for (i = 0; i + literal.len <= name.len; i++) {
        if (places->is_here[i] &&
            !memcmp(name.data + i, literal.data, literal.len)) {
            next.is_here[i + literal.len] = 1;
        }
    }
    *places = next;
}

static void take_variable(places_t *places, es_slice_t name, int takes_all)
{
    apr_size_t i;

    for (i = 0; i < name.len; i++) {
        if (places->is_here[i] && (takes_all || !is_reserved(name.data[i]))) {
            places->is_here[i + 1] = 1;
        }
    }
}

/* @return 0: it has an operator or a modifier that is not known here */
static int read_variable(es_slice_t expression, int *takes_all)
{
    apr_size_t i;

    *takes_all = expression.len > 0 && expression.data[0] == '+';
    for (i = (apr_size_t)*takes_all; i < expression.len; i++) {
        if (memchr("/?#[]@!$&'()*+,;=:{|.", expression.data[i], 21)) {
            return 0;
        }
    }
    return expression.len > (apr_size_t)*takes_all;
}

/* Takes an expression, which begins with a brace, off the template.
 * @return 0: it is none that is known here */
static int take_expression(places_t *places, es_slice_t name, es_slice_t *rest)
{
    const char *end = memchr(rest->data, '}', rest->len);
    es_slice_t expression;
    int takes_all;

    if (!end) {
        return 0;
    }
    expression = es_slice(rest->data + 1, (apr_size_t)(end - rest->data) - 1);
    *rest = es_slice(end + 1, rest->len - expression.len - 2);
    if (!read_variable(expression, &takes_all)) {
        return 0;
    }
    take_variable(places, name, takes_all);
    return 1;
}

static int matches_template(es_slice_t rest, es_slice_t name)
{
    places_t places = {{1}};
    int names = 0;

    while (rest.len != 0) {
        const char *brace = memchr(rest.data, '{', rest.len);
        apr_size_t len = brace ? (apr_size_t)(brace - rest.data) : rest.len;

        take_literal(&places, name, es_slice(rest.data, len));
        rest = es_slice(rest.data + len, rest.len - len);
        if (rest.len != 0 &&
            (++names > NAMES_MAX || !take_expression(&places, name, &rest))) {
            return 0;
        }
    }
    return places.is_here[name.len];
}

/* ---- A topic ------------------------------------------------------------- */

int es_topic_matches(const es_topic_t *topic, es_slice_t name)
{
    if (name.len == 0 || name.len > ES_CHANNEL_NAME_MAX) {
        return 0;
    }
    if (!topic->is_selector) {
        return es_channel_match(name, topic->text);
    }
    return es_slice_is(topic->text, "*") || es_slice_equal(topic->text, name) ||
           (es_slice_has(topic->text, '{') &&
            matches_template(topic->text, name));
}
