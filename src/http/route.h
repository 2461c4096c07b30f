/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The route: a Location with one of our handlers keeps it, whatever front
 * controller, proxy or fallback the rest of the site has. Redirects and
 * refusals by others still apply.
 */
#ifndef ES_HTTP_ROUTE_H
#define ES_HTTP_ROUTE_H

#include <httpd.h>

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

#endif
