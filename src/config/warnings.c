/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd merges the settings of a Location request by request, and has compiled
 * the value of SetHandler. But the configuration as read is still there, as a
 * tree of lines. Here the nearest LimitRequestBody is looked up in that tree:
 * next to the SetHandler, then around its section. Other sections that cover
 * the same Location are not found; the result is a warning only.
 */
#include "config/directives.h"

#include <apr_strings.h>
#include <http_config.h>

#include "server/log.h"

typedef struct search_t {
    apr_pool_t *p;
    const ap_directive_t *first; /* SetHandler of the first such place */
    int count;
} search_t;

static const char *first_word(const ap_directive_t *line, apr_pool_t *p)
{
    const char *args = line->args;

    return ap_getword_conf(p, &args);
}

static const ap_directive_t *siblings_of(const ap_directive_t *line)
{
    return line->parent ? line->parent->first_child : ap_conftree;
}

static int is_limited(const ap_directive_t *line, apr_pool_t *p)
{
    const ap_directive_t *level, *at, *limit = NULL;

    for (level = line; level && !limit; level = level->parent) {
        for (at = siblings_of(level); at; at = at->next) {
            if (!strcasecmp(at->directive, "LimitRequestBody")) {
                limit = at; /* the last one of a section wins */
            }
        }
    }
    return !limit || apr_atoi64(first_word(limit, p)) != 0;
}

static void search(search_t *result, const ap_directive_t *line)
{
    for (; line; line = line->next) {
        if (!strcasecmp(line->directive, "SetHandler") &&
            !strcmp(first_word(line, result->p), ES_HANDLER_PUBLISH) &&
            is_limited(line, result->p)) {
            result->first = result->first ? result->first : line;
            result->count++;
        }
        search(result, line->first_child);
    }
}

void es_warnings_log(apr_pool_t *ptemp, server_rec *s)
{
    search_t result = {ptemp, NULL, 0};

    search(&result, ap_conftree);
    if (result.count > 0) {
        es_slog(
            APLOG_NOTICE, 0, s, "ES0110",
            "LimitRequestBody is not 0 where events are published (in %d "
            "section(s), first in %s, line %d): an NDJSON body ends with 413 "
            "at that many bytes; set LimitRequestBody 0 there",
            result.count, result.first->filename, result.first->line_num);
    }
}
