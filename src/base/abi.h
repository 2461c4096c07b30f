/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Structs that we exchange with modules that were compiled with another version
 * of our header. Each begins with its size, an apr_size_t that its creator
 * sets, and gets new fields at its end only; a field that is 0 means the same
 * as one that is missing. Pure.
 */
#ifndef ES_BASE_ABI_H
#define ES_BASE_ABI_H

#include <apr.h>

/** More bytes than any struct of ours will have: a larger size was not set. */
#define ES_ABI_SIZE_MAX 4096

typedef enum es_abi_result_t {
    ES_ABI_OK,
    ES_ABI_BAD,  /* NULL, shorter than its first version, or without size */
    ES_ABI_NEWER /* it has a field that we do not know and that is not 0 */
} es_abi_result_t;

/**
 * Copy their struct into ours. Fields that an older version lacks become 0.
 *
 * @param ours   known bytes, filled unless BAD
 * @param known  sizeof our version
 * @param first  bytes of its first version, which all have
 *
 * Context: ANY.
 */
es_abi_result_t es_abi_read(void *ours, apr_size_t known, const void *theirs,
                            apr_size_t first);

/**
 * Fill their struct from ours, except its size: an older version gets the
 * fields that it has; fields of a newer version that we do not know become 0.
 *
 * @return ES_ABI_OK; ES_ABI_BAD: theirs is unchanged
 *
 * Context: ANY.
 */
es_abi_result_t es_abi_write(void *theirs, const void *ours, apr_size_t known,
                             apr_size_t first);

#endif
