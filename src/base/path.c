/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between two tokens there is always a literal, and a token ends at the first
 * occurrence of that literal. There is no need to backtrack: if the rest of the
 * path matches with a later occurrence, it matches with the first one, too, as
 * the bytes in between go to the next token and contain no '/'.
 */
#include "base/path.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include "base/pattern.h"

struct es_path_t {
    const es_pattern_part_t *parts;
    int nparts;
    const char **tokens; /* their names */
    int ntokens;
};

/* What is wrong with part i, if the parts before it are right; or NULL. */
static const char *mistake(const es_path_t *path, int i)
{
    const es_pattern_part_t *part = &path->parts[i];

    if (i == 0 &&
        (part->kind != ES_PATTERN_LITERAL || part->text.data[0] != '/')) {
        return "a path must start with '/'";
    }
    if (part->kind != ES_PATTERN_TOKEN) {
        return NULL;
    }
    if (path->parts[i - 1].kind == ES_PATTERN_TOKEN) {
        return "two tokens need a literal between them";
    }
    if (es_path_find(path, part->text.data) >= 0) {
        return "an earlier token has the same name";
    }
    return NULL;
}

const char *es_path_parse(const es_path_t **out, const char *pattern,
                          apr_pool_t *p)
{
    es_path_t *path = apr_pcalloc(p, sizeof(*path));
    const apr_array_header_t *parts;
    const char *what;
    int i;

    what = es_pattern_parse(&parts, pattern, ES_PATTERN_PATH, p);
    if (what != NULL) {
        return what;
    }
    if (parts->nelts == 0) {
        return es_pattern_error(pattern, 1, "a path must start with '/'", p);
    }
    path->parts = (const es_pattern_part_t *)parts->elts;
    path->nparts = parts->nelts;
    path->tokens = apr_pcalloc(p, sizeof(char *) * (apr_size_t)parts->nelts);
    for (i = 0; i < path->nparts; i++) {
        what = mistake(path, i);
        if (what != NULL) {
            return es_pattern_error(pattern, path->parts[i].column, what, p);
        }
        if (path->parts[i].kind == ES_PATTERN_TOKEN) {
            path->tokens[path->ntokens++] = path->parts[i].text.data;
        }
    }
    *out = path;
    return NULL;
}

int es_path_count(const es_path_t *path)
{
    return path->ntokens;
}

const char *es_path_token(const es_path_t *path, int i)
{
    return path->tokens[i];
}

int es_path_find(const es_path_t *path, const char *name)
{
    int i;

    for (i = 0; i < path->ntokens; i++) {
        if (apr_cstr_casecmp(path->tokens[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

/* The end of the token that is part i and starts at at; NULL = no match. */
static const char *token_end(const es_path_t *path, int i, const char *at,
                             const char *end)
{
    const char *slash = memchr(at, '/', (apr_size_t)(end - at));
    const char *segment = slash != NULL ? slash : end;
    apr_size_t left = (apr_size_t)(end - at);
    const char *stop;
    es_slice_t next;
    apr_size_t room;

    if (i + 1 == path->nparts) {
        stop = end;
    }
    else {
        next = path->parts[i + 1].text;
        if (left <= next.len) {
            return NULL;
        }
        if (i + 2 == path->nparts) {
            stop = end - next.len;
        }
        else {
            /* it may start at the slash, but not after it */
            room = (apr_size_t)(segment - at) + next.len;
            room = room < left ? room : left;
            stop = memmem(at + 1, room - 1, next.data, next.len);
        }
    }
    return stop != NULL && stop > at && stop <= segment ? stop : NULL;
}

int es_path_match(const es_path_t *path, es_slice_t subject, es_slice_t *values)
{
    const char *at = subject.data;
    const char *end;
    const char *stop;
    es_slice_t text;
    int i;

    if (subject.len == 0) {
        return 0;
    }
    end = at + subject.len;
    for (i = 0; i < path->nparts; i++) {
        if (path->parts[i].kind == ES_PATTERN_TOKEN) {
            stop = token_end(path, i, at, end);
            if (stop == NULL) {
                return 0;
            }
            *values++ = es_slice(at, (apr_size_t)(stop - at));
            at = stop;
        }
        else {
            text = path->parts[i].text;
            if ((apr_size_t)(end - at) < text.len ||
                memcmp(at, text.data, text.len) != 0) {
                return 0;
            }
            at += text.len;
        }
    }
    return at == end;
}
