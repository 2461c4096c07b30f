/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would take a request away from our handler, and why it does not:
 *
 *   MultiViews, mod_mime   find a file, a type or an encoding for the name;
 *                          we choose our handler before them.
 *   ProxyPass "/"          makes it a proxy request while the URL is mapped;
 *                          our handler hook runs before that of mod_proxy.
 *   RewriteRule, server    replaces the query, not the section, if the target
 *                          is a file or [P]; we restore it before <If> and
 *                          Require look at it. With [PT] the target is a URL,
 *                          and its query counts.
 *   RewriteRule, .htaccess replaces the handler in fixups by an internal
 *                          redirect, and the query by that of its target; we
 *                          restore ours at the end of fixups.
 *   DirectoryIndex and     act in fixups if a folder has the name. The first
 *   DirectorySlash         brings the settings of another section; the second
 *                          redirects, and browsers repeat a POST as a GET. The
 *                          request has the type of a file during fixups.
 *   CheckSpelling          redirects in fixups to a name that is nearly the
 *                          same, but not if there is a file.
 *   FallbackResource       acts on requests without a handler; SetHandler has
 *                          set one.
 *
 * DirectoryIndex, FallbackResource and MultiViews may also lead to our Location
 * from elsewhere. They look for it by a GET of httpd's own, by which <Limit>,
 * <If> and Require are decided, and then serve the request by it, whatever its
 * method is. So we redirect one with another method to the path that they have
 * found, where all is decided by its own method.
 *
 * ErrorDocument may lead to our Locations. A stream may be the page of an error
 * (docs/invoking.md). Statistics may not: they would answer a POST with 200, by
 * which its publisher takes the event for published. So httpd serves the file
 * of that name, or the error alone.
 */
#include "http/hooks.h"

#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <http_request.h>

#include "server/settings.h"

/* The method by which access to our Location was decided. Notes stay when httpd
 * serves a request by another one of its own. */
#define METHOD_NOTE "eventstream-method"

#define HANDLER_REDIRECT "eventstream-redirect"
#define HANDLER_FILE "default-handler" /* httpd's name for its own */

static const char *const handlers[] = {ES_HANDLER_SUBSCRIBE, ES_HANDLER_PUBLISH,
                                       ES_HANDLER_STATUS, ES_HANDLER_METRICS};

static int is_ours(const char *handler)
{
    size_t i;

    for (i = 0; handler && i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (!strcmp(handler, handlers[i])) {
            return 1;
        }
    }
    return 0;
}

/* Pages of other sites see nothing of the other two, whatever
 * EventStreamAllowOrigin says. */
static int has_cors(const char *handler)
{
    return handler && (!strcmp(handler, ES_HANDLER_SUBSCRIBE) ||
                       !strcmp(handler, ES_HANDLER_PUBLISH));
}

/* The handler of the section; SetHandler may keep it as an expression. */
static const char *handler_of_section(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const char *handler = core->handler;
    const char *err = NULL;

    if (core->expr_handler) {
        handler = ap_expr_str_exec(r, core->expr_handler, &err);
    }
    return err ? NULL : handler;
}

/* Is this the page of an error that our handler must not serve? */
static int is_error_page(const request_rec *r, const char *handler)
{
    if (!strcmp(handler, ES_HANDLER_SUBSCRIBE)) {
        return 0;
    }
    while (r->prev) {
        r = r->prev;
        if (ap_is_HTTP_ERROR(r->status)) {
            return 1;
        }
    }
    return 0;
}

/* Our handler as the configuration sets it, or NULL. Until the end of fixups
 * that of RewriteRule [H=] is in a note of mod_rewrite. */
static const char *our_handler(request_rec *r)
{
    const char *handler = handler_of_section(r);

    if (!is_ours(handler)) {
        handler = apr_table_get(r->notes, "rewrite-forced-handler");
    }
    return is_ours(handler) && !is_error_page(r, handler) ? handler : NULL;
}

int es_route_has_cors(request_rec *r)
{
    return has_cors(our_handler(r));
}

int es_route_is_subscribe(request_rec *r)
{
    const char *handler = our_handler(r);

    return handler && !strcmp(handler, ES_HANDLER_SUBSCRIBE);
}

int es_route_is_publish(request_rec *r)
{
    const char *handler = our_handler(r);

    return handler && !strcmp(handler, ES_HANDLER_PUBLISH);
}

