/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of a Location are merged request by request, and what a
 * SetHandler says is compiled; but the configuration as it was read is still
 * there, a tree of lines. There the nearest LimitRequestBody is looked for:
 * beside the SetHandler, then around its section. Sections elsewhere that
 * cover the same Location are not seen; it is advice.
 */
#include "config/warnings.h"

#include <apr_strings.h>
#include <http_config.h>

#include "server/log.h"

typedef struct found_t {
    apr_pool_t *p;
    const ap_directive_t *first; /* SetHandler of the first such place */
    int count;
} found_t;

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
                limit = at; /* the last one of a section counts */
            }
        }
    }
    return !limit || apr_atoi64(first_word(limit, p)) != 0;
}

static void look_at(found_t *found, const ap_directive_t *line)
{
    for (; line; line = line->next) {
        if (!strcasecmp(line->directive, "SetHandler") &&
            !strcmp(first_word(line, found->p), ES_HANDLER_PUBLISH) &&
            is_limited(line, found->p)) {
            found->first = found->first ? found->first : line;
            found->count++;
        }
        look_at(found, line->first_child);
    }
}

void es_warnings_log(apr_pool_t *ptemp, server_rec *s)
{
    found_t found = {ptemp, NULL, 0};

    look_at(&found, ap_conftree);
    if (found.count > 0) {
        es_slog(APLOG_NOTICE, 0, s, "ES0110",
                "LimitRequestBody is not 0 where events are published "
                "(%d places, the first in %s, line %d): a stream of lines "
                "ends with 413 when it has brought so many bytes in all",
                found.count, found.first->filename, found.first->line_num);
    }
}
