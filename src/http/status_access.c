/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd merges the sections that apply to a request, and what has come of it
 * does not show which section a Require was in. But the handler of the merged
 * settings is an expression that knows the file and the line of its SetHandler,
 * and the configuration as read is still there, as a tree of lines. So the tree
 * is walked once, and the places of these handlers are remembered with the
 * answer. A handler that has come otherwise (.htaccess, AddHandler, RewriteRule
 * [H=]) is not among them, and is refused.
 */
#include "http/status_access.h"

#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>

#include "server/advice.h"
#include "server/log.h"
#include "server/settings.h"

typedef struct place_t {
    const char *handler;
    const char *file; /* of its SetHandler, as the next */
    int line;
    int has_require;
    int is_open_to_all;
} place_t;

/* place_t, in the configuration pool; NULL before post_config */
static apr_array_header_t *places;

static apr_status_t forget_places(void *unused)
{
    (void)unused;
    places = NULL;
    return APR_SUCCESS;
}

/* ---- The walk ----------------------------------------------------------- */

/* @return the handler that a line sets, if it is one of the two; or NULL */
static const char *handler_of(const ap_directive_t *line, apr_pool_t *p)
{
    const char *args = line->args;
    const char *handler;

    if (strcasecmp(line->directive, "SetHandler") != 0) {
        return NULL;
    }
    handler = ap_getword_conf(p, &args);
    return !strcmp(handler, ES_HANDLER_STATUS) ||
                   !strcmp(handler, ES_HANDLER_METRICS)
               ? handler
               : NULL;
}

/* Not one within <Limit>, which is for some methods only. */
static int is_require(const ap_directive_t *line)
{
    static const char *const words[] = {"Require", "<RequireAll", "<RequireAny",
                                        "<RequireNone"};
    size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!strcasecmp(line->directive, words[i])) {
            return 1;
        }
    }
    return 0;
}

static int admits_all(const ap_directive_t *line, apr_pool_t *p);

/* How many of the lines within admit everyone, and how many do not. */
static void count_within(const ap_directive_t *line, int *all, int *others,
                         apr_pool_t *p)
{
    const ap_directive_t *at;

    *all = *others = 0;
    for (at = line->first_child; at; at = at->next) {
        if (admits_all(at, p)) {
            ++*all;
        }
        else {
            ++*others;
        }
    }
}

/* A container is looked into as deep as sections are nested. */
static int admits_all(const ap_directive_t *line, apr_pool_t *p)
{
    const char *args = line->args;
    int all, others;

    if (!strcasecmp(line->directive, "Require")) {
        return !strcasecmp(ap_getword_conf(p, &args), "all") &&
               !strcasecmp(ap_getword_conf(p, &args), "granted");
    }
    count_within(line, &all, &others, p);
    return !strcasecmp(line->directive, "<RequireAny") ? all > 0
           : !strcasecmp(line->directive, "<RequireAll")
               ? all > 0 && others == 0
               : 0;
}

static void note(const ap_directive_t *line, const char *handler, apr_pool_t *p)
{
    place_t *place = apr_array_push(places);
    const ap_directive_t *at = line->parent ? line->parent->first_child : NULL;

    memset(place, 0, sizeof(*place));
    place->handler = handler;
    place->file = line->filename;
    place->line = line->line_num;
    for (; at; at = at->next) {
        place->has_require |= is_require(at);
        place->is_open_to_all |= admits_all(at, p);
    }
}

static void walk(const ap_directive_t *line, apr_pool_t *p)
{
    for (; line; line = line->next) {
        const char *handler = handler_of(line, p);

        if (handler) {
            note(line, handler, p);
        }
        walk(line->first_child, p);
    }
}

void es_status_access_find(apr_pool_t *pconf)
{
    places = apr_array_make(pconf, 4, sizeof(place_t));
    apr_pool_cleanup_register(pconf, NULL, forget_places,
                              apr_pool_cleanup_null);
    walk(ap_conftree, pconf);
}

/* ---- What was found ----------------------------------------------------- */

static void log_place(const place_t *place, server_rec *s)
{
    if (!place->has_require) {
        es_advise(
            APLOG_NOTICE, s, "ES0118",
            "%s, line %d: SetHandler %s is closed, since its section has no "
            "Require; add one to this section, such as Require ip or "
            "Require valid-user",
            place->file, place->line, place->handler);
    }
    else if (place->is_open_to_all) {
        es_advise(
            APLOG_NOTICE, s, "ES0117",
            "%s, line %d: Require all granted opens SetHandler %s to "
            "everyone: it shows channels, processes and addresses of this "
            "server, and the page also every event",
            place->file, place->line, place->handler);
    }
}

void es_status_access_log(server_rec *s)
{
    int i;

    for (i = 0; i < places->nelts; i++) {
        log_place(&APR_ARRAY_IDX(places, i, place_t), s);
    }
}

int es_status_access_has(const char *handler)
{
    int i;

    for (i = 0; places && i < places->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(places, i, place_t).handler, handler)) {
            return 1;
        }
    }
    return 0;
}

/* A macro may have made several of the same line. */
static int is_opened(const ap_expr_info_t *handler)
{
    int i, found = 0;

    for (i = 0; handler && places && i < places->nelts; i++) {
        const place_t *place = &APR_ARRAY_IDX(places, i, place_t);

        if (place->line == (int)handler->line_number &&
            !strcmp(place->file, handler->filename)) {
            found = 1;
            if (!place->has_require) {
                return 0;
            }
        }
    }
    return found;
}

int es_status_access_admits(request_rec *r, es_problem_t *why)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);

    if (is_opened(core->expr_handler)) {
        return 1;
    }
    es_problem_set(why, r->pool, HTTP_FORBIDDEN,
                   "The status of the event streams is closed.");
    return es_problem_remedy(
        why, ES_REMEDY_STATUS,
        "The section with its SetHandler has no Require; add one to this very "
        "section, such as Require ip or Require valid-user.");
}
