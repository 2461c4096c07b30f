/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Structs that cross the border to modules that were compiled with another
 * version of our header. Such a struct begins with its size, an apr_size_t set
 * by whoever made it, and grows at its end only; a field that is 0 means the
 * same as one that is not there. Pure.
 */
#ifndef ES_BASE_ABI_H
#define ES_BASE_ABI_H

#include <apr.h>

/** More than any struct of ours will ever have: a size above was never set. */
#define ES_ABI_SIZE_MAX 4096

typedef enum es_abi_t {
    ES_ABI_OK,
    ES_ABI_BAD,  /* NULL, shorter than its first version, or never set */
    ES_ABI_NEWER /* it has a field that we do not know, and it is not 0 */
} es_abi_t;

/**
 * Read a struct of theirs. What an older one lacks is 0.
 *
 * @param ours   known bytes, filled unless BAD
 * @param known  sizeof our version
 * @param first  bytes of its first version, which all have
 *
 * Context: ANY.
 */
es_abi_t es_abi_read(void *ours, apr_size_t known, const void *theirs,
                     apr_size_t first);

/**
 * Fill a struct of theirs, but its size: an older one gets less, and what we
 * do not know of a newer one is 0.
 *
 * @return ES_ABI_OK or ES_ABI_BAD; then theirs is as it was
 *
 * Context: ANY.
 */
es_abi_t es_abi_write(void *theirs, const void *ours, apr_size_t known,
                      apr_size_t first);

#endif
