/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can each SetHandler eventstream have a channel?
 *
 * httpd merges the settings of a Location request by request, so in general
 * this is not known. But often it is certain that an EventStreamChannel applies
 * to no request that a SetHandler applies to: they stand in different virtual
 * hosts, or in two plain <Location> of which neither path contains the other.
 * A SetHandler for which this is true of all EventStreamChannel and
 * EventStreamChannelList is an error, since each of its requests would be
 * refused. All other sections (<LocationMatch>, <Directory>, <If>, ...) count
 * as if they could apply, so that no configuration that works is refused.
 *
 * A module that calls eventstream_run needs no SetHandler. A redirect within
 * httpd takes the channels of the section to which it leads.
 */
#include "config/setters.h"

#include <apr_fnmatch.h>
#include <apr_strings.h>

/* The lines of EventStreamChannel and EventStreamChannelList: const
 * ap_directive_t *, in the configuration pool; NULL before pre_config. */
static apr_array_header_t *sources;

void es_streams_begin(apr_pool_t *pconf)
{
    sources = apr_array_make(pconf, 8, sizeof(ap_directive_t *));
}

void es_streams_note_source(cmd_parms *cmd)
{
    if (sources) {
        APR_ARRAY_PUSH(sources, const ap_directive_t *) = cmd->directive;
    }
}

static const char *first_word(const ap_directive_t *line, apr_pool_t *p)
{
    const char *args = line->args;
    char *word = ap_getword_conf(p, &args);
    apr_size_t len = strlen(word);

    if (line->directive[0] == '<' && len && word[len - 1] == '>' && !*args) {
        word[len - 1] = '\0'; /* an unquoted word keeps the '>' */
    }
    return word;
}

static const ap_directive_t *host_around(const ap_directive_t *line)
{
    for (line = line->parent; line; line = line->parent) {
        if (!strcasecmp(line->directive, "<VirtualHost")) {
            return line;
        }
    }
    return NULL;
}

/* The path of the <Location> around a line, if that is a plain one. */
static const char *path_around(const ap_directive_t *line, apr_pool_t *p)
{
    for (line = line->parent; line; line = line->parent) {
        if (!strcasecmp(line->directive, "<Location")) {
            const char *path = first_word(line, p);

            return *path == '/' && !apr_fnmatch_test(path) ? path : NULL;
        }
    }
    return NULL;
}

/* Does the path inner begin with the segments of outer? */
static int is_within(const char *inner, const char *outer)
{
    apr_size_t len = strlen(outer);

    while (len && outer[len - 1] == '/') {
        len--;
    }
    return !strncmp(inner, outer, len) && (!inner[len] || inner[len] == '/');
}

static int can_meet(const ap_directive_t *a, const ap_directive_t *b,
                    apr_pool_t *p)
{
    const ap_directive_t *host_a = host_around(a), *host_b = host_around(b);
    const char *path_a = path_around(a, p), *path_b = path_around(b, p);

    if (host_a && host_b && host_a != host_b) {
        return 0;
    }
    return !path_a || !path_b || is_within(path_a, path_b) ||
           is_within(path_b, path_a);
}

static int has_source(const ap_directive_t *line, apr_pool_t *p)
{
    int i;

    for (i = 0; i < sources->nelts; i++) {
        if (can_meet(line, APR_ARRAY_IDX(sources, i, const ap_directive_t *),
                     p)) {
            return 1;
        }
    }
    return 0;
}

/* The first SetHandler eventstream without a source, or NULL. */
static const ap_directive_t *find_empty(const ap_directive_t *line,
                                        apr_pool_t *p)
{
    const ap_directive_t *found = NULL;

    for (; line && !found; line = line->next) {
        if (!strcasecmp(line->directive, "SetHandler") &&
            !strcmp(first_word(line, p), ES_HANDLER_SUBSCRIBE) &&
            !has_source(line, p)) {
            return line;
        }
        found = find_empty(line->first_child, p);
    }
    return found;
}

const char *es_streams_check(apr_pool_t *p)
{
    const ap_directive_t *line = find_empty(ap_conftree, p);

    return line ? apr_psprintf(p,
                               "%s line %d: SetHandler %s: no "
                               "EventStreamChannel or EventStreamChannelList "
                               "can apply here, so each request would be "
                               "refused; add one to this section",
                               line->filename, line->line_num,
                               ES_HANDLER_SUBSCRIBE)
                : NULL;
}
