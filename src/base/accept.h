/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The Accept header, RFC 9110 section 12.5.1. Pure.
 */
#ifndef ES_BASE_ACCEPT_H
#define ES_BASE_ACCEPT_H

/**
 * Does an Accept header admit the media type "type/subtype"? The most
 * specific range decides (type/subtype, then type/ *, then * / *); q=0
 * excludes; other parameters and malformed ranges are ignored; names are
 * compared without case. Of equally specific ranges one that does not exclude
 * is enough.
 *
 * @param accept      the header's value; NULL, or no range (only blanks and
 *                    commas): every type is admitted
 * @param media_type  "type/subtype", without parameters
 * @return 1 or 0
 */
int es_accept_admits(const char *accept, const char *media_type);

/**
 * Does the header name the media type itself, not by a "*", and admit it?
 *
 * @return 1 or 0; 0 without a header
 */
int es_accept_names(const char *accept, const char *media_type);

#endif