int es_route_has_chosen_cors(const request_rec *r)
{
    return has_cors(r->handler);
}

int es_route_choose(request_rec *r)
{
    const char *handler = our_handler(r);

    if (!handler) {
        return DECLINED;
    }
    r->handler = handler;
    return OK;
}

typedef struct route_t {
    char *args;
    int is_located;          /* a <Location> or <If> of its URL is ours */
    const char *handler;     /* NULL: it is not ours */
    apr_filetype_e filetype; /* of the file or folder of the request's name */
} route_t;

static route_t *route_of(request_rec *r)
{
    route_t *route =
        ap_get_module_config(r->request_config, &eventstream_module);

    if (!route) {
        route = apr_pcalloc(r->pool, sizeof(*route));
        route->args = r->args;
        ap_set_module_config(r->request_config, &eventstream_module, route);
    }
    return route;
}

int es_route_save_query(request_rec *r)
{
    route_t *route = route_of(r);

    route->args = r->args;
    route->is_located = is_ours(handler_of_section(r));
    return DECLINED;
}

/* Is the file that the request was mapped to that of its own path? */
static int is_mapped_to_itself(const request_rec *r)
{
    const char *path = apr_pstrcat(r->pool, r->filename ? r->filename : "",
                                   r->path_info, NULL);
    apr_size_t len = strlen(path);
    apr_size_t uri_len = strlen(r->uri);

    return len >= uri_len && !strcmp(path + len - uri_len, r->uri);
}

/* If a rule of the server sent the request to another path with a query, take
 * back that of the client. A rule that sets our handler may do so. */
static void restore_query(request_rec *r, const route_t *route)
{
    if (r->args != route->args && !is_mapped_to_itself(r)) {
        r->args = route->args;
    }
}

/* httpd has forgotten the sections here, and looks at <If> after it. */
int es_route_restore_query_of_url(request_rec *r)
{
    const route_t *route =
        ap_get_module_config(r->request_config, &eventstream_module);

    if (route && route->is_located) {
        restore_query(r, route);
    }
    return DECLINED;
}

int es_route_restore_query(request_rec *r)
{
    const route_t *route =
        ap_get_module_config(r->request_config, &eventstream_module);

    if (route && is_ours(handler_of_section(r))) {
        restore_query(r, route);
    }
    return DECLINED;
}

static void note_method(request_rec *r)
{
    if (!apr_table_get(r->notes, METHOD_NOTE)) {
        apr_table_setn(r->notes, METHOD_NOTE, r->method);
    }
}

int es_route_save(request_rec *r)
{
    route_t *route;

    if (!is_ours(r->handler)) {
        return DECLINED;
    }
    note_method(r);
    route = route_of(r);
    route->args = r->args;
    route->handler = r->handler;
    route->filetype = r->finfo.filetype;
    r->finfo.filetype = APR_REG;
    return DECLINED;
}

/* A rule may give a request another query and leave its path. */
static int is_rewritten_to_itself(const request_rec *r)
{
    return r->filename && !strncmp(r->filename, "redirect:", 9) &&
           !strcmp(r->filename + 9, r->uri);
}

static void restore_handler(request_rec *r, const route_t *route)
{
    if (r->handler && !strcmp(r->handler, route->handler)) {
        return;
    }
    r->handler = route->handler;
    if (!is_rewritten_to_itself(r)) {
        r->args = route->args;
    }
}

/* What has redirected the request here, and may it be served? */
static void check_redirects(request_rec *r)
{
    if (is_error_page(r, r->handler)) {
        r->handler = HANDLER_FILE;
        return;
    }
    note_method(r); /* AddHandler and .htaccess set a handler late */
    if (strcmp(apr_table_get(r->notes, METHOD_NOTE), r->method)) {
        r->handler = HANDLER_REDIRECT;
    }
}

int es_route_restore(request_rec *r)
{
    const route_t *route =
        ap_get_module_config(r->request_config, &eventstream_module);

    if (route && route->handler) {
        r->finfo.filetype = route->filetype;
        restore_handler(r, route);
    }
    if (is_ours(r->handler)) {
        check_redirects(r);
    }
    return DECLINED;
}

int es_route_redirect_handler(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, HANDLER_REDIRECT)) {
        return DECLINED;
    }
    ap_internal_redirect(apr_pstrcat(r->pool, ap_escape_uri(r->pool, r->uri),
                                     r->args ? "?" : NULL, r->args, NULL),
                         r);
    return OK;
}
