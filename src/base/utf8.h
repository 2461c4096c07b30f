/* SPDX-License-Identifier: Apache-2.0 */
/**
 * UTF-8, RFC 3629. Pure.
 */
#ifndef ES_BASE_UTF8_H
#define ES_BASE_UTF8_H

#include <apr_pools.h>

#include "base/slice.h"

/**
 * Check text: no overlong forms, no surrogates, nothing above U+10FFFF.
 * Fast on ASCII (two words at a time).
 *
 * @return the offset of the first byte that does not start a valid character
 *         (of one that is cut off, its lead byte), or text.len if all is valid
 */
apr_size_t es_utf8_check(es_slice_t text);

/** 1 if all of text is valid UTF-8. */
int es_utf8_is_valid(es_slice_t text);

/**
 * The text without the byte order mark (EF BB BF) that it may begin with: some
 * editors and PowerShell write one, and it is no part of the text.
 */
es_slice_t es_utf8_without_mark(es_slice_t text);

/**
 * Text that a client may have sent in Latin-1: if it is not valid UTF-8, each
 * of its bytes is the character of this number.
 *
 * @return valid UTF-8: text itself, or a copy in p
 */
es_slice_t es_utf8_or_latin1(es_slice_t text, apr_pool_t *p);

#endif
