/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What mod_eventstream.c registers with httpd, and the choice of our handlers.
 */
#ifndef ES_HTTP_HOOKS_H
#define ES_HTTP_HOOKS_H

#include <httpd.h>

/* ---- Handlers of Locations: route.c ------------------------------------- */

/*
 * A Location with one of our handlers keeps it, whatever front controller,
 * proxy or fallback the rest of the site has. Redirects and refusals by other
 * modules still apply.
 */

/**
 * Does the section of the request have one of our handlers to which pages of
 * other sites may be admitted (http/cors.h), or a RewriteRule [H=] set it? 0
 * where ErrorDocument leads to a publish Location. Works before httpd chooses
 * the handler. It does not know of AddHandler, nor of rules of .htaccess and
 * <Directory>.
 */
int es_route_has_cors(request_rec *r);

/** Is that handler the one by which clients subscribe? */
int es_route_is_subscribe(request_rec *r);

/** Is that handler the one to which applications send events? */
int es_route_is_publish(request_rec *r);

/** Is the handler of the request such a one, however it was set? Works after
 * fixups. */
int es_route_has_chosen_cors(const request_rec *r);

/**
 * Choose our handler before other modules derive one from a file name that does
 * not exist. Context: hook type_checker, first.
 */
int es_route_choose(request_rec *r);

/**
 * Remember the query. Context: hook translate_name, before mod_rewrite, whose
 * rules may replace it; and after it, where a rule has led to another URL [PT].
 */
int es_route_save_query(request_rec *r);

/**
 * Restore the query, if a rule of the server led to another file or to a proxy,
 * so that access is decided by the query that is served. This one is for a
 * handler of a <Location>. Context: hook map_to_storage, first.
 */
int es_route_restore_query_of_url(request_rec *r);

/** The same for a handler of any section; <If> has been evaluated by then.
 * Context: hook post_perdir_config. */
int es_route_restore_query(request_rec *r);

/**
 * Remember the query and our handler before rules of .htaccess take them away,
 * and let the request look like one for a file, so that mod_dir and mod_speling
 * do not redirect it. Context: hook fixups, first.
 */
int es_route_save(request_rec *r);

/**
 * Restore the type of the request's file; also our handler, if another one
 * replaced it, and the query with it. A rule that rewrites the request's
 * path to itself may change the query. If access was decided by another method
 * than that of the request, choose the handler that redirects it; where
 * ErrorDocument leads to a publish Location, choose that of files. Context:
 * hook fixups, last.
 */
int es_route_restore(request_rec *r);

/**
 * Redirect the request to its own path within httpd, if es_route_restore has
 * chosen so: all access checks are made again, by its method.
 *
 * @return OK, or DECLINED: it has another handler
 *
 * Context: WORKER, hook handler.
 */
int es_route_redirect_handler(request_rec *r);

/* ---- Functions for other modules: api.c --------------------------------- */

/** Register the optional functions of include/mod_eventstream.h. Context:
 * PARENT, register_hooks. */
void es_api_register(void);

/* ---- The part of mod_status: status.c ----------------------------------- */

/**
 * Add our part to the page of mod_status, if it is loaded: clients, hubs and
 * limits, as tables for people and, with ?auto, as lines for programs. Context:
 * register_hooks.
 */
void es_status_register(void);

#endif
