/* SPDX-License-Identifier: Apache-2.0 */
/** Values of cookies in the header Cookie (RFC 6265, section 4.2). */
#ifndef ES_BASE_COOKIE_H
#define ES_BASE_COOKIE_H

#include "base/slice.h"

/**
 * Find the value of a cookie. A cookie without a value is none: it is what
 * remains after a logout. Several headers are one, joined with ",".
 *
 * @param header  NULL = none
 * @param name    as it is, in its letters
 * @param count   set to how often there is one with a value
 * @return the last one, without blanks around it, in header; data NULL = none
 *
 * Context: ANY; computes only.
 */
es_slice_t es_cookie_find(const char *header, const char *name, int *count);

#endif
