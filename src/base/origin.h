/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Origins of web pages, RFC 6454 section 6.2: scheme, host and port, in the
 * form in which browsers send them; and EventStreamAllowOrigin, which lists
 * them. Pure.
 */
#ifndef ES_BASE_ORIGIN_H
#define ES_BASE_ORIGIN_H

/**
 * Is text an origin that a browser may send, or one whose host begins with
 * "*."? Letters may have either case.
 *
 * @param text  "*" and "null" are no origins here
 * @return NULL, or what is wrong, as the end of a sentence about the origin
 */
const char *es_origin_check(const char *text);

/**
 * Is origin the listed one? Case does not matter. A listed host "*.example.com"
 * stands for each host that ends with ".example.com", at any depth, but not for
 * "example.com" itself; scheme and port must be the same.
 *
 * @param listed  one that es_origin_check accepts, "*" or "null"; the two match
 *                themselves only
 * @param origin  what a client has sent, any bytes
 * @return 1 or 0
 */
int es_origin_matches(const char *listed, const char *origin);

#endif
