/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser makes one pass from left to right. It collects literal bytes in a
 * buffer as long as the pattern; they become a part when another kind of part
 * or the end follows.
 */
#include "base/pattern.h"

#include <apr_strings.h>

typedef struct parser_t {
    const char *pattern;
    const char *at; /* the next byte */
    apr_pool_t *p;
    apr_array_header_t *parts; /* of es_pattern_part_t */
    char *literal;             /* start of the literal being collected */
    char *fill;                /* its end */
    const char *literal_at;    /* where it starts in the pattern */
    int syntax;
} parser_t;

/* Columns count characters, as editors do: bytes that start one. */
static int column_of(const parser_t *parser, const char *at)
{
    const char *c;
    int column = 1;

    for (c = parser->pattern; c < at; c++) {
        column += ((unsigned char)*c & 0xc0) != 0x80;
    }
    return column;
}

const char *es_pattern_error(const char *pattern, int column, const char *what,
                             apr_pool_t *p)
{
    return apr_psprintf(p, "\"%s\": column %d: %s", pattern, column, what);
}

static const char *fail(const parser_t *parser, const char *at,
                        const char *what)
{
    return es_pattern_error(parser->pattern, column_of(parser, at), what,
                            parser->p);
}

static void push(parser_t *parser, es_pattern_kind_t kind, es_slice_t text,
                 const char *at)
{
    es_pattern_part_t *part = apr_array_push(parser->parts);

    part->kind = kind;
    part->text = text;
    part->column = column_of(parser, at);
}

static void end_literal(parser_t *parser)
{
    es_slice_t text =
        es_slice(parser->literal, (apr_size_t)(parser->fill - parser->literal));

    if (text.len != 0) {
        push(parser, ES_PATTERN_LITERAL, text, parser->literal_at);
    }
    parser->literal = parser->fill;
}

/* Collect the next byte, which takes size bytes of the pattern. */
static void take_literal(parser_t *parser, int size)
{
    if (parser->fill == parser->literal) {
        parser->literal_at = parser->at;
    }
    *parser->fill++ = *parser->at;
    parser->at += size;
}

static es_slice_t copy(const parser_t *parser, const char *from,
                       const char *end)
{
    apr_size_t len = (apr_size_t)(end - from);

    return es_slice(apr_pstrmemdup(parser->p, from, len), len);
}

/* "%{", up to the brace that closes it. */
static const char *take_expression(parser_t *parser)
{
    const char *from = parser->at;
    const char *c = from + 1;
    int depth = 0;

    do {
        if (*c == '\0') {
            return fail(parser, from, "'%{' is not closed");
        }
        depth += (*c == '{') - (*c == '}');
        c++;
    } while (depth > 0);

    end_literal(parser);
    push(parser, ES_PATTERN_EXPRESSION, copy(parser, from, c), from);
    parser->at = c;
    return NULL;
}

static int is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* "{token}" or "{?name}". */
static const char *take_name(parser_t *parser)
{
    const char *from = parser->at;
    const char *name = from + 1;
    const char *close = strchr(from, '}');
    const char *c;
    int query = parser->syntax == ES_PATTERN_TEMPLATE && *name == '?';

    name += query;
    if (close == NULL) {
        return fail(parser, from,
                    "'{' is not closed; write {{ for a literal brace");
    }
    if (parser->syntax == ES_PATTERN_ALLOW && *name == '?') {
        return fail(parser, from,
                    "the client chooses the value of a parameter, so {?...} "
                    "would allow anything; write *");
    }
    if (close == name) {
        return fail(parser, from, "the braces hold no name");
    }
    for (c = name; c < close; c++) {
        if (query && *c == '{') {
            return fail(parser, c, "a name cannot contain '{'");
        }
        if (!query && !is_name_byte(*c)) {
            return fail(parser, c,
                        "a name consists of letters, digits, '_' and '-'");
        }
    }
    end_literal(parser);
    push(parser, query ? ES_PATTERN_QUERY : ES_PATTERN_TOKEN,
         copy(parser, name, close), from);
    parser->at = close + 1;
    return NULL;
}

/* Take the next byte or part. @return NULL or the error */
static const char *take(parser_t *parser)
{
    const char *at = parser->at;

    if ((at[0] == '{' || at[0] == '}') && at[1] == at[0]) {
        take_literal(parser, 2);
        return NULL;
    }
    if (at[0] == '\\' && at[1] != '\0' && parser->syntax == ES_PATTERN_ALLOW) {
        take_literal(parser, 1);
        take_literal(parser, 1);
        return NULL;
    }
    if (at[0] == '{') {
        return take_name(parser);
    }
    if (at[0] == '%' && at[1] == '{' && parser->syntax != ES_PATTERN_PATH) {
        return take_expression(parser);
    }
    take_literal(parser, 1);
    return NULL;
}

const char *es_pattern_parse(const apr_array_header_t **out,
                             const char *pattern, int syntax, apr_pool_t *p)
{
    parser_t parser;
    const char *error;

    parser.pattern = pattern;
    parser.at = pattern;
    parser.p = p;
    parser.parts = apr_array_make(p, 4, sizeof(es_pattern_part_t));
    parser.literal = apr_palloc(p, strlen(pattern) + 1);
    parser.fill = parser.literal;
    parser.literal_at = pattern;
    parser.syntax = syntax;

    while (*parser.at != '\0') {
        error = take(&parser);
        if (error != NULL) {
            return error;
        }
    }
    end_literal(&parser);
    *out = parser.parts;
    return NULL;
}
