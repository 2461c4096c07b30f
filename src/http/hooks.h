/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What mod_eventstream.c registers with httpd, and the choice of our handlers.
 */
#ifndef ES_HTTP_HOOKS_H
#define ES_HTTP_HOOKS_H

#include <httpd.h>

/* ---- Handlers of Locations: route.c ------------------------------------- */

/*
 * The route: a Location with one of our handlers keeps it, whatever front
 * controller, proxy or fallback the rest of the site has. Redirects and
 * refusals by others still apply.
 */

/**
 * Does the section that the request falls into have one of our handlers? It
 * can be asked before httpd chooses the handler.
 */
int es_route_is_ours(request_rec *r);

/**
 * Choose our handler, and let nothing else be read from the name of a file
 * that there is not. Context: hook type_checker, first.
 */
int es_route_choose(request_rec *r);

/**
 * Remember our handler before mod_rewrite's .htaccess rules take it away.
 * Context: hook fixups, first.
 */
int es_route_remember(request_rec *r);

/** Put our handler back. Context: hook fixups, last. */
int es_route_restore(request_rec *r);

/* ---- Functions for other modules: api.c --------------------------------- */

/*
 * The functions that other modules find by name: mod_eventstream.h tells what
 * they do, and the rules by which the two sides may differ in age.
 */

/** Offer them. Context: PARENT, register_hooks. */
void es_api_register(void);

/* ---- The part of mod_status: status.c ----------------------------------- */

/*
 * Our part of mod_status's page: clients, hubs, limits. For people as tables,
 * with ?auto as lines for programs.
 */

/** Have mod_status ask us, if it is there. Context: register_hooks. */
void es_status_register(void);

#endif
